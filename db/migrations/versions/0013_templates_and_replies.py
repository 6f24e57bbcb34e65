"""What can be written: WhatsApp's templates as they were last read, the organisation's own replies
and structured messages, and who wants no advertising."""

from alembic import op

from db.migrations.access import ADMIN, CASEWORKER, STAFF, allow, protect
from db.migrations.audited import audited

revision = "0013"
down_revision = "0012"

TEMPLATES = r"""
create table public.message_templates (
  id uuid primary key default gen_random_uuid(),
  -- WhatsApp's own number of the template.
  meta_id text not null unique check (char_length(meta_id) between 1 and 64),
  name text not null check (char_length(name) between 1 and 512),
  -- As WhatsApp writes it; `en_US` here is `en-US` in its webhooks.
  language text not null check (char_length(language) between 1 and 16),
  language_key text not null generated always as (lower(replace(language, '-', '_'))) stored,
  category text not null check (char_length(category) <= 64),
  -- What WhatsApp will take it for from the next month on, where that is something else.
  correct_category text check (char_length(correct_category) <= 64),
  status text not null check (char_length(status) <= 64),
  quality text not null default 'UNKNOWN' check (char_length(quality) <= 64),
  parameter_format text not null default 'POSITIONAL' check (char_length(parameter_format) <= 64),
  components jsonb not null check (jsonb_typeof(components) = 'array'),
  rejected_reason text check (char_length(rejected_reason) <= 1000),
  first_seen_at timestamptz not null default now(),
  synced_at timestamptz not null default now(),
  -- Something has happened to it since it was read: it is to be read again.
  dirty_at timestamptz,
  -- WhatsApp has it no longer. The row stays: messages were sent by it.
  gone_at timestamptz
);
create unique index message_templates_name_key
  on public.message_templates (name, language_key) where gone_at is null;
create index message_templates_dirty_idx
  on public.message_templates (dirty_at) where dirty_at is not null and gone_at is null;

-- The reading of the list, which is one for the whole installation.
create table public.template_syncs (
  id smallint primary key default 1 check (id = 1),
  requested_at timestamptz,
  requested_by uuid references public.staff on delete set null,
  started_at timestamptz,
  leased_until timestamptz,
  -- How many templates this reading has found so far.
  found integer not null default 0,
  -- When the list was last read to its end.
  finished_at timestamptz,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  -- Why the last reading ended early.
  problem text check (char_length(problem) <= 64)
);
create index template_syncs_requested_by_idx on public.template_syncs (requested_by);

create function app_private.note_template_error() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- WhatsApp refused a template that we believed could be sent: what we know of it is old.
  update public.message_templates t set dirty_at = pg_catalog.now()
    where t.gone_at is null
      and t.name = coalesce(new.payload -> 'template', new.payload) ->> 'name';
  return null;
end $$;
revoke all on function app_private.note_template_error() from public;
create trigger messages_note_template_error after update of error on public.messages
  for each row when (
    new.type = 'template' and new.error is distinct from old.error
    and new.error ->> 'code' in ('132000', '132001', '132007', '132012', '132015', '132016'))
  execute function app_private.note_template_error();
"""

REPLIES = r"""
create table public.canned_replies (
  id uuid primary key default gen_random_uuid(),
  -- What is typed after the slash.
  shortcut text not null unique check (shortcut ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
  title text not null check (char_length(title) between 1 and 80),
  -- Language -> text.
  texts jsonb not null check (jsonb_typeof(texts) = 'object' and texts <> '{}'),
  created_by uuid references public.staff on delete set null,
  created_at timestamptz not null default now(),
  updated_by uuid references public.staff on delete set null,
  updated_at timestamptz not null default now()
);
create index canned_replies_created_by_idx on public.canned_replies (created_by);
create index canned_replies_updated_by_idx on public.canned_replies (updated_by);

-- Messages with buttons or a list to choose from, made once and sent often.
create table public.structured_messages (
  id uuid primary key default gen_random_uuid(),
  title text not null unique check (char_length(title) between 1 and 80),
  kind text not null check (kind in ('buttons', 'choices')),
  content jsonb not null check (jsonb_typeof(content) = 'object'),
  created_by uuid references public.staff on delete set null,
  created_at timestamptz not null default now(),
  updated_by uuid references public.staff on delete set null,
  updated_at timestamptz not null default now()
);
create index structured_messages_created_by_idx on public.structured_messages (created_by);
create index structured_messages_updated_by_idx on public.structured_messages (updated_by);
"""

MARKETING = r"""
-- What the person told WhatsApp about advertising from us. No row: nothing, which is a yes.
create table public.marketing_choices (
  client_id uuid primary key references public.clients on delete cascade,
  wants boolean not null,
  said_at timestamptz not null
);

-- WhatsApp refuses a message because of such a choice: it was made, whether or not we were told.
create function app_private.note_marketing_refusal() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into public.marketing_choices (client_id, wants, said_at)
    values (new.client_id, false, pg_catalog.now())
    on conflict (client_id) do update set wants = false, said_at = excluded.said_at
      where marketing_choices.wants;
  return null;
end $$;
revoke all on function app_private.note_marketing_refusal() from public;
create trigger messages_note_marketing_refusal after update of error on public.messages
  for each row when (new.error is distinct from old.error and new.error ->> 'code' = '131050')
  execute function app_private.note_marketing_refusal();
"""

#: What who may write a reply says of it.
WRITTEN = {
    "canned_replies": "shortcut, title, texts",
    "structured_messages": "title, kind, content",
}
UNTOLD = ("created_at", "created_by", "updated_at", "updated_by")


def upgrade() -> None:
    op.execute(TEMPLATES)
    op.execute(REPLIES)
    op.execute(MARKETING)
    for table in ("message_templates", "template_syncs", "marketing_choices", *WRITTEN):
        op.execute(protect(table))
        op.execute(allow(table, "select", STAFF))
    op.execute(allow("template_syncs", "insert", ADMIN, "requested_at, requested_by"))
    op.execute(allow("template_syncs", "update", ADMIN, "requested_at, requested_by"))
    for table, columns in WRITTEN.items():
        made = f"id, {columns}, created_by, created_at, updated_by, updated_at"
        op.execute(allow(table, "insert", CASEWORKER, made))
        op.execute(allow(table, "update", CASEWORKER, f"{columns}, updated_by, updated_at"))
        op.execute(allow(table, "delete", CASEWORKER))
        op.execute(audited(table, "id", "", *UNTOLD))


def downgrade() -> None:
    for name in ("note_template_error", "note_marketing_refusal"):
        op.execute(f"drop trigger messages_{name} on public.messages")
        op.execute(f"drop function app_private.{name}()")
    op.execute(
        "drop table public.marketing_choices,"
        " public.structured_messages, public.canned_replies, public.template_syncs,"
        " public.message_templates"
    )
