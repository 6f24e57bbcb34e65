"""What stands on a person's account page, as markup."""

from collections.abc import Sequence
from urllib.parse import urlencode
from uuid import UUID

from services.actors import Role, Staff
from services.permissions import Permission, may
from services.sessions import OwnSession
from services.sign_in import SecondFactors
from ui import sign_in_paths as paths
from ui.components.avatars import avatar
from ui.components.devices import device, is_handheld
from ui.components.door import notice
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.preferences import enter_choice, language_choice, theme_choice
from ui.formats import day, day_and_time, exact, relative
from ui.i18n import N_, _
from ui.rail import ROLES
from ui.sign_in_paths import with_next

_MAY: dict[Role, str] = {
    "admin": N_("Sees and changes everything, and looks after the staff."),
    "caseworker": N_("Reads and changes clients' files."),
    "viewer": N_("Reads clients' files and changes nothing."),
}
#: What a plain form leads back here with.
_SAID = {
    "second_factor_added": N_("The second step is active. It will be asked for when you sign in."),
    "second_factor_removed": N_("The second step has been removed."),
    "password": N_("Your password has been changed. Your other sessions have ended."),
}


def said(code: str) -> Html | None:
    """What has just been done, for a code in the address; nothing for any other."""
    if code not in _SAID:
        return None
    return notice("ok", "ok", _(_SAID[code]), role="status")


def done(words: str) -> Html:
    """What a press has just done."""
    return notice("ok", "ok", words)


def who(staff: Staff) -> Html:
    """Name, address and role, and what the role may do."""
    words = tag(
        "div",
        tag("strong", staff.name),
        tag("div", staff.email, class_="ac-muted"),
    )
    role = tag(
        "p",
        tag("span", _(ROLES[staff.role]), class_="ac-tag ac-tag--other"),
        " ",
        tag("span", _(_MAY[staff.role]), class_="ac-muted"),
    )
    return join(
        [tag("div", avatar(staff.name, seed=staff.email), words, class_="ac-account-owner"), role]
    )


def preferences(staff: Staff) -> Html:
    """Language, theme, and for who may write what Enter does."""
    writes = may(staff, Permission.CHANGE_CLIENTS)
    return tag(
        "div",
        language_choice(),
        theme_choice(staff),
        enter_choice(staff) if writes else None,
        class_="ac-account-choices",
    )


def session_mark(session: OwnSession) -> Html:
    """A phone or a computer."""
    return icon("simulator" if is_handheld(session.user_agent) else "panel")


def session_words(session: OwnSession, *, is_this: bool) -> Html:
    """Which device, from where, since when."""
    this = tag("span", _("This session"), class_="ac-tag ac-tag--accent") if is_this else None
    since = tag(
        "span",
        _("Since {moment}", moment=day_and_time(session.created_at)),
        title=exact(session.created_at),
    )
    seen = tag(
        "span",
        _("last active: {moment}", moment=relative(session.last_seen_at)),
        title=exact(session.last_seen_at),
    )
    address = _("from {address}", address=session.address) if session.address else None
    facts: list[Html | str] = [since, ", ", seen]
    return join(
        [
            tag("div", tag("span", device(session.user_agent)), this, class_="ac-session-device"),
            tag("div", *facts, *([", ", address] if address else []), class_="ac-session-facts"),
        ]
    )


def second_factor(found: SecondFactors) -> Html:
    """What is set up, and the way to set up or remove."""
    if not found.offered:
        return tag(
            "p",
            _("The way you sign in has no second step here; your provider looks after it."),
            class_="ac-muted",
        )
    if not found.factors:
        warn = notice(
            "info",
            "info",
            _("Your password alone is enough to get in. A code from your phone makes it safer."),
        )
        return join([warn, _setup_link(_("Set up the second step"), primary=True)])
    rows = [
        tag(
            "li",
            icon("lock"),
            tag(
                "div",
                tag("div", factor.name or _("Authenticator app"), class_="ac-session-device"),
                tag(
                    "div",
                    _("Since {moment}", moment=day(factor.created_at)),
                    class_="ac-session-facts",
                ),
                class_="ac-session-words",
            ),
            _remove_link(factor.id) if not (found.required and len(found.factors) == 1) else None,
            class_="ac-session",
        )
        for factor in found.factors
    ]
    active = notice("ok", "ok", _("Active: besides the password you are asked for a code."))
    needed = tag(
        "p",
        _("Your organisation asks for it, so the last one cannot be removed."),
        class_="ac-muted",
    )
    return join(
        [
            active,
            tag("ul", *rows, class_="ac-plain ac-sessions"),
            needed if found.required else None,
            _setup_link(_("Add another app")),
        ]
    )


def demo_second_factor() -> Html:
    """Test mode has nothing to set up, and says so."""
    return notice(
        "info",
        "info",
        _(
            "Test mode: you choose who you are and there is no password. The second step belongs to"
            " the real sign-in; it is set up here once the app uses it."
        ),
    )


def password_link() -> Html:
    """The way to another password."""
    return tag(
        "a",
        _("Change the password"),
        href=with_next(paths.PASSWORD, paths.ACCOUNT),
        class_="ac-button",
    )


def others(sessions: Sequence[OwnSession], this: UUID | None) -> list[UUID]:
    """The sessions that are not the one of this page."""
    return [session.id for session in sessions if session.id != this]


def _setup_link(label: str, *, primary: bool = False) -> Html:
    look = "ac-button ac-button--primary" if primary else "ac-button"
    return tag("a", label, href=with_next(paths.SECOND_FACTOR, paths.ACCOUNT), class_=look)


def _remove_link(factor_id: str) -> Html:
    return tag(
        "a",
        _("Remove"),
        href=f"{paths.SECOND_FACTOR_REMOVE}?{urlencode({'factor': factor_id})}",
        class_="ac-button",
    )
