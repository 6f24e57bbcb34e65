"""WhatsApp's 24 hours: until when somebody can be answered freely.

The window opens with what the person writes, and is counted from the time that WhatsApp gave their
message, however late it reached us. WhatsApp's own refusal outweighs our clock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: How long a message of theirs keeps the window open.
OPEN_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Window:
    """Whether anything but a template can be sent."""

    is_open: bool
    #: When it closes; for a closed one when it closed, and None if it never was open.
    closes_at: datetime | None


def window_of(
    last_inbound_at: datetime | None, window_closed_at: datetime | None, now: datetime
) -> Window:
    """The window of a client, by the columns of those names and the time it is now (all UTC).

    `window_closed_at` is when WhatsApp refused a message as too late: it counts until they write.
    """
    if last_inbound_at is None:
        return Window(False, None)
    closes_at = last_inbound_at + OPEN_FOR
    # Their message has whole seconds: one that came in that same second counts as later.
    if window_closed_at is not None and window_closed_at.replace(microsecond=0) > last_inbound_at:
        return Window(False, min(window_closed_at, closes_at))
    return Window(now < closes_at, closes_at)
