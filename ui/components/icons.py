"""Icons: symbols of `static/icons.svg`, in the colour of the words around them."""

from ui.assets import asset
from ui.components.markup import Html, tag


def icon(name: str, *, label: str | None = None) -> Html:
    """Show an icon. Without a label it is decoration and stands beside words that say the same."""
    return tag(
        "svg",
        tag("title", label) if label else None,
        tag("use", href=icon_address(name)),
        class_="ac-icon",
        aria_hidden=None if label else "true",
        role="img" if label else None,
    )


def icon_address(name: str) -> str:
    """What the `href` of an SVG `use` points to."""
    return f"{asset('icons.svg')}#{name}"
