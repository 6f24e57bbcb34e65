"""Documents of a client's file: names here, contents in private storage under a random key."""

from alembic import op

from db.migrations.access import CASEWORKER, STAFF, allow, protect
from db.migrations.audited import audited

revision = "0007"
down_revision = "0006"

DOCUMENTS = r"""
create table public.documents (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients on delete cascade,
  -- documents/<uuid>.<ext>: nothing about the person.
  storage_key text not null unique check (char_length(storage_key) <= 200),
  name text not null check (char_length(name) between 1 and 255),
  media_type text not null check (char_length(media_type) <= 100),
  size bigint not null check (size > 0),
  sha256 bytea not null check (octet_length(sha256) = 32),
  uploaded_by uuid references public.staff on delete set null,
  created_at timestamptz not null default now()
);
create index documents_client_idx on public.documents (client_id, created_at desc);
create index documents_uploaded_by_idx on public.documents (uploaded_by);

-- Objects in storage to which nothing refers, until they have been seen to be gone. A key is noted
-- here before its object is stored, and again in the transaction that lets go of it; the row that
-- refers to it takes it off. So a crash at any moment leaves no file behind.
create table public.storage_removals (
  id bigint generated always as identity primary key,
  storage_key text not null unique check (char_length(storage_key) <= 200),
  -- Whose file it is, until it is gone: it may be on its way to storage while the client is erased.
  client_id uuid,
  -- An upload may be under way until then: what is not there before it may still come.
  reserved_until timestamptz,
  -- The erasure that this file belongs to, if it is one.
  erasure_id uuid,
  requested_at timestamptz not null default now(),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  -- Set once storage itself has said that the object is not there.
  removed_at timestamptz,
  problem text
);
create index storage_removals_waiting_idx on public.storage_removals (next_attempt_at, id)
  where removed_at is null;
create index storage_removals_erasure_idx on public.storage_removals (erasure_id)
  where erasure_id is not null;
create index storage_removals_client_idx on public.storage_removals (client_id)
  where client_id is not null;

-- Whatever deletes a document, a cascade included, its file goes too. For tables with the columns
-- client_id and storage_key.
create function app_private.remove_stored_file() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into public.storage_removals (storage_key, client_id)
    values (old.storage_key, old.client_id)
    on conflict (storage_key) do nothing;
  return null;
end $$;
revoke all on function app_private.remove_stored_file() from public;
create trigger documents_remove_file after delete on public.documents
  for each row execute function app_private.remove_stored_file();

-- What refers to a file keeps it, unless its removal has begun.
create function app_private.keep_stored_file(kept_key text) returns void
language plpgsql security definer set search_path = '' as $$
begin
  delete from public.storage_removals r where r.storage_key = kept_key and r.attempts = 0;
  if exists (select from public.storage_removals r where r.storage_key = kept_key) then
    raise object_not_in_prerequisite_state using message = 'the file is being removed';
  end if;
end $$;
create function app_private.keep_file_of_document() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform app_private.keep_stored_file(new.storage_key);
  return null;
end $$;
revoke all on function app_private.keep_stored_file(text) from public;
revoke all on function app_private.keep_file_of_document() from public;
grant execute on function app_private.keep_stored_file(text) to app_backend;
create trigger documents_keep_file after insert on public.documents
  for each row execute function app_private.keep_file_of_document();
"""


def upgrade() -> None:
    op.execute(DOCUMENTS)
    for table in ("documents", "storage_removals"):
        op.execute(protect(table))
    op.execute(allow("documents", "select", STAFF))
    own = f"{CASEWORKER} and uploaded_by = (select app_private.staff_id())"
    op.execute(allow("documents", "insert", own))
    op.execute(allow("documents", "delete", CASEWORKER))
    op.execute(audited("documents", "id", "client_id", "storage_key", "sha256"))


def downgrade() -> None:
    op.execute("drop table public.documents, public.storage_removals")
    for function in ("remove_stored_file()", "keep_file_of_document()", "keep_stored_file(text)"):
        op.execute(f"drop function app_private.{function}")
