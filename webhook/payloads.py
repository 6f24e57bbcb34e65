"""A webhook body of WhatsApp's, turned into events.

One body may hold a thousand updates of several kinds for several numbers. Each becomes an event of
its own; what can't be read is quarantined where it stands and never takes its neighbours along.
"""

from datetime import datetime

from services.events import Reading
from webhook import safe_json
from webhook.walk import walk


def read(body: bytes, *, now: datetime | None = None) -> Reading:
    """Read a whole body. Never raises, whatever the bytes.

    The same bytes give the same events at the same positions. `now` (aware) decides which times
    are too far ahead to be true.
    """
    try:
        tree = safe_json.parse(body)
    except safe_json.NotReadable as problem:
        return Reading(unreadable=str(problem))
    if not isinstance(tree, dict):
        return Reading(unreadable="not_an_object: The body is JSON, but no object.")
    if tree.get("object") != "whatsapp_business_account":
        return Reading(unreadable="wrong_object: The body is not about a WhatsApp account.")
    return Reading(events=walk(tree, now))
