"""The cards about passwords: a link that is sent, a link that is followed, the new password."""

from services.actors import Staff
from services.adapters.identity import LinkKind
from ui import sign_in_paths as paths
from ui.components.door import door, notice
from ui.components.fields import email_field, form, new_password_fields
from ui.components.markup import Html, tag
from ui.i18n import _


def _alert(words: str | None) -> Html | None:
    return notice("danger", "error", words, role="alert") if words else None


def _to_sign_in() -> Html:
    return tag("p", tag("a", _("Back to sign in"), href=paths.LOGIN))


def forgotten(email: str = "", problem: str | None = None, *, wrong: str | None = None) -> Html:
    """Whose password it is; `wrong` is about the address that was typed."""
    return door(
        _("A new password"),
        _alert(problem),
        tag(
            "p",
            _("Tell us the e-mail you sign in with. We send a link for choosing a new one."),
            class_="ac-muted",
        ),
        form(paths.FORGOT, email_field(email, focus=True, error=wrong), submit=_("Send the link")),
        _to_sign_in(),
        here=paths.FORGOT,
        failed=problem is not None or wrong is not None,
    )


def link_sent() -> Html:
    """The same for everybody, whether there is an account or not."""
    return door(
        _("Look at your e-mail"),
        tag(
            "p",
            _(
                "If somebody signs in here with that e-mail, a link is on its way. It works once"
                " and not for long."
            ),
        ),
        tag(
            "p",
            _("Nothing after a few minutes? Look in the spam folder, or ask an administrator."),
            class_="ac-muted",
        ),
        _to_sign_in(),
        here=paths.FORGOT,
        failed=False,
    )


def follow_link(kind: LinkKind, problem: str | None = None) -> Html:
    """What a link leads to, and the button that uses it."""
    invited = kind == "invite"
    return door(
        _("Welcome to Acogida") if invited else _("A new password"),
        _alert(problem),
        tag(
            "p",
            _("You have been invited. Next you choose your password.")
            if invited
            else _("Next you choose a new password. The old one works until then."),
        ),
        form(paths.CONFIRM, submit=_("Continue")),
        here=paths.CONFIRM,
        failed=problem is not None,
    )


def broken_link(words: str | None = None) -> Html:
    """A link that cannot be used, and where to get another."""
    return door(
        _("This link does not work"),
        _alert(
            words
            or _("Something is missing. Open the link in the e-mail again, in this same browser.")
        ),
        tag(
            "p",
            tag("a", _("Ask for a new link"), href=paths.FORGOT),
        ),
        tag(
            "p",
            _("If it was an invitation, an administrator can send another."),
            class_="ac-muted",
        ),
        _to_sign_in(),
        here=paths.CONFIRM,
        failed=True,
    )


def choose_password(
    staff: Staff,
    wanted: str,
    problem: str | None = None,
    *,
    about_field: bool = False,
    differs: bool = False,
) -> Html:
    """The new password, twice; the problem stands at the field it is about."""
    return door(
        _("Choose your password"),
        None if about_field else _alert(problem),
        tag("p", _("For {email}", email=staff.email), class_="ac-muted"),
        form(
            paths.PASSWORD,
            new_password_fields(
                email=staff.email,
                error=problem if about_field else None,
                repeat_error=_("These two are not the same. Type both again.") if differs else None,
            ),
            submit=_("Save the password"),
            next=wanted,
        ),
        *(_of_who_changes_it(wanted) if wanted != "/" else []),
        here=paths.PASSWORD,
        wanted=wanted,
        failed=problem is not None or differs,
    )


def _of_who_changes_it(wanted: str) -> list[Html]:
    """For whoever has a password already, and came from a page of ours."""
    return [
        tag("p", _("Your other open sessions end."), class_="ac-muted"),
        tag("p", tag("a", _("Cancel"), href=wanted)),
    ]
