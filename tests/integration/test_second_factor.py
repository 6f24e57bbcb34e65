"""A second factor: asked for when there is one, set up where it is required, never gone round."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from starlette.responses import PlainTextResponse

from db.engine import begin
from services import limits, session_tokens, sessions, staff, staff_admin
from services.actors import Staff
from services.adapters.identity import Identity, Outward, Proof
from services.adapters.local_identity import LocalIdentity
from services.adapters.supabase_auth import SupabaseAuth
from services.errors import TooMany
from services.sign_in import Browser, Opened, ProviderUnavailable, SignIn, SignInRefused
from tests.fake_supabase_auth import PUBLISHABLE_KEY, SERVICE_KEY, Factor, FakeSupabaseAuth, User
from tests.servers import serving
from tests.support import SYSTEM, Postgres

PUBLIC_URL = "http://acogida.example"
DESK = Browser("192.0.2.7", "A browser on a desk")
LUCIA = "lucia.ferrer@acogida.example"
OMAR = "omar.benali@acogida.example"
PASSWORD = "una frase que nadie adivina"


@pytest.fixture
def supabase() -> Iterator[FakeSupabaseAuth]:
    fake = FakeSupabaseAuth()
    for email in (LUCIA, OMAR):
        fake.add(User(email, PASSWORD))
    with serving(fake.app) as fake.url:
        yield fake


@pytest.fixture
async def auth(supabase: FakeSupabaseAuth, database: Postgres) -> SupabaseAuth:
    await staff.add_demo_staff(SYSTEM)
    return SupabaseAuth(supabase.url, PUBLISHABLE_KEY, SERVICE_KEY)


@pytest.fixture
def door(auth: SupabaseAuth) -> SignIn:
    return SignIn(public_url=PUBLIC_URL, password=auth)


@pytest.fixture
def phone(supabase: FakeSupabaseAuth) -> Factor:
    """Omar has an authenticator app."""
    factor = Factor("3b0fcd8c-4c3f-4f4a-9a55-0a53a1a0f001", "Acogida 1", "J" * 32, verified=True)
    supabase.users[OMAR].factors.append(factor)
    return factor


async def refused(attempt: Any) -> str:
    with pytest.raises(SignInRefused) as caught:
        await attempt
    return caught.value.code


def wrong(factor: Factor) -> str:
    right = {factor.code(time.time() + step * 30) for step in range(-3, 5)}
    return next(code for code in ("000000", "111111", "222222") if code not in right)


async def enrolled(door: SignIn, supabase: FakeSupabaseAuth, token: str) -> tuple[Opened, Factor]:
    enrolment = await door.enrol_second_factor(token)
    factor = next(
        f for user in supabase.users.values() for f in user.factors if f.id == enrolment.factor_id
    )
    assert enrolment.secret == factor.secret
    code = factor.code(time.time() - 30)
    return await door.confirm_second_factor(token, factor.id, code, DESK), factor


class TestGivingIt:
    async def test_without_it_the_password_opens_nothing(self, door: SignIn, phone: Factor) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        assert (opened.awaits_second_factor, opened.must_enrol) == (True, False)
        assert await sessions.staff_of(opened.token) is None
        waiting = await door.waiting(opened.token)
        assert waiting is not None
        assert not waiting.must_enrol

    async def test_the_right_code_opens_a_new_session_and_ends_the_old_one(
        self, door: SignIn, phone: Factor, database: Postgres
    ) -> None:
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        now = time.time()
        shown = f"{phone.code(now)[:3]} {phone.code(now)[3:]}"
        opened = await door.give_code(waiting.token, shown, DESK)
        assert opened.token != waiting.token
        assert not opened.awaits_second_factor
        omar = await sessions.staff_of(opened.token)
        assert omar is not None
        assert omar.email == OMAR
        session = await sessions.find(opened.token)
        assert session is not None
        assert session.assurance == 2
        assert await sessions.find(waiting.token) is None
        assert await door.waiting(opened.token) is None
        with database.connect() as connection:
            rows = connection.execute(
                "select details from audit_log where action = 'sign_in'"
            ).fetchall()
        assert rows == [({"provider": "supabase", "second_factor": True},)]

    async def test_a_wrong_code_does_not(
        self, door: SignIn, phone: Factor, database: Postgres
    ) -> None:
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        for code in (wrong(phone), "", "12345", "abcdef", "١٢٣٤٥٦", phone.code(0)[:5]):
            assert await refused(door.give_code(waiting.token, code, DESK)) == "wrong_code"
            await limits.forget(limits.SECOND_FACTOR, await staff_id_of(waiting.token))
        assert await sessions.staff_of(waiting.token) is None
        assert await door.waiting(waiting.token) is not None
        with database.connect() as connection:
            row = connection.execute(
                "select details from audit_log where action = 'refuse' limit 1"
            ).fetchone()
        assert row == ({"reason": "wrong_code", "provider": "supabase"},)

    async def test_codes_are_not_tried_out(self, door: SignIn, phone: Factor) -> None:
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        another = await door.with_password(OMAR, PASSWORD, DESK)
        guesses = [
            door.give_code(opened.token, f"{number:06d}", DESK)
            for opened in (waiting, another)
            for number in range(limits.SECOND_FACTOR.most)
        ]
        results = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(result, TooMany) for result in results) >= limits.SECOND_FACTOR.most
        with pytest.raises(TooMany):
            await door.give_code(waiting.token, phone.code(), DESK)

    async def test_a_code_is_good_once(self, door: SignIn, phone: Factor) -> None:
        code = phone.code()
        first = await door.with_password(OMAR, PASSWORD, DESK)
        await door.give_code(first.token, code, DESK)
        second = await door.with_password(OMAR, PASSWORD, DESK)
        assert await refused(door.give_code(second.token, code, DESK)) == "wrong_code"

    async def test_any_of_several_authenticators_will_do(
        self, door: SignIn, phone: Factor, supabase: FakeSupabaseAuth
    ) -> None:
        tablet = Factor("3b0fcd8c-4c3f-4f4a-9a55-0a53a1a0f002", "Acogida 2", "K" * 32, True)
        supabase.users[OMAR].factors.append(tablet)
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        assert (await door.give_code(waiting.token, tablet.code(), DESK)).token

    async def test_it_has_to_be_given_soon(
        self, door: SignIn, phone: Factor, database: Postgres
    ) -> None:
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        with database.connect() as connection:
            connection.execute("update staff_sessions set created_at = now() - interval '11 min'")
        assert await refused(door.give_code(waiting.token, phone.code(), DESK)) == "expired"

    async def test_who_awaits_nothing_gives_none(self, door: SignIn) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        assert await door.waiting(opened.token) is None
        assert await refused(door.give_code(opened.token, "123456", DESK)) == "expired"
        assert await refused(door.give_code("no token", "123456", DESK)) == "expired"

    async def test_a_code_that_could_not_be_checked_may_be_given_again(
        self, door: SignIn, phone: Factor, supabase: FakeSupabaseAuth
    ) -> None:
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        code = phone.code()
        session = await sessions.find(waiting.token)
        assert session is not None
        supabase.instead = [PlainTextResponse("", 503)]
        with pytest.raises(ProviderUnavailable):
            await door.give_code(waiting.token, code, DESK)
        assert (await door.give_code(waiting.token, code, DESK)).token

    async def test_a_link_for_a_new_password_does_not_go_round_it(
        self, door: SignIn, phone: Factor, supabase: FakeSupabaseAuth
    ) -> None:
        await door.forgot_password(OMAR, DESK)
        opened = await door.confirm_link(supabase.link_for(OMAR, "recovery"), "recovery", DESK)
        assert opened.awaits_second_factor
        attempt = door.set_password(opened.token, "otra frase que nadie adivina")
        assert await refused(attempt) == "second_factor_required"
        raised = await door.give_code(opened.token, phone.code(), DESK)
        await door.set_password(raised.token, "otra frase que nadie adivina")

    async def test_nor_does_setting_another_one_up(
        self, door: SignIn, phone: Factor, supabase: FakeSupabaseAuth
    ) -> None:
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        assert await refused(door.enrol_second_factor(waiting.token)) == "second_factor_required"
        mine = Factor("3b0fcd8c-4c3f-4f4a-9a55-0a53a1a0f003", "Mine", "L" * 32)
        supabase.users[OMAR].factors.append(mine)
        attempt = door.confirm_second_factor(waiting.token, mine.id, mine.code(), DESK)
        assert await refused(attempt) == "second_factor_required"
        removal = door.remove_second_factor(waiting.token, phone.id, phone.code())
        assert await refused(removal) == "second_factor_required"


class TestSettingItUp:
    async def test_the_first_code_makes_it_count(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        before = await door.second_factors(opened.token)
        assert (before.offered, before.required, before.factors) == (True, False, [])
        raised, factor = await enrolled(door, supabase, opened.token)
        assert await sessions.staff_of(opened.token) is None
        assert await sessions.staff_of(raised.token) is not None
        [shown] = (await door.second_factors(raised.token)).factors
        assert shown.id == factor.id
        assert shown.created_at.year == 2026
        again = await door.with_password(OMAR, PASSWORD, DESK)
        assert again.awaits_second_factor
        assert (await door.give_code(again.token, factor.code(), DESK)).token

    async def test_sessions_without_it_are_over(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        elsewhere = await door.with_password(OMAR, PASSWORD, DESK)
        lucia = await door.with_password(LUCIA, PASSWORD, DESK)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        await enrolled(door, supabase, opened.token)
        assert await sessions.staff_of(elsewhere.token) is None
        assert await sessions.staff_of(lucia.token) is not None

    async def test_a_wrong_code_leaves_everything_as_it_was(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        enrolment = await door.enrol_second_factor(opened.token)
        [factor] = supabase.users[OMAR].factors
        attempt = door.confirm_second_factor(opened.token, enrolment.factor_id, wrong(factor), DESK)
        assert await refused(attempt) == "wrong_code"
        assert await sessions.staff_of(opened.token) is not None
        assert (await door.second_factors(opened.token)).factors == []

    async def test_an_id_that_is_none_gets_nowhere(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        for factor_id in ("../user", "", "7d3b9ac2-0000-4000-8000-000000000000"):
            attempt = door.confirm_second_factor(opened.token, factor_id, "123456", DESK)
            assert await refused(attempt) in ("refused", "wrong_code")
            await limits.forget(limits.SECOND_FACTOR, await staff_id_of(opened.token))
        assert not [path for path in supabase.paths() if ".." in path]

    async def test_one_more_is_set_up_only_with_the_first(
        self, door: SignIn, supabase: FakeSupabaseAuth, phone: Factor
    ) -> None:
        """Somebody's session from before, whose factor was set up elsewhere."""
        supabase.users[OMAR].factors.remove(phone)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.users[OMAR].factors.append(phone)
        assert await refused(door.enrol_second_factor(opened.token)) == "second_factor_required"


class TestLettingGoOfIt:
    async def test_takes_a_code_of_it(self, door: SignIn, supabase: FakeSupabaseAuth) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        raised, factor = await enrolled(door, supabase, opened.token)
        attempt = door.remove_second_factor(raised.token, factor.id, wrong(factor))
        assert await refused(attempt) == "wrong_code"
        await door.remove_second_factor(raised.token, factor.id, factor.code())
        assert (await door.second_factors(raised.token)).factors == []
        assert not (await door.with_password(OMAR, PASSWORD, DESK)).awaits_second_factor

    async def test_the_tokens_stay_good(self, door: SignIn, supabase: FakeSupabaseAuth) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        raised, factor = await enrolled(door, supabase, opened.token)
        await door.remove_second_factor(raised.token, factor.id, factor.code())
        session = await sessions.find(raised.token)
        assert session is not None
        assert door.password is not None
        tokens = await session_tokens.tokens_of(session.id, door.password)
        assert tokens.refresh == supabase_session(supabase).refresh

    async def test_the_last_one_stays_where_one_is_required(
        self, auth: SupabaseAuth, supabase: FakeSupabaseAuth
    ) -> None:
        strict = SignIn(public_url=PUBLIC_URL, password=auth, second_factor="everybody")
        waiting = await strict.with_password(OMAR, PASSWORD, DESK)
        raised, factor = await enrolled(strict, supabase, waiting.token)
        assert (await strict.second_factors(raised.token)).required
        attempt = strict.remove_second_factor(raised.token, factor.id, factor.code())
        assert await refused(attempt) == "second_factor_required"

    async def test_somebody_elses_is_out_of_reach(
        self, door: SignIn, supabase: FakeSupabaseAuth, phone: Factor
    ) -> None:
        lucia = await door.with_password(LUCIA, PASSWORD, DESK)
        attempt = door.remove_second_factor(lucia.token, phone.id, phone.code())
        assert await refused(attempt) == "refused"


class TestWhereOneIsRequired:
    @pytest.mark.parametrize(
        ("rule", "email", "required"),
        [
            ("optional", LUCIA, False),
            ("admins", LUCIA, True),
            ("admins", OMAR, False),
            ("everybody", OMAR, True),
        ],
    )
    async def test_of_whom(self, auth: SupabaseAuth, rule: Any, email: str, required: bool) -> None:
        door = SignIn(public_url=PUBLIC_URL, password=auth, second_factor=rule)
        opened = await door.with_password(email, PASSWORD, DESK)
        assert (opened.awaits_second_factor, opened.must_enrol) == (required, required)
        assert (await sessions.staff_of(opened.token) is None) == required

    async def test_it_is_set_up_before_anything_else(
        self, auth: SupabaseAuth, supabase: FakeSupabaseAuth
    ) -> None:
        door = SignIn(public_url=PUBLIC_URL, password=auth, second_factor="everybody")
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        waiting = await door.waiting(opened.token)
        assert waiting is not None
        assert waiting.must_enrol
        assert await refused(door.give_code(opened.token, "123456", DESK)) == "expired"
        raised, _ = await enrolled(door, supabase, opened.token)
        assert await sessions.staff_of(raised.token) is not None

    async def test_another_provider_has_to_vouch_for_it(self, auth: SupabaseAuth) -> None:
        async def arrive(assurance: Any) -> Opened:
            door = SignIn(
                public_url=PUBLIC_URL,
                redirects={"oidc": Elsewhere(assurance)},
                second_factor="everybody",
            )
            departure = await door.begin_redirect("oidc", "/", DESK)
            state = {"state": departure.url}
            return (await door.finish_redirect(state, departure.browser_token, DESK))[0]

        assert await refused(arrive(1)) == "second_factor_required"
        opened = await arrive(2)
        assert await sessions.staff_of(opened.token) is not None
        shown = await SignIn(public_url=PUBLIC_URL, password=auth).second_factors(opened.token)
        assert not shown.offered
        door = SignIn(public_url=PUBLIC_URL, password=auth)
        assert await refused(door.enrol_second_factor(opened.token)) == "not_offered"

    async def test_the_demo_asks_for_none(self, auth: SupabaseAuth) -> None:
        door = SignIn(public_url=PUBLIC_URL, demo=LocalIdentity(), second_factor="everybody")
        assert next(person.email for person in (await door.options()).demo) == LUCIA
        opened = await door.as_demo(LUCIA, DESK)
        assert await sessions.staff_of(opened.token) is not None
        assert not (await door.second_factors(opened.token)).offered
        await door.sign_out(opened.token)
        assert await sessions.staff_of(opened.token) is None


class TestWhoOwesIt:
    """A session without it opens nothing once its owner has to give one."""

    @pytest.fixture(autouse=True)
    def back_to_the_rule_of_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sessions, "_policy", "optional")

    async def test_whoever_is_made_an_admin_signs_in_anew(
        self, auth: SupabaseAuth, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        sessions.require_second_factor("admins")
        door = SignIn(public_url=PUBLIC_URL, password=auth, second_factor="admins")
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        assert await sessions.staff_of(opened.token) is not None
        lucia = await enrolled(
            door, supabase, (await door.with_password(LUCIA, PASSWORD, DESK)).token
        )
        actor, omar = [await sessions.staff_of(one) for one in (lucia[0].token, opened.token)]
        assert actor is not None
        assert omar is not None
        await staff_admin.change_role(actor, omar.id, "admin", expected="caseworker")
        assert await sessions.staff_of(opened.token) is None
        again = await door.with_password(OMAR, PASSWORD, DESK)
        assert again.must_enrol

    @pytest.mark.parametrize("provider", ["supabase", "oidc"])
    async def test_a_new_rule_holds_for_sessions_of_before(
        self, door: SignIn, database: Postgres, provider: str
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        with database.connect() as connection:
            connection.execute("update staff_sessions set provider = %s", [provider])
        assert await sessions.staff_of(opened.token) is not None
        sessions.require_second_factor("admins")
        assert await sessions.staff_of(opened.token) is not None
        sessions.require_second_factor("everybody")
        assert await sessions.staff_of(opened.token) is None
        demo = SignIn(public_url=PUBLIC_URL, demo=LocalIdentity())
        assert await sessions.staff_of((await demo.as_demo(OMAR, DESK)).token) is not None

    async def test_whoever_has_set_one_up_is_nobody_to_the_database_without_it(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        """Supabase's own interface to the database takes a token for which none was given."""
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        before = await sessions.staff_of(opened.token)
        assert before is not None
        assert await role_of(before) == "caseworker"
        raised, factor = await enrolled(door, supabase, opened.token)
        after = await sessions.staff_of(raised.token)
        assert after is not None
        assert await role_of(after) == "caseworker"
        assert await role_of(replace(after, assurance=1)) is None
        assert await role_of(before) is None, "a token of before"
        assert await sessions.my_sessions(after)
        assert await sessions.my_sessions(before) == []
        await door.remove_second_factor(raised.token, factor.id, factor.code())
        assert await role_of(before) == "caseworker"

    async def test_so_is_whoever_set_one_up_elsewhere_from_the_next_sign_in(
        self, door: SignIn, supabase: FakeSupabaseAuth, phone: Factor
    ) -> None:
        waiting = await door.with_password(OMAR, PASSWORD, DESK)
        omar = await sessions.staff_of(
            (await door.give_code(waiting.token, phone.code(), DESK)).token
        )
        assert omar is not None
        assert await role_of(replace(omar, assurance=1)) is None
        supabase.users[OMAR].factors.clear()
        await door.with_password(OMAR, PASSWORD, DESK)
        assert await role_of(replace(omar, assurance=1)) == "caseworker"

    async def test_a_session_from_before_it_was_set_up_elsewhere_opens_nothing_more(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.users[OMAR].factors.append(
            Factor("3b0fcd8c-4c3f-4f4a-9a55-0a53a1a0f002", "Phone", "K" * 32, verified=True)
        )
        assert (await door.with_password(OMAR, PASSWORD, DESK)).awaits_second_factor
        assert await sessions.staff_of(opened.token) is None

    async def test_another_providers_word_stays_good(
        self, auth: SupabaseAuth, phone: Factor
    ) -> None:
        """What it asks for is its own matter; nobody's files vanish over it."""
        supabase_door = SignIn(public_url=PUBLIC_URL, password=auth)
        await supabase_door.with_password(OMAR, PASSWORD, DESK)
        door = SignIn(public_url=PUBLIC_URL, redirects={"oidc": Elsewhere(1)})
        departure = await door.begin_redirect("oidc", "/", DESK)
        query = {"state": departure.url}
        opened, _ = await door.finish_redirect(query, departure.browser_token, DESK)
        omar = await sessions.staff_of(opened.token)
        assert omar is not None
        assert await role_of(omar) == "caseworker"


async def role_of(actor: Staff) -> str | None:
    async with begin(actor) as connection:
        role: str | None = await connection.scalar(text("select app_private.staff_role()"))
        id = await connection.scalar(text("select app_private.staff_id()"))
    assert (id is None) == (role is None)
    return role


class Elsewhere:
    """A provider of somebody else's that knows Omar."""

    label = "Elsewhere"
    session_provider = "oidc"

    def __init__(self, assurance: Any) -> None:
        self.assurance = assurance

    async def begin(self, callback: str, state: str) -> Outward:
        return Outward(state, {})

    async def finish(self, query: Any, callback: str, secrets: Any) -> Proof:
        identity = Identity("https://elsewhere.example", "omar", OMAR)
        return Proof(identity, assurance=self.assurance)


async def staff_id_of(token: str) -> str:
    session = await sessions.find(token)
    assert session is not None
    return str(session.staff_id)


def supabase_session(supabase: FakeSupabaseAuth) -> Any:
    [session] = supabase.sessions.values()
    return session
