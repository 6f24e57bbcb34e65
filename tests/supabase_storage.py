"""Supabase Storage as it answers over HTTP: nearly every refusal is a 400 that says more inside."""

import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

URL = "http://project.supabase.test"
SERVICE_KEY = "sb_secret_of_the_tests"


class Refusal(Exception):
    """What the real server puts into the body of a 400."""

    def __init__(self, status: str, error: str, message: str) -> None:
        super().__init__(message)
        self.body = {"statusCode": status, "error": error, "message": message}


NO_BUCKET = Refusal("404", "Bucket not found", "Bucket not found")
NO_OBJECT = Refusal("404", "not_found", "Object not found")


@dataclass
class Bucket:
    public: bool
    limit: int | None
    types: list[str] | None
    #: key -> content, media type
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)


class FakeSupabaseStorage:
    """The server and its memory. `transport` reaches it without a network."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.key = OctKey.generate_key(256)
        #: How far its clock is ahead.
        self.ahead = 0.0
        #: What the next requests get in place of an answer, first come first served.
        self.instead: list[Response | httpx.TransportError] = []
        #: Accepts removals and leaves the objects where they are.
        self.keeps_everything = False
        #: Of each request: method and path.
        self.requests: list[tuple[str, str]] = []
        routes = [
            ("POST", "/bucket", self._create_bucket),
            ("PUT", "/bucket/{bucket}", self._update_bucket),
            ("GET", "/object/info/{bucket}/{key:path}", self._info),
            ("POST", "/object/sign/{bucket}/{key:path}", self._sign),
            ("GET", "/object/sign/{bucket}/{key:path}", self._follow),
            ("GET", "/object/public/{bucket}/{key:path}", self._public),
            ("GET", "/object/authenticated/{bucket}/{key:path}", self._download),
            ("DELETE", "/object/{bucket}", self._remove),
            ("POST", "/object/{bucket}/{key:path}", self._upload),
            ("GET", "/object/{bucket}/{key:path}", self._download),
        ]
        self._app = Starlette(
            routes=[
                Route(f"/storage/v1{path}", endpoint, methods=[method])
                for method, path, endpoint in routes
            ],
            exception_handlers={Refusal: _refuse},
        )
        self._inner = httpx.ASGITransport(self._app)

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        return _Transport(self)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path))
        if self.instead:
            answer = self.instead.pop(0)
            if isinstance(answer, httpx.TransportError):
                raise answer
            return httpx.Response(answer.status_code, content=bytes(answer.body), request=request)
        return await self._inner.handle_async_request(request)

    async def _create_bucket(self, request: Request) -> Response:
        self._authorise(request)
        told = await request.json()
        if told["id"] in self.buckets:
            raise Refusal("409", "Duplicate", "The resource already exists")
        self.buckets[told["id"]] = Bucket(
            told.get("public", False), told.get("file_size_limit"), told.get("allowed_mime_types")
        )
        return JSONResponse({"name": told["id"]})

    async def _update_bucket(self, request: Request) -> Response:
        self._authorise(request)
        told = await request.json()
        bucket = self._bucket(request)
        bucket.public = told.get("public", bucket.public)
        bucket.limit = told.get("file_size_limit", bucket.limit)
        bucket.types = told.get("allowed_mime_types", bucket.types)
        return JSONResponse({"message": "Successfully updated"})

    async def _upload(self, request: Request) -> Response:
        self._authorise(request)
        bucket, key = self._bucket(request), request.path_params["key"]
        async with request.form() as form:
            file = form["file"]
            assert isinstance(file, UploadFile)
            content, media_type = await file.read(), file.content_type or ""
            assert form["cacheControl"] == "0", "a copy would stay in caches"
        if not key.isascii():
            raise Refusal("400", "InvalidKey", f"Invalid key: {key}")
        if bucket.types is not None and media_type not in bucket.types:
            message = f"mime type {media_type} is not supported"
            raise Refusal("415", "invalid_mime_type", message)
        if bucket.limit is not None and len(content) > bucket.limit:
            message = "The object exceeded the maximum allowed size"
            raise Refusal("413", "Payload too large", message)
        if key in bucket.objects and request.headers.get("x-upsert") != "true":
            raise Refusal("409", "Duplicate", "The resource already exists")
        bucket.objects[key] = (content, media_type)
        name = f"{request.path_params['bucket']}/{key}"
        return JSONResponse({"Key": name, "Id": str(uuid4())})

    async def _download(self, request: Request) -> Response:
        self._authorise(request)
        content, media_type = self._object(request)
        if part := re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", "")):
            start, end = int(part[1]), min(int(part[2]) + 1, len(content))
            if start >= len(content):
                return Response(status_code=416)
            said = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
            return Response(content[start:end], 206, said, media_type)
        return Response(content, media_type=media_type)

    async def _info(self, request: Request) -> Response:
        self._authorise(request)
        content, media_type = self._object(request)
        told = {"name": request.path_params["key"], "size": len(content)}
        return JSONResponse({**told, "content_type": media_type})

    async def _remove(self, request: Request) -> Response:
        self._authorise(request)
        bucket = self._bucket(request)
        found = [key for key in (await request.json())["prefixes"] if key in bucket.objects]
        if self.keeps_everything:
            return JSONResponse([])
        for key in found:
            del bucket.objects[key]
        return JSONResponse([{"name": key, "bucket_id": "b", "id": str(uuid4())} for key in found])

    async def _sign(self, request: Request) -> Response:
        self._authorise(request)
        self._object(request)
        seconds = int((await request.json())["expiresIn"])
        if seconds < 1:
            raise Refusal("400", "InvalidRequest", "body/expiresIn must be >= 1")
        path = f"{request.path_params['bucket']}/{request.path_params['key']}"
        now = int(time.time() + self.ahead)
        claims = {"url": path, "scope": "download", "iat": now, "exp": now + seconds}
        token = jwt.encode({"alg": "HS256"}, claims, self.key)
        return JSONResponse({"signedURL": f"/object/sign/{path}?token={token}"})

    async def _follow(self, request: Request) -> Response:
        try:
            token = jwt.decode(request.query_params.get("token", ""), self.key)
        except (JoseError, ValueError):
            raise Refusal("400", "InvalidJWT", "Invalid Compact JWS") from None
        path = f"{request.path_params['bucket']}/{request.path_params['key']}"
        if token.claims["url"] != path:
            raise Refusal("400", "InvalidSignature", "Invalid signature")
        if token.claims["exp"] < time.time() + self.ahead:
            raise Refusal("400", "InvalidJWT", '"exp" claim timestamp check failed')
        content, media_type = self._object(request)
        headers = {"X-Robots-Tag": "none"}
        if name := request.query_params.get("download"):
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)};"
        return Response(content, media_type=media_type, headers=headers)

    async def _public(self, request: Request) -> Response:
        if not self._bucket(request).public:
            raise NO_BUCKET
        content, media_type = self._object(request)
        return Response(content, media_type=media_type)

    def _authorise(self, request: Request) -> None:
        keys = {request.headers.get("apikey"), request.headers.get("authorization")}
        if keys != {SERVICE_KEY, f"Bearer {SERVICE_KEY}"}:
            raise Refusal("403", "Unauthorized", "Invalid Compact JWS")

    def _bucket(self, request: Request) -> Bucket:
        try:
            return self.buckets[request.path_params["bucket"]]
        except KeyError:
            raise NO_BUCKET from None

    def _object(self, request: Request) -> tuple[bytes, str]:
        try:
            return self._bucket(request).objects[request.path_params["key"]]
        except KeyError:
            raise NO_OBJECT from None


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, server: FakeSupabaseStorage) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._server.handle(request)


async def _refuse(_: Request, refusal: Any) -> Response:
    return JSONResponse(refusal.body, 400)
