"""What the dashboard's numbers are called."""

from services.analytics.numbers import Compared
from services.conversations import MessageError
from ui.components.message_words import error_meaning
from ui.formats import number, percent
from ui.i18n import N_, _

STATES = {"new": N_("To be looked at"), "accepted": N_("Accepted"), "rejected": N_("Rejected")}

_LANGUAGES = {
    "ar": N_("Arabic"),
    "en": N_("English"),
    "es": N_("Spanish"),
    "fr": N_("French"),
    "pt": N_("Portuguese"),
    "ru": N_("Russian"),
    "uk": N_("Ukrainian"),
    "wo": N_("Wolof"),
    "zh": N_("Chinese"),
}


def state_name(state: str) -> str:
    """What became of a document."""
    return _(STATES[state])


def language_name(code: str) -> str:
    if not code:
        return _("Not noted")
    return _(_LANGUAGES[code]) if code in _LANGUAGES else code


def reason_name(code: str) -> str:
    """Why a message did not arrive, by WhatsApp's code."""
    if not code.isdecimal() or len(code) > 9:
        return _("WhatsApp gave no reason")
    return error_meaning(MessageError(int(code), "", None))


def beside(compared: Compared) -> str:
    """The number of the period before, and how far this one is from it."""
    if not compared.before:
        return _("before: {n}", n=number(compared.before))
    share = (compared.now - compared.before) / compared.before
    sign = "+" if share > 0 else ""
    return _("before: {n} ({change})", n=number(compared.before), change=f"{sign}{percent(share)}")
