"""The simulated Graph API over real HTTP: answers, statuses, media, templates, faults."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from services import signature
from services.events import Json
from services.simulator import bodies
from services.simulator.graph_faults import FAULTS
from services.simulator.wire import Sender
from tests.servers import Graph, serving, simulated_graph

AMINA = Sender("34600000199", "MA.1", "Amina Prueba")
HIDDEN = Sender(None, "ES.777", "Bilal", "bilal.bcn")
#: Nothing is kept open between requests: a server that ends waits for nobody.
HTTP = httpx.Client(trust_env=False, timeout=30, limits=httpx.Limits(max_keepalive_connections=0))
OURS = "6f1c0c4e-0000-4000-8000-000000000001"


@pytest.fixture
def graph() -> Iterator[Graph]:
    with simulated_graph() as graph:
        yield graph


def ask(graph: Graph, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {graph.token}"} | more.pop("headers", {})
    url = path if path.startswith("http") else f"{graph.url}/v26.0/{path}"
    return HTTP.request(method, url, headers=headers, **more)


def text(words: str = "Hola", **more: Any) -> Json:
    body: Json = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+34600000199",
        "type": "text",
        "text": {"body": words},
        "biz_opaque_callback_data": OURS,
    }
    return {k: v for k, v in (body | more).items() if v is not None}


def send(graph: Graph, body: object, **more: Any) -> httpx.Response:
    return ask(graph, "POST", f"{graph.phone_number_id}/messages", json=body, **more)


def error_of(response: httpx.Response) -> int:
    assert response.headers["content-type"] == "application/json"
    return int(response.json()["error"]["code"])


def statuses(graph: Graph, least: int) -> list[Json]:
    bodies_ = [json.loads(body) for body in graph.statuses(least)]
    return [s for body in bodies_ for s in body["entry"][0]["changes"][0]["value"]["statuses"]]


class TestMessages:
    def test_are_answered_as_meta_answers(self, graph: Graph) -> None:
        answer = send(graph, text())
        assert answer.status_code == 200
        (sent,) = graph.sent
        assert answer.json() == {
            "messaging_product": "whatsapp",
            "contacts": [{"input": "+34600000199", "wa_id": "34600000199"}],
            "messages": [{"id": sent.wamid}],
        }
        assert sent.wamid.startswith("wamid.")
        assert sent.body == text()
        assert graph.complaints == []

    def test_to_a_hidden_number_are_answered_with_its_id(self, graph: Graph) -> None:
        answer = send(graph, text(to=None, recipient="ES.777")).json()
        assert answer["contacts"] == [{"input": "ES.777", "user_id": "ES.777"}]

    def test_without_plus_go_to_another_country(self, graph: Graph) -> None:
        answer = send(graph, text(to="34600000199")).json()
        assert answer["contacts"] == [{"input": "34600000199", "wa_id": "134600000199"}]
        assert len(graph.complaints) == 1

    def test_with_an_id_for_a_number_are_dropped_without_a_word(self, graph: Graph) -> None:
        assert send(graph, text(to="ES.777")).status_code == 200
        assert send(graph, text()).status_code == 200
        assert {s["recipient_id"] for s in statuses(graph, 2)} == {"34600000199"}

    def test_to_nobody_we_could_be_are_refused(self, graph: Graph) -> None:
        assert error_of(send(graph, text(to="+1"))) == 131009
        assert error_of(send(graph, text(to="+15550783881"))) == 131021
        assert error_of(send(graph, {"messaging_product": "whatsapp"})) == 100
        assert error_of(send(graph, [])) == 100
        assert error_of(ask(graph, "POST", "1/messages", json=text())) == 100
        nothing = ask(graph, "POST", f"{graph.phone_number_id}/messages", content=b"{")
        assert error_of(nothing) == 100
        assert graph.sent == []

    def test_need_the_token_and_a_version(self, graph: Graph) -> None:
        none = send(graph, text(), headers={"authorization": ""})
        assert (none.status_code, error_of(none)) == (401, 104)
        wrong = send(graph, text(), headers={"authorization": "Bearer wrong"})
        assert (wrong.status_code, error_of(wrong)) == (401, 190)
        address = f"{graph.url}/newest/{graph.phone_number_id}/messages"
        assert error_of(ask(graph, "POST", address, json=text())) == 2500

    def test_after_24_hours_are_for_templates_only(self, graph: Graph) -> None:
        long_ago = datetime.now(UTC) - timedelta(hours=24, seconds=1)
        graph.wrote(AMINA, long_ago)
        closed = send(graph, text())
        assert (closed.status_code, error_of(closed)) == (400, 131047)
        template = {"name": "hello_world", "language": {"code": "en_US"}}
        opened = send(graph, text(type="template", text=None, template=template))
        assert opened.json()["messages"][0]["message_status"] == "accepted"
        graph.wrote(AMINA, long_ago + timedelta(minutes=1))
        assert send(graph, text()).status_code == 200
        graph.wrote(AMINA, None)
        assert error_of(send(graph, text())) == 131047

    def test_read_receipts_are_remembered(self, graph: Graph) -> None:
        mark = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}
        assert send(graph, mark).json() == {"success": True}
        typing = mark | {"typing_indicator": {"type": "text"}}
        assert send(graph, typing).json() == {"success": True}
        assert [heard.typing for heard in graph.simulated.heard.marks] == [False, True]

    def test_with_a_file_nobody_has_are_refused(self, graph: Graph) -> None:
        picture = text(type="image", text=None, image={"id": "7"})
        assert error_of(send(graph, picture)) == 131009


class TestStatuses:
    def test_name_our_id_the_person_and_the_price(self, graph: Graph) -> None:
        graph.wrote(AMINA, datetime.now(UTC))
        wamid = send(graph, text()).json()["messages"][0]["id"]
        sent, delivered = graph.statuses(2)
        value = json.loads(sent)["entry"][0]["changes"][0]["value"]
        assert value["metadata"]["phone_number_id"] == graph.phone_number_id
        assert value["contacts"] == [
            {"profile": {"name": "Amina Prueba"}, "wa_id": "34600000199", "user_id": "MA.1"}
        ]
        (status,) = value["statuses"]
        assert int(status.pop("timestamp")) == pytest.approx(time.time(), abs=30)
        assert status == {
            "id": wamid,
            "status": "sent",
            "recipient_id": "34600000199",
            "recipient_user_id": "MA.1",
            "biz_opaque_callback_data": OURS,
            "pricing": {
                "billable": True,
                "pricing_model": "PMP",
                "type": "regular",
                "category": "service",
            },
        }
        assert b'"status":"delivered"' in delivered

    def test_of_a_stranger_make_no_name_up(self, graph: Graph) -> None:
        send(graph, text())
        value = json.loads(graph.statuses(2)[0])["entry"][0]["changes"][0]["value"]
        assert value["contacts"] == [{"profile": {}, "wa_id": "34600000199"}]

    def test_wait_for_a_phone_that_is_off(self, graph: Graph) -> None:
        graph.simulated.phones.of("34600000199").on = False
        send(graph, text())
        assert [s["status"] for s in statuses(graph, 1)] == ["sent"]
        control = f"{graph.url}/_simulator/phones/34600000199"
        assert HTTP.post(control, json={"on": True}).status_code == 200
        assert [s["status"] for s in statuses(graph, 1)] == ["delivered"]
        HTTP.post(control, json={"chat_open": True})
        assert [s["status"] for s in statuses(graph, 1)] == ["read"]

    def test_skip_delivered_where_the_chat_is_open(self, graph: Graph) -> None:
        graph.simulated.phones.of("34600000199").chat_open = True
        send(graph, text())
        assert [s["status"] for s in statuses(graph, 2)] == ["sent", "read"]

    def test_of_a_reaction_end_with_sent(self, graph: Graph) -> None:
        reaction = {"message_id": "wamid.x", "emoji": "👍"}
        send(graph, text(type="reaction", text=None, reaction=reaction))
        send(graph, text())
        assert [s["status"] for s in statuses(graph, 3)].count("delivered") == 1

    def test_are_posted_signed_to_the_webhook(self) -> None:
        taken: list[tuple[bytes, str]] = []
        app = FastAPI()

        @app.post("/webhook")
        async def webhook(request: Request) -> None:
            taken.append((await request.body(), request.headers[signature.HEADER]))

        with (
            serving(app) as address,
            simulated_graph(webhook=f"{address}/webhook", secret="hush") as graph,
        ):
            send(graph, text())
            graph.statuses(2)
            until = time.monotonic() + 5
            while len(taken) < 2 and time.monotonic() < until:
                time.sleep(0.01)
        assert [signature.sign("hush", body) for body, _ in taken] == [sign for _, sign in taken]
        assert len(taken) == 2


class TestFaults:
    @pytest.mark.parametrize(
        ("name", "status", "code"),
        [
            ("rate_limit", 400, 130429),
            ("pair_limit", 400, 131056),
            ("window_closed", 400, 131047),
            ("spam_limit", 400, 131048),
            ("payment", 400, 131042),
            ("locked", 403, 131031),
            ("unavailable", 503, 2),
            ("token_expired", 401, 190),
        ],
    )
    def test_refuse_the_next_message_alone(
        self, graph: Graph, name: str, status: int, code: int
    ) -> None:
        graph.faults.set(name)
        refused = send(graph, text())
        assert (refused.status_code, error_of(refused)) == (status, code)
        assert send(graph, text()).status_code == 200
        assert len(graph.sent) == 1

    def test_may_stay_until_they_are_taken_back(self, graph: Graph) -> None:
        graph.faults.set("token_expired", times=None)
        assert {send(graph, text()).status_code for _ in range(3)} == {401}
        assert ask(graph, "GET", graph.phone_number_id).status_code == 401
        graph.faults.clear()
        assert send(graph, text()).status_code == 200

    def test_a_proxy_answers_with_a_page(self, graph: Graph) -> None:
        graph.faults.set("error_500")
        broken = send(graph, text())
        assert broken.status_code == 500
        assert broken.headers["content-type"].startswith("text/html")
        assert graph.sent == []

    @pytest.mark.parametrize("name", ["cut", "hang"])
    def test_a_message_is_accepted_and_nobody_learns_of_it(self, graph: Graph, name: str) -> None:
        graph.faults.set(name, seconds=1.5)
        with pytest.raises((httpx.ReadTimeout, httpx.RemoteProtocolError)):
            send(graph, text(), timeout=0.5)
        told = statuses(graph, 2)
        assert [s["status"] for s in told] == ["sent", "delivered"]
        assert {s["biz_opaque_callback_data"] for s in told} == {OURS}
        assert {s["id"] for s in told} == {graph.sent[0].wamid}

    def test_slow_is_slow(self, graph: Graph) -> None:
        graph.faults.set("slow", seconds=0.3)
        started = time.monotonic()
        assert send(graph, text()).status_code == 200
        assert time.monotonic() - started >= 0.3

    def test_a_message_fails_after_all(self, graph: Graph) -> None:
        graph.wrote(AMINA, datetime.now(UTC))
        graph.faults.set("undeliverable")
        assert send(graph, text()).status_code == 200
        (body,) = graph.statuses(1)
        value = json.loads(body)["entry"][0]["changes"][0]["value"]
        assert "contacts" not in value
        (status,) = value["statuses"]
        assert status["status"] == "failed"
        assert status["errors"][0]["code"] == 131026
        assert status["biz_opaque_callback_data"] == OURS
        assert "recipient_user_id" not in status

    def test_a_file_of_the_wrong_kind_fails_after_all(self, graph: Graph) -> None:
        paper = bodies.document(AMINA)["document"]["id"]
        send(graph, text(type="audio", text=None, audio={"id": paper}))
        (status,) = statuses(graph, 1)
        assert status["errors"][0]["code"] == 131053

    def test_statuses_come_twice_or_backwards(self, graph: Graph) -> None:
        graph.faults.set("twice")
        send(graph, text())
        assert [s["status"] for s in statuses(graph, 4)] == ["sent"] * 2 + ["delivered"] * 2
        graph.faults.set("disorder")
        graph.faults.set("twice")
        send(graph, text())
        assert [s["status"] for s in statuses(graph, 4)] == ["delivered"] * 2 + ["sent"] * 2

    def test_a_status_may_come_before_the_answer(self, graph: Graph) -> None:
        graph.faults.set("early")
        graph.faults.set("cut")
        with pytest.raises(httpx.RemoteProtocolError):
            send(graph, text())
        assert statuses(graph, 1)[0]["status"] == "sent"

    def test_nothing_may_be_heard(self, graph: Graph) -> None:
        graph.faults.set("silence")
        send(graph, text())
        send(graph, text())
        assert {s["id"] for s in statuses(graph, 2)} == {graph.sent[1].wamid}

    @pytest.mark.parametrize(
        ("name", "word"), [("held", "held_for_quality_assessment"), ("paused", "paused")]
    )
    @pytest.mark.parametrize(
        ("dropped", "told"), [(False, ["sent", "delivered"]), (True, ["failed"])]
    )
    def test_a_template_is_kept_back_until_somebody_decides(
        self, graph: Graph, name: str, word: str, dropped: bool, told: list[str]
    ) -> None:
        graph.faults.set(name)
        template = {"name": "hello_world", "language": {"code": "en_US"}}
        kept = send(graph, text(type="template", text=None, template=template)).json()
        assert kept["messages"][0]["message_status"] == word
        send(graph, text())
        assert {s["id"] for s in statuses(graph, 2)} == {graph.sent[1].wamid}
        HTTP.post(f"{graph.url}/_simulator/held", json={"dropped": dropped})
        heard = statuses(graph, len(told))
        assert [s["status"] for s in heard] == told
        assert {s["id"] for s in heard} == {graph.sent[0].wamid}
        if dropped:
            assert heard[0]["errors"][0]["code"] == 132015

    def test_nothing_but_a_template_is_kept_back(self, graph: Graph) -> None:
        graph.faults.set("held")
        taken = send(graph, text()).json()
        assert "message_status" not in taken["messages"][0]
        assert [s["status"] for s in statuses(graph, 2)] == ["sent", "delivered"]

    def test_are_switched_from_another_process(self, graph: Graph) -> None:
        control = f"{graph.url}/_simulator/faults"
        known = HTTP.get(control).json()
        assert known == {"known": sorted(FAULTS), "active": {}}
        asked = {"name": "rate_limit", "times": 2}
        assert HTTP.post(control, json=asked).json() == {"active": {"rate_limit": 2}}
        assert error_of(send(graph, text())) == 130429
        assert HTTP.post(control, json={}).json() == {"active": {}}
        assert send(graph, text()).status_code == 200
        for wrong in ({"name": "rain"}, {"name": "slow", "times": 0}, {"name": "slow", "x": 1}):
            assert HTTP.post(control, json=wrong).status_code == 422
        sent = HTTP.get(f"{graph.url}/_simulator/sent").json()
        assert [each["body"] for each in sent] == [text()]

    @pytest.mark.parametrize("control", ["faults", "held", "phones/34600000199"])
    @pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b""])
    def test_what_is_no_object_is_refused_and_changes_nothing(
        self, graph: Graph, control: str, body: bytes
    ) -> None:
        graph.faults.set("rate_limit")
        answer = HTTP.post(f"{graph.url}/_simulator/{control}", content=body)
        assert answer.status_code == 422
        assert graph.faults.active == {"rate_limit": 1}


class TestMedia:
    def test_that_somebody_sent_is_served(self, graph: Graph) -> None:
        image = bodies.image(AMINA, "El padrón")["image"]
        said = ask(graph, "GET", image["id"]).json()
        assert said["id"] == image["id"]
        assert said["mime_type"] == "image/jpeg"
        assert bytes.fromhex(said["sha256"]) == base64.b64decode(image["sha256"])
        assert said["url"].startswith(graph.url)
        file = ask(graph, "GET", said["url"])
        assert file.headers["content-type"] == "image/jpeg"
        assert int(said["file_size"]) == len(file.content)
        assert hashlib.sha256(file.content).hexdigest() == said["sha256"]

    def test_needs_the_token_and_a_fresh_address(self, graph: Graph) -> None:
        media_id = bodies.audio(AMINA)["audio"]["id"]
        url = ask(graph, "GET", media_id).json()["url"]
        assert HTTP.get(url).status_code == 401
        graph.simulated.media.address_lifetime = -1.0
        late = ask(graph, "GET", media_id).json()["url"]
        assert ask(graph, "GET", late).status_code == 404
        assert ask(graph, "GET", url).status_code == 200

    def test_may_be_away_once(self, graph: Graph) -> None:
        media_id = bodies.video(AMINA)["video"]["id"]
        url = ask(graph, "GET", media_id).json()["url"]
        graph.faults.set("media_404")
        assert ask(graph, "GET", url).status_code == 404
        assert ask(graph, "GET", url).status_code == 200

    def test_may_be_over(self, graph: Graph) -> None:
        media_id = bodies.sticker(AMINA)["sticker"]["id"]
        graph.faults.set("media_expired")
        for _ in range(2):
            gone = ask(graph, "GET", media_id)
            assert (gone.status_code, error_of(gone)) == (400, 100)
            assert gone.json()["error"]["error_subcode"] == 33

    def test_may_be_a_bomb(self, graph: Graph) -> None:
        url = ask(graph, "GET", bodies.image(AMINA)["image"]["id"]).json()["url"]
        graph.faults.set("media_bomb")
        headers = {"authorization": f"Bearer {graph.token}"}
        with HTTP.stream("GET", url, headers=headers) as response:
            assert response.headers["content-encoding"] == "gzip"
            assert int(response.headers["content-length"]) < 1024 * 1024
            unpacked = 0
            for piece in response.iter_bytes():
                unpacked += len(piece)
                if unpacked > 101 * 1024 * 1024:
                    break
        assert unpacked > 101 * 1024 * 1024

    def test_may_be_other_bytes(self, graph: Graph) -> None:
        said = ask(graph, "GET", bodies.image(AMINA)["image"]["id"]).json()
        graph.faults.set("media_other_bytes")
        content = ask(graph, "GET", said["url"]).content
        assert len(content) == int(said["file_size"])
        assert hashlib.sha256(content).hexdigest() != said["sha256"]

    def test_can_be_uploaded_and_sent(self, graph: Graph) -> None:
        uploaded = upload(graph, b"%PDF-1.4 invented", "application/pdf")
        media_id = uploaded.json()["id"]
        document = {"id": media_id, "filename": "cita.pdf"}
        assert send(graph, text(type="document", text=None, document=document)).status_code == 200
        url = ask(graph, "GET", media_id).json()["url"]
        assert ask(graph, "GET", url).content == b"%PDF-1.4 invented"

    def test_is_taken_by_type_and_size(self, graph: Graph) -> None:
        assert error_of(upload(graph, b"MZ", "application/x-msdownload")) == 100
        assert error_of(upload(graph, b"", "image/png")) == 100
        assert error_of(upload(graph, bytes(5 * 1024 * 1024 + 1), "image/jpeg")) == 131053
        path = f"{graph.phone_number_id}/media"
        assert error_of(ask(graph, "POST", path, data={"messaging_product": "whatsapp"})) == 100
        files = {"file": ("a.png", b"x", "image/png")}
        assert error_of(ask(graph, "POST", path, files=files)) == 100


def upload(graph: Graph, content: bytes, kind: str) -> httpx.Response:
    files = {"file": ("x", content, kind)}
    data = {"messaging_product": "whatsapp", "type": kind}
    return ask(graph, "POST", f"{graph.phone_number_id}/media", data=data, files=files)


class TestAccount:
    def test_tells_of_the_number(self, graph: Graph) -> None:
        fields = {"fields": "verified_name,quality_rating,throughput"}
        assert ask(graph, "GET", graph.phone_number_id, params=fields).json() == {
            "verified_name": "Acogida (simulador)",
            "quality_rating": "GREEN",
            "throughput": {"level": "STANDARD"},
            "id": graph.phone_number_id,
        }
        wrong = ask(graph, "GET", graph.phone_number_id, params={"fields": "colour"})
        assert error_of(wrong) == 100

    def test_lists_its_numbers_and_templates(self, graph: Graph) -> None:
        account = graph.business_account_id
        (number,) = ask(graph, "GET", f"{account}/phone_numbers").json()["data"]
        assert number["id"] == graph.phone_number_id
        first = ask(graph, "GET", f"{account}/message_templates", params={"limit": "3"}).json()
        second = ask(graph, "GET", first["paging"]["next"]).json()
        names = [t["id"] for t in first["data"] + second["data"]]
        assert names == [t["id"] for t in graph.simulated.templates[:6]]
        one = ask(graph, "GET", names[0], params={"fields": "status"}).json()
        assert one == {"status": "APPROVED", "id": names[0]}

    def test_nothing_else_is_there(self, graph: Graph) -> None:
        for path in ("1", "1/message_templates", "12345678901234567890"):
            assert error_of(ask(graph, "GET", path)) == 100
