"""What tests of sending share: a Graph that does what it is told, and a desk before it."""

from collections.abc import AsyncIterator

import pytest

from services.actors import Staff
from tests.fake_graph import FakeGraph, graph_server
from tests.sending import Desk, desk
from tests.support import Postgres


@pytest.fixture
async def fake(database: Postgres) -> AsyncIterator[FakeGraph]:
    """The Graph that `amina` is before."""
    async with graph_server() as server:
        yield server


@pytest.fixture
async def amina(caseworker: Staff, database: Postgres, fake: FakeGraph) -> AsyncIterator[Desk]:
    """The conversation with Amina, at the desk of a caseworker."""
    async with desk(caseworker, database, fake.url) as found:
        yield found
