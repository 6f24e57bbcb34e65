"""A person's own account: what it shows, and the sessions that can be ended from it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.testing import User

from services import sessions
from services.actors import Role, Staff
from services.adapters.identity import Factor
from services.adapters.local_identity import LocalIdentity
from services.sign_in import ProviderUnavailable, SecondFactors, SignIn, SignInRefused
from tests import fake_sign_in
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import sign_in_demo
from ui.components.devices import device, is_handheld

MAIN = Path(__file__).parent / "simulated_account.py"
PATH = "/settings/account"
ORIGIN = "http://127.0.0.1:8000"

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
    " Safari/537.36"
)
EDGE = f"{CHROME.replace('X11; Linux x86_64', 'Windows NT 10.0')} Edg/140.0"
SAMSUNG = (
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko)"
    " SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36"
)


class WithFactors(SignIn):
    """A provider that keeps second factors, or has something to say instead."""

    answer: SecondFactors | Exception

    async def second_factors(self, token: str) -> SecondFactors:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def provider(answer: SecondFactors | Exception) -> SignIn:
    door = WithFactors(ORIGIN, password=object())  # type: ignore[arg-type]
    object.__setattr__(door, "answer", answer)
    return door


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Callable[[SignIn], None]:
    """Say what the page is built on."""
    return lambda door: monkeypatch.setattr(fake_sign_in, "DOOR", door)


@pytest.fixture
def demo(behind: Callable[[SignIn], None]) -> None:
    behind(SignIn(ORIGIN, demo=LocalIdentity()))


@pytest.fixture
async def omar(demo: None, caseworker: Staff) -> AsyncIterator[User]:
    """Omar's browser, who has no other session than this one."""
    await _end_all(caseworker)
    async with browser_of(caseworker, MAIN) as user:
        yield user


async def _end_all(staff: Staff) -> None:
    for session in await sessions.my_sessions(staff):
        await sessions.end_session(staff, session.id)


def rows(user: User) -> list[str]:
    """What each session's row says, in order."""
    return [" ".join(_words(row)) for row in with_class(user, "ac-session")]


def _words(element: ui.element) -> list[str]:
    return [e.content for e in element.descendants() if isinstance(e, ui.html)]


def buttons(user: User, label: str) -> list[ui.html]:
    return [
        button
        for button in with_class(user, "ac-button")
        if isinstance(button, ui.html) and f">{label}<" in button.content
    ]


# Who


@pytest.mark.parametrize("role", ["admin", "caseworker", "viewer"])
async def test_everybody_has_an_account_page(
    demo: None, people: dict[str, Staff], role: Role
) -> None:
    async with browser_of(people[role], MAIN) as user:
        await user.open(PATH)
        shown = markup(user)
        assert people[role].name in shown
        assert people[role].email in shown
        assert 'action="/preferences"' in shown
        # Who writes nothing is not asked what Enter does.
        assert ("La tecla Intro al escribir" in shown) == (role != "viewer")


async def test_it_says_plainly_that_the_demo_has_no_second_step(omar: User) -> None:
    await omar.open(PATH)
    shown = markup(omar)
    assert "Modo de prueba: eliges quién eres y no hay contraseña." in shown
    assert "/auth/second-factor" not in shown


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("password", "Se ha cambiado la contraseña"),
        ("second_factor_added", "El segundo paso está activo"),
        ("<b>call 555</b>", None),
    ],
)
async def test_what_was_just_done_is_said_in_words_of_ours(
    omar: User, code: str, said: str | None
) -> None:
    await omar.open(f"{PATH}?said={code}")
    shown = markup(omar)
    assert "555" not in shown
    assert said is None or said in shown


# Open sessions


async def test_each_session_tells_device_and_address_and_this_one_is_marked(
    omar: User, caseworker: Staff
) -> None:
    await sign_in_demo(caseworker.email, address="203.0.113.9", user_agent=FIREFOX)
    await omar.open(PATH)
    this, other = rows(omar)
    assert "Esta sesión" in this
    assert "Firefox en Windows" in other
    assert "203.0.113.9" in other
    assert "Esta sesión" not in other
    assert len(buttons(omar, "Cerrar")) == 1
    assert buttons(omar, "Cerrar todas las demás") == []


async def test_another_session_can_be_ended(omar: User, caseworker: Staff) -> None:
    token = await sign_in_demo(caseworker.email, user_agent=FIREFOX)
    assert token is not None
    await omar.open(PATH)
    report(omar, buttons(omar, "Cerrar")[0], "click")
    await eventually(lambda: len(rows(omar)) == 1)
    assert await sessions.staff_of(token) is None
    assert "1 sesión cerrada." in markup(omar)


async def test_all_others_can_be_ended_at_once_and_this_one_stays(
    omar: User, caseworker: Staff
) -> None:
    for agent in (FIREFOX, IPHONE, CHROME):
        await sign_in_demo(caseworker.email, user_agent=agent)
    await omar.open(PATH)
    assert len(rows(omar)) == 4
    report(omar, buttons(omar, "Cerrar todas las demás")[0], "click")
    await eventually(lambda: len(rows(omar)) == 1)
    assert "3 sesiones cerradas." in markup(omar)
    assert "Esta sesión" in rows(omar)[0]
    await omar.open(PATH)
    assert len(rows(omar)) == 1


async def test_a_session_that_is_over_already_is_no_mistake(omar: User, caseworker: Staff) -> None:
    await sign_in_demo(caseworker.email, user_agent=FIREFOX)
    await omar.open(PATH)
    [end] = buttons(omar, "Cerrar")
    [other] = [s for s in await sessions.my_sessions(caseworker) if s.user_agent == FIREFOX]
    await sessions.end_session(caseworker, other.id)
    report(omar, end, "click")
    await eventually(lambda: len(rows(omar)) == 1)


async def test_nobody_sees_or_ends_anybody_else_s_sessions(
    omar: User, viewer: Staff, caseworker: Staff
) -> None:
    await sign_in_demo(viewer.email, user_agent=FIREFOX)
    await omar.open(PATH)
    assert len(rows(omar)) == 1


# The second step


def offered(*factors: Factor, required: bool = False) -> SecondFactors:
    return SecondFactors(offered=True, required=required, factors=list(factors))


PHONE = Factor("factor-1", "", datetime(2026, 10, 5, tzinfo=UTC))
TABLET = Factor("factor-2", "Tableta <b>", datetime(2026, 10, 6, tzinfo=UTC))


@pytest.fixture
def page_with(
    behind: Callable[[SignIn], None], caseworker: Staff
) -> Callable[[SecondFactors | Exception], AbstractAsyncContextManager[User]]:
    """The page before a provider that answers like this."""

    def build(answer: SecondFactors | Exception) -> AbstractAsyncContextManager[User]:
        behind(provider(answer))
        return browser_of(caseworker, MAIN)

    return build


Build = Callable[[SecondFactors | Exception], AbstractAsyncContextManager[User]]


async def test_a_second_step_is_offered_and_so_is_another_password(page_with: Build) -> None:
    async with page_with(offered()) as user:
        await user.open(PATH)
        shown = markup(user)
    assert 'href="/auth/second-factor?next=%2Fsettings%2Faccount"' in shown
    assert 'href="/login/password?next=%2Fsettings%2Faccount"' in shown
    assert "/auth/second-factor/remove" not in shown


async def test_a_second_step_that_is_there_can_be_removed(page_with: Build) -> None:
    async with page_with(offered(PHONE, TABLET)) as user:
        await user.open(PATH)
        shown = markup(user)
    assert 'href="/auth/second-factor/remove?factor=factor-1"' in shown
    assert 'href="/auth/second-factor/remove?factor=factor-2"' in shown
    assert "Tableta &lt;b&gt;" in shown
    assert "Aplicación de códigos" in shown


@pytest.mark.parametrize(("factors", "removable"), [([PHONE], 0), ([PHONE, TABLET], 2)])
async def test_the_last_one_stays_where_the_organisation_asks_for_it(
    page_with: Build, factors: list[Factor], removable: int
) -> None:
    async with page_with(offered(*factors, required=True)) as user:
        await user.open(PATH)
        shown = markup(user)
    assert shown.count("/auth/second-factor/remove") == removable
    assert "Tu organización lo pide" in shown


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (SecondFactors(offered=False, required=False), "de eso se ocupa tu proveedor"),
        (ProviderUnavailable(), "no responde en este momento"),
        (SignInRefused("expired"), "Entra otra vez"),
    ],
    ids=str,
)
async def test_where_nothing_can_be_set_up_the_page_says_why(
    page_with: Build, answer: SecondFactors | Exception, said: str
) -> None:
    async with page_with(answer) as user:
        await user.open(PATH)
        shown = markup(user)
        assert len(rows(user)) >= 1
    assert said in shown
    assert "/auth/second-factor" not in shown
    assert "/login/password" not in shown


async def test_a_provider_that_takes_long_does_not_take_the_page_with_it(
    behind: Callable[[SignIn], None], caseworker: Staff
) -> None:
    """NiceGUI gives a page three seconds, and then none at all is shown."""

    class Slow(WithFactors):
        async def second_factors(self, token: str) -> SecondFactors:
            await asyncio.sleep(5)
            return await super().second_factors(token)

    door = Slow(ORIGIN, password=object())  # type: ignore[arg-type]
    object.__setattr__(door, "answer", SecondFactors(offered=True, required=False))
    behind(door)
    async with browser_of(caseworker, MAIN) as user:
        await user.open(PATH)
        shown = markup(user)
        assert len(rows(user)) >= 1
    assert "no responde en este momento" in shown


# Devices


@pytest.mark.parametrize(
    ("user_agent", "words", "handheld"),
    [
        (FIREFOX, "Firefox en Windows", False),
        (IPHONE, "Safari en iPhone", True),
        (CHROME, "Chrome en Linux", False),
        (EDGE, "Edge en Windows", False),
        (SAMSUNG, "Samsung Internet en Android", True),
        ("curl/8.5.0", "Dispositivo desconocido", False),
        ("", "Dispositivo desconocido", False),
        ("<script>", "Dispositivo desconocido", False),
        ("Firefox/1", "Firefox", False),
    ],
)
def test_a_device_is_named_as_people_know_it(user_agent: str, words: str, handheld: bool) -> None:
    assert (device(user_agent), is_handheld(user_agent)) == (words, handheld)
