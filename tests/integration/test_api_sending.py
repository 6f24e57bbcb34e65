"""`POST /api/clients/{id}/messages`: a program answers as somebody of the staff."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.actors import Staff
from tests.fake_graph import FakeGraph
from tests.sending import Desk
from tests.tokens import api_app, calling, staff_token


@pytest.fixture
async def api(caseworker: Staff) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(api_app(), staff_token(caseworker)) as client:
        yield client


async def post(api: httpx.AsyncClient, amina: Desk, **body: Any) -> httpx.Response:
    return await api.post(f"/api/clients/{amina.client_id}/messages", json=body)


async def test_a_text_is_queued_and_told(
    api: httpx.AsyncClient, amina: Desk, fake: FakeGraph
) -> None:
    answer = await post(api, amina, type="text", text="Buenos días")
    assert answer.status_code == 202
    told = answer.json()
    assert (told["text"], told["status"], told["direction"]) == (
        "Buenos días",
        "queued",
        "outbound",
    )
    await amina.send()
    page = (await api.get(f"/api/clients/{amina.client_id}/messages")).json()
    newest = page["items"][0]
    assert (newest["id"], newest["status"]) == (told["id"], "accepted")


async def test_the_same_key_is_the_same_message(
    api: httpx.AsyncClient, amina: Desk, fake: FakeGraph
) -> None:
    key = str(uuid4())
    ids = {
        (await post(api, amina, type="text", text="Uno", key=key)).json()["id"] for _ in range(2)
    }
    await amina.send()
    assert (len(ids), len(fake.sent)) == (1, 1)


async def test_a_place_and_a_reaction(api: httpx.AsyncClient, amina: Desk, fake: FakeGraph) -> None:
    page = (await api.get(f"/api/clients/{amina.client_id}/messages")).json()
    theirs = page["items"][0]["id"]
    place = await post(api, amina, type="location", latitude=40.4, longitude=-3.7, name="Oficina")
    assert (place.status_code, place.json()["type"]) == (202, "location")
    reaction = await post(api, amina, type="reaction", to=theirs, emoji="👍")
    assert reaction.status_code == 202
    assert reaction.json()["reactions"] == [{"emoji": "👍", "direction": "outbound"}]
    answer = await post(api, amina, type="text", text="Sí", quoting=theirs)
    assert answer.status_code == 202
    await amina.send()
    assert [m["type"] for m in fake.sent] == ["location", "reaction", "text"]


async def test_outside_the_24_hours(api: httpx.AsyncClient, amina: Desk) -> None:
    amina.sql("update clients set last_inbound_at = now() - interval '25 hours'")
    answer = await post(api, amina, type="text", text="Tarde")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "window_closed"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"type": "text"}, {"text": "missing"}),
        ({"type": "text", "text": ""}, {"body": "required"}),
        ({"type": "text", "text": "x" * 4097}, {"text": "too_long"}),
        ({"type": "poll"}, {"body": "invalid"}),
        ({"type": "text", "text": "x", "status": "sent"}, {"text": "unknown_field"}),
        ({"type": "reaction", "to": str(uuid4()), "emoji": "ok"}, {"emoji": "not_an_emoji"}),
    ],
)
async def test_what_cannot_be_sent_is_told_by_its_field(
    api: httpx.AsyncClient, amina: Desk, body: dict[str, Any], fields: dict[str, str]
) -> None:
    answer = await post(api, amina, **body)
    assert answer.status_code == 422
    assert set(answer.json()["error"]["fields"].values()) == set(fields.values())
    assert await amina.texts() == []


async def test_nobody(api: httpx.AsyncClient, amina: Desk) -> None:
    answer = await api.post(f"/api/clients/{uuid4()}/messages", json={"type": "text", "text": "x"})
    assert answer.status_code == 404
