"""The list of clients on a page: it answers questions, stays up to date, and lets go in time."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nicegui import Client, ElementFilter, ui
from nicegui.testing import User
from sqlalchemy.exc import OperationalError

from services import labels
from services.actors import Staff
from services.changes import ClientChange
from services.clients import list_clients
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.pages import browser_of, eventually, report, with_class
from tests.support import Postgres, deliver

AMINA = Sender("34600111222", profile_name="Amina Haddad")
YUSUF = Sender("34600333444", profile_name="Yusuf Demir")
PLANTED = Sender("34600555666", profile_name="<img src=x onerror=alert(1)>{{ 7 * 7 }}")
#: One message a minute, all of them a while ago.
_times = (datetime.now(UTC) - timedelta(days=1) + timedelta(minutes=n) for n in itertools.count())


@pytest.fixture
async def omar(caseworker: Staff) -> AsyncIterator[User]:
    async with browser_of(caseworker, Path(__file__).parent / "simulated_main.py") as user:
        hang_up()
        yield user


def hang_up() -> None:
    """Let the pages of earlier tests hear nothing: their simulated browsers never closed them."""
    from ui import live

    live.clients_changed.callbacks.clear()


async def write(*senders: Sender, words: str = "Hola") -> None:
    """Let people write, one after the other."""
    for sender in senders:
        message = bodies.text(sender, words, at=next(_times))
        await deliver(bodies.envelope(DEMO_NUMBER, messages=[message], contacts=[sender]))


def rows(user: User) -> list[dict[str, Any]]:
    """What the table holds, whether it is shown or not."""
    with user:
        [table] = ElementFilter(kind=ui.table, local_scope=False)
    return list(table.rows)


def names(user: User) -> list[str]:
    return [row["name"] for row in rows(user)]


async def shows(user: User, *expected: str) -> None:
    await eventually(lambda: names(user) == list(expected))


async def test_the_last_who_wrote_is_on_top(omar: User) -> None:
    await write(AMINA, YUSUF)
    await omar.open("/clients")
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    [first, _] = rows(omar)
    assert (first["phone"], first["preview"], first["unread"]) == ("+34 600 33 34 44", "Hola", 1)


async def test_the_address_holds_the_question(omar: User) -> None:
    await write(AMINA, YUSUF)
    await omar.open("/clients?sort=name")
    await shows(omar, "Amina Haddad", "Yusuf Demir")
    await omar.open("/clients?search=yusuf")
    await shows(omar, "Yusuf Demir")
    await omar.open("/clients?search=nobody")
    await omar.should_see("No coincide nadie")


async def test_a_page_beyond_the_end_becomes_the_first(omar: User) -> None:
    await write(AMINA)
    await omar.open("/clients?page=40")
    await shows(omar, "Amina Haddad")


async def test_typing_searches(omar: User) -> None:
    await write(AMINA, YUSUF)
    await omar.open("/clients")
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    omar.find(ui.input).type("amin")
    await shows(omar, "Amina Haddad")


async def test_two_quick_presses_both_count(omar: User) -> None:
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    led_to: list[str] = []
    with patch_history("push", led_to):
        for chip in ("Estudios", "Inactivo"):
            omar.find(chip).click()
        await eventually(lambda: "/clients?profile=STUDENT&status=inactive" in led_to)


async def test_an_empty_list_says_what_will_be_here(omar: User) -> None:
    await omar.open("/clients")
    await omar.should_see("Aún no ha escrito nadie", retries=20)
    await omar.should_see("/simulator")


async def test_a_filter_is_a_button_that_stays_pressed(omar: User) -> None:
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    chip = omar.find("Estudios")
    chip.click()
    await omar.should_see("No coincide nadie", retries=20)
    [element] = chip.elements
    assert element.props["aria-pressed"] == "true"


async def test_a_label_narrows_the_list_and_is_in_the_address(
    omar: User, caseworker: Staff
) -> None:
    await write(AMINA, YUSUF)
    [yusuf, _amina] = (await list_clients(caseworker)).items
    urgent = await labels.create_label(caseworker, name="Cita urgente", colour="blue")
    await labels.put_label(caseworker, yusuf.id, urgent.id)
    await omar.open("/clients")
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    [select] = [s for s in with_class(omar, "ac-select") if "Cita urgente" in s.content]
    led_to: list[str] = []
    with patch_history("push", led_to):
        report(omar, select, "change", str(urgent.id))
        await shows(omar, "Yusuf Demir")
    assert led_to == [f"/clients?label={urgent.id}"]
    # Somebody who is sent the address sees the same, even once the label is gone.
    await omar.open(led_to[0])
    await shows(omar, "Yusuf Demir")
    await labels.delete_label(caseworker, urgent.id)
    await omar.open(led_to[0])
    await omar.should_see("Una etiqueta eliminada", retries=20)
    await omar.should_see("No coincide nadie", retries=20)


async def test_without_labels_none_is_offered(omar: User) -> None:
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    assert with_class(omar, "ac-label-filter") == []


async def test_a_head_sorts_and_nonsense_from_the_browser_does_nothing(omar: User) -> None:
    await write(AMINA, YUSUF)
    await omar.open("/clients")
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    table = omar.find(ui.table)
    table.trigger("order", "name")
    await shows(omar, "Amina Haddad", "Yusuf Demir")
    for nonsense in ("__class__", {"sort": "name"}, None, 7):
        table.trigger("order", nonsense)
    table.trigger("order", "name")
    await shows(omar, "Yusuf Demir", "Amina Haddad")


async def test_whoever_writes_rises_and_lights_up(omar: User) -> None:
    await write(AMINA, YUSUF)
    await omar.open("/clients")
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    await write(AMINA, words="¿Hola?")
    await tell(omar)
    await shows(omar, "Amina Haddad", "Yusuf Demir")
    [amina, yusuf] = rows(omar)
    assert (amina["preview"], amina["unread"]) == ("¿Hola?", 2)
    assert amina["flash"]
    assert not yusuf["flash"]


async def test_a_name_is_never_markup(omar: User) -> None:
    await write(PLANTED)
    page = await omar.http_client.get("/clients")
    assert PLANTED.profile_name
    assert "<img src=x" not in page.text
    await omar.open("/clients")
    await shows(omar, PLANTED.profile_name)


async def test_without_a_session_there_is_no_list(omar: User) -> None:
    omar.http_client.cookies.clear()
    answer = await omar.http_client.get("/clients?page=2")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/login?next=/clients%3Fpage%3D2",
    )


async def test_whoever_is_deactivated_stops_at_the_next_click(
    omar: User, caseworker: Staff, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to: list[str] = []
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    await write(AMINA)
    await omar.open("/clients?sort=name")
    await shows(omar, "Amina Haddad")
    with database.connect() as connection:
        connection.execute("update staff set active = false where email = %s", [caseworker.email])
    omar.find("Estudios").click()
    await eventually(lambda: led_to == ["/login?next=/clients%3Fsort%3Dname"])
    assert names(omar) == ["Amina Haddad"]


ENDINGS = {
    "signed out elsewhere": "update staff_sessions set ended_at = now()",
    "expired": "update staff_sessions set last_seen_at = now() - interval '3 hours'",
    "deactivated": "update staff set active = false",
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_news_do_not_reach_whoever_is_no_longer_signed_in(
    omar: User, database: Postgres, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    led_to: list[str] = []
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    with database.connect() as connection:
        connection.execute(ENDINGS[ending].encode())
    await write(YUSUF, words="A secret of the next client")
    await tell(omar)
    await eventually(lambda: led_to == ["/login?next=/clients"])
    assert names(omar) == ["Amina Haddad"]
    await omar.should_not_see("Aún no ha escrito nadie")


async def test_news_and_clocks_do_not_keep_a_session_alive(
    omar: User, caseworker: Staff, database: Postgres
) -> None:
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    seen(database, minutes=100)
    await write(YUSUF)
    await tell(omar)
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    with omar:
        [clock] = ElementFilter(kind=ui.timer, local_scope=False)
    assert clock.callback is not None
    with omar:
        await clock.callback()
    assert minutes_since_seen(database, caseworker) > 99
    omar.find("Estudios").click()
    await omar.should_see("No coincide nadie", retries=20)
    assert minutes_since_seen(database, caseworker) < 1


async def test_a_list_is_told_to_the_audit_log_once_and_its_news_are_not(
    omar: User, database: Postgres
) -> None:
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    await write(YUSUF)
    await tell(omar)
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    with database.connect() as connection:
        told = connection.execute(
            "select jsonb_array_length(details -> 'shown') from audit_log where action = 'view'"
        ).fetchall()
    assert told == [(1,)]


@pytest.mark.parametrize("failures", [1, 2])
async def test_news_that_the_database_cannot_tell_leave_the_page_as_it_is(
    omar: User, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    from ui import gate

    monkeypatch.setattr(gate, "_PAUSE", 0.01)
    told: list[str] = []
    monkeypatch.setattr(gate.log, "warning", lambda event, **_: told.append(event))
    asked = 0

    async def failing(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked <= failures:
            raise OperationalError("select", None, Exception("the server went away"))
        return await list_clients(*args, **kwargs)

    monkeypatch.setattr("ui.clients.list_clients", failing)
    await write(YUSUF)
    await tell(omar)
    if failures == 1:
        await shows(omar, "Yusuf Demir", "Amina Haddad")
        assert told == []
    else:
        await eventually(lambda: told == ["page.not_updated"])
        assert names(omar) == ["Amina Haddad"]
    await omar.should_not_see("no se ha guardado")


async def test_what_is_typed_replaces_and_what_is_pressed_can_be_gone_back_from(
    omar: User,
) -> None:
    await write(AMINA)
    await omar.open("/clients")
    await shows(omar, "Amina Haddad")
    pushed: list[str] = []
    replaced: list[str] = []
    with patch_history("push", pushed), patch_history("replace", replaced):
        omar.find(ui.input).type("amin")
        await eventually(lambda: replaced == ["/clients?search=amin"])
        omar.find(ui.table).trigger("order", "name")
        await eventually(lambda: pushed == ["/clients?search=amin&sort=name"])
        omar.find("Quitar filtros").click()
        await eventually(lambda: pushed[1:] == ["/clients?sort=name"])
    assert replaced == ["/clients?search=amin"]


async def test_enter_opens_the_only_hit_of_the_words_in_the_field(
    omar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to: list[str] = []
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    await write(AMINA, YUSUF)
    await omar.open("/clients")
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    yusuf = rows(omar)[0]["href"]
    field = omar.find(ui.input)
    for nothing in ("", {"x": 1}):
        field.trigger("keydown.enter", nothing)
    field.trigger("keydown.enter", "amina yusuf")
    await omar.should_see("No coincide nadie", retries=50)
    field.trigger("keydown.enter", "34600")
    await shows(omar, "Yusuf Demir", "Amina Haddad")
    assert led_to == []
    # The words of the key count, whatever the field has reported by then.
    field.trigger("keydown.enter", "yusuf")
    await eventually(lambda: led_to == [yusuf])


async def test_pages_speak_the_language_of_who_looks(
    omar: User, caseworker: Staff, database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into staff_preferences (staff_id, language, theme)"
            " select id, 'en', 'dark' from staff where email = %s",
            [caseworker.email],
        )
    page = await omar.http_client.get("/clients")
    assert '<html lang="en-GB"' in page.text
    assert "<title>Clients · Acogida</title>" in page.text
    assert "color-scheme: dark" in page.text


async def test_an_address_of_nobody_is_not_found(omar: User) -> None:
    page = await omar.http_client.get("/nothing-here")
    assert page.status_code == 404
    assert "nothing-here" not in page.text.replace("path", "")


async def test_a_page_that_breaks_says_so_and_nothing_of_why(
    omar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("ui.clients.list_clients", broken)
    page = await omar.http_client.get("/clients")
    assert page.status_code == 500
    assert "No se ha podido mostrar esta página" in page.text
    assert "secret reason" not in page.text


@contextmanager
def patch_history(how: str, led_to: list[str]) -> Iterator[None]:
    """Keep the addresses that would have gone into the address bar."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ui.navigate.history, how, led_to.append)
        yield


def seen(database: Postgres, minutes: int) -> None:
    """Let the last sign of life of everybody be so long ago."""
    with database.connect() as connection:
        statement = "update staff_sessions set last_seen_at = now() - make_interval(mins => %s)"
        connection.execute(statement, [minutes])


def minutes_since_seen(database: Postgres, staff: Staff) -> float:
    """Minutes since the last sign of life in any session of somebody's."""
    with database.connect() as connection:
        row = connection.execute(
            "select extract(epoch from now() - max(last_seen_at)) / 60 from staff_sessions"
            " join staff on staff.id = staff_id where email = %s",
            [staff.email],
        ).fetchone()
    assert row
    return float(str(row[0]))


async def tell(user: User) -> None:
    """What the listener does when Postgres says that clients changed."""
    from ui import live

    [row, *_] = rows(user)
    await live.dispatch(ClientChange(row["id"]))
    assert user.client is not None
    assert user.client.id in Client.instances
