"""Who may open which page, and what a page still does for somebody who lost their role meanwhile.

Walks the pages that the app registers: a new page fails until it is in `PAGES`.
"""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest
from nicegui import Client, ElementFilter, background_tasks, ui
from nicegui.events import GenericEventArguments, handle_event
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

from services.actors import Staff
from services.permissions import Permission
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.expected_permissions import MATRIX, ROLES
from tests.pages import browser_of
from tests.support import Postgres, deliver

MAIN = Path(__file__).parent / "simulated_main.py"

#: Path -> what it requires.
PAGES: dict[str, Permission] = {
    "/": Permission.READ_CLIENTS,
    "/settings/account": Permission.OWN_ACCOUNT,
    "/import": Permission.IMPORT_CLIENTS,
    "/import/{import_id}": Permission.IMPORT_CLIENTS,
    "/clients": Permission.READ_CLIENTS,
    "/search": Permission.READ_CLIENTS,
    "/settings/desk": Permission.CHANGE_CLIENTS,
    "/clients/{client_id}": Permission.READ_CLIENTS,
    "/dashboard": Permission.READ_ANALYTICS,
    "/dashboard/print": Permission.READ_ANALYTICS,
    "/settings/audit": Permission.READ_AUDIT,
    "/settings/canned-replies": Permission.CHANGE_CLIENTS,
    "/settings/channel": Permission.MANAGE_CHANNEL,
    "/settings/undelivered": Permission.READ_CLIENTS,
    "/templates": Permission.READ_CLIENTS,
    "/settings/keywords": Permission.READ_CLIENTS,
    "/settings/deliveries": Permission.HANDLE_DELIVERIES,
    "/settings/privacy": Permission.MANAGE_RETENTION,
    "/settings/staff": Permission.MANAGE_STAFF,
    "/simulator": Permission.READ_CLIENTS,
}
#: Pages to press everything on, and what has become of their admin. Whoever may only read still has
#: an account of their own.
PRESSED = [
    (path, became)
    for path, permission in PAGES.items()
    for became in ("viewer", "deactivated", "signed out")
    if not (became == "viewer" and permission is Permission.OWN_ACCOUNT)
]

#: Everything that a person may have brought about: none of it, by whom it was taken from.
STATE = (
    "select * from staff order by id",
    "select * from clients order by id",
    "select id, state, closed_by from webhook_items order by id",
    "select id, state from webhook_deliveries order by id",
    "select * from retention_rules order by kind",
    "select * from erasures order by id",
    "select * from access_exports order by id",
    "select id, ended_at from staff_sessions order by id",
    "select * from assignments order by id",
    "select * from client_labels order by client_id, label_id",
    "select * from labels order by id",
    "select * from desk_settings",
    "select id, state, dry_run, wants_cancel from imports order by id",
    "select * from canned_replies order by id",
    "select * from structured_messages order by id",
    "select * from own_keywords order by id",
    "select * from disabled_keywords order by id",
    "select * from template_syncs",
    "select phone_number_id, next_check_at from channel_checks order by phone_number_id",
    "select phone_number_id, stopped_at from whatsapp_numbers order by phone_number_id",
)
#: Events that a listener may be waiting for, with what a browser would send along.
EVENTS: dict[str, object] = {
    "click": None,
    "submit.prevent": None,
    "change": "admin",
    "update:model-value": "x",
    "keydown.enter": "x",
}


@pytest.fixture
async def client(database: Postgres, people: dict[str, Staff]) -> UUID:
    """Something to press on, on every page; the one client."""
    planted = Sender("34600111222", profile_name="Amina")
    message = bodies.text(planted, "Hola")
    del message["id"]
    await deliver(bodies.from_sender(DEMO_NUMBER, planted, message))
    await deliver(bodies.from_sender(DEMO_NUMBER, planted, bodies.text(planted, "quiero asilo")))
    with database.connect() as connection:
        [row] = connection.execute("select id from clients where unread_count > 0").fetchall()
        connection.execute(
            "insert into imports (id, file_name, kind, state, mapping) values"
            " (%s, 'people.csv', 'csv', 'uploaded', '{\"columns\": [\"name\", \"phone\"]}')",
            [row[0]],
        )
        connection.execute(
            "insert into import_chunks values (%s, 0, 'name;phone\nAmina;600111222\n')", [row[0]]
        )
    assert isinstance(row[0], UUID)
    return row[0]


def registered() -> set[str]:
    """The pages that the app has registered, once a simulation runs."""
    return set(Client.page_routes.values())


def address(path: str, client: UUID) -> str:
    return path.format(client_id=client, import_id=client)


class TestOpening:
    @pytest.mark.parametrize("role", ROLES)
    async def test_every_page_answers_each_role_as_it_should(
        self, client: UUID, people: dict[str, Staff], role: str
    ) -> None:
        async with browser_of(people[role], MAIN) as user:
            assert registered() == PAGES.keys()
            found = {
                path: (await user.http_client.get(address(path, client), follow_redirects=False))
                for path in sorted(registered())
            }
            expected = {path: 403 if role not in MATRIX[PAGES[path]] else 200 for path in found}
            assert {path: answer.status_code for path, answer in found.items()} == expected

    async def test_nobody_is_led_to_the_sign_in_from_everywhere(
        self, client: UUID, people: dict[str, Staff]
    ) -> None:
        async with user_simulation(main_file=MAIN) as user:
            for path in sorted(registered()):
                answer = await user.http_client.get(address(path, client), follow_redirects=False)
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/login"), path

    async def test_somebody_deactivated_is_nobody(
        self, client: UUID, people: dict[str, Staff], database: Postgres
    ) -> None:
        async with browser_of(people["admin"], MAIN) as user:
            with database.connect() as connection:
                connection.execute("update staff set active = false")
            for path in sorted(registered()):
                answer = await user.http_client.get(address(path, client), follow_redirects=False)
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/login"), path


class TestPressing:
    """A page that was opened by an admin, whose browser then reports all it could report."""

    @pytest.mark.parametrize(("path", "became"), PRESSED)
    async def test_what_an_admin_opened_does_nothing_for_somebody_who_is_none(
        self,
        client: UUID,
        people: dict[str, Staff],
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
        path: str,
        became: str,
    ) -> None:
        for way in ("to", "reload"):
            monkeypatch.setattr(ui.navigate, way, lambda *_, **__: None)
        async with browser_of(people["admin"], MAIN) as user:
            await user.open(address(path, client))
            take_away(database, people["admin"], became)
            before = state(database)
            assert await report_everything(user), "a page with nothing to press"
            assert state(database) == before


def take_away(database: Postgres, person: Staff, became: str) -> None:
    with database.connect() as connection:
        match became:
            case "viewer":
                connection.execute("update staff set role = 'viewer' where id = %s", [person.id])
            case "deactivated":
                connection.execute("update staff set active = false where id = %s", [person.id])
            case _:
                connection.execute(
                    "update staff_sessions set ended_at = now() where staff_id = %s", [person.id]
                )


def state(database: Postgres) -> list[object]:
    with database.connect() as connection:
        return [connection.execute(query.encode()).fetchall() for query in STATE]


async def report_everything(user: User) -> int:
    """Let the browser report every event that the page listens to; how many it were."""
    reported = 0
    # Twice: a press may ask a question, and the answer is another button.
    for _ in range(2):
        before = set(background_tasks.running_tasks)
        with user:
            for element in list(ElementFilter(local_scope=False)):
                for listener in list(element._event_listeners.values()):
                    if listener.type in EVENTS and listener.handler is not None:
                        arguments = GenericEventArguments(
                            sender=element, client=element.client, args=EVENTS[listener.type]
                        )
                        handle_event(listener.handler, arguments)
                        reported += 1
        if started := background_tasks.running_tasks - before:
            await asyncio.wait(started, timeout=5)
    return reported
