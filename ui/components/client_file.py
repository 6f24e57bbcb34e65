"""What we know about a client, as markup: who they are, how to reach them, why they are what."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from babel import Locale, UnknownLocaleError

from services.clients import Advertising, ClientDetail, ClientSummary, Identity
from ui.components.avatars import avatar
from ui.components.copyable import copyable
from ui.components.icons import icon
from ui.components.keyword_words import strength_of
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.tags import profile_basis, profile_label, profile_tag, status_tag
from ui.components.whatsapp_text import without_reordering
from ui.formats import day, day_and_time, exact, phone
from ui.i18n import N_, _, language

#: WhatsApp lets us write freely for this long after the person last wrote.
WINDOW = timedelta(hours=24)
#: From here on the end of the window is near enough to warn.
_SOON = timedelta(hours=3)

#: Kinds of identity, in the words of people who never heard of a bsuid.
_KINDS = {
    "phone": N_("Phone"),
    "wa_id": N_("WhatsApp number"),
    "bsuid": N_("WhatsApp identifier"),
    "parent_bsuid": N_("WhatsApp identifier (organisation)"),
}


def called(summary: ClientSummary) -> str:
    """What to call a client who may have neither name nor number."""
    name = without_reordering(summary.name or "")
    return name or (phone(summary.phone) if summary.phone else _("Without a name"))


def person(detail: ClientDetail) -> Html:
    """The head of the page: who this is."""
    summary = detail.summary
    known_by = [
        tag("bdi", phone(summary.phone)) if summary.phone and summary.name else None,
        tag("span", _("Number hidden by WhatsApp")) if not summary.phone else None,
        _also_called(detail),
    ]
    return join(
        [
            avatar(without_reordering(summary.name or ""), seed=str(summary.id)),
            tag(
                "div",
                tag("h1", tag("bdi", called(summary)), class_="ac-client-name"),
                tag("div", *(part for part in known_by if part), class_="ac-client-known"),
                class_="ac-client-who",
            ),
            status_tag(summary.status) if summary.status != "active" else None,
        ]
    )


def profile(summary: ClientSummary) -> Html:
    """The profile type in one tag, with what it rests on."""
    return profile_tag(summary.profile_type, summary.profile_confidence, summary.profile_source)


def window_state(last_inbound_at: datetime | None, now: datetime | None = None) -> Html:
    """Whether we may write freely, and until when."""
    now = now or datetime.now(UTC)
    if last_inbound_at is None:
        said = _("They have not written to us yet: only a template can be sent.")
        return _window("lock", "closed", said)
    until = last_inbound_at + WINDOW
    if until <= now:
        said = _("They last wrote more than 24 hours ago: only a template can be sent.")
        return _window("lock", "closed", said)
    if until - now <= _SOON:
        minutes = (until - now) // timedelta(minutes=1)
        left = _("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
        said = _("We can answer until {time}: {left} left.", time=day_and_time(until), left=left)
        return _window("clock", "soon", said)
    said = _("We can answer freely until {time}.", time=day_and_time(until))
    return _window("clock", "open", said)


def notices(detail: ClientDetail) -> Html:
    """What has to be sorted out before anybody trusts this file."""
    return join([_conflict(other) for other in detail.conflicting_clients])


def profile_button(summary: ClientSummary) -> Html:
    """The profile type as a thing to press for the reasons."""
    return join([profile(summary), icon("info")])


def basis(summary: ClientSummary) -> Html:
    """Who says so, and how sure."""
    said = profile_basis(summary.profile_confidence, summary.profile_source)
    return join([profile(summary), tag("p", said, class_="ac-muted")])


def evidence(pieces: list[dict[str, Any]]) -> Html:
    """The words behind a proposal, strongest first, and those that were denied."""
    if not pieces:
        return tag("p", _("No word in the messages points to a profile type."), class_="ac-muted")
    return join(
        [
            tag("p", _("Words the person wrote, and what they point to:"), class_="ac-muted"),
            tag("ul", *(_evidence(piece) for piece in pieces), class_="ac-evidence"),
            tag(
                "p",
                _("Words only suggest. When somebody of the team decides, that stays."),
                class_="ac-muted",
            ),
        ]
    )


def facts(detail: ClientDetail) -> Html:
    """Everything else we know, a term and its value at a time."""
    return join(
        [
            _section(_("Contact"), _contact(detail)),
            _section(_("Papers"), _papers(detail)),
            _section(_("Notes"), _notes(detail)),
            _section(_("About this file"), _record(detail)),
        ]
    )


# --- sections ---------------------------------------------------------------------------------


def _contact(detail: ClientDetail) -> Html:
    email, username = detail.summary.email, detail.summary.username
    current = [i.value for i in detail.identities if i.kind == "phone" and not i.retired]
    first = [detail.summary.phone] if detail.summary.phone else []
    numbers = [
        copyable(number, _("Copy the number"), shown=phone(number))
        for number in dict.fromkeys(first + current)
    ]
    return _terms(
        _fact(_("Phone"), *numbers),
        _fact(_("E-mail"), copyable(email, _("Copy the address")) if email else None),
        _fact(_("Name on WhatsApp"), name) if (name := _whatsapp_name(detail)) else None,
        _fact(_("WhatsApp user name"), copyable(f"@{username}", _("Copy the user name")))
        if username
        else None,
        _fact(_("Language"), _language_name(detail.language)) if detail.language else None,
        _advertising(detail.advertising) if detail.advertising else None,
    )


def _advertising(choice: Advertising) -> Html:
    """What they told WhatsApp, which keeps us from sending them some templates."""
    when = day(choice.said_at)
    said = (
        _("allowed again on {day}", day=when)
        if choice.wants
        else _("not wanted: said on WhatsApp on {day}", day=when)
    )
    return _fact(_("Advertising"), tag("span", said, title=exact(choice.said_at)))


def _papers(detail: ClientDetail) -> Html:
    number = detail.passport_or_nie
    copied = copyable(number, _("Copy the document number")) if number else None
    return _terms(_fact(_("NIE or passport"), copied))


def _notes(detail: ClientDetail) -> Html:
    if not detail.notes:
        return tag("p", _("No notes yet."), class_="ac-muted")
    return tag("div", detail.notes, class_="ac-file-notes", dir="auto")


def _record(detail: ClientDetail) -> Html:
    terms = _terms(
        _fact(_("Status"), status_tag(detail.summary.status)),
        _fact(_("File created"), _moment(detail.summary.created_at)),
        _fact(_("Last change"), _moment(detail.updated_at)),
    )
    return join([terms, _identities(detail.identities)])


# --- pieces -----------------------------------------------------------------------------------


def _whatsapp_name(detail: ClientDetail) -> str | None:
    """What WhatsApp calls the person, if that is something else than we do."""
    if detail.profile_name == detail.summary.name:
        return None
    return without_reordering(detail.profile_name or "") or None


def _also_called(detail: ClientDetail) -> Html | None:
    name = _whatsapp_name(detail)
    return tag("span", "~", tag("bdi", name), title=_("Name on WhatsApp")) if name else None


def _window(symbol: str, state: str, said: str) -> Html:
    return tag("div", icon(symbol), tag("span", said), class_=f"ac-window ac-window--{state}")


def _conflict(other: UUID) -> Html:
    return _notice(
        _("This may be the same person as another client: WhatsApp uses one number for both."),
        tag("a", _("Open the other client"), href=f"/clients/{other}"),
    )


def _notice(said: str, action: Html = NOTHING) -> Html:
    words = tag("div", tag("p", said), action)
    return tag("div", icon("warning"), words, class_="ac-notice ac-notice--warn")


def _evidence(piece: dict[str, Any]) -> Html:
    negated = piece.get("negated") is True
    points = profile_label(str(piece.get("profile_type")))
    details = [
        _("denied, does not count") if negated else _strength(piece.get("weight")),
        _language_name(str(piece.get("language", ""))),
    ]
    return tag(
        "li",
        _evidence_word(piece),
        tag("span", "→ ", points, class_="ac-evidence-type"),
        tag("span", " · ".join(part for part in details if part), class_="ac-muted"),
        class_="ac-evidence-denied" if negated else None,
    )


def _evidence_word(piece: dict[str, Any]) -> Html:
    """The words as they were written; without them our own spelling, which is no quotation."""
    found = piece.get("found")
    words = found if isinstance(found, str) and found else str(piece.get("keyword", ""))
    quoted = "q" if words is found else "span"
    return tag(quoted, tag("bdi", without_reordering(words)), class_="ac-evidence-word")


def _strength(weight: Any) -> str:
    if not isinstance(weight, int | float):
        return ""
    match strength_of(weight):
        case "strong":
            return _("a strong sign")
        case "medium":
            return _("a sign")
        case "weak":
            return _("a weak sign")


def _identities(identities: list[Identity]) -> Html:
    if not identities:
        return NOTHING
    return tag(
        "details",
        tag("summary", _("All their WhatsApp identifiers, former ones too")),
        tag("ul", *(_identity(identity) for identity in identities), class_="ac-identities"),
    )


def _identity(identity: Identity) -> Html:
    kind = _(_KINDS[identity.kind]) if identity.kind in _KINDS else identity.kind
    former = tag("span", _("no longer theirs"), class_="ac-tag ac-tag--other")
    return tag(
        "li",
        tag("span", kind, class_="ac-muted"),
        copyable(identity.value, _("Copy")),
        former if identity.retired else None,
    )


def _section(title: str, content: Html) -> Html:
    return tag("section", tag("h2", title, class_="ac-file-title"), content)


def _terms(*terms: Html | None) -> Html:
    return tag("dl", *terms, class_="ac-facts")


def _fact(term: str, *values: Html | str | None) -> Html:
    known = [tag("dd", tag("bdi", value)) for value in values if value]
    nothing = tag("dd", _("unknown"), class_="ac-faint")
    return tag("div", tag("dt", term), *(known or [nothing]))


def _moment(moment: datetime) -> Html:
    return tag("time", day_and_time(moment), datetime=moment.isoformat(), title=exact(moment))


def _language_name(code: str) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name(language()) or code
    except (UnknownLocaleError, ValueError):
        return code
