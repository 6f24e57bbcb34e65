"""What the simulated Graph API takes for a message, and with which of Meta's codes it refuses."""

from typing import Any

import pytest

from services.events import Json
from services.simulator.graph_problems import Refusal
from services.simulator.graph_requests import ReadMark, Request, read

TO = "+34600000199"


def message(kind: str, content: object, **more: Any) -> Json:
    frame: Json = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": TO,
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": "6f1c0c4e-0000-4000-8000-000000000001",
    }
    return {k: v for k, v in (frame | more).items() if v is not None}


def buttons(count: int = 2, **more: Any) -> Json:
    replies = [
        {"type": "reply", "reply": {"id": f"b{n}", "title": f"Sí {n}"}} for n in range(count)
    ]
    return {"type": "button", "body": {"text": "¿Viene?"}, "action": {"buttons": replies}} | more


def choices(*sizes: int, **more: Any) -> Json:
    sections = [
        {"title": f"Día {s}", "rows": [{"id": f"{s}-{r}", "title": f"Hora {r}"} for r in range(n)]}
        for s, n in enumerate(sizes)
    ]
    action = {"button": "Elegir", "sections": sections}
    return {"type": "list", "body": {"text": "¿Cuándo?"}, "action": action} | more


def template(**more: Any) -> Json:
    return {"name": "retomar_conversacion", "language": {"code": "es"}} | more


GOOD = {
    "text": message("text", {"body": "Hola", "preview_url": True}),
    "reply": message("text", {"body": "Hola"}, context={"message_id": "wamid.HBgL"}),
    "to a business-scoped id": message("text", {"body": "Hola"}, to=None, recipient="ES.123"),
    "image by id": message("image", {"id": "1", "caption": "La entrada"}),
    "image by link": message("image", {"link": "https://example.org/a.jpg"}),
    "video": message("video", {"id": "1", "caption": "El patio"}),
    "document": message("document", {"id": "1", "filename": "cita.pdf", "caption": "Su cita"}),
    "audio": message("audio", {"id": "1"}),
    "voice note": message("audio", {"id": "1", "voice": True}),
    "sticker": message("sticker", {"id": "1"}),
    "location": message("location", {"latitude": 40.4, "longitude": -3.7, "name": "Oficina"}),
    "contacts": message(
        "contacts", [{"name": {"formatted_name": "Oficina"}, "phones": [{"phone": "+34910000000"}]}]
    ),
    "reaction": message("reaction", {"message_id": "wamid.HBgL", "emoji": "👍"}),
    "reaction taken back": message("reaction", {"message_id": "wamid.HBgL", "emoji": ""}),
    "buttons": message("interactive", buttons(3, footer={"text": "Acogida"})),
    "buttons under a picture": message(
        "interactive", buttons(header={"type": "image", "image": {"id": "1"}})
    ),
    "list": message("interactive", choices(5, 5, header={"type": "text", "text": "Citas"})),
    "question for the number": message(
        "interactive",
        {
            "type": "request_contact_info",
            "body": {"text": "¿Nos da su número?"},
            "action": {"name": "request_contact_info"},
        },
    ),
    "template": message(
        "template",
        template(
            components=[
                {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]},
                {"type": "body", "parameters": [{"type": "text", "text": "Amina"}]},
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": "0",
                    "parameters": [{"type": "payload", "payload": "si"}],
                },
            ]
        ),
    ),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_every_kind_of_message_is_taken(body: Json) -> None:
    request = read(body)
    assert isinstance(request, Request)
    assert request.type == body["type"]
    assert request.payload == body[request.type]
    assert request.complaints == ()


BAD: dict[str, tuple[Json, int]] = {
    "no product": (message("text", {"body": "x"}, messaging_product=None), 100),
    "another product": (message("text", {"body": "x"}, messaging_product="messenger"), 100),
    "nobody": (message("text", {"body": "x"}, to=None), 100),
    "unknown type": (message("poll", {}), 100),
    "no content": (message("text", {"body": "x"}) | {"type": "image"}, 100),
    "content missing": (message("text", None), 131008),
    "unknown key": (message("text", {"body": "x"}, text_="x"), 100),
    "unknown key inside": (message("text", {"body": "x", "bold": True}), 100),
    "a number for words": (message("text", {"body": 5}), 131009),
    "empty text": (message("text", {"body": "  "}), 131009),
    "4,097 letters": (message("text", {"body": "x" * 4097}), 100),
    "callback data too long": (
        message("text", {"body": "x"}, biz_opaque_callback_data="x" * 513),
        100,
    ),
    "a group": (message("text", {"body": "x"}, recipient_type="group"), 131009),
    "a number as recipient": (message("text", {"body": "x"}, to=None, recipient=TO), 131009),
    "quote of nothing": (message("text", {"body": "x"}, context={}), 131008),
    "id and link": (message("image", {"id": "1", "link": "https://example.org/a"}), 131009),
    "neither id nor link": (message("image", {"caption": "x"}), 131009),
    "no web address": (message("image", {"link": "file:///etc/passwd"}), 131009),
    "caption too long": (message("image", {"id": "1", "caption": "x" * 1025}), 100),
    "caption of a sound": (message("audio", {"id": "1", "caption": "x"}), 100),
    "name of a picture": (message("image", {"id": "1", "filename": "a.jpg"}), 100),
    "off the earth": (message("location", {"latitude": 91, "longitude": 0}), 131009),
    "reaction to nothing": (message("reaction", {"emoji": "👍"}), 131008),
    "reaction that quotes": (
        message("reaction", {"message_id": "wamid.x", "emoji": "👍"}, context={"message_id": "w"}),
        131009,
    ),
    "four buttons": (message("interactive", buttons(4)), 131009),
    "no buttons": (message("interactive", buttons(0)), 131009),
    "long button": (
        message(
            "interactive",
            buttons(
                action={"buttons": [{"type": "reply", "reply": {"id": "1", "title": "x" * 21}}]}
            ),
        ),
        100,
    ),
    "the same button twice": (
        message(
            "interactive",
            buttons(
                action={"buttons": [{"type": "reply", "reply": {"id": "1", "title": "x"}}] * 2}
            ),
        ),
        131009,
    ),
    "eleven rows": (message("interactive", choices(6, 5)), 131009),
    "picture over a list": (
        message("interactive", choices(1, header={"type": "image", "image": {"id": "1"}})),
        131009,
    ),
    "footer too long": (message("interactive", buttons(footer={"text": "x" * 61})), 100),
    "interactive of no type": (message("interactive", {"body": {"text": "x"}}), 131009),
    "template in no language": (message("template", {"name": "hello_world"}), 131008),
    "language with a hyphen": (
        message("template", template(language={"code": "en-US"})),
        131009,
    ),
    "a button that says not which": (
        message("template", template(components=[{"type": "button", "parameters": []}])),
        131009,
    ),
    "a parameter of two kinds": (
        message(
            "template",
            template(
                components=[
                    {
                        "type": "body",
                        "parameters": [{"type": "text", "text": "x", "payload": "y"}],
                    }
                ]
            ),
        ),
        131009,
    ),
}


@pytest.mark.parametrize(("body", "code"), BAD.values(), ids=BAD)
def test_what_whatsapp_would_not_take_is_refused(body: Json, code: int) -> None:
    with pytest.raises(Refusal) as refused:
        read(body)
    assert refused.value.code == code
    error = refused.value.body()["error"]
    assert error["code"] == code
    assert error["message"].startswith(f"(#{code})")
    assert error["fbtrace_id"]


@pytest.mark.parametrize("body", ["x", 5, None, [], {}])
def test_what_is_no_message_at_all_is_refused(body: object) -> None:
    with pytest.raises(Refusal):
        read(body)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"to": "34600000199"}, "without +"),
        ({"to": "ES.123"}, "business-scoped id in `to`"),
        ({"recipient": "ES.123"}, "together"),
        ({"biz_opaque_callback_data": None}, "biz_opaque_callback_data"),
    ],
)
def test_what_whatsapp_takes_and_does_wrong_is_named(changed: Json, said: str) -> None:
    request = read(message("text", {"body": "Hola"}, **changed))
    assert isinstance(request, Request)
    assert len(request.complaints) == 1
    assert said in request.complaints[0]


def test_files_are_found_wherever_they_are() -> None:
    for name, kind in [
        ("image by id", "image"),
        ("voice note", "audio"),
        ("buttons under a picture", "image"),
        ("template", "image"),
    ]:
        request = read(GOOD[name])
        assert isinstance(request, Request)
        assert list(request.media) == [(kind, "1")]
    for name in ("text", "buttons", "list", "image by link"):
        request = read(GOOD[name])
        assert isinstance(request, Request)
        assert list(request.media) == []


@pytest.mark.parametrize("typing", [False, True])
def test_a_read_receipt_may_show_that_somebody_types(typing: bool) -> None:
    body: Json = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.HBgL"}
    if typing:
        body["typing_indicator"] = {"type": "text"}
    assert read(body) == ReadMark("wamid.HBgL", typing)


def test_a_read_receipt_is_for_a_message() -> None:
    with pytest.raises(Refusal) as refused:
        read({"messaging_product": "whatsapp", "status": "read"})
    assert refused.value.code == 131008
