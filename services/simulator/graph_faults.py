"""What can go wrong at Meta, on demand.

    faults.set("rate_limit")                 # the next message
    faults.set("cut", times=2)               # the next two
    faults.set("token_expired", times=None)  # until it is taken back

A fault is of one operation; `Fault.on` says of which, and `set(..., on=...)` of another.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

Operation = Literal["messages", "upload", "media_url", "download", "templates", "phone_number"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

#: What the request meets.
#:    refuse      an error body with `code`
#:    html        status 500 and a page, as a proxy of Meta's answers
#:    slow        `seconds` pass before anything happens
#:    cut         it is done, and the connection is cut in place of an answer
#:    hang        it is done, and nothing is answered for `seconds`, then it is cut
#:    fail        accepted, then a status `failed` with `code`
#:    hold        a template is accepted as `held_for_quality_assessment`, and kept back until
#:                somebody says what becomes of it
#:    pause       the same as `paused`
#:    silence     accepted; no status comes
#:    twice       accepted; each status comes twice
#:    disorder    accepted; the statuses come last to first
#:    early       the first status comes before the answer
#:    not_found   404 in place of the bytes
#:    expired     the id is nobody's any more
#:    bomb        gzip that unpacks to far more than anybody wants
#:    other_bytes bytes that are not those of the checksum
Effect = Literal[
    "refuse",
    "html",
    "slow",
    "cut",
    "hang",
    "fail",
    "hold",
    "pause",
    "silence",
    "twice",
    "disorder",
    "early",
    "not_found",
    "expired",
    "bomb",
    "other_bytes",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """`on` is None where every operation meets it."""

    effect: Effect
    on: Operation | None = "messages"
    code: int = 0
    seconds: float = 0.0


FAULTS: dict[str, Fault] = {
    "rate_limit": Fault("refuse", code=130429),
    "pair_limit": Fault("refuse", code=131056),
    "window_closed": Fault("refuse", code=131047),
    "spam_limit": Fault("refuse", code=131048),
    "payment": Fault("refuse", code=131042),
    "locked": Fault("refuse", code=131031),
    "unavailable": Fault("refuse", code=2),
    "token_expired": Fault("refuse", on=None, code=190),
    "error_500": Fault("html"),
    "slow": Fault("slow", seconds=8.0),
    "cut": Fault("cut"),
    "hang": Fault("hang", seconds=120.0),
    "undeliverable": Fault("fail", code=131026),
    "failed_window_closed": Fault("fail", code=131047),
    "held": Fault("hold"),
    "paused": Fault("pause"),
    "silence": Fault("silence"),
    "twice": Fault("twice"),
    "disorder": Fault("disorder"),
    "early": Fault("early"),
    "media_404": Fault("not_found", on="download"),
    "media_expired": Fault("expired", on="media_url"),
    "media_bomb": Fault("bomb", on="download"),
    "media_other_bytes": Fault("other_bytes", on="download"),
    "media_slow": Fault("slow", on="download", seconds=8.0),
    "media_500": Fault("html", on="download"),
    "upload_500": Fault("html", on="upload"),
}


@dataclass(slots=True)
class _Set:
    name: str
    fault: Fault
    on: Operation | None
    left: int | None


@dataclass(slots=True)
class Faults:
    """What is switched on at the moment."""

    _set: list[_Set] = field(default_factory=list)

    def set(
        self,
        name: str,
        *,
        times: int | None = 1,
        on: Operation | None = None,
        code: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Switch one on for the next `times` requests, or until it is taken back with None.

        `on`, `code` and `seconds` replace its own. KeyError for a name that is none of FAULTS,
        ValueError for a number of times or an operation that is none.
        """
        known = FAULTS[name]
        if (times is not None and times < 1) or (on is not None and on not in OPERATIONS):
            raise ValueError("a fault is for one request or more of a known operation")
        fault = Fault(
            known.effect,
            on or known.on,
            known.code if code is None else code,
            known.seconds if seconds is None else seconds,
        )
        self.clear(name)
        self._set.append(_Set(name, fault, fault.on, times))

    def clear(self, name: str | None = None) -> None:
        """Take one back, or all of them."""
        self._set = [s for s in self._set if name is not None and s.name != name]

    def take(self, operation: Operation) -> list[Fault]:
        """Return what the request that is being answered meets, in the order it was set."""
        met = [s for s in self._set if s.on in (None, operation)]
        for each in met:
            if each.left is not None:
                each.left -= 1
        self._set = [s for s in self._set if s.left != 0]
        return [each.fault for each in met]

    @property
    def active(self) -> dict[str, int | None]:
        """Name -> how many more requests meet it; None without end."""
        return {s.name: s.left for s in self._set}
