"""What did not arrive, by day: refused, without an answer, and for more than a day held back by
WhatsApp or on its way."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, text

from db.engine import begin
from services import audit
from services.actors import Actor
from services.conversations import MessageError
from services.events import Held, MessageType
from services.graph_errors import Remedy, remedy
from services.permissions import Permission, requires
from services.window import window_of

#: WhatsApp keeps trying for 30 days; after one somebody should know.
PATIENCE = timedelta(hours=24)
DAYS = 30
MOST = 300

Why = Literal["failed", "unknown", "held", "silent"]


@dataclass(frozen=True, slots=True)
class DayCount:
    """How much of what was sent on a day did not arrive."""

    day: date
    failed: int
    unknown: int
    #: Accepted, and kept back by WhatsApp.
    held: int
    #: Accepted, and nothing more was heard within a day.
    silent: int

    @property
    def total(self) -> int:
        return self.failed + self.unknown + self.held + self.silent


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that did not arrive, as far as we know."""

    id: UUID
    client_id: UUID
    client_name: str | None
    type: MessageType
    text: str | None
    sent_at: datetime
    why: Why
    error: MessageError | None
    #: Why WhatsApp keeps back one that is `held`.
    held: Held | None
    #: What can be done about one that failed.
    remedy: Remedy | None
    #: It has been sent once more.
    retried: bool
    #: Somebody has to say whether it arrived.
    can_settle: bool


#: What of the table is on these lists; the partial index has the same words.
_NOT_ARRIVED = (
    "m.direction = 'outbound' and not m.historical and m.type <> 'reaction'"
    " and m.status in ('failed', 'unknown', 'accepted', 'sent')"
    " and (m.status in ('failed', 'unknown') or m.sent_at < now() - interval '24 hours')"
)
#: Whether nothing was heard since WhatsApp said that it keeps it back.
_HELD = "(m.status = 'accepted' and s.held is not null)"
_COUNTS = text(
    "select cast(m.sent_at at time zone :zone as date) as day,"  # noqa: S608 - of this module
    "  count(*) filter (where m.status = 'failed') as failed,"
    "  count(*) filter (where m.status = 'unknown') as unknown,"
    f"  count(*) filter (where {_HELD}) as held,"
    f"  count(*) filter (where m.status in ('accepted', 'sent') and not {_HELD}) as silent"
    " from messages m left join message_sends s on s.message_id = m.id"
    f" where {_NOT_ARRIVED} and m.sent_at >= :since"
    " group by 1 order by 1 desc"
)
_OF_A_DAY = text(
    "select m.id, m.client_id, c.display_name, m.type, m.text, m.sent_at,"  # noqa: S608 - as above
    f"  m.status, m.error, case when {_HELD} then s.held end as held,"
    "  c.last_inbound_at, c.window_closed_at, s.message_id is not null as is_ours,"
    "  s.finished_at is not null as is_settled,"
    "  exists (select from message_sends r where r.retry_of = m.id) as retried"
    " from messages m join clients c on c.id = m.client_id"
    " left join message_sends s on s.message_id = m.id"
    f" where {_NOT_ARRIVED} and m.sent_at >= :since and m.sent_at < :until"
    " order by m.sent_at desc, m.id limit :most"
)


@requires(Permission.READ_CLIENTS)
async def counts(actor: Actor, zone: ZoneInfo) -> list[DayCount]:
    """The last days on which something did not arrive, the newest first."""
    # From midnight, so that the first of these days is as long as its list.
    first = datetime.now(zone).date() - timedelta(days=DAYS)
    since = datetime.combine(first, time(), zone).astimezone(UTC)
    async with begin(actor) as connection:
        rows = await connection.execute(_COUNTS, {"zone": zone.key, "since": since})
        return [DayCount(**row) for row in rows.mappings()]


@requires(Permission.READ_CLIENTS)
async def of_day(
    actor: Actor, day: date, zone: ZoneInfo, *, again: bool = False
) -> list[Undelivered]:
    """What was sent on a day and did not arrive, the newest first; at most `MOST`.

    Audited as a view of the clients it is about; `again` is for a page that looks by itself.
    """
    since, until = (
        datetime.combine(moment, time(), zone).astimezone(UTC)
        for moment in (day, day + timedelta(days=1))
    )
    async with begin(actor) as connection:
        rows = await connection.execute(_OF_A_DAY, {"since": since, "until": until, "most": MOST})
        now = datetime.now(UTC)
        found = [_undelivered(row, now) for row in rows.mappings()]
        if found and not again:
            shown = sorted({str(message.client_id) for message in found})[:200]
            await audit.record(connection, "view", table="messages", details={"shown": shown})
        return found


def _undelivered(row: RowMapping, now: datetime) -> Undelivered:
    silent: Why = "silent" if row["held"] is None else "held"
    why: Why = row["status"] if row["status"] in ("failed", "unknown") else silent
    is_open = window_of(row["last_inbound_at"], row["window_closed_at"], now).is_open
    error = row["error"]
    can_help = why == "failed" and row["is_ours"] and not row["retried"]
    return Undelivered(
        id=row["id"],
        client_id=row["client_id"],
        client_name=row["display_name"],
        type=row["type"],
        text=row["text"],
        sent_at=row["sent_at"],
        why=why,
        error=MessageError(error.get("code"), error.get("title") or "", error.get("details"))
        if error
        else None,
        held=row["held"],
        remedy=remedy(
            error.get("code") if error else None,
            now - row["sent_at"],
            is_template=row["type"] == "template",
            window_open=is_open,
        )
        if can_help
        else None,
        retried=row["retried"],
        can_settle=why == "unknown" and row["is_settled"],
    )
