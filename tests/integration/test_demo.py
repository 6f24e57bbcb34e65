"""The demo, told through the webhook's own path, shows every part of the product."""

from datetime import UTC, datetime

from services import clients, unprocessed
from services.actors import Staff
from services.simulator import demo
from services.simulator.bodies import DEMO_NUMBER
from services.simulator.facts import enter_facts, facts
from tests.support import SYSTEM, deliver


async def test_the_demo_is_whole_and_telling_it_again_adds_nothing(admin: Staff) -> None:
    now = datetime.now(UTC)
    told = list(demo.demo_bodies(now, DEMO_NUMBER))
    await deliver(*told)
    first = await clients.list_clients(admin, limit=200)
    assert first.total >= 14
    assert {c.profile_type for c in first.items} == set(clients.PROFILE_TYPES)
    await deliver(*told)
    assert await clients.list_clients(admin, limit=200) == first
    found = await unprocessed.overview(admin)
    assert (found.quarantined, found.unreadable, found.waiting) == ([], [], 0)


async def test_files_are_filled_in(admin: Staff) -> None:
    await deliver(*demo.demo_bodies(datetime.now(UTC), DEMO_NUMBER))
    assert await enter_facts(SYSTEM) == len(facts())
    assert (await clients.list_clients(admin, search="X0000401X")).total == 1
    assert (await clients.list_clients(admin, search="luz.restrepo@example.org")).total == 1
    assert (await clients.list_clients(admin, statuses=["archived"])).total == 1
