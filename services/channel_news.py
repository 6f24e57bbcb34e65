"""What WhatsApp tells about our templates and about who wants no advertising, as it comes.

Applied in the transaction that keeps the notice (`services.inbound`). A template's news is believed
at once, and the template is read again all the same: news may overtake each other.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services import changes
from services.events import Notice

#: Word of `message_template_status_update` -> status of the template, where that is another word.
_STATUSES = {"REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED", "FLAGGED": None, "LOCKED": None}
_OF_TEMPLATES = frozenset(
    {
        "message_template_status_update",
        "message_template_quality_update",
        "message_template_components_update",
        "template_category_update",
    }
)


async def apply(connection: AsyncConnection, notices: Sequence[tuple[Notice, datetime]]) -> None:
    """Draw the conclusions of notices, each with when it was received, in their order.

    What cannot be understood has none.
    """
    templates: dict[str, dict[str, Any]] = {}
    choices: list[dict[str, Any]] = []
    for notice, received_at in notices:
        if notice.kind in _OF_TEMPLATES:
            news = {key: word for key, word in _template_row(notice).items() if word is not None}
            if "meta_id" in news:
                templates.setdefault(news["meta_id"], {}).update(news)
        elif notice.kind == "user_preferences":
            choices += _choice_rows(notice.payload, received_at)
    if templates:
        await _note_templates(connection, list(templates.values()))
    if choices:
        await _note_choices(connection, choices)
    if any(notice.kind in ABOUT_THE_CHANNEL for notice, _ in notices):
        await changes.announce_channel(connection)


#: Kinds of notices that the page about the channel shows.
ABOUT_THE_CHANNEL = _OF_TEMPLATES | {
    *("account_alerts", "account_review_update", "account_settings_update", "account_update"),
    *("business_capability_update", "business_status_update", "payment_configuration_update"),
    *("phone_number_name_update", "phone_number_quality_update", "security"),
}


async def _note_templates(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    known = await connection.execute(
        text(
            "update message_templates t set dirty_at = clock_timestamp(),"
            "  status = coalesce(r.status, t.status), quality = coalesce(r.quality, t.quality),"
            "  category = coalesce(r.category, t.category),"
            "  correct_category = coalesce(r.correct_category, t.correct_category),"
            "  rejected_reason = case when r.status is null then t.rejected_reason"
            "   else r.reason end"
            " from jsonb_to_recordset(cast(:rows as jsonb)) as r (meta_id text, status text,"
            "  quality text, category text, correct_category text, reason text)"
            " where t.meta_id = r.meta_id and t.gone_at is null returning t.meta_id"
        ),
        {"rows": json.dumps(rows)},
    )
    if set(known.scalars()) != {row["meta_id"] for row in rows}:
        # One that we have never read: the list has grown.
        await connection.execute(
            text(
                "insert into template_syncs (requested_at) values (clock_timestamp())"
                " on conflict (id) do update set requested_at = excluded.requested_at,"
                "  requested_by = null"
            )
        )


async def _note_choices(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Keep each person's newest word; of who is no client there is nothing to keep."""
    said = await connection.scalars(
        text(
            "insert into marketing_choices as c (client_id, wants, said_at)"
            " select distinct on (i.client_id) i.client_id, r.wants, r.said_at"
            "  from jsonb_to_recordset(cast(:rows as jsonb))"
            "   as r (n int, bsuid text, wa_id text, wants boolean, said_at timestamptz)"
            "  join client_identities i on i.retired_at is null and ("
            "   i.kind in ('bsuid', 'parent_bsuid') and i.value = r.bsuid"
            "   or i.kind = 'wa_id' and i.value = r.wa_id)"
            "  order by i.client_id, r.said_at desc, r.n desc"
            " on conflict (client_id) do update"
            "  set wants = excluded.wants, said_at = excluded.said_at"
            "  where excluded.said_at >= c.said_at"
            " returning client_id"
        ),
        {"rows": json.dumps([{"n": n, **row} for n, row in enumerate(rows)])},
    )
    await changes.announce(connection, {client_id: [] for client_id in said})


def _template_row(notice: Notice) -> dict[str, str | None]:
    said = notice.payload
    id = said.get("message_template_id")
    # A number in these, words in the list.
    row = {"meta_id": _word(str(id) if isinstance(id, int) else id)}
    match notice.kind:
        case "message_template_status_update":
            event = (_word(said.get("event")) or "").upper()
            row["status"] = _STATUSES.get(event, event or None)
            row["reason"] = _reason(said)
        case "message_template_quality_update":
            row["quality"] = (_word(said.get("new_quality_score")) or "").upper() or None
        case "template_category_update":
            new = (_word(said.get("new_category")) or "").upper() or None
            # A warning names what it will be; only what has been done names what it was.
            done = said.get("previous_category") is not None
            row["category" if done else "correct_category"] = new
    return row


def _reason(said: Mapping[str, Any]) -> str | None:
    """Why WhatsApp rejected, paused or disabled it."""
    for key, inner in (("rejection_info", "reason"), ("disable_info", "reason")):
        info = said.get(key)
        if isinstance(info, dict) and isinstance(info.get(inner), str):
            return str(info[inner])[:1000]
    reason = said.get("reason")
    return reason[:1000] if isinstance(reason, str) and reason not in ("", "NONE") else None


def _choice_rows(payload: Mapping[str, Any], received_at: datetime) -> Iterable[dict[str, Any]]:
    said = payload.get("user_preferences")
    for choice in said if isinstance(said, list) else []:
        if not isinstance(choice, dict) or choice.get("category") != "marketing_messages":
            continue
        wants = {"stop": False, "resume": True}.get(str(choice.get("value")).lower())
        bsuid, wa_id = (_word(choice.get(name)) for name in ("user_id", "wa_id"))
        if wants is None or (bsuid is None and wa_id is None):
            continue
        yield {
            "bsuid": bsuid,
            "wa_id": wa_id,
            "wants": wants,
            "said_at": _moment(choice.get("timestamp"), received_at).isoformat(),
        }


def _moment(given: object, received_at: datetime) -> datetime:
    """When something was said: a number here and words in messages. A clock that is ahead, or
    makes no sense, is not believed."""
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 12:
        given = int(given)
    if not isinstance(given, int) or not 0 < given <= received_at.timestamp():
        return received_at
    return datetime.fromtimestamp(given, UTC)


def _word(given: object) -> str | None:
    return given if isinstance(given, str) and 0 < len(given) <= 200 else None
