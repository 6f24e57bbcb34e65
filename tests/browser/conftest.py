"""The whole app as a process of its own, a database a module, and a real Chromium before it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from services.events import Json
from services.signature import HEADER, sign
from services.simulator import bodies

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
#: Milliseconds for what should be seen: on a busy machine a chart takes many seconds.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker a module, because a module has one app and one browser.

    A browser on a machine that is busy with other tests may miss a beat: once more, and no more.
    The report names every test that needed it (R).
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group(f"browser-{item.path.stem}"))
            item.add_marker(pytest.mark.flaky(reruns=1))


@dataclass(frozen=True)
class RunningApp:
    """The app under test: its address, and the secret that Meta would sign with."""

    url: str
    app_secret: str

    def deliver(self, *payloads: Json) -> None:
        """Post signed deliveries, as Meta does."""
        for payload in payloads:
            body = bodies.encode(payload)
            answer = httpx.post(
                f"{self.url}/webhook", content=body, headers={HEADER: sign(self.app_secret, body)}
            )
            assert answer.status_code == 200


@pytest.fixture(scope="module")
def running_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("app")
    port = _free_port()
    # A child that inherits these would think that it is a test itself.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    settings = {"APP_MODE": "mock", "DATA_DIR": str(folder), "PORT": str(port)}
    for name in ("DATABASE_URL", "PUBLIC_URL", "HOST", "WHATSAPP_APP_SECRET"):
        inherited.pop(name, None)
    log = (folder / "app.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "main.py", "serve", "--no-demo"],
        cwd=ROOT,
        env=inherited | settings,
        stdout=log,
        stderr=log,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process, folder / "app.log")
        secrets = json.loads((folder / "secrets.json").read_text())
        yield RunningApp(url, secrets["whatsapp_app_secret"])
    finally:
        process.terminate()
        process.wait(30)
        log.close()
    assert process.returncode == 0
    assert not (folder / "postgres" / "postmaster.pid").exists(), "its Postgres still runs"


# Of the module, not of the session: while Playwright runs, asyncio cannot, and this worker has
# other tests to run afterwards.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "the browser tests need chromium; `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, running_app: RunningApp) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=running_app.url, viewport={"width": 1440, "height": 900}, locale="es-ES"
    )
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must end without an error in its console."""
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    assert problems == []


def sign_in(page: Page, name: str = "Omar Benali") -> None:
    """Choose a demo member of staff on the sign-in page; it leads on to the list of clients."""
    page.goto("/login?next=/clients")
    page.get_by_role("button", name=re.compile(name)).click()
    page.wait_for_url("**/clients**")


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    raise AssertionError(f"the app was not ready in time:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
