"""What the benchmarks of pages share: a browser, somebody signed in, and somebody to read."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from services.staff import DEMO_STAFF
from tests.load.app import App


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a screen."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "this benchmark needs chromium; `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


def signed_in(browser: Browser, app: App) -> Page:
    """A page of the demo's first caseworker."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"http://127.0.0.1:{app.port}/login")
    page.get_by_role("button", name=re.compile(_name_of("caseworker"))).click()
    page.wait_for_url(lambda url: "/login" not in url)
    return page


def session_cookies(browser: Browser, app: App) -> dict[str, str]:
    """What a browser of theirs sends."""
    context = signed_in(browser, app).context
    cookies = {str(c["name"]): str(c["value"]) for c in context.cookies()}
    context.close()
    return cookies


def _name_of(role: str) -> str:
    return next(name for _, name, its_role in DEMO_STAFF if its_role == role)


def converse(connection: psycopg.Connection[tuple[object, ...]], count: int) -> UUID:
    """Somebody with so many messages, of which every third is ours; all are read."""
    client = uuid4()
    connection.execute(
        "insert into clients (id, name, last_inbound_at) values (%s, %s, now())",
        [client, f"Persona {count}"],
    )
    connection.execute(
        "insert into messages (client_id, phone_number_id, whatsapp_id, direction, type, text,"
        "  payload, sent_at, status)"
        " select %(client)s, '106540352242922', 'wamid.' || %(client)s || '.' || n,"
        "  case when n %% 3 = 0 then 'outbound' else 'inbound' end, 'text',"
        "  'Mensaje ' || n || ': ' || repeat('palabras y más palabras ', 1 + n %% 5),"
        "  '{}', now() - (%(count)s - n) * interval '3 minutes',"
        "  case when n %% 3 = 0 then 'read' else 'received' end"
        " from generate_series(1, %(count)s) n",
        {"client": client, "count": count},
    )
    connection.execute("analyze messages")
    return client
