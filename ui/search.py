"""The search in all that was said: messages and notes, newest first, each leading to its place."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from nicegui import context, ui
from nicegui.events import GenericEventArguments

from services.message_search import MOST_SEARCH, Found, FoundPage, search_messages
from ui.assets import asset
from ui.components.avatars import avatar
from ui.components.elements import show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.search_field import search_field
from ui.components.states import empty_state, skeleton_rows
from ui.components.whatsapp_text import without_reordering
from ui.formats import day_and_time, exact, phone
from ui.gate import current_staff
from ui.i18n import _
from ui.layout import frame, page_head
from ui.patience import patiently

PATH = "/search"


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(search_page)


async def search_page() -> None:
    """`/search?q=&page=`; the answer belongs to the address, so that Back leads to it again."""
    params = context.client.request.query_params
    words = params.get("q", "")[:MOST_SEARCH]
    page = params.get("page", "1")
    number = int(page) if page.isdecimal() and len(page) < 4 else 1
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("search.css")}">')
    with frame(_("Search in all messages"), section="inbox", heading=False):
        page_head(_("Search in all messages"), back="/")
        with ui.element("div").classes("ac-found-page"):
            _search_field(words)
            if not words.strip():
                show(_nothing_asked())
                return
            skeleton = show(skeleton_rows(8, _("Searching all messages")))
            answer = await patiently(search_messages(current_staff(), words, page=number))
            if skeleton.is_deleted:
                return  # nobody waits any more
            skeleton.delete()
            show(results(answer)) if answer.items else show(_nothing_found())
            show(_pages(words, answer)).classes("ac-contents")


def results(answer: FoundPage, *, now: datetime | None = None) -> Html:
    """What was found, each a link to its place in the conversation."""
    now = now or datetime.now(UTC)
    return tag(
        "ul",
        *(_result(one, now) for one in answer.items),
        class_="ac-plain ac-found",
        data_ac_rows=True,
    )


def _result(one: Found, now: datetime) -> Html:
    name = without_reordering(one.client_name or "").strip()
    called = name or (phone(one.phone) if one.phone else _("Without a name"))
    address = f"/clients/{one.client_id}?{urlencode({'at': str(one.id)})}"
    snippet = join(
        [tag("mark", piece.words) if piece.is_found else piece.words for piece in one.snippet]
    )
    words = tag(
        "span",
        tag(
            "span",
            tag("span", called, class_="ac-found-name", dir="auto"),
            _whose(one),
            tag(
                "time",
                day_and_time(one.at, now=now),
                datetime=one.at.isoformat(),
                title=exact(one.at),
                class_="ac-found-when",
            ),
            class_="ac-found-head",
        ),
        tag("span", snippet, class_="ac-found-words", dir="auto"),
        class_="ac-found-body",
    )
    link = tag(
        "a",
        avatar(name, seed=str(one.client_id)),
        words,
        href=address,
        class_=f"ac-found-link ac-found-link--{one.kind}",
        data_ac_row=True,
    )
    return tag("li", link)


def _whose(one: Found) -> Html:
    if one.kind == "note":
        said = _("Note by {name}", name=one.author) if one.author else _("Note")
        return tag("span", icon("lock"), tag("span", said), class_="ac-found-whose")
    if one.direction == "outbound":
        return tag("span", icon("outbound"), tag("span", _("Us")), class_="ac-found-whose")
    return tag("span", icon("inbound"), tag("span", _("The person")), class_="ac-found-whose")


def _search_field(words: str) -> None:
    field = search_field(
        _("Search in all messages"),
        value=words,
        placeholder=_("Words, or “a phrase”"),
        most=MOST_SEARCH,
    )
    field.classes("ac-found-field").props("autofocus")

    def enter(event: GenericEventArguments) -> None:
        asked = str(event.args or "")[:MOST_SEARCH]
        ui.navigate.to(f"{PATH}?{urlencode({'q': asked})}" if asked.strip() else PATH)

    field.on("keydown.enter", enter, js_handler="(event) => emit(event.target.value)")


def _nothing_asked() -> Html:
    return empty_state(
        "search",
        _("What was it about"),
        _(
            "Type words that were said, and Enter. Accents and capitals make no difference, the"
            " last word may be a beginning, and “two words” in quotes stand together."
        ),
    )


def _nothing_found() -> Html:
    return empty_state(
        "search",
        _("Nobody has said that"),
        _("Try fewer words, or only the beginning of the last one."),
    )


def _pages(words: str, answer: FoundPage) -> Html:
    def link(page: int, label: str) -> Html:
        address = f"{PATH}?{urlencode({'q': words, 'page': page})}"
        return tag("a", tag("span", label), href=address, class_="ac-button")

    newer = link(answer.page - 1, _("Newer")) if answer.page > 1 else None
    older = link(answer.page + 1, _("Older")) if answer.more else None
    if newer is None and older is None:
        return NOTHING
    return tag("nav", newer, older, class_="ac-found-pages", aria_label=_("Pages"))
