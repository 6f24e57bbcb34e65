"""What went wrong, always in the same shape: `{"error": {"code", "message", "fields"?}}`.

`code` is for programs, `message` for whoever reads the log of one. `fields` names each input that
cannot be used, with a code. Nothing that was sent is repeated.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from services.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from services.imports.files import Unreadable
from services.tokens import InvalidToken, KeysUnavailable, SecondFactorRequired

log = structlog.get_logger()

#: Seconds after which something that is down may be tried again.
TRY_AGAIN = 5


class Problem(BaseModel):
    """Why a request was not done."""

    model_config = ConfigDict(title="Problem")

    code: str = Field(description="For programs. New ones may come.", examples=["invalid"])
    message: str = Field(examples=["Some input cannot be used."])
    fields: dict[str, str] | None = Field(
        default=None, description="Input -> code.", examples=[{"email": "not_an_email"}]
    )


class Problems(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(title="Problems")

    error: Problem


#: By status: a code, what it means, and headers.
_OF_STATUS: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read."),
    401: ("unauthenticated", "Give a valid bearer token."),
    403: ("forbidden", "This is not allowed to you."),
    404: ("not_found", "There is no such thing."),
    405: ("method_not_allowed", "This address knows other methods."),
    408: ("too_slow", "The request took too long to arrive."),
    409: ("conflict", "This cannot be done as things stand."),
    413: ("too_large", "The body is too large."),
    415: ("unsupported_media_type", "Send JSON, as application/json."),
    422: ("invalid", "Some input cannot be used."),
    429: ("too_many_requests", "Too many requests. Wait, then try again."),
    500: ("internal_error", "Something broke on our side. It has been logged."),
    503: ("unavailable", "A part that this needs cannot be reached. Try again in a moment."),
}
_CONFLICTS = {
    "email_taken": "Another client has this e-mail address.",
    "phone_taken": "Another client has this phone number.",
    "changed_meanwhile": "Somebody changed it meanwhile. Read it again.",
    "whatsapp_number": "The person writes from this number on WhatsApp; it stays theirs.",
    "messages_waiting": "A message of theirs is being processed. Try again in a moment.",
    "window_closed": "The person wrote more than 24 hours ago. Only a template can be sent.",
    "no_address": "WhatsApp has no way to reach this client.",
    "not_sent_yet": "What it answers has not left yet. Try again in a moment.",
    "template_gone": "WhatsApp has no such template.",
    "template_not_approved": "WhatsApp has not approved this template, or does so no more.",
    "template_unsupported": "The template has a part that cannot be sent from here.",
    "marketing_stopped": "The person wants no advertising.",
    "legal_hold": "Nothing of this person may be erased for now.",
}

_UNREADABLE = "The file as a whole cannot be read as a table; `fields` says why."


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for an operation, beside those that any of them may give."""
    return {
        status: {
            "model": Problems,
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"example": _body(status)}},
        }
        for status in sorted({401, 403, 422, 429, 503, *statuses})
    }


def problem(
    status: int,
    code: str | None = None,
    message: str | None = None,
    *,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer that says what went wrong."""
    return JSONResponse(_body(status, code, message, fields), status, dict(headers or {}))


def told(error: Exception) -> JSONResponse | None:
    """The answer for an error of a service, or None when it is none that a caller can act on."""
    match error:
        case SecondFactorRequired():
            message = "Sign in with a second factor first."
            return problem(401, "second_factor_required", message, headers=_CHALLENGE_STEP_UP)
        case InvalidToken():
            code = "unauthenticated" if error.reason == "missing" else "invalid_token"
            header = _CHALLENGE if error.reason == "missing" else _CHALLENGE_INVALID
            return problem(401, code, headers=header)
        case Forbidden():
            return problem(403)
        case NotFound():
            return problem(404)
        case Unreadable():
            return problem(422, "unreadable_file", _UNREADABLE, fields={"file": error.code})
        case Conflict():
            fields = {error.field: error.code} if error.field else None
            return problem(409, error.code, _CONFLICTS.get(error.code), fields=fields)
        case Invalid():
            return problem(422, fields=error.fields)
        case TooMany():
            wait = {"Retry-After": str(math.ceil(error.retry_after))}
            return problem(429, headers=wait)
        case KeysUnavailable():
            return _unavailable("keys", error)
        case OperationalError() | InterfaceError() | PoolTimeout() | OSError():
            return _unavailable("database", error)
        case DBAPIError() if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            # Row-level security's own word: rights were taken away a moment ago.
            return problem(403)
    return None


def internal(error: Exception) -> JSONResponse:
    """The answer for what nobody foresaw."""
    log.error("api.failed", exc_info=error)
    return problem(500)


def handle_problems(api: FastAPI) -> None:
    """Let the app answer every error in our shape, its framework's own included."""
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid_request)
    of_services = (Forbidden, NotFound, Conflict, Invalid, TooMany, Unreadable)
    for kind in (*of_services, DBAPIError, PoolTimeout, OSError):
        api.add_exception_handler(kind, _service)
    api.add_exception_handler(Exception, _service)


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="acogida"'}
_CHALLENGE_INVALID = {"WWW-Authenticate": 'Bearer realm="acogida", error="invalid_token"'}
_CHALLENGE_STEP_UP = {
    "WWW-Authenticate": 'Bearer realm="acogida", error="insufficient_user_authentication"'
}


def _body(
    status: int,
    code: str | None = None,
    message: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    usual = _OF_STATUS.get(status, (f"http_{status}", HTTPStatus(status).phrase))
    error: dict[str, Any] = {"code": code or usual[0], "message": message or usual[1]}
    if fields:
        error["fields"] = dict(fields)
    return {"error": error}


def _unavailable(part: str, error: Exception) -> JSONResponse:
    log.warning("api.unavailable", part=part, error=type(error).__name__)
    return problem(503, headers={"Retry-After": str(TRY_AGAIN)})


async def _service(_: Request, error: Exception) -> Response:
    return told(error) or internal(error)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, headers=error.headers)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(p["type"] == "json_invalid" for p in problems):
        return problem(400, "malformed_json", "The body is no JSON.")
    if any(p["loc"] == ("body",) for p in problems) and not _says_json(request):
        return problem(415)
    return problem(422, fields={_place(p["loc"]): _code(p["type"]) for p in problems})


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Without any there was no body, which is another matter.
    return kind in ("", "application/json") or kind.endswith("+json")


def _place(location: tuple[int | str, ...]) -> str:
    """`("query", "limit")` -> `limit`. An unknown field's own name is not ours, so it is cut."""
    names = [str(part) for part in location[1:] if isinstance(part, str)]
    return (names[0] if names else str(location[0]))[:60]


#: Pydantic's types of errors -> our codes; others are just `invalid`.
_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_too_long": "too_long",
    "too_long": "too_long",
    "string_type": "not_text",
    "string_unicode": "not_text",
    "literal_error": "unknown_value",
    "enum": "unknown_value",
    "uuid_parsing": "not_a_uuid",
    "uuid_type": "not_a_uuid",
    "int_parsing": "not_a_number",
    "int_type": "not_a_number",
    "bool_parsing": "not_a_boolean",
    "greater_than_equal": "too_small",
    "less_than_equal": "too_large",
    "model_attributes_type": "not_an_object",
    "datetime_parsing": "not_a_time",
    "datetime_from_date_parsing": "not_a_time",
    "timezone_aware": "without_time_zone",
}


def _code(kind: str) -> str:
    return _CODES.get(kind, "invalid")
