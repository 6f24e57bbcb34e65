"""Where one is in a long list, and the way to the next page of it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from nicegui import ui

from ui.components.elements import button, set_attribute
from ui.components.icons import icon
from ui.formats import number
from ui.i18n import _


class Page(Protocol):
    """A page of anything; `total` is a lower bound unless it is exact."""

    @property
    def total(self) -> int: ...
    @property
    def total_is_exact(self) -> bool: ...
    @property
    def page(self) -> int: ...
    @property
    def limit(self) -> int: ...


def total_of(page: Page) -> str:
    """`1.234`, or that there are more than were counted."""
    total = number(page.total)
    return total if page.total_is_exact else _("more than {n}", n=total)


def range_of(page: Page) -> str:
    """`26–50 of 1.234`."""
    first = (page.page - 1) * page.limit + 1
    last = page.page * page.limit
    if page.total_is_exact:
        last = min(last, page.total)
    return _(
        "{first}–{last} of {total}", first=number(first), last=number(last), total=total_of(page)
    )


class Pager:
    """Previous, where one is, next; nothing while everything fits on one page."""

    def __init__(self, turn: Callable[[int], Awaitable[None]]) -> None:
        self._turn = turn
        self._page = 1
        with ui.element("nav").classes("ac-pager") as self._bar:
            self._bar.props["aria-label"] = _("Pages")
            self._range = ui.label().classes("ac-pager-range")
            self._previous = button(icon("previous", label=_("Previous page")))
            self._next = button(icon("next", label=_("Next page")))
            self._previous.classes("ac-icon-button").on("click", lambda: self._turn(self._page - 1))
            self._next.classes("ac-icon-button").on("click", lambda: self._turn(self._page + 1))
        self._bar.set_visibility(False)

    def show(self, page: Page) -> None:
        """Show where this page stands in its list."""
        self._page = page.page
        has_next = not page.total_is_exact or page.page * page.limit < page.total
        self._bar.set_visibility(page.page > 1 or has_next)
        self._range.text = range_of(page)
        set_attribute(self._previous, "disabled", None if page.page > 1 else "true")
        set_attribute(self._next, "disabled", None if has_next else "true")
