"""The activity log on a page, and a client's history on theirs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from nicegui import ui
from nicegui.testing import User
from sqlalchemy import text

from db.engine import begin
from services import audit, audit_verify, clients, erasures
from services.actors import Staff
from services.changes import ClientChange
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import SYSTEM, Postgres

MAIN = Path(__file__).parent / "simulated_main.py"
PATH = "/settings/audit"
PLANTED = "<img src=x onerror=alert(1)>\u202egpj.exe"


@pytest.fixture
async def amina(database: Postgres) -> UUID:
    with database.connect() as connection:
        row = connection.execute(
            "insert into clients (name) values ('Amina') returning id"
        ).fetchone()
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


@pytest.fixture
async def lucia(admin: Staff) -> AsyncIterator[User]:
    """Lucía's browser; she is an admin."""
    async with browser_of(admin, MAIN) as user:
        yield user


@pytest.fixture
async def omar(caseworker: Staff) -> AsyncIterator[User]:
    """Omar's browser; he is a caseworker."""
    async with browser_of(caseworker, MAIN) as user:
        yield user


async def change(client: UUID, **values: Any) -> None:
    async with begin(SYSTEM) as connection:
        for name, value in values.items():
            await connection.execute(
                text(f"update clients set {name} = :value where id = :id"),  # noqa: S608
                {"value": value, "id": client},
            )


def entries(user: User) -> list[str]:
    """What each entry on the page says, newest first."""
    return [words(element) for element in with_class(user, "ac-audit-entry")]


def words(element: ui.element) -> str:
    below = [e for e in element.descendants(include_self=True) if isinstance(e, ui.html)]
    return " ".join(e.content for e in below)


def unfold(user: User, said: str) -> None:
    """Unfold the newest entry that says this."""
    entry = next(e for e in with_class(user, "ac-audit-entry") if said in words(e))
    [opener] = [e for e in entry.descendants() if "ac-audit-opener" in e.classes]
    report(user, opener, "click")


def press(user: User, label: str) -> None:
    with user:
        [found] = [
            e
            for e in user.client.elements.values()  # type: ignore[union-attr]
            if isinstance(e, ui.html) and e.props.get("type") == "button" and label in e.content
        ]
    report(user, found, "click")


async def test_it_says_in_plain_words_who_did_what(
    lucia: User, caseworker: Staff, amina: UUID
) -> None:
    await clients.get_client(caseworker, amina)
    await clients.decide_profile(caseworker, amina, "ASYLUM")
    await lucia.open(PATH)
    changed, viewed = entries(lucia)[:2]
    assert f"<strong>{caseworker.name}</strong> abrió el expediente de" in viewed
    assert f'<a href="/clients/{amina}"><bdi>Amina</bdi></a>' in viewed
    assert "cambió el expediente de" in changed
    assert "Perfil" in changed


async def test_nobody_sees_old_and_new_values_before_asking_for_them(
    lucia: User, amina: UUID
) -> None:
    await change(amina, notes="Secreto")
    page = await lucia.http_client.get(PATH)
    assert "Secreto" not in page.text
    await lucia.open(PATH)
    assert "Secreto" not in markup(lucia)
    unfold(lucia, "Notas")
    await eventually(lambda: "<bdi>Secreto</bdi>" in markup(lucia))
    assert "vacío" in markup(lucia)
    unfold(lucia, "Notas")
    await eventually(lambda: "Secreto" not in markup(lucia))


async def test_erased_values_are_said_to_be_erased(
    lucia: User, amina: UUID, database: Postgres
) -> None:
    await change(amina, notes="Secreto")
    await erasures.erase(SYSTEM, amina, reason="request")
    await lucia.open(f"{PATH}?client={amina}")
    assert f"la persona {str(amina)[:8]}" in entries(lucia)[0]
    unfold(lucia, "Notas")
    await eventually(
        lambda: "Los valores se suprimieron con los datos de la persona" in markup(lucia)
    )


async def test_what_people_wrote_is_neither_markup_nor_turned_around(
    lucia: User, amina: UUID
) -> None:
    await change(amina, name=PLANTED, notes=PLANTED)
    await lucia.open(PATH)
    unfold(lucia, "Notas")
    await eventually(lambda: markup(lucia).count("onerror") > 1)
    assert "<img" not in markup(lucia)
    assert "\u202e" not in markup(lucia)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("what=reading", {"view"}),
        ("what=changes&table=clients", {"change"}),
        ("what=copies", {"export"}),
        ("what=other", {"new"}),
        ("person={omar}", {"view", "export"}),
        ("client={amina}", {"view", "change"}),
        ("from=2000-01-01&to=2000-02-01", set()),
        ("from=2000-01-01", {"view", "change", "export", "new"}),
        ("what=nonsense&person=x&client=1&from=yesterday&table=';drop&before='", None),
    ],
)
async def test_filters_are_in_the_address(
    lucia: User,
    caseworker: Staff,
    amina: UUID,
    query: str,
    shown: set[str] | None,
) -> None:
    await clients.get_client(caseworker, amina)
    await change(amina, notes="x")
    await audit.record_alone(caseworker, "export", table="messages")
    await audit.record_alone(SYSTEM, "something_new")
    await lucia.open(f"{PATH}?{query.format(omar=caseworker.id, amina=amina)}")
    said = " ".join(entries(lucia))
    found = {
        name
        for name, words in {
            "view": "abrió el expediente",
            "change": "cambió el expediente",
            "export": "export (Mensajes)",
            "new": "something new",
        }.items()
        if words in said
    }
    assert found == (shown if shown is not None else {"view", "change", "export", "new"})
    if shown == set():
        await lucia.should_see("Nada coincide")


async def test_days_that_end_before_they_begin_are_an_error_at_the_field(
    lucia: User, amina: UUID
) -> None:
    await lucia.open(f"{PATH}?from=2026-05-02&to=2026-05-01")
    [field] = [part for part in markup(lucia).split("<input") if 'name="to"' in part]
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="ac-audit-backwards"' in field
    assert 'id="ac-audit-backwards"' in markup(lucia)
    assert "Nada coincide" not in markup(lucia)
    # On a phone, too, the field is in sight.
    assert with_class(lucia, "ac-audit-tools--open")
    await lucia.open(f"{PATH}?from=2026-05-01&to=2026-05-01")
    assert "aria-invalid" not in markup(lucia)
    await lucia.should_see("Nada coincide")


async def test_the_filters_say_what_the_list_uses_and_nothing_a_browser_remembers(
    lucia: User,
) -> None:
    await lucia.open(f"{PATH}?what=changes")
    [form] = [part for part in markup(lucia).split("<form") if 'role="search"' in part]
    controls = form.count("<select") + form.count('<input type="date"')
    assert form.count('autocomplete="off"') == 1 + controls


async def test_on_a_phone_the_filters_are_behind_a_button_that_counts_them(
    lucia: User, amina: UUID
) -> None:
    await lucia.open(f"{PATH}?what=changes&client={amina}")
    [opener] = with_class(lucia, "ac-filter-opener")
    assert "Filtros (2)" in words(opener)
    assert opener.props["aria-expanded"] == "false"
    assert not with_class(lucia, "ac-audit-tools--open")
    report(lucia, opener, "click")
    await eventually(lambda: opener.props["aria-expanded"] == "true")
    assert with_class(lucia, "ac-audit-tools--open")
    report(lucia, opener, "click")
    await eventually(lambda: opener.props["aria-expanded"] == "false")
    assert not with_class(lucia, "ac-audit-tools--open")


async def test_a_long_log_is_read_page_by_page(
    lucia: User, admin: Staff, database: Postgres
) -> None:
    async with begin(SYSTEM) as connection:
        await connection.execute(
            text("insert into clients (name) select 'N' || g from generate_series(1, 70) g")
        )
    await lucia.open(f"{PATH}?table=clients")
    first = entries(lucia)
    assert len(first) == 50
    [address] = [
        part.split('"')[0].replace("&amp;", "&")
        for part in markup(lucia).split('href="')
        if "before=" in part.split('"')[0]
    ]
    await lucia.open(address)
    second = entries(lucia)
    assert len(second) == 20
    assert not set(first) & set(second)
    assert f'href="{PATH}?table=clients"' in markup(lucia)


async def test_an_admin_verifies_the_log_and_reads_the_outcome(
    lucia: User, amina: UUID, database: Postgres
) -> None:
    await lucia.open(PATH)
    assert "Todavía no se ha comprobado" in markup(lucia)
    while await audit_verify.seal(SYSTEM):
        pass
    press(lucia, "Comprobar ahora")
    await eventually(lambda: "<strong>íntegro</strong>" in markup(lucia))
    await lucia.open(PATH)
    assert "<strong>íntegro</strong>" in markup(lucia)
    with database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from audit_log where id = 1")
    press(lucia, "Comprobar ahora")
    await eventually(lambda: "Se han alterado, añadido o quitado entradas" in markup(lucia))
    assert "sello 1" in markup(lucia)
    await lucia.open(PATH)
    assert "1 problema" in markup(lucia)


async def test_a_log_of_which_nothing_is_sealed_is_not_called_intact(
    lucia: User, admin: Staff, amina: UUID
) -> None:
    outcome = await audit_verify.verify_now(admin)
    assert (outcome.entries, outcome.problems) == (0, [])
    await lucia.open(PATH)
    assert "Todavía no se ha comprobado" not in markup(lucia)
    assert "íntegro" not in markup(lucia)
    assert "ac-tag--ok" not in markup(lucia)


async def test_the_log_leaves_as_a_file_and_that_is_noted(lucia: User, amina: UUID) -> None:
    await lucia.open(f"{PATH}?table=clients")
    press(lucia, "Exportar como CSV")
    answer = await lucia.download.next()
    assert answer.content.startswith(b"\xef\xbb\xbfid,occurred_at")
    assert str(amina) in answer.text
    await lucia.open(PATH)
    assert "exportó el registro de actividad" in " ".join(entries(lucia))


async def test_who_is_no_admin_is_told_so(omar: User) -> None:
    answer = await omar.http_client.get(PATH)
    assert (answer.status_code, "ac-audit-entry" in answer.text) == (403, False)


async def test_a_client_s_page_tells_who_did_what_when_it_is_asked(
    omar: User, people: dict[str, Staff], amina: UUID
) -> None:
    await clients.get_client(people["admin"], amina)
    await omar.open(f"/clients/{amina}")
    assert entries(omar) == []
    open_history(omar)
    await eventually(lambda: len(entries(omar)) == 3)
    assert "abrió el expediente de <span>esta persona</span>" in entries(omar)[1]
    assert PATH not in markup(omar)


async def test_a_client_s_history_has_the_lists_that_showed_them(
    omar: User, viewer: Staff, amina: UUID
) -> None:
    await clients.list_clients(viewer)
    await omar.open(f"/clients/{amina}")
    open_history(omar)
    await eventually(lambda: len(entries(omar)) == 3)
    listed = entries(omar)[1]
    assert f"<strong>{viewer.name}</strong>" in listed
    assert "esta persona" in listed
    assert f"/clients/{amina}" not in listed


async def test_a_long_history_comes_in_steps(omar: User, amina: UUID) -> None:
    for number in range(60):
        await change(amina, notes=str(number))
    await omar.open(f"/clients/{amina}")
    open_history(omar)
    await eventually(lambda: len(entries(omar)) == 50)
    press(omar, "Entradas anteriores")
    await eventually(lambda: len(entries(omar)) == 62)


async def test_an_open_history_keeps_up_and_its_reader_is_noted_once(
    omar: User, amina: UUID
) -> None:
    for number in range(60):
        await change(amina, notes=str(number))
    await omar.open(f"/clients/{amina}")
    open_history(omar)
    await eventually(lambda: len(entries(omar)) == 50)
    press(omar, "Entradas anteriores")
    await eventually(lambda: len(entries(omar)) == 62)
    unfold(omar, "Notas")
    await eventually(lambda: "<bdi>59</bdi>" in markup(omar))
    await change(amina, email="amina@example.org")
    await tell(amina)
    # With it come both looks at the history, the one at its older entries among them.
    await eventually(lambda: len(entries(omar)) == 65)
    assert "correo" in entries(omar)[0].lower()
    assert "<bdi>59</bdi>" in markup(omar)
    await change(amina, notes="Otra vez")
    await tell(amina)
    await eventually(lambda: len(entries(omar)) == 66)
    assert "Notas" in entries(omar)[0]
    assert sum("consultó el historial" in said for said in entries(omar)) == 2


async def test_a_history_that_was_overtaken_begins_anew(omar: User, amina: UUID) -> None:
    await omar.open(f"/clients/{amina}")
    open_history(omar)
    await eventually(lambda: len(entries(omar)) == 2)
    async with begin(SYSTEM) as connection:
        for number in range(55):
            await connection.execute(text("update clients set notes = :n"), {"n": str(number)})
    await tell(amina)
    await eventually(lambda: len(entries(omar)) == 50)
    press(omar, "Entradas anteriores")
    await eventually(lambda: len(entries(omar)) == 58)


async def test_admins_go_on_from_a_client_to_the_whole_log(lucia: User, amina: UUID) -> None:
    await lucia.open(f"/clients/{amina}")
    assert f'href="{PATH}?client={amina}"' in markup(lucia)


async def test_a_viewer_s_page_has_no_history(viewer: Staff, amina: UUID) -> None:
    async with browser_of(viewer, MAIN) as user:
        await user.open(f"/clients/{amina}")
        assert "Quién hizo qué" not in markup(user)


async def test_a_client_who_never_was_has_an_empty_log(lucia: User) -> None:
    await lucia.open(f"{PATH}?client={uuid4()}")
    await lucia.should_see("Nada coincide")


async def tell(client: UUID) -> None:
    """What the listener does when Postgres says that a client changed."""
    from ui import live

    await live.dispatch(ClientChange(client))


def open_history(user: User) -> None:
    [section] = with_class(user, "ac-client-history")
    [details] = [e for e in section.descendants() if e.tag == "details"]
    report(user, details, "toggle")
