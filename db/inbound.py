"""Set-based writes for whole batches of webhook events: one statement a table, never one a row.

Rows travel as one JSON parameter and are unpacked by `jsonb_to_recordset`, which costs Python a
`json.dumps` and Postgres one plan, whatever the size of the batch.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

Rows = Sequence[dict[str, Any]]

#: Identity locks are striped, so that a batch of any size takes a bounded number of them.
LOCK_STRIPES = 512
_LOCK_SPACE = 7_230


async def lock_identities(connection: AsyncConnection, keys: Sequence[tuple[str, str]]) -> None:
    """Hold every writer of these (kind, value) identities off until the transaction ends."""
    if not keys:
        return
    await connection.execute(
        text(
            "select pg_advisory_xact_lock(:space, stripe) from ("
            "  select distinct abs(hashtext(key) % :stripes) as stripe"
            "  from unnest(cast(:keys as text[])) as key order by stripe) as stripes"
        ),
        {
            "space": _LOCK_SPACE,
            "stripes": LOCK_STRIPES,
            "keys": [f"{kind}:{value}" for kind, value in keys],
        },
    )


async def lock_all_identities(connection: AsyncConnection) -> None:
    """Hold every writer of any identity off until the transaction ends."""
    await connection.execute(
        text("select pg_advisory_xact_lock(:space, s) from generate_series(0, :last) s"),
        {"space": _LOCK_SPACE, "last": LOCK_STRIPES - 1},
    )


async def find_identities(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]]
) -> Sequence[RowMapping]:
    """Rows (kind, value, client_id, retired_at) of these (kind, value) keys, oldest first."""
    kinds, values = zip(*keys, strict=True) if keys else ((), ())
    return await _rows(
        connection,
        "select i.kind, i.value, i.client_id, i.retired_at from unnest("
        " cast(:kinds as text[]), cast(:values as text[])) as wanted (kind, value)"
        " join client_identities i on i.kind = wanted.kind and i.value = wanted.value"
        " order by i.id",
        {"kinds": list(kinds), "values": list(values)},
    )


async def bsuids(connection: AsyncConnection, client_ids: Iterable[Any]) -> Sequence[RowMapping]:
    """Rows (client_id, value, retired_at) of the business-scoped ids that these clients ever
    bore; one that they bear again is as it is today."""
    return await _rows(
        connection,
        "select client_id, value, retired_at from client_identities where kind = 'bsuid'"
        " and client_id = any (cast(:ids as uuid[])) order by retired_at nulls last",
        {"ids": list(client_ids)},
    )


async def known_messages(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Which of these (phone_number_id, whatsapp_id) pairs are messages already."""
    numbers, ids = zip(*keys, strict=True) if keys else ((), ())
    rows = await _rows(
        connection,
        "select m.phone_number_id, m.whatsapp_id from unnest("
        " cast(:numbers as text[]), cast(:ids as text[])) as wanted (number, id)"
        " join messages m on m.phone_number_id = wanted.number and m.whatsapp_id = wanted.id",
        {"numbers": list(numbers), "ids": list(ids)},
    )
    return {(row["phone_number_id"], row["whatsapp_id"]) for row in rows}


async def is_anybody_erased(connection: AsyncConnection) -> bool:
    """Whether there is anybody whom late news could bring back."""
    return bool(await connection.scalar(text("select exists (select from erasures)")))


async def erased_and_borne(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]], digests: Sequence[bytes]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Which of these (kind, value) identities, with their digests, are of somebody erased, and
    which are of a client."""
    kinds, values = zip(*keys, strict=True) if keys else ((), ())
    rows = await _rows(
        connection,
        "select w.kind, w.value,"
        "  exists (select from erasures e where e.identifier_hmacs @> array[w.digest]) as erased,"
        "  exists (select from client_identities i"
        "   where i.kind = w.kind and i.value = w.value) as borne"
        " from unnest(cast(:kinds as text[]), cast(:values as text[]),"
        "  cast(:digests as bytea[])) as w (kind, value, digest)",
        {"kinds": list(kinds), "values": list(values), "digests": list(digests)},
    )
    return (
        {(row["kind"], row["value"]) for row in rows if row["erased"]},
        {(row["kind"], row["value"]) for row in rows if row["borne"]},
    )


async def leave_to_erasures(
    connection: AsyncConnection, digests: Sequence[bytes], delivery_ids: Sequence[int]
) -> None:
    """Have these deliveries emptied, once they are applied, for whomever these digests are of."""
    await connection.execute(
        text(
            "update erasures set open_deliveries = open_deliveries || cast(:ids as bigint[])"
            " where identifier_hmacs && cast(:digests as bytea[])"
        ),
        {"ids": list(delivery_ids), "digests": list(digests)},
    )


async def insert_clients(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: id, profile_name, username."""
    await _write(
        connection,
        "insert into clients (id, profile_name, username)"
        " select id, profile_name, username from jsonb_to_recordset(cast(:rows as jsonb))"
        " as r (id uuid, profile_name text, username text)",
        rows,
    )


async def retire_identities(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: client_id, kind, value, retired_at (ISO 8601)."""
    await _write(
        connection,
        "update client_identities i set retired_at = r.retired_at"
        " from jsonb_to_recordset(cast(:rows as jsonb))"
        " as r (client_id uuid, kind text, value text, retired_at timestamptz)"
        " where i.client_id = r.client_id and i.kind = r.kind and i.value = r.value"
        " and i.retired_at is null",
        rows,
    )


async def insert_identities(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: client_id, kind, value, retired_at or null. One that another client bears today stays
    where it is."""
    await _write(
        connection,
        "insert into client_identities (client_id, kind, value, retired_at)"
        " select client_id, kind, value, retired_at from jsonb_to_recordset(cast(:rows as jsonb))"
        " as r (client_id uuid, kind text, value text, retired_at timestamptz)"
        " on conflict (channel, kind, value) where retired_at is null do nothing",
        rows,
    )


async def insert_conflicts(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: client_id, other_client_id, kind, value."""
    await _write(
        connection,
        "insert into identity_conflicts (client_id, other_client_id, kind, value)"
        " select client_id, other_client_id, kind, value"
        " from jsonb_to_recordset(cast(:rows as jsonb))"
        " as r (client_id uuid, other_client_id uuid, kind text, value text)"
        " on conflict do nothing",
        rows,
    )


async def keep_changes(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: previous, current (people as JSON), keys, occurred_at. Nobody is known to move yet."""
    await _write(
        connection,
        "insert into identity_changes (previous, current, keys, occurred_at)"
        " select previous, current, keys, occurred_at from jsonb_to_recordset(cast(:rows as jsonb))"
        " as r (previous jsonb, current jsonb, keys text[], occurred_at timestamptz)",
        rows,
    )


async def kept_changes(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]]
) -> Sequence[RowMapping]:
    """Rows (id, previous, current, occurred_at) of kept changes that mention one of these keys."""
    return await _rows(
        connection,
        "select id, previous, current, occurred_at from identity_changes"
        " where keys && cast(:keys as text[]) order by occurred_at, id",
        {"keys": [f"{kind}:{value}" for kind, value in keys]},
    )


async def drop_changes(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Forget kept changes that were carried out."""
    if ids:
        await connection.execute(
            text("delete from identity_changes where id = any (cast(:ids as bigint[]))"),
            {"ids": list(ids)},
        )


async def insert_messages(connection: AsyncConnection, rows: Rows) -> Sequence[RowMapping]:
    """Insert what is not there yet, in the given order; returns those rows."""
    return await _rows(
        connection,
        "insert into messages (client_id, phone_number_id, whatsapp_id, direction, type, text,"
        "  payload, sent_at, received_at, status, error, quoted_id, target_id, historical,"
        "  delivery_id)"
        " select client_id, phone_number_id, whatsapp_id, direction, type, text, payload, sent_at,"
        "  received_at, status, error, quoted_id, target_id, historical, delivery_id"
        " from jsonb_to_recordset(cast(:rows as jsonb)) as r (n int, client_id uuid,"
        "  phone_number_id text, whatsapp_id text, direction text, type text, text text,"
        "  payload jsonb, sent_at timestamptz, received_at timestamptz, status text, error jsonb,"
        "  quoted_id text, target_id text, historical boolean, delivery_id bigint)"
        " order by n"
        " on conflict (phone_number_id, whatsapp_id) do nothing"
        " returning id, client_id, phone_number_id, whatsapp_id, direction, type, text, sent_at,"
        "  target_id, historical",
        {"rows": json.dumps(rows)},
    )


async def await_media(connection: AsyncConnection, message_ids: Sequence[Any]) -> None:
    """Have the files of these messages fetched: of those that have one which WhatsApp names."""
    if not message_ids:
        return
    await connection.execute(
        text(
            "insert into message_media (message_id, client_id, media_id, mime_type, file_name,"
            "  declared_sha256, expires_at)"
            " select m.id, m.client_id, left(p.part ->> 'id', 300),"
            "  left(p.part ->> 'mime_type', 200), left(p.part ->> 'filename', 300),"
            "  left(p.part ->> 'sha256', 200), m.received_at + interval '7 days'"
            " from messages m cross join lateral (select m.payload -> m.type as part) p"
            " where m.id = any (cast(:ids as uuid[])) and p.part ->> 'id' <> ''"
            " on conflict do nothing"
        ),
        {"ids": list(message_ids)},
    )


async def insert_statuses(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: phone_number_id, whatsapp_id, status, occurred_at, callback_data, error, ..."""
    await _write(
        connection,
        "insert into message_statuses (phone_number_id, whatsapp_id, status, occurred_at,"
        "  callback_data, error, payload, delivery_id)"
        " select phone_number_id, whatsapp_id, status, occurred_at, callback_data, error, payload,"
        "  delivery_id from jsonb_to_recordset(cast(:rows as jsonb)) as r (phone_number_id text,"
        "  whatsapp_id text, status text, occurred_at timestamptz, callback_data text, error jsonb,"
        "  payload jsonb, delivery_id bigint)"
        " on conflict do nothing",
        rows,
    )


async def apply_statuses(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]]
) -> Sequence[RowMapping]:
    """Raise these (phone_number_id, whatsapp_id) outbound messages to the highest status known.

    Returns (id, client_id) of the messages that changed.
    """
    numbers, ids = zip(*keys, strict=True) if keys else ((), ())
    return await _rows(
        connection,
        "update messages m set"
        "  status = case when s.rank > app_private.status_rank(m.status)"
        "    then s.status else m.status end,"
        "  status_at = case when s.rank > app_private.status_rank(m.status)"
        "    then s.at else m.status_at end,"
        "  error = coalesce(s.error, m.error)"
        " from ("
        "  select e.phone_number_id, e.whatsapp_id, max(e.rank) as rank,"
        "   (array_agg(e.status order by e.rank desc nulls last, e.id))[1] as status,"
        "   (array_agg(e.at order by e.rank desc nulls last, e.id))[1] as at,"
        "   (array_agg(e.error order by e.id) filter (where e.error is not null))[1] as error"
        "  from (select e.*, app_private.status_rank(e.status) as rank,"
        "    coalesce(e.occurred_at, e.received_at) as at"
        "   from unnest(cast(:numbers as text[]), cast(:ids as text[])) as wanted (number, id)"
        "   join message_statuses e"
        "    on e.phone_number_id = wanted.number and e.whatsapp_id = wanted.id) e"
        "  group by e.phone_number_id, e.whatsapp_id) s"
        " where m.phone_number_id = s.phone_number_id and m.whatsapp_id = s.whatsapp_id"
        "  and m.direction = 'outbound'"
        "  and (s.rank > app_private.status_rank(m.status)"
        "   or (s.error is not null and m.error is null))"
        " returning m.id, m.client_id",
        {"numbers": list(numbers), "ids": list(ids)},
    )


async def touch_clients(connection: AsyncConnection, rows: Rows) -> None:
    """Bring the activity beside the clients up to date. Whoever writes leaves the archive.

    Rows: client_id, unread (to add), answered (nothing before counts), of the newest message
    last_at, direction, type and preview, inbound_at (opens the window), waiting_at (the first
    message that nobody answered), answered_at (the last answer), profile_name, username and
    named_at (when WhatsApp last told them).
    Times are ISO 8601; all but the first three may be null.

    Who waits: an answer settles what was said before it and nothing later, in whatever order the
    two arrive. Whoever writes is no longer snoozed; out of the archive they wait from now on.
    """
    await _write(
        connection,
        "update clients c set"
        "  unread_count = r.unread + case when r.answered then 0 else c.unread_count end,"
        "  status = case when r.unread > 0 and c.status = 'archived'"
        "    then 'active' else c.status end,"
        "  last_message_at = greatest(c.last_message_at, r.last_at),"
        "  last_message_direction ="
        "    case when newer then r.direction else c.last_message_direction end,"
        "  last_message_type = case when newer then r.type else c.last_message_type end,"
        "  last_message_preview ="
        "    case when newer then r.preview else c.last_message_preview end,"
        "  last_inbound_at = greatest(c.last_inbound_at, r.inbound_at),"
        "  waiting_since = case"
        "    when c.status = 'archived' and r.unread > 0 then r.waiting_at"
        "    when r.answered_at >= c.waiting_since or r.waiting_at < c.last_message_at then ("
        "      select min(m.sent_at) from messages m where m.client_id = c.id"
        "       and m.sent_at >= least(c.waiting_since, r.waiting_at) and m.direction = 'inbound'"
        "       and not m.historical and m.type not in ('reaction', 'edit', 'revoke', 'system')"
        "       and m.sent_at > coalesce((select max(o.sent_at) from messages o"
        "         where o.client_id = c.id and o.direction = 'outbound' and not o.historical"
        "         and o.status <> 'failed' and o.type not in ('reaction', 'edit', 'revoke')),"
        "        '-infinity'))"
        "    else least(c.waiting_since, r.waiting_at) end,"
        "  snoozed_until = case when r.unread = 0 then c.snoozed_until end,"
        "  woken_at = case when r.unread = 0 and not r.answered then c.woken_at end,"
        "  profile_name = case when renamed"
        "    then coalesce(r.profile_name, c.profile_name) else c.profile_name end,"
        "  username = case when renamed"
        "    then coalesce(r.username, c.username) else c.username end,"
        "  profile_named_at = greatest(c.profile_named_at, r.named_at)"
        " from (select u.*, u.last_at is not null"
        "    and u.last_at >= coalesce(k.last_message_at, '-infinity') as newer,"
        "   coalesce(u.named_at >= coalesce(k.profile_named_at, '-infinity'), false) as renamed"
        "  from jsonb_to_recordset(cast(:rows as jsonb)) as u (client_id uuid, unread int,"
        "   answered boolean, last_at timestamptz, direction text, type text, preview text,"
        "   inbound_at timestamptz, waiting_at timestamptz, answered_at timestamptz,"
        "   profile_name text, username text, named_at timestamptz)"
        "  join clients k on k.id = u.client_id for update of k) r"
        " where c.id = r.client_id",
        rows,
    )


async def profiles(connection: AsyncConnection, client_ids: Iterable[Any]) -> Sequence[RowMapping]:
    """Rows (id, profile_evidence) of those clients that no person has judged yet."""
    return await _rows(
        connection,
        "select id, profile_evidence from clients where id = any (cast(:ids as uuid[]))"
        " and profile_source is distinct from 'staff' and profile_source is distinct from 'import'",
        {"ids": list(client_ids)},
    )


async def propose_profiles(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: client_id, profile_type, confidence, evidence. A person's decision stands."""
    await _write(
        connection,
        "update clients c set profile_type = r.profile_type, profile_confidence = r.confidence,"
        "  profile_evidence = r.evidence, profile_source = 'classifier'"
        " from jsonb_to_recordset(cast(:rows as jsonb)) as r (client_id uuid, profile_type text,"
        "  confidence double precision, evidence jsonb)"
        " where c.id = r.client_id and c.profile_source is distinct from 'staff'"
        "  and c.profile_source is distinct from 'import'",
        rows,
    )


async def insert_items(connection: AsyncConnection, rows: Rows) -> None:
    """Rows: delivery_id, position, field, state, code, reason, raw. A replay renews the row."""
    await _write(
        connection,
        "insert into webhook_items (delivery_id, position, field, state, code, reason, raw)"
        " select delivery_id, position, field, state, code, reason, raw"
        " from jsonb_to_recordset(cast(:rows as jsonb)) as r (delivery_id bigint, position int,"
        "  field text, state text, code text, reason text, raw text)"
        " on conflict (delivery_id, position) do update set state = excluded.state,"
        "  code = excluded.code, reason = excluded.reason, raw = excluded.raw,"
        "  attempts = webhook_items.attempts + 1"
        " where webhook_items.state <> 'closed'",
        rows,
    )


async def note_numbers(connection: AsyncConnection, rows: Rows) -> Sequence[RowMapping]:
    """Rows: phone_number_id, display_phone_number. Returns those never seen before."""
    return await _rows(
        connection,
        "insert into whatsapp_numbers (phone_number_id, display_phone_number)"
        " select phone_number_id, display_phone_number"
        " from jsonb_to_recordset(cast(:rows as jsonb)) as r (phone_number_id text,"
        "  display_phone_number text) order by phone_number_id"
        " on conflict (phone_number_id) do update set last_delivery_at = now(),"
        "  display_phone_number = coalesce(excluded.display_phone_number,"
        "   whatsapp_numbers.display_phone_number)"
        " returning phone_number_id, (xmax = 0) as is_new",
        {"rows": json.dumps(rows)},
    )


async def _write(connection: AsyncConnection, statement: str, rows: Rows) -> None:
    if rows:
        await connection.execute(text(statement), {"rows": json.dumps(rows)})


async def _rows(
    connection: AsyncConnection, statement: str, parameters: dict[str, Any]
) -> Sequence[RowMapping]:
    return (await connection.execute(text(statement), parameters)).mappings().all()
