"""A message with a file waits for its file from the moment it is stored."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import RowMapping, select

from db.engine import begin
from db.tables import message_media, messages
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import SYSTEM, Postgres, deliver

AMINA = Sender("34600111222", profile_name="Amina Béjaïa")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


async def waiting() -> list[RowMapping]:
    async with begin(SYSTEM) as connection:
        query = select(message_media, messages.c.type, messages.c.received_at).join(
            messages, messages.c.id == message_media.c.message_id
        )
        return list((await connection.execute(query.order_by(messages.c.seq))).mappings())


async def test_each_message_with_a_file_waits_for_it_and_no_other(database: Postgres) -> None:
    await deliver(
        bodies.from_sender(
            DEMO_NUMBER,
            AMINA,
            bodies.text(AMINA, "Buenos días", at=NOW),
            bodies.image(AMINA, "mi pasaporte", at=NOW, media_id="image-1", sha256="c2hh"),
            bodies.audio(AMINA, at=NOW),
            bodies.document(AMINA, "Contrato.pdf", at=NOW),
            bodies.sticker(AMINA, at=NOW),
            bodies.location(AMINA, 40.4, -3.7, at=NOW),
            bodies.video(AMINA, at=NOW),
        )
    )
    rows = await waiting()
    assert [row["type"] for row in rows] == ["image", "audio", "document", "sticker", "video"]
    assert {row["state"] for row in rows} == {"pending"}
    assert rows[0]["media_id"] == "image-1"
    assert rows[0]["declared_sha256"] == "c2hh"
    assert rows[2]["file_name"] == "Contrato.pdf"
    assert rows[2]["mime_type"] == "application/pdf"
    assert all(row["expires_at"] - row["received_at"] == timedelta(days=7) for row in rows)


async def test_a_delivery_that_comes_again_awaits_nothing_twice(database: Postgres) -> None:
    body = bodies.from_sender(DEMO_NUMBER, AMINA, bodies.image(AMINA, at=NOW, wamid="wamid.1"))
    await deliver(body)
    await deliver(body | {"again": True})
    assert len(await waiting()) == 1


async def test_what_the_organisation_sent_from_its_phone_is_fetched_too(database: Postgres) -> None:
    sent = bodies.echo(DEMO_NUMBER, AMINA, bodies.image(AMINA, at=NOW))
    await deliver(bodies.echoes(DEMO_NUMBER, sent))
    assert [row["type"] for row in await waiting()] == ["image"]


async def test_a_file_that_whatsapp_does_not_name_is_not_waited_for(database: Postgres) -> None:
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.image(AMINA, at=NOW, media_id="")))
    assert await waiting() == []


async def test_names_without_end_are_cut(database: Postgres) -> None:
    message = bodies.document(AMINA, "ñ" * 5_000 + ".pdf", at=NOW, mime_type="x" * 5_000)
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, message))
    [row] = await waiting()
    assert len(row["file_name"]) == 300
    assert len(row["mime_type"]) == 200
