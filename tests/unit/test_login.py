"""Signing in and out, passwords and second steps, in a browser that runs no scripts."""

import re
from collections.abc import AsyncIterator
from typing import Any, get_args

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from services import sessions
from services import staff as staff_service
from services.actors import Staff
from services.adapters.identity import LinkKind
from services.errors import TooMany
from services.sign_in import (
    CALLBACK_PATH,
    CONFIRM_PATH,
    Browser,
    ProviderUnavailable,
    SignInRefused,
)
from tests.fake_sign_in import (
    ANA,
    BROWSER_TOKEN,
    CODE,
    DEMO,
    EVERYTHING,
    LINK,
    RIGHT,
    SECRET,
    URI,
    FakeSignIn,
)
from ui import login
from ui.components.second_factor_steps import qr_code, read_uri
from ui.components.sign_in_words import OF_LINKS, OF_REMOVAL, OF_SETUP, trouble_words, words_of
from ui.i18n import speaking

HTTPS = "https://acogida.example"
ADDRESS = {"email": ANA.email}
RIGHT_PASSWORD = {**ADDRESS, "password": RIGHT}
HOSTILE = ("//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "javascript:x")


def browser_for(sign_in: FakeSignIn, **headers: str) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(login.router(sign_in))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=sign_in.public_url, headers=headers
    )


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> FakeSignIn:
    """Every way in, and nobody in yet."""
    sign_in = FakeSignIn(HTTPS, offers=EVERYTHING)
    _look_in(monkeypatch, sign_in)
    return sign_in


def _look_in(monkeypatch: pytest.MonkeyPatch, sign_in: FakeSignIn) -> None:
    async def staff_of(token: str, *, touch: bool = True) -> Staff | None:
        return sign_in.staff_of(token)

    async def why_over(token: str) -> sessions.WhyOver | None:
        return "ended" if sign_in.state.get(token) == "over" else None

    monkeypatch.setattr(sessions, "staff_of", staff_of)
    monkeypatch.setattr(sessions, "why_over", why_over)


@pytest.fixture
async def browser(door: FakeSignIn) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_for(door) as client:
        yield client


def led_to(answer: httpx.Response) -> str:
    assert answer.status_code == 303
    return answer.headers["location"]


def title(answer: httpx.Response) -> str:
    found = re.search(r"<h1[^>]*>([^<]*)", answer.text)
    assert found is not None
    return found[1]


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    """Each cookie that an answer sets, with all that is said about it."""
    return {line.split("=")[0]: line for line in answer.headers.get_list("set-cookie")}


async def enter(browser: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await browser.post("/login", data={**RIGHT_PASSWORD, **form})


# The page


async def test_the_page_asks_for_what_password_managers_know(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/login")
    assert page.status_code == 200
    assert re.search(r'name="email" type="email" autocomplete="username"', page.text)
    assert re.search(r'name="password" type="password" autocomplete="current-password"', page.text)


async def test_each_other_provider_is_a_link_that_leads_back(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/login?next=/clients%3Fpage%3D2")
    assert 'href="/auth/start/azure?next=%2Fclients%3Fpage%3D2"' in page.text
    assert "Continuar con Cruz de la Esperanza" in page.text


async def test_pages_run_no_script_and_are_kept_by_nobody(
    door: FakeSignIn, browser: httpx.AsyncClient
) -> None:
    door.opens.append("enrolling")
    await enter(browser)
    begun = await browser.post("/auth/second-factor/begin")
    for page in (await browser.get("/login"), await browser.get("/login/forgot"), begun):
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "script-src" not in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "same-origin"
        assert "<script" not in page.text


async def test_the_demo_offers_its_people(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = FakeSignIn(HTTPS, offers=DEMO, demo=login_demo())
    _look_in(monkeypatch, demo)
    async with browser_for(demo) as browser:
        page = await browser.get("/login")
        assert 'name="email" value="ana@acogida.example"' in page.text
        assert 'type="password"' not in page.text
        answer = await browser.post("/login", data={**ADDRESS, "next": "/clients"})
        assert led_to(answer) == "/clients"
        assert (await browser.post("/login", data={"email": "y@z"})).status_code == 403


async def test_a_name_is_shown_and_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = FakeSignIn(HTTPS, offers=DEMO, demo=login_demo())
    _look_in(monkeypatch, demo)
    async with browser_for(demo) as browser:
        page = await browser.get("/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script" not in page.text
    assert page.text.count("&quot;&gt;&lt;script&gt;") >= 2


def login_demo() -> Any:
    """That there is a demo at all is what counts here."""
    return object()


async def test_where_nothing_is_set_up_nobody_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async with browser_for(FakeSignIn(HTTPS, offers=type(DEMO)(False, [], []))) as browser:
        assert "aún no se puede entrar" in (await browser.get("/login")).text


@pytest.mark.parametrize(
    ("address", "headers", "language"),
    [
        ("/login", {}, "es"),
        ("/login", {"accept-language": "en-GB"}, "en"),
        ("/login?lang=es", {"accept-language": "en-GB"}, "es"),
        ("/login?lang=xx", {"accept-language": "en-GB"}, "en"),
        ("/login/forgot?lang=en", {}, "en"),
    ],
)
async def test_the_page_speaks_the_visitor_s_language(
    browser: httpx.AsyncClient, address: str, headers: dict[str, str], language: str
) -> None:
    assert f'<html lang="{language}">' in (await browser.get(address, headers=headers)).text


async def test_a_chosen_language_is_remembered(browser: httpx.AsyncClient) -> None:
    await browser.get("/login?lang=en")
    assert '<html lang="en">' in (await browser.get("/login")).text


async def test_whose_session_was_ended_is_told_so_until_they_are_in(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    await enter(browser)
    door.state["token-1"] = "over"
    page = await browser.get("/login?next=/clients")
    assert "se ha cerrado desde otro sitio" in page.text
    assert "<title>Entrar" in page.text
    assert "se ha cerrado" not in (await browser.get("/login?problem=mismatch")).text
    assert led_to(await enter(browser)) == "/"


# With a password


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"email": "", "password": RIGHT}, ["Escribe tu correo."]),
        ({"email": "ana", "password": RIGHT}, ["correo completa"]),
        ({"email": ANA.email, "password": ""}, ["Escribe tu contraseña."]),
        ({"email": " ", "password": ""}, ["Escribe tu correo.", "Escribe tu contraseña."]),
    ],
)
async def test_what_is_missing_stands_beside_its_field_and_is_no_attempt(
    browser: httpx.AsyncClient, door: FakeSignIn, form: dict[str, str], said: list[str]
) -> None:
    answer = await enter(browser, **form)
    assert answer.status_code == 422
    assert [words in answer.text for words in said] == [True] * len(said)
    assert answer.text.count('aria-invalid="true"') == len(said)
    assert "<title>Error: Entrar" in answer.text
    assert door.done == []


async def test_no_browser_says_in_its_own_words_what_is_missing(
    browser: httpx.AsyncClient,
) -> None:
    for path in ("/login", "/login/forgot"):
        page = (await browser.get(path)).text
        assert page.count("novalidate") == page.count('method="post"') == 1


async def test_signing_in_opens_a_session_and_leads_on(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    browser.headers["user-agent"] = "Firefox"
    answer = await enter(browser, email=f" {ANA.email} ", next="/clients?page=2")
    assert led_to(answer) == "/clients?page=2"
    cookie = cookies_of(answer)[sessions.COOKIE]
    assert cookie.startswith(f"{sessions.COOKIE}=token-1;")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert ("with_password", (ANA.email, Browser("127.0.0.1", "Firefox"))) in door.done


async def test_on_this_machine_itself_the_cookie_travels_without_https(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local = FakeSignIn("http://127.0.0.1:8000", offers=EVERYTHING)
    _look_in(monkeypatch, local)
    async with browser_for(local) as browser:
        assert "Secure" not in (await enter(browser)).headers["set-cookie"]


@pytest.mark.parametrize("wanted", [*HOSTILE, "/login", "/logout", ""])
async def test_signing_in_never_leads_to_another_site(
    browser: httpx.AsyncClient, wanted: str
) -> None:
    assert led_to(await enter(browser, next=wanted)) == "/"


async def test_a_wrong_password_keeps_the_address_and_not_the_password(
    browser: httpx.AsyncClient,
) -> None:
    answer = await enter(browser, password="wrong secret", next="/clients")
    assert answer.status_code == 403
    assert 'role="alert"' in answer.text
    assert "El correo o la contraseña no son correctos" in answer.text
    assert 'value="ana@acogida.example"' in answer.text
    assert 'name="next" value="/clients"' in answer.text
    assert "wrong secret" not in answer.text
    assert "set-cookie" not in answer.headers
    assert "<title>Error: Entrar" in answer.text


async def test_whoever_tried_too_often_is_told_how_long_to_wait(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.trouble.append(TooMany(170.2))
    answer = await enter(browser)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "171"
    assert "Espera 3 minutos" in answer.text


async def test_when_the_provider_is_down_nobody_blames_the_password(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.trouble.append(ProviderUnavailable())
    answer = await enter(browser)
    assert answer.status_code == 503
    assert "no responde en este momento" in answer.text
    assert 'value="ana@acogida.example"' in answer.text


async def test_signing_in_anew_ends_the_session_before(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    await enter(browser)
    await enter(browser)
    assert door.state == {"token-1": "over", "token-2": "in"}
    assert browser.cookies[sessions.COOKIE] == "token-2"


async def test_who_is_signed_in_already_goes_on(browser: httpx.AsyncClient) -> None:
    await enter(browser)
    assert led_to(await browser.get("/login?next=/clients")) == "/clients"


# Forms of other sites

FORMS = (
    "/login",
    "/login/code",
    "/login/forgot",
    "/login/password",
    "/logout",
    "/preferences",
    CONFIRM_PATH,
    "/auth/second-factor",
    "/auth/second-factor/begin",
    "/auth/second-factor/remove",
)


def test_every_form_is_tried_as_another_site_would() -> None:
    routes = login.router(FakeSignIn(HTTPS)).routes
    assert {route.path for route in routes if "POST" in route.methods} == set(FORMS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_another_site_cannot_send_a_form(
    browser: httpx.AsyncClient, door: FakeSignIn, path: str, headers: dict[str, str]
) -> None:
    await enter(browser)
    door.done.clear()
    answer = await browser.post(path, data={**RIGHT_PASSWORD, "code": CODE}, headers=headers)
    assert answer.status_code == 403
    assert door.done == []
    assert "set-cookie" not in answer.headers


async def test_a_form_of_ours_may_name_its_origin_or_not(browser: httpx.AsyncClient) -> None:
    for headers in ({}, {"origin": HTTPS}, {"origin": HTTPS, "sec-fetch-site": "same-origin"}):
        answer = await browser.post("/login", data=RIGHT_PASSWORD, headers=headers)
        assert answer.status_code == 303


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_that_is_too_large_is_not_read(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.post(path, data={"email": "x" * 10_000})).status_code == 413


async def test_a_form_of_endless_fields_is_refused(browser: httpx.AsyncClient) -> None:
    assert (await browser.post("/login", content="&".join(["a=b"] * 50))).status_code == 400


# The second step


async def test_a_second_step_that_is_missing_is_asked_for_first(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("waiting")
    asked = led_to(await enter(browser, next="/clients?page=2"))
    assert asked == "/login/code?next=%2Fclients%3Fpage%3D2"
    page = await browser.get(asked)
    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    answer = await browser.post("/login/code", data={"code": "123 456", "next": "/clients?page=2"})
    assert led_to(answer) == "/clients?page=2"
    assert browser.cookies[sessions.COOKIE] == "token-2"
    assert ("give_code", CODE) in door.done


async def test_a_wrong_code_can_be_given_again(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("waiting")
    await enter(browser)
    answer = await browser.post("/login/code", data={"code": "000000", "next": "/clients"})
    assert answer.status_code == 403
    assert "Este código no es correcto" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'name="next" value="/clients"' in answer.text
    assert browser.cookies[sessions.COOKIE] == "token-1"


async def test_a_code_that_was_not_typed_is_asked_for_again_and_is_no_attempt(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("waiting")
    await enter(browser)
    answer = await browser.post("/login/code", data={"code": "  ", "next": "/clients"})
    assert (answer.status_code, "Escribe las seis cifras" in answer.text) == (422, True)
    door.state["token-1"] = "in"
    form = {"factor": "factor-1", "uri": URI, "code": ""}
    for path in ("/auth/second-factor", "/auth/second-factor/remove"):
        answer = await browser.post(path, data=form)
        assert (answer.status_code, "Escribe las seis cifras" in answer.text) == (422, True)
    assert [what for what, _ in door.done] == ["with_password"]


async def test_too_many_codes_mean_waiting(browser: httpx.AsyncClient, door: FakeSignIn) -> None:
    door.opens.append("waiting")
    await enter(browser)
    door.trouble.append(TooMany(30))
    answer = await browser.post("/login/code", data={"code": CODE})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert "Espera 30 segundos" in answer.text


@pytest.mark.parametrize("wanted", HOSTILE)
async def test_a_code_never_leads_to_another_site(
    browser: httpx.AsyncClient, door: FakeSignIn, wanted: str
) -> None:
    door.opens.append("waiting")
    await enter(browser)
    assert led_to(await browser.post("/login/code", data={"code": CODE, "next": wanted})) == "/"


async def test_without_a_password_there_is_no_code_to_give(browser: httpx.AsyncClient) -> None:
    assert led_to(await browser.get("/login/code?next=/clients")) == "/login?next=%2Fclients"
    answer = await browser.post("/login/code", data={"code": CODE})
    assert led_to(answer) == "/login?problem=expired"


async def test_who_waited_too_long_begins_again(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("waiting")
    await enter(browser)
    door.state["token-1"] = "over"
    answer = await browser.post("/login/code", data={"code": CODE, "next": "/clients"})
    assert led_to(answer) == "/login?problem=expired&next=%2Fclients"
    assert "demasiado tiempo" in (await browser.get(led_to(answer))).text


async def test_whoever_must_sets_a_second_step_up_before_anything_else(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("enrolling")
    set_up = led_to(await enter(browser, next="/clients"))
    assert set_up == "/auth/second-factor?next=%2Fclients"
    assert "Tu organización lo pide" in (await browser.get(set_up)).text
    assert led_to(await browser.get("/login/code")) == "/auth/second-factor"

    begun = await browser.post("/auth/second-factor/begin", data={"next": "/clients"})
    assert "<svg" in begun.text
    assert "JBSW Y3DP EHPK 3PXP" in begun.text
    form = {"factor": "factor-1", "uri": URI, "next": "/clients"}
    again = await browser.post("/auth/second-factor", data={**form, "code": "1"})
    assert again.status_code == 403
    assert "JBSW Y3DP EHPK 3PXP" in again.text
    done = await browser.post("/auth/second-factor", data={**form, "code": CODE})
    assert led_to(done) == "/clients"
    assert browser.cookies[sessions.COOKIE] == "token-2"
    assert door.state["token-2"] == "in"


async def test_who_is_in_sets_one_up_and_comes_back_with_a_new_session(
    browser: httpx.AsyncClient,
) -> None:
    await enter(browser)
    page = await browser.get("/auth/second-factor?next=/settings/account")
    assert "Tu organización lo pide" not in page.text
    form = {"factor": "factor-1", "uri": URI, "next": "/settings/account", "code": CODE}
    done = await browser.post("/auth/second-factor", data=form)
    assert led_to(done) == "/settings/account?said=second_factor_added"
    assert {"HttpOnly", "Secure"} <= set(cookies_of(done)[sessions.COOKIE].split("; "))
    assert browser.cookies[sessions.COOKIE] == "token-2"


async def test_who_waits_for_a_code_cannot_set_up_another_instead(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("waiting")
    await enter(browser)
    door.done.clear()
    form = {"factor": "factor-1", "uri": URI, "code": CODE}
    assert led_to(await browser.get("/auth/second-factor")) == "/login"
    for path in ("/auth/second-factor/begin", "/auth/second-factor"):
        assert led_to(await browser.post(path, data=form)) == "/login?problem=expired"
    assert door.done == []


async def test_a_second_step_is_removed_with_a_code(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    await enter(browser)
    page = await browser.get("/auth/second-factor/remove?factor=factor-1")
    assert 'name="factor" value="factor-1"' in page.text
    form = {"factor": "factor-1", "code": "000000"}
    wrong = await browser.post("/auth/second-factor/remove", data=form)
    assert (wrong.status_code, "Este código no es correcto" in wrong.text) == (403, True)
    done = await browser.post("/auth/second-factor/remove", data={**form, "code": CODE})
    assert led_to(done) == "/settings/account?said=second_factor_removed"
    assert ("remove_second_factor", ("factor-1", CODE)) in door.done


async def test_nobody_removes_a_second_step_without_a_session(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    form = {"factor": "factor-1", "code": CODE}
    answer = await browser.post("/auth/second-factor/remove", data=form)
    assert led_to(answer).startswith("/login?problem=expired")
    assert door.done == []


def test_a_code_to_scan_holds_the_whole_address() -> None:
    drawn = str(qr_code(URI, "Código"))
    assert 'role="img"' in drawn
    assert "<title>Código</title>" in drawn
    assert drawn != str(qr_code(URI.replace("JBSW", "JBSX"), "Código"))


@pytest.mark.parametrize(
    ("factor", "uri"),
    [
        ("", URI),
        ("f", ""),
        ("f", "javascript:alert(1)"),
        ("f", "otpauth://hotp/x?secret=A"),
        ("f", "otpauth://totp/x?issuer=A"),
        ("f", f"otpauth://totp/x?secret={'A' * 700}"),
        ("f", "otpauth://[totp/x?secret=A"),
    ],
)
def test_what_is_no_second_step_is_not_shown_again(factor: str, uri: str) -> None:
    assert read_uri(factor, uri) is None


def test_what_was_shown_can_be_shown_again() -> None:
    enrolment = read_uri("factor-1", URI)
    assert enrolment is not None
    assert (enrolment.secret, enrolment.uri) == (SECRET, URI)


# Other providers


async def test_a_round_trip_is_tied_to_the_browser_that_began_it(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    begun = await browser.get("/auth/start/azure?next=/clients%3Fpage%3D2")
    assert led_to(begun) == "https://provider.example/authorize?state=s"
    assert ("begin_redirect", ("azure", "/clients?page=2")) in door.done
    cookie = cookies_of(begun)[login.ATTEMPT_COOKIE]
    assert cookie.startswith(f"acogida_sign_in={BROWSER_TOKEN};")
    said = {"HttpOnly", "Secure", "SameSite=lax", f"Path={CALLBACK_PATH}", "Max-Age=600"}
    assert said <= set(cookie.split("; "))

    back = await browser.get(f"{CALLBACK_PATH}?code=c&state=s")
    assert led_to(back) == "/clients?page=2"
    assert browser.cookies[sessions.COOKIE] == "token-1"
    assert login.ATTEMPT_COOKIE not in browser.cookies
    assert ("finish_redirect", {"code": "c", "state": "s"}) in door.done


async def test_another_browser_cannot_finish_a_round_trip(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    back = await browser.get(f"{CALLBACK_PATH}?code=c&state=s")
    assert led_to(back) == "/login?problem=mismatch"
    assert sessions.COOKIE not in browser.cookies
    assert "otro navegador" in (await browser.get(led_to(back))).text


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (SignInRefused("not_offered"), "not_offered"),
        (ProviderUnavailable(), "unavailable"),
        (TooMany(9), "too_many"),
    ],
    ids=str,
)
async def test_a_round_trip_that_cannot_begin_says_why(
    browser: httpx.AsyncClient, door: FakeSignIn, trouble: Exception, problem: str
) -> None:
    door.trouble.append(trouble)
    answer = await browser.get("/auth/start/nobody?next=/clients")
    assert led_to(answer) == f"/login?problem={problem}&next=%2Fclients"
    page = await browser.get(led_to(answer))
    assert 'role="alert"' in page.text


@pytest.mark.parametrize("wanted", HOSTILE)
async def test_a_round_trip_never_ends_at_another_site(
    browser: httpx.AsyncClient, door: FakeSignIn, wanted: str
) -> None:
    await browser.get("/auth/start/azure", params={"next": wanted})
    assert ("begin_redirect", ("azure", "/")) in door.done


async def test_a_second_step_is_asked_for_after_a_round_trip_too(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("waiting")
    await browser.get("/auth/start/azure")
    back = await browser.get(f"{CALLBACK_PATH}?code=c&state=s")
    assert led_to(back) == "/login/code?next=%2Fclients%3Fpage%3D2"


async def test_what_an_address_claims_is_looked_up_and_never_repeated(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/login", params={"problem": "call 555 <b>now</b>"})
    assert "555" not in page.text
    assert 'role="alert"' in page.text


# Links of e-mails, and passwords


async def test_the_same_is_said_to_everybody_who_forgot_a_password(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    known = await browser.post("/login/forgot", data=ADDRESS)
    stranger = await browser.post("/login/forgot", data={"email": "nobody@example.org"})
    door.trouble.append(SignInRefused("refused"))
    refused = await browser.post("/login/forgot", data={"email": "nobody@example.org"})
    assert known.status_code == 200
    assert known.text == stranger.text == refused.text
    assert ANA.email not in known.text
    assert ("forgot_password", ANA.email) in door.done


@pytest.mark.parametrize("email", ["", "ana", "@acogida.example"])
async def test_what_is_no_address_is_said_beside_it(
    browser: httpx.AsyncClient, door: FakeSignIn, email: str
) -> None:
    answer = await browser.post("/login/forgot", data={"email": email})
    assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True)
    assert door.done == []


async def test_who_asks_for_links_too_often_waits(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.trouble.append(TooMany(600))
    answer = await browser.post("/login/forgot", data=ADDRESS)
    assert (answer.status_code, "Espera 10 minutos" in answer.text) == (429, True)


async def test_without_passwords_there_is_none_to_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    async with browser_for(FakeSignIn(HTTPS, offers=DEMO)) as browser:
        assert led_to(await browser.get("/login/forgot")) == "/login"


async def test_opening_a_link_uses_nothing_and_takes_its_token_out_of_the_address(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    opened = await browser.get(f"{CONFIRM_PATH}?token_hash={LINK}&type=invite")
    assert led_to(opened) == CONFIRM_PATH
    cookie = cookies_of(opened)["acogida_link"]
    said = {"HttpOnly", "Secure", "SameSite=lax", f"Path={CONFIRM_PATH}", "Max-Age=600"}
    assert said <= set(cookie.split("; "))
    page = await browser.get(CONFIRM_PATH)
    assert title(page) == "Te damos la bienvenida a Acogida"
    assert page.text.count("<button") == 1
    assert LINK not in page.text
    assert door.done == []


@pytest.mark.parametrize("kind", get_args(LinkKind))
async def test_a_pressed_link_lets_one_choose_a_password(
    browser: httpx.AsyncClient, door: FakeSignIn, kind: str
) -> None:
    await browser.get(f"{CONFIRM_PATH}?token_hash={LINK}&type={kind}")
    pressed = await browser.post(CONFIRM_PATH)
    assert led_to(pressed) == "/login/password"
    assert ("confirm_link", (LINK, kind)) in door.done
    assert "acogida_link" not in browser.cookies
    page = await browser.get("/login/password")
    assert page.text.count('autocomplete="new-password"') == 2
    assert "maxlength" not in page.text
    long = "ñ 🌻 " * 30
    answer = await browser.post("/login/password", data={"password": long, "repeated": long})
    assert led_to(answer) == "/"
    assert ("set_password", long) in door.done


async def test_a_link_asks_for_the_second_step_and_then_for_the_password(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    door.opens.append("waiting")
    await browser.get(f"{CONFIRM_PATH}?token_hash={LINK}&type=recovery")
    pressed = await browser.post(CONFIRM_PATH)
    assert led_to(pressed) == "/login/code?next=%2Flogin%2Fpassword"
    asked = await browser.get(led_to(pressed))
    assert 'name="next" value="/login/password"' in asked.text
    given = await browser.post("/login/code", data={"code": CODE, "next": "/login/password"})
    assert led_to(given) == "/login/password"


@pytest.mark.parametrize(
    "query",
    [
        "token_hash=&type=invite",
        "token_hash=short&type=invite",
        f"token_hash={LINK}&type=magiclink",
        f"token_hash={LINK}",
        "type=invite",
        f"token_hash={LINK}%0d%0aSet-Cookie:x&type=invite",
    ],
)
async def test_a_link_that_is_damaged_says_so(
    browser: httpx.AsyncClient, door: FakeSignIn, query: str
) -> None:
    page = await browser.get(led_to(await browser.get(f"{CONFIRM_PATH}?{query}")))
    assert (page.status_code, title(page)) == (400, "Este enlace no funciona")
    assert (await browser.post(CONFIRM_PATH)).status_code == 400
    assert door.done == []


async def test_a_link_works_once(browser: httpx.AsyncClient) -> None:
    await browser.get(f"{CONFIRM_PATH}?token_hash={'0' * 32}&type=invite")
    answer = await browser.post(CONFIRM_PATH)
    assert (answer.status_code, "ya no sirve" in answer.text) == (403, True)
    assert sessions.COOKIE not in browser.cookies
    assert (await browser.get(CONFIRM_PATH)).status_code == 400


async def test_a_link_is_kept_while_the_provider_is_down(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    await browser.get(f"{CONFIRM_PATH}?token_hash={LINK}&type=invite")
    door.trouble.append(ProviderUnavailable())
    assert (await browser.post(CONFIRM_PATH)).status_code == 503
    door.trouble.clear()
    assert led_to(await browser.post(CONFIRM_PATH)) == "/login/password"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_chooses_a_password_without_a_session(
    browser: httpx.AsyncClient, door: FakeSignIn, method: str
) -> None:
    door.opens.append("waiting")
    await enter(browser)
    answer = await browser.request(method, "/login/password")
    assert led_to(answer) == "/login?problem=expired"
    assert "set_password" not in [what for what, _ in door.done]


@pytest.mark.parametrize(
    ("trouble", "status", "said"),
    [
        (None, 422, "demasiado corta. Necesita al menos 12"),
        (SignInRefused("weak_password"), 422, "fácil de adivinar"),
        (SignInRefused("long_password"), 422, "demasiado larga"),
        (SignInRefused("same_password"), 422, "la contraseña que ya tienes"),
        (SignInRefused("sign_in_again"), 403, "Entraste hace rato"),
        (TooMany(5), 429, "Espera 5 segundos"),
        (ProviderUnavailable(), 503, "no responde"),
    ],
    ids=str,
)
async def test_a_password_that_cannot_be_had_says_why(
    browser: httpx.AsyncClient,
    door: FakeSignIn,
    trouble: Exception | None,
    status: int,
    said: str,
) -> None:
    await enter(browser)
    password = "demasiado" if trouble is None else "demasiadas veces"
    if trouble:
        door.trouble.append(trouble)
    form = {"password": password, "repeated": password}
    answer = await browser.post("/login/password", data=form)
    assert (answer.status_code, said in answer.text) == (status, True)
    assert password not in answer.text.replace("demasiado corta", "")


async def test_a_password_has_to_be_typed_twice(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    await enter(browser)
    form = {"password": RIGHT, "repeated": RIGHT + " "}
    answer = await browser.post("/login/password", data=form)
    assert (answer.status_code, "no coinciden" in answer.text) == (422, True)
    assert "set_password" not in [what for what, _ in door.done]


async def test_who_changes_a_password_comes_back_to_their_account(
    browser: httpx.AsyncClient,
) -> None:
    await enter(browser)
    form = {"password": RIGHT, "repeated": RIGHT, "next": "/settings/account"}
    answer = await browser.post("/login/password", data=form)
    assert led_to(answer) == "/settings/account?said=password"


async def test_nothing_secret_is_in_an_address_or_a_log(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    seen: list[str] = []

    async def remember(response: httpx.Response) -> None:
        if not response.request.url.query.startswith(b"token_hash="):
            seen.append(str(response.request.url))
        seen.append(response.headers.get("location", ""))

    browser.event_hooks["response"] = [remember]
    with capture_logs() as logs:
        await browser.get(f"{CONFIRM_PATH}?token_hash={LINK}&type=recovery")
        await browser.post(CONFIRM_PATH, headers={"origin": "https://evil.example"})
        await browser.post(CONFIRM_PATH)
        await browser.post("/login/password", data={"password": RIGHT, "repeated": RIGHT})
        await enter(browser, password="wrong secret")
        door.opens.append("waiting")
        await enter(browser, next="/clients")
        await browser.post("/login/code", data={"code": "000000"})
        await browser.post("/login/code", data={"code": CODE})
        await browser.post("/auth/second-factor/begin")
        form = {"factor": "factor-1", "uri": URI, "code": "000000"}
        await browser.post("/auth/second-factor", data=form)
        await browser.post("/auth/second-factor", data={**form, "code": CODE})
    secrets = (LINK, RIGHT, "wrong secret", CODE, "000000", SECRET, "token-", ANA.email)
    told = " ".join(seen) + str(logs)
    assert len(seen) > 20
    assert [secret for secret in secrets if secret in told] == []


# Going


async def test_signing_out_ends_the_session_and_leaves_nothing_behind(
    browser: httpx.AsyncClient, door: FakeSignIn
) -> None:
    await enter(browser)
    answer = await browser.post("/logout")
    assert led_to(answer) == "/login"
    assert door.state == {"token-1": "over"}
    assert sessions.COOKIE not in browser.cookies
    assert answer.headers["clear-site-data"] == '"cache", "storage"'


async def test_signing_out_without_a_session_is_no_mistake(browser: httpx.AsyncClient) -> None:
    assert led_to(await browser.post("/logout")) == "/login"


# Preferences


@pytest.fixture
def preferred(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was remembered."""
    wishes: list[dict[str, Any]] = []

    async def set_preferences(_actor: Staff, **wish: Any) -> None:
        wishes.append(wish)

    monkeypatch.setattr(staff_service, "set_preferences", set_preferences)
    return wishes


async def test_a_preference_is_remembered_and_leads_back(
    browser: httpx.AsyncClient, preferred: list[dict[str, Any]]
) -> None:
    await enter(browser)
    answer = await browser.post(
        "/preferences",
        data={"language": "en"},
        headers={"referer": f"{HTTPS}/clients?page=2"},
    )
    assert led_to(answer) == "/clients?page=2"
    assert preferred == [{"language": "en", "theme": None, "enter_sends": None}]


async def test_a_preference_without_a_session_leads_to_the_sign_in(
    browser: httpx.AsyncClient, preferred: list[dict[str, Any]]
) -> None:
    assert led_to(await browser.post("/preferences", data={"theme": "dark"})) == "/login"
    assert preferred == []


# Words

CODES = (
    "invalid_credentials",
    "email_not_confirmed",
    "user_banned",
    "not_staff",
    "cancelled",
    "mismatch",
    "expired",
    "wrong_code",
    "second_factor_required",
    "not_offered",
    "weak_password",
    "long_password",
    "same_password",
    "sign_in_again",
    "refused",
)


def test_every_reason_has_words_of_its_own() -> None:
    known = re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", (SignInRefused.__doc__ or "").replace("\n", " "))
    assert set(CODES) <= set(known)
    assert len({words_of(code) for code in (*CODES, "unavailable", "too_many")}) == len(CODES) + 2


@pytest.mark.parametrize("code", [*CODES, "unavailable", "too_many", "something new"])
def test_every_reason_is_said_in_both_languages(code: str) -> None:
    with speaking("en"):
        english = words_of(code)
    with speaking("es"):
        spanish = words_of(code)
    assert english != spanish
    assert code not in english
    assert min(len(english), len(spanish)) > 20


@pytest.mark.parametrize("instead", [OF_LINKS, OF_SETUP, OF_REMOVAL])
def test_a_reason_means_what_it_means_where_it_happened(instead: dict[str, str]) -> None:
    for code in instead:
        refused = SignInRefused(code)
        with speaking("en"):
            english = trouble_words(refused, instead)
        assert english != trouble_words(refused, instead)
        assert trouble_words(refused, instead) != trouble_words(refused)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 second "),
        (59.1, "60 seconds"),
        (61, "2 minutes"),
        (300, "5 minutes"),
    ],
)
def test_how_long_to_wait_is_said_in_round_numbers(seconds: float, said: str) -> None:
    with speaking("en"):
        assert said in trouble_words(TooMany(seconds))
