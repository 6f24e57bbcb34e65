"""In a real browser: a session that ends takes its open pages with it; a page runs only its own."""

from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import sign_in

#: Milliseconds in which an open page has to be gone.
SOON = 5_000


def test_signing_out_in_one_tab_closes_the_others(page: Page, context: BrowserContext) -> None:
    sign_in(page)
    other = context.new_page()
    other.goto("/clients")
    other.get_by_role("heading", level=1).wait_for()
    answer = page.request.post("/logout")
    assert answer.ok
    other.wait_for_url("**/login?next=/clients", timeout=SOON)
    page.wait_for_url("**/login**", timeout=SOON)


def test_a_script_that_came_in_with_somebodys_words_does_not_run(
    page: Page, context: BrowserContext
) -> None:
    sign_in(page)
    attacked = context.new_page()
    complaints: list[str] = []
    attacked.on("console", lambda message: complaints.append(message.text))
    attacked.goto("/clients")
    attacked.get_by_role("heading", level=1).wait_for()
    attacked.evaluate(
        """() => {
          document.body.insertAdjacentHTML(
            "beforeend", '<img src="data:," onerror="window.wasAttacked = true">');
          const script = document.createElement("script");
          script.textContent = "window.wasAttacked = true";
          document.body.append(script);
        }"""
    )
    attacked.wait_for_timeout(500)
    assert attacked.evaluate("() => window.wasAttacked") is None
    assert sum("Content Security Policy" in complaint for complaint in complaints) >= 2
