"""Files of messages: what WhatsApp holds for a week is fetched, and kept in private storage."""

from alembic import op

from db.migrations.access import CASEWORKER, STAFF, allow, protect

revision = "0012"
down_revision = "0011"

MEDIA = r"""
-- The file of a message. The row is the job: what is pending is fetched under a lease.
create table public.message_media (
  message_id uuid primary key references public.messages on delete cascade,
  client_id uuid not null references public.clients on delete cascade,
  -- WhatsApp's name for the file, while it has it; null for what we sent ourselves.
  media_id text check (char_length(media_id) <= 300),
  -- What the sender's phone said of it. Nothing here is taken for true.
  mime_type text check (char_length(mime_type) <= 200),
  file_name text check (char_length(file_name) <= 300),
  declared_sha256 text check (char_length(declared_sha256) <= 200),
  -- pending: to be fetched; stored: kept under storage_key; expired: WhatsApp had it no longer;
  -- refused: fetched or announced, and nothing we keep; failed: given up until somebody asks again;
  -- removed: kept once, and let go by a rule of retention.
  state text not null default 'pending'
    check (state in ('pending', 'stored', 'expired', 'refused', 'failed', 'removed')),
  storage_key text unique check (char_length(storage_key) <= 200),
  -- What the content is; application/octet-stream where nobody can tell.
  kept_type text check (char_length(kept_type) <= 100),
  size bigint check (size > 0),
  sha256 bytea check (octet_length(sha256) = 32),
  -- The content is not what WhatsApp said that it would be.
  is_altered boolean not null default false,
  -- Of pictures, so that a page leaves room for them; of voice notes, how long they are.
  width integer check (width > 0),
  height integer check (height > 0),
  seconds double precision check (seconds >= 0),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  leased_until timestamptz,
  -- WhatsApp keeps the file until then.
  expires_at timestamptz,
  stored_at timestamptz,
  -- A code, told in words on the page: why it is not stored, or not yet.
  problem text check (char_length(problem) <= 100),
  check ((state = 'stored') = (storage_key is not null))
);
create index message_media_client_idx on public.message_media (client_id);
create index message_media_pending_idx
  on public.message_media (next_attempt_at, message_id) where state = 'pending';
create index message_media_lost_idx
  on public.message_media (expires_at desc, message_id) where state in ('expired', 'failed');
create index message_media_stored_idx
  on public.message_media (stored_at, message_id) where state = 'stored';

create function app_private.keep_file_of_message() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform app_private.keep_stored_file(new.storage_key);
  return null;
end $$;
revoke all on function app_private.keep_file_of_message() from public;
create trigger message_media_keep_new_file after insert on public.message_media
  for each row when (new.storage_key is not null)
  execute function app_private.keep_file_of_message();
create trigger message_media_keep_file after update of storage_key on public.message_media
  for each row when (new.storage_key is not null
    and new.storage_key is distinct from old.storage_key)
  execute function app_private.keep_file_of_message();
create trigger message_media_remove_file after delete on public.message_media
  for each row when (old.storage_key is not null)
  execute function app_private.remove_stored_file();
create trigger message_media_remove_former_file after update of storage_key on public.message_media
  for each row when (old.storage_key is not null
    and new.storage_key is distinct from old.storage_key)
  execute function app_private.remove_stored_file();

-- The files of messages that are here already.
insert into public.message_media
    (message_id, client_id, media_id, mime_type, file_name, declared_sha256, expires_at)
  select m.id, m.client_id, left(m.payload -> m.type ->> 'id', 300),
    left(m.payload -> m.type ->> 'mime_type', 200), left(m.payload -> m.type ->> 'filename', 300),
    left(m.payload -> m.type ->> 'sha256', 200), m.received_at + interval '7 days'
  from public.messages m
  where m.type in ('image', 'video', 'audio', 'document', 'sticker')
    and m.payload -> m.type ->> 'id' <> '';
"""


def upgrade() -> None:
    op.execute(MEDIA)
    op.execute(protect("message_media"))
    op.execute(allow("message_media", "select", STAFF))
    # Somebody asks for another try.
    op.execute(allow("message_media", "update", CASEWORKER, "state, attempts, next_attempt_at"))


def downgrade() -> None:
    op.execute("drop table public.message_media")
    op.execute("drop function app_private.keep_file_of_message()")
