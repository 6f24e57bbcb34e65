"""What to do about an error of WhatsApp's: by its number, never by its words.

Numbers and meanings are WhatsApp's own (support/error-codes); what each means to a reader is said
by `ui.components.message_words`.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal


class Action(StrEnum):
    """What follows for the message, and for what waits behind it."""

    #: The same message again, a little later.
    RETRY = "retry"
    #: The same, and everything else of that number waits as well.
    PAUSE = "pause"
    #: The same; only what goes to this person waits.
    PAIR = "pair"
    #: It will never work: failed for good.
    FAIL = "fail"
    #: Nothing of that number can work until somebody has done something about it.
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    action: Action
    #: Seconds of the first wait; it grows with each attempt.
    wait: float = 0.0
    #: Attempts before it has failed for good.
    attempts: int = 1


#: Outside of the 24 hours, whatever our clock says.
WINDOW_CLOSED = 131047
#: The token is none, or none any more. An answered question shows that it is good again.
HEALING = frozenset({0, 102, 104, 190})
#: The token is good, but not for this.
PERMISSION = frozenset({3, 10, 131005, *range(200, 300)})
#: The account or the number itself: restricted, unpaid, not registered. No question shows that it
#: is well again, so a person says so.
ACCOUNT = frozenset(
    {
        *(368, 131031, 131042, 131048, 131064),
        *(131037, 131045, 133005, 133006, 133008, 133009, 133010, 133015),
    }
)

#: Errors after which the same message would fail again: another one has to be sent.
FINAL = frozenset(
    {
        *(131050, 131021, 131062, 131008, 131009, 131051, 135000),
        *(132000, 132001, 132005, 132007, 132012),
    }
)
#: WhatsApp spares the person for now: asking again within a day changes nothing.
HELD_BACK = frozenset({131049, 130472})
HELD_BACK_FOR = timedelta(hours=24)

_BRIEFLY = Verdict(Action.RETRY, wait=2, attempts=5)
_VERDICTS = {
    1: _BRIEFLY,
    2: _BRIEFLY,
    131000: _BRIEFLY,
    131016: _BRIEFLY,
    131057: Verdict(Action.PAUSE, wait=30, attempts=10),
    133004: _BRIEFLY,
    133016: Verdict(Action.PAUSE, wait=60, attempts=10),
    # WhatsApp fetching or reading a file fails now and then, and mostly for a reason.
    131053: Verdict(Action.RETRY, wait=5, attempts=2),
    # Whoever sends too much waits; it is no fault of the message.
    4: Verdict(Action.PAUSE, wait=60, attempts=30),
    80007: Verdict(Action.PAUSE, wait=60, attempts=30),
    130429: Verdict(Action.PAUSE, wait=2, attempts=30),
    # 4^0, 4^1, 4^2, ... seconds, as WhatsApp asks.
    131056: Verdict(Action.PAIR, wait=1, attempts=7),
}
_FAIL = Verdict(Action.FAIL)
_STOP = Verdict(Action.STOP)


def verdict(code: int | None, *, http_status: int = 400, is_transient: bool = False) -> Verdict:
    """What to do about an error that WhatsApp answered with, or reported in a status.

    Without a code the answer was no word of WhatsApp's, but of something in between.
    """
    if code is None:
        if http_status == 429:
            return _VERDICTS[130429]
        return _STOP if http_status == 401 else _BRIEFLY
    if code in HEALING or code in PERMISSION or code in ACCOUNT:
        return _STOP
    if (known := _VERDICTS.get(code)) is not None:
        return known
    return _BRIEFLY if is_transient or http_status >= 500 else _FAIL


#: What helps a message that failed: the same once more, or a template in its place.
Remedy = Literal["again", "template"]


def remedy(
    code: int | None, since: timedelta, *, is_template: bool, window_open: bool
) -> Remedy | None:
    """What has a chance, `since` after a message was sent and failed; None where nothing has.

    `window_open` is how things are now: what came too late can go once the person has written back.
    """
    if code in FINAL or (code in HELD_BACK and since < HELD_BACK_FOR):
        return None
    return "again" if window_open or is_template else "template"


def heals_by_itself(code: int | None) -> bool:
    """Whether a question that WhatsApp answers shows that sending works again."""
    return code is None or code in HEALING
