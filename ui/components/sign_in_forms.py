"""What stands on the card of the sign-in page: a password, other providers, the demo's people."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from services.adapters.identity import DemoPerson
from ui import sign_in_paths as paths
from ui.components.avatars import avatar
from ui.components.door import notice
from ui.components.fields import email_field, field, form
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.i18n import _
from ui.rail import ROLES
from ui.sign_in_paths import with_next


def password_form(wanted: str, *, email: str = "", wrong: Mapping[str, str] | None = None) -> Html:
    """E-mail and password, each with what is `wrong` about it; a typed address stays."""
    errors = wrong or {}
    return join(
        [
            form(
                paths.LOGIN,
                email_field(email, focus=not email, error=errors.get("email")),
                field(
                    "password",
                    _("Password"),
                    kind="password",
                    autocomplete="current-password",
                    focus=bool(email) and not errors,
                    error=errors.get("password"),
                    maxlength="128",
                ),
                submit=_("Sign in"),
                next=wanted,
            ),
            tag("p", tag("a", _("I have forgotten my password"), href=paths.FORGOT)),
        ]
    )


def provider_buttons(providers: Sequence[tuple[str, str]], wanted: str) -> Html:
    """(key, name) of each provider as a way in; they are links, since a form may not lead away."""
    links = [
        tag(
            "li",
            tag(
                "a",
                icon("external"),
                tag("span", _("Continue with {provider}", provider=name)),
                href=with_next(f"{paths.START}/{quote(key, safe='')}", wanted),
                class_="ac-button ac-provider",
            ),
        )
        for key, name in providers
    ]
    return tag("ul", *links, class_="ac-plain ac-people")


def or_else() -> Html:
    """Between two ways in."""
    return tag("p", tag("span", _("or")), class_="ac-or")


def demo_people(people: Sequence[DemoPerson], wanted: str) -> Html:
    """Whom one can be in mock mode, one button each."""
    demo = notice(
        "info",
        "info",
        _("Test mode: everybody here is invented. Choose who you want to be."),
    )
    if not people:
        nobody = tag("p", _("There are no members of staff yet."), class_="ac-muted")
        return join([demo, nobody])
    buttons = [tag("li", _person(person)) for person in people]
    chooser = tag(
        "form",
        tag("input", type="hidden", name_="next", value=wanted),
        tag("ul", *buttons, class_="ac-plain ac-people"),
        method="post",
        action=paths.LOGIN,
    )
    return join([demo, chooser])


def not_offered() -> Html:
    """Where no way in has been set up."""
    return notice(
        "warn",
        "warning",
        _("Signing in is not set up on this server yet. Ask your administrator."),
    )


def role_name(role: str) -> str:
    """A role in words; one that we do not know as it is."""
    return next((_(label) for key, label in ROLES.items() if key == role), role)


def _person(person: DemoPerson) -> Html:
    words = tag(
        "span",
        tag("span", person.name, class_="ac-person-name"),
        tag("span", person.email, class_="ac-person-email"),
        class_="ac-person-words",
    )
    return tag(
        "button",
        avatar(person.name, seed=person.email),
        words,
        tag("span", role_name(person.role), class_="ac-tag ac-tag--other"),
        type="submit",
        name_="email",
        value=person.email,
        class_="ac-person",
    )
