"""The team's page: who is here, who comes, who may do what, who leaves."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nicegui import ElementFilter, ui
from nicegui.testing import User

from services import sessions, staff_admin
from services.actors import Staff
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import Postgres, sign_in_demo
from ui.components.elements import Select

MAIN = Path(__file__).parent / "simulated_staff.py"
PATH = "/settings/staff"
OMAR = "omar.benali@acogida.example"


@pytest.fixture
async def lucia(admin: Staff) -> AsyncIterator[User]:
    async with browser_of(admin, MAIN) as user:
        await user.open(PATH)
        yield user


@pytest.fixture
def reloads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How often the page was told to start anew."""
    told: list[bool] = []
    monkeypatch.setattr(ui.navigate, "reload", lambda: told.append(True))
    return told


def row(user: User, name: str) -> Any:
    """The row of the one person whose name holds this."""
    [found] = [r for r in with_class(user, "ac-staff-row") if name in words(r)]
    return found


def words(element: ui.element) -> str:
    """Everything that is on screen below an element."""
    said = []
    for below in element.descendants(include_self=True):
        if not _is_shown(below, element):
            continue
        if isinstance(below, ui.html):
            said.append(below.content)
        elif isinstance(below, ui.label):
            said.append(below.text)
    return " ".join(said)


def press(user: User, place: ui.element, label: str) -> None:
    """Press the one button below an element that says this."""
    [found] = [
        below
        for below in place.descendants()
        if isinstance(below, ui.html)
        and below.props.get("type") in ("button", "submit")
        and f">{label}<" in below.content
    ]
    form = next((a for a in found.ancestors() if a.tag == "form"), None)
    if found.props.get("type") == "submit" and form is not None:
        report(user, form, "submit.prevent")
    else:
        report(user, found, "click")


def choose(user: User, place: ui.element, role: str) -> None:
    """Choose a role in the one select below an element."""
    report(user, select_of(place), "change", role)


async def open_panel(user: User, name: str) -> Any:
    """See what can be decided about somebody; their row."""
    found = row(user, name)
    press(user, found, "Gestionar")
    await eventually(lambda: "Guardar el rol" in words(found))
    return found


async def give(user: User, name: str, role: str) -> Any:
    """Choose a role in somebody's panel and save it; their row."""
    found = await open_panel(user, name)
    choose(user, found, role)
    press(user, found, "Guardar el rol")
    return found


def role_shown(place: ui.element) -> str:
    """The role in somebody's line."""
    [label] = [b for b in place.descendants() if "ac-staff-role-name" in b.classes]
    text: str = label.text  # type: ignore[attr-defined]
    return text


def select_of(place: ui.element) -> Any:
    [found] = [below for below in place.descendants() if isinstance(below, Select)]
    return found


def chosen(place: ui.element) -> str:
    """The role that a select shows."""
    content: str = select_of(place).content
    return content.split(" selected", maxsplit=1)[0].rsplit('value="', 1)[1].rstrip('"')


def field(place: ui.element, label: str) -> Any:
    """The one field below an element that is called so."""
    [found] = [
        below
        for below in place.descendants()
        if isinstance(below, ui.input) and below.props.get("aria-label") == label
    ]
    return found


def form(user: User) -> Any:
    [found] = with_class(user, "ac-staff-invite")
    return found


def fill(user: User, *, name: str, email: str) -> None:
    """Type into the form and send it off."""
    [opener] = with_class(user, "ac-staff-open")
    if not form(user).visible:
        report(user, opener, "click")
    field(form(user), "Nombre y apellidos").value = name
    field(form(user), "Correo").value = email
    press(user, form(user), "Invitar")


async def test_everybody_is_there_with_role_and_state(lucia: User) -> None:
    assert len(with_class(lucia, "ac-staff-row")) == 4
    me = words(row(lucia, "Lucía"))
    assert ">tú<" in me
    assert "Última actividad: ahora" in me
    assert role_shown(row(lucia, "Omar")) == "Atención social"
    assert "1 sesión abierta" in words(row(lucia, "Omar"))
    assert ">tú<" not in words(row(lucia, "Omar"))
    await lucia.should_see("4 personas activas")


@pytest.mark.parametrize("role", ["caseworker", "viewer"])
async def test_whoever_is_no_admin_may_not_be_here(people: dict[str, Staff], role: str) -> None:
    async with browser_of(people[role], MAIN) as user:
        answer = await user.http_client.get(PATH)
        assert answer.status_code == 403
        assert OMAR not in answer.text or role == "caseworker"  # one's own menu
        assert "carmen.ortiz" not in answer.text


class TestInviting:
    async def test_somebody_is_invited(self, lucia: User) -> None:
        fill(lucia, name="Nora Ruiz", email="nora@example.org")
        await eventually(lambda: len(with_class(lucia, "ac-staff-row")) == 5)
        await eventually(lambda: "Invitación enviada a" in markup(lucia))
        assert "Aún no ha entrado" in words(row(lucia, "Nora Ruiz"))
        assert "Invitación: ahora" in words(row(lucia, "Nora Ruiz"))
        assert role_shown(row(lucia, "Nora Ruiz")) == "Atención social"
        assert not form(lucia).visible
        report(lucia, with_class(lucia, "ac-staff-open")[0], "click")
        assert field(form(lucia), "Correo").value == ""

    async def test_what_is_wrong_stands_beside_the_field_and_nothing_is_lost(
        self, lucia: User
    ) -> None:
        fill(lucia, name=" ", email="nora@example")
        await eventually(lambda: field(form(lucia), "Correo").error is not None)
        assert "dirección de correo completa" in field(form(lucia), "Correo").error
        assert "Hace falta" in field(form(lucia), "Nombre y apellidos").error
        assert field(form(lucia), "Correo").value == "nora@example"
        assert form(lucia).visible
        fill(lucia, name="Nora", email="nora@example.org")
        await eventually(lambda: len(with_class(lucia, "ac-staff-row")) == 5)
        report(lucia, with_class(lucia, "ac-staff-open")[0], "click")
        assert field(form(lucia), "Correo").error is None

    async def test_an_address_that_is_taken_is_said_beside_the_address(self, lucia: User) -> None:
        fill(lucia, name="Otro Omar", email=OMAR.upper())
        await eventually(lambda: field(form(lucia), "Correo").error is not None)
        assert "ya tiene esta dirección" in field(form(lucia), "Correo").error
        assert field(form(lucia), "Nombre y apellidos").error is None
        assert field(form(lucia), "Nombre y apellidos").value == "Otro Omar"

    async def test_the_role_is_explained_before_it_is_given(self, lucia: User) -> None:
        report(lucia, with_class(lucia, "ac-staff-open")[0], "click")
        assert "lleva sus expedientes" in words(form(lucia))
        choose(lucia, form(lucia), "viewer")
        await eventually(lambda: "no cambia nada" in words(form(lucia)))
        fill(lucia, name="Nora", email="nora@example.org")
        await eventually(lambda: len(with_class(lucia, "ac-staff-row")) == 5)
        assert role_shown(row(lucia, "Nora")) == "Solo lectura"

    async def test_an_invitation_that_was_not_sent_waits_to_be_sent_again(
        self, lucia: User, database: Postgres
    ) -> None:
        fill(lucia, name="Nora", email="unreachable@example.org")
        await eventually(lambda: len(with_class(lucia, "ac-staff-row")) == 5)
        await eventually(lambda: "no se ha podido enviar" in words(row(lucia, "Nora")))
        assert "Invitación sin enviar" in words(row(lucia, "Nora"))
        press(lucia, row(lucia, "Nora"), "Gestionar")
        await eventually(lambda: "Volver a enviar" in words(row(lucia, "Nora")))
        press(lucia, row(lucia, "Nora"), "Volver a enviar la invitación")
        await eventually(lambda: "no se ha podido enviar" in words(row(lucia, "Nora")))
        with database.connect() as connection:
            connection.execute("update staff set email = 'nora@example.org' where name = 'Nora'")
        press(lucia, row(lucia, "Nora"), "Volver a enviar la invitación")
        await eventually(lambda: "va de camino" in words(row(lucia, "Nora")))
        assert "Aún no ha entrado" in words(row(lucia, "Nora"))

    async def test_who_has_signed_in_is_not_invited_again(self, lucia: User) -> None:
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: "Desactivar" in words(row(lucia, "Omar")))
        assert "invitación" not in words(row(lucia, "Omar"))

    async def test_a_name_is_no_markup(self, lucia: User) -> None:
        fill(lucia, name="<img src=x onerror=alert(1)>", email="nora@example.org")
        await eventually(lambda: len(with_class(lucia, "ac-staff-row")) == 5)
        await eventually(lambda: "Invitación enviada a" in markup(lucia))
        assert "&lt;img" in markup(lucia)
        assert "<img" not in markup(lucia)


class TestRoles:
    async def test_to_choose_a_role_gives_none_until_it_is_saved(
        self, lucia: User, admin: Staff, caseworker: Staff
    ) -> None:
        omar = await open_panel(lucia, "Omar")
        for role in ("admin", "viewer"):
            choose(lucia, omar, role)
        await eventually(lambda: "no cambia nada" in words(omar))
        assert await role_of(admin, caseworker) == "caseworker"
        press(lucia, omar, "Gestionar")
        assert role_shown(omar) == "Atención social"

    async def test_a_role_is_changed_and_taken_back(
        self, lucia: User, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        omar = await give(lucia, "Omar", "viewer")
        await eventually(lambda: role_shown(omar) == "Solo lectura")
        assert await role_of(admin, caseworker) == "viewer"
        await eventually(lambda: len(with_class(lucia, "ac-toast")) == 1)
        assert roles_written(database) == 1
        press(lucia, with_class(lucia, "ac-toast-place")[0], "Deshacer")
        await eventually(lambda: role_shown(omar) == "Atención social")
        assert await role_of(admin, caseworker) == "caseworker"
        await eventually(lambda: "el rol que tenía" in words(omar))

    async def test_what_a_colleague_changed_meanwhile_is_not_overwritten(
        self, lucia: User, admin: Staff, caseworker: Staff
    ) -> None:
        omar = await open_panel(lucia, "Omar")
        choose(lucia, omar, "admin")
        await staff_admin.change_role(admin, caseworker.id, "viewer", expected="caseworker")
        press(lucia, omar, "Guardar el rol")
        await eventually(lambda: "lo ha cambiado mientras tanto" in words(omar))
        assert (role_shown(omar), chosen(omar)) == ("Solo lectura", "viewer")
        assert await role_of(admin, caseworker) == "viewer"

    async def test_a_role_that_does_not_exist_is_none(
        self, lucia: User, admin: Staff, caseworker: Staff
    ) -> None:
        omar = await give(lucia, "Omar", "boss")
        await eventually(lambda: "Guardar el rol" not in words(omar))
        assert await role_of(admin, caseworker) == "caseworker"

    async def test_the_last_admin_stays_and_is_told_why(
        self, lucia: User, admin: Staff, reloads: list[bool]
    ) -> None:
        me = await give(lucia, "Lucía", "viewer")
        await eventually(lambda: "Dejas la coordinación" in words(me))
        assert await role_of(admin, admin) == "admin"
        press(lucia, me, "Sí, cambiar mi rol")
        await eventually(lambda: "nadie más del equipo" in words(me))
        assert (role_shown(me), chosen(me)) == ("Coordinación", "admin")
        assert reloads == []

    async def test_an_admin_who_gives_it_up_leaves_the_page(
        self, lucia: User, admin: Staff, caseworker: Staff, reloads: list[bool]
    ) -> None:
        await staff_admin.change_role(admin, caseworker.id, "admin", expected="caseworker")
        me = await give(lucia, "Lucía", "viewer")
        await eventually(lambda: "Dejas la coordinación" in words(me))
        press(lucia, me, "Dejarlo como está")
        await eventually(lambda: "Dejas la coordinación" not in words(me))
        assert chosen(me) == "admin"
        choose(lucia, me, "viewer")
        press(lucia, me, "Guardar el rol")
        await eventually(lambda: "Dejas la coordinación" in words(me))
        press(lucia, me, "Sí, cambiar mi rol")
        await eventually(lambda: bool(reloads))

    async def test_a_name_is_corrected(self, lucia: User) -> None:
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: "Cambiar el nombre" in words(row(lucia, "Omar")))
        press(lucia, row(lucia, "Omar"), "Cambiar el nombre")
        await eventually(lambda: "Guardar el nombre" in words(row(lucia, "Omar")))
        field(row(lucia, "Omar"), "Nombre y apellidos").value = " "
        press(lucia, row(lucia, "Omar"), "Guardar el nombre")
        await eventually(lambda: field(row(lucia, "Omar"), "Nombre y apellidos").error is not None)
        field(row(lucia, "Omar"), "Nombre y apellidos").value = "Omar Benalí"
        press(lucia, row(lucia, "Omar"), "Guardar el nombre")
        await eventually(lambda: "Nombre cambiado" in words(row(lucia, "Omar")))
        assert "Omar Benalí" in words(row(lucia, "Omar"))


class TestLeaving:
    async def test_it_is_asked_first_and_says_what_happens(
        self, lucia: User, admin: Staff, caseworker: Staff
    ) -> None:
        token = await sign_in_demo(OMAR)
        assert token is not None
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: "Desactivar" in words(row(lucia, "Omar")))
        press(lucia, row(lucia, "Omar"), "Desactivar")
        await eventually(lambda: "sale de todas las pantallas" in words(row(lucia, "Omar")))
        press(lucia, row(lucia, "Omar"), "Dejarlo como está")
        await eventually(lambda: "sale de todas" not in words(row(lucia, "Omar")))
        assert await sessions.staff_of(token) is not None
        press(lucia, row(lucia, "Omar"), "Desactivar")
        await eventually(lambda: "Sí, desactivar" in words(row(lucia, "Omar")))
        press(lucia, row(lucia, "Omar"), "Sí, desactivar")
        await eventually(lambda: "ha salido de todas partes" in words(row(lucia, "Omar")))
        assert await sessions.staff_of(token) is None
        assert with_class(lucia, "ac-staff-row--gone") == [row(lucia, "Omar")]
        await lucia.should_see("3 personas activas · 1 desactivada")

    async def test_who_left_comes_back(self, lucia: User, admin: Staff, caseworker: Staff) -> None:
        await staff_admin.deactivate(admin, caseworker.id)
        await lucia.open(PATH)
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: "Reactivar" in words(row(lucia, "Omar")))
        assert "Desactivar" not in words(row(lucia, "Omar"))
        press(lucia, row(lucia, "Omar"), "Reactivar")
        await eventually(lambda: "puede volver a entrar" in words(row(lucia, "Omar")))
        assert await sign_in_demo(OMAR) is not None

    async def test_the_last_admin_cannot_leave(self, lucia: User, admin: Staff) -> None:
        press(lucia, row(lucia, "Lucía"), "Gestionar")
        await eventually(lambda: "Desactivar" in words(row(lucia, "Lucía")))
        press(lucia, row(lucia, "Lucía"), "Desactivar")
        await eventually(lambda: "también de esta" in words(row(lucia, "Lucía")))
        press(lucia, row(lucia, "Lucía"), "Sí, desactivar")
        await eventually(lambda: "nadie más del equipo" in words(row(lucia, "Lucía")))
        assert await role_of(admin, admin) == "admin"


class TestSessions:
    async def test_they_are_shown_in_plain_words_and_ended(
        self, lucia: User, caseworker: Staff
    ) -> None:
        desk = await sign_in_demo(
            OMAR,
            address="10.0.0.9",
            user_agent="Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
        )
        assert desk is not None
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: len(with_class(lucia, "ac-staff-session")) == 2)
        [at_desk] = [s for s in with_class(lucia, "ac-staff-session") if "10.0.0.9" in words(s)]
        assert "Firefox" in words(at_desk)
        assert "Windows" in words(at_desk)
        press(lucia, at_desk, "Cerrar")
        await eventually(lambda: len(with_class(lucia, "ac-staff-session")) == 1)
        assert await sessions.staff_of(desk) is None
        assert "1 sesión abierta" in words(row(lucia, "Omar"))
        await sign_in_demo(OMAR)
        press(lucia, row(lucia, "Omar"), "Gestionar")
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: len(with_class(lucia, "ac-staff-session")) == 2)
        press(lucia, row(lucia, "Omar"), "Cerrar todas")
        await eventually(lambda: "ninguna sesión abierta" in words(row(lucia, "Omar")))
        await eventually(lambda: "2 sesiones cerradas" in words(row(lucia, "Omar")))

    async def test_to_end_one_leaves_a_name_that_is_being_typed(
        self, lucia: User, caseworker: Staff
    ) -> None:
        omar = await open_panel(lucia, "Omar")
        press(lucia, omar, "Cambiar el nombre")
        await eventually(lambda: "Guardar el nombre" in words(omar))
        field(omar, "Nombre y apellidos").value = "Omar B."
        choose(lucia, omar, "viewer")
        [here] = with_class(lucia, "ac-staff-session")
        press(lucia, here, "Cerrar")
        await eventually(lambda: "1 sesión cerrada" in words(omar))
        assert field(omar, "Nombre y apellidos").value == "Omar B."
        await eventually(lambda: "no cambia nada" in words(omar))

    async def test_each_button_says_which_session_it_ends(self, lucia: User) -> None:
        agent = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
        await sign_in_demo(OMAR, user_agent=agent)
        omar = await open_panel(lucia, "Omar")
        names = [b.props.get("aria-label") for b in omar.descendants()]
        assert "Cerrar: Firefox en Windows" in names

    async def test_what_was_said_goes_when_something_else_is_done(
        self, lucia: User, caseworker: Staff
    ) -> None:
        omar = await open_panel(lucia, "Omar")
        press(lucia, with_class(lucia, "ac-staff-session")[0], "Cerrar")
        await eventually(lambda: "1 sesión cerrada" in words(omar))
        await open_panel(lucia, "Pau")
        assert "sesión cerrada" not in words(omar)


class TestKeepingUp:
    async def look_again(self, user: User) -> None:
        with user:
            [timer] = [
                t for t in ElementFilter(kind=ui.timer, local_scope=False) if t.interval > 10
            ]
            assert timer.callback is not None
            await timer.callback()

    async def test_news_do_not_disturb_what_is_open(
        self, lucia: User, admin: Staff, viewer: Staff
    ) -> None:
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: "Cambiar el nombre" in words(row(lucia, "Omar")))
        press(lucia, row(lucia, "Omar"), "Cambiar el nombre")
        await eventually(lambda: "Guardar el nombre" in words(row(lucia, "Omar")))
        field(row(lucia, "Omar"), "Nombre y apellidos").value = "Omar B."
        await staff_admin.change_role(admin, viewer.id, "caseworker", expected="viewer")
        await staff_admin.invite(
            admin, email="abel@example.org", name="Abel", role="viewer", send=None
        )
        await self.look_again(lucia)
        assert role_shown(row(lucia, "Pau")) == "Atención social"
        assert field(row(lucia, "Omar"), "Nombre y apellidos").value == "Omar B."
        [place] = with_class(lucia, "ac-staff-list")
        assert "Abel" in words(next(iter(place)))

    async def test_whoever_is_demoted_meanwhile_decides_and_learns_nothing(
        self, lucia: User, admin: Staff, caseworker: Staff, reloads: list[bool], database: Postgres
    ) -> None:
        press(lucia, row(lucia, "Omar"), "Gestionar")
        await eventually(lambda: "Desactivar" in words(row(lucia, "Omar")))
        press(lucia, row(lucia, "Omar"), "Desactivar")
        await eventually(lambda: "Sí, desactivar" in words(row(lucia, "Omar")))
        pau = await open_panel(lucia, "Pau")
        choose(lucia, pau, "admin")
        with database.connect() as connection:
            connection.execute("update staff set role = 'viewer' where id = %s", [admin.id])
            before = connection.execute("select * from staff order by id").fetchall()
            press(lucia, row(lucia, "Omar"), "Sí, desactivar")
            press(lucia, pau, "Guardar el rol")
            fill(lucia, name="Nora", email="nora@example.org")
            press(lucia, row(lucia, "Carmen"), "Gestionar")
            await eventually(lambda: len(reloads) == 4)
            await self.look_again(lucia)
            assert len(reloads) == 5
            assert connection.execute("select * from staff order by id").fetchall() == before
        assert "Sesiones abiertas" not in words(row(lucia, "Carmen"))
        assert await sign_in_demo(OMAR) is not None

    async def test_whoever_is_signed_out_meanwhile_decides_nothing(
        self, lucia: User, database: Postgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        led_to: list[str] = []
        monkeypatch.setattr(ui.navigate, "to", led_to.append)
        omar = await open_panel(lucia, "Omar")
        choose(lucia, omar, "admin")
        with database.connect() as connection:
            connection.execute("update staff_sessions set ended_at = now()")
        press(lucia, omar, "Guardar el rol")
        await eventually(lambda: led_to == [f"/login?next={PATH}"])
        with database.connect() as connection:
            found = connection.execute("select count(*) from staff where role = 'admin'").fetchone()
        assert found == (1,)


def roles_written(database: Postgres) -> int:
    """How many changes of somebody's entry the audit log holds."""
    with database.connect() as connection:
        return len(
            connection.execute(
                "select from audit_log where table_name = 'staff' and action = 'update'"
            ).fetchall()
        )


async def role_of(admin: Staff, person: Staff) -> str:
    [found] = [m for m in await staff_admin.list_staff(admin) if m.id == person.id]
    return found.role


def _is_shown(element: ui.element, top: ui.element) -> bool:
    here: ui.element | None = element
    while here is not None and here is not top:
        if not here.visible:
            return False
        here = here.parent_slot.parent if here.parent_slot else None
    return True
