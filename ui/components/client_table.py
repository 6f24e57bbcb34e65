"""The table of clients: one element on the server, one row of plain words per client.

Quasar's table keys its rows, so an update changes what changed and leaves focus and scroll alone.
Vue escapes every value; nothing of a client's is ever markup.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from nicegui import ui

from services.clients import ClientSummary
from ui.components.avatars import initials, tint
from ui.components.icons import icon_address
from ui.components.message_words import type_name
from ui.components.tags import PROFILES, STATUSES, profile_basis
from ui.formats import exact, number, percent, phone, relative
from ui.i18n import N_, _, ngettext

Row = dict[str, Any]

#: Column, what its head says, what a click on it sorts by.
_COLUMNS = (
    ("person", N_("Person"), "name"),
    ("message", N_("Last message"), "last_message"),
    ("unread", N_("Unread"), None),
    ("profile", N_("Profile"), "profile"),
    ("status", N_("Status"), None),
)

_TYPE_ICONS = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
    "contacts": "contacts",
    "reaction": "reaction",
    "interactive": "interactive",
    "button": "button",
    "order": "order",
    "system": "info",
    "edit": "edit",
    "revoke": "close",
    "unsupported": "question",
    "unknown": "question",
}

_HEAD = """
<tr>
  <th v-for="col in props.cols" :key="col.name" scope="col" :class="'ac-col ac-col--' + col.name"
      :aria-sort="col.sorted">
    <button v-if="col.by" type="button" class="ac-sort" @click="$parent.$emit('order', col.by)">
      <span>{{ col.label }}</span>
      <svg v-if="col.arrow" class="ac-icon" aria-hidden="true"><use :href="col.arrow" /></svg>
    </button>
    <span v-else>{{ col.label }}</span>
  </th>
</tr>
"""

# A click beside the link opens it as well: what has a tooltip lies above the link.
_OPEN = "@click=\"$event.currentTarget.closest('tr').querySelector('a').click()\""

_BODY = f"""
<tr :key="props.key" :class="['ac-row', props.row.unread && 'ac-row--unread', props.row.flash]">
  <td class="ac-cell ac-cell--person">
    <a :href="props.row.href" class="ac-row-link" data-ac-row>
      <span :class="'ac-avatar ac-avatar--' + props.row.tint" aria-hidden="true">
        <template v-if="props.row.initials">{{{{ props.row.initials }}}}</template>
        <svg v-else class="ac-icon"><use href="{{person}}" /></svg>
      </span>
      <span class="ac-person-words">
        <span :class="['ac-person-name', !props.row.named && 'ac-faint']" dir="auto">{{{{
          props.row.name }}}}</span>
        <bdi :class="['ac-person-phone', props.row.named && 'ac-roomy']">{{{{
          props.row.phone }}}}</bdi>
      </span>
    </a>
  </td>
  <td class="ac-cell ac-cell--message">
    <span v-if="props.row.when" class="ac-message">
      <svg :class="'ac-icon ac-direction--' + props.row.direction" role="img"
           :aria-label="props.row.direction_label"><use :href="props.row.direction_icon" /></svg>
      <svg v-if="props.row.type_icon" class="ac-icon" role="img" :aria-label="props.row.type_label"
        ><use :href="props.row.type_icon" /></svg>
      <span class="ac-preview" dir="auto">{{{{ props.row.preview }}}}</span>
      <time class="ac-when ac-above" :datetime="props.row.iso" :title="props.row.exact" {_OPEN}>{{{{
        props.row.when }}}}</time>
    </span>
    <span v-else class="ac-faint">{{{{ props.row.preview }}}}</span>
  </td>
  <td class="ac-cell ac-cell--unread">
    <span v-if="props.row.unread" class="ac-badge"><span aria-hidden="true">{{{{ props.row.unread
      }}}}</span><span class="ac-sr-only">{{{{ props.row.unread_label }}}}</span></span>
  </td>
  <td class="ac-cell ac-cell--profile">
    <span :class="'ac-tag ac-above ac-tag--' + props.row.profile_colour" :title="props.row.basis"
          {_OPEN}>
      <svg v-if="props.row.decided" class="ac-icon" aria-hidden="true"
        ><use href="{{decided}}" /></svg>
      <span v-else class="ac-dot" aria-hidden="true"></span>
      <span>{{{{ props.row.profile }}}}</span>
      <span v-if="props.row.confidence" class="ac-tag-detail">{{{{ props.row.confidence }}}}</span>
    </span>
  </td>
  <td class="ac-cell ac-cell--status">
    <span :class="['ac-status', 'ac-status--' + props.row.status_colour,
                   props.row.usual && 'ac-roomy']">
      <svg class="ac-icon" aria-hidden="true"><use :href="props.row.status_icon" /></svg>
      <span>{{{{ props.row.status }}}}</span>
    </span>
  </td>
</tr>
"""


class ClientTable(ui.table):
    """Shows clients; a head that is clicked tells `on_order` its column's sort."""

    def __init__(self, on_order: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(columns=[], rows=[], row_key="id")
        self.classes("ac-clients").props("flat hide-bottom data-ac-rows")
        self.add_slot("header", _HEAD)
        body = _BODY.replace("{person}", icon_address("person"))
        self.add_slot("body", body.replace("{decided}", icon_address("decided")))
        self.on("order", lambda event: on_order(str(event.args)))

    def show(
        self, clients: Sequence[ClientSummary], *, sort: str, descending: bool, lighting_up: bool
    ) -> None:
        """Replace the rows; `lighting_up` shows for a moment which of them changed or came."""
        before = {row["id"]: row for row in self.rows}
        rows = [row_of(client) for client in clients]
        for row in rows:
            was = before.get(row["id"], {})
            row["flash"] = was.get("flash", "")
            if lighting_up and _content(row) != _content(was):
                # Two names for the same light: a row that is lit already starts anew.
                row["flash"] = "ac-flash-b" if row["flash"] == "ac-flash-a" else "ac-flash-a"
        columns = _columns(sort, descending)
        if columns != self.columns:
            self.columns = columns
        if rows != self.rows:
            self.rows = rows

    def scroll_to_top(self) -> None:
        """Begin at the first row, as whoever asked for other rows expects."""
        # The table scrolls inside of itself; on the way up to `main` nothing else may be moved.
        ui.run_javascript(
            f"const list = getHtmlElement({self.id});"
            "for (const part of list ? [list, ...list.querySelectorAll('.q-table__middle')] : [])"
            " part.scrollTop = 0;"
        )


def _reached_by(client: ClientSummary) -> str:
    if client.phone:
        return phone(client.phone)
    return f"@{client.username}" if client.username else _("Number hidden by WhatsApp")


def row_of(client: ClientSummary, *, now: datetime | None = None) -> Row:
    """Put a client into words."""
    colour, profile = PROFILES.get(client.profile_type, PROFILES["OTHER"])
    status_colour, status_icon, status = STATUSES.get(client.status, STATUSES["inactive"])
    name = (client.name or "").strip()
    row: Row = {
        "id": str(client.id),
        "href": f"/clients/{client.id}",
        "named": bool(name),
        "name": name or _("No name"),
        "initials": initials(name),
        "tint": tint(str(client.id)),
        "phone": _reached_by(client),
        "unread": "99+" if client.unread_count > 99 else client.unread_count or "",
        "unread_label": ngettext(
            "{count} unread message",
            "{count} unread messages",
            client.unread_count,
            count=number(client.unread_count),
        ),
        "profile": _(profile),
        "profile_colour": colour,
        "decided": client.profile_source == "staff",
        "confidence": ""
        if client.profile_confidence is None
        else percent(client.profile_confidence),
        "basis": profile_basis(client.profile_confidence, client.profile_source),
        "status": _(status),
        "usual": client.status == "active",
        "status_colour": status_colour,
        "status_icon": icon_address(status_icon),
        "flash": "",
    }
    return row | _message_words(client, now)


def _message_words(client: ClientSummary, now: datetime | None) -> Row:
    if client.last_message_at is None:
        return {"when": "", "preview": _("No messages yet")}
    kind = client.last_message_type or "unknown"
    named = type_name(kind) if kind in _TYPE_ICONS else ""  # type: ignore[arg-type]
    outbound = client.last_message_direction == "outbound"
    direction = "outbound" if outbound else "inbound"
    return {
        "when": relative(client.last_message_at, now=now),
        "iso": client.last_message_at.isoformat(),
        "exact": exact(client.last_message_at),
        "preview": (client.last_message_preview or "").strip() or named or _("Empty message"),
        "type_icon": icon_address(_TYPE_ICONS[kind]) if kind in _TYPE_ICONS else "",
        "type_label": named,
        "direction": direction,
        "direction_label": _("Sent") if outbound else _("Received"),
        "direction_icon": icon_address(direction),
    }


def _columns(sort: str, descending: bool) -> list[dict[str, Any]]:
    columns = []
    for name, label, by in _COLUMNS:
        active = by == sort
        columns.append(
            {
                "name": name,
                "label": _(label),
                "field": name,
                "by": by or "",
                "sorted": ("descending" if descending else "ascending") if active else None,
                "arrow": icon_address("arrow-down" if descending else "arrow-up") if active else "",
            }
        )
    return columns


def _content(row: Row) -> Row:
    """What counts as a change: the time's wording and the light do not."""
    return {key: value for key, value in row.items() if key not in ("flash", "when")}
