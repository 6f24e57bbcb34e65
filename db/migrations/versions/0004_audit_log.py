"""Who did what, when and from where: the audit log, its values apart, and the seals on both.

An entry names rows and fields and never holds what is in them. Old and new values lie beside it in
`audit_values`, and the entry carries their salted digest: erasing a person removes the values with
their salt, and the chain of seals still verifies.

Entries are written in the transaction of what they tell. They are sealed a moment later, in
batches: a chain that every transaction had to append to would make all of them wait for the
longest one.
"""

from alembic import op

from db.migrations.access import ADMIN, CASEWORKER, allow, protect
from db.migrations.audited import audited

revision = "0004"
down_revision = "0003"

TABLES = r"""
create table public.audit_seals (
  -- 1, 2, 3, ... without a gap.
  id bigint primary key,
  sealed_at timestamptz not null default clock_timestamp(),
  entries integer not null check (entries > 0),
  -- The hash of the seal before; 32 zero bytes before the first.
  previous bytea not null check (octet_length(previous) = 32),
  hash bytea not null unique check (octet_length(hash) = 32)
);

create table public.audit_log (
  id bigint generated always as identity primary key,
  occurred_at timestamptz not null default clock_timestamp(),
  -- staff: actor_id is staff.id; outsider: a signed-in Supabase user who is not on the staff, and
  -- actor_id is the provider's id; system: the software, and actor_part says which part of it.
  actor_kind text not null check (actor_kind in ('staff', 'outsider', 'system')),
  actor_id uuid,
  actor_part text,
  address text,
  request_id text,
  action text not null check (action ~ '^[a-z][a-z_]{0,39}$'),
  table_name text,
  row_id text,
  -- No foreign keys: the log outlives what it tells of.
  client_id uuid,
  -- Names of the fields that changed.
  fields text[] not null default '{}',
  -- Ids, counts and codes; never what somebody wrote or is called.
  details jsonb not null default '{}',
  values_sha256 bytea,
  seal bigint references public.audit_seals
) with (fillfactor = 90);
create index audit_log_unsealed_idx on public.audit_log (id) where seal is null;
create index audit_log_seal_idx on public.audit_log (seal);
-- The log is read newest first, by when, by whom, by what, and by whose file.
create index audit_log_time_idx on public.audit_log (occurred_at desc, id desc);
create index audit_log_client_idx on public.audit_log (client_id, occurred_at desc, id desc)
  where client_id is not null;
create index audit_log_actor_idx on public.audit_log (actor_id, occurred_at desc, id desc);
create index audit_log_action_idx on public.audit_log (action, occurred_at desc, id desc);
create index audit_log_table_idx on public.audit_log (table_name, occurred_at desc, id desc);
-- What one of the staff did before they were signed in: the software told it, of their row.
create index audit_log_staff_idx on public.audit_log (row_id, occurred_at desc, id desc)
  where table_name = 'staff';
-- Lists name whom they showed in their details.
create index audit_log_shown_idx on public.audit_log using gin ((details -> 'shown') jsonb_path_ops)
  where details ? 'shown';

create table public.audit_values (
  entry_id bigint primary key references public.audit_log,
  client_id uuid,
  -- Without it nobody can find a value by trying whether its digest fits.
  salt uuid not null default gen_random_uuid(),
  old_values jsonb,
  new_values jsonb
);
create index audit_values_client_idx on public.audit_values (client_id)
  where client_id is not null;
"""

FUNCTIONS = r"""
create function app_private.values_digest(salt uuid, old_values jsonb, new_values jsonb)
returns bytea language sql immutable parallel safe set search_path = '' as $$
  select pg_catalog.sha256(pg_catalog.convert_to(
    pg_catalog.jsonb_build_array(salt, old_values, new_values)::text, 'UTF8'))
$$;

create function app_private.entry_digest(e public.audit_log)
returns bytea language sql immutable parallel safe set search_path = '' as $$
  select pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.jsonb_build_array(
    e.id, extract(epoch from e.occurred_at), e.actor_kind, e.actor_id, e.actor_part,
    e.address, e.request_id, e.action, e.table_name, e.row_id, e.client_id, e.fields, e.details,
    pg_catalog.encode(e.values_sha256, 'hex'))::text, 'UTF8'))
$$;

create function app_private.seal_digest(
  id bigint, sealed_at timestamptz, previous bytea, entry_digests bytea
) returns bytea language sql immutable parallel safe set search_path = '' as $$
  select pg_catalog.sha256(previous || pg_catalog.convert_to(pg_catalog.jsonb_build_array(
    id, extract(epoch from sealed_at))::text, 'UTF8') || entry_digests)
$$;

-- Who acts, and from where; never the caller's word alone. A person is whom row-level security
-- sees, a role of the database is named by its name. Our own software says which part of it acts.
create function app_private.audit_actor(
  out kind text, out who uuid, out part text, out address text, out request_id text
) language plpgsql stable security definer set search_path = '' as $$
declare
  origin jsonb := coalesce(nullif(current_setting('acogida.origin', true), ''), '{}')::jsonb;
  chosen text := current_setting('role', true);
  acting text := case when coalesce(chosen, 'none') = 'none' then session_user else chosen end;
begin
  kind := 'system';
  if acting = 'authenticated' then
    select s.id into who from public.staff s where s.user_id = (select auth.uid());
    kind := case when who is null then 'outsider' else 'staff' end;
    who := coalesce(who, (select auth.uid()));
  elsif acting = 'app_backend' then
    part := coalesce(pg_catalog.left(origin ->> 'part', 100), acting);
  else
    part := acting;
  end if;
  address := pg_catalog.left(origin ->> 'address', 100);
  request_id := pg_catalog.left(origin ->> 'request_id', 100);
end $$;

-- What services tell: views, searches, exports, sign-ins, refusals. No values; and changes of rows
-- are told by the rows' own triggers alone, so nobody can claim one. People tell of themselves what
-- they looked at, took along or were refused, and an erasure that this transaction made; that
-- somebody signed in or that the log was verified is the software's to tell.
create function app_private.record_event(
  action text, table_name text, row_id text, client_id uuid, details jsonb
) returns bigint language plpgsql security definer set search_path = '' as $$
declare
  actor record;
  entry bigint;
  by_software boolean := current_setting('role', true) = 'app_backend'
    or (coalesce(current_setting('role', true), 'none') = 'none' and session_user = 'app_backend');
begin
  if action in ('insert', 'update', 'delete') then
    raise invalid_parameter_value using message = 'changes of rows are told by their triggers';
  end if;
  -- Two hundred ids that a list showed fit in.
  if octet_length(details::text) > (case when by_software then 16384 else 9000 end)
      or octet_length(row_id) > 200 or octet_length(table_name) > 63 then
    raise invalid_parameter_value using message = 'the details are too long';
  end if;
  if not by_software and action not in ('view', 'search', 'download', 'export', 'refuse')
      and not (action = 'erase' and exists (select from public.erasures x
        where x.id::text = record_event.row_id and x.client_id = record_event.client_id
          and x.requested_at = pg_catalog.now())) then
    raise insufficient_privilege using message = 'only the software tells this';
  end if;
  select * into actor from app_private.audit_actor();
  insert into public.audit_log (actor_kind, actor_id, actor_part, address, request_id, action,
      table_name, row_id, client_id, details)
    values (actor.kind, actor.who, actor.part, actor.address, actor.request_id, action,
      table_name, row_id, client_id, coalesce(details, '{}'))
    returning id into entry;
  return entry;
end $$;

-- Triggers: audit_rows, audit_row('key column', 'client column or empty', columns that are never
-- told). Rows that come or go are told a statement at a time: WhatsApp brings people by the
-- thousand, and an erasure takes thousands of messages with it.
create function app_private.audit_rows() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  with told as materialized (
    select pg_catalog.nextval('public.audit_log_id_seq') as id,
      pg_catalog.gen_random_uuid() as salt, r.whole ->> tg_argv[0] as row_id,
      case when tg_argv[1] <> '' then (r.whole ->> tg_argv[1])::uuid end as client_id,
      coalesce(v.fields, '{}') as fields, v.given
    from (select to_jsonb(c) as whole from changed c) r
    cross join lateral (
      select pg_catalog.array_agg(f.key order by f.key) as fields,
        pg_catalog.jsonb_object_agg(f.key, f.value) as given
      from pg_catalog.jsonb_each(r.whole - tg_argv[2:]) f where f.value <> 'null'
    ) v
  ), entries as (
    insert into public.audit_log (id, actor_kind, actor_id, actor_part, address, request_id,
        action, table_name, row_id, client_id, fields, values_sha256)
    overriding system value
    select t.id, a.kind, a.who, a.part, a.address, a.request_id, lower(tg_op), tg_table_name,
      t.row_id, t.client_id, t.fields, case when t.given is not null then
        app_private.values_digest(t.salt, case when tg_op = 'DELETE' then t.given end,
          case when tg_op = 'INSERT' then t.given end) end
    from told t cross join app_private.audit_actor() a
  )
  insert into public.audit_values (entry_id, client_id, salt, old_values, new_values)
  select t.id, t.client_id, t.salt, case when tg_op = 'DELETE' then t.given end,
    case when tg_op = 'INSERT' then t.given end
  from told t where t.given is not null;
  return null;
end $$;

create function app_private.audit_row() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) else '{}' end;
  now_is jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) else '{}' end;
  whole jsonb := was || now_is;
  client uuid := case when tg_argv[1] <> '' then (whole ->> tg_argv[1])::uuid end;
  changed text[];
  old_values jsonb;
  new_values jsonb;
  fresh_salt uuid := pg_catalog.gen_random_uuid();
  actor record;
  entry bigint;
begin
  select pg_catalog.array_agg(f.key order by f.key),
      pg_catalog.jsonb_object_agg(f.key, was -> f.key) filter (where was ? f.key),
      pg_catalog.jsonb_object_agg(f.key, f.value) filter (where now_is ? f.key)
    into changed, old_values, new_values
    from pg_catalog.jsonb_each(whole - tg_argv[2:]) f
    where coalesce(was -> f.key, 'null') <> coalesce(now_is -> f.key, 'null');
  if changed is null then
    return null;
  end if;
  select * into actor from app_private.audit_actor();
  insert into public.audit_log (actor_kind, actor_id, actor_part, address, request_id, action,
      table_name, row_id, client_id, fields, values_sha256)
    values (actor.kind, actor.who, actor.part, actor.address, actor.request_id, lower(tg_op),
      tg_table_name, whole ->> tg_argv[0], client, changed,
      app_private.values_digest(fresh_salt, old_values, new_values))
    returning id into entry;
  insert into public.audit_values (entry_id, client_id, salt, old_values, new_values)
    values (entry, client, fresh_salt, old_values, new_values);
  return null;
end $$;

-- Seal what has been committed and is not sealed yet; how many entries that were. Fewer than `most`
-- wait until the first of them is older than `patience`.
create function app_private.seal_audit(most integer, patience interval default '0')
returns integer
language plpgsql security definer set search_path = '' as $$
declare
  last_id bigint;
  last_hash bytea;
  ids bigint[];
  moment timestamptz;
  digest bytea;
begin
  -- One sealer at a time. Unlike an advisory lock it cannot be taken by whoever may only read.
  lock table public.audit_seals in share row exclusive mode;
  moment := pg_catalog.clock_timestamp();
  select pg_catalog.array_agg(id order by id) into ids
    from (select id from public.audit_log where seal is null order by id limit most) waiting;
  if ids is null or (pg_catalog.cardinality(ids) < most and (
      select e.occurred_at from public.audit_log e where e.id = ids[1])
        > moment - patience) then
    return 0;
  end if;
  select id, hash into last_id, last_hash from public.audit_seals order by id desc limit 1;
  last_id := coalesce(last_id, 0);
  last_hash := coalesce(last_hash, pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex'));
  select app_private.seal_digest(last_id + 1, moment, last_hash,
      pg_catalog.string_agg(app_private.entry_digest(e), ''::bytea order by e.id)) into digest
    from public.audit_log e where e.id = any (ids);
  insert into public.audit_seals (id, sealed_at, entries, previous, hash)
    values (last_id + 1, moment, pg_catalog.cardinality(ids), last_hash, digest);
  update public.audit_log set seal = last_id + 1 where id = any (ids);
  return pg_catalog.cardinality(ids);
end $$;

-- What does not fit, in some seals: a seal that was altered or is missing, an entry that was
-- altered, added or removed, values that are not those of their entry or that are gone although
-- there is no erasure of the client they are about. PL/pgSQL: the table of erasures is made later.
create function app_private.audit_problems(first_seal bigint, last_seal bigint)
returns table (problem text, seal bigint, entry bigint)
language plpgsql stable security definer set search_path = '' as $$
begin
  return query with sealed as (
    select s.id, s.sealed_at, s.entries, s.previous, s.hash,
      lag(s.id) over w as id_before, lag(s.hash) over w as hash_before
    from public.audit_seals s where s.id between first_seal - 1 and last_seal
    window w as (order by s.id)
  ), recomputed as (
    select e.seal, count(*) as entries,
      pg_catalog.string_agg(app_private.entry_digest(e), ''::bytea order by e.id) as digests
    from public.audit_log e where e.seal between first_seal and last_seal group by e.seal
  )
  select 'seal_missing', s.id - 1, null::bigint from sealed s
    where s.id >= first_seal and s.id > 1 and s.id_before is distinct from s.id - 1
  union
  select 'seal_missing', r.seal, null from recomputed r
    where not exists (select from public.audit_seals s where s.id = r.seal)
  union
  select 'chain_broken', s.id, null from sealed s
    where s.id >= first_seal and s.previous is distinct from
      case when s.id = 1 then pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex')
           else s.hash_before end
  union
  select 'entries_altered', s.id, null from sealed s left join recomputed r on r.seal = s.id
    where s.id >= first_seal and (r.entries is distinct from s.entries
      or app_private.seal_digest(s.id, s.sealed_at, s.previous, r.digests)
        is distinct from s.hash)
  union
  select 'values_altered', e.seal, e.id
    from public.audit_log e join public.audit_values v on v.entry_id = e.id
    where e.seal between first_seal and last_seal and (v.client_id is distinct from e.client_id
      or app_private.values_digest(v.salt, v.old_values, v.new_values)
        is distinct from e.values_sha256)
  union
  select 'values_missing', e.seal, e.id
    from public.audit_log e
    where e.seal between first_seal and last_seal and e.values_sha256 is not null
      and not exists (select from public.erasures x where x.client_id = e.client_id)
      and not exists (select from public.audit_values v where v.entry_id = e.id);
end $$;

-- Whether entries have been written and there is none any more.
create function app_private.audit_log_missing() returns boolean
language sql stable security definer set search_path = '' as $$
  select not exists (select from public.audit_log)
    and (select s.last_value > 1 from public.audit_log_id_seq s)
$$;

-- Entries that name a client among those a list showed. What the caller may read of them is for
-- row-level security to say, under which no index on details can be used.
create function app_private.entries_showing(client uuid) returns setof bigint
language sql stable security definer rows 200 set search_path = '' as $$
  select e.id from public.audit_log e
    where e.details ? 'shown' and e.details -> 'shown' @> pg_catalog.jsonb_build_array(client)
$$;

-- The last step of an erasure, which alone may call it: what the log kept of values goes,
-- the entries stay.
create function app_private.erase_audit_values(erased_client uuid) returns integer
language plpgsql security definer set search_path = '' as $$
declare removed integer;
begin
  if exists (select from public.clients c where c.id = erased_client)
      or not exists (select from public.erasures x where x.client_id = erased_client) then
    raise object_not_in_prerequisite_state using message = 'the client has not been erased';
  end if;
  delete from public.audit_values v where v.client_id = erased_client;
  get diagnostics removed = row_count;
  return removed;
end $$;

-- Nobody rewrites the log, its owner included; sealing an unsealed entry is the one change.
create function app_private.refuse_audit_change() returns trigger
language plpgsql set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and tg_table_name = 'audit_log' then
    if old.seal is null and new.seal is not null then
      old.seal := new.seal;
      if old is not distinct from new then
        return new;
      end if;
    end if;
  end if;
  raise insufficient_privilege using message = 'the audit log is append-only';
end $$;
create trigger audit_log_append_only before update or delete on public.audit_log
  for each row execute function app_private.refuse_audit_change();
create trigger audit_log_no_truncate before truncate on public.audit_log
  for each statement execute function app_private.refuse_audit_change();
create trigger audit_seals_append_only before update or delete on public.audit_seals
  for each row execute function app_private.refuse_audit_change();
create trigger audit_seals_no_truncate before truncate on public.audit_seals
  for each statement execute function app_private.refuse_audit_change();
create trigger audit_values_no_update before update on public.audit_values
  for each row execute function app_private.refuse_audit_change();
"""

#: Functions, and which runtime roles may call them.
CALLERS = {
    "audit_actor()": "",
    "record_event(text, text, text, uuid, jsonb)": "authenticated, app_backend, service_role",
    "values_digest(uuid, jsonb, jsonb)": "",
    "entry_digest(public.audit_log)": "",
    "seal_digest(bigint, timestamptz, bytea, bytea)": "",
    "audit_row()": "",
    "audit_rows()": "",
    "refuse_audit_change()": "",
    "seal_audit(integer, interval)": "app_backend",
    "audit_problems(bigint, bigint)": "app_backend",
    "audit_log_missing()": "app_backend",
    "entries_showing(uuid)": "authenticated, app_backend",
    "erase_audit_values(uuid)": "",
}

#: Columns of a client that messages move along, or that follow from others; they tell nothing
#: about what somebody did. A column that is added later is told, unless it is added here.
UNTOLD = (
    *("last_message_at", "last_message_direction", "last_message_type", "last_message_preview"),
    *("last_inbound_at", "unread_count", "updated_at", "profile_named_at", "profile_evidence"),
    *("display_name", "sort_name"),
)


#: Columns of an entry that whoever sees it may read: all but where it came from.
SHOWN = (
    "id, occurred_at, actor_kind, actor_id, actor_part, action, table_name, row_id, client_id,"
    " fields, details, values_sha256, seal"
)
ORIGINS = r"""
-- Where a colleague works from is not about the client: for admins and the software alone.
create view app_private.audit_origins as
  select l.id, l.address, l.request_id from public.audit_log l
  where (select current_user in ('app_backend', 'service_role') or app_private.is_admin());
revoke all on app_private.audit_origins from public;
grant select on app_private.audit_origins to authenticated, service_role, app_backend;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    for function, callers in CALLERS.items():
        op.execute(f"revoke all on function app_private.{function} from public")
        if callers:
            op.execute(f"grant execute on function app_private.{function} to {callers}")
    for table in ("audit_log", "audit_values", "audit_seals"):
        op.execute(protect(table))
        op.execute(
            f"revoke insert, update, delete, truncate on public.{table}"
            " from app_backend, service_role"
        )
    of_client = "client_id is not null"
    told = f"({ADMIN} or (({of_client} or details ? 'shown') and {CASEWORKER}))"
    op.execute(allow("audit_log", "select", told, SHOWN))
    op.execute(ORIGINS)
    op.execute(allow("audit_values", "select", f"({ADMIN} or ({of_client} and {CASEWORKER}))"))
    op.execute(allow("audit_seals", "select", ADMIN))

    op.execute(audited("clients", "id", "id", *UNTOLD, cheaply=True))
    op.execute(audited("client_identities", "id", "client_id"))
    # The value belongs to two people, and the entry to one; so does who the other is.
    op.execute(audited("identity_conflicts", "id", "client_id", "value", "other_client_id"))
    op.execute(audited("staff", "id", "", "updated_at"))
    op.execute("""
    create trigger webhook_items_audit_update after update on public.webhook_items for each row
      when (old.state is distinct from new.state)
      execute function app_private.audit_row('id', '', 'raw', 'reason');
    """)
    # What people write to us is kept by its delivery; what changes or disappears is told.
    op.execute("""
    create trigger messages_audit_sent after insert on public.messages for each row
      when (new.direction = 'outbound' and new.delivery_id is null)
      execute function app_private.audit_row('id', 'client_id');
    create trigger messages_audit_changed after update on public.messages for each row
      when ((old.client_id, old.direction, old.type, old.text, old.payload)
            is distinct from (new.client_id, new.direction, new.type, new.text, new.payload))
      execute function app_private.audit_row('id', 'client_id', 'status', 'status_at');
    create trigger messages_audit_deleted after delete on public.messages
      referencing old table as changed for each statement
      execute function app_private.audit_rows('id', 'client_id');
    """)


def downgrade() -> None:
    op.execute("drop trigger webhook_items_audit_update on public.webhook_items")
    for table in ("clients", "client_identities", "identity_conflicts", "staff"):
        for change in ("insert", "update", "delete"):
            op.execute(f"drop trigger {table}_audit_{change} on public.{table}")
    for trigger in ("sent", "changed", "deleted"):
        op.execute(f"drop trigger messages_audit_{trigger} on public.messages")
    op.execute("drop view app_private.audit_origins")
    op.execute("drop function app_private.entry_digest(public.audit_log)")
    op.execute("drop table public.audit_values, public.audit_log, public.audit_seals")
    for function in CALLERS:
        if "entry_digest" not in function:
            op.execute(f"drop function app_private.{function}")
