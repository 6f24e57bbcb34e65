"""A session belongs to one active member of staff, and ends when it should."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from nicegui import core
from sqlalchemy.exc import ProgrammingError

from db.engine import begin
from services import changes, session_tokens, sessions, staff, staff_identities
from services.actors import Staff
from services.adapters.identity import Identity, Tokens
from services.errors import Forbidden, NotFound
from services.sessions import Browser
from tests.support import SYSTEM, Postgres, sign_in_demo
from ui.session_checks import staff_behind

LUCIA = "lucia.ferrer@acogida.example"
DESK = Browser("10.0.0.9", "A desk")
ISSUER = "https://project.supabase.example/auth/v1"


@pytest.fixture
async def token(database: Postgres) -> str:
    await staff.add_demo_staff(SYSTEM)
    token = await sign_in_demo(LUCIA)
    assert token is not None
    return token


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Whose open pages were told to look again."""
    told: list[UUID] = []
    announce = changes.announce_sessions

    async def listen(connection: object, staff_id: UUID) -> None:
        await announce(connection, staff_id)  # type: ignore[arg-type]
        told.append(staff_id)

    monkeypatch.setattr(changes, "announce_sessions", listen)
    return told


async def recognised(identity: Identity) -> UUID | None:
    async with begin(SYSTEM) as connection:
        known = await staff_identities.recognise(connection, identity)
    return known.staff_id if known and known.active else None


async def test_a_token_is_its_owner(token: str) -> None:
    lucia = await sessions.staff_of(token)
    assert lucia is not None
    # Which language they want they have not said.
    assert (lucia.email, lucia.role, lucia.language) == (LUCIA, "admin", "")


@pytest.mark.parametrize("wrong", ["", "x", "\0", "ñ" * 100])
async def test_any_other_token_is_nobody(token: str, wrong: str) -> None:
    assert await sessions.staff_of(wrong) is None
    assert await sessions.find(wrong) is None
    assert await sessions.sign_out(wrong) is None


async def test_a_token_cannot_be_guessed_and_only_its_digest_is_stored(
    token: str, database: Postgres
) -> None:
    assert len(token) >= 43, "256 bits in base64"
    with database.connect() as connection:
        row = connection.execute("select staff_sessions::text from staff_sessions").fetchone()
    assert row is not None
    assert token not in str(row[0])


async def test_signing_out_ends_it(token: str) -> None:
    await sessions.sign_out(token)
    assert await sessions.staff_of(token) is None
    assert await sessions.sign_out(token) is None


async def test_deactivation_ends_it_at_once(token: str, database: Postgres) -> None:
    with database.connect() as connection:
        # The last admin cannot be deactivated; there is another one now.
        connection.execute("update staff set role = 'admin' where email like 'omar%'")
        connection.execute("update staff set active = false where email = %s", (LUCIA,))
    assert await sessions.staff_of(token) is None
    assert await sessions.find(token) is None
    assert await sign_in_demo(LUCIA) is None


@pytest.mark.parametrize(
    ("column", "age", "ended"),
    [
        ("last_seen_at", sessions.IDLE - timedelta(minutes=1), False),
        ("last_seen_at", sessions.IDLE + timedelta(minutes=1), True),
        ("created_at", sessions.LIFETIME - timedelta(minutes=1), False),
        ("created_at", sessions.LIFETIME + timedelta(minutes=1), True),
    ],
)
async def test_it_ends_when_idle_and_after_a_day(
    token: str, database: Postgres, column: str, age: timedelta, ended: bool
) -> None:
    with database.connect() as connection:
        statement = f"update staff_sessions set {column} = now() - %s"  # noqa: S608
        connection.execute(statement.encode(), (age,))
    assert (await sessions.staff_of(token) is None) == ended
    assert (await sessions.find(token) is None) == ended


async def test_a_sign_of_life_is_written_down(token: str, database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("update staff_sessions set last_seen_at = now() - interval '1 hour'")
        await sessions.staff_of(token)
        row = connection.execute(
            "select now() - last_seen_at < interval '1 minute' from staff_sessions"
        ).fetchone()
    assert row == (True,)


async def test_to_look_without_touching_is_no_sign_of_life(token: str, database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("update staff_sessions set last_seen_at = now() - interval '1 hour'")
        assert await sessions.staff_of(token, touch=False) is not None
        row = connection.execute(
            "select now() - last_seen_at > interval '59 minutes' from staff_sessions"
        ).fetchone()
    assert row == (True,)


async def test_many_are_read_together_and_what_is_over_opens_nothing(
    token: str, database: Postgres
) -> None:
    other = await sign_in_demo("carmen.ortiz@acogida.example")
    assert other is not None
    found = await sessions.staff_of_all([token, other, "of-nobody"])
    assert set(found) == {token, other}
    assert found[token] == await sessions.staff_of(token)
    with database.connect() as connection:
        connection.execute("update staff set active = false where id = %s", (found[other].id,))
    assert set(await sessions.staff_of_all([token, other])) == {token}
    assert await sessions.staff_of_all([]) == {}


async def test_pages_that_ask_at_once_are_answered_by_one_look(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, looks = sessions.staff_of_all, []

    async def counted(tokens: Collection[str]) -> dict[str, Staff]:
        looks.append(set(tokens))
        return await read(tokens)

    monkeypatch.setattr(sessions, "staff_of_all", counted)
    monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
    answers = await asyncio.gather(*(staff_behind(t) for t in [token, "of-nobody"] * 10))
    assert looks == [{token, "of-nobody"}]
    assert answers == [await sessions.staff_of(token), None] * 10
    assert await staff_behind(token) is not None
    assert len(looks) == 2, "an answer is not kept for later"


async def test_one_that_awaits_a_second_factor_opens_nothing_and_soon_ends(
    token: str, database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute("update staff_sessions set awaits_second_factor = true")
        assert await sessions.staff_of(token) is None
        assert await sessions.find(token) is not None
        connection.execute(
            "update staff_sessions set created_at = now() - %s",
            (sessions.PATIENCE + timedelta(seconds=5),),
        )
    assert await sessions.find(token) is None


async def test_a_session_under_a_new_token_keeps_its_age(token: str, database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("update staff_sessions set created_at = now() - interval '11 hours'")
    session = await sessions.find(token)
    assert session is not None
    tokens = Tokens("access", "refresh", datetime.now(UTC) + timedelta(hours=1))
    async with begin(SYSTEM) as connection_:
        opened = await sessions.rotate(connection_, session, DESK, tokens)
    assert opened is not None
    assert await sessions.find(token) is None
    again = await sessions.find(opened.token)
    assert again is not None
    assert again.created_at == session.created_at
    async with begin(SYSTEM) as connection_:
        assert await sessions.rotate(connection_, session, DESK, tokens) is None


async def test_what_time_has_ended_is_ended_with_its_tokens(
    people: dict[str, Staff], database: Postgres, told: list[UUID]
) -> None:
    assert await sessions.end_expired(SYSTEM) == 0
    of = "where staff_id = (select id from staff where email like %s)"
    with database.connect() as connection:
        connection.execute("update staff_sessions set tokens = 'sealed', tokens_expire_at = now()")
        for change, name in (
            ("last_seen_at = now() - interval '121 minutes'", "lucia%"),
            ("created_at = now() - interval '721 minutes'", "omar%"),
            ("awaits_second_factor = true, created_at = now() - interval '11 minutes'", "pau%"),
        ):
            connection.execute(f"update staff_sessions set {change} {of}".encode(), (name,))  # noqa: S608
        assert await sessions.end_expired(SYSTEM) == 3
        assert await sessions.end_expired(SYSTEM) == 0
        rows = connection.execute(
            "select ended_reason, tokens is null, count(*) from staff_sessions group by 1, 2"
            " order by 1"
        ).fetchall()
    assert rows == [("expired", True, 3), (None, False, 1)]
    assert len(told) == 3


class TestTokensOfTheProvider:
    async def test_are_encrypted_and_gone_with_the_session(
        self, token: str, database: Postgres
    ) -> None:
        session = await sessions.find(token)
        assert session is not None
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        async with begin(SYSTEM) as connection:
            await session_tokens.keep(
                connection, session.id, Tokens("eyJ-access", "refresh", expires_at)
            )
        with database.connect() as looking:
            row = looking.execute("select tokens from staff_sessions").fetchone()
            assert row is not None
            assert isinstance(row[0], bytes)
            assert b"eyJ-access" not in row[0]
            async with begin(SYSTEM) as connection:
                kept = await session_tokens.read(connection, session.id)
            assert kept is not None
            assert (kept.access, kept.refresh) == ("eyJ-access", "refresh")
            assert "eyJ" not in repr(kept)
            looking.execute("update staff_sessions set ended_at = now()")
            row = looking.execute("select tokens, tokens_expire_at from staff_sessions").fetchone()
        assert row == (None, None)

    async def test_of_another_secret_count_as_none(self, token: str, database: Postgres) -> None:
        session = await sessions.find(token)
        assert session is not None
        with database.connect() as connection:
            connection.execute("update staff_sessions set tokens = 'of another secret'")
        async with begin(SYSTEM) as looking:
            assert await session_tokens.read(looking, session.id) is None


class TestEndingThem:
    async def test_a_person_sees_where_they_are_signed_in(
        self, caseworker: Staff, admin: Staff
    ) -> None:
        phone = await sign_in_demo(caseworker.email, address="10.0.0.8", user_agent="A phone")
        assert phone is not None
        shown = await sessions.my_sessions(caseworker)
        assert {session.user_agent for session in shown} == {"test", "A phone"}
        await sessions.sign_out(phone)
        shown = await sessions.my_sessions(caseworker)
        assert {session.user_agent for session in shown} == {"test"}

    async def test_and_ends_one_of_them(self, viewer: Staff, told: list[UUID]) -> None:
        phone = await sign_in_demo(viewer.email, user_agent="A phone")
        assert phone is not None
        session = await sessions.find(phone)
        assert session is not None
        await sessions.end_session(viewer, session.id)
        assert await sessions.staff_of(phone) is None
        assert len(await sessions.my_sessions(viewer)) == 1
        assert told == [viewer.id]
        with pytest.raises(NotFound):
            await sessions.end_session(viewer, session.id)

    async def test_but_not_somebody_elses(self, caseworker: Staff, admin: Staff) -> None:
        theirs = (await sessions.my_sessions(admin))[0]
        with pytest.raises(Forbidden):
            await sessions.end_session(caseworker, theirs.id)
        assert await sessions.my_sessions(admin) == [theirs]

    async def test_which_an_admin_does(
        self, caseworker: Staff, admin: Staff, database: Postgres, told: list[UUID]
    ) -> None:
        theirs = (await sessions.my_sessions(caseworker))[0]
        await sessions.end_session(admin, theirs.id)
        assert await sessions.my_sessions(caseworker) == []
        assert told == [caseworker.id]
        with database.connect() as connection:
            row = connection.execute(
                "select ended_by, ended_reason from staff_sessions where id = %s", (theirs.id,)
            ).fetchone()
            entry = connection.execute(
                "select actor_id, action from audit_log where table_name = 'staff_sessions'"
            ).fetchone()
        assert row == (admin.id, "admin")
        assert entry == (admin.id, "update")

    async def test_one_that_never_was_cannot_be_found(self, caseworker: Staff) -> None:
        with pytest.raises(NotFound):
            await sessions.end_session(caseworker, uuid4())

    async def test_all_at_once_or_all_but_one(self, viewer: Staff, told: list[UUID]) -> None:
        kept = await sign_in_demo(viewer.email)
        assert kept is not None
        session = await sessions.find(kept)
        assert session is not None
        async with begin(SYSTEM) as connection:
            ended = await sessions.end_all_sessions(
                connection, viewer.id, "deactivated", None, but=session.id
            )
            assert ended == 1
        assert await sessions.staff_of(kept) is not None
        async with begin(SYSTEM) as connection:
            assert await sessions.end_all_sessions(connection, viewer.id, "deactivated", None) == 1
        assert await sessions.staff_of(kept) is None
        assert told == [viewer.id, viewer.id]


class TestIdentities:
    async def test_the_first_sign_in_ties_an_invited_address_to_the_identity(
        self, database: Postgres
    ) -> None:
        assert await staff.add_admin(SYSTEM, email="New@Example.org", name="New")
        me = Identity(ISSUER, "subject-1", verified_email="new@example.ORG")
        assert await recognised(me) is not None
        somebody_else = Identity(ISSUER, "subject-2", verified_email="new@example.org")
        assert await recognised(somebody_else) is None
        assert await recognised(replace(me, verified_email=None)) is not None

    async def test_who_changed_their_address_at_the_provider_stays_who_they_are(
        self, caseworker: Staff, viewer: Staff
    ) -> None:
        me = Identity(ISSUER, "subject-1", verified_email=caseworker.email)
        assert await recognised(me) == caseworker.id
        assert await recognised(replace(me, verified_email=viewer.email)) == caseworker.id

    async def test_a_subject_is_somebody_of_one_issuer_only(self, caseworker: Staff) -> None:
        me = Identity(ISSUER, "subject-1", verified_email=caseworker.email)
        assert await recognised(me) == caseworker.id
        assert await recognised(Identity("https://evil.example", "subject-1", None)) is None
        # Another issuer may vouch for the same person, once.
        other = Identity("https://other.example", "abc", verified_email=caseworker.email)
        assert await recognised(other) == caseworker.id

    async def test_an_address_that_is_not_verified_ties_nothing(self, viewer: Staff) -> None:
        assert await recognised(Identity(ISSUER, "subject-1", verified_email=None)) is None

    async def test_supabases_id_becomes_the_one_of_row_level_security(
        self, viewer: Staff, database: Postgres
    ) -> None:
        supabase = uuid4()
        me = Identity(ISSUER, str(supabase), viewer.email, user_id=supabase)
        assert await recognised(me) == viewer.id
        other = Identity("https://other.example", "abc", verified_email=viewer.email)
        assert await recognised(other) == viewer.id
        with database.connect() as connection:
            row = connection.execute(
                "select user_id from staff where id = %s", (viewer.id,)
            ).fetchone()
        assert row == (supabase,)

    async def test_somebody_whom_only_another_issuer_knows_gets_an_id_too(
        self, database: Postgres
    ) -> None:
        await staff.add_admin(SYSTEM, email="new@example.org", name="New")
        assert await recognised(Identity("https://other.example", "abc", "new@example.org"))
        with database.connect() as connection:
            row = connection.execute("select user_id is not null from staff").fetchone()
        assert row == (True,)


async def test_somebody_who_is_not_on_the_staff_gets_no_session(token: str) -> None:
    assert await sign_in_demo("x@y.example") is None


async def test_the_same_address_is_added_once(database: Postgres) -> None:
    assert await staff.add_admin(SYSTEM, email="a@example.org", name="A")
    assert not await staff.add_admin(SYSTEM, email="A@EXAMPLE.org", name="B")


async def test_preferences_are_ones_own_and_stay(token: str) -> None:
    lucia = await sessions.staff_of(token)
    assert lucia is not None
    await staff.set_preferences(lucia, language="en", theme="dark")
    await staff.set_preferences(lucia, rail_collapsed=True, language="klingon")
    again = await sessions.staff_of(token)
    assert again is not None
    assert (again.language, again.theme, again.rail_collapsed) == ("en", "dark", True)


async def test_nobody_sets_somebody_elses(caseworker: Staff, admin: Staff) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"):
        await staff.set_preferences(replace(caseworker, id=admin.id), theme="dark")
