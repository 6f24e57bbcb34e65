"""What somebody signs in with, in plain words instead of a browser's own description of itself."""

import re

from ui.i18n import _

#: The first that matches counts: most browsers claim to be others as well.
_BROWSERS = (
    (r"Edg(?:e|A|iOS)?/", "Edge"),
    (r"OPR/|OPiOS/", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/|Chromium/", "Chrome"),
    (r"Version/[\d.]+ .*Safari/", "Safari"),
)
_SYSTEMS = (
    (r"iPhone", "iPhone"),
    (r"iPad", "iPad"),
    (r"Android", "Android"),
    (r"CrOS", "ChromeOS"),
    (r"Windows", "Windows"),
    (r"Macintosh|Mac OS X", "Mac"),
    (r"Linux|X11", "Linux"),
)
_HANDHELD = ("iPhone", "iPad", "Android")


def device(user_agent: str) -> str:
    """`Firefox on Windows`; what is no known browser says so."""
    browser, system = _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    if browser and system:
        return _("{browser} on {system}", browser=browser, system=system)
    return browser or system or _("Unknown device")


def is_handheld(user_agent: str) -> bool:
    """A phone or a tablet, rather than a desk's computer."""
    return _first(_SYSTEMS, user_agent) in _HANDHELD


def _first(candidates: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for sign, name in candidates if re.search(sign, user_agent)), None)
