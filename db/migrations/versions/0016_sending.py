"""Sending: what waits to leave for WhatsApp, in order, and whether anything may leave at all."""

from alembic import op

from db.migrations.access import ADMIN, CASEWORKER, STAFF, allow, protect

revision = "0016"
down_revision = "0015"

SENDS = r"""
-- A message that we send, on its way to WhatsApp. Its state is the message's own: queued, sending
-- from the moment before the request leaves, unknown where no answer came.
create table public.message_sends (
  message_id uuid primary key references public.messages on delete cascade,
  client_id uuid not null references public.clients on delete cascade,
  -- The order in which a client's messages leave. Whoever queues holds the client's row, so that
  -- it is the order of commits, too.
  position bigint generated always as identity,
  phone_number_id text not null check (char_length(phone_number_id) <= 64),
  -- The request but for whom it goes to, which is known when it leaves, and a file's id.
  request jsonb not null,
  created_by uuid references public.staff on delete set null,
  -- The browser's own id of the press of a button: pressed twice it is one message.
  press uuid,
  retry_of uuid references public.messages on delete set null,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  -- Who is sending it, and until when that is believed.
  owner uuid,
  leased_until timestamptz,
  -- When a request last left. How many did within a minute paces what goes to one person.
  requested_at timestamptz,
  -- Nothing more happens to it by itself. What is not finished keeps the client's next ones back.
  finished_at timestamptz,
  -- A code: why it is tried again, or what a person decided.
  problem text check (char_length(problem) <= 64),
  -- WhatsApp's id of the file, once it has it.
  uploaded_id text check (char_length(uploaded_id) <= 300),
  uploaded_at timestamptz
);
create unique index message_sends_waiting_key
  on public.message_sends (client_id, position) where finished_at is null;
create index message_sends_due_idx
  on public.message_sends (next_attempt_at, position) where finished_at is null;
create index message_sends_client_idx on public.message_sends (client_id, requested_at);
create index message_sends_created_by_idx on public.message_sends (created_by);
create unique index message_sends_retry_key on public.message_sends (retry_of);
create unique index message_sends_press_key
  on public.message_sends (created_by, press) nulls not distinct where press is not null;

alter table public.whatsapp_numbers
  -- A number may be known before anything was delivered for it.
  alter column last_delivery_at drop not null,
  -- Nothing is sent since then, because of this error; what is queued waits.
  add column stopped_at timestamptz,
  add column stop_code integer,
  add column stop_details text check (char_length(stop_details) <= 2000),
  -- When WhatsApp was last asked whether it is well again.
  add column checked_at timestamptz,
  -- WhatsApp asked for patience.
  add column paused_until timestamptz,
  -- How many messages may leave at once, as it was at that time.
  add column send_tokens double precision not null default 1,
  add column send_tokens_at timestamptz not null default now();
create index whatsapp_numbers_stopped_idx
  on public.whatsapp_numbers (stopped_at) where stopped_at is not null;
"""

SAID = r"""
-- What the lists say of a client follows from what is sent: nobody on the staff writes it by
-- themselves. Whoever answers has read what came before, and nobody waits.
create function app_private.note_sent() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update public.clients c set unread_count = 0, waiting_since = null,
    last_message_at = greatest(c.last_message_at, new.sent_at),
    last_message_direction = case when c.last_message_at > new.sent_at
      then c.last_message_direction else 'outbound' end,
    last_message_type = case when c.last_message_at > new.sent_at
      then c.last_message_type else new.type end,
    last_message_preview = case when c.last_message_at > new.sent_at
      then c.last_message_preview else pg_catalog.left(new.text, 160) end
    where c.id = new.client_id;
  return null;
end $$;
-- What was taken back was never said.
create function app_private.note_taken_back() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update public.clients c set last_message_at = n.sent_at, last_message_direction = n.direction,
    last_message_type = n.type, last_message_preview = pg_catalog.left(n.text, 160),
    waiting_since = (select min(m.sent_at) from public.messages m
      where m.client_id = old.client_id and m.direction = 'inbound' and not m.historical
        and m.type not in ('reaction', 'edit', 'revoke', 'system')
        and m.sent_at > coalesce((select max(o.sent_at) from public.messages o
          where o.client_id = old.client_id and o.direction = 'outbound'
            and o.type not in ('reaction', 'edit', 'revoke')), '-infinity'))
    from (select 1) as always left join lateral (
      select m.sent_at, m.direction, m.type, m.text from public.messages m
      where m.client_id = old.client_id and m.type not in ('reaction', 'edit', 'revoke')
      order by m.sent_at desc, m.seq desc limit 1) n on true
    where c.id = old.client_id;
  return null;
end $$;
revoke all on function app_private.note_sent() from public;
revoke all on function app_private.note_taken_back() from public;
create trigger messages_note_sent after insert on public.messages for each row
  when (new.direction = 'outbound' and new.delivery_id is null and new.status = 'queued'
    and new.type not in ('reaction', 'edit', 'revoke'))
  execute function app_private.note_sent();
create trigger messages_note_taken_back after delete on public.messages for each row
  when (old.direction = 'outbound' and old.delivery_id is null and old.status = 'queued')
  execute function app_private.note_taken_back();
"""

#: What staff say of a message that they send.
WRITTEN = (
    "client_id, phone_number_id, direction, type, text, payload, sent_at, status, quoted_id,"
    " target_id"
)
#: A message of the app's own that has not left, or of which nobody knows whether it did.
OURS = "direction = 'outbound' and delivery_id is null"


def upgrade() -> None:
    op.execute(SENDS)
    op.execute(SAID)
    op.execute(protect("message_sends"))
    op.execute(allow("message_sends", "select", STAFF))
    own = "created_by = (select app_private.staff_id()) and finished_at is null and owner is null"
    queued = "message_id, client_id, phone_number_id, request, created_by, press, retry_of"
    op.execute(allow("message_sends", "insert", f"{CASEWORKER} and {own}", queued))

    unsent = f"{CASEWORKER} and {OURS} and status = 'queued' and whatsapp_id is null"
    op.execute(allow("messages", "insert", unsent, WRITTEN))
    op.execute(allow("messages", "delete", unsent))
    # Nobody knows whether it arrived, and somebody says.
    op.execute("grant update (status, status_at, error) on table public.messages to authenticated")
    op.execute(f"""
    create policy messages_update on public.messages for update to authenticated
      using ({CASEWORKER} and {OURS} and status = 'unknown')
      with check ({CASEWORKER} and {OURS} and status in ('delivered', 'failed'))
    """)
    op.execute(allow("message_media", "insert", f"{CASEWORKER} and state = 'stored'"))
    resumed = "stopped_at, stop_code, stop_details, paused_until"
    op.execute(allow("whatsapp_numbers", "update", ADMIN, resumed))


def downgrade() -> None:
    op.execute("drop policy whatsapp_numbers_update on public.whatsapp_numbers")
    op.execute("""
    revoke update (stopped_at, stop_code, stop_details, paused_until)
      on table public.whatsapp_numbers from authenticated;
    update public.whatsapp_numbers set last_delivery_at = first_seen_at
      where last_delivery_at is null;
    alter table public.whatsapp_numbers
      alter column last_delivery_at set not null,
      drop column stopped_at, drop column stop_code, drop column stop_details,
      drop column checked_at, drop column paused_until,
      drop column send_tokens, drop column send_tokens_at;
    drop trigger messages_note_sent on public.messages;
    drop trigger messages_note_taken_back on public.messages;
    drop function app_private.note_sent();
    drop function app_private.note_taken_back();
    drop policy message_media_insert on public.message_media;
    revoke insert on table public.message_media from authenticated;
    drop policy messages_insert on public.messages;
    drop policy messages_delete on public.messages;
    drop policy messages_update on public.messages;
    revoke delete on table public.messages from authenticated;
    revoke update (status, status_at, error) on table public.messages from authenticated;
    """)
    op.execute(f"revoke insert ({WRITTEN}) on table public.messages from authenticated")
    op.execute("drop table public.message_sends")
