"""Moving the keyboard to where it is needed next."""

from nicegui import ui


def focus(element: ui.element) -> None:
    """Focus an element, or the field inside it, once the browser has drawn it."""
    ui.run_javascript(
        "setTimeout(() => {"
        f" const place = getHtmlElement({element.id});"
        ' (place?.querySelector("input, textarea") ?? place)?.focus(); })'
    )
