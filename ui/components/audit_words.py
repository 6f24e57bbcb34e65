"""What the activity log says, as sentences and tables of people who did something."""

import json
import string
from datetime import datetime
from typing import Any

from services.audit_reading import AuditEntry
from ui.components.audit_desk_words import DESK_SENTENCES
from ui.components.audit_names import field_name, kept_code, kind_name, part_name, table_name
from ui.components.markup import Html, join, tag
from ui.components.tags import PROFILES, STATUSES, profile_basis, profile_label, status_label
from ui.components.whatsapp_text import without_reordering
from ui.formats import day_and_time, exact, number, percent
from ui.i18n import _, ngettext

#: Values longer than this are cut; nobody reads a whole payload here.
_MOST_LETTERS = 600


def sentence(entry: AuditEntry, *, of_client: bool = False) -> Html:
    """Say who did what. On a client's own page (`of_client`) the name goes without saying."""
    client = _client(entry, linked=not of_client)
    colleague = tag("strong", without_reordering(entry.staff_name or "") or _("somebody"))
    parts = {"who": tag("strong", who(entry)), "client": client, "colleague": colleague}
    said = _fill(_said(entry, of_client=of_client), **parts)
    named = entry.action == "update" and entry.table in ("clients", "staff", "documents")
    if named and entry.fields:
        fields = ", ".join(field_name(name) for name in entry.fields)
        return join([said, ": ", tag("span", fields, class_="ac-audit-fields")])
    return said


def who(entry: AuditEntry) -> str:
    """Name whoever acted."""
    if entry.actor_kind == "staff":
        return without_reordering(entry.actor_name or "") or _("Somebody who was on the team")
    if entry.actor_kind == "outsider":
        return _("Somebody who is not on the team")
    return part_name(entry.actor_part or "")


def has_more(entry: AuditEntry) -> bool:
    """Whether there is something to unfold."""
    return bool(entry.old or entry.new or entry.values_erased or entry.details)


def more(entry: AuditEntry) -> Html:
    """What was and what is, and where the entry itself stands."""
    if entry.values_erased:
        values: Html | None = tag(
            "p", _("The values were erased with the client's data."), class_="ac-muted"
        )
    else:
        values = _values(entry) if entry.old or entry.new else None
    details = [
        tag("div", tag("dt", kept_code(name)), tag("dd", tag("bdi", _detail(name, value))))
        for name, value in entry.details.items()
        if value not in ([], {})
    ]
    return join(
        [values, tag("dl", *details, class_="ac-audit-details") if details else None, _about(entry)]
    )


def _about(entry: AuditEntry) -> Html:
    parts = [
        _("Entry {n}", n=number(entry.id)),
        exact(entry.occurred_at),
        table_name(entry.table) if entry.table else None,
        _("sealed") if entry.sealed else _("not sealed yet"),
    ]
    return tag("p", " · ".join(part for part in parts if part), class_="ac-faint")


def _values(entry: AuditEntry) -> Html:
    old, new = entry.old or {}, entry.new or {}
    heads = [tag("th", _("Field"), scope="col")]
    if entry.old is not None:
        heads.append(tag("th", _("Before"), scope="col"))
    if entry.new is not None:
        heads.append(tag("th", _("After"), scope="col"))
    rows = []
    for name in entry.fields:
        cells = [tag("th", field_name(name), scope="row")]
        if entry.old is not None:
            cells.append(tag("td", _value(name, old.get(name))))
        if entry.new is not None:
            cells.append(tag("td", _value(name, new.get(name))))
        rows.append(tag("tr", *cells))
    return tag(
        "table",
        tag("thead", tag("tr", *heads)),
        tag("tbody", *rows),
        class_="ac-audit-values",
    )


def _value(field: str, value: Any) -> Html:
    if value is None or value == "":
        return tag("span", _("empty"), class_="ac-faint")
    if isinstance(value, bool):
        return tag("span", _("yes") if value else _("no"))
    if field == "profile_type" and value in PROFILES:
        return tag("span", profile_label(value))
    if field == "status" and value in STATUSES:
        return tag("span", status_label(value))
    if field == "profile_source":
        return tag(
            "span",
            profile_basis(None, value)
            if value != "classifier"
            else _("Suggested by the words in the messages"),
        )
    if field == "profile_confidence" and isinstance(value, int | float):
        return tag("span", percent(value))
    if isinstance(value, str) and field.endswith("_at") and (moment := _moment(value)):
        return tag("time", day_and_time(moment), title=exact(moment))
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    cut = "…" if len(words) > _MOST_LETTERS else ""
    return tag("bdi", without_reordering(words[:_MOST_LETTERS]) + cut)


def _moment(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _detail(name: str, value: Any) -> str:
    if name == "table" and isinstance(value, str):
        return table_name(value)
    if name == "action" and isinstance(value, str):
        return kind_name(value)
    if name in ("since", "until") and isinstance(value, str) and (moment := _moment(value)):
        return day_and_time(moment)
    if isinstance(value, list):
        return ngettext("{n} id", "{n} ids", len(value))
    if isinstance(value, dict):
        return ", ".join(f"{table_name(name)}: {count}" for name, count in value.items())
    if isinstance(value, int | float):
        return number(value)
    return str(value)


def _client(entry: AuditEntry, *, linked: bool) -> Html:
    """The client by name; where there is none, because they were erased, by the log's own id."""
    if not linked:
        return tag("span", _("this person"))
    if entry.client_id is None:
        return tag("span", _("nobody in particular"))
    if entry.client_name:
        name = tag("bdi", without_reordering(entry.client_name))
        return tag("a", name, href=f"/clients/{entry.client_id}")
    words = _("client {id}", id=str(entry.client_id)[:8])
    return tag("a", words, href=f"/settings/audit?client={entry.client_id}")


def _fill(template: str, **parts: Html) -> Html:
    """Put markup into the places of a translated sentence."""
    pieces: list[Html | str] = []
    for words, name, _spec, _conversion in string.Formatter().parse(template):
        pieces.append(words)
        if name:
            pieces.append(parts[name])
    return join(pieces)


def _said(entry: AuditEntry, *, of_client: bool) -> str:
    """The sentence for an entry, with `{who}`, `{client}` and `{colleague}` in it as it needs."""
    if of_client and entry.client_id is None:
        # A list is nobody's in particular; here it is told because it showed this person.
        if entry.action == "search":
            return _("{who} found {client} in a search")
        if entry.action == "view":
            return _("{who} saw {client} in a list")
        if entry.table == "clients" and entry.action == "export":
            return _("{who} exported a list with {client}")
        if entry.table == "clients" and entry.action == "insert":
            return _("{who} imported {client} with a list")
    if said := DESK_SENTENCES.get((entry.table, entry.action)):
        return _(said)
    if entry.table in _OF_TABLES and (said := _of_row(entry)):
        return said
    match entry.action:
        case "search":
            return _("{who} searched the clients")
        case "refuse" if entry.client_id is not None:
            return _("{who} was refused something they may not do with the file of {client}")
        case "refuse" if entry.actor_part == "api":
            return _("Somebody used a token that opens nothing")
        case "refuse":
            return _("{who} was refused something they may not do")
        case "verify":
            return _("{who} verified the activity log")
        case "erase":
            return _("{who} erased the data of {client}")
        case _:
            return _other(entry)


def _other(entry: AuditEntry) -> str:
    what = entry.action.replace("_", " ")
    about = f"{what} ({table_name(entry.table)})" if entry.table else what
    # A brace would be a place to fill.
    about = about.replace("{", "{{").replace("}", "}}")
    if entry.client_id is not None:
        return "{who}: " + about + ", {client}"
    return "{who}: " + about


_OF_TABLES = frozenset(
    {
        *("clients", "messages", "client_identities", "identity_conflicts", "documents"),
        *("access_exports", "erasures", "staff", "staff_identities", "staff_sessions"),
        *("retention_rules", "webhook_items", "audit_log", "audit_seals", "imports"),
        *("canned_replies", "structured_messages", "message_media"),
    }
)


def _of_row(entry: AuditEntry) -> str | None:
    match entry.table, entry.action:
        case "clients", "view" if entry.client_id is None:
            return _("{who} looked at the list of clients")
        case "clients", "view":
            return _("{who} opened the file of {client}")
        case "clients", "export":
            return _("{who} exported the list of clients")
        case "clients", "insert" if entry.client_id is None:
            return _("{who} imported clients from a list")
        case "clients", "delete" if entry.client_id is None:
            return _("{who} removed imported clients again")
        case "imports", "insert":
            return _("{who} uploaded a list to import")
        case "imports", "update":
            return _("{who} took the import of a list further")
        case "imports", "delete":
            return _("{who} removed a list that could not be read")
        case "imports", "download":
            return _("{who} downloaded the rows of an imported list")
        case "clients", "insert":
            return _("{who} created the file of {client}")
        case "clients", "update":
            return _("{who} changed the file of {client}")
        case "clients", "delete":
            return _("{who} deleted the file of {client}")
        case "messages", "view" if entry.client_id is None:
            return _("{who} looked at what did not arrive")
        case "messages", "view":
            return _("{who} read messages of {client}")
        case "messages", "insert":
            return _("{who} wrote to {client}")
        case "messages", "update":
            return _("{who} changed a message of {client}")
        case "messages", "delete":
            return _("{who} deleted a message of {client}")
        case "whatsapp_numbers", "update":
            return _("{who} stopped sending to WhatsApp, or let it go on")
        case "client_identities", "insert":
            return _("{who} added a number or identifier to {client}")
        case "client_identities", "update":
            return _("{who} changed a number or identifier of {client}")
        case "client_identities", "delete":
            return _("{who} removed a number or identifier of {client}")
        case "identity_conflicts", "insert":
            return _("{who} noted that an identifier of {client} is also somebody else's")
        case "identity_conflicts", "update":
            return _("{who} decided whose an identifier of {client} is")
        case "documents", "insert":
            return _("{who} added a document to the file of {client}")
        case "documents", "update":
            return _("{who} changed a document of {client}")
        case "documents", "delete":
            return _("{who} deleted a document of {client}")
        case "documents", "view" if entry.row_id is not None:
            return _("{who} opened a document of {client}")
        case "documents", "view":
            return _("{who} looked at the list of documents of {client}")
        case "documents", "download":
            return _("{who} downloaded a document of {client}")
        case "message_media", "view" if entry.client_id is None:
            return _("{who} looked at the list of files that did not arrive")
        case "message_media", "view":
            return _("{who} opened a file of the conversation with {client}")
        case "message_media", "download":
            return _("{who} downloaded a file of the conversation with {client}")
        case "access_exports", "insert" | "export":
            return _("{who} asked for a copy of the data of {client}")
        case "access_exports", "update":
            return _("{who} prepared a copy of the data of {client}")
        case "access_exports", "delete":
            return _("{who} deleted a copy of the data of {client}")
        case "access_exports", "download":
            return _("{who} downloaded a copy of the data of {client}")
        case "erasures", "insert" | "update" if entry.client_id is None:
            return _("{who} wrote the proof of an erasure")
        case "staff", "sign_in":
            return _("{colleague} signed in")
        case "staff", "sign_out":
            return _("{colleague} signed out")
        case "staff", "refuse" if entry.staff_name:
            return _("{colleague} was not let in")
        case "staff", "refuse":
            return _("Somebody tried to sign in and was not let in")
        case "staff", "set_password":
            return _("{colleague} chose a new password")
        case "staff", "remove_second_factor":
            return _("{colleague} removed their second factor")
        case "staff", "view":
            return _("{who} looked at the team")
        case "staff", "insert":
            return _("{who} added {colleague} to the team")
        case "staff", "update":
            return _("{who} changed the team's entry of {colleague}")
        case "retention_rules", "view":
            return _("{who} looked at what a retention period would remove")
        case "retention_rules", "retention":
            return _("{who} removed what was older than is kept")
        case "staff_identities", "insert":
            return _("{who} tied an account to a person of the team")
        case "staff_sessions", "view":
            return _("{who} looked at where somebody of the team is signed in")
        case "staff_sessions", "update":
            return _("{who} ended a session")
        case "retention_rules", "insert" | "update" | "delete":
            return _("{who} changed how long data is kept")
        case "canned_replies", "insert":
            return _("{who} wrote a quick reply")
        case "canned_replies", "update":
            return _("{who} changed a quick reply")
        case "canned_replies", "delete":
            return _("{who} deleted a quick reply")
        case "structured_messages", "insert":
            return _("{who} made a message with buttons or a list")
        case "structured_messages", "update":
            return _("{who} changed a message with buttons or a list")
        case "structured_messages", "delete":
            return _("{who} deleted a message with buttons or a list")
        case "webhook_items", "view":
            return _("{who} looked at the deliveries that could not be processed")
        case "webhook_items", "update":
            return _("{who} dealt with a delivery that could not be processed")
        case "audit_log", "view" if entry.client_id is not None:
            return _("{who} looked at the history of {client}")
        case "audit_log", "view":
            return _("{who} looked at the activity log")
        case "audit_seals", "view":
            return _("{who} had the activity log verified")
        case "audit_log", "export":
            return _("{who} exported the activity log")
        case _:
            return None
