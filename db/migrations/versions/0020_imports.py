"""Lists of people that admins import: the file, what was judged of it, what was written."""

from alembic import op

from db.migrations.access import ADMIN, allow, protect
from db.migrations.audited import audited

revision = "0020"
down_revision = "0019"

TABLES = r"""
-- An import. The row is the job: `judging`, `importing` and `undoing` wait for a worker.
create table public.imports (
  id uuid primary key default gen_random_uuid(),
  -- Null: a program with the service key.
  requested_by uuid references public.staff on delete set null,
  -- How they were signed in: row-level security asks for it when the work is done in their name.
  assurance smallint not null default 1 check (assurance in (1, 2)),
  address text check (char_length(address) <= 100),
  file_name text not null check (char_length(file_name) between 1 and 255),
  kind text not null check (kind in ('csv', 'xlsx')),
  size bigint not null default 0 check (size >= 0),
  sha256 bytea,
  -- uploading: the file is still arriving; uploaded: nobody has said yet how to read it.
  state text not null default 'uploading' check (state in ('uploading', 'uploaded', 'judging',
    'judged', 'importing', 'done', 'failed', 'cancelled', 'undoing', 'undone')),
  -- Judged and no more.
  dry_run boolean not null default true,
  -- Encoding, delimiter and header, and which of the file's rows the staged ones were read by.
  reading jsonb not null default '{}',
  staged jsonb,
  -- Columns, defaults, country of phones, and what happens to people who are there.
  mapping jsonb not null default '{}',
  counts jsonb not null default '{}',
  phase text check (phase in ('reading', 'judging', 'writing', 'phones', 'updating', 'undoing')),
  -- 0..1, of the phase.
  progress double precision not null default 0 check (progress between 0 and 1),
  -- A code, told in words on the page, and the row of the file that it is about.
  problem text check (char_length(problem) <= 100),
  problem_row integer,
  attempts integer not null default 0,
  -- Work whose lease ran out is taken up again.
  leased_until timestamptz,
  wants_cancel boolean not null default false,
  created_at timestamptz not null default now(),
  judged_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  undone_at timestamptz,
  undone_by uuid references public.staff on delete set null,
  -- removed, restored, kept
  undo_counts jsonb,
  -- When the file and its rows were removed; what stays is this row.
  content_removed_at timestamptz
);
create index imports_requested_by_idx on public.imports (requested_by);
create index imports_undone_by_idx on public.imports (undone_by);
create index imports_created_idx on public.imports (created_at desc, id);
create index imports_waiting_idx on public.imports (created_at)
  where state in ('judging', 'importing', 'undoing');

-- The file itself, in parts, for as long as it may have to be read again.
create table public.import_chunks (
  import_id uuid not null references public.imports on delete cascade,
  number integer not null check (number >= 0),
  content bytea not null,
  primary key (import_id, number)
);
alter table public.import_chunks alter column content set storage external;

-- The file's rows as they were read: cells with a unit separator (U+001F) between them.
create table public.import_lines (
  import_id uuid not null,
  -- As a spreadsheet counts: the header is a row, and so is an empty one.
  row integer not null,
  line text not null,
  primary key (import_id, row)
);

-- What was judged of each row. `client_id` has no foreign key: it is the id that a new client will
-- have. `app_private.forget_imported` removes the rows of whoever is erased.
create table public.import_rows (
  import_id uuid not null,
  row integer not null,
  result text not null check (result in
    ('new', 'updated', 'unchanged', 'duplicate_in_file', 'duplicate_in_database', 'invalid')),
  -- `field:code`
  problems text[] not null default '{}',
  -- The row of the file that says the same person first.
  other_row integer,
  client_id uuid,
  -- What is written of an existing client.
  fields text[] not null default '{}',
  name text,
  phone text,
  email text,
  passport_or_nie text,
  notes text,
  language text,
  profile_type text,
  -- What an existing client's file said before, by field.
  before jsonb,
  -- Somebody has changed the client since: an undo left them as they were.
  kept boolean not null default false,
  primary key (import_id, row)
);

-- Which columns of a file mean what, as it was said the last time for the same header.
create table public.import_mappings (
  signature bytea primary key,
  columns jsonb not null,
  used_at timestamptz not null default now(),
  used_by uuid references public.staff on delete set null
);
create index import_mappings_used_by_idx on public.import_mappings (used_by);

alter table public.retention_rules drop constraint retention_rules_kind_check,
  add constraint retention_rules_kind_check check (kind in
    ('webhook_deliveries', 'archived_clients', 'rejected_documents', 'message_media',
     'ended_sessions', 'rate_limits', 'imports'));
"""

BULK = r"""
-- Transactions in which `import_clients` and its likes tell the audit log and the search
-- themselves, of a whole batch at once. Nobody but these functions, which belong to the owner, can
-- say so.
create table app_private.bulk_transactions (xid xid8 primary key);
revoke all on app_private.bulk_transactions from public;
alter table app_private.bulk_transactions enable row level security;

create function app_private.is_bulk() returns boolean
language sql volatile security definer set search_path = '' as $$
  select exists (select from app_private.bulk_transactions b
    where b.xid = pg_catalog.pg_current_xact_id())
$$;
-- Triggers of everybody's statements ask it; it tells nothing but of their own transaction.
revoke all on function app_private.is_bulk() from public;
grant execute on function app_private.is_bulk() to authenticated, app_backend, service_role;
"""

#: Statement triggers that stand back for the functions below; as they are otherwise, they stay.
STANDING_BACK = """
do $$
declare t record;
begin
  for t in
    select g.tgname as name, g.tgrelid::regclass as home,
      pg_catalog.pg_get_triggerdef(g.oid) as made
    from pg_catalog.pg_trigger g
    where g.tgname in ('clients_index_new', 'clients_audit_insert', 'clients_audit_delete',
      'client_identities_index_new', 'client_identities_index_deleted',
      'client_identities_audit_insert', 'client_identities_audit_delete')
  loop
    execute pg_catalog.format('drop trigger %I on %s', t.name, t.home);
    execute pg_catalog.regexp_replace(t.made, {pattern}, {replacement});
  end loop;
end $$;
"""
QUIET = STANDING_BACK.format(
    pattern="' EXECUTE FUNCTION'",
    replacement="' WHEN (NOT app_private.is_bulk()) EXECUTE FUNCTION'",
)
LOUD = STANDING_BACK.format(
    pattern=r"' WHEN \(.*is_bulk.*\) EXECUTE FUNCTION'", replacement="' EXECUTE FUNCTION'"
)

FUNCTIONS = r"""
-- A value as files carry it: without control characters, and without blanks around it.
create function app_private.tidy(value text) returns text
language sql immutable parallel safe set search_path = '' as $$
  select nullif(pg_catalog.btrim(
    pg_catalog.regexp_replace(value, '[\u0001-\u001f\u007f-\u009f]+', ' ', 'g'),
    E' \u00a0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e'
      '\u2066\u2067\u2068\u2069\ufeff'
  ), '')
$$;
-- The same for a text of several lines.
create function app_private.tidy_lines(value text) returns text
language sql immutable parallel safe set search_path = '' as $$
  select nullif(pg_catalog.btrim(
    pg_catalog.regexp_replace(pg_catalog.replace(pg_catalog.replace(value, E'\r\n', E'\n'),
      E'\r', E'\n'), '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]+', ' ', 'g'),
    E' \n\t\u00a0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e'
      '\u2066\u2067\u2068\u2069\ufeff'
  ), '')
$$;

-- Other digits under which the same mobile may be known, as `services.phones.variants` says.
create function app_private.phone_variant(e164 text) returns text
language sql immutable parallel safe set search_path = '' as $$
  select case
    when e164 ~ '^\+55\d\d9\d{8}$' then '+' || substr(e164, 2, 4) || substr(e164, 7)
    when e164 ~ '^\+55\d\d[6-9]\d{7}$' then '+' || substr(e164, 2, 4) || '9' || substr(e164, 6)
    when e164 ~ '^\+521\d{10}$' then '+52' || substr(e164, 5)
    when e164 ~ '^\+52\d{10}$' then '+521' || substr(e164, 4)
    when e164 ~ '^\+549\d{10}$' then '+54' || substr(e164, 5)
  end
$$;

-- Whoever calls is an admin or the software, and the import is at that point.
create function app_private.check_import(import uuid, expected text) returns void
language plpgsql stable security definer set search_path = '' as $$
begin
  if current_setting('role', true) = 'authenticated' and not app_private.is_admin() then
    raise insufficient_privilege using message = 'only an admin imports';
  end if;
  perform from public.imports i where i.id = import and i.state = expected;
  if not found then
    raise object_not_in_prerequisite_state using message = 'the import is not at that point';
  end if;
end $$;

-- Write the new clients among some rows: the clients, what the search knows of them, and for the
-- audit log one entry for each two hundred, which names the import and every client by id, as lists
-- do: a client's history finds it. What was written are the clients' own values, so none are kept
-- beside it. Their phones follow with `import_phones`.
create function app_private.import_clients(import uuid, first integer, last integer)
returns integer language plpgsql security definer set search_path = '' as $$
declare
  made integer;
  actor record;
begin
  perform app_private.check_import(import, 'importing');
  insert into app_private.bulk_transactions values (pg_catalog.pg_current_xact_id())
    on conflict do nothing;
  insert into public.clients (id, name, email, passport_or_nie, notes, language, profile_type,
      profile_source)
    select r.client_id, r.name, r.email, r.passport_or_nie, r.notes, r.language,
      coalesce(r.profile_type, 'OTHER'), case when r.profile_type is not null then 'import' end
    from public.import_rows r
    where r.import_id = import and r.row between first and last and r.result = 'new';
  get diagnostics made = row_count;
  insert into public.client_search (client_id, words)
    select r.client_id, app_private.normalise(concat_ws(' ', r.name, r.email,
      pg_catalog.regexp_replace(r.passport_or_nie, '[^[:alnum:]]', '', 'g'), r.phone))
    from public.import_rows r
    where r.import_id = import and r.row between first and last and r.result = 'new';
  select * into actor from app_private.audit_actor();
  insert into public.audit_log (actor_kind, actor_id, actor_part, address, request_id, action,
      table_name, fields, details)
    select actor.kind, actor.who, actor.part, actor.address, actor.request_id, 'insert', 'clients',
      pg_catalog.array_remove(array[
        case when pg_catalog.bool_or(r.email is not null) then 'email' end,
        case when pg_catalog.bool_or(r.language is not null) then 'language' end,
        case when pg_catalog.bool_or(r.name is not null) then 'name' end,
        case when pg_catalog.bool_or(r.notes is not null) then 'notes' end,
        case when pg_catalog.bool_or(r.passport_or_nie is not null) then 'passport_or_nie' end,
        case when pg_catalog.bool_or(r.phone is not null) then 'phone' end,
        case when pg_catalog.bool_or(r.profile_type is not null) then 'profile_type' end], null),
      pg_catalog.jsonb_build_object('import', import, 'found', count(*),
        'shown', pg_catalog.jsonb_agg(r.client_id order by r.row))
    from public.import_rows r
    where r.import_id = import and r.row between first and last and r.result = 'new'
    group by r.row / 200;
  delete from app_private.bulk_transactions where xid = pg_catalog.pg_current_xact_id();
  return made;
end $$;

-- Give the new clients among some rows their phones. Under the locks of these identities.
create function app_private.import_phones(import uuid, first integer, last integer)
returns integer language plpgsql security definer set search_path = '' as $$
declare made integer;
begin
  perform app_private.check_import(import, 'importing');
  insert into app_private.bulk_transactions values (pg_catalog.pg_current_xact_id())
    on conflict do nothing;
  insert into public.client_identities (client_id, kind, value)
    select r.client_id, 'phone', r.phone from public.import_rows r
    where r.import_id = import and r.row between first and last and r.result = 'new'
      and r.phone is not null;
  get diagnostics made = row_count;
  delete from app_private.bulk_transactions where xid = pg_catalog.pg_current_xact_id();
  return made;
end $$;

-- Write what was judged of existing clients in some rows, and keep what was there. Under the locks
-- of the phones among it. The triggers tell the log, with old and new values.
create function app_private.import_updates(import uuid, first integer, last integer)
returns integer language plpgsql security definer set search_path = '' as $$
declare changed integer;
begin
  perform app_private.check_import(import, 'importing');
  perform from public.clients c join public.import_rows r on r.client_id = c.id
    where r.import_id = import and r.row between first and last and r.result = 'updated'
    order by c.id for update of c;
  update public.import_rows r set before = pg_catalog.jsonb_build_object(
      'name', c.name, 'email', c.email, 'passport_or_nie', c.passport_or_nie, 'notes', c.notes,
      'language', c.language, 'profile_type', c.profile_type, 'profile_source', c.profile_source,
      'profile_confidence', c.profile_confidence, 'updated_at', c.updated_at)
    from public.clients c
    where r.import_id = import and r.row between first and last and r.result = 'updated'
      and c.id = r.client_id;
  -- As when somebody types another number: the newest one leaves, unless it writes on WhatsApp.
  with leaving as (
    select distinct on (i.client_id) i.id, i.client_id, i.value
    from public.client_identities i join public.import_rows r on r.client_id = i.client_id
    where r.import_id = import and r.row between first and last and r.result = 'updated'
      and 'phone' = any (r.fields) and i.kind = 'phone' and i.retired_at is null
    order by i.client_id, i.id desc
  ), retired as (
    update public.client_identities i set retired_at = pg_catalog.now() from leaving l
    where i.id = l.id and not exists (
      select from public.client_identities w where w.client_id = l.client_id and w.kind = 'wa_id'
        and w.retired_at is null and '+' || w.value = l.value)
    returning i.id, i.client_id
  )
  update public.import_rows r
    set before = r.before || pg_catalog.jsonb_build_object('retired', array[d.id])
    from retired d
    where r.import_id = import and r.row between first and last and r.client_id = d.client_id;
  insert into public.client_identities (client_id, kind, value)
    select r.client_id, 'phone', r.phone from public.import_rows r
    where r.import_id = import and r.row between first and last and r.result = 'updated'
      and 'phone' = any (r.fields);
  update public.clients c set
      name = case when 'name' = any (r.fields) then r.name else c.name end,
      email = case when 'email' = any (r.fields) then r.email else c.email end,
      passport_or_nie = case when 'passport_or_nie' = any (r.fields)
        then r.passport_or_nie else c.passport_or_nie end,
      notes = case when 'notes' = any (r.fields) then r.notes else c.notes end,
      language = case when 'language' = any (r.fields) then r.language else c.language end,
      profile_type = case when 'profile_type' = any (r.fields)
        then r.profile_type else c.profile_type end,
      profile_source = case when 'profile_type' = any (r.fields)
        then 'import' else c.profile_source end,
      profile_confidence = case when 'profile_type' = any (r.fields)
        then null else c.profile_confidence end,
      updated_at = pg_catalog.now()
    from public.import_rows r
    where r.import_id = import and r.row between first and last and r.result = 'updated'
      and c.id = r.client_id;
  get diagnostics changed = row_count;
  return changed;
end $$;

-- Take back what an import wrote in some rows, but where somebody has changed the client since, or
-- something else hangs on a client that it made; these are marked as kept.
create function app_private.undo_import(import uuid, first integer, last integer)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  written_at timestamptz;
  mine uuid[];
  busy uuid[];
  dependent record;
  actor record;
  removed integer;
  restored integer;
  kept_rows integer;
begin
  perform app_private.check_import(import, 'undoing');
  select i.finished_at into strict written_at from public.imports i where i.id = import;
  -- Whoever changes one of these meanwhile waits, and finds them gone or as they were.
  perform from public.clients c join public.import_rows r on r.client_id = c.id
    where r.import_id = import and r.row between first and last and r.result in ('new', 'updated')
    order by c.id for update of c;

  mine := array(
    select c.id from public.import_rows r join public.clients c on c.id = r.client_id
    where r.import_id = import and r.row between first and last and r.result = 'new'
      and c.last_message_at is null and c.legal_hold is null and not exists (
        select from public.audit_log l where l.client_id = c.id and l.occurred_at > written_at
          and l.action not in ('view', 'search', 'download', 'export', 'refuse')));
  for dependent in
    select k.conrelid::regclass as name, a.attname as col
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.contype = 'f' and k.confrelid = 'public.clients'::regclass
      and k.conrelid not in ('public.client_search'::regclass, 'public.client_identities'::regclass)
  loop
    execute pg_catalog.format(
      'select pg_catalog.array_agg(distinct %I) from %s where %I = any ($1)',
      dependent.col, dependent.name, dependent.col) into busy using mine;
    if busy is not null then
      mine := array(select m from unnest(mine) m where m <> all (busy));
    end if;
  end loop;

  insert into app_private.bulk_transactions values (pg_catalog.pg_current_xact_id())
    on conflict do nothing;
  delete from public.client_search s where s.client_id = any (mine);
  delete from public.client_identities i where i.client_id = any (mine);
  delete from public.clients c where c.id = any (mine);
  get diagnostics removed = row_count;
  select * into actor from app_private.audit_actor();
  insert into public.audit_log (actor_kind, actor_id, actor_part, address, request_id, action,
      table_name, details)
    select actor.kind, actor.who, actor.part, actor.address, actor.request_id, 'delete', 'clients',
      pg_catalog.jsonb_build_object('import', import, 'found', count(*),
        'shown', pg_catalog.jsonb_agg(m))
    from unnest(mine) with ordinality gone (m, n) group by n / 200;
  delete from app_private.bulk_transactions where xid = pg_catalog.pg_current_xact_id();

  -- From here on the triggers tell.
  mine := array(
    select c.id from public.import_rows r join public.clients c on c.id = r.client_id
    where r.import_id = import and r.row between first and last and r.result = 'updated'
      and r.before is not null and not exists (
        select from public.audit_log l where l.client_id = c.id and l.occurred_at > written_at
          and ((l.table_name = 'clients' and l.fields && r.fields)
            or (l.table_name = 'client_identities' and 'phone' = any (r.fields)))));
  delete from public.client_identities i using public.import_rows r
    where r.import_id = import and r.row between first and last and r.client_id = any (mine)
      and i.client_id = r.client_id and 'phone' = any (r.fields)
      and i.kind = 'phone' and i.value = r.phone and i.retired_at is null;
  update public.client_identities i set retired_at = null from public.import_rows r
    where r.import_id = import and r.row between first and last and r.client_id = any (mine)
      and i.client_id = r.client_id and i.kind = 'phone' and 'phone' = any (r.fields)
      and i.id in (select v::bigint from pg_catalog.jsonb_array_elements_text(
        coalesce(r.before -> 'retired', '[]')) v);
  update public.clients c set
      name = case when 'name' = any (r.fields) then r.before ->> 'name' else c.name end,
      email = case when 'email' = any (r.fields) then r.before ->> 'email' else c.email end,
      passport_or_nie = case when 'passport_or_nie' = any (r.fields)
        then r.before ->> 'passport_or_nie' else c.passport_or_nie end,
      notes = case when 'notes' = any (r.fields) then r.before ->> 'notes' else c.notes end,
      language = case when 'language' = any (r.fields)
        then r.before ->> 'language' else c.language end,
      profile_type = case when 'profile_type' = any (r.fields)
        then r.before ->> 'profile_type' else c.profile_type end,
      profile_source = case when 'profile_type' = any (r.fields)
        then r.before ->> 'profile_source' else c.profile_source end,
      profile_confidence = case when 'profile_type' = any (r.fields)
        then (r.before ->> 'profile_confidence')::double precision else c.profile_confidence end,
      updated_at = (r.before ->> 'updated_at')::timestamptz
    from public.import_rows r
    where r.import_id = import and r.row between first and last and r.result = 'updated'
      and r.client_id = any (mine) and c.id = r.client_id;
  get diagnostics restored = row_count;

  update public.import_rows r set kept = true
    where r.import_id = import and r.row between first and last and (
      (r.result = 'new' and exists (select from public.clients c where c.id = r.client_id))
      or (r.result = 'updated' and r.before is not null and r.client_id <> all (mine)
        and exists (select from public.clients c where c.id = r.client_id)));
  get diagnostics kept_rows = row_count;
  return pg_catalog.jsonb_build_object(
    'removed', removed, 'restored', restored, 'kept', kept_rows);
end $$;

-- Whoever is erased is in no imported file any more: their rows go, and every file that names them
-- or that nobody has read yet. What was waiting for an admin's word has to be uploaded again.
create function app_private.forget_imported() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  numbers text[];
  touched uuid[];
  forget_unread uuid[];
begin
  numbers := array(select distinct pg_catalog.ltrim(i.value, '+')
    from public.client_identities i
    where i.client_id = old.id and i.kind in ('phone', 'wa_id')
      and pg_catalog.char_length(i.value) >= 6);
  with named as materialized (
    select r.import_id, r.row from public.import_rows r
      where r.client_id = old.id or pg_catalog.ltrim(r.phone, '+') = any (numbers)
        or lower(r.email) = lower(old.email)
        or (r.passport_or_nie is not null
          and upper(pg_catalog.regexp_replace(r.passport_or_nie, '[^[:alnum:]]', '', 'g'))
            = upper(pg_catalog.regexp_replace(old.passport_or_nie, '[^[:alnum:]]', '', 'g')))
    union
    -- What could not be read as a value of theirs still says it.
    select r.import_id, r.row from public.import_rows r
      join public.import_lines l on l.import_id = r.import_id and l.row = r.row
      where r.result = 'invalid' and (
        pg_catalog.strpos(lower(l.line), lower(old.email)) > 0
        or exists (select from unnest(numbers) n where pg_catalog.strpos(
          pg_catalog.translate(l.line, ' .-()/', ''), n) > 0))
  ), rows_gone as (
    delete from public.import_rows r using named n
      where r.import_id = n.import_id and r.row = n.row returning r.import_id
  ), lines_gone as (
    delete from public.import_lines l using named n
      where l.import_id = n.import_id and l.row = n.row returning l.import_id
  )
  select pg_catalog.array_agg(distinct import_id) into touched
    from (select import_id from rows_gone union all select import_id from lines_gone) gone;
  forget_unread := array(select i.id from public.imports i
    where i.state in ('uploading', 'uploaded', 'judging'));
  delete from public.import_chunks k where k.import_id = any (touched || forget_unread);
  delete from public.import_lines l where l.import_id = any (forget_unread);
  delete from public.import_rows r where r.import_id = any (forget_unread);
  update public.imports i set state = 'failed', problem = 'person_erased',
      finished_at = pg_catalog.now(), leased_until = null
    where i.id = any (forget_unread) or (i.id = any (touched) and i.state = 'judged');
  update public.imports i set wants_cancel = true
    where i.id = any (touched) and i.state = 'importing';
  return old;
end $$;
"""

#: Functions, and which runtime roles may call them.
CALLERS = {
    "tidy(text)": "authenticated, app_backend",
    "tidy_lines(text)": "authenticated, app_backend",
    "phone_variant(text)": "authenticated, app_backend",
    "check_import(uuid, text)": "",
    "import_clients(uuid, integer, integer)": "authenticated, app_backend",
    "import_phones(uuid, integer, integer)": "authenticated, app_backend",
    "import_updates(uuid, integer, integer)": "authenticated, app_backend",
    "undo_import(uuid, integer, integer)": "authenticated, app_backend",
    "forget_imported()": "",
}

#: What an admin says of an import; the rest is the software's.
ASKED = "requested_by, assurance, address, file_name, kind"
SAID = "state, dry_run, reading, mapping, wants_cancel, undone_by, assurance"
#: What moves along with the work, and what the file is called.
UNTOLD = (
    *("address", "sha256", "reading", "staged", "mapping", "counts", "phase", "progress"),
    *("attempts", "leased_until", "file_name", "undo_counts", "assurance"),
)


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(BULK)
    op.execute(FUNCTIONS)
    for function, callers in CALLERS.items():
        op.execute(f"revoke all on function app_private.{function} from public")
        if callers:
            op.execute(f"grant execute on function app_private.{function} to {callers}")
    for table in ("imports", "import_chunks", "import_lines", "import_rows", "import_mappings"):
        op.execute(protect(table))
    for table in ("imports", "import_lines", "import_rows"):
        op.execute(allow(table, "select", ADMIN))
    own = f"({ADMIN} and requested_by = (select app_private.staff_id()))"
    op.execute(allow("imports", "insert", own, ASKED))
    op.execute(allow("imports", "update", ADMIN, SAID))
    op.execute(QUIET)
    op.execute("""
    create trigger clients_forget_imported before delete on public.clients
      for each row when (not app_private.is_bulk())
      execute function app_private.forget_imported();
    """)
    op.execute(audited("imports", "id", "", *UNTOLD, cheaply=True))


def downgrade() -> None:
    op.execute("drop trigger clients_forget_imported on public.clients")
    op.execute(LOUD)
    op.execute(
        "drop table public.import_mappings, public.import_rows, public.import_lines,"
        " public.import_chunks, public.imports"
    )
    for function in reversed(CALLERS):
        op.execute(f"drop function app_private.{function}")
    op.execute("drop function app_private.is_bulk()")
    op.execute("drop table app_private.bulk_transactions")
    op.execute("delete from public.retention_rules where kind = 'imports'")
    op.execute(
        "alter table public.retention_rules drop constraint retention_rules_kind_check,"
        " add constraint retention_rules_kind_check check (kind in"
        " ('webhook_deliveries', 'archived_clients', 'rejected_documents', 'message_media',"
        " 'ended_sessions', 'rate_limits'))"
    )
