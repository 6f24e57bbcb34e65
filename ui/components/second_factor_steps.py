"""The two steps of setting up an authenticator app: scan or type, then give the first code."""

from urllib.parse import parse_qs, urlsplit

import segno

from services.adapters.identity import Enrolment
from ui.components.fields import code_field
from ui.components.markup import Html, tag
from ui.i18n import _

#: Longer than any real one, and what still makes a code that phones can scan.
_LONGEST_URI = 600


def enrolment_steps(enrolment: Enrolment, problem: str | None = None) -> Html:
    """What to do in the app, and the field for the first code it shows."""
    typed = tag("span", _groups_of_four(enrolment.secret), class_="ac-secret", translate="no")
    return tag(
        "ol",
        tag(
            "li",
            tag("p", _("Scan this with the app.")),
            qr_code(enrolment.uri, _("Code to scan with the authenticator app")),
            tag("p", _("Or type this key into it:"), class_="ac-muted"),
            tag("p", typed),
        ),
        tag(
            "li",
            tag("p", _("Type the code that the app shows now.")),
            code_field(error=problem, focus=False),
        ),
        class_="ac-steps",
    )


def qr_code(text: str, label: str) -> Html:
    """A QR code as SVG, in the colours of the place it stands in."""
    code = segno.make_qr(text, error="m")
    size = code.symbol_size(border=4)[0]
    path = "".join(
        f"M{column + 4} {row + 4}h1v1h-1z"
        for row, line in enumerate(code.matrix)
        for column, dark in enumerate(line)
        if dark
    )
    return tag(
        "svg",
        tag("title", label),
        tag("path", d=path, fill="currentColor"),
        viewBox=f"0 0 {size} {size}",
        shape_rendering="crispEdges",
        role="img",
        class_="ac-qr",
    )


def read_uri(factor_id: str, uri: str) -> Enrolment | None:
    """What was being set up, from what its page sent along; None when that is not it."""
    if len(uri) > _LONGEST_URI or not factor_id:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    secret = parse_qs(parts.query).get("secret", [""])[0]
    if (parts.scheme, parts.netloc) != ("otpauth", "totp") or not secret:
        return None
    return Enrolment(factor_id, secret, uri)


def _groups_of_four(secret: str) -> str:
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
