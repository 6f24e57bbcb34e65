"""What a phone makes of templates, buttons and lists, and what a press sends."""

import pytest

from services.events import Json
from services.simulator.phone_view import OnPhone, Press, on_phone, pressed
from services.simulator.wire import DEMO_NUMBER, Sender

AMINA = Sender("34600000199", "MA.1", "Amina Prueba")
WAMID = "wamid.HBgL"


def template(**more: object) -> Json:
    body = {"type": "body", "parameters": [{"type": "text", "text": "Amina"}]}
    content = {"name": "retomar_conversacion", "language": {"code": "es"}, "components": [body]}
    return {"template": content | more}


def interactive(**content: object) -> Json:
    return {"interactive": {"body": {"text": "¿Cuándo?"}} | content}


BUTTONS = interactive(
    type="button",
    header={"type": "document", "document": {"id": "7", "filename": "cita.pdf"}},
    footer={"text": "Acogida"},
    action={"buttons": [{"type": "reply", "reply": {"id": "si", "title": "Sí"}}]},
)
LIST = interactive(
    type="list",
    header={"type": "text", "text": "Citas"},
    action={
        "button": "Ver horas",
        "sections": [
            {"title": "Lunes", "rows": [{"id": "l10", "title": "10:00", "description": "Omar"}]},
            {"title": "Martes", "rows": [{"id": "m12", "title": "12:00"}]},
        ],
    },
)
NUMBER = interactive(type="request_contact_info", action={"name": "request_contact_info"})


def test_a_template_is_read_with_its_values() -> None:
    seen = on_phone("template", template())
    assert seen is not None
    assert seen.body.startswith("Hola, Amina. Seguimos con su consulta")
    assert seen.presses == (
        Press("template", "Sí, continuar", "Sí, continuar"),
        Press("template", "Ahora no", "Ahora no"),
    )


def test_a_template_that_was_stopped_since_is_still_read() -> None:
    stopped = template(name="encuesta_satisfaccion")
    seen = on_phone("template", stopped)
    assert seen is not None
    assert [press.title for press in seen.presses] == ["Bien", "Regular", "Mal"]


def test_buttons_and_lists_are_laid_out() -> None:
    assert on_phone("interactive", BUTTONS) == OnPhone(
        "¿Cuándo?",
        file=("document", {"id": "7", "filename": "cita.pdf"}),
        footer="Acogida",
        presses=(Press("button", "Sí", "si"),),
    )
    assert on_phone("interactive", LIST) == OnPhone(
        "¿Cuándo?",
        header="Citas",
        presses=(Press("row", "10:00", "l10", "Omar"), Press("row", "12:00", "m12")),
        menu="Ver horas",
    )


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("text", {"text": {"body": "Hola"}}),
        ("template", {}),
        ("template", template(name="nobody_knows")),
        ("template", template(components=[])),
        ("interactive", {"interactive": {"type": "button_reply"}}),
        ("interactive", {"interactive": 5}),
    ],
)
def test_what_is_not_understood_is_left_to_others(kind: str, payload: Json) -> None:
    assert on_phone(kind, payload) is None


def test_a_press_sends_what_whatsapp_sends() -> None:
    context = {"from": DEMO_NUMBER.digits, "id": WAMID}
    sent = {
        kind: pressed(AMINA, WAMID, Press(kind, "Sí", "si", None))
        for kind in ("template", "button", "row", "number")
    }
    assert all(message["context"] == context for message in sent.values())
    assert all(message["from"] == AMINA.wa_id for message in sent.values())
    assert sent["template"]["button"] == {"payload": "si", "text": "Sí"}
    assert sent["button"]["interactive"] == {
        "type": "button_reply",
        "button_reply": {"id": "si", "title": "Sí"},
    }
    assert sent["row"]["interactive"] == {
        "type": "list_reply",
        "list_reply": {"id": "si", "title": "Sí"},
    }
    assert sent["number"]["contacts"][0]["origin"] == "contact_request"
    assert sent["number"]["contacts"][0]["phones"][0]["phone"] == "+34600000199"


def test_the_question_for_the_number_can_be_answered() -> None:
    seen = on_phone("interactive", NUMBER)
    assert seen is not None
    assert [press.kind for press in seen.presses] == ["number"]
