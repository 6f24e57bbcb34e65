"""A person's rights beside their file, and the page of privacy, as each role meets them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from nicegui import ui
from nicegui.testing import User

from services import access_exports, client_edits, clients, erasures, files, retention
from services.actors import Staff
from services.adapters.local_storage import LocalStorage
from services.changes import ClientChange
from services.clients import ClientDetail, ClientSummary
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import SYSTEM, Postgres, deliver
from ui.components.client_rights import is_confirmed

MAIN = Path(__file__).parent / "simulated_main.py"
AMINA = Sender("34600111222", profile_name="Amina Béjaïa")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.fixture
async def storage(database: Postgres, tmp_path: Path) -> AsyncIterator[LocalStorage]:
    storage = LocalStorage(tmp_path / "files", "http://127.0.0.1:8000")
    await storage.ensure()
    files.use(storage)
    yield storage
    files.use(None)


@pytest.fixture
async def amina(admin: Staff, storage: LocalStorage) -> ClientSummary:
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "hola", at=NOW)))
    [client] = (await clients.list_clients(admin)).items
    return client


@pytest.fixture
async def lucia(admin: Staff) -> AsyncIterator[User]:
    """An admin's browser."""
    async with browser_of(admin, MAIN) as user:
        yield user


@pytest.fixture
def focused(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The elements that the pages have put the keyboard on, in turn, by their ids."""
    found: list[int] = []
    run = ui.run_javascript

    def watched(code: str, *, timeout: float = 1.0) -> Any:
        if ".focus()" in code:
            found.extend(int(number) for number in re.findall(r"getHtmlElement\((\d+)\)", code))
        return run(code, timeout=timeout)

    monkeypatch.setattr(ui, "run_javascript", watched)
    return found


async def write(client: ClientSummary, words: str) -> None:
    """Amina writes, and the open pages hear of it."""
    from ui import live  # each simulation imports the pages anew

    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, words, at=NOW)))
    await live.dispatch(ClientChange(client.id))


async def unfold(user: User, client: ClientSummary) -> None:
    await user.open(f"/clients/{client.id}")
    [details] = with_class(user, "ac-rights")
    report(user, details, "toggle")
    await eventually(lambda: bool(with_class(user, "ac-rights-block")))
    if len(with_class(user, "ac-rights-block")) > 1:  # what only admins have is read afterwards
        await eventually(lambda: len(with_class(user, "ac-rights-title")) == 4)


def rights(user: User) -> str:
    """Everything the section says."""
    [details] = with_class(user, "ac-rights")
    below = [e for e in details.descendants() if e.visible]
    texts = [e.content for e in below if isinstance(e, ui.html)]
    return " ".join(texts + [e.text for e in below if isinstance(e, ui.label)])


async def status_of(admin: Staff, client_id: UUID) -> str:
    detail = await clients.get_client(admin, client_id, again=True)
    assert detail is not None
    return detail.summary.status


class TestWhoSeesWhat:
    async def test_a_viewer_sees_nothing_of_it(self, viewer: Staff, amina: ClientSummary) -> None:
        async with browser_of(viewer, MAIN) as user:
            await user.open(f"/clients/{amina.id}")
            assert with_class(user, "ac-rights") == []

    async def test_a_caseworker_archives_and_no_more(
        self, caseworker: Staff, amina: ClientSummary
    ) -> None:
        async with browser_of(caseworker, MAIN) as user:
            await unfold(user, amina)
            assert len(with_class(user, "ac-rights-block")) == 1
            assert len(with_class(user, "ac-rights-item")) == 0

    async def test_the_page_of_privacy_is_for_admins(self, caseworker: Staff) -> None:
        async with browser_of(caseworker, MAIN) as user:
            answer = await user.http_client.get("/settings/privacy")
            assert (answer.status_code, "ac-privacy" in answer.text) == (403, False)


class TestArchiving:
    async def test_is_undone_from_the_toast(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        await unfold(lucia, amina)
        [block, *_] = with_class(lucia, "ac-rights-block")
        [archive] = [e for e in block.descendants() if is_button(e)]
        report(lucia, archive, "click")
        await eventually(lambda: bool(with_class(lucia, "ac-toast-button")))
        assert await status_of(admin, amina.id) == "archived"
        [undo] = with_class(lucia, "ac-toast-button")
        report(lucia, undo, "click")
        await eventually(lambda: not with_class(lucia, "ac-toast-button"))
        assert await status_of(admin, amina.id) == "active"

    async def test_undoing_it_brings_back_the_state_of_before(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        await client_edits.update_client(admin, amina.id, {"status": "inactive"})
        await unfold(lucia, amina)
        press_icon(lucia, "archive")
        await eventually(lambda: bool(with_class(lucia, "ac-toast-button")))
        assert await status_of(admin, amina.id) == "archived"
        [undo] = with_class(lucia, "ac-toast-button")
        report(lucia, undo, "click")
        await eventually(lambda: not with_class(lucia, "ac-toast-button"))
        assert await status_of(admin, amina.id) == "inactive"

    async def test_undoing_it_leaves_a_file_that_a_message_has_opened(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        await client_edits.update_client(admin, amina.id, {"status": "inactive"})
        await unfold(lucia, amina)
        press_icon(lucia, "archive")
        await eventually(lambda: bool(with_class(lucia, "ac-toast-button")))
        await write(amina, "otra vez")
        [undo] = with_class(lucia, "ac-toast-button")
        report(lucia, undo, "click")
        await eventually(lambda: not with_class(lucia, "ac-toast-button"))
        assert await status_of(admin, amina.id) == "active"

    async def test_leaves_the_keyboard_at_the_way_back(
        self, lucia: User, amina: ClientSummary, focused: list[int]
    ) -> None:
        await unfold(lucia, amina)
        press_icon(lucia, "archive")
        await eventually(lambda: bool(focused))
        [block, *_] = with_class(lucia, "ac-rights-block")
        [restore] = [e for e in block.descendants() if is_button(e)]
        assert "#refresh" in restore.content
        assert focused == [restore.id]


class TestACopy:
    async def test_is_asked_for_watched_and_downloaded(
        self,
        lucia: User,
        admin: Staff,
        amina: ClientSummary,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        led_to: list[str] = []
        monkeypatch.setattr(ui.navigate, "to", led_to.append)
        await unfold(lucia, amina)
        press_icon(lucia, "download")
        await eventually(lambda: "<progress" in rights(lucia))
        await access_exports.build_next(SYSTEM)
        # The page looks by itself.
        await eventually(lambda: "<progress" not in rights(lucia))
        [item] = with_class(lucia, "ac-rights-item")
        download, delete = [e for e in item.descendants() if is_button(e)]
        report(lucia, download, "click")
        await eventually(lambda: bool(led_to))
        assert led_to[0].startswith("http://127.0.0.1:8000/files/")
        report(lucia, delete, "click")
        await eventually(lambda: not with_class(lucia, "ac-rights-item"))
        assert await access_exports.exports_of(admin, amina.id) == []


class TestALegalHold:
    async def test_closes_the_way_to_erase(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        await unfold(lucia, amina)
        assert len(danger(lucia)) == 0
        hold_form(lucia).set_value("  ")
        submit(lucia, hold_form(lucia))
        await eventually(lambda: any(e.text for e in with_class(lucia, "ac-rights-problem")))
        hold_form(lucia).set_value("Recurso en el juzgado <b>3</b>")
        submit(lucia, hold_form(lucia))
        await eventually(lambda: "juzgado &lt;b&gt;3&lt;/b&gt;" in rights(lucia))
        assert await erasures.legal_hold_of(admin, amina.id) == "Recurso en el juzgado <b>3</b>"
        assert with_class(lucia, "ac-rights-form") == []


class TestAMessageThatArrivesMeanwhile:
    async def test_leaves_what_an_admin_is_typing(self, lucia: User, amina: ClientSummary) -> None:
        await unfold(lucia, amina)
        await open_erasing(lucia)
        await eventually(lambda: len(danger(lucia)) == 1)
        [block, *_] = with_class(lucia, "ac-rights-block")
        [archive] = [e for e in block.descendants() if is_button(e)]
        why, typed = hold_form(lucia), erase_field(lucia)
        why.set_value("Recurso en el")
        typed.set_value("Amina B")
        assert "<li>1 " in rights(lucia)
        await write(amina, "sigo aquí")
        await eventually(lambda: "<li>2 " in rights(lucia))
        assert (hold_form(lucia), hold_form(lucia).value) == (why, "Recurso en el")
        assert (erase_field(lucia), erase_field(lucia).value) == (typed, "Amina B")
        assert not archive.is_deleted


class TestErasing:
    async def test_wants_the_name_or_the_last_digits_and_leads_to_its_proof(
        self,
        lucia: User,
        admin: Staff,
        amina: ClientSummary,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        led_to: list[str] = []
        monkeypatch.setattr(ui.navigate, "to", led_to.append)
        await unfold(lucia, amina)
        await open_erasing(lucia)
        await eventually(lambda: len(danger(lucia)) == 1)
        typed = erase_field(lucia)
        assert "Amina Béjaïa" in typed.props["aria-label"]
        typed.set_value("Amina")
        submit(lucia, typed)
        await eventually(lambda: any(e.text for e in with_class(lucia, "ac-rights-problem")))
        assert await clients.get_client(admin, amina.id) is not None
        typed.set_value("1222")
        submit(lucia, typed)
        await eventually(lambda: bool(led_to))
        [erasure] = await erasures.list_erasures(admin)
        assert led_to == [f"/settings/privacy#erasure-{erasure.id}"]
        assert erasure.reason == "request"

    async def test_of_a_held_client_by_an_old_page_says_no(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        await unfold(lucia, amina)
        await open_erasing(lucia)
        await eventually(lambda: len(danger(lucia)) == 1)
        await erasures.set_legal_hold(admin, amina.id, "juzgado")
        typed = erase_field(lucia)
        typed.set_value("1222")
        submit(lucia, typed)
        await eventually(lambda: "juzgado" in rights(lucia))
        assert await clients.get_client(admin, amina.id) is not None

    @pytest.mark.parametrize(
        ("typed", "name", "phone", "is_right"),
        [
            ("Amina Béjaïa", "Amina Béjaïa", "+34600111222", True),
            ("  amina   BÉJAÏA ", "Amina Béjaïa", "+34600111222", True),
            ("1222", "Amina Béjaïa", "+34600111222", True),
            ("", "Amina Béjaïa", "+34600111222", False),
            ("Amina", "Amina Béjaïa", "+34600111222", False),
            ("222", None, "+34600111222", False),
            ("1222", None, "+34600111222", True),
            ("1222", "Amina", None, False),
            ("", None, None, False),
        ],
    )
    async def test_what_is_typed_is_who_is_meant(
        self,
        typed: str,
        name: str | None,
        phone: str | None,
        is_right: bool,
        admin: Staff,
        amina: ClientSummary,
    ) -> None:
        detail: ClientDetail | None = await clients.get_client(admin, amina.id)
        assert detail is not None
        summary = replace(detail.summary, name=name, phone=phone)
        assert is_confirmed(typed, replace(detail, summary=summary)) == is_right


class TestWhoLostTheirRole:
    async def test_is_told_politely_and_changes_nothing(
        self, lucia: User, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        await unfold(lucia, amina)
        with database.connect() as connection:
            connection.execute("update staff set role = 'viewer' where id = %s", [admin.id])
        said: list[Any] = []
        lucia.notify.messages.clear()
        press_icon(lucia, "archive")
        await eventually(lambda: bool(lucia.notify.messages))
        said += lucia.notify.messages
        with database.connect() as connection:
            rows = connection.execute("select status from clients").fetchall()
        assert rows == [("active",)]
        assert len(said) == 1


class TestThePageOfPrivacy:
    async def test_a_rule_is_used_after_a_look_at_what_would_go(
        self,
        lucia: User,
        admin: Staff,
        amina: ClientSummary,
        database: Postgres,
        focused: list[int],
    ) -> None:
        with database.connect() as connection:
            then = {"then": datetime.now(UTC) - timedelta(days=900)}
            connection.execute("update messages set received_at = %(then)s", then)
            connection.execute("update clients set status = 'archived', unread_count = 0")
            connection.execute(
                "update clients set archived_at = %(then)s, last_message_at = %(then)s", then
            )
        await lucia.open("/settings/privacy")
        card = with_class(lucia, "ac-rights-item")[0]
        [days] = [e for e in card.descendants() if isinstance(e, ui.input)]
        days.set_value("veinte")
        submit(lucia, days)
        await eventually(lambda: any(e.text for e in with_class(lucia, "ac-rights-problem")))
        days.set_value("730")
        submit(lucia, days)
        await eventually(lambda: "Amina" in markup(lucia))
        [use] = [e for e in card.descendants() if "ac-button--danger" in e.classes and e.visible]
        assert "730" in use.content
        report(lucia, use, "click")
        await eventually(lambda: "ac-tag--ok" in card_head(card))
        await eventually(lambda: len(lucia.notify.messages) == 1)
        rule = {r.kind: r for r in await retention.rules(admin)}["archived_clients"]
        assert (rule.days, rule.active, rule.updated_by) == (730, True, admin.name)
        off = [e for e in card.descendants() if is_button(e)][1]
        report(lucia, off, "click")
        await eventually(lambda: "ac-tag--other" in card_head(card))
        await eventually(lambda: len(lucia.notify.messages) == 2)
        on, off_again = lucia.notify.messages
        assert on != off_again
        [look, *_] = [e for e in card.descendants() if is_button(e)]
        await eventually(lambda: focused == [look.id, look.id])

    async def test_a_rule_that_another_admin_changes_is_shown_by_itself(
        self, lucia: User, admin: Staff
    ) -> None:
        await lucia.open("/settings/privacy")
        archived, deliveries, *_ = with_class(lucia, "ac-rights-item")
        [untouched] = [e for e in archived.descendants() if isinstance(e, ui.input)]
        [edited] = [e for e in deliveries.descendants() if isinstance(e, ui.input)]
        edited.set_value("45")
        await retention.set_rule(admin, "archived_clients", 400, True)
        await retention.set_rule(admin, "webhook_deliveries", 20, False)
        await eventually(lambda: "ac-tag--ok" in card_head(archived))
        await eventually(lambda: "ac-tag--other" in card_head(deliveries))
        assert (untouched.value, edited.value) == ("400", "45")

    async def test_an_erasure_shows_its_proof_as_it_comes(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        erasure = await erasures.erase(admin, amina.id, reason="mistake")
        await lucia.open("/settings/privacy")
        [card] = [e for e in with_class(lucia, "ac-rights-item") if "id" in e.props]
        assert card.props["id"] == f"erasure-{erasure.id}"
        assert "ac-tag--info" in card_head(card)
        assert "Amina" not in markup(lucia)
        while await erasures.prove_next(SYSTEM):
            pass

        def is_proved() -> bool:
            [shown] = [e for e in with_class(lucia, "ac-rights-item") if "id" in e.props]
            return "ac-tag--ok" in card_head(shown)

        await eventually(is_proved)

    async def test_what_is_left_is_said_loudly(
        self, lucia: User, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        with database.connect() as connection:
            connection.execute("update staff set name = %s where id <> %s", [amina.id, admin.id])
        while await erasures.prove_next(SYSTEM):
            pass
        await lucia.open("/settings/privacy")
        [card] = [e for e in with_class(lucia, "ac-rights-item") if "id" in e.props]
        assert "ac-tag--danger" in card_head(card)

    async def test_an_unreadable_delivery_is_put_to_the_admin(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        await deliver(f'{{"from": "{AMINA.wa_id}", '.encode())
        await erasures.erase(admin, amina.id, reason="request")
        while await erasures.prove_next(SYSTEM):
            pass
        await lucia.open("/settings/privacy")

        def card() -> ui.element:
            [shown] = [e for e in with_class(lucia, "ac-rights-item") if "id" in e.props]
            assert isinstance(shown, ui.element)
            return shown

        assert "ac-tag--warn" in card_head(card())
        theirs, _ = [e for e in card().descendants() if is_button(e)]
        report(lucia, theirs, "click")

        await eventually(lambda: not any(is_button(e) for e in card().descendants()))
        while await erasures.prove_next(SYSTEM):
            pass
        await eventually(lambda: "ac-tag--ok" in card_head(card()))

    async def test_copies_lead_to_their_file(
        self, lucia: User, admin: Staff, amina: ClientSummary
    ) -> None:
        await access_exports.request_export(admin, amina.id)
        await lucia.open("/settings/privacy")
        assert f'href="/clients/{amina.id}"' in markup(lucia)


def is_button(element: ui.element) -> bool:
    return element.props.get("type") in ("button", "submit")


def card_head(card: ui.element) -> str:
    [head] = [e for e in card.descendants() if "ac-privacy-head" in e.classes]
    assert isinstance(head, ui.html)
    return str(head.content)


def press_icon(user: User, symbol: str) -> None:
    """Press the one button of the section with this icon."""
    [details] = with_class(user, "ac-rights")
    [found] = [
        e
        for e in details.descendants()
        if isinstance(e, ui.html) and is_button(e) and f"#{symbol}" in e.content
    ]
    report(user, found, "click")


def submit(user: User, field: ui.element) -> None:
    """Send the form that a field is in."""
    form = next(e for e in field.ancestors() if e.tag == "form")
    report(user, form, "submit.prevent")


def hold_form(user: User) -> ui.input:
    [details] = with_class(user, "ac-rights")
    return next(e for e in details.descendants() if isinstance(e, ui.input))


def erase_field(user: User) -> ui.input:
    [form] = with_class(user, "ac-rights-form")
    return next(e for e in form.descendants() if isinstance(e, ui.input))


def danger(user: User) -> list[Any]:
    """What erases; the documents of a file have a button as red of their own."""
    found = with_class(user, "ac-button--danger")
    return [e for e in found if any("ac-rights-form" in a.classes for a in e.ancestors())]


async def open_erasing(user: User) -> None:
    def openers() -> list[Any]:
        return [e for e in with_class(user, "ac-button") if "aria-expanded" in e.props]

    await eventually(lambda: len(openers()) == 1)
    report(user, openers()[0], "click")
