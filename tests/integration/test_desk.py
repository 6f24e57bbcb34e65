"""The desk's services: who waits, whose it is, notes, labels, snoozing, presence."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from db.engine import begin
from services import (
    assignments,
    audit_reading,
    client_edits,
    clients,
    desk_settings,
    inbox,
    labels,
    notes,
    presence,
    triage,
)
from services.actors import Staff
from services.desk_settings import DeskSettings
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.inbox import VIEWS, InboxFilter, InboxItem, View
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import SYSTEM, Postgres, deliver

NOW = datetime.now(UTC).replace(microsecond=0)
AMINA = Sender("34600111222", profile_name="Amina Béjaïa")
YUSUF = Sender("34600111333", profile_name="Yusuf")


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


async def says(sender: Sender, words: str, minutes: float) -> None:
    message = bodies.text(sender, words, at=ago(minutes))
    await deliver(bodies.from_sender(DEMO_NUMBER, sender, message))


async def answers(sender: Sender, words: str, minutes: float) -> None:
    message = bodies.echo(DEMO_NUMBER, sender, bodies.text(sender, words, at=ago(minutes)))
    await deliver(bodies.echoes(DEMO_NUMBER, message))


async def item_of(staff: Staff, client_id: UUID) -> InboxItem:
    return (await inbox.read_items(staff, [client_id]))[client_id]


async def shown(staff: Staff, view: View, **wanted: object) -> list[str | None]:
    page = await inbox.read_inbox(staff, view, wanted=InboxFilter(**wanted))  # type: ignore[arg-type]
    return [item.name for item in page.items]


async def only(staff: Staff) -> UUID:
    [client] = (await clients.list_clients(staff, statuses=clients.CLIENT_STATUSES)).items
    return client.id


@pytest.fixture
def carmen(people: dict[str, Staff], database: Postgres) -> Staff:
    with database.connect() as connection:
        row = connection.execute(
            "select id, user_id, email, name, role from staff where name like 'Carmen%'"
        ).fetchone()
    assert row is not None
    return Staff(*row)  # type: ignore[arg-type]


class TestWhoWaits:
    async def test_since_the_first_message_that_nobody_answered(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 50)
        await says(AMINA, "¿hay alguien?", 20)
        assert (await item_of(caseworker, await only(caseworker))).waiting_since == ago(50)

    async def test_nobody_after_an_answer(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 50)
        await answers(AMINA, "Buenos días", 40)
        assert (await item_of(caseworker, await only(caseworker))).waiting_since is None
        await says(AMINA, "gracias", 30)
        assert (await item_of(caseworker, await only(caseworker))).waiting_since == ago(30)

    async def test_an_answer_that_arrives_late_settles_what_was_before_it(
        self, caseworker: Staff
    ) -> None:
        await says(AMINA, "hola", 50)
        await says(AMINA, "otra cosa", 20)
        await answers(AMINA, "Buenos días", 40)
        assert (await item_of(caseworker, await only(caseworker))).waiting_since == ago(20)

    async def test_a_message_that_arrives_late_and_was_answered_waits_for_nobody(
        self, caseworker: Staff
    ) -> None:
        await says(AMINA, "hola", 50)
        await answers(AMINA, "Buenos días", 20)
        await says(AMINA, "antes", 30)
        assert (await item_of(caseworker, await only(caseworker))).waiting_since is None

    async def test_a_reaction_is_no_question(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 50)
        await answers(AMINA, "Buenos días", 40)
        reaction = bodies.reaction(AMINA, "wamid.none", "👍", at=ago(10))
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, reaction))
        assert (await item_of(caseworker, await only(caseworker))).waiting_since is None

    async def test_whoever_writes_is_not_snoozed_and_not_archived(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 50)
        client = await only(caseworker)
        await triage.snooze(caseworker, client, NOW + timedelta(days=1))
        await says(AMINA, "urgente", 20)
        item = await item_of(caseworker, client)
        assert (item.snoozed_until, item.waiting_since) == (None, ago(50))
        await triage.archive(caseworker, client)
        await says(AMINA, "vuelvo", 10)
        item = await item_of(caseworker, client)
        assert (item.status, item.waiting_since) == ("active", ago(10))


PEOPLE = """
insert into clients (name, profile_type, status, assigned_to, waiting_since, last_inbound_at,
  last_message_at, snoozed_until, woken_at, window_closed_at)
select 'p' || n,
  (array['ASYLUM', 'OTHER', 'STUDENT'])[1 + n % 3],
  case when n % 7 = 0 then 'archived' else 'active' end,
  case n % 4 when 1 then (select id from staff where name like 'Omar%')
    when 2 then (select id from staff where name like 'Carmen%') end,
  case when n % 3 > 0 then now() - n * interval '17 minutes' end,
  case when n % 11 > 0 then now() - n * interval '17 minutes' end,
  case when n % 13 > 0 then now() - n * interval '16 minutes' end,
  case n % 5 when 0 then now() + n * interval '1 hour' when 1 then now() - interval '1 hour' end,
  case when n % 9 = 0 then now() - n * interval '3 minutes' end,
  case when n % 17 = 0 then now() end
from generate_series(1, 120) n;
insert into labels (name, colour) values ('Cita', 'blue'), ('Urgente', 'rose');
insert into client_labels (client_id, label_id)
  select c.id, l.id from clients c, labels l where right(c.name, 1)::int % 3 = 0;
insert into client_notes (client_id, author_id, body)
  select c.id, s.id, 'x' from clients c, staff s where c.name like 'p1%' and s.name like 'Carmen%';
insert into note_mentions (note_id, staff_id, client_id, seen_at)
  select n.id, s.id, n.client_id, case when c.name like '%2' then now() end
  from client_notes n join clients c on c.id = n.client_id, staff s where s.name like 'Omar%';
insert into assignments (client_id, assigned_to)
  select id, assigned_to from clients where assigned_to is not null and name like '%1';
"""


@pytest.fixture
async def many(people: dict[str, Staff], database: Postgres) -> list[UUID]:
    with database.connect() as connection:
        connection.execute(PEOPLE)
        rows = connection.execute("select id from clients").fetchall()
    return [row[0] for row in rows]  # type: ignore[misc]


class TestViews:
    @pytest.mark.parametrize("view", VIEWS)
    @pytest.mark.parametrize("narrowed", [False, True])
    async def test_hold_and_order_what_a_page_thinks_they_do(
        self, caseworker: Staff, many: list[UUID], view: View, narrowed: bool
    ) -> None:
        wanted = InboxFilter()
        if narrowed:
            label = (await labels.list_labels(caseworker))[0]
            wanted = InboxFilter(profiles=("ASYLUM", "STUDENT"), labels=(label.id,))
        page = await inbox.read_inbox(caseworker, view, wanted=wanted, limit=500)
        items = (await inbox.read_items(caseworker, many)).values()
        expected = [i for i in items if inbox.belongs(i, view, wanted, caseworker.id)]
        expected.sort(key=lambda item: inbox.order_of(item, view))
        assert expected
        assert [item.name for item in page.items] == [item.name for item in expected]
        assert [item.labels for item in page.items] == [item.labels for item in expected]
        assert not page.more

    async def test_are_counted(self, caseworker: Staff, many: list[UUID]) -> None:
        counts = await inbox.count_views(caseworker)
        for view in VIEWS:
            page = await inbox.read_inbox(caseworker, view, limit=500)
            assert counts.of[view] == min(len(page.items), inbox.COUNT_CAP + 1)
        mine = (await inbox.read_inbox(caseworker, "mine", limit=500)).items
        mentions = (await inbox.read_inbox(caseworker, "mentions", limit=500)).items
        assert counts.news["mentions"] == sum(not (i.name or "").endswith("2") for i in mentions)
        assert 0 < counts.news["mine"] < len(many)
        assert {i.name for i in mine if i.is_news} >= {"p41", "p61"}

    async def test_give_more_when_asked(self, caseworker: Staff, many: list[UUID]) -> None:
        first = await inbox.read_inbox(caseworker, "all", limit=10)
        more = await inbox.read_inbox(caseworker, "all", limit=20)
        assert first.more
        assert more.items[:10] == first.items

    @pytest.mark.parametrize(("glance", "gather"), [(3, 3000), (3, 3)])
    @pytest.mark.parametrize("view", VIEWS)
    async def test_are_searched_alike_whether_many_or_few_are_found(
        self,
        caseworker: Staff,
        many: list[UUID],
        monkeypatch: pytest.MonkeyPatch,
        view: View,
        glance: int,
        gather: int,
    ) -> None:
        everybody = (await inbox.read_inbox(caseworker, view, limit=500)).items
        monkeypatch.setattr(inbox, "_GLANCE", glance)
        monkeypatch.setattr(inbox, "_GATHER", gather)
        for limit in (5, 500):
            wanted = InboxFilter(search="P1")
            page = await inbox.read_inbox(caseworker, view, wanted=wanted, limit=limit)
            expected = [item for item in everybody if "p1" in (item.name or "")]
            assert (page.items, page.more) == (expected[:limit], len(expected) > limit)
        assert await shown(caseworker, view, search="nadie") == []

    async def test_that_begin_with_what_is_searched_need_no_more_than_a_glance(
        self, caseworker: Staff, many: list[UUID], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inbox, "_GLANCE", 60)
        page = await inbox.read_inbox(caseworker, "all", wanted=InboxFilter(search="p"), limit=50)
        monkeypatch.undo()
        whole = await inbox.read_inbox(caseworker, "all", limit=50)
        assert (page.items, page.more) == (whole.items, True)

    async def test_of_a_colleague(self, caseworker: Staff, carmen: Staff, many: list[UUID]) -> None:
        page = await inbox.read_inbox(
            caseworker, "all", wanted=InboxFilter(assignee=carmen.id), limit=500
        )
        assert {item.assignee for item in page.items} == {"Carmen Ortiz"}

    async def test_a_look_is_audited_and_an_update_is_not(
        self, caseworker: Staff, admin: Staff, many: list[UUID]
    ) -> None:
        await inbox.read_inbox(caseworker, "waiting")
        await inbox.read_inbox(caseworker, "waiting", again=True)
        await inbox.read_inbox(caseworker, "all", wanted=InboxFilter(search="p1"))
        log = await audit_reading.read_log(admin, audit_reading.Filters())
        actions = [e.action for e in log.entries if e.actor_id == caseworker.id]
        assert actions.count("view") == 1
        assert actions.count("search") == 1


class TestAssignment:
    async def test_is_told_in_the_conversation(self, caseworker: Staff, carmen: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        assert await assignments.assign(caseworker, client, caseworker.id) is None
        before = await assignments.assign(caseworker, client, carmen.id, note="Habla árabe")
        assert before == caseworker.id
        await assignments.assign(carmen, client, None)
        told = await assignments.history(caseworker, client)
        assert [(a.from_name, a.to_name, a.by_name, a.note) for a in told] == [
            (None, "Omar Benali", "Omar Benali", None),
            ("Omar Benali", "Carmen Ortiz", "Omar Benali", "Habla árabe"),
            ("Carmen Ortiz", None, "Carmen Ortiz", None),
        ]

    async def test_is_news_for_the_new_owner_until_they_look(
        self, caseworker: Staff, carmen: Staff
    ) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        await assignments.assign(caseworker, client, carmen.id)
        assert (await item_of(carmen, client)).is_news
        assert not (await item_of(caseworker, client)).is_news
        assert (await inbox.count_views(carmen)).news["mine"] == 1
        await assignments.mark_told(carmen, client)
        assert not (await item_of(carmen, client)).is_news
        assert (await inbox.count_views(carmen)).news["mine"] == 0

    async def test_what_one_takes_is_no_news(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        await assignments.assign(caseworker, client, caseworker.id)
        assert not (await item_of(caseworker, client)).is_news

    async def test_of_what_is_somebodys_already_writes_nothing(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        for _ in range(2):
            await assignments.assign(caseworker, client, caseworker.id)
        assert len(await assignments.history(caseworker, client)) == 1

    async def test_whoever_answers_what_is_nobodys_takes_it(
        self, caseworker: Staff, carmen: Staff
    ) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        for who, took in ((caseworker, True), (carmen, False)):
            async with begin(who) as connection:
                assert await assignments.take_if_free(connection, who, client) is took
        assert (await item_of(caseworker, client)).assignee == "Omar Benali"
        [told] = await assignments.history(caseworker, client)
        assert told.by_answering

    async def test_goes_to_who_can_answer(
        self, caseworker: Staff, viewer: Staff, carmen: Staff, database: Postgres
    ) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        with database.connect() as connection:
            connection.execute("update staff set active = false where name like 'Carmen%'")
        for other in (viewer.id, carmen.id, uuid4()):
            with pytest.raises(Invalid):
                await assignments.assign(caseworker, client, other)
        with pytest.raises(NotFound):
            await assignments.assign(caseworker, uuid4(), caseworker.id)
        with pytest.raises(Invalid):
            await assignments.assign(caseworker, client, caseworker.id, note="x" * 2001)
        with pytest.raises(Forbidden):
            await assignments.assign(viewer, client, None)
        names = [(c.name, c.answers) for c in await assignments.colleagues(viewer)]
        assert names == [("Lucía Ferrer", True), ("Omar Benali", True), ("Pau Vidal", False)]


class TestNotes:
    async def test_call_colleagues_by_name(self, caseworker: Staff, carmen: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        note = await notes.add_note(
            caseworker, client, "  ¿Lo ves, @carmen ortiz? Yo: @Omar Benali "
        )
        assert note.body == "¿Lo ves, @carmen ortiz? Yo: @Omar Benali"
        assert [m.name for m in note.mentions] == ["Carmen Ortiz"]
        assert await notes.notes_of(carmen, client) == [note]
        assert await shown(carmen, "mentions") == ["Amina Béjaïa"]
        assert await shown(caseworker, "mentions") == []
        assert (await inbox.count_views(carmen)).news["mentions"] == 1
        await assignments.mark_told(carmen, client)
        assert (await inbox.count_views(carmen)).news["mentions"] == 0
        assert await shown(carmen, "mentions") == ["Amina Béjaïa"]

    @pytest.mark.parametrize(
        ("body", "called"),
        [
            ("@Ana", ["Ana"]),
            ("@ana maría, mira", ["Ana María"]),
            ("@Ana y @Ana María", ["Ana", "Ana María"]),
            ("ana@ana.example", []),
            ("@Anabel", []),
            ("@ANA MARÍA.", ["Ana María"]),
            ("Ana", []),
        ],
    )
    def test_read_names_whole(self, body: str, called: list[str]) -> None:
        people = [notes.Mention(uuid4(), name) for name in ("Ana", "Ana María")]
        assert sorted(m.name for m in notes.mentioned_in(body, people)) == called

    async def test_are_taken_back_by_their_author_alone(
        self, caseworker: Staff, carmen: Staff, viewer: Staff
    ) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        note = await notes.add_note(caseworker, client, "una nota")
        with pytest.raises(NotFound):
            await notes.delete_note(carmen, note.id)
        with pytest.raises(Forbidden):
            await notes.add_note(viewer, client, "no")
        await notes.delete_note(caseworker, note.id)
        assert await notes.notes_of(viewer, client) == []

    async def test_refuse_what_is_no_note(self, caseworker: Staff) -> None:
        for body, code in ((" ", "required"), ("x" * 10_001, "too_long"), ("a\0b", "not_text")):
            with pytest.raises(Invalid) as refused:
                await notes.add_note(caseworker, uuid4(), body)
            assert refused.value.fields == {"body": code}
        with pytest.raises(NotFound):
            await notes.add_note(caseworker, uuid4(), "a nadie")


class TestLabels:
    async def test_are_put_on_and_taken_off(self, caseworker: Staff, viewer: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        label = await labels.create_label(caseworker, name="  Cita   previa ", colour="blue")
        assert label.name == "Cita previa"
        for _ in range(2):
            await labels.put_label(caseworker, client, label.id)
        assert await labels.labels_of(viewer, client) == [label]
        assert await labels.labels_in_use(viewer) == [labels.LabelUse(label, 1)]
        assert await shown(viewer, "waiting", labels=(label.id,)) == ["Amina Béjaïa"]
        await labels.change_label(caseworker, label.id, name="Tasas", colour="rose")
        assert [la.name for la in (await item_of(viewer, client)).labels] == ["Tasas"]
        await labels.take_label(caseworker, client, label.id)
        assert await labels.labels_of(viewer, client) == []
        assert await shown(viewer, "waiting", labels=(label.id,)) == []
        await labels.delete_label(caseworker, label.id)
        assert await labels.list_labels(viewer) == []

    async def test_have_names_of_their_own(self, caseworker: Staff, viewer: Staff) -> None:
        await labels.create_label(caseworker, name="Cita", colour="blue")
        with pytest.raises(Conflict):
            await labels.create_label(caseworker, name="CITA", colour="blue")
        for name, colour in (("", "blue"), ("x" * 41, "blue"), ("ok", "red")):
            with pytest.raises(Invalid):
                await labels.create_label(caseworker, name=name, colour=colour)
        with pytest.raises(NotFound):
            await labels.change_label(caseworker, uuid4(), name="x", colour="blue")
        with pytest.raises(NotFound):
            await labels.put_label(caseworker, uuid4(), uuid4())
        with pytest.raises(Forbidden):
            await labels.create_label(viewer, name="x", colour="blue")


class TestTriage:
    async def test_each_press_has_a_way_back(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        before = await item_of(caseworker, client)
        tomorrow = NOW + timedelta(days=1)
        for press in ("snooze", "no_answer_needed", "archive"):
            until = (tomorrow,) if press == "snooze" else ()
            was = await getattr(triage, press)(caseworker, client, *until)
            assert await shown(caseworker, "waiting") == []
            assert await triage.put_back(caseworker, was)
            assert await item_of(caseworker, client) == before

    async def test_there_is_none_after_somebody_changed_it(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        was = await triage.archive(caseworker, client)
        await says(AMINA, "otra", 1)
        assert not await triage.put_back(caseworker, was)
        assert (await item_of(caseworker, client)).waiting_since == ago(1)

    async def test_what_was_snoozed_comes_back_by_itself(
        self, caseworker: Staff, database: Postgres
    ) -> None:
        await says(AMINA, "hola", 50)
        await answers(AMINA, "Le llamo el lunes", 40)
        client = await only(caseworker)
        await triage.snooze(caseworker, client, NOW + timedelta(hours=1))
        assert await shown(caseworker, "snoozed") == ["Amina Béjaïa"]
        assert await triage.wake_due(SYSTEM) == 0
        with database.connect() as connection:
            connection.execute("update clients set snoozed_until = now() - interval '1 second'")
        assert await triage.wake_due(SYSTEM) == 1
        assert await triage.wake_due(SYSTEM) == 0
        assert await shown(caseworker, "snoozed") == []
        assert await shown(caseworker, "waiting") == ["Amina Béjaïa"]
        await triage.no_answer_needed(caseworker, client)
        assert await shown(caseworker, "waiting") == []

    async def test_refuses_what_makes_no_sense(self, caseworker: Staff, viewer: Staff) -> None:
        for until in (NOW - timedelta(hours=1), NOW + timedelta(days=400), datetime(2099, 1, 1)):  # noqa: DTZ001
            with pytest.raises(Invalid):
                await triage.snooze(caseworker, uuid4(), until)
        with pytest.raises(NotFound):
            await triage.archive(caseworker, uuid4())
        with pytest.raises(Forbidden):
            await triage.archive(viewer, uuid4())

    async def test_restores_what_was_archived(self, caseworker: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        await triage.archive(caseworker, client)
        assert await shown(caseworker, "archived") == ["Amina Béjaïa"]
        await triage.restore(caseworker, client)
        assert await shown(caseworker, "all") == ["Amina Béjaïa"]


class TestPresence:
    async def test_colleagues_see_each_other(
        self, caseworker: Staff, viewer: Staff, carmen: Staff, database: Postgres
    ) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        await presence.be_there(caseworker, client, "one")
        await presence.be_there(caseworker, client, "two", typing=True)
        await presence.be_there(viewer, client, "three")
        assert [(p.name, p.is_typing) for p in await presence.others(carmen, client)] == [
            ("Omar Benali", True),
            ("Pau Vidal", False),
        ]
        assert [p.name for p in await presence.others(caseworker, client)] == ["Pau Vidal"]
        await presence.leave(caseworker, client, "two")
        assert [(p.name, p.is_typing) for p in await presence.others(carmen, client)] == [
            ("Omar Benali", False),
            ("Pau Vidal", False),
        ]
        with database.connect() as connection:
            connection.execute("update presence set seen_at = now() - interval '10 minutes'")
        assert await presence.others(carmen, client) == []
        assert await presence.forget_gone(SYSTEM) == 0
        with database.connect() as connection:
            assert connection.execute("select count(*) from presence").fetchone() == (0,)

    async def test_nobody_speaks_for_another(self, caseworker: Staff, carmen: Staff) -> None:
        await says(AMINA, "hola", 5)
        client = await only(caseworker)
        await presence.be_there(caseworker, client, "one")
        await presence.leave(carmen, client, "one")
        assert [p.name for p in await presence.others(carmen, client)] == ["Omar Benali"]

    async def test_of_somebody_erased_is_nothing(self, caseworker: Staff) -> None:
        await presence.be_there(caseworker, uuid4(), "one")
        assert await presence.others(caseworker, uuid4()) == []


async def test_settings_are_an_admins(admin: Staff, caseworker: Staff) -> None:
    assert await desk_settings.read_settings(caseworker) == DeskSettings()
    await desk_settings.change_settings(admin, DeskSettings(read_receipts=True))
    assert await desk_settings.read_settings(caseworker) == DeskSettings(read_receipts=True)
    with pytest.raises(Forbidden):
        await desk_settings.change_settings(caseworker, DeskSettings())


async def test_archived_by_the_file_waits_for_nobody(caseworker: Staff) -> None:
    await says(AMINA, "hola", 5)
    await client_edits.archive_client(caseworker, await only(caseworker))
    assert await shown(caseworker, "waiting") == []
