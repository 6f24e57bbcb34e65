"""ZIPs that are filled one after the other, each small enough for storage and whole in itself."""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

#: What one part may weigh; storage takes 50 MB.
PART_BYTES = 45_000_000
#: What is left for the row that is being written, the closing files and the ZIP's own directory.
_ROOM = 4_000_000


class Archive:
    """Parts on disk, in files without a name: whatever ends the process, they are gone.

    `closing` returns the files that come last in each part, by name: it is told the part's number,
    whether it is the last one, and name -> (bytes, SHA-256) of what is in it.
    """

    def __init__(
        self,
        closing: Callable[[int, bool, dict[str, tuple[int, str]]], Iterator[tuple[str, bytes]]],
        *,
        part_bytes: int,
    ) -> None:
        self._closing = closing
        self._most = part_bytes - min(_ROOM, part_bytes // 10)
        self._number = 0
        self._files: list[IO[bytes]] = []
        self._begin()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        for file in self._files:
            file.close()

    @property
    def is_full(self) -> bool:
        """Whether what comes next belongs into the next part."""
        return self._file.tell() >= self._most

    def has_room_for(self, size: int) -> bool:
        """Whether so many bytes fit in; an empty part takes what no part has room for."""
        return not self._written or self._file.tell() + size <= self._most

    @contextmanager
    def open(self, name: str) -> Iterator[Callable[[str], None]]:
        """A file written bit by bit."""
        digest, size = hashlib.sha256(), 0
        with self._zip.open(name, "w", force_zip64=True) as file:

            def put(words: str) -> None:
                nonlocal size
                content = words.encode("utf-8", "replace")
                file.write(content)
                digest.update(content)
                size += len(content)

            yield put
        self._written[name] = (size, digest.hexdigest())

    def add(self, name: str, content: bytes, *, packed: bool = False) -> None:
        """A whole file; `packed` ones do not get smaller by packing them again."""
        how = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        self._zip.writestr(name, content, compress_type=how)
        self._written[name] = (len(content), hashlib.sha256(content).hexdigest())

    def next_part(self) -> None:
        """Close this part; what comes now goes into a new one."""
        self._end(is_last=False)
        self._begin()

    def close(self) -> None:
        """There is no part after this one."""
        self._end(is_last=True)
        self._is_open = False

    def take(self) -> bytes | None:
        """The oldest part that is closed and was not taken yet; its file is gone with that."""
        if len(self._files) == self._is_open:
            return None
        with self._files.pop(0) as file:
            file.seek(0)
            return file.read()

    def _begin(self) -> None:
        self._number += 1
        self._written: dict[str, tuple[int, str]] = {}
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="acogida-export-")  # noqa: SIM115
        self._files.append(self._file)
        self._is_open = True
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)

    def _end(self, *, is_last: bool) -> None:
        # As it is by then: the second of them sees the first.
        for name, content in self._closing(self._number, is_last, self._written):
            self.add(name, content)
        self._zip.close()
