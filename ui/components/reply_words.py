"""What the team's own replies and messages are called, and what is wrong with one."""

from ui.i18n import N_, _

#: What fills itself in -> what it becomes.
VARIABLES = {
    "nombre": N_("the person's first name"),
    "nombre_completo": N_("the person's whole name"),
    "mi_nombre": N_("your first name"),
    "mi_nombre_completo": N_("your whole name"),
}


def problem(code: str) -> str:
    """What is wrong with a field, and what to do."""
    match code:
        case "missing" | "required":
            return _("Write something here.")
        case "too_long":
            return _("This is too long.")
        case "not_text":
            return _("There is a character in it that cannot be sent.")
        case "not_a_shortcut":
            return _("Only small letters without accents, digits, - and _; at most 32.")
        case "shortcut_taken":
            return _("Another reply has this shortcut.")
        case "title_taken":
            return _("Another message has this title.")
        case "unknown_variable":
            return _("One of the words between braces is none of those that fill themselves in.")
        case "not_distinct":
            return _("Two of them say the same.")
        case "too_many":
            return _("There are too many.")
        case "changed_meanwhile":
            return _("A colleague has changed it meanwhile. Close it and open it again.")
        case _:
            return _("This cannot be used.")
