"""Our markup as elements of a NiceGUI page."""

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui
from nicegui.events import GenericEventArguments

from ui.components.markup import Html, join, tag


def show(markup: Html, tag: str = "div") -> ui.html:
    """Put markup on the page; of all that sends HTML unsanitised, nothing takes other than ours."""
    return ui.html(markup.source, sanitize=False, tag=tag)


def button(markup: Html) -> ui.html:
    """A native button, which works with the keyboard as such; add `.on("click", ...)`."""
    return show(markup, "button").props("type=button")


class Select(ui.html):
    """A native select: on a phone it opens the phone's own picker, and every reader knows it.

    `options` maps values to labels; `on_choose` gets a value of them, whatever the browser sends.
    """

    def __init__(
        self,
        options: Mapping[str, str],
        *,
        value: str,
        label: str,
        on_choose: Callable[[str], Awaitable[None]],
    ) -> None:
        self._options = dict(options)
        super().__init__(self._markup(value).source, sanitize=False, tag="select")
        self.classes("ac-select").props["aria-label"] = label

        async def choose(event: GenericEventArguments) -> None:
            if event.args in self._options:
                await on_choose(event.args)

        self.on("change", choose, js_handler="(event) => emit(event.target.value)")

    def choose(self, value: str) -> None:
        """Show a value that was chosen elsewhere."""
        self.content = self._markup(value).source

    def offer(self, options: Mapping[str, str], value: str) -> None:
        """Offer other options, and show one that is among them or not any more."""
        if value not in options:
            options = {**options, value: value}
        self._options.clear()
        self._options.update(options)
        self.choose(value)

    def _markup(self, chosen: str) -> Html:
        return join(
            tag("option", label, value=value, selected=value == chosen)
            for value, label in self._options.items()
        )


def set_attribute(element: ui.element, name: str, value: str | None) -> None:
    """Set or remove an HTML attribute on an open page."""
    if element.props.get(name) == value:
        return
    if value is None:
        element.props.pop(name, None)
    else:
        element.props[name] = value
    element.update()
