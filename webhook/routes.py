"""The two requests Meta makes to `/webhook`.

What is signed is accepted, whatever else came from its address: all of Meta's deliveries share a
few addresses, and what is turned away may be lost for good. Only what fails is counted and limited.
"""

import asyncio
import hmac
import math
from collections.abc import Sequence

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from services import signature
from webhook.writer import CannotStoreError, Writer

log = structlog.get_logger()

#: Meta sends up to 3 MB.
MAX_BODY = 4 * 1024 * 1024
#: Seconds for a body to arrive.
BODY_PATIENCE = 15.0


class BodyTooLargeError(Exception):
    """More bytes than a delivery may have."""


def add_webhook(
    app: FastAPI, *, app_secrets: Sequence[str], verify_token: str, writer: Writer
) -> None:
    """Put the webhook on the root app. Several app secrets are valid while one replaces another.

    Directly on the app and not by a router, which FastAPI would ask for every request.
    """

    @app.get("/webhook", tags=["webhook"], response_class=PlainTextResponse)
    async def verify(request: Request) -> Response:
        """Answer Meta's challenge when the callback URL or the verify token is set."""
        query = request.query_params
        challenge = query.get("hub.challenge")
        token = query.get("hub.verify_token", "").encode()
        if (
            query.get("hub.mode") == "subscribe"
            and challenge
            and hmac.compare_digest(token, verify_token.encode())
        ):
            return PlainTextResponse(challenge)
        return _limit(writer, request, "verification", 403)

    async def receive(request: Request) -> Response:
        """Store a signed delivery, then answer 200. Anything else makes Meta send it again."""
        try:
            body = await _body(request)
        except BodyTooLargeError:
            return _refuse(writer, "too_large", 413)
        except TimeoutError:
            return _refuse(writer, "too_slow", 408)
        except ClientDisconnect:
            return _refuse(writer, "incomplete", 400)
        header = request.headers.get(signature.HEADER)
        if not signature.is_valid(app_secrets, body, header):
            reason = "no_signature" if header is None else "bad_signature"
            return _limit(writer, request, reason, 401)
        try:
            await writer.store(body)
        except CannotStoreError:
            return PlainTextResponse("Try again", 503, headers={"Retry-After": "5"})
        return _STORED

    app.router.add_api_route(
        "/webhook",
        receive,
        methods=["POST"],
        tags=["webhook"],
        response_class=PlainTextResponse,
        route_class_override=_StraightRoute,
    )

    @app.api_route("/webhook", methods=_OTHER_METHODS, include_in_schema=False)
    async def wrong_method() -> Response:
        return PlainTextResponse("Method Not Allowed", 405, headers={"Allow": "GET, POST"})


class _StraightRoute(APIRoute):
    """Hands the request to its function and sends the answer: no dependencies to solve, no stack to
    unwind. FastAPI's own way costs a delivery a third of what it takes to answer it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response: Response = await self.endpoint(request)
        await response(scope, receive, send)


_OTHER_METHODS = ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]

#: The same answer for every delivery; a response without state can be sent any number of times.
_STORED = PlainTextResponse("OK")


def _refuse(writer: Writer, reason: str, status: int) -> Response:
    writer.refuse(reason)
    log.warning("webhook.refused", reason=reason)
    return PlainTextResponse("Refused", status)


def _limit(writer: Writer, request: Request, reason: str, status: int) -> Response:
    """Refuse what is not from Meta: with `status`, and with 429 whoever keeps trying."""
    verdict = writer.failures.count(request.client.host if request.client else None)
    if verdict.wait is None:
        return _refuse(writer, reason, status)
    writer.refuse(reason)
    if verdict.is_first:
        log.warning("webhook.limited", reason=reason, seconds=math.ceil(verdict.wait))
    return PlainTextResponse("Too many", 429, headers={"Retry-After": str(math.ceil(verdict.wait))})


async def _body(request: Request) -> bytes:
    """The raw bytes, which alone the signature vouches for; never more than MAX_BODY of them."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size = 0
    async with asyncio.timeout(BODY_PATIENCE):
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY:
                raise BodyTooLargeError
            chunks.append(chunk)
    return b"".join(chunks)
