"""What we let a person choose from: the buttons or the list of a message of ours."""

from typing import Any

from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.message_pieces import items, mapping, words, words_of


def offered(data: dict[str, Any]) -> Html:
    """A message with buttons or a list as it was sent: its words, then what can be pressed."""
    header = words(mapping(data.get("header")).get("text"))
    action = mapping(data.get("action"))
    buttons = [
        words(mapping(mapping(button).get("reply")).get("title"))
        for button in items(action.get("buttons"))
    ]
    rows = [
        words(mapping(row).get("title"))
        for section in items(action.get("sections"))
        for row in items(mapping(section).get("rows"))
    ]
    footer = words(mapping(data.get("footer")).get("text"))
    titles = [title for title in (*buttons, *rows) if title]
    return join(
        [
            tag("div", header, class_="ac-pressed", dir="auto") if header else None,
            words_of(words(mapping(data.get("body")).get("text"))),
            tag("div", footer, class_="ac-note-line", dir="auto") if footer else None,
            *(
                tag("div", icon("reply"), tag("span", title, dir="auto"), class_="ac-label")
                for title in titles
            ),
        ]
    )
