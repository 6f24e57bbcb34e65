"""How the connection to WhatsApp is, in words of people who look after it."""

from collections.abc import Mapping
from typing import Any

from services import graph_errors
from services.channel_checks import Ill
from services.channel_health import News
from services.conversations import MessageError
from ui.components.message_words import error_meaning
from ui.components.tags import Colour
from ui.components.template_words import language_name, status_word
from ui.formats import day_and_time, number
from ui.i18n import N_, _, ngettext

#: What WhatsApp calls how people take our messages -> colour, word, what it means.
_QUALITIES: dict[str, tuple[Colour, str, str]] = {
    "GREEN": ("ok", N_("Good"), N_("Hardly anybody blocks or reports us.")),
    "YELLOW": (
        "warn",
        N_("Middling"),
        N_("Some people blocked or reported us. Write only to who expects it."),
    ),
    "RED": (
        "danger",
        N_("Bad"),
        N_("Many people blocked or reported us. WhatsApp may restrict the number: send less."),
    ),
}

#: How many people may be written to first within a day.
_LIMITS = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
}

#: What WhatsApp tells of the account -> colour, what it is, what to do.
_ACCOUNT: dict[str, tuple[Colour, str, str]] = {
    "DISABLED_UPDATE": (
        "danger",
        N_("WhatsApp has disabled the account or is about to"),
        N_("Open WhatsApp Manager today: it says why, and how to object."),
    ),
    "ACCOUNT_VIOLATION": (
        "danger",
        N_("WhatsApp says that a rule was broken"),
        N_("Open WhatsApp Manager and look at “Account quality”: a second time has consequences."),
    ),
    "ACCOUNT_RESTRICTION": (
        "danger",
        N_("WhatsApp has restricted the account"),
        N_("Until it ends nobody can be written to first. WhatsApp Manager says until when."),
    ),
    "ACCOUNT_DELETED": (
        "danger",
        N_("The WhatsApp account was deleted"),
        N_("If nobody of the organisation did that, write to Meta's support at once."),
    ),
    "ACCOUNT_OFFBOARDED": (
        "danger",
        N_("The account was disconnected"),
        N_("Connect it again in WhatsApp Manager."),
    ),
    "ACCOUNT_RECONNECTED": ("ok", N_("The account is connected again"), ""),
    "VERIFIED_ACCOUNT": ("ok", N_("The account has been verified"), ""),
    "VOLUME_BASED_PRICING_TIER_UPDATE": ("info", N_("Messages cost less from now on"), ""),
}

_NUMBERS: dict[str, tuple[Colour, str, str]] = {
    "FLAGGED": (
        "warn",
        N_("The number is being watched: many people block or report us"),
        N_("Write only to who expects it for a week; otherwise the limit goes down."),
    ),
    "UNFLAGGED": ("ok", N_("The number is no longer being watched"), ""),
    "DOWNGRADE": ("warn", N_("Fewer people may be written to first within a day"), ""),
    "UPGRADE": ("ok", N_("More people may be written to first within a day"), ""),
    "THROUGHPUT_UPGRADE": ("ok", N_("The number may send more messages a second"), ""),
    "ONBOARDING": ("ok", N_("The number has been set up"), ""),
}

_SECURITY: dict[str, tuple[Colour, str, str]] = {
    "PIN_CHANGED": (
        "warn",
        N_("The number's PIN was changed"),
        N_("If nobody of the organisation did that, change the passwords of the Meta account."),
    ),
    "PIN_RESET_REQUEST": (
        "warn",
        N_("Somebody asked to reset the number's PIN"),
        N_("If nobody of the organisation did that, change the passwords of the Meta account."),
    ),
    "PIN_RESET_SUCCESS": (
        "warn",
        N_("The number's PIN was reset"),
        N_("If nobody of the organisation did that, change the passwords of the Meta account."),
    ),
}


def ill_words(ill: Ill) -> str:
    """What is wrong, for everybody who works with it."""
    since = day_and_time(ill.since)
    match ill.kind:
        case "stopped":
            why = stop_words(ill.code)[0]
            said = _("Nothing is being sent since {time}.", time=since)
            waits = ngettext(
                "{n_text} message waits and goes out afterwards; nothing is lost.",
                "{n_text} messages wait and go out afterwards; nothing is lost.",
                ill.queued,
                n_text=number(ill.queued),
            )
            return f"{said} {why} {waits}" if ill.queued else f"{said} {why}"
        case "token":
            return _(
                "WhatsApp does not let us in since {time}: nothing can be sent, and files of"
                " messages cannot be fetched. What people write still arrives.",
                time=since,
            )
        case "quiet":
            return _(
                "WhatsApp has brought nothing since {time}, which is unusually long.", time=since
            )


def stop_words(code: int | None) -> tuple[str, str]:
    """Why nothing is sent, and what an administrator does about it."""
    if code is None or code in graph_errors.HEALING:
        return _("WhatsApp does not accept our access any more."), _(
            "Make a new token in Meta Business settings, System users, and give it to whoever runs"
            " the server: it is the setting WHATSAPP_API_TOKEN."
        )
    if code in graph_errors.PERMISSION:
        return _("Our access to WhatsApp lacks the right to send."), _(
            "In Meta Business settings, System users, give it the right whatsapp_business_messaging"
            " and assign the WhatsApp account to it."
        )
    match code:
        case 131042:
            return _("WhatsApp reports a payment problem."), _(
                "Look at the payment method and the bills in WhatsApp Manager."
            )
        case 368 | 131031 | 130497:
            return _("WhatsApp has restricted the organisation's account."), _(
                "WhatsApp Manager, “Account quality”, says why, until when, and how to object."
            )
        case 131048 | 131064:
            return _("WhatsApp has limited us: many people blocked or reported our messages."), _(
                "Wait until WhatsApp Manager shows a better quality, and then write only to who"
                " expects it."
            )
        case 131037:
            return _("WhatsApp has not approved the name that people see."), _(
                "Propose another one in WhatsApp Manager, Phone numbers."
            )
        case 131045 | 133005 | 133006 | 133008 | 133009 | 133010 | 133015:
            return _("The organisation's number is not registered with WhatsApp."), _(
                "Register it again in the Meta app, WhatsApp > API setup."
            )
        case _:
            return error_meaning(MessageError(code, "", None)), _(
                "WhatsApp Manager says more about the account."
            )


def quality(word: str | None) -> tuple[Colour, str, str]:
    """Colour, word and meaning of a number's quality."""
    found = _QUALITIES.get(word or "")
    if found is None:
        return "other", _("not known yet"), ""
    colour, name, meaning = found
    return colour, _(name), _(meaning)


def limit_words(tier: str | None) -> str:
    """How many people may be written to first within a day."""
    if tier in _LIMITS:
        return _("{n} people a day", n=number(_LIMITS[tier]))
    if tier == "TIER_UNLIMITED":
        return _("as many as we like")
    return _("not known yet")


def throughput_words(level: str | None) -> str:
    """How many messages may leave in a second."""
    match level:
        case "STANDARD":
            return _("80 messages a second")
        case "HIGH":
            return _("1,000 messages a second")
        case _:
            return _("not known yet")


def check_problem(code: str) -> str:
    """Why WhatsApp did not answer our question about a number, and what to do."""
    match code:
        case "GraphUnreachable" | "GraphUnanswered" | "ConnectError" | "TimeoutError":
            return _("WhatsApp cannot be reached from this server. It is asked again every minute.")
        case "100" | "33":
            return _("WhatsApp does not know this number, or it is not ours any more.")
        case _ if code.isdigit():
            return error_meaning(MessageError(int(code), "", None))
        case _:
            return _("WhatsApp answered with an error ({code}).", code=code)


def news_words(news: News) -> tuple[Colour, str, str]:
    """Colour, what happened, and what to do about it (may be empty)."""
    said = news.payload
    event = str(said.get("event") or "")
    match news.kind:
        case "message_template_status_update":
            return _template_status(said, event)
        case "message_template_quality_update":
            score = str(said.get("new_quality_score") or "")
            colour, name, _meaning = quality(score)
            what = _("Template {template}: how people take it is now: {quality}")
            return colour, what.format(template=_template(said), quality=name), ""
        case "template_category_update":
            what = _("WhatsApp puts the template {template} into another category")
            return "warn", what.format(template=_template(said)), _("This changes what it costs.")
        case "message_template_components_update":
            return "info", _("The template {template} has a new text", template=_template(said)), ""
        case "phone_number_quality_update":
            return _known(_NUMBERS, event) or _other(news, event)
        case "account_update":
            return _known(_ACCOUNT, event) or _other(news, event)
        case "security":
            return _known(_SECURITY, event) or _other(news, event)
        case "account_alerts":
            words = said.get("alert_description")
            severity = str(said.get("alert_severity") or "")
            named = str(words)[:500] if isinstance(words, str) else ""
            return (
                "danger" if severity == "CRITICAL" else "warn",
                _("WhatsApp warns about the account"),
                named,
            )
        case "account_review_update":
            approved = str(said.get("decision") or "") == "APPROVED"
            if approved:
                return "ok", _("WhatsApp has approved the account"), ""
            what = _("WhatsApp has not approved the account")
            return "danger", what, _("WhatsApp Manager says why.")
        case "phone_number_name_update":
            approved = str(said.get("decision") or "") == "APPROVED"
            name = str(said.get("requested_verified_name") or "")[:100]
            if approved:
                return "ok", _("The name “{name}” is shown to people now", name=name), ""
            return "warn", _("WhatsApp has not accepted the name “{name}”", name=name), ""
        case "business_capability_update":
            return "info", _("WhatsApp has changed how much we may send"), ""
        case "payment_configuration_update":
            return "warn", _("Something about paying has changed"), _("WhatsApp Manager says what.")
        case _:
            return _other(news, event)


def _template_status(said: Mapping[str, Any], event: str) -> tuple[Colour, str, str]:
    colours: dict[str, Colour] = {
        "APPROVED": "ok",
        "REINSTATED": "ok",
        "UNARCHIVED": "ok",
        "REJECTED": "danger",
        "DISABLED": "danger",
        "PAUSED": "warn",
        "FLAGGED": "warn",
    }
    status = {"REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED"}.get(event, event)
    word = _("people complain about it") if event == "FLAGGED" else status_word(status)
    what = _("Template {template}: {state}", template=_template(said), state=word)
    return colours.get(event, "info"), what, ""


def _template(said: Mapping[str, Any]) -> str:
    name = str(said.get("message_template_name") or "?")[:100]
    language = said.get("message_template_language")
    shown = f" ({language_name(language)})" if isinstance(language, str) and language else ""
    return f"“{name}”{shown}"


def _known(
    table: Mapping[str, tuple[Colour, str, str]], event: str
) -> tuple[Colour, str, str] | None:
    found = table.get(event)
    if found is None:
        return None
    colour, what, hint = found
    return colour, _(what), _(hint) if hint else ""


def _other(news: News, event: str) -> tuple[Colour, str, str]:
    shown = event.replace("_", " ").lower()[:60] or news.kind.replace("_", " ")
    return "info", _("WhatsApp tells: {event}", event=shown), ""
