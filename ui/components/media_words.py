"""Files in words: what kind, how large, how long, and why one is not here."""

import math

from services.media_rows import MediaFile
from ui.formats import day_and_time, number
from ui.i18n import N_, _, ngettext

#: Media type -> what people call it.
_KINDS = {
    "application/pdf": "PDF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WebP",
    "application/msword": "Word",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.ms-excel": "Excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "application/vnd.ms-powerpoint": "PowerPoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
    "text/plain": "TXT",
    "text/csv": "CSV",
    "audio/ogg": "OGG",
    "audio/mpeg": "MP3",
    "audio/mp4": "M4A",
    "audio/aac": "AAC",
    "audio/amr": "AMR",
    "video/mp4": "MP4",
    "video/3gpp": "3GP",
}

#: Why a file is not here, by code. What is not named is a fault of the way.
_PROBLEMS = {
    "not_found": N_("WhatsApp says that it does not have this file."),
    "token": N_("WhatsApp does not accept our access. The administrator has to renew it."),
    "busy": N_("WhatsApp asks us to wait."),
    "host": N_("WhatsApp named a place that is not its own, so we did not fetch it."),
    "redirect": N_("WhatsApp named a place that is not its own, so we did not fetch it."),
    "encoding": N_("It came packed in a way that we do not open."),
    "empty": N_("It came empty."),
    "too_large": N_("It is larger than the 50 MB we can keep. Ask for it in smaller parts."),
    "program": N_("It is a program, and programs are not kept. Ask what they wanted to send."),
}
_ON_THE_WAY = N_("It could not be fetched.")


def kind_name(media_type: str | None) -> str | None:
    """`application/pdf` is PDF to a reader; None for what has no name."""
    return _KINDS.get((media_type or "").partition(";")[0].strip().lower())


def size_name(size: int) -> str:
    """Bytes in the unit that people know from their phones."""
    if size < 1000:
        return ngettext("{n} byte", "{n} bytes", size)
    if size < 1_000_000:
        return _("{n} KB", n=number(round(size / 1000)))
    return _("{n} MB", n=number(round(size / 1_000_000, 1)))


def length_name(seconds: float) -> str:
    """`0:42`, as players show it."""
    whole = max(math.ceil(seconds), 1)
    return f"{whole // 60}:{whole % 60:02d}"


def reason(media: MediaFile) -> str:
    """Why a file is not here."""
    return _(_PROBLEMS.get(media.problem or "", _ON_THE_WAY))


def state_words(media: MediaFile) -> str:
    """What has become of a file that is not stored, in a sentence or two."""
    match media.state:
        case "pending" if media.problem is None:
            return _("Fetching the file…")
        case "pending":
            until = media.expires_at
            again = _("We keep trying.")
            if until is not None:
                again = _("We keep trying until {time}.", time=day_and_time(until))
            return f"{reason(media)} {again}"
        case "expired":
            return _(
                "WhatsApp kept this file for 7 days and it could not be fetched in that time. "
                "Ask the person to send it again."
            )
        case "removed":
            return _("This file was kept for as long as the retention rule says, and is gone.")
        case _:
            return reason(media)
