"""Meta's side of a delivery: a signed POST, sent again until it is answered with 200."""

import asyncio
from collections.abc import Sequence

import httpx
import structlog

from services.signature import HEADER, sign

log = structlog.get_logger()

#: Seconds before each attempt. Meta goes on for days; this gives up within a minute.
ATTEMPT_DELAYS = (0.0, 0.0, 1.0, 2.0, 5.0, 10.0, 20.0)


async def post(
    client: httpx.AsyncClient,
    url: str,
    secret: str,
    body: bytes,
    *,
    delays: Sequence[float] = ATTEMPT_DELAYS,
) -> httpx.Response:
    """Post `body` to the webhook at `url`, once per delay, until the answer is 200.

    Return the last answer, whatever it says. httpx.TransportError if the last attempt got none,
    ValueError without a delay.
    """
    if not delays:
        raise ValueError("a delivery needs at least one attempt")
    headers = {"content-type": "application/json", HEADER: sign(secret, body)}
    for attempt, delay in enumerate(delays, start=1):
        await asyncio.sleep(delay)
        last = attempt == len(delays)
        try:
            response = await client.post(url, content=body, headers=headers)
        except httpx.TransportError as error:
            log.warning("simulator.unreachable", attempt=attempt, error=type(error).__name__)
            if last:
                raise
            continue
        if response.status_code == httpx.codes.OK or last:
            return response
        log.warning("simulator.refused", attempt=attempt, status=response.status_code)
    raise AssertionError("the last attempt returns or raises")
