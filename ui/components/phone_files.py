"""What the phone shows beside words: files, and what the organisation laid out with buttons."""

from typing import Literal, cast
from urllib.parse import urlsplit

from services.conversations import TimelineMessage
from services.events import Json, MessageType
from services.simulator.phone_view import OnPhone
from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.components.message_pieces import words, words_of
from ui.components.message_words import TYPE_ICONS, type_name
from ui.components.phone_sight import Sight
from ui.components.whatsapp_text import without_reordering
from ui.i18n import _

FileType = Literal["image", "video", "sticker", "audio", "document"]


def file(kind: FileType, data: Json, sight: Sight) -> Html:
    """Show a picture, a film, a sound or a paper; only its name where WhatsApp has it no more."""
    name = words(data.get("filename"))
    said = without_reordering(name) if name else type_name(kind)
    if kind == "audio" and data.get("voice") is True:
        said = _("Voice note")
    media_id = words(data.get("id"))
    address = sight.address(media_id) if media_id else None
    if address is None:
        return tile(kind, said)
    match kind:
        case "image" | "sticker":
            look = f"ac-phone-picture ac-phone-picture--{kind}"
            picture = tag("img", src=address, alt=said, loading="lazy", class_=look)
            return tag("a", picture, href=address, target="_blank") if kind == "image" else picture
        case "video":
            return tag(
                "video",
                src=address,
                controls=True,
                preload="metadata",
                aria_label=said,
                class_="ac-phone-picture",
            )
        case "audio":
            return tag(
                "audio",
                src=address,
                controls=True,
                preload="none",
                aria_label=said,
                class_="ac-phone-sound",
            )
        case "document":
            return tag("a", tile(kind, said), href=address, target="_blank")


def laid_out(seen: OnPhone, sight: Sight) -> list[Html | None]:
    """A template, buttons or a list, as the phone lays them out."""
    above = None
    if seen.file and seen.file[0] in ("image", "video", "document"):
        above = file(cast(FileType, seen.file[0]), seen.file[1], sight)
    return [
        above,
        tag("strong", seen.header, dir="auto") if seen.header else None,
        words_of(seen.body),
        tag("div", seen.footer, class_="ac-phone-small", dir="auto") if seen.footer else None,
    ]


def presses(message: TimelineMessage, seen: OnPhone) -> Html | None:
    """What can be pressed on it, below the bubble as on a phone."""
    buttons: list[Html] = [
        tag(
            "button",
            tag("span", _("Send my number") if press.kind == "number" else press.title, dir="auto"),
            tag("span", press.description, class_="ac-phone-small", dir="auto")
            if press.description
            else None,
            type="button",
            class_="ac-phone-press",
            data_press=f"{message.id}/{place}",
        )
        for place, press in enumerate(seen.presses)
    ]
    if seen.menu:
        opener = tag("summary", seen.menu, class_="ac-phone-press", dir="auto")
        buttons = [tag("details", opener, *buttons)]
    buttons += [
        tag("a", icon("external"), label, href=address, target="_blank", class_="ac-phone-press")
        for label, address in seen.links
        if urlsplit(address).scheme in ("https", "http", "tel")
    ]
    return tag("div", *buttons, class_="ac-phone-presses") if buttons else None


def tile(kind: MessageType, said: str) -> Html:
    symbol = TYPE_ICONS.get(kind, "text")
    return tag("div", icon(symbol), tag("bdi", said), class_=f"ac-phone-tile ac-phone-tile--{kind}")
