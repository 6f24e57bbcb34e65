"""What became of a message of ours, in words, and what can be done about it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.conversations import MessageError, MessageStatus, TimelineMessage
from services.sent_messages import Sending
from ui.components.timeline import render

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
SENT = Sending(author="Omar Benali", retry_of=None, retried=False, waits_until=None, finished=True)
MESSAGE = TimelineMessage(
    id=UUID(int=1),
    client_id=UUID(int=2),
    seq=1,
    direction="outbound",
    type="text",
    text="Hola",
    payload={},
    sent_at=NOW,
    received_at=NOW,
    status="sent",
    error=None,
    whatsapp_id="wamid.1",
    sending=SENT,
)


def shown(status: MessageStatus = "sent", *, may_act: bool = True, **changes: object) -> str:
    about = {k: v for k, v in changes.items() if k in Sending.__annotations__}
    sending = replace(SENT, **about)  # type: ignore[arg-type]
    rest = {k: v for k, v in changes.items() if k not in Sending.__annotations__}
    message = replace(MESSAGE, status=status, sending=sending, **rest)  # type: ignore[arg-type]
    return render([message], may_act=may_act)


def acts(markup: str) -> list[str]:
    return [part.split('"')[0] for part in markup.split('data-act="')[1:]]


def test_it_says_who_wrote_it() -> None:
    assert "<bdi>Omar Benali</bdi>" in shown()
    assert "Omar" not in shown(author=None)


def test_what_waits_can_be_taken_back() -> None:
    markup = shown("queued", finished=False)
    assert acts(markup) == ["cancel"]
    assert "Pendiente de envío" in markup
    assert "Se intenta otra vez a las 10:43." in shown(
        "queued", waits_until=NOW.replace(minute=43), finished=False
    )


def test_what_is_on_its_way_or_arrived_offers_nothing() -> None:
    for status in ("sending", "accepted", "sent", "delivered", "read", "played"):
        assert acts(shown(status)) == []


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("held_for_quality_assessment", "primero mira cómo reciben las personas esta plantilla"),
        ("paused", "ha puesto en pausa esta plantilla"),
    ],
)
def test_what_whatsapp_holds_back_is_not_shown_as_sent(why: str, said: str) -> None:
    markup = shown("accepted", held=why)
    assert "WhatsApp lo retiene" in markup
    assert said in markup
    assert "Aceptado por WhatsApp" not in markup
    assert acts(markup) == []
    assert "WhatsApp lo retiene" not in shown("accepted")


def test_of_the_unknown_a_person_decides_once_whatsapp_had_its_time() -> None:
    assert acts(shown("unknown", finished=False)) == []
    assert "WhatsApp todavía no ha respondido" in shown("unknown", finished=False)
    assert acts(shown("unknown")) == ["arrived", "again"]


def test_what_failed_can_be_tried_again_once() -> None:
    error = MessageError(131026, "Message undeliverable", None)
    markup = shown("failed", error=error, remedy="again")
    assert acts(markup) == ["retry"]
    assert "Enviar otra vez" in markup
    assert "no ha podido entregarlo" in markup
    again = shown("failed", error=error, remedy="again", retried=True)
    assert acts(again) == []
    assert "Se envió otra vez, más abajo." in again
    assert "Enviado otra vez" in shown("sent", retry_of=UUID(int=9))


def test_what_would_fail_again_is_not_tried_again() -> None:
    assert acts(shown("failed", error=MessageError(132001, "x", None))) == []


def test_what_came_too_late_is_sent_again_once_they_have_written() -> None:
    error = MessageError(131047, "Re-engagement message", None)
    closed = shown("failed", error=error, remedy="template")
    assert acts(closed) == ["template"]
    assert "Salió cuando ya habían pasado más de 24 horas" in closed
    assert "Hasta que vuelva a escribir, solo se puede enviar una plantilla." in closed
    written = shown("failed", error=error, remedy="again")
    assert acts(written) == ["retry"]
    assert "Desde entonces ha escrito, y ahora se puede enviar." in written


def test_while_the_24_hours_are_over_a_template_goes_in_place_of_whatever_failed() -> None:
    error = MessageError(131026, "Message undeliverable", None)
    assert acts(shown("failed", error=error, remedy="template")) == ["template"]


def test_somebodys_word_that_it_did_not_arrive_is_told_as_such() -> None:
    error = MessageError(None, "not_arrived", None)
    assert "Alguien del equipo dijo que no llegó." in shown("failed", error=error)


def test_a_contradiction_is_shown_as_one() -> None:
    assert "falló y también que llegó" in shown("delivered", contradictory=True)
    assert "falló y también" not in shown("delivered")


def test_who_may_not_act_is_offered_nothing() -> None:
    for status in ("queued", "unknown"):
        assert acts(shown(status, may_act=False)) == []
    for remedy in ("again", "template"):
        assert acts(shown("failed", may_act=False, remedy=remedy)) == []


def test_what_others_sent_is_not_ours_to_send_again() -> None:
    message = replace(MESSAGE, status="failed", sending=None)
    assert acts(render([message], may_act=True)) == []


def test_a_template_and_a_message_with_buttons_are_read_as_they_were_sent() -> None:
    template = replace(MESSAGE, type="template", text="Cita el 12", payload={"template": {}})
    assert "Cita el 12" in render([template])
    button = {"type": "reply", "reply": {"id": "1", "title": "Sí, iré"}}
    sent = {"type": "button", "body": {"text": "¿Vienes?"}, "action": {"buttons": [button]}}
    markup = render([replace(MESSAGE, type="interactive", payload={"interactive": sent})])
    assert "¿Vienes?" in markup
    assert "Sí, iré" in markup
    rows = [{"id": "1", "title": "Arraigo"}, "nonsense"]
    sent = {"type": "list", "body": {}, "action": {"sections": [{"rows": rows}, None]}}
    markup = render([replace(MESSAGE, type="interactive", payload={"interactive": sent})])
    assert "Arraigo" in markup
