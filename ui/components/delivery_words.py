"""What the machine calls a problem, in words of people who look after it."""

from ui.i18n import _


def problem_name(code: str) -> str:
    """Say in a few words why an item could not be processed."""
    match code:
        case "missing_id":
            return _("Without an identifier")
        case "missing_phone_number_id":
            return _("Does not say for which of our numbers")
        case "no_sender":
            return _("Does not say who it is from")
        case "too_long":
            return _("Longer than we keep")
        case "too_deep":
            return _("Nested too deeply")
        case "wrong_type":
            return _("In a form we do not know")
        case "unexpected":
            return _("A mistake in this program")
        case "too_many_items":
            return _("More than we read of one delivery")
        case _ if code.startswith("not_applied"):
            return _("Could be read, but not saved")
        case _:
            return _("Could not be processed")


def problem_meaning(code: str) -> str:
    """Say what that means and what to do."""
    match code:
        case "missing_id" | "missing_phone_number_id" | "no_sender":
            return _(
                "WhatsApp left out something without which this belongs nowhere. Look at the data:"
                " if somebody is waiting for an answer, write to them. Then close it."
            )
        case "too_long":
            return _(
                "It is longer than anything a person can write. Look at the data, and close it if"
                " nobody is waiting for an answer."
            )
        case "too_deep" | "too_many_items":
            return _(
                "No message of a person looks like this. Tell whoever maintains the program, and"
                " close it if nobody is waiting for an answer."
            )
        case "wrong_type":
            return _(
                "WhatsApp may have changed something. Tell whoever maintains the program, and try"
                " again after its next update."
            )
        case "unexpected":
            return _(
                "It is our fault, not WhatsApp's. Tell whoever maintains the program, and try again"
                " after its next update."
            )
        case _ if code.startswith("not_applied"):
            return _(
                "Perhaps the database was busy: try again. If it happens a second time, tell"
                " whoever maintains the program."
            )
        case _:
            return _("Try again. If it stays, tell whoever maintains the program.")


def unreadable_name(reason: str | None) -> str:
    """Say why nothing could be made of a whole delivery. `reason` is `code: English sentence`."""
    match (reason or "").partition(":")[0]:
        case "empty":
            return _("It is empty")
        case "not_json":
            return _("It is torn off or garbled")
        case "not_utf8":
            return _("Its letters are garbled")
        case "too_deep":
            return _("It is nested too deeply")
        case "number_too_long" | "number_out_of_range":
            return _("It holds a number that no computer can hold")
        case "not_an_object" | "wrong_object":
            return _("It is not about a WhatsApp account")
        case _:
            return _("It cannot be read")


def field_name(field: str) -> str:
    """Say what an item is about."""
    match field:
        case "messages":
            return _("Messages and their states")
        case "smb_message_echoes":
            return _("Written on the organisation's own phone")
        case "history":
            return _("From the phone's history")
        case "calls":
            return _("Calls")
        case "":
            return _("Of an unknown kind")
        case _:
            return field


def notice_name(kind: str) -> str:
    """Say what a notice is that was kept for the record."""
    match kind:
        case "errors":
            return _("WhatsApp reports an error")
        case "unknown_field" | "unknown_content":
            return _("Something new that this program does not know yet")
        case "group_message":
            return _("A message in a group")
        case "call":
            return _("A call")
        case "system_without_client":
            return _("News of somebody who never wrote")
        case "user_preferences":
            return _("Somebody chose what they want to receive")
        case "security":
            return _("Security of the account")
        case _ if kind.startswith("message_template") or kind == "template_category_update":
            return _("News about a template")
        case _ if kind.startswith("phone_number"):
            return _("News about the organisation's number")
        case _ if kind.startswith(("account", "business", "payment", "partner")):
            return _("News about the organisation's account")
        case _ if kind.startswith("group_"):
            return _("News about a group")
        case _:
            return kind


def refusal_name(reason: str) -> str:
    """Say why requests were turned away."""
    match reason:
        case "no_signature":
            return _("Without a signature")
        case "bad_signature":
            return _("With a wrong signature")
        case "too_large":
            return _("Too large")
        case "too_slow":
            return _("Too slow")
        case "incomplete":
            return _("Broken off on the way")
        case "incomplete":
            return _("Broken off")
        case "verification":
            return _("With a wrong verify token")
        case _:
            return reason


def refusal_meaning(reason: str) -> str:
    """Say what is likely behind it."""
    match reason:
        case "incomplete":
            return _(
                "The connection ended before the whole delivery was here. WhatsApp sends again."
            )
        case "no_signature":
            return _("Not from WhatsApp: somebody tries addresses. Nothing to do.")
        case "bad_signature":
            return _("Not from WhatsApp. If no messages arrive at all, the app secret is wrong.")
        case "verification":
            return _("Somebody, perhaps you, set up the webhook with another verify token.")
        case "incomplete":
            return _("The line broke. If it was WhatsApp's, it is delivered again.")
        case "too_large" | "too_slow":
            return _("Unusual for WhatsApp. Tell whoever maintains the program if it goes on.")
        case _:
            return ""
