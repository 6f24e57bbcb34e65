"""The sign-in pages on the real sign-in: Postgres behind them, Supabase's protocol beside them."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from services import sessions, staff
from services.actors import Staff
from services.adapters.local_identity import LocalIdentity
from services.adapters.supabase_auth import SupabaseAuth, SupabaseSocial
from services.sign_in import CONFIRM_PATH, SignIn
from tests.fake_supabase_auth import PUBLISHABLE_KEY, SERVICE_KEY, FakeSupabaseAuth, User
from tests.servers import free_port, serving
from tests.support import SYSTEM, Postgres
from ui import login

PUBLIC_URL = "http://acogida.example"
OMAR = "omar.benali@acogida.example"
PASSWORD = "una frase que nadie adivina"
ANOTHER = "otra frase, todavía más larga"


@pytest.fixture
def supabase() -> Iterator[FakeSupabaseAuth]:
    fake = FakeSupabaseAuth()
    fake.allowed = PUBLIC_URL
    fake.add(User(OMAR, PASSWORD))
    with serving(fake.app) as fake.url:
        yield fake


def door_of(url: str) -> SignIn:
    auth = SupabaseAuth(url, PUBLISHABLE_KEY, SERVICE_KEY)
    return SignIn(PUBLIC_URL, password=auth, redirects={"azure": SupabaseSocial(auth, "azure")})


def browser_before(door: SignIn) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(login.router(door))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL)


@pytest.fixture
async def browser(
    supabase: FakeSupabaseAuth, database: Postgres
) -> AsyncIterator[httpx.AsyncClient]:
    await staff.add_demo_staff(SYSTEM)
    async with browser_before(door_of(supabase.url)) as client:
        yield client


async def enter(browser: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await browser.post("/login", data={"email": OMAR, "password": PASSWORD, **form})


async def who(browser: httpx.AsyncClient) -> Staff | None:
    token = browser.cookies.get(sessions.COOKIE)
    return await sessions.staff_of(token) if token else None


def led_to(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def hidden(answer: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found is not None
    return found[1].replace("&amp;", "&")


async def set_up_second_step(browser: httpx.AsyncClient, supabase: FakeSupabaseAuth) -> None:
    begun = await browser.post("/auth/second-factor/begin", data={"next": "/settings/account"})
    form = {name: hidden(begun, name) for name in ("factor", "uri", "next")}
    [factor] = supabase.users[OMAR].factors
    assert f"secret={factor.secret}" in form["uri"]
    done = await browser.post("/auth/second-factor", data={**form, "code": factor.code()})
    assert led_to(done) == "/settings/account?said=second_factor_added"


async def round_trip(browser: httpx.AsyncClient) -> str:
    """Go to the provider's pages; the address that they lead back to."""
    begun = led_to(await browser.get("/auth/start/azure?next=/clients%3Fpage%3D2"))
    async with httpx.AsyncClient() as outside:
        answer = await outside.get(begun)
        while not (back := answer.headers["location"]).startswith(PUBLIC_URL):
            answer = await outside.get(back)
    return back


async def test_a_password_opens_a_session_of_that_person(browser: httpx.AsyncClient) -> None:
    assert led_to(await enter(browser, next="/clients")) == "/clients"
    omar = await who(browser)
    assert omar is not None
    assert omar.email == OMAR


async def test_a_wrong_password_and_an_unknown_address_look_the_same(
    browser: httpx.AsyncClient,
) -> None:
    wrong = await enter(browser, password="something else")
    unknown = await enter(browser, email="nobody@example.org")
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text == unknown.text.replace("nobody@example.org", OMAR)
    assert await who(browser) is None


async def test_too_many_wrong_passwords_mean_waiting(browser: httpx.AsyncClient) -> None:
    for _ in range(10):
        await enter(browser, password="something else")
    answer = await enter(browser)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 300
    assert await who(browser) is None


async def test_who_has_an_account_and_is_not_on_the_staff_stays_outside(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth
) -> None:
    supabase.add(User("stranger@example.org", PASSWORD))
    answer = await enter(browser, email="stranger@example.org")
    assert (answer.status_code, "no es del equipo" in answer.text) == (403, True)


async def test_while_the_provider_is_down_the_page_stands(database: Postgres) -> None:
    async with browser_before(door_of(f"http://127.0.0.1:{free_port()}")) as browser:
        assert (await browser.get("/login")).status_code == 200
        answer = await enter(browser)
    assert (answer.status_code, "no responde" in answer.text) == (503, True)


async def test_a_second_step_is_set_up_asked_for_and_removed(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth, database: Postgres
) -> None:
    await enter(browser)
    before = browser.cookies[sessions.COOKIE]
    await set_up_second_step(browser, supabase)
    assert browser.cookies[sessions.COOKIE] != before
    assert await sessions.staff_of(before) is None
    assert await who(browser) is not None
    [factor] = supabase.users[OMAR].factors

    await browser.post("/logout")
    assert led_to(await enter(browser, next="/clients")) == "/login/code?next=%2Fclients"
    assert await who(browser) is None
    form = {"code": "000000", "next": "/clients"}
    assert (await browser.post("/login/code", data=form)).status_code == 403
    # The code of this half minute has been used already.
    soon = factor.code(_half_a_minute_on())
    assert led_to(await browser.post("/login/code", data={**form, "code": soon})) == "/clients"
    assert await who(browser) is not None

    form = {"factor": factor.id, "code": "111111"}
    answer = await browser.post("/auth/second-factor/remove", data=form)
    assert (answer.status_code, "no es correcto" in answer.text) == (403, True)
    assert supabase.users[OMAR].factors == [factor]
    with database.connect() as connection:
        connection.execute("truncate rate_limits")  # minutes later
    done = await browser.post("/auth/second-factor/remove", data={**form, "code": factor.code()})
    assert led_to(done) == "/settings/account?said=second_factor_removed"
    assert supabase.users[OMAR].factors == []


def _half_a_minute_on() -> float:
    return time.time() + 30


async def test_the_last_second_step_stays_where_everybody_needs_one(
    supabase: FakeSupabaseAuth, database: Postgres
) -> None:
    await staff.add_demo_staff(SYSTEM)
    auth = SupabaseAuth(supabase.url, PUBLISHABLE_KEY, SERVICE_KEY)
    async with browser_before(
        SignIn(PUBLIC_URL, password=auth, second_factor="everybody")
    ) as browser:
        asked = led_to(await enter(browser, next="/settings/account"))
        assert asked == "/auth/second-factor?next=%2Fsettings%2Faccount"
        assert await who(browser) is None
        await set_up_second_step(browser, supabase)
        assert await who(browser) is not None
        [factor] = supabase.users[OMAR].factors
        form = {"factor": factor.id, "code": factor.code(_half_a_minute_on())}
        answer = await browser.post("/auth/second-factor/remove", data=form)
    assert (answer.status_code, "el último no se puede quitar" in answer.text) == (403, True)
    assert supabase.users[OMAR].factors == [factor]


async def test_a_forgotten_password_is_replaced(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth
) -> None:
    await browser.post("/login/forgot", data={"email": OMAR})
    token_hash = supabase.link_for(OMAR, "recovery")
    link = f"{CONFIRM_PATH}?token_hash={token_hash}&type=recovery"
    # A scanner of mails opens it first, and again.
    for _ in range(2):
        async with httpx.AsyncClient(transport=browser._transport, base_url=PUBLIC_URL) as scanner:
            assert (await scanner.get(link, follow_redirects=True)).status_code == 200
    await browser.get(link)
    assert led_to(await browser.post(CONFIRM_PATH)) == "/login/password"
    short = {"password": "corta", "repeated": "corta"}
    assert (await browser.post("/login/password", data=short)).status_code == 422
    known = {"password": "password1234", "repeated": "password1234"}
    answer = await browser.post("/login/password", data=known)
    assert (answer.status_code, "fácil de adivinar" in answer.text) == (422, True)
    form = {"password": ANOTHER, "repeated": ANOTHER}
    assert led_to(await browser.post("/login/password", data=form)) == "/"
    assert supabase.users[OMAR].password == ANOTHER

    await browser.get(link)
    again = await browser.post(CONFIRM_PATH)
    assert (again.status_code, "ya no sirve" in again.text) == (403, True)


async def test_a_link_does_not_get_around_the_second_step(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth
) -> None:
    await enter(browser)
    await set_up_second_step(browser, supabase)
    [factor] = supabase.users[OMAR].factors
    await browser.post("/logout")
    await browser.post("/login/forgot", data={"email": OMAR})
    token_hash = supabase.link_for(OMAR, "recovery")
    await browser.get(f"{CONFIRM_PATH}?token_hash={token_hash}&type=recovery")
    asked = led_to(await browser.post(CONFIRM_PATH))
    assert asked == "/login/code?next=%2Flogin%2Fpassword"
    form = {"password": ANOTHER, "repeated": ANOTHER}
    refused = await browser.post("/login/password", data=form)
    assert led_to(refused) == "/login?problem=expired"
    code = {"code": factor.code(_half_a_minute_on()), "next": "/login/password"}
    assert led_to(await browser.post("/login/code", data=code)) == "/login/password"
    assert led_to(await browser.post("/login/password", data=form)) == "/"
    assert supabase.users[OMAR].password == ANOTHER


async def test_what_a_round_trip_brought_is_of_no_use_to_another_browser(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth
) -> None:
    supabase.at_provider = supabase.users[OMAR]
    back = await round_trip(browser)
    assert {"code", "state"} <= parse_qs(urlsplit(back).query).keys()
    async with httpx.AsyncClient(transport=browser._transport, base_url=PUBLIC_URL) as thief:
        assert led_to(await thief.get(back)) == "/login?problem=mismatch"
        assert await who(thief) is None


async def test_the_whole_round_trip_signs_in_and_works_once(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth
) -> None:
    supabase.at_provider = supabase.users[OMAR]
    back = await round_trip(browser)
    assert led_to(await browser.get(back)) == "/clients?page=2"
    omar = await who(browser)
    assert omar is not None
    assert omar.email == OMAR
    assert led_to(await browser.get(back)).startswith("/login?problem=")


async def test_the_demo_signs_in_whoever_is_chosen(database: Postgres) -> None:
    await staff.add_demo_staff(SYSTEM)
    async with browser_before(SignIn(PUBLIC_URL, demo=LocalIdentity())) as browser:
        page = await browser.get("/login")
        assert [f'value="{email}"' in page.text for email, _, _ in staff.DEMO_STAFF] == [True] * 4
        assert led_to(await browser.post("/login", data={"email": OMAR})) == "/"
        assert await who(browser) is not None
        # Nothing that real mode alone has lets anybody in here.
        for path, form in (
            ("/login", {"email": OMAR, "password": ""}),
            (CONFIRM_PATH, {}),
            ("/auth/second-factor/begin", {}),
        ):
            assert (await browser.post(path, data=form)).status_code in (400, 403)
        assert led_to(await browser.get("/auth/start/azure")).startswith("/login?problem=")


async def test_a_language_chosen_at_the_door_stays_with_who_has_said_none(
    browser: httpx.AsyncClient,
) -> None:
    await browser.get("/login?lang=en")
    await enter(browser)
    omar = await who(browser)
    assert omar is not None
    assert omar.language == "en"
    await browser.post("/logout")
    await browser.get("/login?lang=es")
    await enter(browser)
    assert await who(browser) == omar


async def test_a_language_chosen_at_the_door_is_kept_past_the_second_step(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth
) -> None:
    await enter(browser)
    await set_up_second_step(browser, supabase)
    [factor] = supabase.users[OMAR].factors
    await browser.post("/logout")
    await browser.get("/login?lang=en")
    await enter(browser)
    code = {"code": factor.code(_half_a_minute_on())}
    assert led_to(await browser.post("/login/code", data=code)) == "/"
    omar = await who(browser)
    assert omar is not None
    assert omar.language == "en"


async def test_another_wish_does_not_decide_the_language(browser: httpx.AsyncClient) -> None:
    await enter(browser)
    wish = {"theme": "dark"}
    await browser.post("/preferences", data=wish, headers={"accept-language": "en-GB"})
    omar = await who(browser)
    assert omar is not None
    assert (omar.theme, omar.language) == ("dark", "en")


async def test_everybody_says_what_enter_does(browser: httpx.AsyncClient) -> None:
    await enter(browser)
    found = []
    for wish in ("new_line", "nonsense", "sends"):
        await browser.post("/preferences", data={"enter": wish})
        omar = await who(browser)
        assert omar is not None
        found.append(omar.enter_sends)
    assert found == [False, False, True]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update staff_sessions set ended_at = now(), ended_reason = 'admin'", "desde otro sitio"),
        ("update staff_sessions set ended_at = now(), ended_reason = 'expired'", "cerrado sola"),
        ("update staff_sessions set last_seen_at = now() - interval '1 day'", "cerrado sola"),
        ("update staff set active = false", "acceso está desactivado"),
    ],
)
async def test_whoever_was_shut_out_is_told_why(
    browser: httpx.AsyncClient, database: Postgres, statement: str, said: str
) -> None:
    await enter(browser)
    with database.connect() as connection:
        connection.execute(statement)
    page = await browser.get("/login?next=/clients")
    assert said in page.text


async def test_whoever_went_by_themself_needs_no_reason(browser: httpx.AsyncClient) -> None:
    await enter(browser)
    token = browser.cookies[sessions.COOKIE]
    assert await sessions.why_over(token) is None
    await browser.post("/logout")
    browser.cookies.set(sessions.COOKIE, token)  # a page of theirs that was still open
    page = await browser.get("/login")
    assert "ac-notice" not in page.text
    assert await sessions.why_over("of nobody") is None


async def test_signing_out_tells_the_provider_too(
    browser: httpx.AsyncClient, supabase: FakeSupabaseAuth
) -> None:
    await enter(browser)
    token = browser.cookies[sessions.COOKIE]
    await browser.post("/logout")
    assert await sessions.staff_of(token) is None
    assert supabase.sessions == {}
