"""The file of a message inside its bubble: shown where browsers can, a card where they cannot.

Markup alone. `static/media.js` makes it work; what it reads:

    [data-photo]               opens the picture in the viewer, at [data-address]
    [data-pdf]                 opens the PDF that it links to in the viewer, under this name
    [data-media-act]           asks the file's panel for something: `keep` or `fetch`
    [data-message]             for which message
"""

from uuid import UUID

from services.conversations import TimelineMessage
from services.file_types import FILE_TYPES
from services.media_rows import MediaFile
from services.media_types import FILMS, PICTURES, SOUNDS, UNKNOWN
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.media_words import kind_name, length_name, size_name, state_words
from ui.components.message_words import TYPE_ICONS
from ui.components.whatsapp_text import without_reordering
from ui.formats import day_and_time
from ui.i18n import _

#: The box that a picture fits into, in CSS pixels.
_BOX = 320, 340
_STICKER_BOX = 140, 140

#: What a click makes a document of the client.
_DOCUMENTS = frozenset(FILE_TYPES.values())


def address(message_id: UUID, question: str = "") -> str:
    """Where a page finds the file of a message."""
    return f"/media/{message_id}{'?' if question else ''}{question}"


def file_of(message: TimelineMessage, media: MediaFile, *, called: str, said: str | None) -> Html:
    """Render a file. `called`: what such a message is called; `said`: its kind by WhatsApp."""
    if media.state != "stored":
        return _not_here(message, media, called=called, said=said)
    return join([_shown(message, media, called), _altered(media), _acts(message, media, called)])


def _shown(message: TimelineMessage, media: MediaFile, called: str) -> Html:
    kept = media.kept_type or UNKNOWN
    if kept in PICTURES:
        return _picture(message, media, called)
    if kept in SOUNDS:
        return _sound(message, media, called)
    if kept in FILMS:
        return tag(
            "video",
            controls=True,
            preload="metadata",
            src=address(message.id),
            class_="ac-film",
            aria_label=called,
        )
    return _card(message, media, called)


def _picture(message: TimelineMessage, media: MediaFile, called: str) -> Html:
    is_sticker = message.type == "sticker"
    width, height = _fit(media, _STICKER_BOX if is_sticker else _BOX)
    where = address(message.id)
    shown = tag(
        "img",
        src=where,
        alt=called,
        width=str(width),
        height=str(height),
        loading="lazy",
        decoding="async",
        class_="ac-sticker" if is_sticker else None,
    )
    if is_sticker:
        return shown
    broken = tag("span", icon("image"), tag("span", _("The photo could not be loaded.")))
    return tag(
        "button",
        shown,
        tag("span", broken, class_="ac-photo-broken"),
        type="button",
        class_="ac-photo",
        data_photo=str(message.id),
        data_address=where,
        data_caption=f"{called} · {day_and_time(message.sent_at)}",
        aria_label=_("Look at the photo: {time}", time=day_and_time(message.sent_at)),
    )


def _sound(message: TimelineMessage, media: MediaFile, called: str) -> Html:
    length = length_name(media.seconds) if media.seconds else None
    return tag(
        "div",
        tag(
            "div",
            icon("audio"),
            tag("span", " · ".join(part for part in (called, length) if part)),
            class_="ac-label",
        ),
        tag(
            "audio",
            controls=True,
            # Its length is said above; nothing is fetched before somebody wants to hear it.
            preload="none",
            src=address(message.id),
            aria_label=called,
        ),
        class_="ac-sound",
    )


def _card(message: TimelineMessage, media: MediaFile, called: str) -> Html:
    name = without_reordering(media.name) if media.name else None
    kind = kind_name(media.kept_type)
    details = [called if name else None, kind, size_name(media.size) if media.size else None]
    is_unknown = media.kept_type == UNKNOWN
    unknown = _("We could not look into this file. Download it only if you expected it.")
    return tag(
        "div",
        tag("span", icon(TYPE_ICONS[message.type]), class_="ac-file-icon"),
        tag(
            "div",
            tag("div", tag("bdi", name or called), class_="ac-file-name"),
            tag("div", " · ".join(part for part in details if part), class_="ac-file-kind"),
            tag("div", unknown, class_="ac-file-kind") if is_unknown else None,
            class_="ac-file-words",
        ),
        class_="ac-file",
    )


def _acts(message: TimelineMessage, media: MediaFile, called: str) -> Html:
    """What can be done with a file that is here."""
    kept = media.kept_type or UNKNOWN
    if message.type == "sticker":
        return NOTHING
    is_pdf = kept == "application/pdf"
    acts = [
        _look(message, media, called) if is_pdf else None,
        _download(message),
        _keep(message, media) if kept in _DOCUMENTS else None,
    ]
    return tag("div", *acts, class_="ac-media-acts")


def _look(message: TimelineMessage, media: MediaFile, called: str) -> Html:
    """A PDF within the page, and in a tab of its own where a browser shows none in a page."""
    return tag(
        "a",
        icon("eye"),
        tag("span", _("Open")),
        href=address(message.id, "open"),
        target="_blank",
        rel="noopener",
        class_="ac-media-act",
        data_pdf=without_reordering(media.name) if media.name else called,
    )


def _download(message: TimelineMessage) -> Html:
    return tag(
        "a",
        icon("download"),
        tag("span", _("Download")),
        href=address(message.id, "download"),
        rel="noopener",
        class_="ac-media-act",
    )


def _keep(message: TimelineMessage, media: MediaFile) -> Html:
    if media.document_id is not None:
        words = tag("span", _("In the file"))
        return tag("span", icon("check"), words, class_="ac-media-kept")
    return _act(message, "keep", "people", _("Put into the file"))


def _act(message: TimelineMessage, what: str, symbol: str, words: str) -> Html:
    return tag(
        "button",
        icon(symbol),
        tag("span", words),
        type="button",
        class_="ac-media-act",
        data_media_act=what,
        data_message=str(message.id),
    )


def _altered(media: MediaFile) -> Html:
    if not media.is_altered:
        return NOTHING
    words = _("This is not exactly what WhatsApp announced. It may be damaged.")
    return tag("div", icon("warning"), tag("span", words), class_="ac-label ac-media-warning")


def _not_here(message: TimelineMessage, media: MediaFile, *, called: str, said: str | None) -> Html:
    is_waiting = media.state == "pending" and media.problem is None
    name = without_reordering(media.name) if media.name else None
    details = [called if name else None, said]
    may_ask = media.state in ("expired", "failed") or (media.state == "pending" and not is_waiting)
    symbol = "error" if media.state in ("expired", "failed", "refused") else "clock"
    state = tag(
        "div",
        icon(symbol),
        tag("span", state_words(media)),
        class_=f"ac-media-state ac-media-state--{media.state}",
    )
    card = tag(
        "div",
        tag("span", icon(TYPE_ICONS[message.type]), class_="ac-file-icon"),
        tag(
            "div",
            tag("div", tag("bdi", name or called), class_="ac-file-name"),
            tag("div", " · ".join(part for part in details if part), class_="ac-file-kind"),
            class_="ac-file-words",
        ),
        class_="ac-file ac-file--waiting" if is_waiting else "ac-file",
    )
    bones = tag("div", class_="ac-media-bones", aria_hidden="true")
    again = _act(message, "fetch", "refresh", _("Try again now"))
    return tag(
        "div",
        card,
        bones if is_waiting and message.type in ("image", "video", "sticker") else None,
        state,
        tag("div", again, class_="ac-media-acts") if may_ask else None,
        class_="ac-media-missing",
    )


def _fit(media: MediaFile, box: tuple[int, int]) -> tuple[int, int]:
    """Within the box, never larger than it is; the page leaves so much room before it comes."""
    width, height = media.width or box[0], media.height or box[1]
    scale = min(box[0] / width, box[1] / height, 1.0)
    return max(round(width * scale), 1), max(round(height * scale), 1)
