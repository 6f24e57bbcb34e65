"""The door in a real browser: with a password and a second step, with and without scripts."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, BrowserContext, Page, expect

from db import engine
from services import keys, sessions, staff
from services.adapters.supabase_auth import SupabaseAuth, SupabaseSocial
from services.sign_in import CONFIRM_PATH, SignIn
from tests.browser.conftest import PATIENCE, RunningApp, sign_in
from tests.fake_supabase_auth import PUBLISHABLE_KEY, SERVICE_KEY, FakeSupabaseAuth, User
from tests.servers import serving
from tests.support import SYSTEM, TEST_SECRET, Postgres
from ui import login
from ui.assets import MOUNT, Assets

# One browser at a time: two would only wait for each other.
OMAR = "omar.benali@acogida.example"
PASSWORD = "una frase que nadie adivina"
NO_ICON = HTMLResponse("<!doctype html><title>in</title><link rel=icon href=data:,><h1>Dentro</h1>")


@dataclass(frozen=True)
class Door:
    """The sign-in pages alone, at an address of their own, before a stand-in for Supabase."""

    url: str
    supabase: FakeSupabaseAuth

    @property
    def omar(self) -> User:
        return self.supabase.users[OMAR]


@pytest.fixture
def door(postgres: Postgres) -> Iterator[Door]:
    supabase = FakeSupabaseAuth()
    supabase.add(User(OMAR, PASSWORD))
    keys.use_secret(TEST_SECRET)
    with postgres.connect() as connection:
        connection.execute("truncate rate_limits, staff_identities, staff_sessions")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start(postgres.runtime)
        await staff.add_demo_staff(SYSTEM)
        yield
        await engine.stop()

    with serving(supabase.app) as supabase.url, socket.create_server(("127.0.0.1", 0)) as listener:
        url = supabase.allowed = f"http://127.0.0.1:{listener.getsockname()[1]}"
        auth = SupabaseAuth(supabase.url, PUBLISHABLE_KEY, SERVICE_KEY)
        redirects = {"azure": SupabaseSocial(auth, "azure")}
        app = FastAPI(lifespan=lifespan)
        app.include_router(login.router(SignIn(url, password=auth, redirects=redirects)))
        app.mount(MOUNT, Assets())
        app.add_api_route("/clients", lambda: NO_ICON)
        app.add_api_route("/settings/account", lambda: NO_ICON)
        app.add_api_route("/", lambda: NO_ICON)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        yield Door(url, supabase)
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def outside(browser: Browser, door: Door) -> Iterator[BrowserContext]:
    """A browser before the door that runs no scripts."""
    context = browser.new_context(base_url=door.url, locale="es-ES", java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


def knock(page: Page, password: str = PASSWORD, path: str = "/login?next=/clients") -> None:
    page.goto(path)
    page.get_by_label("Correo").fill(OMAR)
    page.get_by_label("Contraseña").fill(password)
    page.get_by_role("button", name="Entrar").click()


def set_up(page: Page, door: Door) -> None:
    page.goto("/auth/second-factor?next=/settings/account")
    page.get_by_role("button", name="Configurarlo").click()
    expect(page.get_by_role("img", name="Código para escanear")).to_be_visible()
    page.get_by_label("Código de 6 cifras").fill(door.omar.factors[0].code())
    page.get_by_role("button", name="Activar").click()
    page.wait_for_url("**/settings/account?said=second_factor_added")


def a_bit_later(door: Door) -> str:
    """The code that the app shows next: each is good for one time only."""
    return door.omar.factors[0].code(time.time() + 30)


def test_password_and_second_step_without_scripts(outside: BrowserContext, door: Door) -> None:
    page = outside.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    knock(page, "something else")
    expect(page.get_by_role("alert")).to_contain_text("no son correctos")
    expect(page.get_by_label("Correo")).to_have_value(OMAR)
    expect(page.get_by_label("Contraseña")).to_be_focused()
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url("**/clients")
    set_up(page, door)
    secret = door.omar.factors[0].secret

    outside.clear_cookies()
    knock(page)
    page.wait_for_url("**/login/code?next=%2Fclients")
    page.goto("/login/password")
    page.wait_for_url("**/login?problem=expired")
    page.goto("/login/code?next=/clients")
    page.get_by_label("Código de 6 cifras").fill("000 000")
    page.get_by_role("button", name="Continuar").click()
    expect(page.get_by_text("Este código no es correcto")).to_be_visible()
    code = a_bit_later(door)
    page.get_by_label("Código de 6 cifras").fill(f"{code[:3]} {code[3:]}")
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url("**/clients")
    [cookie] = [one for one in outside.cookies() if one["name"] == sessions.COOKIE]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")

    addresses = " ".join(asked)
    assert not any(word in addresses for word in (PASSWORD, OMAR, secret, code, cookie["value"]))


def test_a_link_of_an_e_mail_leads_to_a_new_password(outside: BrowserContext, door: Door) -> None:
    page = outside.new_page()
    page.goto("/login")
    page.get_by_role("link", name="He olvidado mi contraseña").click()
    page.get_by_label("Correo").fill(OMAR)
    page.get_by_role("button", name="Enviar el enlace").click()
    expect(page.get_by_role("heading", name="Mira tu correo")).to_be_visible()
    token_hash = door.supabase.link_for(OMAR, "recovery")
    page.goto(f"{CONFIRM_PATH}?token_hash={token_hash}&type=recovery")
    assert page.url == f"{door.url}{CONFIRM_PATH}"
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url("**/login/password")
    page.get_by_label("Contraseña nueva", exact=True).fill("otra frase, más larga")
    page.get_by_label("La contraseña nueva otra vez").fill("otra frase, más larga")
    page.get_by_role("button", name="Guardar la contraseña").click()
    expect(page.get_by_role("heading", name="Dentro")).to_be_visible()
    assert door.omar.password == "otra frase, más larga"


def test_a_round_trip_to_another_provider(outside: BrowserContext, door: Door) -> None:
    door.supabase.at_provider = door.omar
    page = outside.new_page()
    page.goto("/login?next=/clients")
    page.get_by_role("link", name="Continuar con Microsoft").click()
    page.wait_for_url(f"{door.url}/clients")
    assert {one["name"] for one in outside.cookies()} == {sessions.COOKIE}


def _wrong(page: Page, door: Door) -> None:
    knock(page, "something else")


def _code(page: Page, door: Door) -> None:
    knock(page)
    set_up(page, door)
    page.context.clear_cookies()
    knock(page)
    page.get_by_label("Código de 6 cifras").fill("000000")
    page.get_by_role("button", name="Continuar").click()


def _scan(page: Page, door: Door) -> None:
    knock(page)
    page.goto("/auth/second-factor")
    page.get_by_role("button", name="Configurarlo").click()


def _password(page: Page, door: Door) -> None:
    knock(page)
    page.goto("/login/password")
    page.get_by_label("Contraseña nueva", exact=True).fill("una frase larga")
    page.get_by_label("La contraseña nueva otra vez").fill("otra frase larga")
    page.get_by_role("button", name="Guardar la contraseña").click()


def _forgotten(page: Page, door: Door) -> None:
    page.goto("/login/forgot")


def _broken_link(page: Page, door: Door) -> None:
    page.goto(CONFIRM_PATH)


@pytest.mark.parametrize(
    ("reach", "heading"),
    [
        (_wrong, "Entrar"),
        (_code, "Falta un paso"),
        (_scan, "Segundo paso"),
        (_password, "Elige tu contraseña"),
        (_forgotten, "Contraseña nueva"),
        (_broken_link, "Este enlace no funciona"),
    ],
)
def test_axe_finds_nothing_before_the_door(
    browser: Browser, door: Door, reach: Callable[[Page, Door], None], heading: str
) -> None:
    context = browser.new_context(base_url=door.url, locale="es-ES")
    page = context.new_page()
    reach(page, door)
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, "the page scrolls sideways"
    context.close()


# The account page, in the whole app


def test_a_session_elsewhere_is_ended_from_the_account_page(
    page: Page, browser: Browser, running_app: RunningApp
) -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
    elsewhere = browser.new_context(base_url=running_app.url, locale="es-ES", user_agent=agent)
    other = elsewhere.new_page()
    sign_in(other)
    sign_in(page)
    page.get_by_role("button", name="Omar Benali").click()
    page.get_by_role("link", name="Mi cuenta").click()
    expect(page.get_by_text("Esta sesión")).to_be_visible()
    page.get_by_role("button", name="Cerrar: Firefox en Windows").click()
    expect(page.get_by_text("1 sesión cerrada.")).to_be_visible()
    other.goto("/clients")
    other.wait_for_url("**/login?next=/clients")
    elsewhere.close()


def test_signing_out_leaves_the_browser_empty(page: Page, context: BrowserContext) -> None:
    sign_in(page)
    page.goto("/settings/account")
    page.get_by_role("button", name="Omar Benali").click()
    page.get_by_role("button", name="Salir").click()
    page.wait_for_url("**/login")
    assert sessions.COOKIE not in {one["name"] for one in context.cookies()}
    page.go_back()
    page.wait_for_url("**/login**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_on_the_account_page(
    browser: Browser, running_app: RunningApp, scheme: str, width: int
) -> None:
    context = browser.new_context(
        base_url=running_app.url,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="es-ES",
    )
    page = context.new_page()
    sign_in(page)
    page.goto("/settings/account?said=password")
    expect(page.get_by_role("heading", name="Segundo paso al entrar")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "the page scrolls sideways"
    context.close()
