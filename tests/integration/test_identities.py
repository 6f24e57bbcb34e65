"""One person is one client: through new numbers, hidden numbers and messages that come late."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from services import client_edits, clients
from services.actors import Staff
from services.clients import ClientDetail
from services.errors import Forbidden
from services.events import Json
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import Postgres, deliver

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def says(sender: Sender, words: str, minutes: float = 0) -> Json:
    message = bodies.text(sender, words, at=NOW + timedelta(minutes=minutes))
    return bodies.from_sender(DEMO_NUMBER, sender, message)


def changes(before: Sender, after: Sender, minutes: float) -> Json:
    when = NOW + timedelta(minutes=minutes)
    return bodies.envelope(DEMO_NUMBER, messages=[bodies.number_change(before, after, at=when)])


async def everybody(staff: Staff) -> list[ClientDetail]:
    found = await clients.list_clients(staff, sort="created", descending=False)
    details = [await clients.get_client(staff, c.id) for c in found.items]
    return [d for d in details if d is not None]


def names(detail: ClientDetail) -> set[tuple[str, str, bool]]:
    return {(i.kind, i.value, i.retired) for i in detail.identities}


OLD = Sender("34600111222", bsuid="ES.old1", profile_name="Amina")
NEW = Sender("34600999888", bsuid="ES.new1", profile_name="Amina")


async def test_a_number_and_its_bsuid_are_the_same_person(admin: Staff) -> None:
    await deliver(says(Sender("34600111222"), "antes de abril"))
    await deliver(says(OLD, "con identificador", 1))
    await deliver(says(Sender(None, bsuid="ES.old1", username="amina"), "sin número", 2))
    [amina] = await everybody(admin)
    assert amina.summary.unread_count == 3
    assert amina.summary.phone == "+34600111222"


async def test_a_client_that_staff_made_by_phone_is_found(admin: Staff, database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("insert into clients (id, name) values (%s, 'Amina')", (admin.id,))
        connection.execute(
            "insert into client_identities (client_id, kind, value)"
            " values (%s, 'phone', '+34600111222')",
            (admin.id,),
        )
    await deliver(says(Sender("34600111222"), "hola"))
    [amina] = await everybody(admin)
    assert amina.summary.name == "Amina"
    assert ("wa_id", "34600111222", False) in names(amina)


async def test_a_number_change_moves_the_person(admin: Staff) -> None:
    await deliver(says(OLD, "hola"), changes(OLD, NEW, 5), says(NEW, "nuevo número", 6))
    [amina] = await everybody(admin)
    assert amina.summary.phone == "+34600999888"
    assert names(amina) == {
        ("bsuid", "ES.old1", True),
        ("wa_id", "34600111222", True),
        ("phone", "+34600111222", True),
        ("bsuid", "ES.new1", False),
        ("wa_id", "34600999888", False),
        ("phone", "+34600999888", False),
    }


async def test_all_of_it_in_one_delivery(admin: Staff) -> None:
    await deliver(bodies.batch(says(OLD, "hola"), changes(OLD, NEW, 5), says(NEW, "nuevo", 6)))
    [amina] = await everybody(admin)
    assert amina.summary.unread_count == 2
    assert ("wa_id", "34600111222", True) in names(amina)


async def test_a_change_that_comes_twice_or_again_changes_nothing(admin: Staff) -> None:
    change = changes(OLD, NEW, 5)
    await deliver(says(OLD, "hola"), change, bodies.batch(change, says(NEW, "x", 6)), change)
    [amina] = await everybody(admin)
    assert amina.conflicting_clients == []


async def test_a_late_message_from_the_old_number_still_finds_the_person(admin: Staff) -> None:
    await deliver(says(OLD, "hola"), changes(OLD, NEW, 5), says(OLD, "llegó tarde", 3))
    [amina] = await everybody(admin)
    assert amina.summary.unread_count == 2
    assert ("wa_id", "34600111222", True) in names(amina)


async def test_the_old_number_in_new_hands_is_another_person(admin: Staff) -> None:
    stranger = Sender("34600111222", bsuid="ES.stranger", profile_name="Otro")
    await deliver(says(OLD, "hola"), changes(OLD, NEW, 5), says(stranger, "soy otro", 60))
    found = {d.summary.phone: d for d in await everybody(admin)}
    assert found["+34600999888"].summary.name == "Amina"
    assert found["+34600111222"].summary.name == "Otro"
    assert [d.conflicting_clients for d in found.values()] == [[], []]


async def test_a_message_from_the_new_id_before_the_change_is_no_merge_by_guess(
    admin: Staff,
) -> None:
    for body in (says(OLD, "hola"), says(NEW, "ya con el nuevo", 6), changes(OLD, NEW, 5)):
        await deliver(body)
    one, two = await everybody(admin)
    assert one.conflicting_clients == [two.summary.id]
    assert two.conflicting_clients == [one.summary.id]


async def test_a_change_of_somebody_unknown_makes_no_client(
    admin: Staff, database: Postgres
) -> None:
    await deliver(changes(OLD, NEW, 5))
    assert await everybody(admin) == []
    with database.connect() as connection:
        kept = connection.execute("select code, state from webhook_items").fetchall()
    assert kept == [("system_without_client", "noted")]


async def test_two_names_of_two_people_are_left_to_a_person(admin: Staff) -> None:
    await deliver(says(Sender("34600111222"), "uno"), says(Sender(None, bsuid="ES.b"), "dos", 1))
    await deliver(says(Sender("34600111222", bsuid="ES.b"), "los dos a la vez", 2))
    one, two = await everybody(admin)
    assert one.conflicting_clients == [two.summary.id]
    assert {one.summary.unread_count, two.summary.unread_count} == {1, 2}


async def test_the_same_number_under_another_account_is_another_person(admin: Staff) -> None:
    """Numbers are given to new people. Nobody must find Amina's file under Bruno's messages."""
    bruno = Sender(OLD.wa_id, bsuid="ES.other", profile_name="Bruno")
    await deliver(says(OLD, "soy Amina"))
    await deliver(says(bruno, "soy Bruno", 60))
    await deliver(says(Sender(None, bsuid="ES.other", profile_name="Bruno"), "sin número", 61))
    found = {d.summary.name: d for d in await everybody(admin)}
    assert {name: d.summary.unread_count for name, d in found.items()} == {"Amina": 1, "Bruno": 2}
    assert found["Amina"].conflicting_clients == [found["Bruno"].summary.id]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("together", [False, True])
async def test_a_change_in_any_order_keeps_one_person_or_says_that_it_may_be_one(
    admin: Staff, order: tuple[int, ...], together: bool
) -> None:
    script = [says(OLD, "viejo", 1), changes(OLD, NEW, 5), says(NEW, "nuevo", 9)]
    bodies_in_order = [script[n] for n in order]
    for body in [bodies.batch(*bodies_in_order)] if together else bodies_in_order:
        await deliver(body)
    people = await everybody(admin)
    if len(people) == 2:
        # Both were people of their own before WhatsApp told; merging is not the software's to do.
        assert order.index(1) == 2
        assert not together
        assert people[0].conflicting_clients == [people[1].summary.id]
        return
    [amina] = people
    assert amina.summary.unread_count == 2
    assert amina.summary.phone == "+34600999888"
    assert ("bsuid", "ES.old1", True) in names(amina)


NEWEST = Sender("34600777666", bsuid="ES.newest1", profile_name="Amina")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("together", [False, True])
async def test_a_chain_of_changes_in_any_order_splits_nobody_in_silence(
    admin: Staff, order: tuple[int, ...], together: bool
) -> None:
    script = [
        says(OLD, "viejo", 1),
        changes(OLD, NEW, 5),
        changes(NEW, NEWEST, 7),
        says(NEWEST, "nuevo", 9),
    ]
    bodies_in_order = [script[n] for n in order]
    for body in [bodies.batch(*bodies_in_order)] if together else bodies_in_order:
        await deliver(body)
    people = await everybody(admin)
    if len(people) == 2:
        # Both ends wrote before WhatsApp had told how the one became the other.
        assert max(order.index(1), order.index(2)) == 3
        assert not together
        assert people[0].conflicting_clients == [people[1].summary.id]
        return
    [amina] = people
    assert amina.summary.phone == "+34600777666"
    assert amina.summary.unread_count == 2


async def test_a_late_change_meets_the_next_one_that_was_already_made(admin: Staff) -> None:
    await deliver(says(NEW, "con el segundo número", 6))
    await deliver(changes(NEW, NEWEST, 7))
    await deliver(says(OLD, "con el primero", 1))
    await deliver(changes(OLD, NEW, 5))
    first, second = await everybody(admin)
    assert first.conflicting_clients == [second.summary.id]


async def test_a_late_change_of_an_earlier_bearer_moves_nobody_who_bore_the_number_later(
    admin: Staff,
) -> None:
    bruno = Sender(OLD.wa_id, bsuid="ES.bruno1", profile_name="Bruno")
    moved = Sender("34600555444", bsuid="ES.bruno2", profile_name="Bruno")
    await deliver(says(bruno, "soy Bruno", 60))
    await deliver(changes(bruno, moved, 90))
    await deliver(changes(OLD, NEW, 5), says(NEW, "soy Amina", 95))
    found = {d.summary.name: names(d) for d in await everybody(admin)}
    assert found.keys() == {"Amina", "Bruno"}
    assert ("bsuid", "ES.new1", False) in found["Amina"]
    assert ("bsuid", "ES.new1", False) not in found["Bruno"]
    assert ("wa_id", "34600555444", False) in found["Bruno"]


async def test_names_follow_whatsapps_time_not_arrival(admin: Staff) -> None:
    new = Sender("34600111222", profile_name="Nombre Nuevo", username="nuevo")
    old = Sender("34600111222", profile_name="Nombre Viejo", username="viejo")
    await deliver(says(new, "b", 10))
    await deliver(says(old, "a", 1))
    [person] = await everybody(admin)
    assert (person.profile_name, person.summary.username) == ("Nombre Nuevo", "nuevo")


async def test_brazils_ninth_digit_makes_no_second_person(admin: Staff) -> None:
    await deliver(says(Sender("5511987654321"), "oi"), says(Sender("551187654321"), "oi", 1))
    [person] = await everybody(admin)
    assert person.summary.unread_count == 2


async def test_somebody_elses_contact_card_is_not_the_senders_number(admin: Staff) -> None:
    card = bodies.contacts(OLD, bodies.card("Primo", "+34600777777"), at=NOW)
    await deliver(bodies.from_sender(DEMO_NUMBER, OLD, card))
    await deliver(says(Sender("34600777777"), "soy el primo", 1))
    assert len(await everybody(admin)) == 2


async def test_a_shared_number_that_whatsapp_vouches_for_joins_the_person(admin: Staff) -> None:
    hidden = Sender(None, bsuid="ES.h", profile_name="Oculta")
    card = bodies.own_card(hidden, "+34600777777")
    await deliver(bodies.from_sender(DEMO_NUMBER, hidden, bodies.contacts(hidden, card, at=NOW)))
    [person] = await everybody(admin)
    assert person.summary.phone == "+34600777777"
    await deliver(says(Sender("34600777777"), "desde el número", 1))
    assert len(await everybody(admin)) == 1


async def test_a_person_decides_that_two_are_different_people_and_stays_decided(
    caseworker: Staff, viewer: Staff
) -> None:
    bruno = Sender(OLD.wa_id, bsuid="ES.other", profile_name="Bruno")
    await deliver(says(OLD, "soy Amina"), says(bruno, "soy Bruno", 60))
    amina, other = [d.summary.id for d in await everybody(caseworker)]
    with pytest.raises(Forbidden):
        await client_edits.tell_apart(viewer, amina, [other])
    decided = await client_edits.tell_apart(caseworker, amina, [other])
    assert decided.conflicting_clients == []
    await deliver(says(bruno, "otra vez", 61))
    assert [d.conflicting_clients for d in await everybody(caseworker)] == [[], []]
    again = await client_edits.tell_apart(caseworker, other, [amina], apart=False)
    assert again.conflicting_clients == [amina]
