"""Asking WhatsApp every few minutes how it sees our numbers, and whether it still lets us in.

The row is the job, under a lease. What is found is announced, so that the banner is on every page
within a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from services import changes, graph_errors
from services.actors import Staff, System
from services.permissions import Permission, requires

#: Seconds between questions about one number, and while it does not answer.
EVERY = 300
EVERY_WITH_PROBLEM = 60
#: Seconds for which a question is somebody's: longer than the client waits for an answer.
LEASE = 120
#: Numbers that are asked about; an account has few.
MOST_NUMBERS = 20
#: Seconds without a delivery that are news: one and a half times the usual pause, within these.
QUIET_LEAST = 12 * 3600
QUIET_MOST = 72 * 3600


class NumberSource(Protocol):
    """Who is asked: `services.adapters.graph.Graph`."""

    phone_number_id: str

    async def phone_number(self, phone_number_id: str | None = None) -> Mapping[str, Any]: ...


#: stopped: nothing is sent; token: WhatsApp does not let us in; quiet: nothing arrives.
IllKind = Literal["stopped", "token", "quiet"]


@dataclass(frozen=True, slots=True)
class Ill:
    """Something that everybody, or for `quiet` every admin, has to know on every page."""

    kind: IllKind
    since: datetime
    #: WhatsApp's number of the error, where there is one.
    code: int | None = None
    #: Messages that wait.
    queued: int = 0


@requires(Permission.SYSTEM)
async def ills(actor: System) -> tuple[Ill, ...]:
    """What is wrong with the connection now, the worst first."""
    async with begin(actor) as connection:
        stopped = (
            await connection.execute(
                text(
                    "select stopped_at, stop_code, (select count(*) from message_sends s"
                    "  where s.finished_at is null and s.phone_number_id = n.phone_number_id)"
                    " from whatsapp_numbers n where stopped_at is not null"
                    " order by stopped_at limit 1"
                )
            )
        ).one_or_none()
        token = (
            await connection.execute(
                text(
                    "select problem_since, problem from channel_checks"
                    " where problem = any (cast(:codes as text[]))"
                    " order by problem_since limit 1"
                ),
                {"codes": [str(code) for code in sorted(graph_errors.HEALING)]},
            )
        ).one_or_none()
        quiet = await connection.scalar(_QUIET, {"least": QUIET_LEAST, "most": QUIET_MOST})
    found: list[Ill] = []
    if stopped is not None:
        found.append(Ill("stopped", stopped[0], stopped[1], stopped[2]))
    # A token that stopped sending is one thing, and is said once.
    if token is not None and (stopped is None or stopped[1] not in graph_errors.HEALING):
        found.append(Ill("token", token[0], int(token[1])))
    if quiet is not None:
        found.append(Ill("quiet", quiet))
    return tuple(found)


#: When something last came, if that is unusually long ago for every number.
_QUIET = text(
    "select max(n.last_delivery_at) from whatsapp_numbers n"
    " having max(n.last_delivery_at) < now() - make_interval(secs => ("
    "  select least(greatest(1.5 * coalesce(max(c.usual_pause), 0),"
    "   cast(:least as double precision)), cast(:most as double precision))"
    "  from channel_checks c))"
)


@requires(Permission.MANAGE_CHANNEL)
async def request_check(actor: Staff) -> None:
    """Have WhatsApp asked now."""
    async with begin(actor) as connection:
        await connection.execute(text("update channel_checks set next_check_at = now()"))


@requires(Permission.SYSTEM)
async def check_due(actor: System, source: NumberSource) -> int:
    """Ask about one number, if it is time; how many were asked about. For a worker."""
    async with begin(actor) as connection:
        number = await connection.scalar(_CLAIM, {"lease": LEASE})
        if number is None:
            await connection.execute(_KNOW, {"own": source.phone_number_id, "most": MOST_NUMBERS})
            return 0
    said: Mapping[str, Any] = {}
    problem: str | None = None
    try:
        said = await source.phone_number(number)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is kept and asked again
        code = getattr(error, "code", None)
        problem = str(code) if isinstance(code, int) else type(error).__name__[:64]
    async with begin(actor) as connection:
        await _keep(connection, number, said, problem)
    return 1


_KNOW = text(
    "insert into channel_checks (phone_number_id)"
    " select id from (select :own as id union select phone_number_id from whatsapp_numbers) k"
    "  where not exists (select from channel_checks c where c.phone_number_id = k.id) limit :most"
    " on conflict do nothing"
)
_CLAIM = text(
    "update channel_checks set leased_until = now() + make_interval(secs => :lease)"
    " where phone_number_id = (select phone_number_id from channel_checks"
    "  where next_check_at <= now() and coalesce(leased_until, '-infinity') <= now()"
    "  order by next_check_at limit 1 for update skip locked)"
    " returning phone_number_id"
)
_KEEP = text(
    "update channel_checks c set leased_until = null, checked_at = now(),"
    "  next_check_at = now() + make_interval(secs => :wait),"
    "  answered_at = case when cast(:problem as text) is null then now() else c.answered_at end,"
    "  problem = cast(:problem as text),"
    "  problem_since = case when cast(:problem as text) is null then null"
    "   else coalesce(c.problem_since, now()) end,"
    "  verified_name = coalesce(cast(:verified_name as text), c.verified_name),"
    "  name_status = coalesce(cast(:name_status as text), c.name_status),"
    "  status = coalesce(cast(:status as text), c.status),"
    "  quality = coalesce(cast(:quality as text), c.quality),"
    "  messaging_limit = coalesce(cast(:messaging_limit as text), c.messaging_limit),"
    "  throughput = coalesce(cast(:throughput as text), c.throughput),"
    "  usual_pause = greatest("
    "   coalesce(extract(epoch from n.last_delivery_at - c.delivery_seen_at), 0),"
    "   c.usual_pause * power(0.5, coalesce(extract(epoch from now() - c.checked_at), 0)"
    "    / 1209600)),"
    "  delivery_seen_at = n.last_delivery_at"
    " from channel_checks before left join whatsapp_numbers n"
    "  on n.phone_number_id = before.phone_number_id"
    " where c.phone_number_id = :number and before.phone_number_id = c.phone_number_id"
    " returning (before.problem, before.quality, before.messaging_limit, before.status)"
    "  is distinct from (c.problem, c.quality, c.messaging_limit, c.status)"
)


async def _keep(
    connection: AsyncConnection, number: str, said: Mapping[str, Any], problem: str | None
) -> None:
    throughput = said.get("throughput")
    changed = await connection.scalar(
        _KEEP,
        {
            "number": number,
            "wait": EVERY if problem is None else EVERY_WITH_PROBLEM,
            "problem": problem,
            "verified_name": _word(said.get("verified_name"), 200),
            "name_status": _word(said.get("name_status")),
            "status": _word(said.get("status")),
            "quality": _word(said.get("quality_rating")),
            "messaging_limit": _word(said.get("messaging_limit_tier")),
            "throughput": _word(
                throughput.get("level") if isinstance(throughput, dict) else throughput
            ),
        },
    )
    if changed:
        await changes.announce_channel(connection)


def _word(given: object, most: int = 64) -> str | None:
    if not isinstance(given, str) or not given:
        return None
    return given.replace("\0", "").encode("utf-8", "replace").decode()[:most] or None
