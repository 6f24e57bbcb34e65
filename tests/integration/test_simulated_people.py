"""Whom the simulated WhatsApp knows: what our own database says of a number or an id."""

from datetime import UTC, datetime, timedelta

import pytest

from services.simulator import bodies
from services.simulator.graph_people import Known, known
from services.simulator.wire import DEMO_NUMBER, Sender
from tests.support import SYSTEM, Postgres, deliver

AMINA = Sender("34600000199", "MA.1", "Amina Prueba")
HIDDEN = Sender(None, "ES.777", "Bilal", "bilal.bcn")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize("address", ["34600000199", "MA.1"])
async def test_a_person_is_known_by_every_name(database: Postgres, address: str) -> None:
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Hola", at=NOON)))
    assert await known(SYSTEM, address) == Known(AMINA, NOON)


async def test_a_hidden_number_stays_hidden(database: Postgres) -> None:
    await deliver(bodies.from_sender(DEMO_NUMBER, HIDDEN, bodies.text(HIDDEN, "Hola", at=NOON)))
    assert await known(SYSTEM, "ES.777") == Known(HIDDEN, NOON)


async def test_the_last_message_is_what_counts(database: Postgres) -> None:
    later = [NOON + timedelta(hours=hours) for hours in (1, 2, 3)]
    photo = bodies.image(AMINA, at=later[0])
    reaction = bodies.reaction(AMINA, photo["id"], "👍", at=later[1])
    ours = bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Buenos días", at=later[2]))
    hello = bodies.text(AMINA, "Hola", at=NOON)
    await deliver(
        bodies.from_sender(DEMO_NUMBER, AMINA, photo, reaction, hello),
        bodies.echoes(DEMO_NUMBER, ours),
    )
    found = await known(SYSTEM, "34600000199")
    assert found is not None
    assert found.last_wrote_at == later[0]


async def test_a_stranger_is_nobody(database: Postgres) -> None:
    assert await known(SYSTEM, "34600000199") is None
