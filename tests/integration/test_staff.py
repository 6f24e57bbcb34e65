"""Admins decide who is on the staff; the organisation never locks itself out."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from db.engine import begin
from services import sessions, staff, staff_admin, staff_identities
from services.actors import Role, Staff
from services.adapters.identity import Identity, ProviderUnavailable
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.staff_admin import StaffMember
from tests.support import SYSTEM, Postgres, sign_in_demo

OMAR = "omar.benali@acogida.example"


class Mail:
    """Stands where invitations are mailed, and can be out of order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.broken = False

    async def send(self, actor: Staff, email: str, name: str) -> None:
        if self.broken:
            raise ProviderUnavailable
        self.sent.append((email, name))


@pytest.fixture
def mail() -> Mail:
    return Mail()


async def member(admin: Staff, id: UUID) -> StaffMember:
    [found] = [m for m in await staff_admin.list_staff(admin) if m.id == id]
    return found


async def second_admin(admin: Staff, mail: Mail) -> Staff:
    """Somebody who was invited as an admin and has signed in."""
    invited = await staff_admin.invite(
        admin, email="marta@example.org", name="Marta", role="admin", send=mail.send
    )
    token = await sign_in_demo("marta@example.org")
    assert token is not None
    marta = await sessions.staff_of(token)
    assert marta is not None
    assert marta.id == invited.id
    return marta


class TestTheList:
    async def test_it_tells_who_is_here_and_when_they_were_last_seen(self, admin: Staff) -> None:
        found = await staff_admin.list_staff(admin)
        assert [m.name for m in found] == [
            "Carmen Ortiz",
            "Lucía Ferrer",
            "Omar Benali",
            "Pau Vidal",
        ]
        omar = found[2]
        assert (omar.email, omar.role, omar.active, omar.linked) == (OMAR, "caseworker", True, True)
        assert omar.open_sessions == 1
        assert omar.last_seen_at is not None
        assert (omar.invited_at, omar.deactivated_at) == (None, None)

    async def test_a_session_that_ended_or_expired_is_not_open(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        for change in (
            "last_seen_at = now() - interval '3 hours'",
            "last_seen_at = now(), created_at = now() - interval '13 hours'",
            "created_at = now(), awaits_second_factor = true",
            "awaits_second_factor = false, ended_at = now()",
        ):
            with database.connect() as connection:
                connection.execute(
                    f"update staff_sessions set {change} where staff_id = %s".encode(),  # noqa: S608
                    [caseworker.id],
                )
            assert (await member(admin, caseworker.id)).open_sessions == 0
            assert await staff_admin.sessions_of(admin, caseworker.id) == []

    async def test_whoever_is_inactive_comes_last(self, admin: Staff, caseworker: Staff) -> None:
        await staff_admin.deactivate(admin, caseworker.id)
        assert (await staff_admin.list_staff(admin))[-1].id == caseworker.id


class TestInvitations:
    async def test_somebody_invited_is_on_the_staff_and_signs_in(
        self, admin: Staff, mail: Mail
    ) -> None:
        invited = await staff_admin.invite(
            admin, email=" Nora@Example.org ", name=" Nora  Ruiz ", role="viewer", send=mail.send
        )
        assert invited.sent
        assert mail.sent == [("Nora@Example.org", "Nora Ruiz")]
        nora = await member(admin, invited.id)
        assert (nora.name, nora.role, nora.active, nora.linked) == (
            "Nora Ruiz",
            "viewer",
            True,
            False,
        )
        assert nora.invited_at is not None
        assert nora.invited_by_name == admin.name
        assert await sign_in_demo("nora@example.org") is not None
        assert (await member(admin, invited.id)).linked

    async def test_when_the_mail_fails_the_person_stays_and_is_invited_again(
        self, admin: Staff, mail: Mail
    ) -> None:
        mail.broken = True
        invited = await staff_admin.invite(
            admin, email="nora@example.org", name="Nora", role="viewer", send=mail.send
        )
        assert not invited.sent
        assert (await member(admin, invited.id)).invited_at is None
        assert not await staff_admin.invite_again(admin, invited.id, send=mail.send)
        mail.broken = False
        assert await staff_admin.invite_again(admin, invited.id, send=mail.send)
        assert mail.sent == [("nora@example.org", "Nora")]
        assert (await member(admin, invited.id)).invited_at is not None

    async def test_a_mistake_of_the_mail_part_is_no_failed_mail(self, admin: Staff) -> None:
        async def mistaken(actor: Staff, email: str, name: str) -> None:
            raise RuntimeError("a mistake of ours")

        with pytest.raises(RuntimeError):
            await staff_admin.invite(
                admin, email="nora@example.org", name="Nora", role="viewer", send=mistaken
            )

    async def test_without_mail_the_person_is_on_the_staff(self, admin: Staff) -> None:
        invited = await staff_admin.invite(
            admin, email="nora@example.org", name="Nora", role="viewer", send=None
        )
        assert not invited.sent

    @pytest.mark.parametrize("taken", [OMAR, OMAR.upper(), f" {OMAR} "])
    async def test_an_address_is_one_persons_whatever_its_case(
        self, admin: Staff, mail: Mail, taken: str
    ) -> None:
        with pytest.raises(Conflict) as conflict:
            await staff_admin.invite(admin, email=taken, name="Omar", role="admin", send=mail.send)
        assert (conflict.value.code, conflict.value.field) == ("email_taken", "email")
        assert mail.sent == []

    @pytest.mark.parametrize(
        "email",
        [
            "nora",
            "nora@",
            "@example.org",
            "nora@example",
            "a b@example.org",
            "nora@example..org",
            "nora@-example.org",
            "a@b@example.org",
            "nora@example.org\nBcc: x@y.example",
            "<nora@example.org>",
            "nora@example.org, x@y.example",
            "nora\0@example.org",
            "n" * 250 + "@example.org",
        ],
    )
    async def test_what_is_no_address_is_refused(
        self, admin: Staff, mail: Mail, email: str
    ) -> None:
        with pytest.raises(Invalid) as invalid:
            await staff_admin.invite(admin, email=email, name="N", role="viewer", send=mail.send)
        assert invalid.value.fields == {"email": "not_an_email"}
        assert mail.sent == []

    async def test_everything_that_is_wrong_is_told_at_once(self, admin: Staff, mail: Mail) -> None:
        boss: Any = "boss"
        with pytest.raises(Invalid) as invalid:
            await staff_admin.invite(admin, email=" ", name=" ", role=boss, send=mail.send)
        assert invalid.value.fields == {
            "email": "required",
            "name": "required",
            "role": "unknown_role",
        }

    @pytest.mark.parametrize(
        ("name", "code"),
        [("x" * 201, "too_long"), ("Nora\u202egpj", "not_readable"), ("Nora\0", "not_readable")],
    )
    async def test_a_name_can_be_read(self, admin: Staff, mail: Mail, name: str, code: str) -> None:
        with pytest.raises(Invalid) as invalid:
            await staff_admin.invite(
                admin, email="n@example.org", name=name, role="viewer", send=mail.send
            )
        assert invalid.value.fields == {"name": code}

    async def test_whoever_has_an_account_or_left_is_not_invited_again(
        self, admin: Staff, caseworker: Staff, mail: Mail
    ) -> None:
        with pytest.raises(Conflict, match="already_linked"):
            await staff_admin.invite_again(admin, caseworker.id, send=mail.send)
        await staff_admin.deactivate(admin, caseworker.id)
        with pytest.raises(Conflict, match="inactive"):
            await staff_admin.invite_again(admin, caseworker.id, send=mail.send)
        with pytest.raises(NotFound):
            await staff_admin.invite_again(admin, uuid4(), send=mail.send)
        assert mail.sent == []


class TestRoles:
    async def test_a_role_is_changed_and_holds_at_once(
        self, admin: Staff, caseworker: Staff
    ) -> None:
        await staff_admin.change_role(admin, caseworker.id, "viewer", expected="caseworker")
        assert (await member(admin, caseworker.id)).role == "viewer"

    async def test_a_role_that_a_colleague_changed_meanwhile_is_left_alone(
        self, admin: Staff, caseworker: Staff
    ) -> None:
        await staff_admin.change_role(admin, caseworker.id, "viewer", expected="caseworker")
        with pytest.raises(Conflict, match="changed"):
            await staff_admin.change_role(admin, caseworker.id, "admin", expected="caseworker")
        assert (await member(admin, caseworker.id)).role == "viewer"

    async def test_nobody_and_nothing_are_refused(self, admin: Staff, caseworker: Staff) -> None:
        with pytest.raises(NotFound):
            await staff_admin.change_role(admin, uuid4(), "viewer", expected="admin")
        boss: Any = "boss"
        with pytest.raises(Invalid):
            await staff_admin.change_role(admin, caseworker.id, boss, expected="caseworker")

    async def test_an_admin_who_was_demoted_meanwhile_decides_nothing(
        self, admin: Staff, caseworker: Staff, mail: Mail
    ) -> None:
        await second_admin(admin, mail)
        await staff_admin.change_role(admin, admin.id, "caseworker", expected="admin")
        with pytest.raises(Forbidden):
            await staff_admin.change_role(admin, caseworker.id, "admin", expected="caseworker")
        with pytest.raises(Forbidden):
            await staff_admin.deactivate(admin, caseworker.id)

    async def test_a_name_is_corrected(self, admin: Staff, caseworker: Staff) -> None:
        await staff_admin.rename(admin, caseworker.id, "  Omar  Benalí ")
        assert (await member(admin, caseworker.id)).name == "Omar Benalí"
        with pytest.raises(Invalid):
            await staff_admin.rename(admin, caseworker.id, " ")
        with pytest.raises(NotFound):
            await staff_admin.rename(admin, uuid4(), "X")


class TestLeaving:
    async def test_deactivation_ends_every_session_for_good(
        self, admin: Staff, caseworker: Staff
    ) -> None:
        token = await sign_in_demo(OMAR)
        assert token is not None
        await staff_admin.deactivate(admin, caseworker.id)
        assert await sessions.staff_of(token) is None
        omar = await member(admin, caseworker.id)
        assert (omar.active, omar.open_sessions) == (False, 0)
        assert omar.deactivated_at is not None
        assert await sign_in_demo(OMAR) is None
        await staff_admin.reactivate(admin, caseworker.id)
        assert await sessions.staff_of(token) is None
        assert await sign_in_demo(OMAR) is not None
        assert (await member(admin, caseworker.id)).deactivated_at is None

    async def test_the_log_says_who_ended_them_and_why(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        await staff_admin.deactivate(admin, caseworker.id)
        with database.connect() as connection:
            ended = connection.execute(
                "select ended_by, ended_reason from staff_sessions where staff_id = %s",
                [caseworker.id],
            ).fetchall()
            told = connection.execute(
                "select table_name, action, actor_id from audit_log"
                " where table_name in ('staff', 'staff_sessions') and action = 'update'"
                " order by id"
            ).fetchall()
        assert set(ended) == {(admin.id, "deactivated")}
        assert told == [
            ("staff_sessions", "update", admin.id),
            ("staff", "update", admin.id),
        ]

    async def test_open_pages_are_told(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute("listen acogida")
            await staff_admin.deactivate(admin, caseworker.id)
            [note] = connection.notifies(timeout=5, stop_after=1)
        assert json.loads(note.payload) == {"s": str(caseworker.id)}

    async def test_to_deactivate_twice_keeps_the_first_date(
        self, admin: Staff, caseworker: Staff
    ) -> None:
        await staff_admin.deactivate(admin, caseworker.id)
        first = (await member(admin, caseworker.id)).deactivated_at
        await staff_admin.deactivate(admin, caseworker.id)
        assert (await member(admin, caseworker.id)).deactivated_at == first
        with pytest.raises(NotFound):
            await staff_admin.deactivate(admin, uuid4())

    async def test_an_admin_may_leave_when_another_stays(self, admin: Staff, mail: Mail) -> None:
        marta = await second_admin(admin, mail)
        await staff_admin.deactivate(admin, admin.id)
        assert not (await member(marta, admin.id)).active

    async def test_no_session_comes_back_by_whatever_means_they_were_deactivated(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        token = await sign_in_demo(OMAR)
        assert token is not None
        async with begin(admin) as connection:
            await connection.execute(
                text("update staff set active = false where id = :id"), {"id": caseworker.id}
            )
        await staff_admin.reactivate(admin, caseworker.id)
        assert await sessions.staff_of(token) is None
        with database.connect() as connection:
            row = connection.execute(
                "select ended_reason, ended_by from staff_sessions where staff_id = %s limit 1",
                [caseworker.id],
            ).fetchone()
        assert row == ("deactivated", admin.id)


class TestAnAccountMadeAnew:
    async def test_is_tied_by_the_next_verified_sign_in_once_an_admin_says_so(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        token = await sign_in_demo(OMAR)
        assert token is not None
        with database.connect() as connection:
            connection.execute(
                "update staff set has_second_factor = true where id = %s", [caseworker.id]
            )
        first, second = [
            Identity("https://x.example", str(id), OMAR, user_id=id) for id in (uuid4(), uuid4())
        ]
        assert await tied(first) == caseworker.id
        assert await tied(second) is None
        await staff_admin.unlink(admin, caseworker.id)
        assert await sessions.staff_of(token) is None
        assert not (await member(admin, caseworker.id)).linked
        assert await tied(second) == caseworker.id
        assert await tied(first) is None
        with database.connect() as connection:
            told = connection.execute(
                "select actor_id, action, fields from audit_log where table_name in"
                " ('staff', 'staff_identities') and actor_id is not null order by id"
            ).fetchall()
            row = connection.execute(
                "select user_id, has_second_factor from staff where id = %s", [caseworker.id]
            ).fetchone()
        assert row == (second.user_id, False)
        assert (admin.id, "update", ["has_second_factor", "user_id"]) in told
        assert [action for who, action, _ in told if who == admin.id].count("delete") >= 1

    async def test_nobody_unlinks_themself_or_nobody(self, admin: Staff) -> None:
        with pytest.raises(Conflict, match="own_account"):
            await staff_admin.unlink(admin, admin.id)
        with pytest.raises(NotFound):
            await staff_admin.unlink(admin, uuid4())

    @pytest.mark.parametrize("role", ["admin", "caseworker", "viewer"])
    async def test_the_database_says_so_too(self, people: dict[str, Staff], role: str) -> None:
        whom = people[role] if role == "admin" else people["admin"]
        with pytest.raises(Exception, match="this takes another admin"):
            async with begin(people[role]) as connection:
                await connection.execute(
                    text("select app_private.unlink_staff(:id)"), {"id": whom.id}
                )

    async def test_a_command_does_it_for_whoever_cannot_ask(self, admin: Staff) -> None:
        assert await staff_admin.unlink_address(SYSTEM, f" {admin.email.upper()} ")
        assert not await staff_admin.unlink_address(SYSTEM, "nobody@acogida.example")
        assert await sessions.my_sessions(admin) == []


async def tied(identity: Identity) -> UUID | None:
    async with begin(SYSTEM) as connection:
        known = await staff_identities.recognise(connection, identity)
    return known.staff_id if known else None


class TestSessionsOfOthers:
    async def test_they_are_ended_one_by_one_or_all(self, admin: Staff, caseworker: Staff) -> None:
        desk = await sign_in_demo(OMAR, address="10.0.0.9", user_agent="A desk")
        phone = await sign_in_demo(OMAR, address="10.0.0.8", user_agent="A phone")
        assert desk is not None
        assert phone is not None
        found = await staff_admin.sessions_of(admin, caseworker.id)
        assert len(found) == 3
        [at_desk] = [s for s in found if s.user_agent == "A desk"]
        assert at_desk.address == "10.0.0.9"
        await sessions.end_session(admin, at_desk.id)
        assert await sessions.staff_of(desk) is None
        assert await sessions.staff_of(phone) is not None
        assert await staff_admin.end_sessions(admin, caseworker.id) == 2
        assert await sessions.staff_of(phone) is None
        with pytest.raises(NotFound):
            await staff_admin.end_sessions(admin, uuid4())
        with pytest.raises(NotFound):
            await staff_admin.sessions_of(admin, uuid4())


ACTS: dict[str, Callable[[Staff, UUID], Coroutine[Any, Any, object]]] = {
    "demoted": lambda actor, id: staff_admin.change_role(actor, id, "viewer", expected="admin"),
    "deactivated": staff_admin.deactivate,
}
STATEMENTS = {
    "demoted": "update staff set role = 'caseworker' where id = :id",
    "deactivated": "update staff set active = false where id = :id",
    "everybody demoted": "update staff set role = 'viewer' where id = :id or true",
}


class TestTheLastAdmin:
    @pytest.mark.parametrize("act", ACTS)
    async def test_is_neither_demoted_nor_deactivated(self, admin: Staff, act: str) -> None:
        with pytest.raises(Conflict, match="last_admin"):
            await ACTS[act](admin, admin.id)
        lucia = await member(admin, admin.id)
        assert (lucia.role, lucia.active, lucia.open_sessions) == ("admin", True, 1)

    @pytest.mark.parametrize("statement", STATEMENTS)
    @pytest.mark.parametrize("actor", ["a person", "the software"])
    async def test_not_even_by_a_statement_of_ones_own(
        self, admin: Staff, statement: str, actor: str
    ) -> None:
        with pytest.raises(Exception, match="somebody has to stay an active admin"):
            async with begin(admin if actor == "a person" else SYSTEM) as connection:
                await connection.execute(text(STATEMENTS[statement]), {"id": admin.id})

    @pytest.mark.parametrize("role", ["service_role", "app_backend"])
    async def test_is_not_deleted_either(self, admin: Staff, database: Postgres, role: str) -> None:
        with database.connect() as connection:
            connection.execute(f"set role {role}".encode())
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute("delete from staff where id = %s", [admin.id])
            connection.execute("delete from staff where role = 'viewer'")

    async def test_one_who_is_inactive_does_not_count(self, admin: Staff, mail: Mail) -> None:
        marta = await second_admin(admin, mail)
        await staff_admin.deactivate(admin, marta.id)
        with pytest.raises(Conflict, match="last_admin"):
            await staff_admin.deactivate(admin, admin.id)

    async def test_nor_does_one_who_has_never_signed_in(
        self, admin: Staff, database: Postgres
    ) -> None:
        await staff.add_admin(SYSTEM, email="ana@example.org", name="Ana")
        for act in ACTS.values():
            with pytest.raises(Conflict, match="last_admin"):
                await act(admin, admin.id)
        # Two of whom none has come yet are still one too many.
        with database.connect() as connection:
            connection.execute("update staff set user_id = null where role = 'admin'")
        async with begin(SYSTEM) as backend:
            await backend.execute(
                text("update staff set role = 'viewer' where id = :id"), {"id": admin.id}
            )

    @pytest.mark.parametrize("first", ACTS)
    @pytest.mark.parametrize("second", ACTS)
    async def test_two_admins_who_remove_each_other_at_once_leave_one(
        self, admin: Staff, mail: Mail, database: Postgres, first: str, second: str
    ) -> None:
        marta = await second_admin(admin, mail)
        for _ in range(5):
            outcomes = await asyncio.gather(
                ACTS[first](admin, marta.id),
                ACTS[second](marta, admin.id),
                return_exceptions=True,
            )
            refused = [outcome for outcome in outcomes if outcome is not None]
            # Refused as the last admin, or as somebody who is no admin any more.
            assert len(refused) == 1
            assert isinstance(refused[0], Conflict | Forbidden)
            with database.connect() as connection:
                left = connection.execute(
                    "select count(*) from staff where role = 'admin' and active"
                ).fetchone()
                connection.execute(
                    "update staff set role = 'admin', active = true where id = any(%s)",
                    [[admin.id, marta.id]],
                )
            assert left == (1,)

    @pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
    async def test_in_two_open_transactions_of_any_isolation_one_stays(
        self, admin: Staff, mail: Mail, database: Postgres, isolation: str
    ) -> None:
        """Each takes itself off, so no policy decides; only the count does."""
        marta = await second_admin(admin, mail)
        with database.connect() as one, database.connect() as other:
            for connection, person in ((one, admin), (other, marta)):
                connection.execute(f"begin isolation level {isolation}".encode())
                connection.execute("set local role authenticated")
                connection.execute(
                    "select set_config('request.jwt.claims', %s, true)",
                    [json.dumps({"sub": str(person.user_id)})],
                )
                # Each has looked: both are there.
                row = connection.execute(
                    "select count(*) from staff where role = 'admin' and active"
                ).fetchone()
                assert row == (2,)
            one.execute("update staff set role = 'viewer' where id = %s", [admin.id])
            waiting = asyncio.create_task(
                asyncio.to_thread(
                    other.execute, "update staff set role = 'viewer' where id = %s", [marta.id]
                )
            )
            await asyncio.sleep(0.2)
            assert not waiting.done()
            one.execute("commit")
            with pytest.raises(
                (psycopg.errors.CheckViolation, psycopg.errors.SerializationFailure)
            ):
                await waiting
            other.execute("rollback")


class TestWhatNobodyRewrites:
    """As a signed-in admin may try through PostgREST."""

    @pytest.mark.parametrize(
        "statement",
        [
            "update staff set user_id = gen_random_uuid() where email = :email",
            "update staff set email = 'mine@example.org' where email = :email",
            "update staff set id = gen_random_uuid() where email = :email",
            "update staff set invited_by = null where email = :email",
            "update staff set deactivated_at = null where email = :email",
            "update staff set created_at = now() where email = :email",
            "delete from staff where email = :email",
            "insert into staff (email, name, role, user_id)"
            " values ('x@example.org', 'X', 'admin', gen_random_uuid())",
            "insert into staff_identities (issuer, subject, staff_id)"
            " select 'supabase', 'mine', id from staff where email = :email",
            "update staff_identities set subject = 'mine'",
            "update staff_sessions set token_sha256 = sha256('mine')",
            "update staff_sessions set staff_id = (select id from staff where email = :email)",
            "select token_sha256, tokens from staff_sessions",
        ],
    )
    async def test_an_account_cannot_be_taken_over(self, admin: Staff, statement: str) -> None:
        with pytest.raises(Exception, match="permission denied for table"):
            async with begin(admin) as connection:
                await connection.execute(text(statement).bindparams(), _values(statement))

    async def test_a_session_that_has_ended_is_not_taken_up_again(
        self, admin: Staff, caseworker: Staff
    ) -> None:
        token = await sign_in_demo(OMAR)
        assert token is not None
        await staff_admin.end_sessions(admin, caseworker.id)
        async with begin(caseworker) as connection:
            await connection.execute(text("update staff_sessions set ended_at = null"))
        assert await sessions.staff_of(token) is None

    async def test_the_date_of_leaving_is_the_databases_word(
        self, admin: Staff, caseworker: Staff
    ) -> None:
        async with begin(admin) as connection:
            await connection.execute(
                text("update staff set active = false where id = :id"), {"id": caseworker.id}
            )
        assert (await member(admin, caseworker.id)).deactivated_at is not None


CALLS: dict[str, Callable[[Staff, UUID], Coroutine[Any, Any, object]]] = {
    "list_staff": lambda actor, _: staff_admin.list_staff(actor),
    "invite": lambda actor, _: staff_admin.invite(
        actor, email="mine@example.org", name="Mine", role="admin", send=None
    ),
    "invite_again": lambda actor, id: staff_admin.invite_again(actor, id, send=None),
    "change_role": lambda actor, id: staff_admin.change_role(actor, id, "admin", expected="viewer"),
    "rename": lambda actor, id: staff_admin.rename(actor, id, "X"),
    "deactivate": staff_admin.deactivate,
    "reactivate": staff_admin.reactivate,
    "sessions_of": staff_admin.sessions_of,
    "end_sessions": staff_admin.end_sessions,
    "unlink": staff_admin.unlink,
}


@pytest.mark.parametrize("role", ["caseworker", "viewer"])
@pytest.mark.parametrize("call", CALLS)
async def test_only_admins_manage_the_staff(
    people: dict[str, Staff], database: Postgres, call: str, role: Role
) -> None:
    with database.connect() as connection:
        before = connection.execute("select * from staff order by id").fetchall()
        with pytest.raises(Forbidden):
            await CALLS[call](people[role], people["viewer"].id)
        assert connection.execute("select * from staff order by id").fetchall() == before


@pytest.mark.parametrize("call", CALLS)
async def test_whoever_only_claims_to_be_an_admin_changes_nothing(
    people: dict[str, Staff], database: Postgres, call: str
) -> None:
    """The database looks the role up by itself."""
    pretender = replace(people["viewer"], role="admin")
    with database.connect() as connection:
        tables = "select * from staff order by id", "select id, ended_at from staff_sessions"
        before = [connection.execute(table.encode()).fetchall() for table in tables]
        with pytest.raises(Forbidden):
            await CALLS[call](pretender, people["caseworker"].id)
        assert [connection.execute(table.encode()).fetchall() for table in tables] == before


async def test_demo_staff_and_the_first_admin_are_added_as_before(database: Postgres) -> None:
    await staff.add_demo_staff(SYSTEM)
    await staff.add_demo_staff(SYSTEM)
    assert await staff.add_admin(SYSTEM, email="ana@example.org", name="Ana")
    with database.connect() as connection:
        row = connection.execute("select count(*) from staff").fetchone()
    assert row == (len(staff.DEMO_STAFF) + 1,)


@pytest.mark.parametrize(
    ("email", "name", "problems"),
    [
        ("", "Ana", {"email": "required"}),
        ("not an email", "Ana", {"email": "not_an_email"}),
        ("ana@example.org", " ", {"name": "required"}),
        ("ana@", "x" * 201, {"email": "not_an_email", "name": "too_long"}),
    ],
)
async def test_the_first_admin_is_somebody_mail_could_reach(
    database: Postgres, email: str, name: str, problems: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        await staff.add_admin(SYSTEM, email=email, name=name)
    assert refused.value.fields == problems


def _values(statement: str) -> dict[str, str]:
    return {"email": OMAR} if ":email" in statement else {}
