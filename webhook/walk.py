"""The way through a webhook body: entries, changes, values, and an event for every item in them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from services.events import DeliveryError, Event, Json, Message, Notice, Quarantined, StatusUpdate
from webhook.message_types import read_content
from webhook.people import read_system
from webhook.safe_json import excerpt
from webhook.scope import Scope
from webhook.shapes import (
    MAX_ID,
    MAX_ITEMS,
    MAX_WORD,
    Unreadable,
    mapping,
    moment,
    optional_text,
    part,
    parts,
    shallow,
    text,
    whatsapp_id,
)

log = structlog.get_logger()

#: Fields whose value holds messages, statuses or calls.
CONVERSATIONS = frozenset({"messages", "smb_message_echoes", "history", "calls"})
#: Fields we know the meaning of and keep, under their own name, as news about the account.
NEWS = frozenset(
    {
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "automatic_events",
        "business_capability_update",
        "business_status_update",
        "business_username_update",
        "business_username_updates",
        "flows",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "smb_app_state_sync",
        "standby",
        "template_category_update",
        "user_id_update",
        "user_preferences",
    }
)
#: Clocks differ; from further ahead than this no time is believed.
_AHEAD = timedelta(days=2)
#: Codes are stored as Postgres integers.
_MAX_CODE = 2**31 - 1
#: Characters of ASCII JSON that a quarantined item and its surroundings may have. Together with
#: what else `raw` says they stay below 64 KiB; the whole body is kept with its delivery anyway.
_MAX_RAW_ITEM = 56_000
_MAX_RAW_CONTEXT = 6_000
#: The same surroundings stand beside many items: so many characters of them are kept for a body.
_MAX_RAW_CONTEXTS = 1_000_000

_Handler = Callable[[Json, str, Scope], None]


def walk(body: Json, now: datetime | None) -> list[Event]:
    """Return the events of a body in order. Raises nothing; `now` is as in `payloads.read`."""
    walker = _Walker(((now or datetime.now(UTC)) + _AHEAD).timestamp())
    walker.each(body, "entry", "", Scope(), walker.entry)
    return walker.events


class _Walker:
    """Goes through a body in order and collects one event an item."""

    def __init__(self, latest: float) -> None:
        self.events: list[Event] = []
        self._latest = latest
        self._items_left = MAX_ITEMS
        self._is_full = False
        self._context_left = _MAX_RAW_CONTEXTS

    def each(self, holder: Json, key: str, at: str, scope: Scope, handle: _Handler) -> None:
        """Handle every object of the list under a key; what fails is quarantined by itself.

        The first item too many of a body is quarantined with the rest of its list. What comes
        after them is left alone.
        """
        items = holder.get(key)
        place = at + key
        if not isinstance(items, list):
            if self._has_room(items, place, scope):
                problem = Unreadable("wrong_type")
                self._quarantine(items, place, scope, problem, is_list=True)
            return
        for n, item in enumerate(items):
            here = f"{place}[{n}]"
            if not self._has_room(items, here, scope, n):
                return
            try:
                handle(mapping(item, ""), here, scope)
            except Unreadable as problem:
                self._quarantine(item, here, scope, problem)
            except Exception as error:  # noqa: BLE001
                # A mistake of ours must cost one item, not the thousand beside it.
                log.error("payload.unexpected", place=here, error=type(error).__name__)
                self._quarantine(item, here, scope, Unreadable("unexpected"))

    def entry(self, item: Json, place: str, scope: Scope) -> None:
        self.each(item, "changes", f"{place}.", scope, self._change)

    def _change(self, item: Json, place: str, _scope: Scope) -> None:
        field = text(item, "field", most=MAX_WORD)
        value = part(item, "value")
        scope = Scope(field, value)
        if field not in CONVERSATIONS:
            shallow(value, "value")
            self._notice(scope, field if field in NEWS else "unknown_field", value)
            return
        if field == "history":
            scope.origin = "history"
        echo = replace(scope, origin="echo")
        lists: dict[str, tuple[Scope, _Handler]] = {
            "contacts": (scope, self._contact),
            "messages": (echo if field == "smb_message_echoes" else scope, self._message),
            "message_echoes": (echo, self._message),
            "history": (scope, self._history),
            "calls": (scope, self._call),
            "statuses": (scope, self._status),
            "errors": (scope, self._error),
        }
        if not lists.keys() & value.keys():
            shallow(value, "value")
            self._notice(scope, "unknown_content", value)
        for key, (inner, handle) in lists.items():
            if key in value:
                self.each(value, key, f"{place}.value.", inner, handle)

    def _contact(self, item: Json, place: str, scope: Scope) -> None:
        shallow(item)
        scope.contacts.add(item)

    def _history(self, item: Json, place: str, scope: Scope) -> None:
        if "threads" in item:
            self.each(item, "threads", f"{place}.", scope, self._thread)
        if "errors" in item:
            self.each(item, "errors", f"{place}.", scope, self._error)

    def _thread(self, item: Json, place: str, scope: Scope) -> None:
        inner = replace(scope, origin="history", thread=item)
        self.each(item, "messages", f"{place}.", inner, self._message)

    def _call(self, item: Json, place: str, scope: Scope) -> None:
        shallow(item)
        self._notice(scope, "call", item)

    def _error(self, item: Json, place: str, scope: Scope) -> None:
        shallow(item)
        self._notice(scope, "errors", item)

    def _message(self, item: Json, place: str, scope: Scope) -> None:
        shallow(item)
        if _is_of_group(item):
            self._notice(scope, "group_message", item)
            return
        own_id = whatsapp_id(item, "id")
        number, display = scope.number()
        content = read_content(item)
        ours = scope.is_ours(item, display)
        change = None
        if content.type == "system" and not ours:
            person, change = read_system(item)
        else:
            person = scope.person(item, ours)
        if person is None:
            raise Unreadable("no_sender")
        if content.attested_phones and not ours:
            person = replace(person, attested_phones=content.attested_phones)
        self.events.append(
            Message(
                position=len(self.events),
                phone_number_id=number,
                display_phone_number=display,
                whatsapp_id=own_id,
                person=person,
                direction="outbound" if ours else "inbound",
                type=content.type,
                text=content.text,
                payload=content.payload,
                sent_at=moment(item.get("timestamp"), self._latest),
                quoted_id=content.quoted_id,
                target_id=content.target_id,
                historical=scope.origin == "history",
                identity_change=change,
            )
        )

    def _status(self, item: Json, place: str, scope: Scope) -> None:
        shallow(item)
        if scope.field == "calls" or item.get("type") == "call":
            self._notice(scope, "call", item)
            return
        if _is_of_group(item):
            self._notice(scope, "group_message", item)
            return
        self.events.append(
            StatusUpdate(
                position=len(self.events),
                whatsapp_id=whatsapp_id(item, "id"),
                phone_number_id=scope.number()[0],
                status=_status_word(item),
                occurred_at=moment(item.get("timestamp"), self._latest),
                callback_data=optional_text(item, "biz_opaque_callback_data", most=MAX_ID),
                error=_delivery_error(item),
                payload=item,
            )
        )

    def _notice(self, scope: Scope, kind: str, payload: Json) -> None:
        self.events.append(Notice(len(self.events), scope.field, kind, payload))

    def _has_room(self, items: Any, place: str, scope: Scope, n: int = 0) -> bool:
        """Whether one more item may be read. The first time not, the rest is quarantined."""
        if self._items_left:
            self._items_left -= 1
            return True
        if not self._is_full:
            self._is_full = True
            rest = items[n:] if isinstance(items, list) else items
            self._quarantine(rest, place, scope, Unreadable("too_many_items"))
        return False

    def _quarantine(
        self,
        item: Any,
        place: str,
        scope: Scope,
        problem: Unreadable,
        *,
        is_list: bool = False,
    ) -> None:
        field = scope.field
        if not field and isinstance(item, dict) and isinstance(item.get("field"), str):
            field = item["field"][:MAX_WORD]
        context = '{"left_out":true}'
        if self._context_left > 0:
            context = excerpt(scope.context(item, is_list=is_list), _MAX_RAW_CONTEXT)
            self._context_left -= len(context)
        raw = (
            f'{{"field":{json.dumps(field)},"place":{json.dumps(place)},'
            f'"value_context":{context},"item":{excerpt(item, _MAX_RAW_ITEM)}}}'
        )
        self.events.append(
            Quarantined(
                position=len(self.events),
                field=field,
                code=problem.code,
                reason=problem.sentence(place),
                raw=raw,
            )
        )


def _is_of_group(item: Json) -> bool:
    return bool(item.get("group_id")) or item.get("recipient_type") == "group"


def _status_word(status: Json) -> str:
    word = text(status, "status", most=MAX_WORD).lower()
    if len(word) > MAX_WORD:  # a few letters become two
        raise Unreadable("too_long", "status")
    return word


def _delivery_error(status: Json) -> DeliveryError | None:
    """The first of the errors; Meta sends one."""
    errors = parts(status, "errors")
    if not errors:
        return None
    error, at = errors[0], "errors[0]"
    code = error.get("code")
    if isinstance(code, str) and len(code) <= 10 and code.isascii() and code.isdigit():
        code = int(code)
    if isinstance(code, bool) or not isinstance(code, int) or not -_MAX_CODE <= code <= _MAX_CODE:
        code = None
    if isinstance(error.get("error_data"), str):
        details = optional_text(error, "error_data", at)
    elif error.get("error_data") is not None:
        details = optional_text(part(error, "error_data", at), "details", f"{at}.error_data")
    else:
        details = None
    title = optional_text(error, "title", at) or optional_text(error, "message", at)
    return DeliveryError(code, title or "", details)
