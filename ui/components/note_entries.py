"""What stands between the messages and was never sent: notes of the team, and whose it became."""

from services.assignments import Assignment
from services.notes import Note
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.components.message_pieces import words_of
from ui.components.timeline import Aside
from ui.formats import exact, time_of_day
from ui.i18n import _


def note_entry(note: Note) -> Aside:
    """A note: in its own colour, and saying that nobody outside sees it."""
    author = note.author or _("Former staff")
    called = [tag("bdi", mention.name, class_="ac-note-called") for mention in note.mentions]
    bubble = tag(
        "div",
        tag("div", icon("lock"), tag("span", _("Only the team sees this")), class_="ac-label"),
        words_of(note.body),
        tag(
            "div",
            tag("span", _("Called:"), " ", join(called)) if called else None,
            tag("span", tag("bdi", author), class_="ac-author"),
            tag(
                "time",
                time_of_day(note.created_at),
                datetime=note.created_at.isoformat(),
                title=exact(note.created_at),
            ),
            class_="ac-footer",
        ),
        class_="ac-bubble",
    )
    label = _("Note of {name}, {time}", name=author, time=time_of_day(note.created_at))
    return Aside(f"n-{note.id}", note.created_at, "note", label, bubble)


def assignment_entry(assignment: Assignment) -> Aside:
    """A line that says whose the conversation became."""
    said = _assigned(assignment)
    time = tag(
        "time",
        time_of_day(assignment.assigned_at),
        datetime=assignment.assigned_at.isoformat(),
        title=exact(assignment.assigned_at),
    )
    words = tag("span", said, tag("q", assignment.note, dir="auto") if assignment.note else None)
    line = tag("div", icon("person"), words, time, class_="ac-system-line")
    return Aside(f"a-{assignment.id}", assignment.assigned_at, "system", said, line)


def _assigned(assignment: Assignment) -> str:
    who = assignment.by_name or _("Former staff")
    if assignment.to_id is None:
        return _("{name} left it to whoever is free", name=who)
    to = assignment.to_name or _("Former staff")
    if assignment.by_answering:
        return _("{name} answered and took it over", name=to)
    if assignment.by_id == assignment.to_id:
        return _("{name} took it over", name=to)
    return _("{name} handed it to {to}", name=who, to=to)
