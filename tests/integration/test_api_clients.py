"""Clients over the API: reading, opening, changing, archiving."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import changes, clients
from services.actors import Staff
from services.events import Json
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import OUTSIDER, Postgres, deliver
from tests.tokens import SERVICE_KEY, api_app, calling, legacy, staff_token

NOBODY = uuid4()
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
FIELDS = [
    *("id", "name", "phone", "email", "profile_type", "profile_confidence", "profile_source"),
    *("status", "passport_or_nie", "notes", "created_at", "updated_at", "last_message_at"),
]


@pytest.fixture
async def api(caseworker: Staff) -> AsyncIterator[httpx.AsyncClient]:
    """A program that acts as a caseworker."""
    async with calling(api_app(), staff_token(caseworker)) as client:
        yield client


@pytest.fixture
async def admin_api(admin: Staff) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(api_app(), staff_token(admin)) as client:
        yield client


@pytest.fixture
async def viewer_api(viewer: Staff) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(api_app(), staff_token(viewer)) as client:
        yield client


async def opened(api: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await api.post("/api/clients", json=fields or {"name": "Nadia Prueba"})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def says(wa_id: str, text: str, minutes: float = 0) -> Json:
    """A delivery of what somebody writes on WhatsApp."""
    sender = Sender(wa_id)
    message = bodies.text(sender, text, at=NOW + timedelta(minutes=minutes))
    return bodies.from_sender(DEMO_NUMBER, sender, message)


def problem(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("fields", {})


class TestOpening:
    async def test_everything_that_can_be_said(self, api: httpx.AsyncClient) -> None:
        made = await opened(
            api,
            name=" Nadia Prueba ",
            phone="600 000 042",
            email="Nadia@Example.org",
            profile_type="ASYLUM",
            passport_or_nie="X0000000T",
            notes="Una nota.\nY otra.",
        )
        assert list(made) == FIELDS
        assert made["name"] == "Nadia Prueba"
        assert made["phone"] == "+34600000042"
        assert made["email"] == "Nadia@Example.org"
        assert (made["profile_type"], made["profile_source"]) == ("ASYLUM", "staff")
        assert made["profile_confidence"] is None
        assert (made["status"], made["last_message_at"]) == ("active", None)
        assert (await api.get(f"/api/clients/{made['id']}")).json() == made
        assert (await api.get("/api/clients")).json() == {
            "items": [made],
            "total": 1,
            "total_is_exact": True,
            "page": 1,
            "limit": 50,
        }

    async def test_says_where_the_new_file_is(self, api: httpx.AsyncClient) -> None:
        answer = await api.post("/api/clients", json={"name": "Nadia"})
        assert answer.headers["location"] == f"/api/clients/{answer.json()['id']}"

    async def test_nobody_has_judged_a_type_that_nobody_gave(self, api: httpx.AsyncClient) -> None:
        made = await opened(api, name="Nadia")
        assert (made["profile_type"], made["profile_source"]) == ("OTHER", None)

    async def test_blank_is_null(self, api: httpx.AsyncClient) -> None:
        made = await opened(api, name="Nadia", email=" ", notes="", phone="  ")
        assert (made["email"], made["notes"], made["phone"]) == (None, None, None)

    @pytest.mark.parametrize("taken", ["nadia@example.org", "NADIA@EXAMPLE.ORG"])
    async def test_an_address_belongs_to_one_client(
        self, api: httpx.AsyncClient, taken: str
    ) -> None:
        await opened(api, email="nadia@example.org")
        answer = await api.post("/api/clients", json={"name": "Other", "email": taken})
        assert problem(answer) == (409, "email_taken", {"email": "email_taken"})
        assert (await api.get("/api/clients")).json()["total"] == 1

    @pytest.mark.parametrize("written", ["+34600000042", "600-000-042", "0034 600 00 00 42"])
    async def test_a_phone_belongs_to_one_client(
        self, api: httpx.AsyncClient, written: str
    ) -> None:
        await opened(api, phone="600000042")
        answer = await api.post("/api/clients", json={"name": "Other", "phone": written})
        assert problem(answer) == (409, "phone_taken", {"phone": "phone_taken"})
        assert (await api.get("/api/clients")).json()["total"] == 1

    async def test_two_at_the_same_moment(self, api: httpx.AsyncClient) -> None:
        body = {"phone": "600000042", "email": "nadia@example.org"}
        answers = await asyncio.gather(*(api.post("/api/clients", json=body) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"name": "x", "phone": "12"}, {"phone": "not_a_phone"}),
            ({"name": "x", "phone": "call me"}, {"phone": "not_a_phone"}),
            ({"name": "x", "email": "nadia"}, {"email": "not_an_email"}),
            ({"name": "x", "email": "a@b@c.org"}, {"email": "not_an_email"}),
            ({"name": "x" * 301}, {"name": "too_long"}),
            ({"name": "x\0"}, {"name": "not_text"}),
            ({"name": "x\ny"}, {"name": "not_text"}),
            ({"name": "x", "notes": "a\0b"}, {"notes": "not_text"}),
            ({"name": 7}, {"name": "not_text"}),
            ({"name": "x", "profile_type": "REFUGEE"}, {"profile_type": "unknown_value"}),
            ({"phone": "1", "email": "1"}, {"phone": "not_a_phone", "email": "not_an_email"}),
            ({}, {"name": "nothing_to_know_them_by"}),
            ({"notes": "only a note"}, {"name": "nothing_to_know_them_by"}),
        ],
    )  # fmt: skip
    async def test_what_cannot_be_used(
        self, api: httpx.AsyncClient, body: dict[str, Any], fields: dict[str, str]
    ) -> None:
        assert problem(await api.post("/api/clients", json=body)) == (422, "invalid", fields)
        assert (await api.get("/api/clients")).json()["total"] == 0

    async def test_half_a_character_is_no_text(self, api: httpx.AsyncClient) -> None:
        answer = await api.post(
            "/api/clients",
            content=rb'{"name": "\ud800"}',
            headers={"Content-Type": "application/json"},
        )
        assert problem(answer) == (422, "invalid", {"name": "not_text"})

    @pytest.mark.parametrize(
        "field", ["id", "created_at", "profile_source", "role", "unread_count"]
    )
    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    async def test_nothing_else_can_be_written(
        self, api: httpx.AsyncClient, method: str, field: str
    ) -> None:
        made = await opened(api)
        path = "/api/clients" + ("" if method == "POST" else f"/{made['id']}")
        answer = await api.request(method, path, json={"name": "x", field: str(NOBODY)})
        assert problem(answer) == (422, "invalid", {field: "unknown_field"})


class TestWhatsApp:
    """A file opened by hand and what the person writes later are one."""

    async def test_a_message_finds_the_file_by_its_phone(
        self, api: httpx.AsyncClient, viewer: Staff
    ) -> None:
        made = await opened(api, name="Nadia", phone="600 000 042")
        await deliver(says("34600000042", "Hola, quiero pedir asilo"))
        page = await clients.list_clients(viewer)
        assert [(str(c.id), c.name, c.phone) for c in page.items] == [
            (made["id"], "Nadia", "+34600000042")
        ]
        read = (await api.get(f"/api/clients/{made['id']}/messages")).json()
        assert [m["text"] for m in read["items"]] == ["Hola, quiero pedir asilo"]

    async def test_also_where_whatsapp_spells_the_number_in_another_way(
        self, api: httpx.AsyncClient
    ) -> None:
        await opened(api, name="Luz", phone="+52 55 1234 5678")
        await deliver(says("5215512345678", "Hola"))
        assert (await api.get("/api/clients")).json()["total"] == 1

    async def test_somebody_who_has_written_has_the_number_already(
        self, api: httpx.AsyncClient
    ) -> None:
        await deliver(says("5215512345678", "Hola"))
        for phone in ("+5215512345678", "+525512345678"):
            answer = await api.post("/api/clients", json={"name": "Luz", "phone": phone})
            assert problem(answer) == (409, "phone_taken", {"phone": "phone_taken"})

    async def test_what_staff_decided_is_not_proposed_anew(self, api: httpx.AsyncClient) -> None:
        await opened(api, name="Nadia", phone="600000042", profile_type="STUDENT")
        await deliver(says("34600000042", "Hola, quiero pedir asilo"))
        (client,) = (await api.get("/api/clients")).json()["items"]
        assert (client["profile_type"], client["profile_source"]) == ("STUDENT", "staff")

    async def test_a_new_phone_stays_although_the_old_one_still_writes(
        self, api: httpx.AsyncClient
    ) -> None:
        await deliver(says("34600000042", "Hola"))
        (client,) = (await api.get("/api/clients")).json()["items"]
        path = f"/api/clients/{client['id']}"
        changed = await api.patch(path, json={"phone": "611 000 011"})
        assert changed.json()["phone"] == "+34611000011"
        await deliver(says("34600000042", "Otra vez"))
        await deliver(says("34611000011", "Desde el nuevo"))
        (client,) = (await api.get("/api/clients")).json()["items"]
        assert client["phone"] == "+34611000011"
        assert len((await api.get(f"{path}/messages")).json()["items"]) == 3
        # And back.
        assert (await api.patch(path, json={"phone": "600000042"})).json()["phone"] == (
            "+34600000042"
        )

    async def test_the_number_somebody_writes_from_cannot_be_taken_away(
        self, api: httpx.AsyncClient
    ) -> None:
        await deliver(says("34600000042", "Hola"))
        (client,) = (await api.get("/api/clients")).json()["items"]
        answer = await api.patch(f"/api/clients/{client['id']}", json={"phone": None})
        assert problem(answer) == (409, "whatsapp_number", {"phone": "whatsapp_number"})


class TestChanging:
    async def test_only_what_is_given(self, api: httpx.AsyncClient) -> None:
        made = await opened(api, name="Nadia", email="nadia@example.org", notes="x")
        answer = await api.patch(f"/api/clients/{made['id']}", json={"notes": "y"})
        changed = answer.json()
        assert changed == made | {"notes": "y", "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > made["updated_at"]

    async def test_null_empties_a_field(self, api: httpx.AsyncClient) -> None:
        made = await opened(api, name="Nadia", email="nadia@example.org", phone="600000042")
        answer = await api.patch(f"/api/clients/{made['id']}", json={"email": None, "phone": None})
        assert (answer.json()["email"], answer.json()["phone"]) == (None, None)

    async def test_nothing(self, api: httpx.AsyncClient) -> None:
        made = await opened(api)
        answer = await api.patch(f"/api/clients/{made['id']}", json={})
        assert (answer.status_code, answer.json()) == (200, made)

    async def test_a_type_is_a_decision(self, api: httpx.AsyncClient) -> None:
        made = await opened(api)
        answer = await api.patch(f"/api/clients/{made['id']}", json={"profile_type": "OTHER"})
        assert (answer.json()["profile_type"], answer.json()["profile_source"]) == (
            "OTHER",
            "staff",
        )

    @pytest.mark.parametrize("body", [{"profile_type": None}, {"status": None}, {"status": "gone"}])
    async def test_some_fields_are_never_empty(
        self, api: httpx.AsyncClient, body: dict[str, Any]
    ) -> None:
        made = await opened(api)
        answer = await api.patch(f"/api/clients/{made['id']}", json=body)
        assert problem(answer) == (422, "invalid", dict.fromkeys(body, "unknown_value"))

    async def test_a_replaced_phone_is_retired_and_free_for_its_next_owner(
        self, api: httpx.AsyncClient, viewer: Staff
    ) -> None:
        made = await opened(api, name="Nadia", phone="600000042")
        await api.patch(f"/api/clients/{made['id']}", json={"phone": "611000011"})
        detail = await clients.get_client(viewer, UUID(made["id"]))
        assert detail is not None
        assert [(i.value, i.retired) for i in detail.identities] == [
            ("+34600000042", True),
            ("+34611000011", False),
        ]
        other = await opened(api, name="Other", phone="600000042")
        assert other["id"] != made["id"]

    async def test_the_same_phone_again_changes_nothing(
        self, api: httpx.AsyncClient, viewer: Staff
    ) -> None:
        made = await opened(api, phone="600000042")
        await api.patch(f"/api/clients/{made['id']}", json={"phone": "+34 600 000 042"})
        detail = await clients.get_client(viewer, UUID(made["id"]))
        assert detail is not None
        assert [(i.value, i.retired) for i in detail.identities] == [("+34600000042", False)]

    @pytest.mark.parametrize(
        ("body", "code"),
        [({"phone": "600000042"}, "phone_taken"), ({"email": "N@example.org"}, "email_taken")],
    )
    async def test_what_is_somebody_elses(
        self, api: httpx.AsyncClient, body: dict[str, str], code: str
    ) -> None:
        await opened(api, phone="600000042", email="n@example.org")
        made = await opened(api, name="Other")
        answer = await api.patch(f"/api/clients/{made['id']}", json=body)
        assert problem(answer) == (409, code, dict.fromkeys(body, code))
        assert (await api.get(f"/api/clients/{made['id']}")).json() == made

    async def test_of_two_who_change_the_same_file_the_second_is_told(
        self, api: httpx.AsyncClient, admin_api: httpx.AsyncClient
    ) -> None:
        made = await opened(api)
        path, seen = f"/api/clients/{made['id']}", made["updated_at"]
        first = await api.patch(path, json={"notes": "a", "expected_updated_at": seen})
        second = await admin_api.patch(path, json={"notes": "b", "expected_updated_at": seen})
        assert first.status_code == 200
        assert problem(second) == (409, "changed_meanwhile", {})
        assert (await api.get(path)).json()["notes"] == "a"

    async def test_whoever_is_not_there(self, api: httpx.AsyncClient) -> None:
        path = f"/api/clients/{NOBODY}"
        answers = [
            await api.get(path),
            await api.patch(path, json={"name": "x"}),
            await api.patch(path, json={"phone": "600000042"}),
            await api.delete(path, params={"confirm": True}),
            await api.get(f"{path}/messages"),
        ]
        assert [problem(answer) for answer in answers] == [(404, "not_found", {})] * 5

    async def test_an_id_that_is_none(self, api: httpx.AsyncClient) -> None:
        answer = await api.get("/api/clients/x")
        assert problem(answer) == (422, "invalid", {"client_id": "not_a_uuid"})


class TestArchiving:
    async def test_needs_to_be_confirmed(self, api: httpx.AsyncClient) -> None:
        made = await opened(api)
        for query in ({}, {"confirm": "false"}, {"hard": "true"}):
            answer = await api.delete(f"/api/clients/{made['id']}", params=query)
            assert problem(answer) == (400, "confirmation_required", {})
        assert (await api.get(f"/api/clients/{made['id']}")).json()["status"] == "active"

    async def test_and_restoring(self, api: httpx.AsyncClient) -> None:
        made = await opened(api)
        path = f"/api/clients/{made['id']}"
        answer = await api.delete(path, params={"confirm": "true"})
        assert (answer.status_code, answer.json()["status"]) == (200, "archived")
        assert (await api.get("/api/clients")).json()["total"] == 0
        archived = await api.get("/api/clients", params={"status": "archived"})
        assert archived.json()["total"] == 1
        assert (await api.patch(path, json={"status": "active"})).json()["status"] == "active"
        assert (await api.get("/api/clients")).json()["total"] == 1

    async def test_erasing_is_for_admins_and_leaves_nothing(
        self,
        api: httpx.AsyncClient,
        viewer_api: httpx.AsyncClient,
        admin_api: httpx.AsyncClient,
        database: Postgres,
    ) -> None:
        made = await opened(api, name="Nadia", phone="600000042")
        await deliver(says("34600000042", "Hola"))
        path, query = f"/api/clients/{made['id']}", {"confirm": True, "hard": True}
        for refused in (api, viewer_api):
            assert problem(await refused.delete(path, params=query))[:2] == (403, "forbidden")
        answer = await admin_api.delete(path, params=query)
        assert answer.status_code == 200
        assert answer.json()["counts"]["messages"] == 1
        assert (await admin_api.get(path)).status_code == 404
        with database.connect() as connection:
            left = connection.execute("select count(*) from messages").fetchone()
            proof = connection.execute("select id::text from erasures").fetchone()
        assert (left, proof) == ((0,), (answer.json()["id"],))


class TestFinding:
    async def test_filters(self, api: httpx.AsyncClient) -> None:
        await opened(api, name="José Núñez", profile_type="ASYLUM")
        await opened(api, name="Amina", profile_type="ARRAIGO")
        await opened(api, name="Oksana", profile_type="STUDENT")

        async def names(**query: Any) -> list[str]:
            answer = await api.get("/api/clients", params=query)
            assert answer.status_code == 200, answer.text
            return sorted(c["name"] for c in answer.json()["items"])

        assert await names(search="jose nunez") == ["José Núñez"]
        assert await names(profile_type="ARRAIGO") == ["Amina"]
        assert await names(profile_type=["ARRAIGO", "STUDENT"]) == ["Amina", "Oksana"]
        assert await names(status="inactive") == []
        assert len(await names(search="", profile_type="", status="")) == 3
        assert len(await names(search="\0")) == 3

    async def test_pages(self, api: httpx.AsyncClient) -> None:
        for number in range(5):
            await opened(api, name=f"Person {number}")
        pages = [
            (await api.get("/api/clients", params={"page": n, "limit": 2})).json()
            for n in (1, 2, 3, 4)
        ]
        assert [len(page["items"]) for page in pages] == [2, 2, 1, 0]
        assert len({c["id"] for page in pages for c in page["items"]}) == 5
        assert {(page["total"], page["limit"]) for page in pages} == {(5, 2)}

    @pytest.mark.parametrize(
        ("query", "fields"),
        [
            ({"limit": 201}, {"limit": "too_large"}),
            ({"limit": 0}, {"limit": "too_small"}),
            ({"limit": "all"}, {"limit": "not_a_number"}),
            ({"page": 0}, {"page": "too_small"}),
            ({"page": 10**30}, {"page": "too_large"}),
            ({"page": 201, "limit": 50}, {"page": "too_large"}),
            ({"profile_type": "REFUGEE"}, {"profile_type": "unknown_value"}),
            ({"status": "gone"}, {"status": "unknown_value"}),
            ({"search": "x" * 201}, {"search": "too_long"}),
        ],
    )
    async def test_unusable_queries(
        self, api: httpx.AsyncClient, query: dict[str, Any], fields: dict[str, str]
    ) -> None:
        answer = await api.get("/api/clients", params=query)
        assert problem(answer) == (422, "invalid", fields)


class TestMessages:
    async def test_the_newest_first_page_by_page(self, api: httpx.AsyncClient) -> None:
        await deliver(*(says("34600000042", f"{n}", minutes=n) for n in range(5)))
        (client,) = (await api.get("/api/clients")).json()["items"]
        path = f"/api/clients/{client['id']}/messages"
        texts: list[str] = []
        before: str | None = ""
        while before is not None:
            # As somebody would who builds the address by hand.
            page = (await api.get(f"{path}?limit=2&before={before}")).json()
            assert page["limit"] == 2
            texts += [message["text"] for message in page["items"]]
            before = page["older"]
        assert texts == ["4", "3", "2", "1", "0"]
        (newest,) = (await api.get(path, params={"limit": 1})).json()["items"]
        assert newest["client_id"] == client["id"]
        assert (newest["direction"], newest["type"], newest["status"]) == (
            "inbound",
            "text",
            "received",
        )
        assert (newest["media"], newest["error"], newest["revoked"]) == (None, None, False)

    @pytest.mark.parametrize("query", [{"limit": 501}, {"limit": 0}, {"before": "x"}])
    async def test_unusable_queries(self, api: httpx.AsyncClient, query: dict[str, Any]) -> None:
        made = await opened(api)
        answer = await api.get(f"/api/clients/{made['id']}/messages", params=query)
        assert answer.status_code == 422
        assert list(answer.json()["error"]["fields"]) == list(query)


class TestRights:
    """The token's person decides, through permissions and row-level security alike."""

    async def test_a_viewer_reads_and_changes_nothing(
        self, api: httpx.AsyncClient, viewer_api: httpx.AsyncClient
    ) -> None:
        made = await opened(api)
        path = f"/api/clients/{made['id']}"
        assert (await viewer_api.get("/api/clients")).json()["total"] == 1
        assert (await viewer_api.get(path)).status_code == 200
        assert (await viewer_api.get(f"{path}/messages")).status_code == 200
        refused = [
            await viewer_api.post("/api/clients", json={"name": "x"}),
            await viewer_api.patch(path, json={"name": "x"}),
            await viewer_api.delete(path, params={"confirm": True}),
            await viewer_api.get(f"{path}/audit-log"),
        ]
        assert [problem(answer)[:2] for answer in refused] == [(403, "forbidden")] * 4
        assert (await api.get(path)).json() == made

    async def test_a_supabase_user_who_is_not_on_the_staff_sees_nobody(
        self, api: httpx.AsyncClient
    ) -> None:
        made = await opened(api)
        path = f"/api/clients/{made['id']}"
        async with calling(api_app(), legacy(OUTSIDER.user_id)) as outsider:
            listed = await outsider.get("/api/clients")
            assert (listed.status_code, listed.json()["items"], listed.json()["total"]) == (
                200,
                [],
                0,
            )
            assert (await outsider.get("/api/clients", params={"search": "nadia"})).json()[
                "total"
            ] == 0
            assert (await outsider.get(path)).status_code == 404
            assert (await outsider.get(f"{path}/messages")).status_code == 404
            refused = [
                await outsider.post("/api/clients", json={"name": "x"}),
                await outsider.patch(path, json={"name": "x"}),
                await outsider.delete(path, params={"confirm": True}),
                await outsider.delete(path, params={"confirm": True, "hard": True}),
                await outsider.get(f"{path}/audit-log"),
            ]
        assert [answer.status_code for answer in refused] == [403] * 5
        assert (await api.get(path)).json() == made

    async def test_the_service_key_is_the_organisations_own_software(
        self, people: dict[str, Staff], database: Postgres
    ) -> None:
        async with calling(api_app(), SERVICE_KEY) as program:
            made = await opened(program, name="Nadia", profile_type="ASYLUM")
            assert made["profile_source"] == "import"
            assert (await program.get("/api/clients")).json()["total"] == 1
        with database.connect() as connection:
            said = connection.execute(
                "select actor_kind, actor_part from audit_log where action = 'insert'"
                " and table_name = 'clients'"
            ).fetchall()
        assert said == [("system", "api")]

    async def test_the_history_of_a_client_is_for_caseworkers(
        self, api: httpx.AsyncClient, admin_api: httpx.AsyncClient, caseworker: Staff
    ) -> None:
        made = await opened(api, name="Nadia")
        path = f"/api/clients/{made['id']}/audit-log"
        await api.patch(f"/api/clients/{made['id']}", json={"notes": "x"})
        read = (await api.get(path)).json()
        assert [(e["action"], e["table"]) for e in read["items"]] == [
            ("update", "clients"),
            ("insert", "clients"),
        ]
        newest = read["items"][0]
        assert (newest["actor_id"], newest["fields"]) == (str(caseworker.id), ["notes"])
        first = (await admin_api.get(path, params={"limit": 1})).json()
        assert len(first["items"]) == 1
        older = (await admin_api.get(path, params={"before": first["older"]})).json()
        assert len({e["id"] for e in first["items"] + older["items"]}) == 1 + len(older["items"])
        assert older["items"][-1]["action"] == "insert"
        assert (await api.get(f"/api/clients/{NOBODY}/audit-log")).status_code == 404
        for nonsense in ("-1", "0", "x", "20269999T000000.0-1"):
            answer = await api.get(path, params={"before": nonsense})
            assert answer.status_code == 422
            assert answer.json()["error"]["fields"] == {"before": "not_a_cursor"}

    async def test_open_pages_are_told(self, api: httpx.AsyncClient, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute(f"listen {changes.CHANNEL}".encode())
            made = await opened(api, name="Nadia", phone="600000042")
            await api.patch(f"/api/clients/{made['id']}", json={"notes": "x"})
            await api.patch(f"/api/clients/{made['id']}", json={})
            await api.delete(f"/api/clients/{made['id']}", params={"confirm": True})
            notes = [json.loads(n.payload) for n in connection.notifies(timeout=2, stop_after=4)]
        assert notes == [{"c": made["id"], "m": []}] * 3

    async def test_what_is_done_is_on_the_audit_log(
        self, api: httpx.AsyncClient, caseworker: Staff, database: Postgres
    ) -> None:
        made = await opened(api, name="Nadia", phone="600000042")
        answer = await api.patch(f"/api/clients/{made['id']}", json={"notes": "x"})
        await api.get(f"/api/clients/{made['id']}")
        await api.get("/api/clients")
        with database.connect() as connection:
            rows = connection.execute(
                "select action, table_name, fields, actor_id, address from audit_log order by id"
            ).fetchall()
            asked = connection.execute(
                "select distinct request_id is not null from audit_log"
            ).fetchall()
        done = [row[:2] for row in rows if row[3] == caseworker.id and row[0] != "sign_in"]
        assert done == [
            ("insert", "clients"),
            ("insert", "client_identities"),
            ("update", "clients"),
            ("view", "clients"),
            ("view", "clients"),
        ]
        assert [row[2] for row in rows if row[0] == "update" and row[1] == "clients"] == [["notes"]]
        assert answer.status_code == 200
        assert asked  # ids of requests come with the middleware that main adds


BODY = st.dictionaries(
    st.sampled_from(
        ["name", "phone", "email", "notes", "passport_or_nie", "profile_type", "status", "id"]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=400)
    | st.sampled_from(["ASYLUM", "active", "archived", "+34600000042", "a@example.org"])
    | st.sampled_from(["\0", "\ud800", "\u202e"])
    | st.lists(st.text(max_size=5), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)  # fmt: skip


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODY | st.text() | st.none() | st.lists(st.integers()),
    method=st.sampled_from(["POST", "PATCH"]),
)
async def test_no_body_breaks_it(api: httpx.AsyncClient, body: Any, method: str) -> None:
    path = "/api/clients"
    if method == "PATCH":
        path += f"/{(await opened(api))['id']}"
    answer = await api.request(
        method, path, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (200, 201, 409, 422), answer.text
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) <= {"code", "message", "fields"}
