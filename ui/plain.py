"""What the routes outside of NiceGUI share: small forms, cookies, answers that nobody keeps.

These routes are the root app's own. A page of NiceGUI would keep state on the server for every
visitor who has not even signed in, and cannot set a cookie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

import structlog
from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services import sessions
from services import staff as staff_service
from services.actors import Staff
from services.sign_in import Browser
from ui.components.markup import Html
from ui.gate import LANGUAGE_COOKIE, SECURITY_HEADERS, language_of, same_origin
from ui.i18n import Language, known_language, speaking

log = structlog.get_logger()

_MOST_FORM_BYTES = 8_192
_YEAR = 365 * 24 * 3600

#: Nothing on these pages runs or comes from anywhere else.
_CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    **SECURITY_HEADERS,
    "Cache-Control": "no-store",
    "Content-Security-Policy": _CONTENT_POLICY,
}


@dataclass(frozen=True, slots=True)
class Plain:
    """How this installation answers outside of NiceGUI."""

    public_url: str

    @property
    def secure(self) -> bool:
        """Whether cookies may travel over HTTPS only: everywhere but on this machine itself."""
        return self.public_url.startswith("https://")

    async def form(self, request: Request) -> dict[str, str]:
        """Read a small form that a page of ours has sent; the last value of a name counts.

        Refuses (403, 413) forms of other sites and large ones.
        """
        if not same_origin(request, self.public_url):
            log.warning("sign_in.foreign_form")
            raise HTTPException(403)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_FORM_BYTES:
                raise HTTPException(413)
        try:
            fields = parse_qs(body.decode("utf-8", "replace"), True, max_num_fields=20)
        except ValueError:
            raise HTTPException(400) from None
        return {name: values[-1] for name, values in fields.items()}

    async def staff(self, request: Request) -> Staff | None:
        """Who is signed in."""
        token = request.cookies.get(sessions.COOKIE)
        return await sessions.staff_of(token) if token else None

    def page(
        self,
        request: Request,
        render: Callable[[], Html],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        staff: Staff | None = None,
    ) -> Response:
        """Answer with a page in the visitor's language; `?lang=` is remembered.

        Who is signed in (`staff`) has said which language they want.
        """
        chosen = known_language(request.query_params.get("lang"))
        with speaking(chosen or language_of(request, staff)):
            markup = render()
        response = HTMLResponse(
            f"<!doctype html>{markup}", status, headers={**_HEADERS, **(headers or {})}
        )
        if chosen:
            self.remember_language(response, chosen)
        return response

    def redirect(self, path: str) -> Response:
        """Lead on with a GET; `path` is ours, or has passed `safe_next`."""
        return RedirectResponse(path, status_code=303, headers=_HEADERS)

    def remember_language(self, response: Response, chosen: Language) -> None:
        """For the pages before one is in; staff's own wish is in the database."""
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_YEAR, samesite="lax", secure=self.secure
        )

    async def let_in(self, request: Request, response: Response, token: str) -> None:
        """Give the browser its session; the language chosen before it goes to its owner.

        Unless they have said which one they want, or must take another step first.
        """
        self.keep(response, sessions.COOKIE, token)
        chosen = known_language(request.cookies.get(LANGUAGE_COOKIE))
        staff = await sessions.staff_of(token, touch=False) if chosen else None
        if staff is not None and not staff.language:
            await staff_service.set_preferences(staff, language=chosen)

    def forget_session(self, response: Response) -> None:
        self.drop(response, sessions.COOKIE)

    def keep(
        self,
        response: Response,
        name: str,
        value: str,
        *,
        path: str = "/",
        seconds: int | None = None,
    ) -> None:
        """Set a cookie that no script can read; without `seconds` it ends with the browser."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            httponly=True,
            samesite="lax",
            secure=self.secure,
        )

    def drop(self, response: Response, name: str, *, path: str = "/") -> None:
        """Remove a cookie that `keep` has set."""
        response.delete_cookie(name, path=path, httponly=True, samesite="lax", secure=self.secure)


def browser_of(request: Request) -> Browser:
    """Who asks, as staff see it beside their sessions."""
    address = request.client.host if request.client else ""
    return Browser(address, request.headers.get("user-agent", ""))
