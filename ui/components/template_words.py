"""What WhatsApp says of a template, in words of people who only want to send it."""

from babel import Locale, UnknownLocaleError

from services.template_parts import ButtonKind, HeaderKind, Variable
from services.templates import GONE, NOT_APPROVED, OPTED_OUT, UNSUPPORTED, Template
from ui.components.markup import Html
from ui.components.tags import Colour, label_tag
from ui.i18n import N_, _, language

#: Status -> colour, icon, word, what it means and what to do.
_STATUSES: dict[str, tuple[Colour, str, str, str]] = {
    "APPROVED": ("ok", "ok", N_("Can be sent"), N_("WhatsApp has approved it.")),
    "PENDING": (
        "info",
        "clock",
        N_("Being reviewed"),
        N_("WhatsApp is looking at it. That takes minutes, at most a day; nothing to do."),
    ),
    "IN_APPEAL": (
        "info",
        "clock",
        N_("Appealed"),
        N_("WhatsApp is looking at it once more because somebody objected."),
    ),
    "REJECTED": (
        "danger",
        "close",
        N_("Not allowed"),
        N_("WhatsApp does not allow this text. Change it in WhatsApp Manager, or object there."),
    ),
    "PAUSED": (
        "warn",
        "pause",
        N_("Paused"),
        N_(
            "Too many people blocked or reported it. WhatsApp lets it go again after some hours;"
            " the third time it is switched off. A text that people expect helps."
        ),
    ),
    "DISABLED": (
        "danger",
        "close",
        N_("Switched off"),
        N_("WhatsApp has switched it off for good. Write another one in WhatsApp Manager."),
    ),
    "LIMIT_EXCEEDED": (
        "warn",
        "warning",
        N_("Too many templates"),
        N_("The account has more templates than it may have. Delete some in WhatsApp Manager."),
    ),
    "ARCHIVED": ("other", "archive", N_("Archived"), N_("Put away in WhatsApp Manager.")),
    "PENDING_DELETION": ("other", "close", N_("Being deleted"), N_("It is about to disappear.")),
    "DELETED": ("other", "close", N_("Deleted"), N_("WhatsApp has it no longer.")),
}
_UNKNOWN: tuple[Colour, str, str, str] = (
    "other",
    "question",
    N_("Cannot be sent"),
    N_("WhatsApp says something about it that this program does not know yet."),
)

_QUALITIES: dict[str, tuple[Colour, str, str]] = {
    "GREEN": ("ok", N_("Well received"), N_("Hardly anybody blocks or reports it.")),
    "YELLOW": (
        "warn",
        N_("Some complain"),
        N_("Some people blocked or reported it. If it gets worse WhatsApp pauses it."),
    ),
    "RED": (
        "danger",
        N_("Many complain"),
        N_("Many people blocked or reported it: WhatsApp may pause it any moment."),
    ),
}

_CATEGORIES = {
    "UTILITY": N_("Service"),
    "MARKETING": N_("Advertising"),
    "AUTHENTICATION": N_("Access codes"),
}

_REASONS = {
    "ABUSIVE_CONTENT": N_("WhatsApp takes the content for abusive."),
    "INVALID_FORMAT": N_("Variables are in the wrong place or stand alone."),
    "TAG_CONTENT_MISMATCH": N_("Text and category, or text and language, do not go together."),
    "INCORRECT_CATEGORY": N_("It is in the wrong category."),
    "PROMOTIONAL": N_("It reads like advertising."),
    "SCAM": N_("WhatsApp takes it for a fraud."),
}

_HEADERS: dict[HeaderKind, tuple[str, str]] = {
    "text": ("text", N_("Heading")),
    "image": ("image", N_("Picture")),
    "video": ("video", N_("Video")),
    "document": ("document", N_("Document")),
    "location": ("location", N_("Location")),
}

#: Icons of buttons, as WhatsApp has them.
BUTTON_ICONS: dict[ButtonKind, str] = {
    "quick_reply": "reply",
    "url": "external",
    "phone_number": "call",
    "copy_code": "copy",
    "flow": "document",
}


def status_tag_of(template: Template) -> Html:
    """Whether it can be sent, in one tag."""
    if template.gone:
        return label_tag("other", _("No longer there"), symbol="close")
    colour, symbol, word, _meaning = _STATUSES.get(template.status, _UNKNOWN)
    if template.why_not == UNSUPPORTED:
        return label_tag("warn", _("Not from here"), symbol="warning")
    return label_tag(colour, _(word), symbol=symbol)


def status_word(status: str) -> str:
    """A status in a word or two."""
    return _(_STATUSES.get(status, _UNKNOWN)[2])


def status_meaning(template: Template) -> str:
    """What its status means, and what to do about it."""
    if template.gone:
        return _("WhatsApp has it no longer. Messages that were sent by it stay as they are.")
    if template.why_not == UNSUPPORTED:
        return _(
            "WhatsApp has approved it, but it has a part that cannot be sent from here yet: {part}",
            part=template.parts.unsupported,
        )
    return _(_STATUSES.get(template.status, _UNKNOWN)[3])


def reason_meaning(template: Template) -> str | None:
    """Why WhatsApp rejected or paused it, if it says."""
    reason = template.rejected_reason
    if not reason or template.status == "APPROVED":
        return None
    return _(_REASONS[reason]) if reason in _REASONS else reason


def quality_tag(template: Template) -> Html | None:
    """How people take it, where WhatsApp knows."""
    if template.quality not in _QUALITIES:
        return None
    colour, word, meaning = _QUALITIES[template.quality]
    symbol = "ok" if colour == "ok" else "warning"
    return label_tag(colour, _(word), symbol=symbol, title=_(meaning))


def quality_meaning(template: Template) -> str | None:
    found = _QUALITIES.get(template.quality)
    return _(found[2]) if found else None


def category_name(category: str) -> str:
    return _(_CATEGORIES[category]) if category in _CATEGORIES else category.capitalize()


def header_words(kind: HeaderKind) -> tuple[str, str]:
    """Icon and name of what stands above the text."""
    symbol, name = _HEADERS[kind]
    return symbol, _(name)


def variable_label(variable: Variable) -> str:
    """What to call the field of a variable."""
    if variable.place == "button":
        return _("End of the address of “{button}”", button=variable.label or "")
    if variable.place == "header":
        return _("Heading: {name}", name=variable_name(variable))
    return variable_name(variable)


def variable_name(variable: Variable) -> str:
    """`Value 2`, or the name that whoever wrote the template gave it."""
    if variable.name.isdigit():
        return _("Value {n}", n=variable.name)
    return variable.name.replace("_", " ").capitalize()


def refusal(code: str) -> str:
    """Why a template cannot be sent to somebody: words for a Conflict of `services.templates`."""
    match code:
        case _ if code == OPTED_OUT:
            return _(
                "This person told WhatsApp that they want no advertising from us. Choose a template"
                " of another category."
            )
        case _ if code == GONE:
            return _("WhatsApp has this template no longer. Choose another one.")
        case _ if code == UNSUPPORTED:
            return _("This template has a part that cannot be sent from here yet.")
        case _ if code == NOT_APPROVED:
            return _("WhatsApp does not let this template be sent at the moment.")
        case _:
            return _("This template cannot be sent.")


def language_name(code: str) -> str:
    """`español`, `inglés (Estados Unidos)`: in the page's language."""
    try:
        return Locale.parse(code.replace("-", "_")).get_display_name(language()) or code
    except (UnknownLocaleError, ValueError):
        return code


def problem_words(code: str) -> str:
    """Why WhatsApp's list could not be read."""
    match code:
        case "190" | "0" | "102":
            return _("WhatsApp does not accept our access any more.")
        case "10" | "200" | "3" | "100":
            return _("Our access lacks the right to read templates.")
        case "4" | "80007" | "80008" | "130429":
            return _("WhatsApp asks us to wait: there were too many questions.")
        case "GraphUnreachable" | "GraphUnanswered":
            return _("WhatsApp cannot be reached.")
        case _:
            return _("WhatsApp answered with an error ({code}).", code=code)
