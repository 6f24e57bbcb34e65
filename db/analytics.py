# ruff: noqa: S608 - all that becomes SQL is written in this file
"""Counting for the analytics: what the worker writes.

Everything here is SQL over the rows themselves. FACTS of some days are what there is to count of
them; the same query fills `analytics_days`, and proves it in `db/analytics_proof.py`.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: One worker counts at a time, whichever process it lives in.
_LOCK = 7_230_114_058

#: Annotations of other messages, and news of WhatsApp's: nobody said anything to anybody.
_SILENT = "('reaction', 'edit', 'revoke', 'system')"

#: A percentile is read off these steps, in minutes, named by where each begins: one minute below
#: an hour, five below nine hours, thirty below five working days of nine hours, then a day.
_BUCKET = """
  case when minutes < 60 then minutes
    when minutes < 540 then minutes / 5 * 5
    when minutes < 2700 then minutes / 30 * 30
    else least(minutes, 54000) / 540 * 540 end"""

#: A client's exchanges, made from their messages. An answer is what left us; a message that failed
#: or waits in the queue answers nobody.
EXCHANGES = f"""
  with said as (
    select m.client_id, m.sent_at, m.seq, m.direction = 'inbound' as theirs,
      count(*) filter (where m.direction = 'outbound') over ordered
        - (m.direction = 'outbound')::int as answers_before,
      lead(m.sent_at) over ordered as next_at
    from messages m
    where {{wanted}} and m.type not in {_SILENT}
      and (m.direction = 'inbound'
        or m.status in ('accepted', 'sent', 'delivered', 'read', 'played'))
    window ordered as (partition by m.client_id order by m.sent_at, m.seq)
  ), spans as (
    select client_id, answers_before,
      min(sent_at) filter (where theirs) as started_at,
      min(sent_at) filter (where not theirs) as answered_at,
      min(sent_at) filter (where theirs
        and coalesce(next_at, 'infinity') > sent_at + interval '24 hours')
        + interval '24 hours' as lapses_at
    from said group by client_id, answers_before having bool_or(theirs)
  ), fresh as (
    select s.client_id,
      row_number() over (partition by s.client_id order by s.answers_before)::int as number,
      s.started_at, s.answered_at,
      till.seconds_before + greatest(0, extract(epoch from
          least(s.answered_at, till.closes_at) - till.opens_at))::bigint
        - since.seconds_before - greatest(0, extract(epoch from
          least(s.started_at, since.closes_at) - since.opens_at))::bigint as working_seconds,
      s.lapses_at, coalesce(s.lapses_at <= :now, false) as missed
    from spans s
    left join working_days since on since.day = (s.started_at at time zone :zone)::date
    left join working_days till on till.day = (s.answered_at at time zone :zone)::date
  )"""

_WRITE_EXCHANGES = f"""
  {EXCHANGES}, gone as (
    delete from exchanges e where {{stored}} and not exists (
      select from fresh f where f.client_id = e.client_id and f.number = e.number)
  )
  insert into exchanges as e
    (client_id, number, started_at, answered_at, working_seconds, lapses_at, missed)
  select client_id, number, started_at, answered_at, working_seconds, lapses_at, missed from fresh
  on conflict (client_id, number) do update set started_at = excluded.started_at,
    answered_at = excluded.answered_at, working_seconds = excluded.working_seconds,
    lapses_at = excluded.lapses_at, missed = excluded.missed
  where (e.started_at, e.answered_at, e.working_seconds, e.lapses_at, e.missed)
    is distinct from (excluded.started_at, excluded.answered_at, excluded.working_seconds,
      excluded.lapses_at, excluded.missed)"""

#: What there is to count of some days: one row a thing, with whose it is. What somebody has sent is
#: theirs, whoever the client is assigned to.
FACTS = f"""
  with bounds as (
    select day, day::timestamp at time zone :zone as since,
      (day + 1)::timestamp at time zone :zone as till
    from unnest(cast(:days as date[])) day
  ), facts as (
    select b.day, m.client_id, null::uuid as by_staff,
      case when m.status = 'failed' then 'failed' else m.direction end as metric,
      case when m.status = 'failed'
        then left(coalesce(m.error ->> 'code', ''), 64) else '' end as key
    from bounds b join messages m on m.sent_at >= b.since and m.sent_at < b.till
    where m.type not in {_SILENT} and m.status not in ('queued', 'sending')
    union all
    select b.day, m.client_id, s.created_by, 'sent', ''
    from bounds b join messages m on m.sent_at >= b.since and m.sent_at < b.till
    join message_sends s on s.message_id = m.id and s.created_by is not null
    where m.type not in {_SILENT} and m.status not in ('queued', 'sending', 'failed')
    union all
    select b.day, d.client_id, null, 'document', d.state
    from bounds b join documents d on d.created_at >= b.since and d.created_at < b.till
    union all
    select day, client_id, null, metric, ({_BUCKET})::text from (
      select b.day, e.client_id, e.number, e.working_seconds / 60 as minutes
      from bounds b join exchanges e on e.answered_at >= b.since and e.answered_at < b.till
      where e.working_seconds is not null
    ) answered, unnest(case when number = 1 then array['answer', 'first_answer']
      else array['answer'] end) metric
    union all
    select b.day, e.client_id, null, 'missed', ''
    from bounds b join exchanges e on e.lapses_at >= b.since and e.lapses_at < b.till
    where e.missed
  ), fresh as (
    select f.metric, f.day, coalesce(c.profile_type, 'all') as profile,
      case when grouping(w.staff_id) = 1 then 'all'
        else coalesce(w.staff_id::text, 'nobody') end as whose,
      f.key, count(*) as n
    from facts f join clients c on c.id = f.client_id
    cross join lateral (select coalesce(f.by_staff, c.assigned_to) as staff_id) w
    group by f.metric, f.day, f.key, cube (c.profile_type, w.staff_id)
  )"""

#: Numbers of people are no day's alone: the triggers' changes keep them.
OF_PEOPLE = "('people', 'language', 'waiting', 'new', 'agreement')"

_WRITE_DAYS = f"""
  {FACTS}, gone as (
    delete from analytics_days d
    where d.day = any (cast(:days as date[])) and d.metric not in {OF_PEOPLE} and not exists (
      select from fresh f where (f.metric, f.day, f.profile, f.whose, f.key)
        = (d.metric, d.day, d.profile, d.whose, d.key))
  )
  insert into analytics_days as d (metric, day, profile, whose, key, n)
  select metric, day, profile, whose, key, n from fresh
  on conflict (metric, profile, whose, day, key) do update set n = excluded.n
  where d.n <> excluded.n"""


async def claim(connection: AsyncConnection) -> bool:
    """Become the one that counts, until the transaction ends; False while another one is."""
    return bool(
        await connection.scalar(text("select pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    )


async def wait_to_claim(connection: AsyncConnection) -> None:
    """Become the one that counts when the other one is done."""
    await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def rules(connection: AsyncConnection) -> tuple[str, str] | None:
    """The time zone and the hours that the numbers were counted by."""
    found = await connection.execute(text("select timezone, hours from analytics_rules"))
    row = found.one_or_none()
    return None if row is None else (row.timezone, row.hours)


async def take_time(connection: AsyncConnection) -> None:
    """Let what looks at everybody take long, in this transaction, and sort rather than wander."""
    for setting in ("statement_timeout = '30min'", "work_mem = '96MB'", "jit = off"):
        await connection.execute(text(f"set local {setting}"))


async def set_rules(
    connection: AsyncConnection,
    zone: str,
    hours: str,
    days: Sequence[tuple[date, datetime, datetime, int]],
) -> None:
    """Go by another clock from now on: (day, opens, closes, working seconds before). Everything is
    to be counted anew."""
    await connection.execute(
        text(
            "insert into analytics_rules (timezone, hours) values (:zone, :hours)"
            " on conflict (one) do update set timezone = excluded.timezone,"
            "  hours = excluded.hours, updated_at = now()"
        ),
        {"zone": zone, "hours": hours},
    )
    await connection.execute(text("delete from working_days"))
    columns = [list(column) for column in zip(*days, strict=True)]
    await connection.execute(
        text(
            "insert into working_days (day, opens_at, closes_at, seconds_before)"
            " select * from unnest(cast(:d as date[]), cast(:o as timestamptz[]),"
            "  cast(:c as timestamptz[]), cast(:s as bigint[]))"
        ),
        dict(zip("docs", columns, strict=True)),
    )
    await connection.execute(
        text(
            "insert into analytics_queue (client_id, moved)"
            " select id, moved from clients, (values (false), (true)) m (moved)"
        )
    )
    await connection.execute(
        text("insert into analytics_queue (day) select distinct day from analytics_days")
    )


async def recount_people(connection: AsyncConnection) -> None:
    """Count numbers of people from the clients themselves. Nobody may change a client meanwhile."""
    await connection.execute(text("lock table clients in share mode"))
    await connection.execute(text("delete from analytics_deltas"))
    await connection.execute(text(f"delete from analytics_days where metric in {OF_PEOPLE}"))
    await connection.execute(
        text(
            "insert into analytics_days (metric, day, profile, whose, key, n)"
            " select f.metric, f.day, f.profile, f.whose, f.key, count(*) from clients c"
            " cross join lateral app_private.people_facts(c, app_private.timezone()) f"
            " group by 1, 2, 3, 4, 5"
        )
    )


async def take_clients(connection: AsyncConnection, limit: int) -> tuple[list[UUID], list[UUID]]:
    """Take the clients who wait longest: whose exchanges are to be made anew, and who counts
    elsewhere now. They stay until the transaction ends."""
    rows = (
        await connection.execute(
            text(
                "with taken as (delete from analytics_queue where id in ("
                "  select id from analytics_queue where client_id is not null"
                "  order by id limit :limit) returning client_id, moved)"
                " select distinct client_id, moved from taken"
            ),
            {"limit": limit},
        )
    ).all()
    ids = sorted({row.client_id for row in rows})
    there = await connection.execute(
        text("select id from clients where id = any (:ids) order by id for key share"), {"ids": ids}
    )
    still = set(there.scalars())
    changed = [row.client_id for row in rows if not row.moved and row.client_id in still]
    return changed, [row.client_id for row in rows if row.moved and row.client_id in still]


async def recount_exchanges(
    connection: AsyncConnection, client_ids: Sequence[UUID], zone: str, now: datetime
) -> None:
    """Make these clients' exchanges from their messages; only what differs is written."""
    if client_ids:
        statement = _WRITE_EXCHANGES.format(
            wanted="m.client_id = any (:ids)", stored="e.client_id = any (:ids)"
        )
        await connection.execute(
            text(statement), {"ids": list(client_ids), "zone": zone, "now": now}
        )


async def recount_all_exchanges(connection: AsyncConnection, zone: str, now: datetime) -> None:
    """The same for everybody."""
    statement = _WRITE_EXCHANGES.format(wanted="true", stored="true")
    await connection.execute(text(statement), {"zone": zone, "now": now})


async def queue_days_of(connection: AsyncConnection, client_ids: Sequence[UUID]) -> None:
    """Have all days counted anew that these clients are in."""
    if client_ids:
        await connection.execute(
            text(
                "insert into analytics_queue (day)"
                " select distinct app_private.local_day(moment) from ("
                "  select sent_at as moment from messages where client_id = any (:ids)"
                "  union all select created_at from documents where client_id = any (:ids)"
                "  union all select answered_at from exchanges where client_id = any (:ids)"
                "  union all select lapses_at from exchanges where client_id = any (:ids)"
                " ) moments where moment is not null"
            ),
            {"ids": list(client_ids)},
        )


async def note_missed(connection: AsyncConnection, now: datetime) -> int:
    """Windows that have closed without an answer since somebody looked last; how many."""
    result = await connection.execute(
        text("update exchanges set missed = true where not missed and lapses_at <= :now"),
        {"now": now},
    )
    return result.rowcount


async def take_days(connection: AsyncConnection, limit: int) -> list[date]:
    """Take the newest days that are to be counted anew."""
    rows = await connection.execute(
        text(
            "with chosen as (select distinct day from analytics_queue where day is not null"
            "  order by day desc limit :limit), taken as ("
            "  delete from analytics_queue q using chosen c where q.day = c.day)"
            " select day from chosen order by day"
        ),
        {"limit": limit},
    )
    return list(rows.scalars())


async def recount_days(connection: AsyncConnection, days: Sequence[date], zone: str) -> None:
    """Count these days from the rows themselves; only what differs is written."""
    if days:
        await connection.execute(text(_WRITE_DAYS), {"days": list(days), "zone": zone})


async def all_days(connection: AsyncConnection) -> list[date]:
    """Every day of which there is, or was, anything to count."""
    rows = await connection.execute(
        text(
            "select distinct app_private.local_day(sent_at) as day from messages"
            " union select app_private.local_day(created_at) from documents"
            " union select app_private.local_day(lapses_at) from exchanges"
            "  where lapses_at is not null"
            f" union select day from analytics_days where metric not in {OF_PEOPLE}"
            " order by day"
        )
    )
    return list(rows.scalars())


async def fold(connection: AsyncConnection) -> int:
    """Add the noted changes to the numbers of people; how many there were."""
    result = await connection.execute(
        text(
            "with taken as (delete from analytics_deltas returning *),"
            " sums as (select metric, day, profile, whose, key, sum(n) as n, count(*) as changes"
            "  from taken group by 1, 2, 3, 4, 5), written as ("
            "  insert into analytics_days as d (metric, day, profile, whose, key, n)"
            "  select metric, day, profile, whose, key, n from sums where n <> 0"
            "  on conflict (metric, profile, whose, day, key) do update set n = d.n + excluded.n)"
            " select coalesce(sum(changes), 0) from sums"
        )
    )
    return int(result.scalar_one())


async def is_behind(connection: AsyncConnection, backlog: int) -> bool:
    """Whether more than this waits to be counted."""
    return bool(
        await connection.scalar(
            text("select exists (select from analytics_queue offset :backlog)"),
            {"backlog": backlog},
        )
    )
