"""What the field for answers says, and why something could not be sent, in plain words."""

from services.errors import Conflict, Invalid
from services.outgoing import MAX_TEXT
from services.templates import GONE, NOT_APPROVED, OPTED_OUT, UNSUPPORTED
from ui.components.icons import icon_address
from ui.components.template_words import refusal as template_refusal
from ui.i18n import _

#: Characters of a note.
NOTE_LIMIT = 8000

TEMPLATE_CODES = (NOT_APPROVED, GONE, UNSUPPORTED, OPTED_OUT)

_ICONS = (
    *("lock", "clock", "warning", "error", "template", "close", "attach", "quick", "interactive"),
    *("location", "send", "image", "audio", "video", "document", "edit"),
)


def icons() -> dict[str, str]:
    """The addresses of the icons that the field shows."""
    return {name: icon_address(name) for name in _ICONS}


def labels(name: str, *, enter_sends: bool) -> dict[str, str]:
    """The field's own words, for an answer to `name`."""
    key = (
        _("Enter sends, Shift+Enter begins a new line")
        if enter_sends
        else _("Shift+Enter sends, Enter begins a new line")
    )
    return {
        "region": _("Answer or note"),
        "answer": _("Answer"),
        "note": _("Note"),
        "answerKey": _("Write to the person (r)"),
        "noteKey": _("Write a note for the team (n)"),
        "answerLabel": _("Answer to {name}", name=name),
        "noteLabel": _("Note for the team"),
        "placeholder": _("Write an answer. / for quick replies"),
        "notePlaceholder": _("Write a note. @ and a name calls a colleague"),
        "onlyTeam": _("Only the team sees this. It is not sent."),
        "onlyTeamShort": _("Only the team"),
        "to": _("To {name}", name=name),
        "send": _("Send"),
        "saveNote": _("Save note"),
        "sendKey": key,
        "draft": _("Draft"),
        "attach": _("Attach files"),
        "quick": _("Quick replies (/)"),
        "template": _("Send a template"),
        "structured": _("Send a message with buttons or a list"),
        "place": _("Send a location"),
        "replies": _("Quick replies"),
        "colleagues": _("Colleagues to call"),
        "noReplies": _("No quick reply fits"),
        "loading": _("Loading…"),
        "files": _("Files to send"),
        "caption": _("Words under it (optional)"),
        "captionOf": _("Words under {name}"),
        "remove": _("Remove"),
        "removeOf": _("Remove {name}"),
        "drop": _("Drop the files here"),
        "sendingFile": _("Being uploaded"),
        "asDocument": _("Send it as a document"),
        "tooLarge": _("WhatsApp takes this kind of file up to {megabytes} MB. Send a smaller one."),
        "muchTooLarge": _("This file is too large to be sent."),
        "notUploaded": _("It could not be uploaded. Check the connection and press Send again."),
        "unquote": _("Do not quote"),
        "left": _("Characters left: {n}"),
        "tooLong": _("Too many characters: {n}"),
        "offline": _("No connection. What you write stays here and goes out when it is back."),
        "notSent": _(
            "The page was closed before this was taken over. "
            "Look above whether it is there; if not, press Send again."
        ),
        "closesIn": _("Closes in {hours} h {minutes} min, {when}"),
        "closesSoon": _("Closes in {minutes} min, {when}"),
        "closedShort": _("The 24 hours are over"),
        "neverShort": _("Has not written yet"),
        "windowWhy": _("WhatsApp lets us answer freely for 24 hours after the person writes"),
        "closed": _(
            "The person last wrote more than 24 hours ago. Until they write again, WhatsApp only "
            "lets us send a template. Their answer to it opens the conversation again."
        ),
        "never": _(
            "This person has not written to us yet. WhatsApp only lets us begin with a template."
        ),
        "chooseTemplate": _("Choose a template"),
    }


def refusal(problem: Invalid | Conflict) -> str:
    """Why nothing was sent, and what can be done."""
    if isinstance(problem, Conflict):
        return _conflict(problem.code)
    field, code = next(iter(problem.fields.items()), ("", ""))
    return file_problem(code) if field == "file" else _invalid(field, code)


def file_problem(code: str) -> str:
    """Why this file cannot be sent, and what can be done."""
    match code:
        case "empty":
            return _("This file is empty.")
        case "too_large" | "too_large_to_send":
            return _("This file is larger than WhatsApp takes. Send a smaller one.")
        case "type_not_allowed":
            return _(
                "WhatsApp does not take this kind of file. "
                "Send a photo (JPG, PNG), a PDF, Word, Excel, text, MP3, OGG or MP4 file."
            )
        case "type_mismatch":
            return _("The file is not what its name says. Save it again in its own format.")
        case "damaged":
            return _("The file is damaged, or cannot be looked into. Save it again, or another.")
        case "too_many_pixels":
            return _("The picture is too large. Make it smaller and send it again.")
        case "active_content":
            return _("The file holds something that runs by itself, and is not sent.")
        case "not_a_voice_note":
            return _("A voice note has to be an OGG file with Opus.")
        case _:
            return _("This file cannot be sent.")


def stopped_words(reason: str) -> str:
    """Why nothing leaves at the moment."""
    return _(
        "Sending is stopped: {reason} What you write is queued and goes out once it works again.",
        reason=reason,
    )


def _conflict(code: str) -> str:
    match code:
        case "window_closed":
            return _("The 24 hours are over: only a template can be sent until they write again.")
        case "no_address":
            return _("WhatsApp has no way to reach this person: there is no number and no account.")
        case "not_sent_yet":
            return _("That message has not reached WhatsApp yet. Try again in a moment.")
        case _ if code in TEMPLATE_CODES:
            return template_refusal(code)
        case "not_failed":
            return _("It is being sent again already.")
        case "file_gone":
            return _("The file is not there any more. Attach it again.")
        case "too_early":
            return _("WhatsApp may still say itself. Wait some minutes, then decide.")
        case "not_unknown":
            return _("It is known meanwhile what became of it.")
        case _:
            return _("It could not be sent as things stand. Load the page again.")


def _invalid(field: str, code: str) -> str:
    if code == "too_long":
        limit = MAX_TEXT if field == "body" else 1024
        return _("That is too long: WhatsApp takes {n} characters.", n=limit)
    if code == "not_text":
        return _("There are characters in it that cannot be sent.")
    if code == "not_an_emoji":
        return _("React with one emoji.")
    if code == "not_one_line":
        return _("WhatsApp takes one line here, without large gaps.")
    if code == "required":
        return _("Something is still empty.")
    return _("WhatsApp does not take this. Change it and try again.")
