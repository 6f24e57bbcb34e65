"""What WhatsApp delivered, byte for byte, and what could not be made of it."""

from alembic import op

from db.migrations.access import ADMIN, allow, protect

revision = "0003"
down_revision = "0002"

WEBHOOK = r"""
create table public.webhook_deliveries (
  id bigint generated always as identity primary key,
  -- bytea, because a signed body may hold what neither text nor jsonb can.
  body bytea not null,
  -- The same bytes again are WhatsApp's retry, and are not stored twice.
  sha256 bytea not null unique check (octet_length(sha256) = 32),
  received_at timestamptz not null default now(),
  state text not null default 'pending' check (state in ('pending', 'done', 'unreadable')),
  reason text,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  processed_at timestamptz,
  items integer,
  items_quarantined integer
);
create index webhook_deliveries_pending_idx
  on public.webhook_deliveries (next_attempt_at, id) where state = 'pending';
create index webhook_deliveries_unreadable_idx
  on public.webhook_deliveries (received_at desc) where state = 'unreadable';

-- Items that became neither a message nor a status.
create table public.webhook_items (
  id bigint generated always as identity primary key,
  -- No foreign key: bodies are purged earlier than what still waits for a person.
  delivery_id bigint not null,
  position integer not null,
  field text not null,
  -- noted: kept for the record; quarantined: waits for a person; replaying: a person asked for
  -- another try; closed: done with.
  state text not null check (state in ('noted', 'quarantined', 'replaying', 'closed')),
  code text not null,
  reason text,
  -- ASCII JSON as read; text, because jsonb refuses what a hostile payload may hold.
  raw text not null,
  attempts integer not null default 0,
  created_at timestamptz not null default now(),
  closed_at timestamptz,
  closed_by uuid references public.staff on delete set null,
  unique (delivery_id, position)
);
create index webhook_items_waiting_idx
  on public.webhook_items (created_at desc, id) where state = 'quarantined';
create index webhook_items_replaying_idx on public.webhook_items (id) where state = 'replaying';
create index webhook_items_noted_idx
  on public.webhook_items (created_at desc, id) where state = 'noted';
create index webhook_items_closed_by_idx on public.webhook_items (closed_by);

-- Requests that were turned away, by the day: counts only, nothing of what they carried.
create table public.webhook_refusals (
  day date not null,
  reason text not null check (char_length(reason) <= 64),
  count bigint not null,
  last_at timestamptz not null,
  primary key (day, reason)
);
"""

TABLES = ("webhook_deliveries", "webhook_items", "webhook_refusals")


def upgrade() -> None:
    op.execute(WEBHOOK)
    for table in TABLES:
        op.execute(protect(table))
        op.execute(allow(table, "select", ADMIN))
    op.execute(allow("webhook_items", "update", ADMIN, "state, closed_at, closed_by"))
    op.execute(allow("webhook_deliveries", "update", ADMIN, "state, next_attempt_at"))


def downgrade() -> None:
    op.execute(
        "drop table public.webhook_refusals, public.webhook_items, public.webhook_deliveries"
    )
