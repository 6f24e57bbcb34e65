"""A conversation as a page that opens anywhere: Spanish, no scripts, nothing from elsewhere."""

import html
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from sqlalchemy import RowMapping

#: What a message is called that is not just text.
_TYPES = {
    "image": "Imagen",
    "video": "Vídeo",
    "audio": "Audio",
    "document": "Documento",
    "sticker": "Sticker",
    "location": "Ubicación",
    "contacts": "Contactos",
    "reaction": "Reacción",
    "interactive": "Mensaje con opciones",
    "button": "Respuesta con un botón",
    "order": "Pedido",
    "system": "Aviso de WhatsApp",
    "edit": "Corrección de un mensaje",
    "revoke": "Mensaje eliminado",
    "unsupported": "Mensaje que WhatsApp no entrega",
    "unknown": "Otro mensaje",
}
_STATUSES = {
    "queued": "en espera",
    "sending": "enviándose",
    "unknown": "no se sabe si llegó",
    "accepted": "aceptado por WhatsApp",
    "sent": "enviado",
    "delivered": "entregado",
    "read": "leído",
    "played": "escuchado",
    "failed": "no entregado",
}

_STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: #21201d; background: #f6f4f0; }
h2 { margin: 2rem 0 .5rem; font-size: .9rem; color: #595650; text-align: center; }
article { width: fit-content; max-width: 80%; margin: .5rem 0; padding: .5rem .75rem;
  border-radius: .5rem; background: #fff; overflow-wrap: anywhere; }
article.out { margin-inline-start: auto; background: #d8efe8; }
article p { margin: 0; white-space: pre-wrap; }
.about { font-size: .8rem; color: #41625b; }
.in .about { color: #595650; }
@media print { body { background: #fff; } article { border: 1px solid #8d887e; } }
"""


def head(name: str | None, now: datetime, zone: ZoneInfo) -> str:
    """Everything above the first message."""
    return f"""<!DOCTYPE html>
<html lang="es">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Conversación</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Conversación con <bdi>{_words(name or "una persona sin nombre")}</bdi></h1>
<p>Copia hecha el {_moment(now, zone)}. Horas de {_words(zone.key)}.</p>
<main>
"""


def day(moment: datetime, zone: ZoneInfo) -> str:
    """What stands between two days."""
    said = format_datetime(moment, "EEEE d 'de' MMMM 'de' y", tzinfo=zone, locale="es")
    return f"<h2>{_words(said)}</h2>\n"


def message(row: RowMapping, name: str | None, zone: ZoneInfo, file: str | None = None) -> str:
    """One message, a row of `messages`; `file` is where its file is in the copy."""
    outbound = row["direction"] == "outbound"
    who = "La entidad" if outbound else name or "La persona"
    about = [f"<bdi>{_words(who)}</bdi>", _time(row["sent_at"], zone)]
    if kind := _TYPES.get(row["type"]):
        about.append(_words(kind))
    parts = [f'<p class="about">{" · ".join(about)}</p>']
    if row["text"]:
        parts.append(f'<p dir="auto">{_words(row["text"])}</p>')
    parts += [f'<p class="about" dir="auto">{_words(detail)}</p>' for detail in _details(row)]
    if file is not None:
        parts.append(f'<p class="about">Archivo: <bdi>{_words(file)}</bdi></p>')
    if outbound and (status := _STATUSES.get(row["status"])):
        parts.append(f'<p class="about">{_words(status)}</p>')
    side = "out" if outbound else "in"
    return f'<article class="{side}">{"".join(parts)}</article>\n'


def foot(*, is_empty: bool, following: str | None = None) -> str:
    """Everything below the last message; `following` is the file with the messages after it."""
    said = "<p>No hay mensajes.</p>\n" if is_empty else ""
    if following is not None:
        said = f"<p>Sigue en {_words(following)}, en la parte siguiente.</p>\n"
    return f"{said}</main>\n</body>\n</html>\n"


def _details(row: RowMapping) -> list[str]:
    """What a message says beside its text: a file's name, a place, cards of contacts."""
    whole = row["payload"]
    payload = whole.get(row["type"]) if isinstance(whole, dict) else None
    if row["type"] == "document" and isinstance(payload, dict):
        return _strings(payload, "filename")
    if row["type"] == "location" and isinstance(payload, dict):
        place = _strings(payload, "name", "address")
        where = [str(payload[key]) for key in ("latitude", "longitude") if key in payload]
        return [*place, ", ".join(where)] if where else place
    if row["type"] == "contacts" and isinstance(payload, list):
        return [_card(card) for card in payload if isinstance(card, dict)]
    return []


def _card(card: Mapping[str, Any]) -> str:
    name, numbers = card.get("name"), card.get("phones")
    said = _strings(name, "formatted_name") if isinstance(name, dict) else []
    for number in numbers if isinstance(numbers, list) else []:
        if isinstance(number, dict):
            said += _strings(number, "phone")
    return " · ".join(said)


def _strings(found: Mapping[str, Any], *keys: str) -> list[str]:
    return [found[key] for key in keys if isinstance(found.get(key), str) and found[key]]


def _time(moment: datetime, zone: ZoneInfo) -> str:
    return _words(format_datetime(moment, "HH:mm", tzinfo=zone, locale="es"))


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    pattern = "d 'de' MMMM 'de' y, HH:mm"
    return _words(format_datetime(moment, pattern, tzinfo=zone, locale="es"))


def _words(words: str) -> str:
    return html.escape(words.replace("\0", "\ufffd"), quote=True)
