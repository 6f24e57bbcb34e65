"""What the rail shows: sections, the signed-in person, preferences, the keyboard's help.

Plain HTML without a server-side element behind it: links, and forms that `ui.login` answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from services.actors import Role, Staff
from ui.components.avatars import avatar
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.preferences import language_choice, theme_choice
from ui.i18n import N_, _

_ADMINS: frozenset[Role] = frozenset({"admin"})
_WRITERS: frozenset[Role] = frozenset({"admin", "caseworker"})
_EVERYBODY: frozenset[Role] = frozenset({"admin", "caseworker", "viewer"})


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the rail or, with a `group`, of the settings menu that opens from it."""

    key: str
    label: str
    icon: str
    path: str
    roles: frozenset[Role] = _EVERYBODY
    #: The heading that it stands under in the settings menu.
    group: str = ""
    #: Whether it is on the rail as well, where that is wide enough: what nobody should overlook.
    is_on_rail: bool = False


_MESSAGES, _ORGANISATION = N_("Messages"), N_("Organisation")
_DATA_PROTECTION, _WHATSAPP = N_("Data protection"), N_("WhatsApp")

SECTIONS = (
    Section("inbox", N_("Inbox"), "inbox", "/"),
    Section("clients", N_("Clients"), "people", "/clients"),
    Section("dashboard", N_("Dashboard"), "chart", "/dashboard", _WRITERS),
    Section("simulator", N_("Simulator"), "simulator", "/simulator"),
    Section(
        "undelivered",
        N_("Not delivered"),
        "warning",
        "/settings/undelivered",
        group=_MESSAGES,
        is_on_rail=True,
    ),
    Section("templates", N_("Templates"), "template", "/templates", group=_MESSAGES),
    Section(
        "canned-replies",
        N_("Quick replies"),
        "text",
        "/settings/canned-replies",
        _WRITERS,
        group=_MESSAGES,
    ),
    Section("staff", N_("Team"), "contacts", "/settings/staff", _ADMINS, group=_ORGANISATION),
    Section(
        "desk",
        N_("Labels and receipts"),
        "filter",
        "/settings/desk",
        _WRITERS,
        group=_ORGANISATION,
    ),
    Section("keywords", N_("Keywords"), "sparkle", "/settings/keywords", group=_ORGANISATION),
    Section("import", N_("Import people"), "import", "/import", _ADMINS, group=_ORGANISATION),
    Section(
        "audit", N_("Activity log"), "clock", "/settings/audit", _ADMINS, group=_DATA_PROTECTION
    ),
    Section("privacy", N_("Privacy"), "lock", "/settings/privacy", _ADMINS, group=_DATA_PROTECTION),
    Section(
        "channel",
        N_("Connection to WhatsApp"),
        "call",
        "/settings/channel",
        _ADMINS,
        group=_WHATSAPP,
    ),
    Section(
        "deliveries",
        N_("WhatsApp deliveries"),
        "deliveries",
        "/settings/deliveries",
        _ADMINS,
        group=_WHATSAPP,
    ),
)

ROLES: dict[Role, str] = {
    "admin": N_("Administrator"),
    "caseworker": N_("Caseworker"),
    "viewer": N_("Read only"),
}

SHORTCUTS = (
    ("/", N_("Search")),
    ("j", N_("Next in the list")),
    ("k", N_("Previous in the list")),
    ("Enter", N_("Open")),
    ("?", N_("This help")),
    ("Esc", N_("Close, or leave the field")),
)

_offered: frozenset[str] = frozenset()


def offer(sections: Iterable[str]) -> None:
    """Say which sections there are in this installation, by key."""
    global _offered
    _offered = frozenset(sections)


def is_offered(section: str) -> bool:
    """Whether this installation has a section."""
    return section in _offered


def rail_links(active: str | None, staff: Staff) -> Html:
    """The product's name and the sections this person may open."""
    brand = tag(
        "a",
        tag("span", icon("logo"), class_="ac-brand-mark"),
        tag("span", "Acogida", class_="ac-rail-label"),
        href="/",
        class_="ac-brand",
    )
    visible = [entry for entry in SECTIONS if entry.key in _offered and staff.role in entry.roles]
    links = [_link(entry, active) for entry in visible if not entry.group or entry.is_on_rail]
    if settings := [entry for entry in visible if entry.group]:
        links.append(_settings(settings, active))
    return join([brand, tag("ul", *links, class_="ac-plain")])


def rail_foot(staff: Staff) -> Html:
    """The keyboard's help and the person's own menu, each a button with its popover."""
    help_button = tag(
        "button",
        icon("keyboard"),
        tag("span", _("Keyboard"), class_="ac-rail-label"),
        type="button",
        class_="ac-rail-link ac-rail-keyboard",
        popovertarget="ac-shortcuts",
        data_ac_key="?",
        title=_("Keyboard shortcuts"),
    )
    account = tag(
        "button",
        avatar(staff.name, seed=staff.email),
        tag(
            "span",
            tag("span", staff.name, class_="ac-account-name"),
            tag("span", _(ROLES[staff.role]), class_="ac-account-role"),
            class_="ac-rail-label ac-account-who",
        ),
        tag("span", _("Account"), class_="ac-rail-label ac-account-short"),
        type="button",
        class_="ac-rail-link ac-account",
        popovertarget="ac-account-menu",
        title=staff.name,
    )
    return join([help_button, account, _account_menu(staff), _shortcuts()])


def _link(entry: Section, active: str | None) -> Html:
    label = _(entry.label)
    link = tag(
        "a",
        icon(entry.icon),
        tag("span", label, class_="ac-rail-label"),
        href=entry.path,
        class_="ac-rail-link",
        title=label,
        aria_current="page" if entry.key == active else None,
    )
    return tag("li", link, class_="ac-rail-wide" if entry.is_on_rail else None)


def _settings(entries: list[Section], active: str | None) -> Html:
    """The sections that people come to now and then, behind one button and under headings."""
    title = _("Settings")
    opener = tag(
        "button",
        icon("settings"),
        tag("span", title, class_="ac-rail-label"),
        type="button",
        class_="ac-rail-link",
        title=title,
        popovertarget="ac-settings-menu",
        aria_current="true" if active in {entry.key for entry in entries} else None,
    )
    groups = [
        tag(
            "div",
            tag("h2", _(heading), class_="ac-menu-heading"),
            tag("ul", *(_settings_link(entry, active) for entry in group), class_="ac-plain"),
            class_="ac-menu-group",
        )
        for heading, group in groupby(entries, key=lambda entry: entry.group)
    ]
    menu = tag(
        "div",
        *groups,
        id="ac-settings-menu",
        popover="auto",
        class_="ac-popover ac-account-menu ac-settings-menu",
    )
    return tag("li", opener, menu)


def _settings_link(entry: Section, active: str | None) -> Html:
    link = tag(
        "a",
        icon(entry.icon),
        tag("span", _(entry.label)),
        href=entry.path,
        class_="ac-menu-item",
        aria_current="page" if entry.key == active else None,
    )
    return tag("li", link, class_="ac-menu-narrow" if entry.is_on_rail else None)


def _account_menu(staff: Staff) -> Html:
    sign_out = tag(
        "form",
        tag(
            "button",
            icon("sign-out"),
            tag("span", _("Sign out")),
            type="submit",
            class_="ac-menu-item",
        ),
        method="post",
        action="/logout",
    )
    account = tag(
        "a",
        icon("person"),
        tag("span", _("My account")),
        href="/settings/account",
        class_="ac-menu-item",
    )
    return tag(
        "div",
        tag(
            "div",
            tag("strong", staff.name),
            tag("span", staff.email, class_="ac-muted"),
            class_="ac-menu-who",
        ),
        language_choice(),
        theme_choice(staff),
        account,
        sign_out,
        id="ac-account-menu",
        popover="auto",
        class_="ac-popover ac-account-menu",
    )


def _shortcuts() -> Html:
    rows = [
        tag("div", tag("dt", tag("kbd", key)), tag("dd", _(meaning)), class_="ac-shortcut")
        for key, meaning in SHORTCUTS
    ]
    title = tag("h2", _("Keyboard shortcuts"), class_="ac-subtitle", id="ac-shortcuts-title")
    return tag(
        "div",
        title,
        tag("dl", *rows),
        id="ac-shortcuts",
        popover="auto",
        role="dialog",
        aria_labelledby="ac-shortcuts-title",
        class_="ac-popover ac-shortcuts",
    )
