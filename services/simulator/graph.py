"""WhatsApp's Graph API, played by us: what it takes, keeps, and tells afterwards.

`api.simulated_graph` puts it on HTTP. It is Meta's memory: kept in this process, and gone with it.
Nothing of ours depends on it, as nothing of ours could depend on Meta's.

    graph = SimulatedGraph(post=webhook.deliver, lookup=partial(known, System("simulator")))
    answer = await graph.send(phone_number_id, body)
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import phonenumbers

from services.events import Held, Json
from services.settings import SIMULATED_TOKEN
from services.simulator import bodies, graph_templates
from services.simulator.graph_faults import Fault, Faults
from services.simulator.graph_media import MediaStore
from services.simulator.graph_people import Known, Lookup
from services.simulator.graph_phones import Phones, Post, Travelling
from services.simulator.graph_problems import NoSuchObject, Refusal
from services.simulator.graph_requests import BSUID, ReadMark, Request, digits, read
from services.simulator.graph_templates import Shown
from services.simulator.wire import DEMO_NUMBER, Number, Sender, new_wamid

WINDOW = timedelta(hours=24)
#: For so long a person sees that somebody types, unless the answer comes before.
TYPING = timedelta(seconds=25)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was accepted. `body` is the request as it came."""

    wamid: str
    type: str
    body: Json
    at: datetime
    #: The person's wa_id, or their business-scoped id.
    user: str
    quoted_id: str | None
    callback_data: str | None
    #: A template with its variables filled in.
    shown: Shown | None = None
    #: What WhatsApp took without a word and does wrong.
    complaints: tuple[str, ...] = ()

    @property
    def payload(self) -> Any:
        """The type's own object."""
        return self.body[self.type]


@dataclass(slots=True)
class Heard:
    """What the simulator was told, for tests and for the page behind the scenes."""

    #: Every body that was posted to `/messages`, accepted or not.
    requests: list[object] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    #: Read receipts and signs of typing.
    marks: list[ReadMark] = field(default_factory=list)
    #: Codes of what was refused.
    refused: list[int] = field(default_factory=list)


class SimulatedGraph:
    """One account with one number.

    `post` takes the statuses to the webhook; without it they are only kept, in
    `phones.deliveries`. `lookup` says who people are and when they last wrote; without it everybody
    wrote just now.
    """

    def __init__(
        self,
        *,
        post: Post | None = None,
        lookup: Lookup | None = None,
        number: Number = DEMO_NUMBER,
        token: str = SIMULATED_TOKEN,
        pace: float = 1.0,
    ) -> None:
        self.number = number
        self.token = token
        self.faults = Faults()
        self.media = MediaStore()
        self.phones = Phones(number, post, pace=pace)
        self.templates = graph_templates.fresh()
        self.heard = Heard()
        #: Called whenever something changed that a page may show.
        self.on_change: Callable[[], None] = _nothing
        self._lookup = lookup
        self._sent: dict[str, Sent] = {}
        #: Templates that were accepted and are kept back.
        self.held: list[Travelling] = []
        #: Messages that the organisation has read, and until when somebody seems to type.
        self._read: set[str] = set()
        self._typing: dict[str, datetime] = {}

    # -- what HTTP asks for ---------------------------------------------------------------------

    def authorise(self, header: str | None) -> None:
        """Refusal unless an Authorization header carries the token."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(
                104,
                message="An access token is required to request this resource.",
                status=401,
            )
        if not hmac.compare_digest(token.strip().encode(), self.token.encode()):
            raise Refusal(190, message="Invalid OAuth access token - Cannot parse access token")

    async def send(self, phone_number_id: str, body: object, faults: Sequence[Fault] = ()) -> Json:
        """Take a message or a read receipt; Meta's answer, or Refusal."""
        self.heard.requests.append(body)
        try:
            self._own(phone_number_id)
            request = read(body)
            if isinstance(request, ReadMark):
                self._mark(request)
                return {"success": True}
            return await self._accept(request, body, faults)
        except Refusal as refusal:
            self.heard.refused.append(refusal.code)
            raise
        finally:
            self.on_change()

    def upload(self, phone_number_id: str, product: str, mime_type: str, content: bytes) -> Json:
        """Keep a file; its id."""
        self._own(phone_number_id)
        if product != "whatsapp":
            raise Refusal(100, message="(#100) The parameter messaging_product is required.")
        return {"id": self.media.add(mime_type, content).id}

    def node(self, object_id: str, fields: Sequence[str], files: str) -> Json:
        """Answer `GET /<ID>`: the number, the account, a template, or a medium."""
        if object_id == self.number.phone_number_id:
            return _selected(self._phone_number(), fields, "WhatsAppBusinessPhoneNumber")
        if object_id == self.number.waba_id:
            return _selected(self._account(), fields, "WhatsAppBusinessAccount")
        if any(template["id"] == object_id for template in self.templates):
            return _selected(
                graph_templates.by_id(self.templates, object_id), fields, "WhatsAppMessageTemplate"
            )
        return self.media.describe(object_id, files)

    def list_of(self, object_id: str, edge: str, query: dict[str, str], address: str) -> Json:
        """Answer `GET /<WABA>/message_templates` and `/phone_numbers`."""
        if object_id != self.number.waba_id:
            raise NoSuchObject("get", object_id)
        if edge == "message_templates":
            return graph_templates.page(self.templates, query, address)
        fields = [field for field in query.get("fields", "").split(",") if field]
        number = _selected(self._phone_number(), fields, "WhatsAppBusinessPhoneNumber")
        return {"data": [number]}

    def payload_of(self, wamid: str) -> Any:
        """The type's own object of a message that was sent; None for one that is not known."""
        sent = self._sent.get(wamid)
        return sent.payload if sent else None

    def has_read(self, wamid: str) -> bool:
        """Whether the organisation let a person see that it read this message."""
        return wamid in self._read

    def is_typing(self, wamids: Sequence[str]) -> bool:
        """Whether the organisation seems to be typing an answer to one of these messages."""
        now = datetime.now(UTC)
        return any(self._typing.get(wamid, now) > now for wamid in wamids)

    def end_holding(self, *, dropped: bool = False) -> None:
        """Let go what is kept back: it leaves, or people did not like the template and it never
        will."""
        for message in self.held:
            if dropped:
                message.failure, message.failure_details = 132015, Refusal(132015).details
            self.phones.carry(message)
        self.held = []
        self.on_change()

    async def close(self) -> None:
        await self.phones.close()

    # -- a message ------------------------------------------------------------------------------

    def _mark(self, mark: ReadMark) -> None:
        self.heard.marks.append(mark)
        self._read.add(mark.message_id)
        if mark.typing:
            self._typing[mark.message_id] = datetime.now(UTC) + TYPING

    async def _accept(self, request: Request, body: Any, faults: Sequence[Fault]) -> Json:
        address, recipient = self._addressed(request)
        known = await self._known(address)
        shown = None
        if request.type == "template":
            shown = graph_templates.fill(self.templates, request.content)
        elif known.last_wrote_at is None or datetime.now(UTC) - known.last_wrote_at > WINDOW:
            raise Refusal(131047)
        unfit = [self.media.check(kind, media_id) for kind, media_id in request.media]
        now, user = datetime.now(UTC), known.sender.user
        wamid = new_wamid(user, outgoing=True)
        sent = Sent(
            wamid,
            request.type,
            body,
            now,
            user,
            request.quoted_id,
            request.callback_data,
            shown,
            request.complaints,
        )
        self.heard.sent.append(sent)
        self._sent[wamid] = sent
        self._typing.clear()
        message = Travelling(
            wamid,
            self._named(recipient, known.sender),
            user,
            request.type,
            now,
            callback_data=request.callback_data,
            pricing=self._pricing(request),
        )
        if wrong := next(filter(None, unfit), None):
            message.failure, message.failure_details = 131053, wrong
        # What has a business-scoped id for a number is never heard of again.
        message.silent = request.to is not None and bool(BSUID.fullmatch(request.to))
        _befall(message, faults)
        held = _held(faults) if request.type == "template" else None
        if held is not None:
            self.held.append(message)
        else:
            if any(fault.effect == "early" for fault in faults):
                await self.phones.tell_sent(message)
            self.phones.carry(message)
        return _answer(request, address, wamid, held=held)

    def _addressed(self, request: Request) -> tuple[str, Sender]:
        """Digits or business-scoped id, and who that is by this name alone."""
        if request.recipient is not None:
            return request.recipient, nameless(request.recipient)
        to = request.to or ""
        if BSUID.fullmatch(to):
            return to, nameless(to)
        number = digits(to)
        if not to.strip().startswith("+"):
            country = phonenumbers.parse(f"+{self.number.digits}").country_code
            number = f"{country}{number}"
        if not 7 <= len(number) <= 15:
            raise Refusal(131009, "Recipient phone number is not valid")
        if number == self.number.digits:
            raise Refusal(131021)
        return number, nameless(number)

    async def _known(self, address: str) -> Known:
        by_address = nameless(address)
        if self._lookup is None:
            return Known(by_address, datetime.now(UTC))
        return await self._lookup(address) or Known(by_address)

    def _named(self, asked: Sender, known: Sender) -> Sender:
        """The person as statuses name them: by the name that was written to, and the others."""
        return Sender(
            asked.wa_id or (None if known.username else known.wa_id),
            asked.bsuid or known.bsuid,
            known.profile_name,
            known.username,
        )

    def _pricing(self, request: Request) -> Json:
        if request.type != "template":
            return bodies.service_pricing()
        language = request.content.language.code
        template = graph_templates.find(self.templates, request.content.name, language)
        category = template["category"].lower() if template else "utility"
        return bodies.service_pricing() | {"category": category}

    # -- the account ----------------------------------------------------------------------------

    def _own(self, phone_number_id: str) -> None:
        if phone_number_id != self.number.phone_number_id:
            raise NoSuchObject("post", phone_number_id)

    def _phone_number(self) -> Json:
        return {
            "id": self.number.phone_number_id,
            "display_phone_number": f"+{self.number.digits}",
            "verified_name": "Acogida (simulador)",
            "quality_rating": "GREEN",
            "code_verification_status": "VERIFIED",
            "name_status": "APPROVED",
            "status": "CONNECTED",
            "account_mode": "LIVE",
            "platform_type": "CLOUD_API",
            "throughput": {"level": "STANDARD"},
            "messaging_limit_tier": "TIER_2K",
            "whatsapp_business_manager_messaging_limit": "TIER_2K",
            "is_official_business_account": False,
            "health_status": self._health("PHONE_NUMBER", self.number.phone_number_id),
        }

    def _account(self) -> Json:
        return {
            "id": self.number.waba_id,
            "name": "Acogida (simulador)",
            "timezone_id": "50",
            "currency": "EUR",
            "message_template_namespace": "00000000_0000_0000_0000_000000000000",
            "account_review_status": "APPROVED",
            "health_status": self._health("WABA", self.number.waba_id),
        }

    def _health(self, kind: str, object_id: str) -> Json:
        locked = "locked" in self.faults.active or "payment" in self.faults.active
        state = "BLOCKED" if locked else "AVAILABLE"
        entity: Json = {"entity_type": kind, "id": object_id, "can_send_message": state}
        return {"can_send_message": state, "entities": [entity]}


_current: SimulatedGraph | None = None


def use(graph: SimulatedGraph | None) -> None:
    """Say which one this process plays."""
    global _current
    _current = graph


def current() -> SimulatedGraph | None:
    """The one that this process plays; None in real mode, and where mock mode asks another."""
    return _current


def _nothing() -> None:
    """Tell nobody."""


def nameless(address: str) -> Sender:
    """Somebody of whom only a number's digits or a business-scoped id is known."""
    number = address if address.isdigit() else None
    return Sender(number, None if number else address, profile_name="")


def _befall(message: Travelling, faults: Sequence[Fault]) -> None:
    """Let what was switched on happen to a message."""
    for fault in faults:
        match fault.effect:
            case "fail":
                message.failure = fault.code
                message.failure_details = Refusal(fault.code).details
            case "silence":
                message.silent = True
            case "twice":
                message.twice = True
            case "disorder":
                message.disorder = True


def _held(faults: Sequence[Fault]) -> Held | None:
    """Whether a template is kept back, and what Meta calls that."""
    effects = {fault.effect for fault in faults}
    if "hold" in effects:
        return "held_for_quality_assessment"
    return "paused" if "pause" in effects else None


def _answer(request: Request, address: str, wamid: str, *, held: Held | None) -> Json:
    contact: Json = {"input": request.recipient or request.to}
    contact |= {"wa_id": address} if address.isdigit() else {"user_id": address}
    message: Json = {"id": wamid}
    if request.type == "template":
        message["message_status"] = held or "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _selected(node: Json, fields: Sequence[str], kind: str) -> Json:
    if not fields:
        return node
    for name in fields:
        if name not in node:
            raise Refusal(
                100,
                message=f"(#100) Tried accessing nonexisting field ({name[:40]}) on node type "
                f"({kind})",
            )
    return {name: node[name] for name in dict.fromkeys([*fields, "id"])}
