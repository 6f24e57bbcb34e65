"""A person's rights: archiving, access exports, erasure with its proof, and retention."""

from alembic import op

from db.migrations.access import ADMIN, allow, protect
from db.migrations.audited import audited

revision = "0008"
down_revision = "0007"

RIGHTS = r"""
alter table public.clients
  add column archived_at timestamptz,
  -- Why nothing of this person may be erased for now: a court, a claim, an authority.
  add column legal_hold text check (char_length(legal_hold) between 1 and 500);

create function app_private.note_archiving() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.archived_at := case when new.status = 'archived'
    then coalesce(new.archived_at, pg_catalog.now()) end;
  return new;
end $$;
create trigger clients_note_archiving before insert or update of status on public.clients
  for each row execute function app_private.note_archiving();
create index clients_archived_idx on public.clients (archived_at) where archived_at is not null;

-- Caseworkers may change a client; whether the client may be erased is an admin's to say.
grant update (legal_hold) on table public.clients to authenticated;
create function app_private.guard_legal_hold() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_setting('role', true) = 'authenticated' and not app_private.is_admin() then
    raise insufficient_privilege using message = 'only an admin sets a legal hold';
  end if;
  return new;
end $$;
create trigger clients_guard_legal_hold before update of legal_hold on public.clients
  for each row when (old.legal_hold is distinct from new.legal_hold)
  execute function app_private.guard_legal_hold();

-- What somebody asked to be given of their data (art. 15 and 20). The row is the job.
create table public.access_exports (
  id uuid primary key default gen_random_uuid(),
  -- Goes with the client: the file is in storage_removals by then.
  client_id uuid not null references public.clients on delete cascade,
  requested_by uuid references public.staff on delete set null,
  requested_at timestamptz not null default now(),
  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
  -- 0..1
  progress double precision not null default 0 check (progress between 0 and 1),
  attempts integer not null default 0,
  -- A running export whose lease ran out is taken up again.
  leased_until timestamptz,
  finished_at timestamptz,
  storage_key text unique check (char_length(storage_key) <= 200),
  size bigint,
  sha256 bytea,
  -- The file is removed then.
  expires_at timestamptz,
  -- A code, told in words on the page.
  problem text check (char_length(problem) <= 100)
);
create index access_exports_client_idx on public.access_exports (client_id, requested_at desc);
create index access_exports_requested_by_idx on public.access_exports (requested_by);
create index access_exports_waiting_idx on public.access_exports (requested_at)
  where state in ('queued', 'running');
create index access_exports_expiring_idx on public.access_exports (expires_at)
  where storage_key is not null;
create trigger access_exports_remove_file after delete on public.access_exports
  for each row when (old.storage_key is not null)
  execute function app_private.remove_stored_file();

-- An erasure and its proof. It outlives the person's data and holds none of it.
create table public.erasures (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null unique,
  requested_by uuid references public.staff on delete set null,
  reason text not null check (reason in ('request', 'retention', 'mistake')),
  requested_at timestamptz not null default now(),
  -- Rows removed, by table; `files` counts files, `webhook_deliveries` emptied bodies.
  counts jsonb not null default '{}',
  -- Rows in which one of the person's identifiers still occurred at the end, by table: what other
  -- people wrote about them is those people's data.
  mentions jsonb not null default '{}',
  -- Rows in which the client's id was found when the tables were last searched, by table.
  leftovers jsonb not null default '{}',
  -- Keyed digests of the person's identifiers, to erase again after a backup was restored.
  identifier_hmacs bytea[] not null default '{}',
  -- When storage, asked for each file, had none of them any more.
  files_verified_at timestamptz,
  -- When every table, searched for the client's id, had nothing any more.
  rows_verified_at timestamptz,
  -- When the tables were last searched, with whatever outcome.
  rows_searched_at timestamptz,
  -- Where the search is: it takes a part of a table at a time. Null before the first.
  search_table text,
  search_block bigint not null default 0,
  -- The identifiers it looks for, encrypted by the app; gone with the proof.
  sought bytea,
  -- Identifiers that somebody else bears or bore, too, and that nothing was searched for.
  unsearched integer not null default 0,
  -- The file was opened then: what arrived since and was never processed may be this person's.
  client_since timestamptz,
  -- Deliveries that hold an identifier of this person and cannot be emptied: they hold something
  -- that waits for a person, or could not be read. No proof before that is settled.
  open_deliveries bigint[] not null default '{}',
  -- Of these, what an admin found to be other people's.
  kept_deliveries bigint[] not null default '{}'
);
-- What arrives late is looked for among the identifiers of the erased.
create index erasures_identifiers_idx on public.erasures using gin (identifier_hmacs);
create index erasures_requested_by_idx on public.erasures (requested_by);
create index erasures_requested_at_idx on public.erasures (requested_at desc);
create index erasures_unproved_idx on public.erasures (requested_at)
  where rows_verified_at is null or files_verified_at is null;

-- How long what is kept, where it differs from the app's own defaults.
create table public.retention_rules (
  kind text primary key check (kind in
    ('webhook_deliveries', 'archived_clients', 'ended_sessions', 'rate_limits')),
  days integer not null check (days between 1 and 36500),
  active boolean not null,
  updated_at timestamptz not null default now(),
  updated_by uuid references public.staff on delete set null,
  last_run_at timestamptz,
  last_removed bigint,
  -- Removed so far by a run that is not over.
  run_removed bigint not null default 0,
  -- The client whom that run looked at last.
  run_after uuid
);
create index retention_rules_updated_by_idx on public.retention_rules (updated_by);

-- A raw delivery whose body is gone keeps its digest, so that a late retry does not come back.
alter table public.webhook_deliveries
  add column body_removed_at timestamptz,
  add constraint webhook_deliveries_removed_check
    check (body_removed_at is null or (state <> 'pending' and body = ''));
create index webhook_deliveries_done_idx on public.webhook_deliveries (processed_at)
  where state = 'done' and body_removed_at is null;
"""

#: What may be deleted of whom, whoever asks.
HOLDS = r"""
-- A document goes neither by itself nor with its file while a legal hold is set. The lock makes
-- whoever sets one wait, or sees the one that was set.
create function app_private.refuse_under_hold() returns trigger
language plpgsql security definer set search_path = '' as $$
declare hold text;
begin
  if tg_table_name = 'clients' then
    hold := old.legal_hold;
  else
    -- Without a row the client is being erased, which the trigger on clients has let pass.
    select c.legal_hold into hold from public.clients c where c.id = old.client_id for share;
  end if;
  if hold is not null then
    raise object_not_in_prerequisite_state using message = 'a legal hold is set';
  end if;
  return old;
end $$;
create trigger clients_refuse_under_hold before delete on public.clients
  for each row execute function app_private.refuse_under_hold();
create trigger documents_refuse_under_hold before delete on public.documents
  for each row execute function app_private.refuse_under_hold();

-- Only an erasure, which leaves its proof, removes a client.
drop policy clients_delete on public.clients;
revoke delete on public.clients from authenticated, app_backend;
"""

FUNCTIONS = r"""
-- Strings that are this person's and nobody else's: a number that somebody else bears or bore, or
-- that is the organisation's own, is no proof of anything.
create function app_private.identifiers_of(person uuid) returns text[]
language sql stable set search_path = '' as $$
  select coalesce(pg_catalog.array_agg(distinct n.digits), '{}')
    from public.client_identities i
    cross join lateral (select pg_catalog.ltrim(i.value, '+') as digits) n
    where i.client_id = person and pg_catalog.char_length(n.digits) >= 6 and not exists (
      select from public.client_identities o
        where o.client_id <> person and o.kind in ('phone', 'wa_id', 'bsuid', 'parent_bsuid')
          and o.value in (n.digits, '+' || n.digits)) and not exists (
      select from public.whatsapp_numbers w where n.digits = w.phone_number_id
        or n.digits = pg_catalog.regexp_replace(w.display_phone_number, '\D', '', 'g'))
$$;

-- A pattern of any of these, whole: no digit goes on before or after a number.
create function app_private.pattern_of(names text[]) returns text
language sql immutable set search_path = '' as $$
  select '((?<!\d)|\\u[0-9a-f]{4})(' || pg_catalog.string_agg(
      pg_catalog.regexp_replace(n, '([^[:alnum:]])', '\\\1', 'g'), '|') || ')(?![[:alnum:]])'
    from unnest(names) n
$$;

-- Whether any of these occurs in a text: first quickly, then exactly.
create function app_private.is_named(line text, names text[], pattern text) returns boolean
language sql immutable parallel safe set search_path = '' as $$
  select exists (select from unnest(names) n where pg_catalog.strpos(line, n) > 0)
    and line ~ pattern
$$;

create function app_private.json_or_null(raw text) returns jsonb
language plpgsql immutable set search_path = '' as $$
begin
  return raw::jsonb;
exception when data_exception then
  return null;
end $$;

-- Who sent or receives an item, as its own fields say: not whom its words, a quotation or a card
-- of contacts mention. An item that is a list may be several people's, and says nothing.
create function app_private.is_of(item jsonb, names text[]) returns boolean
language sql immutable set search_path = '' as $$
  select exists (
    select from (
      select item as part union all select item -> 'item' union all select item -> 'payload'
      union all select item -> 'person'
      union all select item #> '{value_context,thread,context}'
      union all select pg_catalog.jsonb_build_object(
        'from', item #> '{value_context,thread,id}')
      union all select contact from pg_catalog.jsonb_array_elements(
        case when pg_catalog.jsonb_typeof(item #> '{value_context,contacts}') = 'array'
          and pg_catalog.jsonb_typeof(item -> 'item') = 'object'
          and pg_catalog.jsonb_array_length(item #> '{value_context,contacts}') = 1
          then item #> '{value_context,contacts}' else '[]' end) contact
    ) parts
    cross join lateral unnest(array['from', 'from_user_id', 'from_parent_user_id', 'to',
      'to_user_id', 'to_parent_user_id', 'recipient_id', 'recipient_user_id', 'wa_id', 'user_id',
      'parent_user_id', 'bsuid', 'parent_bsuid']) field
    where pg_catalog.jsonb_typeof(part) = 'object'
      and pg_catalog.ltrim(part ->> field, '+') = any (names))
$$;

-- Whether a delivery that is not applied yet carries something of this person.
create function app_private.is_awaited(person uuid) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (
    select from public.webhook_deliveries d, unnest(app_private.identifiers_of(person)) n
      where d.state = 'pending'
        and position(pg_catalog.convert_to(n, 'UTF8') in d.body) > 0)
$$;

create function app_private.add_counts(counts jsonb, name text, more bigint) returns jsonb
language sql immutable set search_path = '' as $$
  select case when more = 0 and counts ? name then counts else counts
    || pg_catalog.jsonb_build_object(name, coalesce((counts ->> name)::bigint, 0) + more) end
$$;

-- Empty these deliveries and those that are still open of an erasure, where nothing in them waits:
-- all they held has been applied, or closed by a person. The others stay open.
create function app_private.empty_deliveries(erasure uuid, ids bigint[]) returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  e public.erasures;
  meant bigint[];
  still_open bigint[];
  emptied bigint;
begin
  select * into strict e from public.erasures x where x.id = erasure for update;
  meant := array(
    select distinct u.id from unnest(ids || e.open_deliveries) u (id)
      where u.id is not null and u.id <> all (e.kept_deliveries));
  update public.webhook_deliveries d set body = '', body_removed_at = pg_catalog.now()
    where d.id = any (meant) and d.state = 'done' and d.body_removed_at is null
      and not exists (select from public.webhook_items w
        where w.delivery_id = d.id and w.state in ('quarantined', 'replaying'));
  get diagnostics emptied = row_count;
  still_open := array(
    select d.id from public.webhook_deliveries d
      where d.id = any (meant) and d.body_removed_at is null order by d.id);
  if emptied > 0 or still_open <> e.open_deliveries then
    update public.erasures x set open_deliveries = still_open,
        counts = app_private.add_counts(x.counts, 'webhook_deliveries', emptied),
        -- Once all is settled everything is searched afresh.
        rows_searched_at = case when still_open <> '{}' or x.rows_verified_at is not null
          then x.rows_searched_at end
      where x.id = erasure;
  end if;
  return emptied;
end $$;

-- An admin has looked at an unreadable delivery: it is emptied, or it is other people's and stays.
create function app_private.settle_delivery(erasure uuid, delivery bigint, is_theirs boolean)
returns boolean language plpgsql security definer set search_path = '' as $$
declare found_open boolean;
begin
  if current_setting('role', true) = 'authenticated' and not app_private.is_admin() then
    raise insufficient_privilege using message = 'only an admin erases';
  end if;
  perform from public.erasures x where x.id = erasure and delivery = any (x.open_deliveries)
    for update;
  if not found then
    return false;
  end if;
  if is_theirs then
    update public.webhook_deliveries d set body = '', body_removed_at = pg_catalog.now()
      where d.id = delivery and d.state = 'unreadable' and d.body_removed_at is null;
    if not found then
      return false;
    end if;
    update public.erasures x
      set counts = app_private.add_counts(x.counts, 'webhook_deliveries', 1) where x.id = erasure;
  else
    update public.erasures x set kept_deliveries = x.kept_deliveries || delivery
      where x.id = erasure;
  end if;
  perform app_private.empty_deliveries(erasure, '{}');
  return true;
end $$;

-- Search a part of a table for what an erasure should have removed, and remove what is recognised
-- by its own fields; whether every table has been searched. The caller begins a search by
-- forgetting the last one's place, and calls until it is over: no statement has to read all of it.
create function app_private.search_erased(erasure uuid, names text[], blocks integer)
returns boolean language plpgsql security definer set search_path = '' as $$
declare
  e public.erasures;
  name text;
  first bigint;
  size bigint;
  span text;
  pattern text := app_private.pattern_of(names);
  -- Whoever wrote again bears the number rightly.
  unborne text[] := array(
    select n from unnest(names) n where not exists (
      select from public.client_identities i
        where i.kind in ('phone', 'wa_id', 'bsuid', 'parent_bsuid') and i.value in (n, '+' || n)));
  ids bigint[];
  removed bigint;
  of_client bigint;
  of_names bigint;
begin
  select * into strict e from public.erasures x where x.id = erasure for update;
  name := e.search_table;
  first := e.search_block;
  if name is null then
    update public.erasures x set leftovers = '{}', mentions = '{}' where x.id = erasure;
  end if;
  loop
    if name is not null then
      size := pg_catalog.pg_relation_size(pg_catalog.to_regclass('public.' || quote_ident(name)))
        / current_setting('block_size')::integer;
      exit when first < size;
    end if;
    select c.relname into name from pg_catalog.pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
        and c.relname::text collate "C" > coalesce(name, '') collate "C"
      order by c.relname::text collate "C" limit 1;
    first := 0;
    if name is null then
      update public.erasures x set search_table = null, search_block = 0,
          rows_searched_at = pg_catalog.now() where x.id = erasure;
      return true;
    end if;
  end loop;
  span := pg_catalog.format($q$t.ctid >= '(%s,0)' and t.ctid < '(%s,0)'$q$, first, first + blocks);

  -- What came after the erasure is somebody's who wrote again.
  if name = 'webhook_items' then
    execute pg_catalog.format(
      $q$with mine as (
          select t.id, app_private.json_or_null(t.raw) as raw, t.state
          from public.webhook_items t where %s and t.created_at < $3
            and app_private.is_named(t.raw, $1, $2)
        ), gone as (
          delete from public.webhook_items w using mine m where w.id = m.id
            and (app_private.is_of(m.raw, $1)
              or (m.state = 'closed' and pg_catalog.jsonb_typeof(m.raw -> 'item') = 'array'))
          returning w.delivery_id
        )
        select pg_catalog.array_agg(delivery_id), count(*) from gone$q$, span)
      into ids, removed using names, pattern, e.requested_at;
    perform app_private.empty_deliveries(erasure, ids);
  elsif name = 'message_statuses' then
    execute pg_catalog.format(
      'with gone as (delete from public.message_statuses t where %s and t.received_at < $3'
      '   and app_private.is_named(t.payload::text, $1, $2) and app_private.is_of(t.payload, $1)'
      '   returning t.delivery_id)'
      ' select pg_catalog.array_agg(delivery_id), count(*) from gone', span)
      into ids, removed using names, pattern, e.requested_at;
    perform app_private.empty_deliveries(erasure, ids);
  elsif name = 'webhook_deliveries' then
    -- Nobody has read an unreadable body: it may write numbers apart, or in another encoding.
    execute pg_catalog.format(
      $q$select pg_catalog.array_agg(t.id) from public.webhook_deliveries t
        cross join lateral (select pg_catalog.encode(t.body, 'escape') as body) seen
        where %s and t.received_at < $3 and t.body_removed_at is null
          and case when t.state = 'unreadable' then app_private.is_named(seen.body || ' ' ||
            pg_catalog.regexp_replace(seen.body, '\\000|[[:space:]().-]', '', 'g'), $1, $2)
          else exists (select from unnest($1) n where pg_catalog.strpos(seen.body, n) > 0)
            and seen.body ~ $2 end$q$, span)
      into ids using names, pattern, e.requested_at;
    if ids is not null then
      perform app_private.empty_deliveries(erasure, ids);
    end if;
  end if;

  -- Whatever the column and its type: new tables are searched without being named here. The text
  -- of a row shows bytes as hexadecimal digits. Deliveries that name the person are open by now.
  execute pg_catalog.format(
    'select count(*) filter (where pg_catalog.strpos(line, $1) > 0'
    '     or pg_catalog.strpos(line, $2) > 0),'
    -- As `is_named`, which would cost a call a row.
    '   count(*) filter (where exists ('
    '     select from unnest($3) n where pg_catalog.strpos(line, n) > 0) and line ~ $4)'
    ' from (select t::text as line from public.%I t where %s offset 0) lines', name, span)
    into of_client, of_names using e.client_id::text,
      pg_catalog.encode(pg_catalog.convert_to(e.client_id::text, 'UTF8'), 'hex'),
      case when name = 'webhook_deliveries' then '{}' else unborne end,
      app_private.pattern_of(unborne);
  -- These name erased clients on purpose, by an id that leads nowhere any more.
  if name in ('audit_log', 'erasures') then
    of_client := 0;
  end if;
  update public.erasures x set search_table = name, search_block = first + blocks,
      counts = case when removed > 0 then app_private.add_counts(x.counts, name, removed)
        else x.counts end,
      leftovers = case when of_client > 0
        then app_private.add_counts(x.leftovers, name, of_client) else x.leftovers end,
      mentions = case when of_names > 0
        then app_private.add_counts(x.mentions, name, of_names) else x.mentions end
    where x.id = erasure;
  return false;
end $$;

-- Erase a person for good; returns the erasure's id. All of it or, with the caller's transaction,
-- nothing. What hangs on the client, and what indexes find, goes at once, whatever else there is;
-- `search_erased` goes through the rest. `sealed`: the identifiers for it, encrypted.
create function app_private.erase_client(erased uuid, why text, hmacs bytea[], sealed bytea)
returns uuid language plpgsql security definer set search_path = '' as $$
declare
  erasure uuid := pg_catalog.gen_random_uuid();
  who uuid;
  client record;
  names text[];
  files bigint;
  deliveries bigint[];
  tally jsonb := '{"clients": 1, "webhook_deliveries": 0}';
  dependent record;
  removed bigint;
begin
  if current_setting('role', true) = 'authenticated' then
    if not app_private.is_admin() then
      raise insufficient_privilege using message = 'only an admin erases';
    end if;
    who := app_private.staff_id();
  end if;
  select c.legal_hold, c.created_at into client
    from public.clients c where c.id = erased for update;
  if not found then
    raise no_data_found using message = 'there is no such client';
  end if;
  if client.legal_hold is not null then
    raise object_not_in_prerequisite_state using message = 'a legal hold is set';
  end if;
  names := app_private.identifiers_of(erased);
  deliveries := array(
    select m.delivery_id from public.messages m
      where m.client_id = erased and m.delivery_id is not null);

  insert into public.erasures
      (id, client_id, requested_by, reason, identifier_hmacs, sought, client_since, unsearched)
    select erasure, erased, who, why, hmacs, sealed, client.created_at,
        count(distinct pg_catalog.ltrim(i.value, '+')) - pg_catalog.cardinality(names)
      from public.client_identities i where i.client_id = erased;

  -- Whatever hangs on the client goes with it; only its number is noted.
  for dependent in
    select c.conrelid::regclass::text as name, t.relname as short,
      pg_catalog.string_agg(pg_catalog.format('%I = $1', a.attname), ' or ') as condition
    from pg_catalog.pg_constraint c
    join pg_catalog.pg_class t on t.oid = c.conrelid
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid = 'public.clients'::regclass and c.confdeltype = 'c'
    group by 1, 2
  loop
    execute pg_catalog.format('select count(*) from %s where %s', dependent.name,
      dependent.condition) into removed using erased;
    tally := tally || pg_catalog.jsonb_build_object(dependent.short, removed);
  end loop;

  with gone as (
    delete from public.message_statuses s using public.messages m
      where m.client_id = erased
        and m.phone_number_id = s.phone_number_id and m.whatsapp_id = s.whatsapp_id
      returning s.delivery_id
  )
  select count(*), deliveries || coalesce(pg_catalog.array_agg(delivery_id), '{}')
    into removed, deliveries from gone;
  tally := tally || pg_catalog.jsonb_build_object('message_statuses', removed);

  delete from public.identity_changes k where k.keys && array(
    select i.kind || ':' || i.value from public.client_identities i
      where i.client_id = erased and pg_catalog.ltrim(i.value, '+') = any (names));
  get diagnostics removed = row_count;
  tally := tally || pg_catalog.jsonb_build_object('identity_changes', removed);

  -- What waits for a person must not be tried again and bring them back.
  with gone as (
    delete from public.webhook_items w where w.state in ('quarantined', 'replaying')
        and app_private.is_named(w.raw, names, app_private.pattern_of(names))
        and app_private.is_of(app_private.json_or_null(w.raw), names)
      returning w.delivery_id
  )
  select count(*), deliveries || coalesce(pg_catalog.array_agg(delivery_id), '{}')
    into removed, deliveries from gone;
  tally := tally || pg_catalog.jsonb_build_object('webhook_items', removed);

  delete from public.clients c where c.id = erased;
  -- The triggers on documents and exports have queued their files; others of this person's were
  -- waiting, or are on their way to storage. From here on they are the erasure's.
  update public.storage_removals r
    set erasure_id = erasure, client_id = null, next_attempt_at = pg_catalog.now()
    where r.client_id = erased and r.removed_at is null;
  get diagnostics files = row_count;
  tally := tally || pg_catalog.jsonb_build_object('files', files);

  -- A conflict with this client is told in the other client's history.
  delete from public.audit_values v using public.audit_log l
    where l.id = v.entry_id and l.table_name = 'identity_conflicts'
      and erased::text in (v.old_values ->> 'client_id', v.old_values ->> 'other_client_id',
        v.new_values ->> 'client_id', v.new_values ->> 'other_client_id');
  removed := app_private.erase_audit_values(erased);
  tally := tally || pg_catalog.jsonb_build_object('audit_values', removed);

  update public.erasures e set counts = tally where e.id = erasure;
  perform app_private.empty_deliveries(erasure, deliveries);
  return erasure;
end $$;
"""

#: Functions, and which runtime roles may call them.
CALLERS = {
    "note_archiving()": "",
    "guard_legal_hold()": "",
    "refuse_under_hold()": "",
    # With the caller's own sight of clients.
    "identifiers_of(uuid)": "authenticated, app_backend",
    "pattern_of(text[])": "",
    "is_named(text, text[], text)": "",
    "json_or_null(text)": "",
    "is_of(jsonb, text[])": "",
    "is_awaited(uuid)": "authenticated, app_backend",
    "add_counts(jsonb, text, bigint)": "",
    "empty_deliveries(uuid, bigint[])": "app_backend",
    "settle_delivery(uuid, bigint, boolean)": "authenticated, app_backend",
    "search_erased(uuid, text[], integer)": "app_backend",
    "erase_client(uuid, text, bytea[], bytea)": "authenticated, app_backend",
}


def upgrade() -> None:
    op.execute(RIGHTS)
    op.execute(HOLDS)
    op.execute(FUNCTIONS)
    for function, callers in CALLERS.items():
        op.execute(f"revoke all on function app_private.{function} from public")
        if callers:
            op.execute(f"grant execute on function app_private.{function} to {callers}")
    for table in ("access_exports", "erasures", "retention_rules"):
        op.execute(protect(table))
        op.execute(allow(table, "select", ADMIN))
    op.execute(allow("access_exports", "insert", ADMIN, "client_id, requested_by"))
    op.execute(allow("access_exports", "delete", ADMIN))
    op.execute(
        allow("retention_rules", "insert", ADMIN, "kind, days, active, updated_at, updated_by")
    )
    op.execute(allow("retention_rules", "update", ADMIN, "days, active, updated_at, updated_by"))

    hidden = ("storage_key", "sha256", "progress", "attempts", "leased_until")
    op.execute(audited("access_exports", "id", "client_id", *hidden))
    # Without the client's id in its values: those of an erased client must all be gone.
    op.execute(
        audited(
            "erasures",
            "id",
            "",
            "client_id",
            "identifier_hmacs",
            "counts",
            "mentions",
            "leftovers",
            "rows_searched_at",
            "search_table",
            "search_block",
            "sought",
            "client_since",
        )
    )
    op.execute(
        audited(
            "retention_rules",
            "kind",
            "",
            "updated_at",
            "last_run_at",
            "last_removed",
            "run_removed",
            "run_after",
        )
    )


def downgrade() -> None:
    op.execute(allow("clients", "delete", ADMIN))
    op.execute("grant delete on public.clients to app_backend")
    for table in ("clients", "documents"):
        op.execute(f"drop trigger {table}_refuse_under_hold on public.{table}")
    op.execute("drop trigger clients_guard_legal_hold on public.clients")
    op.execute("drop trigger clients_note_archiving on public.clients")
    for function in reversed(CALLERS):
        op.execute(f"drop function app_private.{function}")
    op.execute("drop index public.webhook_deliveries_done_idx")
    op.execute(
        "alter table public.webhook_deliveries"
        " drop constraint webhook_deliveries_removed_check, drop column body_removed_at"
    )
    op.execute("drop table public.retention_rules, public.erasures, public.access_exports")
    op.execute("alter table public.clients drop column archived_at, drop column legal_hold")
