"""The field where answers and notes are written, as an element of a page.

It holds what is typed until the server has it; `ui.components.answering` says what happens with it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments, Handler

from services.outgoing import MAX_CAPTION, MAX_TEXT, FileKind
from services.sending_files import MAX_BYTES
from services.window import Window
from ui.components.composer_uploads import Arrived, Uploads, Verdict
from ui.components.composer_words import NOTE_LIMIT, icons, labels
from ui.formats import day_and_time

_STATIC = Path(__file__).parent.parent / "static"

#: What a browser calls the files that go as something else than a document.
_TYPES: dict[FileKind, tuple[str, ...]] = {
    "image": ("image/jpeg", "image/png"),
    "audio": ("audio/ogg", "audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/amr"),
    "video": ("video/mp4", "video/3gpp"),
    "document": (".pdf", ".docx", ".xlsx", ".txt", "image/webp"),
}


@dataclass(frozen=True, slots=True)
class Quoted:
    """A message that is being answered, as the field shows it."""

    id: str
    who: str
    words: str

    @property
    def told(self) -> dict[str, str]:
        return {"id": self.id, "who": self.who, "words": self.words}


@dataclass(frozen=True, slots=True)
class Reply:
    """A quick reply, ready for this person."""

    shortcut: str
    title: str
    text: str

    @property
    def told(self) -> dict[str, str]:
        return {"shortcut": self.shortcut, "title": self.title, "text": self.text}


class ComposerField(Element, component=_STATIC / "composer.js"):
    """Text, files, quick replies and the window's clock."""

    def __init__(
        self,
        *,
        place: str,
        name: str,
        window: Window,
        drafts: Mapping[str, str],
        quoted: Quoted | None,
        conversation: int,
        enter_sends: bool,
    ) -> None:
        """`place` is what the browser's tab calls this conversation of this writer. `name`: whom it
        goes to. `drafts`: what was begun, by kind. `conversation`: the element that shows it.
        `enter_sends`: whether Enter alone does."""
        super().__init__()
        self._props["place"] = place
        self._props["conversation"] = conversation
        self._props["drafts"] = dict(drafts)
        self._props["quoted"] = quoted.told if quoted else None
        self._props["stopped"] = ""
        self._props["writing"] = ""
        self._props["enter-sends"] = enter_sends
        self._props["uploads"] = ""
        self._uploads: Uploads | None = None
        self._props["limits"] = {
            "text": MAX_TEXT,
            "note": NOTE_LIMIT,
            "caption": MAX_CAPTION,
            "kinds": [
                {
                    "kind": kind,
                    "types": types,
                    "bytes": MAX_BYTES[kind],
                    "megabytes": MAX_BYTES[kind] // 1024**2,
                }
                for kind, types in _TYPES.items()
            ],
        }
        self._props["icons"] = icons()
        self._name, self._enter_sends = name, enter_sends
        self._props["labels"] = labels(name, enter_sends=enter_sends)
        self._window = window
        self._props["window"] = _told(window)

    # --- what the writer does -------------------------------------------------------------------

    def on_send(self, handler: Handler[GenericEventArguments]) -> None:
        """`{key, text, quoting}`: answer with `settled` or `refused`."""
        self.on("send", handler)

    def on_note(self, handler: Handler[GenericEventArguments]) -> None:
        """`{key, text}`: answer with `settled` or `refused`."""
        self.on("note", handler)

    def on_draft(self, handler: Handler[GenericEventArguments]) -> None:
        """`{kind, text, quoting, number}`: answer with `saved`."""
        self.on("draft", handler)

    def on_typing(self, handler: Callable[[], None]) -> None:
        """Every few seconds while somebody types."""
        self.on("typing", handler, args=[])

    def on_canned(self, handler: Handler[GenericEventArguments]) -> None:
        """Quick replies are wanted: answer with `offer`."""
        self.on("canned", handler, args=[])

    def on_people(self, handler: Handler[GenericEventArguments]) -> None:
        """Colleagues to call in a note are wanted: answer with `offer_people`."""
        self.on("people", handler, args=[])

    def on_open(self, handler: Handler[GenericEventArguments]) -> None:
        """`{what}`: templates, structured or place."""
        self.on("open", handler)

    # --- what the page says -----------------------------------------------------------------------

    def settled(self, key: str) -> None:
        """What was pressed under this key is queued, or written."""
        self.run_method("settled", key)

    def refused(self, key: str, words: str) -> None:
        """It is not; the words come back with the reason."""
        self.run_method("refused", key, words)

    def saved(self, kind: str, number: int) -> None:
        """The draft is kept, up to this number of a save."""
        self.run_method("saved", kind, number)

    def quote(self, quoted: Quoted) -> None:
        """Answer this message."""
        self.run_method("quote", quoted.told)

    def offer(self, replies: Sequence[Reply]) -> None:
        """These are the quick replies."""
        self.run_method("offer", [reply.told for reply in replies])

    def offer_people(self, names: Sequence[str]) -> None:
        """These colleagues can be called."""
        self.run_method("offerPeople", list(names))

    def insert(self, words: str) -> None:
        """Put words into the answer."""
        self.run_method("insert", words)

    def say(self, words: str) -> None:
        """Say what went wrong, above the field."""
        self.run_method("say", words)

    def tell(self, *, name: str, window: Window, stopped: str) -> None:
        """Keep up with the client and the channel."""
        changed: dict[str, Any] = {}
        if name != self._name:
            self._name = name
            changed["labels"] = labels(name, enter_sends=self._enter_sends)
        if window != self._window:
            self._window = window
            changed["window"] = _told(window)
        if stopped != self._props["stopped"]:
            changed["stopped"] = stopped
        for key, value in changed.items():
            self._props[key] = value
        if changed:
            self.update()

    def tell_writing(self, words: str) -> None:
        """Say who else is writing, so that two do not answer at once; empty while nobody is."""
        if words != self._props["writing"]:
            self._props["writing"] = words
            self.update()

    def receive_files(self, receive: Callable[[Arrived], Awaitable[Verdict | None]]) -> None:
        """Let files come to `receive`, until the field is gone."""
        self._uploads = Uploads(self, receive)
        self._props["uploads"] = self._uploads.address

    def _handle_delete(self) -> None:
        if self._uploads is not None:
            self._uploads.close()
        super()._handle_delete()


def _told(window: Window) -> dict[str, Any]:
    closes = window.closes_at
    return {
        "open": window.is_open,
        "closes": _milliseconds(closes) if closes else 0,
        "now": _milliseconds(datetime.now(UTC)),
        "when": day_and_time(closes) if closes else "",
        "never": closes is None,
    }


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
