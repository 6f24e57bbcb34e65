"""What people see when a page or a press is refused: the reason, the next step, nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nicegui.testing import User

from services import staff as staff_service
from services.actors import Staff
from tests.pages import browser_of

#: What the errors of these pages say to whoever reads the code, and to nobody else.
SECRET = "canary 600 700 800"
MAIN = Path(__file__).parent / "simulated_refusals.py"


@pytest.fixture
async def browser(caseworker: Staff) -> AsyncIterator[User]:
    await staff_service.set_preferences(caseworker, language="en")
    async with browser_of(caseworker, MAIN) as user:
        yield user


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("forbidden", 403, "You do not have permission to see this"),
        ("missing", 404, "This page does not exist"),
        ("often", 429, "Try again in 2 minutes."),
    ],
)
async def test_a_page_that_is_refused_says_why_within_the_frame(
    browser: User, name: str, status: int, words: str
) -> None:
    answer = await browser.http_client.get(f"/raises/{name}")
    assert answer.status_code == status
    assert words in answer.text
    assert "ac-rail" in answer.text, "the way elsewhere is missing"
    assert SECRET not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert (name == "often") == ("retry-after" in answer.headers)


async def test_a_page_that_breaks_says_that_it_is_our_fault(
    browser: User, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await browser.http_client.get("/raises/broken")
    assert answer.status_code == 500
    assert "This page could not be shown" in answer.text
    assert SECRET not in answer.text
    caplog.clear()  # NiceGUI logs it, and its simulation takes that for a failure


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forbidden", "You do not have permission to do this."),
        ("missing", "This is no longer here. Load the page again."),
        ("often", "That was too often in a short time. Try again in 2 minutes."),
        ("broken", "That did not work and nothing was saved."),
    ],
)
async def test_a_press_that_is_refused_says_why_on_the_page(
    browser: User, name: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    await browser.open("/presses")
    browser.find(name).click()
    await browser.should_see(words)
    await browser.should_not_see(SECRET)
    caplog.clear()


async def test_it_is_said_in_the_persons_own_language(viewer: Staff) -> None:
    async with browser_of(viewer, MAIN) as user:
        answer = await user.http_client.get("/raises/missing")
    assert "Esta página no existe" in answer.text
