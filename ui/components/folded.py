"""Something that comes to the page only when somebody unfolds it."""

from collections.abc import Callable

from nicegui import ui

from ui.components.elements import show
from ui.components.markup import NOTHING, Html, tag


def folded(label: str, content: Callable[[], Html]) -> ui.element:
    """Offer `content` under a label; it is asked for at the first unfolding."""
    filled = False

    def fill() -> None:
        nonlocal filled
        if not filled:
            filled = True
            place.content = content().source

    with ui.element("details").classes("ac-folded").on("toggle", fill, args=[]) as details:
        show(tag("span", label), "summary")
        place = show(NOTHING)
    return details
