"""A button that was pressed is busy until it is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nicegui import ui

from ui.components.elements import set_attribute


@asynccontextmanager
async def working(pressed: ui.element) -> AsyncIterator[None]:
    """Keep a control from being used again while what it does is under way."""
    set_attribute(pressed, "disabled", "true")
    set_attribute(pressed, "aria-busy", "true")
    try:
        yield
    finally:
        if not pressed.is_deleted:
            set_attribute(pressed, "disabled", None)
            set_attribute(pressed, "aria-busy", None)
