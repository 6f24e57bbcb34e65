"""What people read when something they pressed did not happen: why, and what they can do."""

import math

from nicegui import ui

from services.adapters.storage import StorageProblem
from services.errors import Forbidden, NotFound, TooMany
from ui.i18n import _, ngettext


def explain(error: Exception) -> None:
    """Say on the page why what somebody did has failed. For `ui.on_exception`."""
    words, is_ours = reason(error)
    ui.notify(words, type="negative" if is_ours else "warning")


def reason(error: Exception) -> tuple[str, bool]:
    """Why, in words, and whether it is a fault of ours. Nothing of the error itself is told."""
    if isinstance(error, Forbidden):
        return _("You do not have permission to do this."), False
    if isinstance(error, NotFound):
        return _("This is no longer here. Load the page again."), False
    if isinstance(error, StorageProblem):
        said = _("The file storage does not answer. Nothing was lost; try again in a moment.")
        return said, False
    if isinstance(error, TooMany):
        return f"{_('That was too often in a short time.')} {wait(error.retry_after)}", False
    return (
        _(
            "That did not work and nothing was saved. "
            "Try it again; if it happens again, tell the administrator."
        ),
        True,
    )


def wait(seconds: float) -> str:
    """How long to wait, in words: in seconds up to a minute, then in minutes."""
    if seconds <= 60:
        n = max(math.ceil(seconds), 1)
        return ngettext("Try again in {n} second.", "Try again in {n} seconds.", n)
    n = math.ceil(seconds / 60)
    return ngettext("Try again in {n} minute.", "Try again in {n} minutes.", n)
