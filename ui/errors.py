"""What people see when an address leads nowhere or a page breaks: what happened and what to do."""

from collections.abc import Callable

from nicegui import Client, app, context, ui
from nicegui.page import page as NiceguiPage  # noqa: N812 - a class, whatever its name
from starlette.requests import Request
from starlette.responses import Response

from services.errors import Forbidden, NotFound, TooMany
from ui.components.elements import show
from ui.components.markup import Html
from ui.components.states import empty_state
from ui.gate import is_signed_in
from ui.i18n import _
from ui.layout import frame
from ui.notices import wait


def register() -> None:
    """Take over NiceGUI's own page for what broke. `missing_page` goes to `ui.run_with`.

    A page may raise what services raise: it is answered with the right status, inside the frame.
    """
    app.on_page_exception(broken_page)
    for kind, (status, build) in _REFUSALS.items():
        app.add_exception_handler(kind, _answer(status, build))


def missing_page() -> None:
    """Any address that is nobody's. It may hold anything, so it is not repeated."""
    ui.status_code(404)
    if not is_signed_in():  # below the paths that the gate leaves open
        not_found()
        return
    with frame(_("Page not found"), heading=False):
        not_found()


def not_found() -> None:
    """Say that this is not there: a page of its own for what was deleted or never was."""
    _say(
        empty_state(
            "question",
            _("This page does not exist"),
            _("The address may be incomplete, or what was here has been deleted."),
            link=(_("Go to the clients"), "/clients"),
            heading="h1",
        )
    )


def forbidden() -> None:
    """Say that this person may not be here; what is here is not told."""
    _say(
        empty_state(
            "lock",
            _("You do not have permission to see this"),
            _("If you need it for your work, ask an administrator."),
            link=(_("Go to the clients"), "/clients"),
            heading="h1",
        )
    )


def broken_page(error: Exception) -> None:
    """A page that could not be built. Runs in a page of its own, outside of the frame."""
    if isinstance(error, tuple(_REFUSALS)):
        raise error  # has an answer of its own, and a status
    ui.page_title("Acogida")
    _say(
        empty_state(
            "warning",
            _("This page could not be shown"),
            _("It is our fault, not yours, and nothing was lost. Try again in a moment."),
            link=(_("Try again"), _path()),
            heading="h1",
        )
    )


def _too_many(error: Exception) -> None:
    assert isinstance(error, TooMany)
    with frame(_("Too many requests"), heading=False):
        _say(
            empty_state(
                "clock",
                _("That was too often in a short time"),
                wait(error.retry_after),
                link=(_("Try again"), _path()),
                heading="h1",
            )
        )


def _forbidden(_error: Exception) -> None:
    with frame(_("No permission"), heading=False):
        forbidden()


def _missing(_error: Exception) -> None:
    with frame(_("Page not found"), heading=False):
        not_found()


_Builder = Callable[[Exception], None]
#: What services raise -> the status and the page that answer it.
_REFUSALS: dict[type[Exception], tuple[int, _Builder]] = {
    Forbidden: (403, _forbidden),
    NotFound: (404, _missing),
    TooMany: (429, _too_many),
}


def _answer(status: int, build: _Builder) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        # As NiceGUI itself answers to an exception: a page of its own, at no address.
        with Client(NiceguiPage(""), request=request) as client:
            build(error)
        response = client.build_response(request, status)
        if isinstance(error, TooMany):
            response.headers["Retry-After"] = str(round(max(error.retry_after, 1)))
        return response

    return answer


def _path() -> str:
    return str(context.client.request.url.path)


def _say(state: Html) -> None:
    show(state).classes("ac-full-page")
