"""Why somebody was not let in, in words: what happened and what to do about it."""

from collections.abc import Mapping
from math import ceil

from services.errors import TooMany
from services.sessions import WhyOver
from services.sign_in import SHORTEST_PASSWORD, ProviderUnavailable, SignInRefused
from ui.i18n import N_, _, ngettext

#: What can go wrong at the door itself.
Trouble = SignInRefused | ProviderUnavailable | TooMany

#: For what is not a refusal: said by addresses that lead back to the sign-in page.
UNAVAILABLE, TOO_MANY = "unavailable", "too_many"

_REFUSED = {
    "invalid_credentials": N_(
        "The e-mail or the password is not right. Check both; if you have forgotten the password,"
        " ask for a new one."
    ),
    "email_not_confirmed": N_(
        "Your e-mail address has not been confirmed yet. Open the link in the invitation that you"
        " received, or ask an administrator for a new one."
    ),
    "user_banned": N_("This account is blocked. Ask an administrator."),
    "not_staff": N_(
        "This account is not on the staff here, or no longer. Choose another, or ask an"
        " administrator."
    ),
    "cancelled": N_("You came back without having signed in. Try again, or choose another way."),
    "mismatch": N_(
        "This sign-in was begun in another browser, or a while ago. Begin again from here."
    ),
    "expired": N_("That took too long, so it is over for your safety. Sign in again."),
    "wrong_code": N_(
        "This code is not right. Type the one that the app shows now; it changes every 30 seconds."
    ),
    "second_factor_required": N_(
        "Your organisation asks for a second step, and you were not asked for one there. Choose"
        " another way, or ask an administrator."
    ),
    "not_offered": N_("This way of signing in is not offered here. Choose another."),
    "weak_password": N_(
        "This password is easy to guess, or known from a data leak. Choose another."
    ),
    "long_password": N_("This password is too long. Choose a shorter one."),
    "same_password": N_("This is the password you have already. Choose another."),
    "sign_in_again": N_(
        "You signed in a while ago. To change the password, sign out, sign in again and come back."
    ),
    "refused": N_("The sign-in service has declined this. Try again, or ask an administrator."),
}
_OVER: dict[WhyOver, str] = {
    "ended": N_("Your session was ended from somewhere else. Sign in again to go on."),
    "deactivated": N_("Your access has been deactivated. Ask whoever coordinates the team."),
    "idle": N_("Your session ended by itself, for your safety. Sign in again to go on."),
}
_LINK_OVER = N_(
    "This link is no longer good: it has been used already, or is too old. Ask for a new one."
)
#: What some codes mean elsewhere than at the door.
OF_LINKS = {"expired": _LINK_OVER, "mismatch": _LINK_OVER, "refused": _LINK_OVER}
OF_SETUP = {
    "second_factor_required": N_(
        "A second step has been set up already. Sign out and sign in with its code to add another."
    ),
    "not_offered": N_("There is no second step to set up for the way you signed in."),
}
OF_REMOVAL = {
    "second_factor_required": N_(
        "Your organisation asks for a second step, so the last one cannot be removed."
    ),
    "not_offered": OF_SETUP["not_offered"],
    "refused": N_("This second step is not there any more."),
}


def trouble_words(trouble: Trouble, instead: Mapping[str, str] | None = None) -> str:
    """What to tell the person; `instead` holds what codes mean where it happened."""
    if isinstance(trouble, ProviderUnavailable):
        return words_of(UNAVAILABLE)
    if isinstance(trouble, TooMany):
        return " ".join((_("Too many attempts."), _wait(trouble.retry_after)))
    if instead and trouble.code in instead:
        return _(instead[trouble.code])
    return words_of(trouble.code)


def words_of(code: str) -> str:
    """Words of a code, such as stands in an address; any that we do not know is a refusal."""
    if code == UNAVAILABLE:
        return _(
            "The sign-in service does not answer at the moment. It is nothing you did; try again in"
            " a few minutes."
        )
    if code == TOO_MANY:
        return " ".join((_("Too many attempts."), _("Try again in a few minutes.")))
    return _(_REFUSED.get(code, _REFUSED["refused"]))


def over_words(why: WhyOver) -> str:
    """Why somebody who was in has to sign in again."""
    return _(_OVER[why])


def missing_words(email: str, password: str | None = None) -> dict[str, str]:
    """What is not there yet of what somebody signs in with, by field; nothing when all is."""
    wrong: dict[str, str] = {}
    if not email:
        wrong["email"] = _("Type your e-mail.")
    elif "@" not in email[1:-1]:
        wrong["email"] = _("This is not a complete e-mail address, such as name@example.org.")
    if password == "":
        wrong["password"] = _("Type your password.")
    return wrong


def password_words(trouble: Trouble, password: str) -> str:
    """What to tell whoever chooses a password."""
    is_short = len(password) < SHORTEST_PASSWORD
    if isinstance(trouble, SignInRefused) and trouble.code == "weak_password" and is_short:
        return _(
            "This password is too short. It needs at least {n} characters.", n=SHORTEST_PASSWORD
        )
    return trouble_words(trouble)


def code_of(trouble: Trouble) -> str:
    """A short word for an address; it tells nothing about the person."""
    if isinstance(trouble, ProviderUnavailable):
        return UNAVAILABLE
    return TOO_MANY if isinstance(trouble, TooMany) else trouble.code


def status_of(trouble: Trouble) -> int:
    """The HTTP status of an answer that shows these words."""
    if isinstance(trouble, ProviderUnavailable):
        return 503
    return 429 if isinstance(trouble, TooMany) else 403


def headers_of(trouble: Trouble) -> dict[str, str]:
    """When to come back, for programs."""
    return {"Retry-After": str(ceil(trouble.retry_after))} if isinstance(trouble, TooMany) else {}


def _wait(seconds: float) -> str:
    if seconds <= 60:
        n = max(1, ceil(seconds))
        return ngettext("Wait {n} second and try again.", "Wait {n} seconds and try again.", n)
    n = ceil(seconds / 60)
    return ngettext("Wait {n} minute and try again.", "Wait {n} minutes and try again.", n)
