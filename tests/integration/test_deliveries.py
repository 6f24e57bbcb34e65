"""What cannot be applied is set aside with its reason, and can be tried again from the database."""

import json

import psycopg
import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from services import clients, deliveries, inbound, unprocessed
from services.actors import Staff
from services.errors import Forbidden
from services.events import Json
from services.inbound import Arrived, Outcome
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import SYSTEM, Postgres, deliver, drain
from webhook import payloads

AMINA = Sender("34600111222", profile_name="Amina")
YUSUF = Sender("34600333444", profile_name="Yusuf")


def two_good_one_bad() -> Json:
    bad = bodies.text(AMINA, "x") | {"text": {"body": 7}}
    return bodies.envelope(
        DEMO_NUMBER,
        messages=[bodies.text(AMINA, "bien"), bad, bodies.text(YUSUF, "también")],
        contacts=[AMINA, YUSUF],
    )


async def test_a_bad_item_does_not_keep_the_good_ones_back(admin: Staff) -> None:
    await deliver(two_good_one_bad())
    assert (await clients.list_clients(admin)).total == 2
    [item] = (await unprocessed.overview(admin)).quarantined
    assert item.code == "wrong_type"
    assert "text.body" in (item.reason or "")
    assert json.loads(item.raw)


async def test_nul_and_lone_surrogates_do_not_lose_a_message(admin: Staff) -> None:
    body = bodies.encode(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "aXb")))
    await deliver(body.replace(b"aXb", rb"a\u0000b\ud800c"))
    [client] = (await clients.list_clients(admin)).items
    assert client.last_message_preview == "a\ufffdb\ufffdc"


async def test_a_replay_applies_what_was_mended_and_closes_the_item(
    admin: Staff, database: Postgres
) -> None:
    await deliver(two_good_one_bad())
    [item] = (await unprocessed.overview(admin)).quarantined
    with database.connect() as connection:
        # As if a later version could read the item.
        connection.execute(
            "update webhook_deliveries set body = convert_to("
            " replace(convert_from(body, 'utf8'), '{\"body\":7}', '{\"body\":\"ya\"}'), 'utf8')"
        )
    assert await unprocessed.replay(admin, item.delivery_id)
    await drain()
    after = await unprocessed.overview(admin)
    assert (after.quarantined, after.waiting) == ([], 0)
    amina = (await clients.list_clients(admin, search="amina")).items[0]
    assert amina.unread_count == 2


async def test_a_replay_that_fails_again_stays_and_counts_the_attempt(admin: Staff) -> None:
    await deliver(two_good_one_bad())
    [item] = (await unprocessed.overview(admin)).quarantined
    await unprocessed.replay(admin, item.delivery_id)
    await drain()
    [again] = (await unprocessed.overview(admin)).quarantined
    assert (again.id, again.attempts) == (item.id, 1)
    assert (await clients.list_clients(admin)).total == 2


async def test_what_cannot_be_replayed_any_more_stays_in_sight(
    admin: Staff, database: Postgres
) -> None:
    await deliver(two_good_one_bad())
    [item] = (await unprocessed.overview(admin)).quarantined
    with database.connect() as connection:
        connection.execute("delete from webhook_deliveries")
    assert not await unprocessed.replay(admin, item.delivery_id)
    assert [i.id for i in (await unprocessed.overview(admin)).quarantined] == [item.id]


async def test_only_admins_see_replay_and_close(caseworker: Staff, admin: Staff) -> None:
    await deliver(two_good_one_bad())
    [item] = (await unprocessed.overview(admin)).quarantined
    with pytest.raises(Forbidden):
        await unprocessed.overview(caseworker)
    with pytest.raises(Forbidden):
        await unprocessed.replay(caseworker, item.delivery_id)
    with pytest.raises(Forbidden):
        await unprocessed.close_item(caseworker, item.id)
    assert await unprocessed.close_item(admin, item.id)
    assert not await unprocessed.close_item(admin, item.id)
    assert (await unprocessed.overview(admin)).quarantined == []


async def test_account_news_and_unknown_fields_are_kept_for_the_record(admin: Staff) -> None:
    await deliver(
        bodies.notice(DEMO_NUMBER, "account_update", {"event": "DISABLED_UPDATE"}),
        bodies.notice(DEMO_NUMBER, "from_the_future", {"a": 1}),
        bodies.envelope(DEMO_NUMBER, errors=[bodies.error(130429, "Rate limit hit")]),
    )
    noted = {item.code for item in (await unprocessed.overview(admin)).noted}
    assert noted == {"account_update", "unknown_field", "errors"}


async def test_an_item_that_postgres_refuses_is_set_aside_alone(
    admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = inbound.apply

    async def refuses(connection: AsyncConnection, arrived: list[Arrived]) -> Outcome:
        outcome = await whole(connection, arrived)
        if any(getattr(a.event, "text", None) == "veneno" for a in arrived):
            raise ValueError("as a fault of ours would")
        return outcome

    monkeypatch.setattr(inbound, "apply", refuses)
    await deliver(
        bodies.envelope(
            DEMO_NUMBER,
            messages=[bodies.text(AMINA, "bien"), bodies.text(AMINA, "veneno")],
            contacts=[AMINA],
        ),
        bodies.from_sender(DEMO_NUMBER, YUSUF, bodies.text(YUSUF, "otra entrega")),
    )
    assert {c.unread_count for c in (await clients.list_clients(admin)).items} == {1}
    [item] = (await unprocessed.overview(admin)).quarantined
    assert item.code == "not_applied"
    monkeypatch.undo()
    await unprocessed.replay(admin, item.delivery_id)
    await drain()
    amina = (await clients.list_clients(admin, search="amina")).items[0]
    assert amina.unread_count == 2
    assert (await unprocessed.overview(admin)).quarantined == []


async def test_what_postgres_calls_operational_but_is_the_items_own_is_set_aside(
    admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row too large, a statement too slow: psycopg's OperationalError, and no outage."""
    whole = inbound.apply

    async def too_slow(connection: AsyncConnection, arrived: list[Arrived]) -> Outcome:
        if any(getattr(a.event, "text", None) == "veneno" for a in arrived):
            raise OperationalError("insert", {}, psycopg.errors.ProgramLimitExceeded("too large"))
        return await whole(connection, arrived)

    monkeypatch.setattr(inbound, "apply", too_slow)
    await deliver(
        bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "veneno")),
        bodies.from_sender(DEMO_NUMBER, YUSUF, bodies.text(YUSUF, "bien")),
    )
    found = await unprocessed.overview(admin)
    assert [item.code for item in found.quarantined] == ["not_applied_54000"]
    assert found.waiting == 0
    assert (await clients.list_clients(admin)).total == 1


async def test_a_fault_of_the_database_sets_nothing_aside(
    admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "hola"))

    async def gone(connection: AsyncConnection, arrived: list[Arrived]) -> Outcome:
        raise OperationalError("select", {}, Exception("the connection is closed"))

    with monkeypatch.context() as patch:
        patch.setattr(inbound, "apply", gone)
        with pytest.raises(OperationalError):
            await deliver(body)
    assert (await unprocessed.overview(admin)).waiting == 1
    await drain()
    assert (await clients.list_clients(admin)).total == 1
    assert await deliveries.process(SYSTEM, payloads.read) == 0


async def test_an_unreadable_delivery_is_shown_by_its_first_bytes(admin: Staff) -> None:
    await deliver(b"<html>" + b"x" * 1000)
    [delivery] = (await unprocessed.overview(admin)).unreadable
    assert delivery.size == 1006
    assert delivery.head.startswith("<html>xxx")
    assert len(delivery.head) <= 200
