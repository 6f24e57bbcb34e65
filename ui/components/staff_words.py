"""What is said about the people of the team: what each may do, and where they stand."""

from datetime import datetime

from services.actors import Role
from services.staff_admin import OpenSession, StaffMember
from ui.components.avatars import avatar
from ui.components.devices import device
from ui.components.markup import Html, join, tag
from ui.components.tags import label_tag
from ui.formats import day_and_time, exact, relative
from ui.i18n import N_, _, ngettext
from ui.rail import ROLES

#: What somebody with a role may do, for whoever chooses it.
MEANINGS: dict[Role, str] = {
    "viewer": N_("Sees clients and conversations; changes nothing."),
    "caseworker": N_("Works with clients: writes to them, decides, keeps their files."),
    "admin": N_("The same, and looks after the team, the records and the settings."),
}

_PROBLEMS = {
    "required": N_("This is needed."),
    "not_an_email": N_("This is not a complete e-mail address, such as name@example.org."),
    "too_long": N_("This is too long."),
    "not_readable": N_("This holds characters that cannot be seen. Type it again."),
    "unknown_role": N_("Choose one of the list."),
    "email_taken": N_(
        "Somebody on the team has this address already. If they left, reactivate them in the list."
    ),
    "last_admin": N_(
        "Nothing was changed: nobody else on the team is an active administrator. Give that role"
        " to somebody else first."
    ),
    "changed": N_("Somebody else changed this meanwhile. You see how it stands now."),
    "inactive": N_("This person is deactivated. Reactivate them first."),
    "already_linked": N_("This person has signed in by now and needs no invitation."),
}


def problem(code: str) -> str:
    """What is wrong, and what to do, for a code of the service."""
    return _(_PROBLEMS[code]) if code in _PROBLEMS else _("This cannot be done.")


def role_choices() -> dict[str, str]:
    """The roles by key, from the one that may least."""
    return {role: _(ROLES[role]) for role in MEANINGS}


def named(name: str) -> str:
    """A name inside a sentence: letters of any direction stay together."""
    return f"\u2068{name}\u2069"


def role_name(role: Role) -> str:
    return _(ROLES[role])


def who(member: StaffMember, *, is_me: bool) -> Html:
    """The person: name and address."""
    me = tag("span", _("you"), class_="ac-tag ac-tag--accent") if is_me else None
    return join(
        [
            avatar(member.name, seed=member.email),
            tag(
                "div",
                tag(
                    "span",
                    tag("bdi", member.name, class_="ac-person-name", id=name_id(member)),
                    me,
                    class_="ac-staff-name",
                ),
                tag("span", member.email, class_="ac-person-email"),
                class_="ac-person-words",
            ),
        ]
    )


def name_id(member: StaffMember) -> str:
    """The id of the element with the name, which names a person's controls."""
    return f"ac-staff-{member.id}"


def standing(member: StaffMember, *, mails: bool) -> Html:
    """Where the person stands with us. `mails`: invitations are mailed here."""
    if not member.active:
        since = member.deactivated_at
        words = _moment("{when}", since) if since else None
        return _standing(label_tag("other", _("No longer active"), symbol="pause"), words)
    if not member.linked:
        if member.invited_at is None and mails and member.invited_by_name:
            tag_ = label_tag("warn", _("Invitation not sent"), symbol="warning")
            return _standing(tag_, None)
        words = (
            _moment(_("Invitation: {when}"), member.invited_at)
            if member.invited_at
            else _moment(_("On the team: {when}"), member.created_at)
        )
        return _standing(label_tag("info", _("Has not signed in yet"), symbol="clock"), words)
    if member.last_seen_at is None:
        # Sessions are not kept for ever: who was here long ago, and who never was, look the same.
        return _standing(None, tag("span", _("No recent sign-in")))
    return _standing(None, _moment(_("Last active: {when}"), member.last_seen_at))


def sessions_count(member: StaffMember) -> str:
    """How many open sessions somebody has; nothing where it would only be noise."""
    if not member.active or not member.open_sessions:
        return ""
    return ngettext("{n} open session", "{n} open sessions", member.open_sessions)


def session_device(session: OpenSession) -> str:
    """What somebody signed in with: `Firefox on Windows`."""
    return device(session.user_agent or "")


def session_words(session: OpenSession) -> Html:
    """Where and since when somebody is signed in."""
    seen = _moment(_("last active: {when}"), session.last_seen_at)
    since = _("signed in {when}", when=day_and_time(session.created_at))
    facts = [seen, tag("span", since)]
    if session.address:
        facts.append(tag("bdi", session.address))
    return tag(
        "div",
        tag("strong", session_device(session)),
        tag("div", *facts, class_="ac-staff-facts"),
    )


def count(members: list[StaffMember]) -> str:
    """How many people there are."""
    active = sum(member.active for member in members)
    said = ngettext("{n} active person", "{n} active people", active)
    if gone := len(members) - active:
        return f"{said} · " + ngettext("{n} person deactivated", "{n} people deactivated", gone)
    return said


def _standing(label: Html | None, words: Html | None) -> Html:
    return tag("div", label, words, class_="ac-staff-standing")


def _moment(sentence: str, moment: datetime) -> Html:
    words = sentence.format(when=relative(moment))
    return tag("time", words, datetime=moment.isoformat(), title=exact(moment))
