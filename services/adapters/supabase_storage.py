"""Real mode's storage: a private bucket of the Supabase project."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import structlog
from storage3.exceptions import StorageApiError
from storage3.utils import StorageException
from supabase import AsyncClient, AsyncClientOptions

from services.adapters.storage import (
    LINK_SECONDS,
    MAX_OBJECT_BYTES,
    MEDIA_TYPES,
    StorageProblem,
    media_type_of,
)
from services.errors import NotFound

log = structlog.get_logger()

#: Seconds without a byte; an upload as a whole may take longer.
_TIMEOUT = httpx.Timeout(20.0, connect=5.0)

#: What storage3 puts in place of an error that was not storage's own.
_NOT_STORAGE = "InternalError"
#: Storage answers nearly every refusal with HTTP 400; the status that it means is in the body.
_CODES = {
    "409": "exists",
    "413": "too_large",
    "415": "type_refused",
    "401": "not_allowed",
    "403": "not_allowed",
}
_NO_OBJECT = ("not_found", "NoSuchKey")


class SupabaseStorage:
    """Implements `Storage` with the service key, which must never leave the server.

    Nobody signs in on this client: its requests would become that person's.
    """

    def __init__(
        self, url: str, service_key: str, bucket: str, *, http: httpx.AsyncClient | None = None
    ) -> None:
        self._http = http or httpx.AsyncClient(timeout=_TIMEOUT)
        options = AsyncClientOptions(
            auto_refresh_token=False, persist_session=False, httpx_client=self._http
        )
        self._storage = AsyncClient(url, service_key, options).storage
        self._bucket = bucket
        # storage3 has no way to ask for a part of an object.
        self._authenticated = f"{url}/storage/v1/object/authenticated/{bucket}"
        self._key = {"apikey": service_key, "Authorization": f"Bearer {service_key}"}
        self._objects = self._storage.from_(bucket)
        self._ensured = False

    async def ensure(self) -> None:
        with _told():
            limits = {
                "public": False,
                "file_size_limit": MAX_OBJECT_BYTES,
                "allowed_mime_types": sorted(set(MEDIA_TYPES.values())),
            }
            try:
                await self._storage.create_bucket(self._bucket, options=limits)  # type: ignore[arg-type]
                log.info("storage.bucket_created")
            except StorageApiError as error:
                if str(error.status) != "409":
                    raise
                # Whatever somebody has changed meanwhile, above all that it is private.
                await self._storage.update_bucket(self._bucket, limits)  # type: ignore[arg-type]
        self._ensured = True

    async def put(self, key: str, content: bytes, media_type: str) -> None:
        media_type_of(key)
        if not self._ensured:
            await self.ensure()
        with _told():
            await self._objects.upload(
                key,
                content,
                {"content-type": media_type, "cache-control": "0", "upsert": "false"},
            )

    async def get(self, key: str) -> bytes:
        media_type_of(key)
        with _told():
            return await self._objects.download(key)

    async def read(self, key: str, start: int, end: int) -> bytes:
        media_type_of(key)
        if end <= start:
            return b""
        address = f"{self._authenticated}/{key}"
        headers = {**self._key, "Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        with _told():
            answer = await self._http.get(address, headers=headers)
            if answer.status_code == 206:
                return answer.content
            if answer.status_code == 200:  # a server that knows no ranges
                return answer.content[start:end]
            if answer.status_code == 416:
                return b""
            told = dict(answer.json())
            raise StorageApiError(
                str(told["message"]), str(told.get("error")), str(told["statusCode"])
            )

    async def remove(self, key: str) -> None:
        media_type_of(key)
        with _told():
            removed = {found["name"] for found in await self._objects.remove([key])}
        # Storage leaves out in silence what it did not remove.
        if key not in removed and await self.exists(key):
            raise StorageProblem("not_removed")

    async def exists(self, key: str) -> bool:
        media_type_of(key)
        try:
            # Not storage3's own `exists`, which takes any 404 for a no, a gateway's too.
            with _told():
                await self._objects.info(key)
        except NotFound:
            return False
        return True

    async def link(self, key: str, name: str, *, seconds: int = LINK_SECONDS) -> str:
        media_type_of(key)
        with _told():
            signed = await self._objects.create_signed_url(key, seconds, {"download": name})
        return str(signed["signedURL"])

    async def close(self) -> None:
        await self._http.aclose()


@contextmanager
def _told() -> Iterator[None]:
    """Puts what Supabase and the network say into storage's words."""
    try:
        yield
    except StorageApiError as error:
        if str(error.status) == "404" and error.code in _NO_OBJECT:
            raise NotFound from None
        code = _CODES.get(str(error.status), "unavailable")
        if str(error.status) == "404" and error.code != _NOT_STORAGE:
            code = "not_allowed"  # no such bucket
        log.warning("storage.refused", status=str(error.status), code=code)
        raise StorageProblem(code) from None
    except (httpx.HTTPError, StorageException, json.JSONDecodeError, ValueError, LookupError) as e:
        # The last three: a gateway in between answered 200 with something else.
        log.warning("storage.unavailable", error=type(e).__name__)
        raise StorageProblem("unavailable") from None
