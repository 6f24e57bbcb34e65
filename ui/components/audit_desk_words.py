"""What the activity log says of the desk: numbers, notes, labels, keywords, whose a conversation
is."""

from ui.i18n import N_

#: Table and action -> the sentence, with `{who}` and `{client}` to be filled in.
DESK_SENTENCES: dict[tuple[str | None, str], str] = {
    ("analytics_days", "view"): N_("{who} looked at the numbers of the dashboard"),
    ("analytics_days", "export"): N_("{who} exported the numbers of the dashboard"),
    ("messages", "search"): N_("{who} searched the messages"),
    ("client_notes", "insert"): N_("{who} wrote a note about {client}"),
    ("client_notes", "delete"): N_("{who} took back a note about {client}"),
    ("client_labels", "insert"): N_("{who} put a label on {client}"),
    ("client_labels", "delete"): N_("{who} took a label off {client}"),
    ("assignments", "insert"): N_("{who} said who carries the conversation with {client}"),
    ("assignments", "delete"): N_("{who} deleted who carried the conversation with {client}"),
    ("labels", "insert"): N_("{who} made a label"),
    ("labels", "update"): N_("{who} changed a label"),
    ("labels", "delete"): N_("{who} deleted a label"),
    ("own_keywords", "insert"): N_("{who} added a keyword"),
    ("own_keywords", "update"): N_("{who} changed a keyword"),
    ("own_keywords", "delete"): N_("{who} deleted a keyword"),
    ("disabled_keywords", "insert"): N_("{who} switched off a built-in keyword"),
    ("disabled_keywords", "delete"): N_("{who} switched on a built-in keyword again"),
    ("desk_settings", "insert"): N_("{who} changed how the desk works"),
    ("desk_settings", "update"): N_("{who} changed how the desk works"),
}
