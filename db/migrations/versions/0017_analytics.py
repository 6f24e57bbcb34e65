"""Numbers that are counted as things happen, so that reading them costs the same at any size.

Numbers of people are sums of small changes, noted by triggers in the transaction that makes them.
Numbers of days (messages, documents, answers) are counted anew from the rows themselves by a
worker, day by day, whenever a trigger has noted that something of that day changed.
"""

from alembic import op

from db.migrations.access import CASEWORKER, allow, protect

revision = "0017"
down_revision = "0016"

TABLES = r"""
-- The organisation's clock, as the app's settings have it: one row. Another clock counts anew.
create table public.analytics_rules (
  one boolean primary key default true check (one),
  timezone text not null check (char_length(timezone) <= 64),
  -- Which hours are working hours, in one line; the days themselves are in working_days.
  hours text not null check (char_length(hours) <= 200),
  updated_at timestamptz not null default now()
);

-- Every day of the calendar with its working hours; a day off opens and closes at its beginning.
create table public.working_days (
  day date primary key,
  opens_at timestamptz not null,
  closes_at timestamptz not null check (closes_at >= opens_at),
  -- Working seconds of all days before.
  seconds_before bigint not null check (seconds_before >= 0)
);

-- From a person's first message that nobody has answered to the answer. Made from messages alone.
create table public.exchanges (
  client_id uuid not null references public.clients on delete cascade,
  -- 1, 2, ... in the order of the conversation.
  number integer not null check (number >= 1),
  started_at timestamptz not null,
  -- Null: nobody has answered yet.
  answered_at timestamptz,
  working_seconds bigint,
  -- When the window closed, or will close, without an answer: 24 hours after a message of the
  -- person that nothing followed meanwhile. Null: the answer came in time.
  lapses_at timestamptz,
  -- Whether that has come to pass.
  missed boolean not null default false,
  primary key (client_id, number)
);
create index exchanges_answered_idx on public.exchanges (answered_at);
create index exchanges_lapses_idx on public.exchanges (lapses_at) where lapses_at is not null;
create index exchanges_open_idx on public.exchanges (lapses_at) where not missed;

-- How many of what, by day. `profile` and `whose` are `all`, or one profile type, and one member of
-- staff's id or `nobody`: every sum that is asked for is a row. No person's data.
create table public.analytics_days (
  metric text not null check (char_length(metric) <= 32),
  day date not null,
  profile text not null check (char_length(profile) <= 16),
  whose text not null check (char_length(whose) <= 36),
  key text not null check (char_length(key) <= 64),
  n bigint not null,
  primary key (metric, profile, whose, day, key)
);
create index analytics_days_day_idx on public.analytics_days (day);

-- Changes to numbers of people that the worker has not added to analytics_days yet.
create table public.analytics_deltas (
  id bigint generated always as identity primary key,
  metric text not null,
  day date not null,
  profile text not null,
  whose text not null,
  key text not null,
  n bigint not null
);

-- What has to be counted anew: a day, or a client's exchanges, or all days that a client is in.
create table public.analytics_queue (
  id bigint generated always as identity primary key,
  day date,
  client_id uuid references public.clients on delete cascade,
  -- The client counts elsewhere now: another profile, another caseworker.
  moved boolean not null default false,
  check ((day is null) <> (client_id is null))
);
create index analytics_queue_client_idx on public.analytics_queue (client_id);

create index messages_sent_at_idx on public.messages (sent_at);
create index documents_created_at_idx on public.documents (created_at);
"""

FUNCTIONS = r"""
-- Whoever counts by the clock need not be able to read the rules.
create function app_private.timezone() returns text
language sql stable security definer set search_path = '' as $$
  select coalesce((select r.timezone from public.analytics_rules r), 'Europe/Madrid')
$$;

create function app_private.local_day(moment timestamptz) returns date
language sql stable set search_path = '' as $$
  select (moment at time zone app_private.timezone())::date
$$;

-- The product in the order given, with the rounding of any other program.
create aggregate app_private.product(double precision) (
  sfunc = pg_catalog.float8mul, stype = double precision, initcond = '1');

-- The profile type that evidence speaks for, as services/classification.py proposes it.
create function app_private.proposal_of(evidence jsonb) returns text
language sql immutable set search_path = '' as $$
  select coalesce((
    -- Evidence of no weight speaks for nobody, and the first of equals wins.
    select case when strength > 0 then kind else 'ASYLUM' end from (
      select kind, 1 - app_private.product(1 - weight order by weight desc) as strength
      from (
        select e ->> 'profile_type' as kind,
          max(least(greatest((e ->> 'weight')::double precision, 0), 1)) as weight
        from pg_catalog.jsonb_array_elements(evidence) e
        where not (e ->> 'negated')::boolean and e ->> 'profile_type' <> 'OTHER'
        group by e ->> 'profile_type', e ->> 'keyword'
      ) pieces group by kind
    ) strengths
    order by strength desc, pg_catalog.array_position(
      array['ASYLUM', 'ARRAIGO', 'STUDENT', 'IRREGULAR', 'OTHER'], kind) limit 1), 'OTHER')
$$;

-- What a client adds to the numbers of people. 1970-01-01 stands for what is now, whichever day it
-- began. Without a setting of its own the function becomes part of the query that calls it.
create function app_private.people_facts(c public.clients, zone text)
returns table (metric text, day date, profile text, whose text, key text)
language sql stable as $$
  select f.metric, f.day, coalesce(p.profile, c.profile_type),
    coalesce(w.whose, c.assigned_to::text, 'nobody'), f.key
  from (values
    ('people', date '1970-01-01', c.status),
    ('language', case when c.status <> 'archived' then date '1970-01-01' end,
      coalesce(c.language, '')),
    ('waiting', case when c.status <> 'archived' and c.waiting_since is not null
      then date '1970-01-01' end, ''),
    ('new', (c.created_at at time zone zone)::date, ''),
    ('agreement', case when c.profile_source = 'staff' and c.profile_evidence <> '[]'
      then (c.created_at at time zone zone)::date end,
      case when c.profile_source = 'staff' and c.profile_evidence <> '[]'
      then app_private.proposal_of(c.profile_evidence) end)
  ) f (metric, day, key)
  cross join (values (null), ('all')) p (profile)
  cross join (values (null), ('all')) w (whose)
  where f.day is not null
$$;

create function app_private.count_clients() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  zone text := app_private.timezone();
  sign integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
  insert into public.analytics_deltas (metric, day, profile, whose, key, n)
    select f.metric, f.day, f.profile, f.whose, f.key, sign * count(*)
    from changed c cross join lateral app_private.people_facts(c, zone) f group by 1, 2, 3, 4, 5;
  return null;
end $$;

-- Of the updates that every message makes, most change nothing that is counted.
create function app_private.count_changed_clients() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  zone text := app_private.timezone();
  ids uuid[] := array(
    select o.id from old_rows o join new_rows n on n.id = o.id
    where (o.status, o.profile_type, o.assigned_to, o.language, o.created_at,
        o.waiting_since is null, o.profile_source = 'staff')
      is distinct from (n.status, n.profile_type, n.assigned_to, n.language, n.created_at,
        n.waiting_since is null, n.profile_source = 'staff')
    or (n.profile_source = 'staff' and o.profile_evidence <> n.profile_evidence));
begin
  if ids = '{}' then
    return null;
  end if;
  insert into public.analytics_deltas (metric, day, profile, whose, key, n)
    select metric, day, profile, whose, key, sum(sign) from (
      select f.*, -1 as sign from old_rows c
        cross join lateral app_private.people_facts(c, zone) f where c.id = any (ids)
      union all
      select f.*, 1 from new_rows c
        cross join lateral app_private.people_facts(c, zone) f where c.id = any (ids)
    ) facts group by 1, 2, 3, 4, 5 having sum(sign) <> 0;
  insert into public.analytics_queue (client_id, moved)
    select n.id, true from old_rows o join new_rows n on n.id = o.id
    where (o.profile_type, o.assigned_to) is distinct from (n.profile_type, n.assigned_to);
  return null;
end $$;

-- A client who is being erased has nothing left to count but the days.
create function app_private.queue_messages() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into public.analytics_queue (day)
    select distinct app_private.local_day(m.sent_at) from changed m;
  insert into public.analytics_queue (client_id)
    select distinct m.client_id from changed m
    where exists (select from public.clients c where c.id = m.client_id);
  return null;
end $$;

-- What counts of a message beside when and whose it is: whether it left, or why it did not.
create function app_private.outcome_of(status text, error jsonb) returns text
language sql immutable set search_path = '' as $$
  select case when status in ('queued', 'sending') then 'waits'
    when status = 'failed' then 'failed ' || coalesce(error ->> 'code', '')
    when status = 'unknown' then 'unknown' else 'left' end
$$;

create function app_private.queue_changed_messages() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  with moved as (
    select o.client_id as owner_before, n.client_id as owner_after,
      o.sent_at as before, n.sent_at as after
    from old_rows o join new_rows n on n.id = o.id
    where (o.client_id, o.sent_at, o.direction, o.type) is distinct from
        (n.client_id, n.sent_at, n.direction, n.type)
      or (o.direction = 'outbound' and app_private.outcome_of(o.status, o.error)
        <> app_private.outcome_of(n.status, n.error))
  ), days as (
    insert into public.analytics_queue (day)
      select distinct app_private.local_day(d) from moved, unnest(array[before, after]) d
  )
  insert into public.analytics_queue (client_id)
    select distinct c.id from moved, unnest(array[owner_before, owner_after]) u (id)
    join public.clients c on c.id = u.id;
  return null;
end $$;

create function app_private.queue_documents() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into public.analytics_queue (day)
    select distinct app_private.local_day(d.created_at) from changed d;
  return null;
end $$;

create function app_private.queue_exchanges() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into public.analytics_queue (day)
    select distinct app_private.local_day(d) from changed e, unnest(array[
      e.answered_at, case when e.missed then e.lapses_at end]) d where d is not null;
  return null;
end $$;
"""

TRIGGERS = r"""
create trigger clients_count_insert after insert on public.clients
  referencing new table as changed for each statement
  execute function app_private.count_clients();
create trigger clients_count_update after update on public.clients
  referencing old table as old_rows new table as new_rows for each statement
  execute function app_private.count_changed_clients();
create trigger clients_count_delete after delete on public.clients
  referencing old table as changed for each statement
  execute function app_private.count_clients();

create trigger messages_count_insert after insert on public.messages
  referencing new table as changed for each statement
  execute function app_private.queue_messages();
create trigger messages_count_update after update on public.messages
  referencing old table as old_rows new table as new_rows for each statement
  execute function app_private.queue_changed_messages();
create trigger messages_count_delete after delete on public.messages
  referencing old table as changed for each statement
  execute function app_private.queue_messages();

create trigger documents_count_insert after insert on public.documents
  referencing new table as changed for each statement
  execute function app_private.queue_documents();
create trigger documents_count_update after update on public.documents
  referencing new table as changed for each statement
  execute function app_private.queue_documents();
create trigger documents_count_delete after delete on public.documents
  referencing old table as changed for each statement
  execute function app_private.queue_documents();

create trigger exchanges_count_insert after insert on public.exchanges
  referencing new table as changed for each statement
  execute function app_private.queue_exchanges();
create trigger exchanges_count_came after update on public.exchanges
  referencing new table as changed for each statement
  execute function app_private.queue_exchanges();
create trigger exchanges_count_went after update on public.exchanges
  referencing old table as changed for each statement
  execute function app_private.queue_exchanges();
create trigger exchanges_count_delete after delete on public.exchanges
  referencing old table as changed for each statement
  execute function app_private.queue_exchanges();
"""

#: What was there before: people at once, the rest when the worker comes to it.
BEGIN = r"""
insert into public.analytics_deltas (metric, day, profile, whose, key, n)
  select f.metric, f.day, f.profile, f.whose, f.key, count(*) from public.clients c
  cross join lateral app_private.people_facts(c, 'Europe/Madrid') f group by 1, 2, 3, 4, 5;
insert into public.analytics_queue (client_id, moved)
  select id, moved from public.clients, (values (false), (true)) m (moved);
"""

NAMES = (
    "analytics_rules",
    "working_days",
    "exchanges",
    "analytics_days",
    "analytics_deltas",
    "analytics_queue",
)

#: A colleague's workload is for admins, and one's own for oneself.
OWN = (
    f"{CASEWORKER} and ((select app_private.is_admin())"
    " or whose in ('all', 'nobody', (select app_private.staff_id())::text))"
)

FUNCTIONS_MADE = (
    "timezone()",
    "local_day(timestamptz)",
    "proposal_of(jsonb)",
    "people_facts(public.clients, text)",
    "outcome_of(text, jsonb)",
    "count_clients()",
    "count_changed_clients()",
    "queue_messages()",
    "queue_changed_messages()",
    "queue_documents()",
    "queue_exchanges()",
)


def upgrade() -> None:
    op.execute(TABLES)
    for table in NAMES:
        op.execute(protect(table))
    op.execute(allow("analytics_days", "select", OWN))
    op.execute(allow("analytics_deltas", "select", OWN))
    op.execute(allow("exchanges", "select", CASEWORKER))
    op.execute(FUNCTIONS)
    for function in (*FUNCTIONS_MADE, "product(double precision)"):
        op.execute(f"revoke all on function app_private.{function} from public")
    op.execute("""
    grant execute on function app_private.timezone(), app_private.local_day(timestamptz),
      app_private.product(double precision), app_private.proposal_of(jsonb)
      to authenticated, app_backend;
    grant execute on function app_private.people_facts(public.clients, text),
      app_private.outcome_of(text, jsonb) to app_backend;
    """)
    op.execute(TRIGGERS)
    op.execute(BEGIN)


def downgrade() -> None:
    for table in ("clients", "messages", "documents"):
        for change in ("insert", "update", "delete"):
            op.execute(f"drop trigger {table}_count_{change} on public.{table}")
    op.execute("drop table public.analytics_queue, public.analytics_deltas, public.analytics_days")
    op.execute("drop table public.exchanges, public.working_days")
    for function in reversed(FUNCTIONS_MADE[2:]):
        op.execute(f"drop function app_private.{function}")
    op.execute("drop aggregate app_private.product(double precision)")
    op.execute("drop function app_private.local_day(timestamptz), app_private.timezone()")
    op.execute("drop table public.analytics_rules")
    op.execute("drop index public.messages_sent_at_idx, public.documents_created_at_idx")
