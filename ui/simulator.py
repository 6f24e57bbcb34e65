"""The simulator: a phone to play a person on WhatsApp with. In mock mode only.

Nothing here touches the database but to look: what the person sends is written as Meta would,
signed, and posted to the webhook over HTTP. What then stands in the conversation came that way.
"""

import asyncio
from uuid import UUID

import httpx
from nicegui import Event, context, ui

from services.settings import Settings
from services.simulator import graph, people
from services.simulator.people import Persona
from services.simulator.play import Webhook
from ui import live
from ui.assets import asset
from ui.components.elements import button, show
from ui.components.markup import tag
from ui.components.phone import Outgoing, Phone
from ui.components.phone_backstage import Backstage
from ui.components.phone_conversation import LOOK_EVERY, Conversation
from ui.components.phone_people import PeoplePane
from ui.components.phone_trials import Trials
from ui.components.states import empty_state
from ui.gate import current_staff, signed_in, still_signed_in
from ui.i18n import _
from ui.layout import frame

PATH = "/simulator"

#: The simulated WhatsApp was asked for something, or told something.
graph_changed: Event[[]] = Event()


def register(settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """Add the page to NiceGUI; in real mode there is none. `transport` replaces the network."""
    if not settings.mock:
        return

    if (meta := graph.current()) is not None:
        meta.on_change = graph_changed.emit

    async def simulator_page(person: str = "") -> None:
        """`/simulator?person=`: the file name of a demo conversation, or a client's id."""
        webhook = Webhook(
            f"{settings.public_url}/webhook", settings.whatsapp_app_secrets[0], transport
        )
        context.client.on_delete(webhook.close)
        for sheet in ("json.css", "simulator.css"):
            ui.add_head_html(f'<link rel="stylesheet" href="{asset(sheet)}">')
        with frame(_("Simulator"), section="simulator"):
            await Simulator(webhook).start(person)

    ui.page(PATH)(simulator_page)


class Simulator:
    """One open page: the people, the phone in the middle, and what goes on behind the scenes."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook
        self._demo = people.demo_people()
        # One delivery after the other, as a phone sends what is typed fast.
        self._in_order = asyncio.Lock()
        with ui.element("div").classes("ac-sim ac-sim--people") as self._root:
            self._people = PeoplePane(self.choose)
            self._build_start()
            self._phone = Phone(
                self.post,
                on_back=lambda: self._go_to("people"),
                on_backstage=lambda: self._go_to("backstage"),
            )
            self._phone.root.set_visibility(False)
            self._backstage = Backstage(on_close=lambda: self._go_to("phone"))
        self._conversation = Conversation(self._phone)
        self._trials = Trials(webhook, self._phone, self._conversation, self._backstage)

    async def start(self, key: str) -> None:
        """Fill the page; `key` says who is played at once."""
        await self._offer_people()
        live.clients_changed.subscribe(self._on_change)
        graph_changed.subscribe(self._on_graph)
        if (person := await self._known(key)) is not None:
            await self.choose(person)

    @signed_in
    async def choose(self, person: Persona) -> None:
        """Put the phone into somebody's hands."""
        # The row that was pressed may be drawn anew meanwhile; the page stays.
        with self._root:
            if person.sender.bsuid is None:
                person = await self._known(person.key) or person
            self._start.set_visibility(False)
            self._phone.root.set_visibility(True)
            self._phone.turn_to(person)
            self._people.mark(person.key)
            self._backstage.hush()
            self._go_to("phone")
            ui.navigate.history.replace(PATH if person.made_up else f"{PATH}?person={person.key}")
            await self._conversation.begin()

    async def post(self, outgoing: Outgoing) -> None:
        """Deliver, say what was answered, and show what came of it."""
        async with self._in_order:
            posted = await self._webhook.deliver(outgoing.body)
        self._trials.last = outgoing
        self._backstage.hush()
        self._backstage.add(outgoing.label, posted)
        shown = outgoing.unsettled
        if shown is not None:
            shown.state = "stored" if posted.accepted else "refused"
            self._phone.repaint()
        if posted.accepted and shown is not None:
            await self._conversation.until_arrived([shown.wamid])
        elif posted.accepted:
            await asyncio.sleep(LOOK_EVERY)
            await self._conversation.look()

    async def _known(self, key: str) -> Persona | None:
        for person in self._demo:
            if person.key == key:
                return person
        try:
            client_id = UUID(key)
        except ValueError:
            return None
        return await people.of_client(current_staff(), client_id)

    @still_signed_in
    async def _on_change(self) -> None:
        await self._offer_people()
        if not self._conversation.is_known:
            await self._conversation.look()

    @still_signed_in
    async def _on_graph(self) -> None:
        self._backstage.faults.refresh()
        self._phone.repaint()

    async def _offer_people(self) -> None:
        self._people.offer(self._demo, await people.others(current_staff()))

    def _go_to(self, pane: str) -> None:
        """On a narrow screen, show this one alone."""
        self._root.classes(replace=f"ac-sim ac-sim--{pane}")

    def _build_start(self) -> None:
        state = empty_state(
            "simulator",
            _("Who do you want to be?"),
            _(
                "Choose somebody in the list and write to the organisation as they would on"
                " WhatsApp. Then open the same person as a caseworker in a second tab and watch"
                " the message arrive."
            ),
        )
        with ui.element("div").classes("ac-sim-start") as self._start:
            show(state)
            new = button(tag("span", _("Make somebody up"))).classes("ac-button")
            new.on("click", self._people.ask_for_somebody)
