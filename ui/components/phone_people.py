"""The people whose phone can be played."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from babel import Locale, UnknownLocaleError
from nicegui import ui

from services.simulator.people import Persona
from services.simulator.wire import Sender
from ui.components.avatars import avatar
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.phone_invent import InventForm
from ui.formats import phone
from ui.i18n import _, language

Choose = Callable[[Persona], Awaitable[None]]


class PeoplePane:
    """The list at the left. What it shows is set with `offer`; a press calls `choose`."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._rows: dict[str, ui.html] = {}
        self._shown: dict[str, list[Persona]] = {}
        self._chosen: str | None = None
        self._made_up: list[Persona] = []
        with ui.element("nav").classes("ac-sim-people") as pane:
            pane.props["aria-label"] = _("People")
            new = button(join([icon("plus"), tag("span", _("Make somebody up"))]))
            new.classes("ac-button ac-sim-new").on("click", self.ask_for_somebody)
            self._places = {
                "made-up": _section(_("Made up just now")),
                "demo": _section(_("People of the demo")),
                "others": _section(_("Others who wrote")),
            }
        self._form = InventForm(self._add)

    def offer(self, demo: Sequence[Persona], others: Sequence[Persona]) -> None:
        """Show who can be chosen."""
        known = {person.sender.profile_name for person in self._made_up}
        self._fill("made-up", self._made_up)
        self._fill("demo", demo)
        self._fill("others", [p for p in others if p.sender.profile_name not in known])

    def mark(self, key: str) -> None:
        """Show who is being played."""
        for name, row in self._rows.items():
            set_attribute(row, "aria-current", "true" if name == key else None)
        self._chosen = key

    def ask_for_somebody(self) -> None:
        """Open the form that makes somebody up."""
        self._form.open()

    async def _add(self, sender: Sender) -> None:
        person = Persona(f"new-{uuid4().hex[:8]}", sender, made_up=True)
        self._made_up.insert(0, person)
        self._fill("made-up", self._made_up)
        await self._choose(person)

    def _fill(self, place: str, people: Sequence[Persona]) -> None:
        if self._shown.get(place) == list(people):
            return  # whoever is about to press a row finds it where it was
        for gone in self._shown.get(place, []):
            self._rows.pop(gone.key)
        self._shown[place] = list(people)
        section, rows = self._places[place]
        section.set_visibility(bool(people))
        rows.clear()
        with rows:
            for person in people:
                with ui.element("li"):
                    self._rows[person.key] = self._row(person)

    def _row(self, person: Persona) -> ui.html:
        async def pressed() -> None:
            await self._choose(person)

        row = button(who(person)).classes("ac-sim-person").on("click", pressed)
        if person.key == self._chosen:
            set_attribute(row, "aria-current", "true")
        return row


def who(person: Persona, *, heading: bool = False) -> Html:
    """Show a person: disc, name, number, languages."""
    sender = person.sender
    name = sender.profile_name or number_of(sender)
    spoken = ", ".join(filter(None, (_language(code) for code in person.languages)))
    return join(
        [
            avatar(sender.profile_name, seed=sender.user),
            tag(
                "span",
                tag("h2" if heading else "span", tag("bdi", name), class_="ac-person-name"),
                tag(
                    "span",
                    tag("bdi", number_of(sender)),
                    tag("span", f" · {spoken}") if spoken else None,
                    class_="ac-person-phone",
                ),
                class_="ac-person-words",
            ),
        ]
    )


def number_of(sender: Sender) -> str:
    """The number as people read it, or that it is hidden."""
    if sender.wa_id:
        return phone(f"+{sender.wa_id}")
    hidden = _("Hidden number")
    return f"{hidden} · @{sender.username}" if sender.username else hidden


def _section(title: str) -> tuple[ui.element, ui.element]:
    with ui.element("section") as section:
        show(tag("h2", title, class_="ac-eyebrow"))
        rows = ui.element("ul").classes("ac-plain")
    section.set_visibility(False)
    return section, rows


def _language(code: str) -> str | None:
    try:
        name: str | None = Locale.parse(language()).languages.get(code)
    except (UnknownLocaleError, ValueError):
        return None
    return name
