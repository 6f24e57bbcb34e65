"""An access export is given out in parts: storage takes no object of more than 50 MB."""

from alembic import op

from db.migrations.access import ADMIN, allow, protect

revision = "0010"
down_revision = "0009"

PARTS = r"""
-- The files of an export, each a ZIP of its own. They go when their time is over; the export stays
-- and tells of them.
create table public.access_export_parts (
  export_id uuid not null references public.access_exports on delete cascade,
  -- 1, 2, ...
  number integer not null check (number >= 1),
  -- The export's, for whoever removes the file: by then the export may be gone.
  client_id uuid not null,
  storage_key text not null unique check (char_length(storage_key) <= 200),
  size bigint not null check (size > 0),
  sha256 bytea not null check (octet_length(sha256) = 32),
  primary key (export_id, number)
);
create index access_export_parts_client_idx on public.access_export_parts (client_id);
create trigger access_export_parts_remove_file after delete on public.access_export_parts
  for each row execute function app_private.remove_stored_file();

insert into public.access_export_parts (export_id, number, client_id, storage_key, size, sha256)
  select id, 1, client_id, storage_key, size, sha256 from public.access_exports
    where storage_key is not null and size > 0 and sha256 is not null;
drop trigger access_exports_remove_file on public.access_exports;
alter table public.access_exports
  drop column storage_key,
  drop column sha256,
  -- Documents that storage did not have when the export was built.
  add column missing_documents integer not null default 0;
"""

WHOLE = r"""
alter table public.access_exports
  drop column missing_documents,
  add column storage_key text unique check (char_length(storage_key) <= 200),
  add column sha256 bytea;
update public.access_exports x set storage_key = p.storage_key, sha256 = p.sha256
  from public.access_export_parts p where p.export_id = x.id and p.number = 1;
-- What was in several parts cannot be one file.
drop trigger access_export_parts_remove_file on public.access_export_parts;
insert into public.storage_removals (storage_key, client_id)
  select storage_key, client_id from public.access_export_parts where number > 1;
drop table public.access_export_parts;
create index access_exports_expiring_idx on public.access_exports (expires_at)
  where storage_key is not null;
create trigger access_exports_remove_file after delete on public.access_exports
  for each row when (old.storage_key is not null)
  execute function app_private.remove_stored_file();
"""


def upgrade() -> None:
    op.execute(PARTS)
    op.execute(protect("access_export_parts"))
    op.execute(allow("access_export_parts", "select", ADMIN))


def downgrade() -> None:
    op.execute(WHOLE)
