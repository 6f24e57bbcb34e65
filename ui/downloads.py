"""Files that staff take along: the list of clients, and an import's rows with their results."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from starlette.datastructures import QueryParams

from services import client_exports
from services.client_exports import View
from services.clients import CLIENT_STATUSES, PROFILE_TYPES
from services.errors import Conflict, Forbidden, NotFound, TooMany
from services.headers import SECURITY_HEADERS
from services.imports import report
from ui.client_query import ClientQuery
from ui.components.import_words import FIELD_NAMES, row_words
from ui.components.tags import profile_label, status_label
from ui.formats import zone
from ui.gate import language_of, same_origin
from ui.i18n import _, speaking
from ui.plain import Plain

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "csv_semicolon": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-store"}


def router(public_url: str) -> APIRouter:
    """Downloads by people who are signed in, from pages of ours."""
    plain = Plain(public_url)
    routes = APIRouter(include_in_schema=False)

    @routes.post("/clients/export")
    async def export(request: Request) -> Response:
        form = await plain.form(request)
        staff = await plain.staff(request)
        if staff is None:
            return plain.redirect("/login")
        kind = form.get("format", "")
        if kind not in _TYPES:
            return _refused(400)
        asked = ClientQuery.read(QueryParams(form.get("list", "").partition("?")[2]))
        view = View(
            search=asked.search,
            profile_types=asked.profiles,
            statuses=asked.statuses,
            sort=asked.sort,
            descending=asked.descending,
            narrowing=asked.narrowing,
        )
        with speaking(language_of(request, staff)):
            labels = labels_of_export()
        try:
            parts = await client_exports.export(staff, view, kind, labels)  # type: ignore[arg-type]
        except Forbidden:
            return _refused(403)
        except TooMany as error:
            return _refused(429, {"Retry-After": str(round(error.retry_after))})
        extension = "xlsx" if kind == "xlsx" else "csv"
        name = f"acogida-{datetime.now(zone()):%Y-%m-%d}.{extension}"
        return _file(parts, name, _TYPES[kind])

    @routes.get("/import/{import_id}/result.csv")
    async def result(request: Request, import_id: UUID) -> Response:
        if not same_origin(request, public_url):
            return _refused(403)
        staff = await plain.staff(request)
        if staff is None:
            return plain.redirect("/login")
        language = language_of(request, staff)

        def words(*row: Any) -> tuple[str, str]:
            with speaking(language):
                return row_words(*row)

        try:
            parts = await report.result_file(staff, import_id, words)
        except Forbidden:
            return _refused(403)
        except (NotFound, Conflict):
            return _refused(404)
        return _file(parts, f"acogida-import-{str(import_id)[:8]}.csv", _TYPES["csv"])

    return routes


def labels_of_export() -> dict[str, str]:
    """Names of columns, profile types and statuses, in the language of whoever exports."""
    labels = {name: _(words) for name, words in FIELD_NAMES.items()}
    labels |= {name: profile_label(name) for name in PROFILE_TYPES}
    return labels | {name: status_label(name) for name in CLIENT_STATUSES}


def _file(parts: AsyncIterator[bytes], name: str, media_type: str) -> Response:
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=media_type, headers=headers)


def _refused(status: int, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse("", status, {**_HEADERS, **(headers or {})})
