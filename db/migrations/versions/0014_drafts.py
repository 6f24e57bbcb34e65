"""What somebody has begun to write to a client and not sent: one answer and one note a person."""

from alembic import op

from db.migrations.access import CASEWORKER, allow, protect

revision = "0014"
down_revision = "0013"

#: Begun words are their writer's own until they are sent; so they are in no audit log either.
DRAFTS = r"""
create table public.drafts (
  client_id uuid not null references public.clients on delete cascade,
  staff_id uuid not null references public.staff on delete cascade,
  -- What goes to the person, and what stays inside.
  kind text not null check (kind in ('answer', 'note')),
  text text not null check (char_length(text) between 1 and 8192),
  -- The message that the answer quotes.
  quoting uuid references public.messages on delete set null,
  updated_at timestamptz not null default now(),
  primary key (client_id, staff_id, kind)
);
create index drafts_staff_idx on public.drafts (staff_id);
create index drafts_quoting_idx on public.drafts (quoting);
"""

OWN = f"{CASEWORKER} and staff_id = (select app_private.staff_id())"


def upgrade() -> None:
    op.execute(DRAFTS)
    op.execute(protect("drafts"))
    for action in ("select", "insert", "update", "delete"):
        op.execute(allow("drafts", action, OWN))


def downgrade() -> None:
    op.execute("drop table public.drafts")
