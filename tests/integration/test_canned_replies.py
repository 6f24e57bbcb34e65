"""Canned replies: written by caseworkers, refused with a reason, and put back after a slip."""

import pytest

from services import canned_replies
from services.actors import Staff
from services.errors import Conflict, Forbidden, Invalid, NotFound
from tests.support import SYSTEM

HELLO = {"es": "Hola {{nombre}}", "fr": "Bonjour {{nombre}}", "ar": ""}


async def create(staff: Staff, shortcut: str = "hola", **more: object) -> None:
    values: dict[str, object] = {"title": "Saludo", "texts": HELLO, **more}
    await canned_replies.create_canned(staff, shortcut=shortcut, **values)  # type: ignore[arg-type]


async def test_a_reply_is_there_for_everybody_who_answers(
    caseworker: Staff, admin: Staff, viewer: Staff
) -> None:
    await create(caseworker, "/Hola")
    [reply] = await canned_replies.list_canned(admin)
    assert (reply.shortcut, reply.title, reply.updated_by) == ("hola", "Saludo", caseworker.name)
    # What is empty is not kept.
    assert reply.texts == {"es": "Hola {{nombre}}", "fr": "Bonjour {{nombre}}"}
    with pytest.raises(Forbidden):
        await canned_replies.list_canned(viewer)


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"shortcut": ""}, {"shortcut": "missing"}),
        ({"shortcut": "dos palabras"}, {"shortcut": "not_a_shortcut"}),
        ({"shortcut": "x" * 33}, {"shortcut": "not_a_shortcut"}),
        ({"title": " "}, {"title": "missing"}),
        ({"title": "x" * 81}, {"title": "too_long"}),
        ({"texts": {}}, {"texts": "missing"}),
        ({"texts": {"es": "Hola {{name}}"}}, {"text:es": "unknown_variable"}),
        ({"texts": {"es": "x" * 4097}}, {"text:es": "too_long"}),
        ({"texts": {"es": "a\0b"}}, {"text:es": "not_text"}),
        ({"texts": {"../x": "Hola"}}, {"texts": "unknown_language"}),
    ],
)
async def test_what_cannot_be_used_is_refused_by_field(
    caseworker: Staff, values: dict[str, object], problems: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        await create(caseworker, **{"shortcut": "hola", **values})  # type: ignore[arg-type]
    assert refused.value.fields == problems


async def test_a_shortcut_is_one_replys(caseworker: Staff) -> None:
    await create(caseworker)
    await create(caseworker, "cita")
    with pytest.raises(Conflict, match="shortcut_taken"):
        await create(caseworker, "HOLA")
    cita = (await canned_replies.list_canned(caseworker))[0]
    with pytest.raises(Conflict, match="shortcut_taken"):
        await canned_replies.update_canned(
            caseworker, cita.id, shortcut="hola", title="x", texts=HELLO
        )


async def test_a_change_does_not_undo_a_colleagues(caseworker: Staff, admin: Staff) -> None:
    await create(caseworker)
    [seen] = await canned_replies.list_canned(caseworker)
    texts = {"es": "Buenos días"}
    await canned_replies.update_canned(
        admin, seen.id, shortcut="hola", title="Saludo", texts=texts, expected=seen.updated_at
    )
    with pytest.raises(Conflict, match="changed_meanwhile"):
        await canned_replies.update_canned(
            caseworker, seen.id, shortcut="hola", title="x", texts=HELLO, expected=seen.updated_at
        )
    [reply] = await canned_replies.list_canned(caseworker)
    assert (reply.texts, reply.updated_by) == (texts, admin.name)


async def test_what_was_deleted_comes_back(caseworker: Staff) -> None:
    await create(caseworker)
    [before] = await canned_replies.list_canned(caseworker)
    removed = await canned_replies.delete_canned(caseworker, before.id)
    assert await canned_replies.list_canned(caseworker) == []
    with pytest.raises(NotFound):
        await canned_replies.delete_canned(caseworker, before.id)
    with pytest.raises(NotFound):
        await canned_replies.update_canned(
            caseworker, before.id, shortcut="hola", title="x", texts=HELLO
        )
    await canned_replies.restore_canned(caseworker, removed)
    [after] = await canned_replies.list_canned(caseworker)
    assert (after.id, after.shortcut, after.texts) == (before.id, before.shortcut, before.texts)


async def test_the_demos_replies_come_once(caseworker: Staff) -> None:
    demo = [("hola", "Saludo", {"es": "Hola"}), ("cita", "Cita", {"es": "Su cita"})]
    await canned_replies.add_demo_replies(SYSTEM, demo)
    await canned_replies.delete_canned(
        caseworker, (await canned_replies.list_canned(caseworker))[0].id
    )
    await canned_replies.add_demo_replies(SYSTEM, demo)
    assert [r.shortcut for r in await canned_replies.list_canned(caseworker)] == ["hola"]
