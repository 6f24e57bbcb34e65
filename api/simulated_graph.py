"""The Graph API of mock mode, over HTTP: `/v26.0/<ID>/messages` and what belongs to it.

Not in the OpenAPI document: it is Meta's interface, not ours. Below `/_simulator` tests in other
processes see what was sent and switch faults on.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.datastructures import UploadFile
from starlette.types import Receive, Scope, Send

from services.settings import SIMULATOR_GRAPH_PATH
from services.simulator.graph import SimulatedGraph
from services.simulator.graph_faults import FAULTS, Fault, Operation
from services.simulator.graph_media import bomb
from services.simulator.graph_problems import Refusal

log = structlog.get_logger()

_VERSION = re.compile(r"v[1-9]\d?\.\d")
_SORRY = (
    '<!DOCTYPE html><html lang="en"><head><title>Error</title></head>'
    "<body><h1>Sorry, something went wrong.</h1>"
    "<p>We're working on getting this fixed as soon as we can.</p></body></html>"
)


class Cut(Response):
    """Begins an answer and ends the connection: nobody learns what was decided."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server closes the connection of an answer that ends before its length.
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def router(graph: SimulatedGraph, *, prefix: str = SIMULATOR_GRAPH_PATH) -> APIRouter:
    """Mock mode only."""
    routes = APIRouter(prefix=prefix, include_in_schema=False)
    _add_controls(routes, graph)

    async def meet(
        request: Request, operation: Operation, deed: Callable[[list[Fault]], Awaitable[Response]]
    ) -> Response:
        """Check the token, meet what was switched on, and do what was asked for."""
        try:
            version = request.path_params.get("version", "v26.0")
            if not _VERSION.fullmatch(version):
                raise Refusal(2500, message=f"Unknown path components: /{version[:20]}")
            graph.authorise(request.headers.get("authorization"))
            faults = graph.faults.take(operation)
            if faults:
                graph.on_change()
            for fault in faults:
                match fault.effect:
                    case "slow":
                        await asyncio.sleep(fault.seconds)
                    case "html":
                        return HTMLResponse(_SORRY, 500)
                    case "refuse":
                        raise Refusal(fault.code)
            answer = await deed(faults)
        except Refusal as refusal:
            return JSONResponse(refusal.body(), refusal.status)
        for fault in faults:
            if fault.effect == "hang":
                await asyncio.sleep(fault.seconds)
            if fault.effect in ("hang", "cut"):
                return Cut()
        return answer

    @routes.post("/{version}/{object_id}/messages")
    async def messages(request: Request, object_id: str) -> Response:
        async def deed(faults: list[Fault]) -> Response:
            return JSONResponse(await graph.send(object_id, await _json(request), faults))

        return await meet(request, "messages", deed)

    @routes.post("/{version}/{object_id}/media")
    async def upload(request: Request, object_id: str) -> Response:
        async def deed(_: list[Fault]) -> Response:
            async with request.form() as form:
                file, product = form.get("file"), form.get("messaging_product")
                if not isinstance(file, UploadFile):
                    raise Refusal(100, message="(#100) The parameter file is required.")
                kind = form.get("type") or file.content_type or ""
                content = await file.read()
            return JSONResponse(graph.upload(object_id, str(product), str(kind), content))

        return await meet(request, "upload", deed)

    @routes.get("/{version}/{object_id}/message_templates")
    @routes.get("/{version}/{object_id}/phone_numbers")
    async def edge(request: Request, object_id: str) -> Response:
        name = request.url.path.rsplit("/", 1)[-1]

        async def deed(_: list[Fault]) -> Response:
            query = dict(request.query_params)
            address = str(request.url.replace(query=""))
            return JSONResponse(graph.list_of(object_id, name, query, address))

        kind: Operation = "templates" if name == "message_templates" else "phone_number"
        return await meet(request, kind, deed)

    @routes.get("/files")
    async def download(request: Request) -> Response:
        """The bytes behind a medium's address; Meta asks for the same token here."""
        medium = graph.media.fetch(request.query_params.get("hash", ""))

        async def deed(faults: list[Fault]) -> Response:
            effects = {fault.effect for fault in faults}
            if medium is None or "not_found" in effects:
                return HTMLResponse(_SORRY, 404)
            if "bomb" in effects:
                packed = await asyncio.to_thread(bomb)
                headers = {"content-encoding": "gzip"}
                return Response(packed, media_type=medium.mime_type, headers=headers)
            content = medium.content
            if "other_bytes" in effects:
                content = bytes([content[0] ^ 1]) + content[1:] if content else b"x"
            return Response(content, media_type=medium.mime_type)

        return await meet(request, "download", deed)

    @routes.get("/{version}/{object_id}")
    async def node(request: Request, object_id: str) -> Response:
        fields = [part.strip() for part in request.query_params.get("fields", "").split(",")]
        named = object_id in (graph.number.phone_number_id, graph.number.waba_id)

        async def deed(faults: list[Fault]) -> Response:
            if any(fault.effect == "expired" for fault in faults):
                graph.media.forget(object_id)
            files = str(request.url.replace(path=f"{prefix}/files", query=""))
            found = graph.node(object_id, [name for name in fields if name], files)
            return JSONResponse(found)

        return await meet(request, "phone_number" if named else "media_url", deed)

    return routes


def media_router(
    graph: SimulatedGraph, *, allowed: Callable[[Request], Awaitable[bool]]
) -> APIRouter:
    """The pictures and sounds on the simulator's own page, for whoever is signed in there."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/simulator/media/{media_id}")
    async def medium(request: Request, media_id: str) -> Response:
        if not await allowed(request):
            return PlainTextResponse("Sign in first.", 401)
        found = graph.media.find(media_id)
        if found is None:
            return PlainTextResponse("WhatsApp has no such file.", 404)
        return Response(found.content, media_type=found.mime_type)

    return routes


def _add_controls(routes: APIRouter, graph: SimulatedGraph) -> None:
    """For tests that are another process: look, and switch faults."""

    @routes.get("/_simulator/sent")
    async def sent() -> Any:
        return [
            {
                "id": each.wamid,
                "body": each.body,
                "at": each.at.isoformat(),
                "complaints": each.complaints,
            }
            for each in graph.heard.sent
        ]

    @routes.get("/_simulator/faults")
    async def faults() -> Any:
        return {"known": sorted(FAULTS), "active": graph.faults.active}

    @routes.post("/_simulator/faults")
    async def set_fault(request: Request) -> Response:
        """`{"name", "times"?, "on"?, "code"?, "seconds"?}`; without a name all are taken back."""
        asked = await _asked(request)
        name = asked.pop("name", None)
        try:
            if name is None:
                graph.faults.clear()
            else:
                graph.faults.set(name, **asked)
        except (KeyError, TypeError, ValueError) as problem:
            log.info("simulator.no_such_fault", error=type(problem).__name__)
            return PlainTextResponse("There is no such fault.", 422)
        return JSONResponse({"active": graph.faults.active})

    @routes.post("/_simulator/held")
    async def end_holding(request: Request) -> Response:
        """`{"dropped"?}`: what becomes of what is kept back."""
        asked = await _asked(request)
        graph.end_holding(dropped=asked.get("dropped") is True)
        return JSONResponse({})

    @routes.post("/_simulator/phones/{user}")
    async def phone(user: str, request: Request) -> Response:
        """`{"on"?, "chat_open"?, "receipts"?}`."""
        asked = await _asked(request)
        if "receipts" in asked:
            graph.phones.of(user).receipts = bool(asked["receipts"])
        if "on" in asked:
            graph.phones.switch(user, on=bool(asked["on"]))
        if "chat_open" in asked:
            graph.phones.open_chat(user, is_open=bool(asked["chat_open"]))
        return JSONResponse({"ok": True})


async def _asked(request: Request) -> dict[str, Any]:
    """What a test wants of the simulator."""
    try:
        asked = json.loads(await request.body())
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise HTTPException(422, "The body has to be a JSON object.")
    return asked


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError:
        raise Refusal(100, message="(#100) Invalid parameter: the body is no JSON.") from None
