"""Messages with buttons or a list: WhatsApp's limits kept when they are made, not when sent."""

from typing import Any

import pytest

from services import structured_messages
from services.actors import Staff
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.outgoing import Button, Buttons, Choices, Row, Section
from services.simulator.replies import enter_replies
from tests.support import SYSTEM

YES_NO = Buttons("¿Vendrá?", (Button("", "Sí"), Button("", "No")), footer="Acogida")
REASONS = Choices(
    "¿Qué necesita?",
    "Elegir",
    (Section("Papeles", (Row("", "Asilo", "Solicitud"), Row("", "Arraigo"))),),
)


async def test_it_comes_back_as_it_can_be_sent(caseworker: Staff, viewer: Staff) -> None:
    await structured_messages.create_structured(caseworker, " Cita ", YES_NO)
    await structured_messages.create_structured(caseworker, "Asunto", REASONS)
    reasons, cita = await structured_messages.list_structured(caseworker)
    assert (cita.title, cita.kind, cita.updated_by) == ("Cita", "buttons", caseworker.name)
    assert isinstance(cita.content, Buttons)
    assert cita.content.buttons == (Button("1: Sí", "Sí"), Button("2: No", "No"))
    assert (cita.content.footer, cita.content.header) == ("Acogida", None)
    assert isinstance(reasons.content, Choices)
    assert list(reasons.content.rows) == [
        Row("1: Asilo", "Asilo", "Solicitud"),
        Row("2: Arraigo", "Arraigo", None),
    ]
    for message in (reasons, cita):
        message.content.check()
    with pytest.raises(Forbidden):
        await structured_messages.list_structured(viewer)


@pytest.mark.parametrize(
    ("title", "content", "fields"),
    [
        ("", YES_NO, {"title"}),
        ("x" * 81, YES_NO, {"title"}),
        ("x", Buttons("", (Button("", "Sí"),)), {"body"}),
        ("x", Buttons("x", ()), {"buttons"}),
        ("x", Buttons("x", tuple(Button("", str(n)) for n in range(4))), {"buttons"}),
        ("x", Buttons("x", (Button("", "y" * 21),)), {"buttons.0"}),
        ("x", Buttons("x" * 1025, (Button("", "y"),)), {"body"}),
        ("x", Choices("x", "", (Section("", (Row("", "y"),)),)), {"button"}),
        ("x", Choices("x", "y", (Section("", (Row("", "z" * 25),)),)), {"rows.0"}),
        ("x", Choices("x", "y", (Section("", (Row("", "z", "d" * 73),)),)), {"rows.0"}),
        (
            "x",
            Choices("x", "y", (Section("", tuple(Row("", str(n)) for n in range(11))),)),
            {"rows"},
        ),
    ],
)
async def test_what_whatsapp_would_not_take_is_refused_by_field(
    caseworker: Staff, title: str, content: Any, fields: set[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        await structured_messages.create_structured(caseworker, title, content)
    assert set(refused.value.fields) == fields


async def test_a_change_a_colleague_and_a_slip(caseworker: Staff, admin: Staff) -> None:
    id = await structured_messages.create_structured(caseworker, "Cita", YES_NO)
    await structured_messages.create_structured(caseworker, "Asunto", REASONS)
    seen = (await structured_messages.list_structured(caseworker))[1]
    with pytest.raises(Conflict, match="title_taken"):
        await structured_messages.update_structured(caseworker, id, "Asunto", YES_NO)
    await structured_messages.update_structured(
        admin, id, "Cita", REASONS, expected=seen.updated_at
    )
    with pytest.raises(Conflict, match="changed_meanwhile"):
        await structured_messages.update_structured(
            caseworker, id, "Cita", YES_NO, expected=seen.updated_at
        )
    removed = await structured_messages.delete_structured(caseworker, id)
    with pytest.raises(NotFound):
        await structured_messages.delete_structured(caseworker, id)
    await structured_messages.restore_structured(caseworker, removed)
    back = (await structured_messages.list_structured(caseworker))[1]
    assert (back.id, back.content) == (id, removed.content)
    with pytest.raises(Conflict, match="title_taken"):
        await structured_messages.restore_structured(caseworker, removed)


async def test_the_demos_can_all_be_sent(caseworker: Staff) -> None:
    await enter_replies(SYSTEM)
    await enter_replies(SYSTEM)
    found = await structured_messages.list_structured(caseworker)
    assert len(found) == 2
    for message in found:
        message.content.check()
