"""What stands where data is not: empty states and skeletons."""

from ui.components.icons import icon
from ui.components.markup import Html, join, tag


def empty_state(
    symbol: str,
    title: str,
    explanation: str,
    *,
    link: tuple[str, str] | None = None,
    heading: str = "h2",
) -> Html:
    """Say what will be here and offer the next step, as (label, address)."""
    action = (
        tag("a", link[0], href=link[1], class_="ac-button ac-button--primary") if link else None
    )
    return tag(
        "div",
        tag("span", icon(symbol), class_="ac-empty-mark"),
        tag(heading, title, class_="ac-subtitle"),
        tag("p", explanation, class_="ac-muted"),
        action,
        class_="ac-empty",
    )


def skeleton_rows(count: int, label: str) -> Html:
    """The outline of a list that is being loaded."""
    row = tag(
        "div",
        tag("span", class_="ac-bone ac-bone--disc"),
        tag("span", class_="ac-bone ac-bone--name"),
        tag("span", class_="ac-bone ac-bone--text"),
        tag("span", class_="ac-bone ac-bone--tag"),
        class_="ac-skeleton-row",
    )
    words = tag("span", label, class_="ac-sr-only", role="status")
    return tag("div", words, tag("div", join([row] * count), aria_hidden="true"))
