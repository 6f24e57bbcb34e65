"""The copy that a person is given of their data: what is in it, and how it is written.

Everything is written as it is read, so that a long conversation needs no more memory than a short
one; of documents one at a time is held. What does not fit into one ZIP goes on in the next.
"""

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services import export_html, export_readme, export_rows, files
from services.errors import NotFound
from services.export_zip import PART_BYTES, Archive

#: Changes with the shape of client.json.
FORMAT = "acogida.client/2"

#: How much of the work is done after the messages, and after they have been put into words.
_READ, _WORDED = 0.3, 0.5
#: Of a document's name; a name of 255 bytes is the most that file systems take.
_NAME_BYTES = 150
#: What Windows refuses as a file's name.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)

Tell = Callable[[float], Awaitable[None]]


class Copy:
    """A copy being made: `read` from one snapshot of the database, then `parts`, without one."""

    def __init__(self, client_id: UUID, zone: ZoneInfo, tell: Tell) -> None:
        """`tell` hears how much is done, 0..1."""
        self._id = client_id
        self._zone = zone
        self._tell = tell
        #: Where in the copy the documents would be that storage does not have.
        self.missing: list[str] = []
        self._missing_told = 0
        #: What WhatsApp brought that other people are part of, too.
        self._shared_items = 0
        self._documents: list[tuple[str, RowMapping]] = []
        #: The files of the conversation, as they came.
        self._media: list[tuple[str, RowMapping]] = []
        #: By message, where its file is in the copy.
        self._file_of: dict[UUID, str] = {}
        self._archive = Archive(self._closing, part_bytes=PART_BYTES)

    def __enter__(self) -> "Copy":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.__exit__()

    async def read(self, connection: AsyncConnection) -> None:
        """Write what the database holds. Raises NotFound when there is no such client."""
        client = await export_rows.client(connection, self._id)
        if client is None:
            raise NotFound
        self._created_at: datetime = client["created_at"]
        rows = await export_rows.kept_documents(connection, self._id)
        names = safe_names([row["name"] for row in rows])
        self._documents = [
            (f"documents/{name}", row) for name, row in zip(names, rows, strict=True)
        ]
        media = await export_rows.kept_media(connection, self._id)
        names = safe_names([_media_name(row) for row in media])
        self._media = [(f"media/{name}", row) for name, row in zip(names, media, strict=True)]
        self._file_of = {row["message_id"]: path for path, row in self._media}
        total = await export_rows.number_of_messages(connection, self._id)
        await self._write_json(connection, client, total)
        await self._write_conversation(connection, client["display_name"], total)

    async def parts(self) -> AsyncIterator[bytes]:
        """The ZIPs, whole and in their order, with the files. Raises StorageProblem."""
        kept = self._documents + self._media
        whole = sum(row["size"] for _, row in kept) or 1
        done = 0
        for path, row in kept:
            try:
                content = await files.storage().get(row["storage_key"])
            except NotFound:
                self.missing.append(path)
            else:
                if not self._archive.has_room_for(len(content)):
                    self._archive.next_part()
                await asyncio.to_thread(self._archive.add, path, content, packed=True)
            done += row["size"]
            await self._tell(_WORDED + (1 - _WORDED) * done / whole)
            while (part := await asyncio.to_thread(self._archive.take)) is not None:
                yield part
        self._archive.close()
        while (part := await asyncio.to_thread(self._archive.take)) is not None:
            yield part

    async def _write_json(
        self, connection: AsyncConnection, client: RowMapping, total: int
    ) -> None:
        kept = ("name", "media_type", "size", "sha256", "created_at")
        head = {
            "exported_at": datetime.now(UTC),
            "client": export_rows.facts(client),
            "identities": await export_rows.identities(connection, self._id),
            "identifiers_claimed_by_others": await export_rows.conflicts(connection, self._id),
            "advertising": await export_rows.marketing(connection, self._id),
            "drafts": await export_rows.begun(connection, self._id),
            "notes": await export_rows.notes(connection, self._id),
            "labels": await export_rows.borne_labels(connection, self._id),
            "caseworkers": await export_rows.caseworkers(connection, self._id),
            "copies": await export_rows.copies(connection, self._id),
            "lists": await export_rows.imported(connection, self._id),
            "documents": [
                {"file": path} | {key: row[key] for key in kept} for path, row in self._documents
            ],
            "files_of_messages": [
                {"file": path, "media_type": row["kept_type"]}
                | {key: row[key] for key in ("message_id", "sent_at", "size", "sha256")}
                for path, row in self._media
            ],
        }
        with _Lists(self._archive, head) as lists:
            lists.begin("history")
            async for entry in export_rows.history(connection, self._id):
                lists.add(entry)
            lists.begin("unprocessed")
            async for item in export_rows.unprocessed(connection, self._id):
                if item is None:
                    self._shared_items += 1
                else:
                    lists.add(item)
            lists.begin("messages")
            done = 0
            async for page in export_rows.pages(connection, self._id):
                for message in await export_rows.told_messages(connection, page):
                    lists.add(message)
                done += len(page)
                await self._tell(_READ * done / max(total, 1))

    async def _write_conversation(
        self, connection: AsyncConnection, name: str | None, total: int
    ) -> None:
        done, day, number = 0, None, 1
        with ExitStack() as stack:
            put = stack.enter_context(self._archive.open("conversation.html"))
            put(export_html.head(name, datetime.now(UTC), self._zone))
            async for page in export_rows.pages(connection, self._id):
                for message in page:
                    if self._archive.is_full:
                        number += 1
                        following = f"conversation-{number}.html"
                        put(export_html.foot(is_empty=False, following=following))
                        stack.close()
                        self._archive.next_part()
                        put = stack.enter_context(self._archive.open(following))
                        put(export_html.head(name, datetime.now(UTC), self._zone))
                        day = None
                    here: date = message["sent_at"].astimezone(self._zone).date()
                    if here != day:
                        day = here
                        put(export_html.day(message["sent_at"], self._zone))
                    file = self._file_of.get(message["id"])
                    put(export_html.message(message, name, self._zone, file))
                    done += 1
                await self._tell(_READ + (_WORDED - _READ) * done / max(total, 1))
            put(export_html.foot(is_empty=done == 0))

    def _closing(
        self, number: int, is_last: bool, written: dict[str, tuple[int, str]]
    ) -> Iterator[tuple[str, bytes]]:
        """The files that end a part. Each tells of the documents that it should have held."""
        missing = self.missing[self._missing_told :]
        self._missing_told = len(self.missing)
        readme = export_readme.readme(
            self._created_at.astimezone(self._zone).date(),
            missing=missing,
            shared_items=self._shared_items,
            part=None if is_last and number == 1 else number,
            is_last=is_last,
        ).encode()
        yield "README.txt", readme
        manifest = {
            "format": FORMAT,
            "part": number,
            "is_last_part": is_last,
            "files": [
                {"path": name, "size": size, "sha256": digest}
                for name, (size, digest) in written.items()
            ],
            "missing_documents": missing,
        }
        yield "manifest.json", _json(manifest, indent=2).encode()


class _Lists:
    """client.json, a list after the other; where a part is full, client-2.json goes on with it."""

    def __init__(self, archive: Archive, head: dict[str, Any]) -> None:
        self._archive = archive
        self._number = 0
        self._stack = ExitStack()
        self._list: str | None = None
        self._start(head)

    def __enter__(self) -> "_Lists":
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed is None:
            self._put("]}\n")
        self._stack.close()

    def begin(self, name: str) -> None:
        """What is added from now on belongs to this list."""
        self._put(("]" if self._list else "") + f', "{name}": [')
        self._list, self._is_first = name, True

    def add(self, item: dict[str, Any]) -> None:
        """One more item of the list."""
        if self._archive.is_full:
            self._put(f'], "continued_in": "client-{self._number + 1}.json"}}\n')
            self._stack.close()
            self._archive.next_part()
            self._start({"continues": self._name})
            name, self._list = self._list, None
            assert name is not None
            self.begin(name)
        self._put(("\n" if self._is_first else ",\n") + _json(item))
        self._is_first = False

    def _start(self, head: dict[str, Any]) -> None:
        self._number += 1
        self._name = "client.json" if self._number == 1 else f"client-{self._number}.json"
        self._put = self._stack.enter_context(self._archive.open(self._name))
        self._put(_json({"format": FORMAT} | head)[:-1])


def _media_name(row: RowMapping) -> str:
    """What the sender called it, with the day before it and the ending of what it is."""
    ending = row["storage_key"].rpartition(".")[2]
    name = row["file_name"] or "WhatsApp"
    if ending != "bin" and not name.lower().endswith(f".{ending}"):
        name = f"{name}.{ending}"
    return f"{row['sent_at']:%Y-%m-%d} {name}"


def safe_names(names: Sequence[str]) -> list[str]:
    """Names that every system can unpack, into the folder they belong to, each only once."""
    taken: set[str] = set()
    found = []
    for name in names:
        clean = _safe_name(name)
        stem, dot, ending = clean.rpartition(".")
        unique, number = clean, 1
        while unique.casefold() in taken:
            number += 1
            unique = f"{stem} ({number}){dot}{ending}" if stem else f"{clean} ({number})"
        taken.add(unique.casefold())
        found.append(unique)
    return found


def _safe_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    visible = "".join(c if unicodedata.category(c)[0] not in "CZ" else " " for c in name)
    plain = re.sub(r'[\\/:*?"<>|]', "_", " ".join(visible.split())).strip(". ")
    stem, dot, ending = plain.rpartition(".")
    if not stem or len(ending) > 10:
        stem, dot, ending = plain, "", ""
    room = _NAME_BYTES - len((dot + ending).encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").strip(". ")
    clean = f"{stem}{dot}{ending}" if stem else f"document{dot}{ending}"
    return f"_{clean}" if _RESERVED.match(clean) else clean


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=indent)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.hex() if isinstance(value, bytes | memoryview) else str(value)
