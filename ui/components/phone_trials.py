"""Ways to try the webhook's patience, each with a verdict."""

import asyncio
from random import SystemRandom

import httpx

from services.simulator import bodies, play
from services.simulator.play import Posted, Webhook
from services.simulator.wire import DEMO_NUMBER, Sender
from ui.components.phone import Outgoing, Phone
from ui.components.phone_backstage import Backstage
from ui.components.phone_conversation import LOOK_EVERY, Conversation
from ui.gate import signed_in
from ui.i18n import _

#: Seconds in which a second copy would appear, if there were one.
_SETTLE = 4 * LOOK_EVERY
#: Letters of a message in the list of deliveries.
_LABEL_LENGTH = 60


class Trials:
    """What the buttons behind the scenes do."""

    def __init__(
        self, webhook: Webhook, phone: Phone, conversation: Conversation, backstage: Backstage
    ) -> None:
        self._webhook = webhook
        self._phone = phone
        self._conversation = conversation
        self._backstage = backstage
        #: What the phone sent last.
        self.last: Outgoing | None = None
        backstage.offer(
            (
                ("refresh", _("The last delivery again"), self.again),
                ("sparkle", _("{n} at once, each twice, shuffled", n=play.BURST), self.burst),
                ("warning", _("One good, one broken"), self.half_broken),
                ("error", _("Torn off at the end"), self.torn),
                ("lock", _("With a false signature"), self.forged),
            ),
            on_answer=self.answer,
            on_again=self.once_more,
        )

    async def again(self) -> None:
        """Deliver what was sent last once more."""
        if self.last is None:
            self._backstage.judge(_("Nothing has been sent yet."), good=False)
            return
        await self.once_more(self.last.label, self.last.body)

    @signed_in
    async def once_more(self, label: str, body: bytes) -> None:
        """Deliver the same bytes again, and see whether the conversation minds."""
        before = await self._conversation.look()
        posted = await self._deliver(_("Again: {label}", label=label), body)
        if not posted.accepted:
            return
        await asyncio.sleep(_SETTLE)
        after = await self._conversation.look()
        self._backstage.judge(
            _("Received again, and nothing doubled: the conversation is as it was.")
            if after == before
            else _("The conversation has changed: it has {n} messages now.", n=len(after)),
            good=after == before,
        )

    @signed_in
    async def burst(self) -> None:
        """Deliver many messages at once, twice and in disorder, and count what arrived."""
        if (sender := self._sender()) is None:
            return
        texts = [_("Message {n} of {total}", n=n + 1, total=play.BURST) for n in range(play.BURST)]
        burst = play.burst(DEMO_NUMBER, sender, texts, self._phone.newest_at, SystemRandom())
        count = len(burst.deliveries)
        self._backstage.working(_("Sending {n} deliveries at once…", n=count))
        clock = asyncio.get_running_loop().time
        started = clock()
        answers = await asyncio.gather(*map(self._webhook.deliver, burst.deliveries))
        slowest = max(answers, key=lambda posted: posted.milliseconds)
        self._backstage.add(_("The slowest of {n} deliveries", n=count), slowest)
        await self._conversation.until_arrived(burst.wamids)
        shown = clock() - started
        await asyncio.sleep(_SETTLE)
        seen = [id for id in await self._conversation.look() if id in burst.wamids]
        good = seen == list(burst.wamids) and all(posted.accepted for posted in answers)
        said = (
            _("All {n} messages are there, each once and in order.", n=len(burst.wamids))
            if good
            else _("{seen} messages of {n} are there.", seen=len(seen), n=len(burst.wamids))
        )
        facts = _(
            "Slowest answer: {ms} ms. All in sight after {s} s.",
            ms=round(slowest.milliseconds),
            s=f"{shown:.1f}",
        )
        self._backstage.judge(f"{said} {facts}", good=good)

    @signed_in
    async def half_broken(self) -> None:
        """Deliver a good message together with one that cannot be read."""
        if (sender := self._sender()) is None:
            return
        words = _("This message came together with a broken one")
        wamid, body = play.half_broken(DEMO_NUMBER, sender, words)
        if (await self._deliver(_("One good, one broken"), body)).accepted:
            arrived = await self._conversation.until_arrived([wamid])
            said = _("The good message arrived; the broken one waits for an administrator.")
            self._backstage.judge(
                said if arrived else _("The good message did not arrive."), good=arrived
            )

    @signed_in
    async def torn(self) -> None:
        """Deliver the beginning of a delivery."""
        if (sender := self._sender()) is None:
            return
        body = play.torn(DEMO_NUMBER, sender, "…")
        if (await self._deliver(_("Torn off at the end"), body)).accepted:
            self._backstage.judge(_("Kept as it came; it waits for an administrator."), good=True)

    @signed_in
    async def forged(self) -> None:
        """Deliver something that somebody else signed."""
        if (sender := self._sender()) is None:
            return
        message = bodies.text(sender, _("This never came from WhatsApp"))
        body = bodies.encode(bodies.from_sender(DEMO_NUMBER, sender, message))
        posted = await self._webhook.forge(body)
        self._backstage.add(_("With a false signature"), posted, repeatable=False)
        refused = posted.status == httpx.codes.UNAUTHORIZED
        self._backstage.judge(
            _("Refused, as it should be. Only the count of it was kept.")
            if refused
            else _("It was not refused."),
            good=refused,
        )

    @signed_in
    async def answer(self, words: str) -> None:
        """Let the organisation answer from its own phone."""
        if (sender := self._sender()) is None:
            return
        wamid = bodies.new_wamid(sender.user, outgoing=True)
        echo = bodies.echo(DEMO_NUMBER, sender, bodies.text(sender, words, wamid=wamid))
        label = _("The organisation: {words}", words=words[:_LABEL_LENGTH])
        if (await self._deliver(label, bodies.encode(bodies.echoes(DEMO_NUMBER, echo)))).accepted:
            await self._conversation.until_arrived([wamid])

    async def _deliver(self, label: str, body: bytes) -> Posted:
        posted = await self._webhook.deliver(body)
        self._backstage.add(label, posted)
        return posted

    def _sender(self) -> Sender | None:
        person = self._phone.person
        if person is None:
            self._backstage.judge(_("Choose somebody first."), good=False)
        return person.sender if person else None
