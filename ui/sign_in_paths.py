"""The addresses by which people come in and look after how they do, named once."""

from urllib.parse import urlencode

from services.sign_in import CALLBACK_PATH, CONFIRM_PATH
from ui.gate import safe_next

LOGIN = "/login"
CODE = "/login/code"
FORGOT = "/login/forgot"
PASSWORD = "/login/password"  # noqa: S105 - an address
START = "/auth/start"
SECOND_FACTOR = "/auth/second-factor"
SECOND_FACTOR_BEGIN = "/auth/second-factor/begin"
SECOND_FACTOR_REMOVE = "/auth/second-factor/remove"
ACCOUNT = "/settings/account"
#: Known to providers and e-mails as well.
CALLBACK, CONFIRM = CALLBACK_PATH, CONFIRM_PATH


def onward(wanted: str | None) -> str:
    """Where a step of signing in leads: as `safe_next`, or to choosing a password."""
    return PASSWORD if wanted == PASSWORD else safe_next(wanted)


def with_next(path: str, wanted: str, **query: str) -> str:
    """An address of ours that leads on to `wanted` in the end."""
    if wanted != "/":
        query["next"] = wanted
    return f"{path}?{urlencode(query)}" if query else path


def account_saying(code: str) -> str:
    """The account page, which says what has just been done."""
    return f"{ACCOUNT}?{urlencode({'said': code})}"
