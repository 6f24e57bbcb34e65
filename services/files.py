"""The storage of this process, given once at start by the composition root, like `db.engine`.

    files.use(LocalStorage(...))            # main.py, at start
    await files.storage().put(key, ...)     # whoever stores: documents, access exports

Whoever stores notes the key first, so that a crash at any moment leaves no file behind:

    async with files.stored("exports", "zip", client_id, content, media_type) as key:
        async with begin(SYSTEM) as connection:
            ...                             # the row that refers to the key, and with it
            await files.keep(connection, key)
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import storage_removals
from services.actors import System
from services.adapters.storage import Storage, new_key
from services.errors import NotFound

SYSTEM = System("files")

#: How long storing may take: a key that nobody has kept by then is removed.
RESERVED_FOR = "1 hour"

# Whoever erases a client locks their row: they see this key, or there is no client any more.
_RESERVE = text(
    "insert into storage_removals (storage_key, client_id, next_attempt_at, reserved_until)"  # noqa: S608
    f" select :key, id, now() + interval '{RESERVED_FOR}', now() + interval '{RESERVED_FOR}'"
    " from clients where id = :client for key share"
)
_KEEP = text("select app_private.keep_stored_file(:key)")

_storage: Storage | None = None


def use(storage: Storage | None) -> None:
    """Keep files here from now on; None at the end."""
    global _storage
    _storage = storage


def storage() -> Storage:
    """Where files lie. RuntimeError before the composition root has said so."""
    if _storage is None:
        raise RuntimeError("storage has not been started")
    return _storage


@asynccontextmanager
async def stored(
    kind: str, extension: str, client_id: UUID, content: bytes, media_type: str
) -> AsyncIterator[str]:
    """Store a client's file; the block makes a row refer to it, and where it fails the file goes.

    Raises NotFound when there is no such client, and StorageProblem; after that one nobody knows
    whether the file is there, and the key stays reserved.
    """
    key = await reserve(kind, extension, client_id)
    await storage().put(key, content, media_type)
    try:
        yield key
    except BaseException:
        await _release(key)
        raise


async def reserve(kind: str, extension: str, client_id: UUID) -> str:
    """A new key for a file of a client, to be removed unless `keep` says otherwise in time.

    Raises NotFound when there is no such client.
    """
    key = new_key(kind, extension)
    async with begin(SYSTEM) as connection:
        noted = await connection.execute(_RESERVE, {"key": key, "client": client_id})
        if noted.rowcount == 0:
            raise NotFound
    return key


async def keep(connection: AsyncConnection, key: str) -> None:
    """A row of this transaction refers to the key: its file stays.

    For the system's own transactions; a row of `documents` keeps its file by a trigger. The
    transaction fails where the file's removal has begun.
    """
    await connection.execute(_KEEP, {"key": key})


async def _release(key: str) -> None:
    """The file is there and nobody wants it: it goes now."""
    async with begin(SYSTEM) as connection:
        await connection.execute(
            update(storage_removals)
            .where(storage_removals.c.storage_key == key)
            .values(reserved_until=None, removed_at=None, next_attempt_at=func.now())
        )
