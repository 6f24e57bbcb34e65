"""Which entries of a conversation are on screen, and how they looked when they were sent there."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ui.components.timeline import Entry, key_of, place_of


class ShownEntries:
    """Tells what has to be sent to a browser that shows some of them."""

    def __init__(self) -> None:
        self._looks: dict[str, int] = {}
        self._places: dict[str, tuple[datetime, int]] = {}

    def __contains__(self, entry: Entry) -> bool:
        return key_of(entry) in self._looks

    def __bool__(self) -> bool:
        return bool(self._looks)

    def clear(self) -> None:
        """Nothing is on screen."""
        self._looks.clear()
        self._places.clear()

    def add(self, entries: Iterable[Entry]) -> None:
        """These are on screen now, as they are."""
        for entry in entries:
            self._looks[key_of(entry)] = hash(repr(entry))
            self._places[key_of(entry)] = place_of(entry)

    def discard(self, keys: Iterable[str]) -> None:
        """These are not any more."""
        for key in keys:
            self._looks.pop(key, None)
            self._places.pop(key, None)

    def changed(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that are not there, or look otherwise."""
        return [e for e in entries if self._looks.get(key_of(e)) != hash(repr(e))]

    def gone(self, entries: Sequence[Entry], *, whole: bool) -> list[str]:
        """Which of those shown are no longer there, `entries` being all from their first one on.

        `whole`: they are the whole conversation.
        """
        there = {key_of(entry) for entry in entries}
        if whole:
            return [key for key in self._looks if key not in there]
        if not entries:
            return []
        first = place_of(entries[0])
        return [key for key, at in self._places.items() if at >= first and key not in there]
