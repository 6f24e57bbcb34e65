"""The cards of the second step: giving a code, setting one up, removing it."""

from urllib.parse import urlencode

from services.adapters.identity import Enrolment
from ui import sign_in_paths as paths
from ui.components.door import door, notice
from ui.components.fields import code_field, form
from ui.components.markup import Html, tag
from ui.components.second_factor_steps import enrolment_steps
from ui.i18n import _


def code_page(wanted: str, problem: str | None = None) -> Html:
    """For the code of somebody whose password was right."""
    return door(
        _("One more step"),
        tag("p", _("Open the app on your phone that shows your codes."), class_="ac-muted"),
        form(
            paths.CODE,
            code_field(error=problem, focus=True),
            submit=_("Continue"),
            next=wanted,
        ),
        tag(
            "p",
            _("You do not have your phone? An administrator can remove this step for you."),
            class_="ac-muted",
        ),
        tag("p", tag("a", _("Sign in as somebody else"), href=paths.LOGIN)),
        here=paths.CODE,
        wanted=wanted,
        failed=problem is not None,
    )


def explanation(wanted: str, problem: str | None = None, *, must: bool) -> Html:
    """What a second step is, and a button to begin; `must` before one gets in at all."""
    return door(
        _("Second step"),
        notice("danger", "error", problem, role="alert") if problem else None,
        None
        if not must
        else notice("info", "info", _("Your organisation asks for this before you go on.")),
        tag(
            "p",
            _(
                "Besides your password you will type a code that only your phone knows. Whoever"
                " finds out the password still cannot get in."
            ),
        ),
        tag(
            "p",
            _(
                "You need an app for it, such as Google Authenticator, Microsoft Authenticator or"
                " 2FAS, or a password manager."
            ),
            class_="ac-muted",
        ),
        form(paths.SECOND_FACTOR_BEGIN, submit=_("Set it up"), next=wanted),
        _way_out(wanted, must),
        here=paths.SECOND_FACTOR,
        wanted=wanted,
        failed=problem is not None,
    )


def scan_page(enrolment: Enrolment, wanted: str, problem: str | None = None, *, must: bool) -> Html:
    """What to scan, and the first code."""
    return door(
        _("Second step"),
        form(
            paths.SECOND_FACTOR,
            enrolment_steps(enrolment, problem),
            submit=_("Activate"),
            factor=enrolment.factor_id,
            uri=enrolment.uri,
            next=wanted,
        ),
        _way_out(wanted, must),
        here=paths.SECOND_FACTOR,
        wanted=wanted,
        failed=problem is not None,
    )


def removal(factor: str, problem: str | None = None) -> Html:
    """A code shows that the app is still the person's own."""
    return door(
        _("Remove the second step"),
        tag(
            "p",
            _("From then on your password alone is enough to get in. Type a code to confirm."),
        ),
        form(
            paths.SECOND_FACTOR_REMOVE,
            code_field(error=problem, focus=True),
            submit=_("Remove"),
            factor=factor,
        ),
        tag("p", tag("a", _("Cancel"), href=paths.ACCOUNT)),
        here=f"{paths.SECOND_FACTOR_REMOVE}?{urlencode({'factor': factor})}",
        failed=problem is not None,
    )


def _way_out(wanted: str, must: bool) -> Html:
    if not must:
        return tag("p", tag("a", _("Cancel"), href=wanted))
    return tag("p", tag("a", _("Sign in as somebody else"), href=paths.LOGIN))
