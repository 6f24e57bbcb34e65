"""Fetching the files of messages from WhatsApp, which keeps them for a week.

A row of `message_media` is the job, taken under a lease. What fails is tried again, after two
seconds and then ever longer, up to an hour, until WhatsApp lets go of the file; then it is
`expired`, which is an alarm. What WhatsApp says it does not have is given up after some minutes,
because it shuts out whoever asks too often for what is not there; a person can ask again.
"""

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import message_media
from services import changes, files, limits, media_types, public_addresses
from services.actors import System
from services.adapters.graph import (
    Downloaded,
    DownloadRefused,
    GraphError,
    GraphUnanswered,
    GraphUnreachable,
    MediaUrl,
)
from services.adapters.storage import MAX_OBJECT_BYTES, StorageProblem
from services.errors import Invalid, NotFound, TooMany
from services.permissions import Permission, requires

log = structlog.get_logger()

#: Files on their way at once, in all processes together.
PARALLEL = 4
#: How long one attempt may take, storing included.
LEASE = "5 minutes"
#: Seconds before another attempt: after the first, the second, ...
PAUSES = (2, 8, 32, 128, 512, 2048, 3600)
#: Attempts after which a file that WhatsApp does not have, or sends from elsewhere, is given up.
MOST_REFUSED = 6
#: No attempt so close to the end would be followed by another.
MARGIN = "12 hours"

_LOCK = 7_231
_BUDGET_KEY = "graph"
#: HTTP statuses and numbers of WhatsApp's errors: the token is no good.
_TOKEN = {190, 10, 200, 3}
_BUSY = {4, 17, 32, 613, 80007, 130429}

_IS_DUE = (
    "state = 'pending' and next_attempt_at <= now() and (leased_until is null or"
    " leased_until <= now())"
)
_ANY_DUE = text(f"select exists (select from message_media where {_IS_DUE})")  # noqa: S608
_CLAIM = text(
    "update message_media m set attempts = m.attempts + 1,"  # noqa: S608 - our own text
    f"  leased_until = now() + interval '{LEASE}'"
    " from messages t, (select message_id from message_media"
    f"   where {_IS_DUE} and (select count(*) from message_media"
    "     where state = 'pending' and leased_until > now()) < :parallel"
    "   order by next_attempt_at, message_id limit 1 for update skip locked) due"
    " where m.message_id = due.message_id and t.id = m.message_id"
    " returning m.message_id, m.client_id, m.media_id, m.mime_type, m.file_name,"
    "  m.declared_sha256, m.attempts"
)
_EXPIRE = text(
    "update message_media set state = 'expired', leased_until = null where message_id in ("
    "  select message_id from message_media where state = 'pending' and expires_at <= now()"
    "   and (leased_until is null or leased_until <= now())"
    # Somebody has just asked for a last attempt.
    "   and (attempts > 0 or next_attempt_at <= now() - interval '1 hour')"
    "   order by next_attempt_at limit 500 for update skip locked)"
    " returning message_id, client_id"
)


class MediaSource(Protocol):
    """WhatsApp, as far as files go; `adapters.graph.Graph` is one."""

    async def media_url(self, media_id: str) -> MediaUrl:
        """Where a file lies for the next five minutes."""

    async def download(self, url: str, cap: int) -> Downloaded:
        """The file, of at most `cap` bytes, from WhatsApp's hosts only."""


class _Refused(Exception):
    """It is not kept, and another attempt would change nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Later(Exception):
    """It did not work. `is_told_no`: WhatsApp itself will not give it."""

    def __init__(self, code: str, *, is_told_no: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_told_no = is_told_no


class _NotOurs(Exception):
    """The client is gone, or another process has taken the file up."""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    sha256: bytes
    kept: media_types.Kept
    is_altered: bool


@requires(Permission.SYSTEM)
async def fetch_next(actor: System, source: MediaSource, *, only_public: bool) -> int:
    """Fetch one file that is due; 0 when none is, or WhatsApp is not to be asked for now.

    `only_public`: addresses within our own network are never asked.
    """
    async with begin(actor) as connection:
        if not await connection.scalar(_ANY_DUE):
            return 0
    if (await limits.standing(limits.MEDIA_REFUSALS, _BUDGET_KEY)).left == 0:
        return 0
    async with begin(actor) as connection:
        await connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": _LOCK})
        row = (await connection.execute(_CLAIM, {"parallel": PARALLEL})).one_or_none()
    if row is None:
        return 0
    try:
        file = await _fetch(source, row, only_public=only_public)
        await _store(actor, row, file)
    except _Refused as refusal:
        await _settle(actor, row, "refused", refusal.code)
    except _Later as problem:
        await _put_off(actor, row, problem)
    except _NotOurs:
        log.info("media.not_ours", media=str(row.message_id))
    return 1


@requires(Permission.SYSTEM)
async def expire(actor: System) -> int:
    """Note what WhatsApp has let go of before it was fetched, and raise the alarm."""
    async with begin(actor) as connection:
        rows = (await connection.execute(_EXPIRE)).all()
        news: dict[UUID, list[UUID]] = {}
        for row in rows:
            news.setdefault(row.client_id, []).append(row.message_id)
        await changes.announce(connection, news)
    if rows:
        log.error("media.expired", files=len(rows))
    return len(rows)


async def _fetch(source: MediaSource, row: Row[Any], *, only_public: bool) -> _File:
    try:
        said, found = await _downloaded(source, row.media_id, only_public=only_public)
    except DownloadRefused as refusal:
        if refusal.code == "too_large":
            raise _Refused("too_large") from None
        raise _Later(refusal.code, is_told_no=True) from None
    except GraphError as error:
        await _count(error)
        raise _meaning(error) from None
    except (GraphUnreachable, GraphUnanswered):
        raise _Later("unavailable") from None
    content = found.content
    if not content:
        raise _Later("empty", is_told_no=True)
    return await asyncio.to_thread(_examined, content, row, said)


async def _downloaded(
    source: MediaSource, media_id: str, *, only_public: bool
) -> tuple[MediaUrl, Downloaded]:
    """A 404 of the file itself may be an address that is over: a fresh one is asked for, once."""
    for is_last in (False, True):
        said = await source.media_url(media_id)
        if (said.size or 0) > MAX_OBJECT_BYTES:
            raise _Refused("too_large")
        if only_public and not await public_addresses.is_public(said.url):
            raise DownloadRefused("host")
        try:
            return said, await source.download(said.url, MAX_OBJECT_BYTES)
        except GraphError as error:
            if is_last or error.http_status not in (403, 404, 410):
                raise
            await _count(error)
    raise AssertionError("unreachable")


def _examined(content: bytes, row: Row[Any], said: MediaUrl) -> _File:
    digest = hashlib.sha256(content).digest()
    try:
        kept = media_types.judge(content, declared=row.mime_type, name=row.file_name)
    except Invalid as problem:
        raise _Refused(problem.fields["file"]) from None
    declared = [value for value in (row.declared_sha256, said.sha256) if value]
    is_altered = bool(declared) and not any(_is_digest(value, digest) for value in declared)
    if is_altered:
        log.warning("media.altered", media=str(row.message_id))
    return _File(content, digest, kept, is_altered)


def _is_digest(value: str, digest: bytes) -> bool:
    """WhatsApp writes it in base64 here and in hexadecimal digits there."""
    plain = value.strip()
    base = base64.b64encode(digest).decode().rstrip("=")
    url_safe = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return plain.lower() == digest.hex() or plain.rstrip("=") in (base, url_safe)


async def _count(error: GraphError) -> None:
    if not 400 <= error.http_status < 500:
        return
    try:
        await limits.hit(limits.MEDIA_REFUSALS, _BUDGET_KEY)
    except TooMany:
        log.warning("media.paused", seconds=limits.MEDIA_REFUSALS.seconds)


def _meaning(error: GraphError) -> _Later:
    if error.http_status == 401 or error.code in _TOKEN:
        return _Later("token")
    if error.http_status == 429 or error.code in _BUSY:
        return _Later("busy")
    if error.http_status >= 500 or error.is_transient:
        return _Later("unavailable")
    return _Later("not_found", is_told_no=True)


async def _store(actor: System, row: Row[Any], file: _File) -> None:
    kept = file.kept
    try:
        async with (
            files.stored(
                "media", kept.extension, row.client_id, file.content, kept.media_type
            ) as key,
            begin(actor) as connection,
        ):
            await _write(
                connection,
                row,
                {
                    "state": "stored",
                    "storage_key": key,
                    "kept_type": kept.media_type,
                    "size": len(file.content),
                    "sha256": file.sha256,
                    "is_altered": file.is_altered,
                    "width": kept.width,
                    "height": kept.height,
                    "seconds": kept.seconds,
                    "stored_at": text("now()"),
                    "problem": None,
                },
            )
    except NotFound:
        raise _NotOurs from None  # erased meanwhile
    except StorageProblem as problem:
        raise _Later(f"storage_{problem.code}") from None
    log.info("media.stored", media=str(row.message_id), bytes=len(file.content))


async def _put_off(actor: System, row: Row[Any], problem: _Later) -> None:
    """Another attempt later, or none any more."""
    if problem.is_told_no and row.attempts >= MOST_REFUSED:
        await _settle(actor, row, "failed", problem.code)
        return
    pause = PAUSES[min(row.attempts, len(PAUSES)) - 1]
    late = text(
        "case when expires_at is null or expires_at > now() + cast(:margin as interval)"
        " then 'pending' else 'expired' end"
    ).bindparams(margin=MARGIN)
    async with begin(actor) as connection:
        await _write(
            connection,
            row,
            {
                "state": late,
                "problem": problem.code,
                "next_attempt_at": text("now() + make_interval(secs => :pause)").bindparams(
                    pause=pause
                ),
            },
            # Once it is clear that it does not come at once, the page says so.
            is_news=row.attempts in (1, 4),
        )
    log.warning("media.put_off", code=problem.code, attempts=row.attempts)


async def _settle(actor: System, row: Row[Any], state: str, code: str) -> None:
    async with begin(actor) as connection:
        await _write(connection, row, {"state": state, "problem": code})
    log.error("media.given_up", state=state, code=code, attempts=row.attempts)


async def _write(
    connection: AsyncConnection, row: Row[Any], values: dict[str, Any], *, is_news: bool = True
) -> None:
    """Note what became of an attempt that is still ours. Raises _NotOurs."""
    done = await connection.execute(
        update(message_media)
        .where(
            message_media.c.message_id == row.message_id,
            message_media.c.state == "pending",
            message_media.c.attempts == row.attempts,
        )
        .values(leased_until=None, **values)
        .returning(message_media.c.state)
    )
    state = done.scalar_one_or_none()
    if state is None:
        raise _NotOurs
    if state == "expired":
        log.error("media.expired", files=1)
    if is_news or state != "pending":
        await changes.announce(connection, {row.client_id: [row.message_id]})
