"""What kinds of messages, their states and their errors are called, in words of caseworkers."""

from services.conversations import MessageError, MessageStatus
from services.events import Held, MessageType
from ui.i18n import _

#: Icons of the types that have a name of their own in the sprite. Text and notices have none.
TYPE_ICONS: dict[MessageType, str] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
    "contacts": "contacts",
    "reaction": "reaction",
    "interactive": "interactive",
    "button": "button",
    "template": "document",
    "order": "order",
    "edit": "edit",
    "revoke": "close",
    "unsupported": "question",
    "unknown": "question",
}

STATUS_ICONS: dict[MessageStatus, str] = {
    "queued": "clock",
    "sending": "clock",
    "unknown": "question",
    "accepted": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "played": "delivered",
    "failed": "error",
}


def type_name(kind: MessageType) -> str:
    """Name a type, as in a quote or where its content is not at hand."""
    names: dict[MessageType, str] = {
        "text": _("Message"),
        "image": _("Photo"),
        "video": _("Video"),
        "audio": _("Audio"),
        "document": _("Document"),
        "sticker": _("Sticker"),
        "location": _("Location"),
        "contacts": _("Contact card"),
        "reaction": _("Reaction"),
        "interactive": _("Answer with a button"),
        "button": _("Answer with a button"),
        "template": _("Template"),
        "order": _("Order"),
        "system": _("Notice from WhatsApp"),
        "edit": _("Edited message"),
        "revoke": _("Deleted message"),
        "unsupported": _("Message that WhatsApp does not pass on"),
        "unknown": _("Message of an unknown kind"),
    }
    return names[kind]


def status_name(status: MessageStatus) -> str | None:
    """Say what became of a message that we sent; None for one that we received."""
    match status:
        case "received":
            return None
        case "queued":
            return _("Waiting to be sent")
        case "sending":
            return _("Being sent")
        case "unknown":
            return _("We do not know whether it was sent")
        case "accepted":
            return _("Accepted by WhatsApp")
        case "sent":
            return _("Sent")
        case "delivered":
            return _("Delivered")
        case "read":
            return _("Read")
        case "played":
            return _("Listened to")
        case "failed":
            return _("Not delivered")


def held_meaning(held: Held) -> str:
    """Say why WhatsApp keeps a message back, and what follows."""
    match held:
        case "held_for_quality_assessment":
            return _(
                "WhatsApp has it and has not sent it on: it first looks at how people receive this "
                "template. Then it sends it or refuses it, and here it will say which."
            )
        case "paused":
            return _(
                "WhatsApp has it and has not sent it on: it has paused this template because of how"
                " people received it. If it is urgent, use another template."
            )


def unsupported_name(kind: str) -> str:
    """Name what a person sent that WhatsApp does not pass on (`unsupported.type`)."""
    names = {
        "poll_creation": _("a poll"),
        "poll_update": _("a vote in a poll"),
        "view_once": _("a photo or video that can be opened once"),
        "edit": _("a correction of an earlier message"),
        "group_invite": _("an invitation to a group"),
        "gif": _("an animated picture"),
        "video": _("a video"),
        "image": _("a photo"),
        "location": _("a live location"),
        "link_preview": _("a link with a preview"),
        "list": _("a list"),
        "button": _("a message with buttons"),
        "interactive": _("a message with buttons"),
        "product": _("a product of a shop"),
        "order": _("an order"),
        "pin": _("a pinned message"),
        "keep_in_chat": _("a kept message"),
        "reaction": _("a reaction"),
        "media_placeholder": _("a photo, video or file"),
    }
    return names.get(kind, _("something else"))


def error_meaning(error: MessageError) -> str:
    """Say what an error of WhatsApp means and what can be done, by its number."""
    if error.code is None and error.title == "not_arrived":
        return _("Somebody of the team said that it did not arrive.")
    match error.code:
        case 131047:
            return _(
                "It came more than 24 hours after the person last wrote. "
                "WhatsApp then takes nothing but templates."
            )
        case 131026:
            return _(
                "WhatsApp could not deliver it. Perhaps the number has no WhatsApp, or an old one."
            )
        case 131049 | 130472:
            return _("WhatsApp held it back, to limit how much the person receives. Try tomorrow.")
        case 131050:
            return _("The person asked not to receive this kind of message.")
        case 131051:
            return _("WhatsApp does not pass this kind of message on.")
        case 131052:
            return _("WhatsApp could not give us the file. Ask the person to send it again.")
        case 131053:
            return _("WhatsApp did not accept the file: its kind or its size.")
        case 131060:
            return _("WhatsApp no longer has the content of this message.")
        case 131062:
            return _("This message needs the person's phone number, and we do not have it.")
        case 131021:
            return _("The number is the organisation's own.")
        case 131045 | 131037 | 133010 | 133005 | 131030:
            return _("The organisation's number is not set up to send this. Tell an administrator.")
        case 130429 | 131056 | 131048 | 131064 | 80007 | 4:
            return _("Too many messages in a short time. Try again later.")
        case 131042:
            return _("WhatsApp reports a payment problem. Tell an administrator.")
        case 368 | 131031 | 130497:
            return _("WhatsApp has restricted the organisation's account. Tell an administrator.")
        case 0 | 3 | 10 | 190 | 131005:
            return _("The connection with WhatsApp is not valid. Tell an administrator.")
        case 1 | 2 | 131000 | 131016 | 131057 | 133004:
            return _("WhatsApp had a failure of its own. Try again later.")
        case 132015 | 132016:
            return _(
                "WhatsApp does not send this template at the moment, because of how people received"
                " it. Use another one, and tell an administrator."
            )
        case int(code) if 132000 <= code < 133000:
            return _("There is something wrong with the template. Tell an administrator.")
        case int(code) if 200 <= code < 300:
            return _("The connection with WhatsApp is not valid. Tell an administrator.")
        case None if error.title == "no_address":
            return _("We have no number by which WhatsApp reaches this person.")
        case None if error.title == "file_gone":
            return _("Its file is not there any more. Attach it again and send it.")
        case _:
            return _("WhatsApp gives no reason that we know.")


def is_our_own(error: MessageError) -> bool:
    """Whether it is no word of WhatsApp's, but says what went wrong with us."""
    return error.code is None and error.title in ("not_arrived", "no_address", "file_gone")
