"""How the connection to WhatsApp is, for whoever looks after it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from services import sending, template_sync
from services.actors import Staff
from services.channel_news import ABOUT_THE_CHANNEL
from services.permissions import Permission, requires
from services.sending import Stop
from services.template_sync import SyncState

#: Days of what WhatsApp told, and of files that were lost.
DAYS = 30
#: News that the page shows.
MOST_NEWS = 40


@dataclass(frozen=True, slots=True)
class NumberHealth:
    """One of our numbers."""

    phone_number_id: str
    display_phone_number: str | None
    #: When WhatsApp last brought anything: a message, or what became of one.
    last_delivery_at: datetime | None
    checked_at: datetime | None
    answered_at: datetime | None
    #: Why it does not answer our question: a number of WhatsApp's, or the kind of silence.
    problem: str | None
    problem_since: datetime | None
    verified_name: str | None
    name_status: str | None
    status: str | None
    quality: str | None
    messaging_limit: str | None
    throughput: str | None


@dataclass(frozen=True, slots=True)
class News:
    """Something that WhatsApp told about the account, a number or a template."""

    id: int
    #: The field of the webhook, as `message_template_status_update`.
    kind: str
    at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Files:
    """Files of messages in the last `DAYS` days that we do not have."""

    pending: int
    expired: int
    refused: int
    failed: int


@dataclass(frozen=True, slots=True)
class Health:
    """Everything that the page shows."""

    numbers: list[NumberHealth]
    last_sent_at: datetime | None
    queued: int
    oldest_queued_at: datetime | None
    #: Messages of which nobody knows whether they were sent, and a person has to say.
    unknown: int
    stop: Stop | None
    #: Deliveries that wait to be applied, and since when the oldest does.
    waiting: int
    oldest_waiting_at: datetime | None
    refused_today: int
    #: Templates by what is wrong with them: `REJECTED`, `PAUSED`, ..., and `RED` for the quality.
    templates: Mapping[str, int]
    sync: SyncState
    files: Files
    news: list[News]


@requires(Permission.MANAGE_CHANNEL)
async def health(actor: Staff) -> Health:
    """How everything is now."""
    stop = await sending.stopped(actor)
    sync = await template_sync.sync_state(actor)
    async with begin(actor) as connection:
        queue = await _one(
            connection,
            "select count(*) as queued, min(m.sent_at) as oldest from message_sends s"
            " join messages m on m.id = s.message_id where s.finished_at is null",
        )
        sent = await connection.scalar(
            text("select max(requested_at) from message_sends where requested_at is not null")
        )
        unknown = await connection.scalar(
            text(
                "select count(*) from messages m where m.direction = 'outbound'"
                " and not m.historical and m.type <> 'reaction' and m.status = 'unknown'"
            )
        )
        waiting = await _one(
            connection,
            "select count(*) as waiting, min(received_at) as oldest from webhook_deliveries"
            " where state = 'pending'",
        )
        refused = await connection.scalar(
            text("select coalesce(sum(count), 0) from webhook_refusals where day = current_date")
        )
        files = await _one(
            connection,
            "select count(*) filter (where f.state = 'pending') as pending,"
            " count(*) filter (where f.state = 'expired') as expired,"
            " count(*) filter (where f.state = 'refused') as refused,"
            " count(*) filter (where f.state = 'failed') as failed"
            " from message_media f join messages m on m.id = f.message_id"
            " where f.state <> 'stored' and m.received_at > now() - make_interval(days => :days)",
            days=DAYS,
        )
        return Health(
            numbers=await _numbers(connection),
            last_sent_at=sent,
            queued=queue["queued"],
            oldest_queued_at=queue["oldest"],
            unknown=unknown or 0,
            stop=stop,
            waiting=waiting["waiting"],
            oldest_waiting_at=waiting["oldest"],
            refused_today=int(refused or 0),
            templates=await _templates(connection),
            sync=sync,
            files=Files(**files),
            news=await _news(connection),
        )


async def _numbers(connection: AsyncConnection) -> list[NumberHealth]:
    rows = await connection.execute(
        text(
            "select coalesce(c.phone_number_id, n.phone_number_id) as phone_number_id,"
            "  n.display_phone_number, n.last_delivery_at, c.checked_at, c.answered_at, c.problem,"
            "  c.problem_since, c.verified_name, c.name_status, c.status, c.quality,"
            "  c.messaging_limit, c.throughput"
            " from channel_checks c full join whatsapp_numbers n"
            "  on n.phone_number_id = c.phone_number_id order by n.first_seen_at, 1"
        )
    )
    return [NumberHealth(**row) for row in rows.mappings()]


async def _templates(connection: AsyncConnection) -> dict[str, int]:
    rows = await connection.execute(
        text(
            "select what, count(*) as number from message_templates t,"
            "  lateral (values (t.status), (t.quality)) as said (what)"
            " where t.gone_at is null"
            "  and what not in ('APPROVED', 'PENDING', 'GREEN', 'YELLOW', 'UNKNOWN')"
            " group by what order by what"
        )
    )
    return {row.what: row.number for row in rows}


async def _news(connection: AsyncConnection) -> list[News]:
    """The newest of what WhatsApp told. What an old version could not read is left out."""
    rows = await connection.execute(
        text(
            "select id, code, created_at, raw from webhook_items"
            " where state = 'noted' and code = any (cast(:kinds as text[]))"
            "  and created_at > now() - make_interval(days => :days)"
            " order by created_at desc, id limit :most"
        ),
        {"kinds": sorted(ABOUT_THE_CHANNEL), "most": MOST_NEWS, "days": DAYS},
    )
    found = []
    for row in rows.mappings():
        payload = json.loads(row["raw"])
        found.append(News(row["id"], row["code"], row["created_at"], payload))
    return found


async def _one(connection: AsyncConnection, query: str, **values: Any) -> RowMapping:
    return (await connection.execute(text(query), values)).mappings().one()
