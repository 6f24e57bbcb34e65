"""What WhatsApp delivers becomes clients and messages: once, in order, and never lost."""

import asyncio
import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from db.engine import begin
from services import client_edits, clients, conversations, inbound
from services.actors import Staff
from services.clients import ClientSummary
from services.conversations import TimelineMessage
from services.errors import Forbidden
from services.events import Event, Json
from services.inbound import Arrived
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Number, Sender
from tests.support import SYSTEM, Postgres, deliver
from webhook import payloads

AMINA = Sender("34600111222", profile_name="Amina Béjaïa")
YUSUF = Sender("212600333444", bsuid="MA.1349", profile_name="Yusuf")
HIDDEN = Sender(None, bsuid="CO.77aa", profile_name="Mariposa", username="mariposa.99")

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def says(sender: Sender, body: str, minutes: float = 0, **options: str) -> Json:
    return bodies.from_sender(
        DEMO_NUMBER,
        sender,
        bodies.text(sender, body, at=at(minutes), **options),  # type: ignore[arg-type]
    )


def reacts(emoji: str | None, wamid: str, minutes: float) -> Json:
    return bodies.from_sender(
        DEMO_NUMBER, AMINA, bodies.reaction(AMINA, wamid, emoji, at=at(minutes))
    )


async def all_clients(staff: Staff) -> list[ClientSummary]:
    return (await clients.list_clients(staff, limit=200, statuses=clients.CLIENT_STATUSES)).items


async def conversation(staff: Staff, client: ClientSummary | None = None) -> list[TimelineMessage]:
    if client is None:
        [client] = await all_clients(staff)
    return (await conversations.timeline(staff, client.id, limit=500)).messages


class TestAFirstMessage:
    async def test_makes_a_client_with_the_number_and_the_profile_name(self, admin: Staff) -> None:
        await deliver(says(AMINA, "Buenos días"))
        [client] = await all_clients(admin)
        assert (client.name, client.phone, client.status) == (
            "Amina Béjaïa",
            "+34600111222",
            "active",
        )
        assert (client.unread_count, client.last_message_preview) == (1, "Buenos días")
        assert client.last_message_at == NOW

    async def test_of_somebody_without_a_number_makes_a_client_too(self, admin: Staff) -> None:
        await deliver(says(HIDDEN, "hola"))
        [client] = await all_clients(admin)
        detail = await clients.get_client(admin, client.id)
        assert detail is not None
        assert (client.name, client.phone, client.username) == ("Mariposa", None, "mariposa.99")
        assert [(i.kind, i.value) for i in detail.identities] == [("bsuid", "CO.77aa")]

    async def test_from_a_number_of_ours_that_we_do_not_know_is_kept(self, admin: Staff) -> None:
        other = Number("999", "+34 911 111 111", "888")
        await deliver(bodies.from_sender(other, AMINA, bodies.text(AMINA, "hola", at=NOW)))
        assert [m.text for m in await conversation(admin)] == ["hola"]

    async def test_the_name_that_staff_gave_is_never_overwritten(
        self, admin: Staff, database: Postgres
    ) -> None:
        await deliver(says(AMINA, "hola"))
        with database.connect() as connection:
            connection.execute("update clients set name = 'Amina B. (expediente 7)'")
        renamed = Sender(AMINA.wa_id, profile_name="amina 🌸")
        await deliver(says(renamed, "otra", 1))
        [client] = await all_clients(admin)
        detail = await clients.get_client(admin, client.id)
        assert detail is not None
        assert (client.name, detail.profile_name) == ("Amina B. (expediente 7)", "amina 🌸")


class TestOnce:
    async def test_the_same_body_again_changes_nothing(self, admin: Staff) -> None:
        body = says(AMINA, "hola")
        assert await deliver(body, body, body) == 1
        assert await deliver(body) == 0
        assert len(await conversation(admin)) == 1

    async def test_the_same_message_in_another_body_changes_nothing(self, admin: Staff) -> None:
        message = bodies.text(AMINA, "hola", at=NOW)
        one = bodies.from_sender(DEMO_NUMBER, AMINA, message)
        two = bodies.batch(one, says(YUSUF, "salam"))
        await deliver(one, two, bodies.batch(two, one))
        assert {(c.name, c.unread_count) for c in await all_clients(admin)} == {
            ("Yusuf", 1),
            ("Amina Béjaïa", 1),
        }

    async def test_an_album_of_one_person_makes_one_client(self, admin: Staff) -> None:
        await deliver(
            *(
                bodies.from_sender(DEMO_NUMBER, AMINA, bodies.image(AMINA, f"foto {n}", at=NOW))
                for n in range(10)
            )
        )
        [client] = await all_clients(admin)
        assert client.unread_count == 10

    async def test_a_thousand_updates_in_one_delivery(self, admin: Staff) -> None:
        people = [Sender(f"346001{n:05}", profile_name=f"P{n}") for n in range(100)]
        messages = [bodies.text(person, f"m{n}", at=at(n)) for n in range(10) for person in people]
        await deliver(bodies.envelope(DEMO_NUMBER, messages=messages, contacts=people))
        found = await clients.list_clients(admin, limit=200)
        assert found.total == 100
        assert {c.unread_count for c in found.items} == {10}

    async def test_any_order_ends_in_the_same_conversation(
        self, admin: Staff, database: Postgres
    ) -> None:
        wamid = "wamid.answer"
        script = [
            says(AMINA, "uno", 1),
            bodies.echoes(
                DEMO_NUMBER,
                bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, "dos", at=at(2), wamid=wamid)),
            ),
            says(AMINA, "tres", 3),
            bodies.envelope(
                DEMO_NUMBER, statuses=[bodies.status(AMINA, wamid, "delivered", at=at(4))]
            ),
            bodies.envelope(DEMO_NUMBER, statuses=[bodies.status(AMINA, wamid, "read", at=at(5))]),
            bodies.envelope(DEMO_NUMBER, statuses=[bodies.status(AMINA, wamid, "sent", at=at(2))]),
        ]
        for order in random.Random(7).sample(list(itertools.permutations(script)), 12):
            with database.connect() as connection:
                for table in ("clients", "message_statuses", "webhook_deliveries"):
                    connection.execute(f"delete from {table}".encode())  # noqa: S608
            await deliver(*order)
            entries = await conversation(admin)
            assert [(m.text, m.status) for m in entries] == [
                ("uno", "received"),
                ("dos", "read"),
                ("tres", "received"),
            ]


class TestEveryKindOfMessage:
    @pytest.mark.parametrize(
        ("message", "kind", "words"),
        [
            (bodies.text(AMINA, "hola ñ 😀", at=NOW), "text", "hola ñ 😀"),
            (bodies.image(AMINA, "mi pasaporte", at=NOW), "image", "mi pasaporte"),
            (bodies.image(AMINA, at=NOW), "image", None),
            (bodies.video(AMINA, "vídeo", at=NOW), "video", "vídeo"),
            (bodies.audio(AMINA, at=NOW), "audio", None),
            (bodies.document(AMINA, "NIE.pdf", "aquí", at=NOW), "document", "aquí"),
            (bodies.sticker(AMINA, at=NOW), "sticker", None),
            (bodies.order(AMINA, at=NOW), "order", None),
            (bodies.unsupported(AMINA, at=NOW), "unsupported", None),
            (bodies.button_reply(AMINA, "Sí, confirmo", at=NOW), "interactive", "Sí, confirmo"),
        ],
    )
    async def test_becomes_an_entry(
        self, admin: Staff, message: Json, kind: str, words: str | None
    ) -> None:
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, message))
        [entry] = await conversation(admin)
        assert entry.type == kind
        if words is not None:
            assert entry.text == words

    async def test_a_type_of_tomorrow_is_kept_raw(self, admin: Staff) -> None:
        message = bodies.text(AMINA, "x", at=NOW) | {"type": "hologram", "hologram": {"depth": 3}}
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, message))
        [entry] = await conversation(admin)
        assert entry.type == "unknown"
        assert "hologram" in json.dumps(entry.payload)

    async def test_a_quote_shows_what_it_answers(self, admin: Staff) -> None:
        first = bodies.text(AMINA, "¿Cuándo es mi cita?", at=NOW)
        answer = bodies.text(
            AMINA, "esa", at=at(1), context=bodies.quoting(first["id"], AMINA.wa_id)
        )
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, first, answer))
        entry = (await conversation(admin))[1]
        assert entry.quote is not None
        assert (entry.quote.text, entry.quote.direction) == ("¿Cuándo es mi cita?", "inbound")

    async def test_a_quote_of_something_we_never_saw_says_so(self, admin: Staff) -> None:
        await deliver(
            bodies.from_sender(
                DEMO_NUMBER,
                AMINA,
                bodies.text(AMINA, "eso", at=NOW, context=bodies.quoting("wamid.old", "34911")),
            )
        )
        [entry] = await conversation(admin)
        assert entry.quote is not None
        assert entry.quote.text is None

    async def test_reactions_sit_on_their_message_and_the_last_one_counts(
        self, admin: Staff
    ) -> None:
        echo = bodies.echo(
            DEMO_NUMBER, AMINA, bodies.text(AMINA, "Su cita: lunes", at=NOW, wamid="wamid.e")
        )
        await deliver(
            bodies.echoes(DEMO_NUMBER, echo),
            reacts("🙏", "wamid.e", 2),
            reacts("👍", "wamid.e", 1),
        )
        [entry] = await conversation(admin)
        assert [(r.emoji, r.direction) for r in entry.reactions] == [("🙏", "inbound")]
        await deliver(reacts(None, "wamid.e", 3))
        [entry] = await conversation(admin)
        assert entry.reactions == []

    async def test_a_reaction_to_something_we_never_saw_stands_alone(self, admin: Staff) -> None:
        reaction = bodies.reaction(AMINA, "wamid.before", "❤️", at=NOW)
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, reaction))
        [entry] = await conversation(admin)
        assert (entry.type, entry.text) == ("reaction", "❤️")

    async def test_an_edit_and_a_deletion_keep_what_was_received(self, admin: Staff) -> None:
        first = bodies.text(AMINA, "el lunes", at=NOW)
        await deliver(
            bodies.from_sender(DEMO_NUMBER, AMINA, first),
            bodies.from_sender(
                DEMO_NUMBER, AMINA, bodies.edit(AMINA, first["id"], "el martes", at=at(1))
            ),
            bodies.from_sender(DEMO_NUMBER, AMINA, bodies.revoke(AMINA, first["id"], at=at(2))),
        )
        [entry] = await conversation(admin)
        assert (entry.text, entry.original_text) == ("el martes", "el lunes")
        assert entry.edited
        assert entry.revoked

    async def test_messages_are_ordered_by_whatsapps_time_then_by_arrival(
        self, admin: Staff
    ) -> None:
        await deliver(says(AMINA, "c", 5), says(AMINA, "a", 1), says(AMINA, "b", 1))
        assert [m.text for m in await conversation(admin)] == ["a", "b", "c"]


class TestStatuses:
    async def _sent(self, admin: Staff, *statuses: Json) -> TimelineMessage:
        echo = bodies.echo(
            DEMO_NUMBER, AMINA, bodies.text(AMINA, "Le esperamos", at=NOW, wamid="wamid.s")
        )
        await deliver(bodies.echoes(DEMO_NUMBER, echo))
        await deliver(*(bodies.envelope(DEMO_NUMBER, statuses=[s]) for s in statuses))
        [entry] = await conversation(admin)
        return entry

    async def test_never_go_back(self, admin: Staff) -> None:
        entry = await self._sent(
            admin,
            bodies.status(AMINA, "wamid.s", "read", at=at(3)),
            bodies.status(AMINA, "wamid.s", "delivered", at=at(2)),
            bodies.status(AMINA, "wamid.s", "sent", at=at(1)),
        )
        assert entry.status == "read"

    async def test_a_failure_keeps_code_and_words(self, admin: Staff) -> None:
        entry = await self._sent(admin, bodies.failed(AMINA, "wamid.s", at=at(1)))
        assert entry.status == "failed"
        assert entry.error is not None
        assert entry.error.code == 131047
        assert "24 hours" in (entry.error.details or "")

    async def test_delivered_after_failed_shows_both(self, admin: Staff) -> None:
        entry = await self._sent(
            admin,
            bodies.failed(AMINA, "wamid.s", at=at(1)),
            bodies.status(AMINA, "wamid.s", "delivered", at=at(2)),
        )
        assert entry.status == "delivered"
        assert entry.error is not None

    async def test_a_status_we_do_not_know_is_kept_and_changes_nothing(
        self, admin: Staff, database: Postgres
    ) -> None:
        entry = await self._sent(admin, bodies.status(AMINA, "wamid.s", "pondered", at=at(1)))
        assert entry.status == "sent"
        with database.connect() as connection:
            kept = connection.execute("select status from message_statuses").fetchall()
        assert kept == [("pondered",)]

    async def test_a_status_of_somebody_elses_message_waits(self, database: Postgres) -> None:
        status = bodies.status(AMINA, "wamid.nobody", "delivered", at=NOW)
        await deliver(bodies.envelope(DEMO_NUMBER, statuses=[status, status]))
        with database.connect() as connection:
            kept = connection.execute("select whatsapp_id from message_statuses").fetchall()
        assert kept == [("wamid.nobody",)]

    async def test_two_processes_never_miss_each_others_half(self, admin: Staff) -> None:
        """One applies the message while the other applies its status."""
        echoes = [
            bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, f"{n}", at=NOW, wamid=f"wamid.{n}"))
            for n in range(40)
        ]
        for echo in echoes:
            first = bodies.encode(bodies.echoes(DEMO_NUMBER, echo))
            second = bodies.encode(
                bodies.envelope(
                    DEMO_NUMBER, statuses=[bodies.status(AMINA, echo["id"], "read", at=at(1))]
                )
            )
            readings = [payloads.read(body).events for body in (first, second)]

            async def apply(events: list[Event]) -> None:
                async with begin(SYSTEM) as connection:
                    await inbound.apply(connection, [Arrived(e, 1, NOW) for e in events])

            await asyncio.gather(*(apply(events) for events in readings))
        assert {m.status for m in await conversation(admin)} == {"read"}

    async def test_a_lower_status_with_an_error_lowers_nothing(self, admin: Staff) -> None:
        late = bodies.status(AMINA, "wamid.s", "accepted", at=at(1)) | {
            "errors": [bodies.error(131000, "Something went wrong")]
        }
        entry = await self._sent(admin, late)
        assert entry.status == "sent"
        assert entry.error is not None


class TestUnread:
    async def test_an_answer_from_the_phone_means_it_was_read(self, admin: Staff) -> None:
        answer = bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Voy", at=at(2)))
        await deliver(says(AMINA, "hola", 0), says(AMINA, "¿están?", 1))
        await deliver(bodies.echoes(DEMO_NUMBER, answer))
        [client] = await all_clients(admin)
        assert (client.unread_count, client.last_message_direction) == (0, "outbound")
        await deliver(says(AMINA, "gracias", 3))
        [client] = await all_clients(admin)
        assert client.unread_count == 1

    async def test_a_late_message_is_unread_and_does_not_become_the_last(
        self, admin: Staff
    ) -> None:
        await deliver(says(AMINA, "nuevo", 10))
        [client] = await all_clients(admin)
        await clients.mark_read(admin, client.id)
        await deliver(says(AMINA, "viejo", 1))
        [client] = await all_clients(admin)
        assert (client.unread_count, client.last_message_preview) == (1, "nuevo")

    async def test_a_viewer_does_not_make_it_read(self, viewer: Staff) -> None:
        await deliver(says(AMINA, "hola"))
        [client] = await all_clients(viewer)
        with pytest.raises(Forbidden):
            await clients.mark_read(viewer, client.id)
        [client] = await all_clients(viewer)
        assert client.unread_count == 1

    async def test_whoever_writes_from_the_archive_is_back_in_the_list(self, admin: Staff) -> None:
        await deliver(says(AMINA, "hola"))
        [client] = await all_clients(admin)
        await client_edits.archive_client(admin, client.id)
        assert (await clients.list_clients(admin)).items == []
        await deliver(says(AMINA, "ayuda urgente"))
        [client] = (await clients.list_clients(admin)).items
        assert (client.status, client.unread_count) == ("active", 2)

    async def test_only_what_opens_the_window_opens_it(self, admin: Staff) -> None:
        await deliver(says(AMINA, "hola", 0))
        await deliver(reacts("👍", "wamid.x", 9))
        [client] = await all_clients(admin)
        detail = await clients.get_client(admin, client.id)
        assert detail is not None
        assert detail.last_inbound_at == NOW


class TestProposals:
    async def test_words_propose_a_profile_with_confidence_and_evidence(self, admin: Staff) -> None:
        await deliver(says(AMINA, "Quiero pedir asilo, tengo la tarjeta roja"))
        [client] = await all_clients(admin)
        detail = await clients.get_client(admin, client.id)
        assert detail is not None
        assert (client.profile_type, client.profile_source) == ("ASYLUM", "classifier")
        assert client.profile_confidence is not None
        assert client.profile_confidence > 0.5
        assert detail.profile_evidence

    async def test_a_persons_decision_is_never_overridden(self, caseworker: Staff) -> None:
        await deliver(says(AMINA, "Quiero pedir asilo"))
        [client] = await all_clients(caseworker)
        assert await clients.decide_profile(caseworker, client.id, "STUDENT")
        await deliver(says(AMINA, "asilo asilo protección internacional", 1))
        [client] = await all_clients(caseworker)
        assert (client.profile_type, client.profile_source) == ("STUDENT", "staff")

    async def test_what_the_organisation_writes_proposes_nothing(self, admin: Staff) -> None:
        echo = bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, "¿Ha pedido asilo?", at=NOW))
        await deliver(bodies.echoes(DEMO_NUMBER, echo))
        [client] = await all_clients(admin)
        assert (client.profile_type, client.profile_source) == ("OTHER", None)
