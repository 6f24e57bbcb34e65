"""Staff sign in through Supabase, by password, by link and by a provider that it brokers."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from services import limits, passwords, session_tokens, sessions, staff
from services.actors import Staff
from services.adapters import supabase_auth
from services.adapters.supabase_auth import SupabaseAuth, SupabaseSocial
from services.errors import Forbidden, TooMany
from services.sign_in import (
    CALLBACK_PATH,
    Browser,
    ProviderUnavailable,
    SignIn,
    SignInRefused,
)
from tests.fake_supabase_auth import PUBLISHABLE_KEY, SERVICE_KEY, FakeSupabaseAuth, User
from tests.servers import free_port, serving
from tests.support import SYSTEM, Postgres

PUBLIC_URL = "http://acogida.example"
DESK = Browser("192.0.2.7", "A browser on a desk")
LUCIA = "lucia.ferrer@acogida.example"
OMAR = "omar.benali@acogida.example"
PASSWORD = "una frase que nadie adivina"


@pytest.fixture
def supabase() -> Iterator[FakeSupabaseAuth]:
    fake = FakeSupabaseAuth()
    fake.allowed = PUBLIC_URL
    fake.add(User(OMAR, PASSWORD))
    with serving(fake.app) as fake.url:
        yield fake


@pytest.fixture
async def door(supabase: FakeSupabaseAuth, database: Postgres) -> SignIn:
    await staff.add_demo_staff(SYSTEM)
    return door_of(supabase.url)


def door_of(url: str) -> SignIn:
    auth = SupabaseAuth(url, PUBLISHABLE_KEY, SERVICE_KEY)
    social = {name: SupabaseSocial(auth, name) for name in ("azure", "custom:ongs")}
    return SignIn(public_url=PUBLIC_URL, password=auth, redirects=social)


def audited(database: Postgres, action: str) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(
            "select row_id is not null, details from audit_log where action = %s order by id",
            (action,),
        ).fetchall()


async def refused(attempt: Any) -> str:
    with pytest.raises(SignInRefused) as caught:
        await attempt
    return caught.value.code


class TestPassword:
    async def test_the_right_one_opens_a_session(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        opened = await door.with_password(OMAR.upper() + " ", PASSWORD, DESK)
        assert not opened.awaits_second_factor
        omar = await sessions.staff_of(opened.token)
        assert omar is not None
        assert omar.email == OMAR
        assert str(omar.user_id) == supabase.users[OMAR].id
        [shown] = await sessions.my_sessions(omar)
        assert (shown.address, shown.user_agent) == (DESK.address, DESK.user_agent)
        assert audited(database, "sign_in") == [(True, {"provider": "supabase"})]

    @pytest.mark.parametrize(
        "password", ["a&b=c+d %41", "ñandú €uro 密码 🔑", "  spaces  ", '"\\/']
    )
    async def test_every_character_of_it_arrives(
        self, door: SignIn, supabase: FakeSupabaseAuth, password: str
    ) -> None:
        supabase.users[OMAR].password = password
        assert (await door.with_password(OMAR, password, DESK)).token
        grant = supabase.requests[-1][2]
        assert grant == {"email": OMAR, "password": password}

    async def test_an_unknown_account_and_a_wrong_password_are_told_the_same(
        self, door: SignIn, database: Postgres
    ) -> None:
        assert await refused(door.with_password(OMAR, "wrong", DESK)) == "invalid_credentials"
        unknown = "nobody@acogida.example"
        assert await refused(door.with_password(unknown, "wrong", DESK)) == "invalid_credentials"
        reason = {"reason": "invalid_credentials", "provider": "supabase"}
        assert audited(database, "refuse") == [(True, reason), (False, reason)]

    @pytest.mark.parametrize(
        ("email", "password"), [("", PASSWORD), (OMAR, ""), ("a\0b", "x"), (OMAR, "x" * 5_000)]
    )
    async def test_what_can_be_nobodys_is_not_even_asked_about(
        self, door: SignIn, supabase: FakeSupabaseAuth, email: str, password: str
    ) -> None:
        assert await refused(door.with_password(email, password, DESK)) == "invalid_credentials"
        assert supabase.requests == []

    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize(
        ("user", "code"),
        [
            (User(OMAR, PASSWORD, confirmed=False), "email_not_confirmed"),
            (User(OMAR, PASSWORD, banned=True), "user_banned"),
        ],
        ids=["unconfirmed", "banned"],
    )
    async def test_supabases_own_refusals_are_told_apart(
        self,
        door: SignIn,
        supabase: FakeSupabaseAuth,
        user: User,
        code: str,
        legacy: bool,
    ) -> None:
        supabase.legacy = legacy
        supabase.add(user)
        assert await refused(door.with_password(OMAR, PASSWORD, DESK)) == code

    @pytest.mark.parametrize("email", ["somebody@else.example", "anon@acogida.example"])
    async def test_who_is_not_on_the_staff_stays_outside(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres, email: str
    ) -> None:
        supabase.add(User(email, PASSWORD, anonymous=email.startswith("anon")))
        assert await refused(door.with_password(email, PASSWORD, DESK)) == "not_staff"
        assert audited(database, "refuse") == [
            (False, {"reason": "not_staff", "provider": "supabase"})
        ]
        with database.connect() as connection:
            row = connection.execute("select count(*) from staff_sessions").fetchone()
        assert row == (0,)

    async def test_who_was_deactivated_stays_outside(
        self, door: SignIn, database: Postgres
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        with database.connect() as connection:
            connection.execute("update staff set active = false where email = %s", (OMAR,))
        assert await sessions.staff_of(opened.token) is None
        assert await refused(door.with_password(OMAR, PASSWORD, DESK)) == "not_staff"
        assert audited(database, "refuse")[0][0], "it is known whom it met"

    async def test_an_address_that_supabase_has_not_verified_ties_nobody(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        # A project may let people in unconfirmed, and user_metadata says what they please.
        user = supabase.users[OMAR]
        answer = JSONResponse(
            {
                **TOKENS,
                "user": {**user.shown(), "email_confirmed_at": None, "confirmed_at": None},
            }
        )
        supabase.instead = [answer]
        assert await refused(door.with_password(OMAR, PASSWORD, DESK)) == "not_staff"

    async def test_somebody_elses_account_of_the_same_address_is_a_stranger(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        await door.with_password(OMAR, PASSWORD, DESK)
        # The account was deleted, and its address given to another.
        supabase.add(User(OMAR, "another password"))
        assert await refused(door.with_password(OMAR, "another password", DESK)) == "not_staff"

    async def test_without_supabase_there_is_no_password(self, database: Postgres) -> None:
        door = SignIn(public_url=PUBLIC_URL)
        assert await refused(door.with_password(OMAR, PASSWORD, DESK)) == "not_offered"
        assert await refused(door.as_demo(OMAR, DESK)) == "not_offered"
        assert await refused(door.begin_redirect("azure", "/", DESK)) == "not_offered"


TOKENS = {"access_token": "x", "refresh_token": "y", "expires_in": 3600, "token_type": "bearer"}


class TestWhenSupabaseIsNotItself:
    @pytest.mark.parametrize(
        "answer",
        [
            PlainTextResponse("upstream connect error", 503),
            HTMLResponse("<h1>502 Bad Gateway</h1>", 502),
            HTMLResponse("<h1>Forbidden</h1>", 403),
            HTMLResponse("<h1>A welcome page</h1>", 200),
            JSONResponse({"code": "unexpected_failure", "message": "Database error"}, 500),
            JSONResponse({"message": "Invalid API key"}, 401),
            JSONResponse(["a list"], 200),
            JSONResponse({**TOKENS}, 200),
            JSONResponse({"error": "none of its own"}, 200),
            JSONResponse({**TOKENS, "expires_at": []}, 200),
            JSONResponse({**TOKENS, "user": {"id": "not an id", "email": OMAR}}, 200),
            JSONResponse({**TOKENS, "user": None, "expires_in": "soon"}, 200),
            Response(status_code=302, headers={"location": "https://elsewhere.example"}),
            Response(b"\xff\xfe", 200, media_type="application/json"),
        ],
        ids=lambda answer: f"{answer.status_code} {bytes(answer.body)[:24]!r}",
    )
    async def test_one_may_try_again_later(
        self, door: SignIn, supabase: FakeSupabaseAuth, answer: Response
    ) -> None:
        supabase.instead = [answer]
        with pytest.raises(ProviderUnavailable):
            await door.with_password(OMAR, PASSWORD, DESK)
        # And it is nobody's failed attempt.
        assert (await door.with_password(OMAR, PASSWORD, DESK)).token

    async def test_so_when_nobody_answers(self, door: SignIn) -> None:
        door = door_of(f"http://127.0.0.1:{free_port()}")
        with pytest.raises(ProviderUnavailable):
            await door.with_password(OMAR, PASSWORD, DESK)
        with pytest.raises(ProviderUnavailable):
            await door.forgot_password(OMAR, DESK)
        departure = await door.begin_redirect("azure", "/", DESK)
        state = parse_qs(urlsplit(parse_qs(urlsplit(departure.url).query)["redirect_to"][0]).query)
        with pytest.raises(ProviderUnavailable):
            await door.finish_redirect(
                {"state": state["state"][0], "code": "c"}, departure.browser_token, DESK
            )

    async def test_so_when_it_takes_too_long(self, supabase: FakeSupabaseAuth) -> None:
        async def never(request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("", request=request)

        slow = SupabaseAuth(
            supabase.url,
            PUBLISHABLE_KEY,
            SERVICE_KEY,
            http={"transport": httpx.MockTransport(never)},
        )
        with pytest.raises(ProviderUnavailable):
            await slow.sign_in(OMAR, PASSWORD)

    async def test_its_limits_are_passed_on(self, door: SignIn, supabase: FakeSupabaseAuth) -> None:
        limited = {"code": "over_request_rate_limit", "message": "Request rate limit reached"}
        supabase.instead = [JSONResponse(limited, 429)]
        with pytest.raises(TooMany):
            await door.with_password(OMAR, PASSWORD, DESK)
        supabase.instead = [HTMLResponse("slow down", 429, headers={"retry-after": "17"})]
        with pytest.raises(TooMany) as caught:
            await door.with_password(OMAR, PASSWORD, DESK)
        assert caught.value.retry_after == 17


class TestThrottle:
    async def test_an_account_is_not_guessed_at_from_one_place(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        for _ in range(limits.SIGN_IN_PAIR.most):
            assert await refused(door.with_password(OMAR, "x", DESK)) == "invalid_credentials"
        asked = len(supabase.requests)
        for spelling in (
            f" {OMAR.upper()}",
            OMAR.replace("i", "\N{FULLWIDTH LATIN SMALL LETTER I}"),
        ):
            with pytest.raises(TooMany):
                await door.with_password(spelling, PASSWORD, DESK)
        assert len(supabase.requests) == asked, "the provider was not even asked"
        supabase.add(User(LUCIA, PASSWORD))
        assert (await door.with_password(LUCIA, PASSWORD, DESK)).token

    async def test_a_strangers_guesses_do_not_shut_the_owner_out(self, door: SignIn) -> None:
        elsewhere = Browser("198.51.100.9", "")
        for _ in range(limits.SIGN_IN_PAIR.most):
            await refused(door.with_password(OMAR, "x", elsewhere))
        with pytest.raises(TooMany):
            await door.with_password(OMAR, "x", elsewhere)
        assert (await door.with_password(OMAR, PASSWORD, DESK)).token

    async def test_nor_do_guesses_from_everywhere_where_the_owner_signs_in(
        self, door: SignIn, database: Postgres
    ) -> None:
        at_home = Browser("2001:db8:1:2::7", "")
        await door.with_password(OMAR, PASSWORD, at_home)
        for _ in range(limits.SIGN_IN_ACCOUNT.most):
            await limits.hit(limits.SIGN_IN_ACCOUNT, limits.by_account(OMAR))
        with pytest.raises(TooMany):
            await door.with_password(OMAR, PASSWORD, Browser("203.0.113.5", ""))
        # The same household, under an address of today.
        at_home = Browser("2001:db8:1:2::abcd", "")
        assert (await door.with_password(OMAR, PASSWORD, at_home)).token
        with database.connect() as connection:
            connection.execute("update staff_sessions set created_at = now() - interval '31 days'")
        with pytest.raises(TooMany):
            await door.with_password(OMAR, PASSWORD, at_home)

    def test_no_single_address_uses_an_account_up(self) -> None:
        for one, all_of_them in (
            (limits.SIGN_IN_PAIR, limits.SIGN_IN_ACCOUNT),
            (passwords.RECOVERY_PAIR, passwords.RECOVERY_ACCOUNT),
        ):
            assert one.most * all_of_them.seconds / one.seconds < all_of_them.most

    async def test_many_accounts_are_not_tried_from_one_place(self, door: SignIn) -> None:
        network = [Browser(f"2001:db8:1:2::{number:x}", "") for number in range(1, 40)]
        for number in range(limits.SIGN_IN_ADDRESS.most):
            email = f"somebody{number}@acogida.example"
            await refused(door.with_password(email, "x", network[number]))
        with pytest.raises(TooMany):
            await door.with_password(OMAR, PASSWORD, network[-1])
        assert (await door.with_password(OMAR, PASSWORD, DESK)).token

    async def test_colleagues_who_sign_in_there_are_not_held_up_by_it(self, door: SignIn) -> None:
        await door.with_password(OMAR, PASSWORD, DESK)
        for number in range(limits.SIGN_IN_ADDRESS.most):
            await refused(door.with_password(f"somebody{number}@acogida.example", "x", DESK))
        assert (await door.with_password(OMAR, PASSWORD, DESK)).token

    async def test_guesses_at_the_same_moment_count_too(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        guesses = [door.with_password(OMAR, f"x{number}", DESK) for number in range(40)]
        outcomes = await asyncio.gather(*guesses, return_exceptions=True)
        assert supabase.paths().count("POST token") == limits.SIGN_IN_PAIR.most
        assert sum(isinstance(one, TooMany) for one in outcomes) == 40 - limits.SIGN_IN_PAIR.most

    async def test_what_the_provider_does_not_answer_is_no_guess(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        for number in range(limits.SIGN_IN_PAIR.most + 2):
            limited = JSONResponse({"code": "over_request_rate_limit", "message": ""}, 429)
            supabase.instead = [PlainTextResponse("", 503) if number % 2 else limited]
            with pytest.raises(ProviderUnavailable if number % 2 else TooMany):
                await door.with_password(OMAR, PASSWORD, DESK)
        assert (await door.with_password(OMAR, PASSWORD, DESK)).token

    async def test_who_signs_in_often_is_not_hindered(self, door: SignIn) -> None:
        for _ in range(limits.SIGN_IN_ADDRESS.most + 2):
            await door.with_password(OMAR, PASSWORD, DESK)

    async def test_links_and_states_are_not_tried_out_either(self, door: SignIn) -> None:
        for _ in range(limits.SIGN_IN_LINK.most):
            assert await refused(door.confirm_link("f" * 56, "invite", DESK)) == "expired"
        for _ in range(limits.SIGN_IN_CALLBACK.most):
            attempt = door.finish_redirect({"state": "s", "code": "c"}, "b", DESK)
            assert await refused(attempt) == "mismatch"
        with pytest.raises(TooMany):
            await door.confirm_link("f" * 56, "invite", DESK)
        with pytest.raises(TooMany):
            await door.finish_redirect({"state": "s", "code": "c"}, "b", DESK)
        assert (await door.with_password(OMAR, PASSWORD, DESK)).token, "under rules of their own"

    async def test_a_page_that_sends_browsers_back_shuts_nobody_out(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        """Pictures of any page can ask for the address; they bring no cookie of ours."""
        for _ in range(limits.SIGN_IN_CALLBACK.most + 2):
            assert await refused(door.finish_redirect({"state": "s"}, "", DESK)) == "mismatch"
        assert audited(database, "refuse") == []
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", "/", DESK)
        query = await go(departure.url)
        assert (await door.finish_redirect(query, departure.browser_token, DESK))[0].token

    async def test_round_trips_are_not_begun_without_end(
        self, door: SignIn, database: Postgres
    ) -> None:
        for _ in range(limits.SIGN_IN_DEPARTURE.most):
            await door.begin_redirect("azure", "/", DESK)
        with pytest.raises(TooMany):
            await door.begin_redirect("azure", "/", DESK)
        with database.connect() as connection:
            row = connection.execute("select count(*) from sign_in_attempts").fetchone()
        assert row == (limits.SIGN_IN_DEPARTURE.most,)
        assert (await door.begin_redirect("azure", "/", Browser("203.0.113.5", ""))).url


class Slow:
    """Supabase, that takes its time over a refresh until `go` is set."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._asked = asyncio.Semaphore(0)
        self.go = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def refresh(self, tokens: Any) -> Any:
        self._asked.release()
        await self.go.wait()
        return await self._real.refresh(tokens)

    async def asked(self, times: int) -> None:
        async with asyncio.timeout(5):
            for _ in range(times):
                await self._asked.acquire()


class TestTokens:
    async def test_a_token_that_is_about_to_end_is_exchanged_once_for_all_who_need_it(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.expire_tokens(60)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        session = await sessions.find(opened.token)
        assert session is not None
        assert door.password is not None
        first = next(iter(supabase.sessions.values())).refresh
        supabase.expire_tokens(3600)
        found = await asyncio.gather(
            *[session_tokens.tokens_of(session.id, door.password) for _ in range(4)]
        )
        assert supabase.refreshes == 1
        assert {tokens.refresh for tokens in found} == {
            next(iter(supabase.sessions.values())).refresh
        }
        assert first not in {tokens.refresh for tokens in found}
        await session_tokens.tokens_of(session.id, door.password)
        assert supabase.refreshes == 1

    async def test_a_session_that_is_over_at_supabase_is_over_here(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        supabase.expire_tokens(60)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.sessions.clear()
        assert await refused(door.second_factors(opened.token)) == "expired"
        assert await sessions.staff_of(opened.token) is None
        with database.connect() as connection:
            row = connection.execute("select ended_reason from staff_sessions").fetchone()
        assert row == ("provider",)

    async def test_so_is_one_of_somebody_whom_supabase_has_banned(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.expire_tokens(60)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.users[OMAR].banned = True
        assert await refused(door.second_factors(opened.token)) == "user_banned"
        assert await sessions.staff_of(opened.token) is None

    async def test_supabase_is_asked_again_without_anybody_asking(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        supabase.add(User(LUCIA, PASSWORD))
        opened = [await door.with_password(who, PASSWORD, DESK) for who in (OMAR, LUCIA)]
        assert door.password is not None
        assert await session_tokens.refresh_due(SYSTEM, door.password) == 0
        with database.connect() as connection:
            connection.execute("update staff_sessions set tokens_expire_at = now()")
        supabase.sessions = {
            id: one for id, one in supabase.sessions.items() if one.user.email == LUCIA
        }
        assert await session_tokens.refresh_due(SYSTEM, door.password) == 2
        omar, lucia = [await sessions.staff_of(one.token) for one in opened]
        assert omar is None, "signed out everywhere by Supabase"
        assert lucia is not None
        assert await session_tokens.refresh_due(SYSTEM, door.password) == 0

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ("last_seen_at = now() - interval '61 minutes'", "nobody is there"),
            ("awaits_second_factor = true", "it opens nothing"),
            ("ended_at = now()", "it is over"),
            ("tokens_leased_until = now() + interval '5 seconds'", "another process asks"),
        ],
    )
    async def test_but_not_for_a_session_of_which(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres, change: str, why: str
    ) -> None:
        await door.with_password(OMAR, PASSWORD, DESK)
        with database.connect() as connection:
            connection.execute("update staff_sessions set tokens_expire_at = now()")
            connection.execute(b"update staff_sessions set " + change.encode())
        assert door.password is not None
        assert await session_tokens.refresh_due(SYSTEM, door.password) == 0, why
        assert supabase.refreshes == 0

    async def test_a_supabase_that_hangs_holds_no_connection_of_the_database(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.expire_tokens(60)
        opened = [await door.with_password(OMAR, PASSWORD, DESK) for _ in range(16)]
        slow = Slow(door.password)
        found = [await sessions.find(one.token) for one in opened]
        waiting = [
            asyncio.create_task(session_tokens.tokens_of(one.id, slow)) for one in found if one
        ]
        await slow.asked(16)
        # The pool of the tests has five connections and five to spare.
        async with asyncio.timeout(2):
            await asyncio.gather(*[sessions.find(one.token) for one in opened])
        slow.go.set()
        assert len({tokens.refresh for tokens in await asyncio.gather(*waiting)}) == 16

    async def test_what_it_brings_is_kept_though_nobody_waits_any_more(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.expire_tokens(60)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.expire_tokens(3600)
        session = await sessions.find(opened.token)
        assert session is not None
        slow = Slow(door.password)
        waiting = asyncio.create_task(session_tokens.tokens_of(session.id, slow))
        await slow.asked(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        slow.go.set()
        tokens = await session_tokens.tokens_of(session.id, slow)
        assert tokens.refresh == next(iter(supabase.sessions.values())).refresh
        assert supabase.refreshes == 1
        assert await sessions.staff_of(opened.token) is not None

    async def test_another_process_that_asks_already_is_waited_for(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        supabase.expire_tokens(60)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        session = await sessions.find(opened.token)
        assert session is not None
        with database.connect() as connection:
            connection.execute(
                "update staff_sessions set tokens_leased_until = now() + interval '10 seconds'"
            )
            waiting = asyncio.create_task(session_tokens.tokens_of(session.id, Slow(door.password)))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            connection.execute(
                "update staff_sessions set tokens_leased_until = null,"
                " tokens_expire_at = now() + interval '1 hour'"
            )
        assert (await waiting).expires_at > session.created_at
        assert supabase.refreshes == 0

    async def test_a_refresh_that_fails_for_now_ends_nothing(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.expire_tokens(60)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.instead = [PlainTextResponse("", 503)]
        with pytest.raises(ProviderUnavailable):
            await door.second_factors(opened.token)
        assert (await door.second_factors(opened.token)).offered

    async def test_tokens_signed_with_the_next_key_are_as_good(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.rotate_key()
        assert (await door.second_factors(opened.token)).offered
        again = await door.with_password(OMAR, PASSWORD, DESK)
        assert (await door.second_factors(again.token)).offered


class TestSigningOut:
    async def test_ends_the_session_here_and_at_supabase(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        elsewhere = await door.with_password(OMAR, PASSWORD, DESK)
        await door.sign_out(opened.token)
        assert await sessions.staff_of(opened.token) is None
        assert await sessions.staff_of(elsewhere.token) is not None
        assert len(supabase.sessions) == 1
        assert audited(database, "sign_out") == [(True, {"provider": "supabase"})]
        await door.sign_out(opened.token)
        assert len(audited(database, "sign_out")) == 1

    async def test_also_when_the_access_token_is_past_its_end(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.expire_tokens(-5)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.expire_tokens(3600)
        await door.sign_out(opened.token)
        assert supabase.sessions == {}

    @pytest.mark.parametrize("status", [403, 429, 503])
    async def test_does_not_depend_on_supabase(
        self, door: SignIn, supabase: FakeSupabaseAuth, status: int
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.instead = [JSONResponse({"code": "session_not_found", "message": ""}, status)]
        await door.sign_out(opened.token)
        assert await sessions.staff_of(opened.token) is None

    async def test_nor_waits_for_it_long(
        self, door: SignIn, supabase: FakeSupabaseAuth, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The exchange of tokens that goes before counts too."""
        monkeypatch.setattr(supabase_auth, "_SIGN_OUT_TIMEOUT", 0.3)
        supabase.expire_tokens(-5)
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        supabase.instead = [Late("")]
        async with asyncio.timeout(2):
            await door.sign_out(opened.token)
        assert await sessions.staff_of(opened.token) is None


class Late(PlainTextResponse):
    """An answer that takes its time."""

    async def __call__(self, *where: Any) -> None:
        await asyncio.sleep(4)
        await super().__call__(*where)


async def go(departure_url: str) -> dict[str, str]:
    """Follow a browser through the provider's pages; the query it comes back with."""
    url = departure_url
    async with httpx.AsyncClient() as browser:
        while not url.startswith(PUBLIC_URL):
            answer = await browser.get(url)
            assert answer.status_code == 302
            url = answer.headers["location"]
    assert urlsplit(url).path == CALLBACK_PATH
    return dict(parse_qsl(urlsplit(url).query))


class TestBrokeredProviders:
    async def test_they_are_offered_by_their_names(self, door: SignIn) -> None:
        options = await door.options()
        assert options.password
        assert options.redirects == [("azure", "Microsoft"), ("custom:ongs", "Ongs")]
        assert options.demo == []

    async def test_the_round_trip_opens_a_session_and_leads_on(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", "/clients?page=2", DESK)
        query = await go(departure.url)
        opened, wanted = await door.finish_redirect(query, departure.browser_token, DESK)
        assert wanted == "/clients?page=2"
        omar = await sessions.staff_of(opened.token)
        assert omar is not None
        assert omar.email == OMAR
        asked = supabase.requests[0][2]
        assert (asked["provider"], asked["scopes"]) == ("azure", "email")
        assert asked["code_challenge_method"] == "S256"
        assert (await door.second_factors(opened.token)).offered

    async def test_nothing_secret_is_in_the_address_or_lies_open(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", "/", DESK)
        assert departure.browser_token not in departure.url
        query = await go(departure.url)
        with database.connect() as connection:
            row = connection.execute("select sign_in_attempts::text from sign_in_attempts")
            stored = str(row.fetchone())
        assert query["state"] not in stored
        await door.finish_redirect(query, departure.browser_token, DESK)
        verifier = supabase.requests[-1][2]["code_verifier"]
        assert verifier not in departure.url
        assert verifier.encode().hex() not in stored

    @pytest.mark.parametrize(
        "path", ["https://evil.example", "//evil.example", "/\\evil.example", "", "/" * 2 + "x"]
    )
    async def test_it_never_leads_out_of_the_app(
        self, door: SignIn, supabase: FakeSupabaseAuth, path: str
    ) -> None:
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", path, DESK)
        query = await go(departure.url)
        assert (await door.finish_redirect(query, departure.browser_token, DESK))[1] == "/"

    async def test_it_works_once(self, door: SignIn, supabase: FakeSupabaseAuth) -> None:
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", "/", DESK)
        query = await go(departure.url)
        await door.finish_redirect(query, departure.browser_token, DESK)
        again = door.finish_redirect(query, departure.browser_token, DESK)
        assert await refused(again) == "mismatch"

    async def test_it_works_in_the_browser_that_began_it_only(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        """Or one could be signed in as somebody else by a link."""
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", "/", DESK)
        another = await door.begin_redirect("azure", "/", DESK)
        query = await go(departure.url)
        assert await refused(door.finish_redirect(query, another.browser_token, DESK)) == "mismatch"
        # Nor does it spend what the other one holds.
        assert (await door.finish_redirect(query, departure.browser_token, DESK))[0].token

    @pytest.mark.parametrize("state", ["", "forged", "\0"])
    async def test_a_state_that_was_never_given_out_opens_nothing(
        self, door: SignIn, supabase: FakeSupabaseAuth, state: str
    ) -> None:
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", "/", DESK)
        query = await go(departure.url)
        forged = {**query, "state": state}
        attempt = door.finish_redirect(forged, departure.browser_token, DESK)
        assert await refused(attempt) == "mismatch"
        assert "POST token" not in supabase.paths()

    async def test_it_has_to_come_back_within_ten_minutes(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        supabase.at_provider = supabase.users[OMAR]
        departure = await door.begin_redirect("azure", "/", DESK)
        query = await go(departure.url)
        late = "update sign_in_attempts set created_at = now() - interval '11 minutes'"
        with database.connect() as connection:
            connection.execute(late)
            attempt = door.finish_redirect(query, departure.browser_token, DESK)
            assert await refused(attempt) == "expired"
            # What never comes back is cleared away by whoever comes next.
            await door.begin_redirect("azure", "/", DESK)
            connection.execute(late)
            await door.begin_redirect("azure", "/", DESK)
            row = connection.execute("select count(*) from sign_in_attempts").fetchone()
        assert row == (1,)

    async def test_it_can_be_given_up(self, door: SignIn, supabase: FakeSupabaseAuth) -> None:
        supabase.cancels = True
        departure = await door.begin_redirect("azure", "/", DESK)
        query = await go(departure.url)
        assert (
            await refused(door.finish_redirect(query, departure.browser_token, DESK)) == "cancelled"
        )

    async def test_who_has_no_account_is_not_on_the_staff(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        departure = await door.begin_redirect("custom:ongs", "/", DESK)
        query = await go(departure.url)
        assert (
            await refused(door.finish_redirect(query, departure.browser_token, DESK)) == "not_staff"
        )

    async def test_a_code_without_its_verifier_is_worth_nothing(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        supabase.at_provider = supabase.users[OMAR]
        mine = await door.begin_redirect("azure", "/", DESK)
        stolen = await go((await door.begin_redirect("azure", "/", DESK)).url)
        query = {**await go(mine.url), "code": stolen["code"]}
        assert await refused(door.finish_redirect(query, mine.browser_token, DESK)) == "mismatch"


class TestLinksAndPasswords:
    async def test_an_invited_person_follows_their_link_and_chooses_a_password(
        self, door: SignIn, supabase: FakeSupabaseAuth, admin: Staff
    ) -> None:
        await staff.add_admin(SYSTEM, email="nora@example.org", name="Nora Ruiz")
        await door.invite(admin, "nora@example.org", "Nora Ruiz")
        assert supabase.requests[-1][2] == {
            "email": "nora@example.org",
            "data": {"name": "Nora Ruiz"},
        }
        link = supabase.link_for("nora@example.org", "invite")
        opened = await door.confirm_link(link, "invite", DESK)
        nora = await sessions.staff_of(opened.token)
        assert nora is not None
        assert nora.email == "nora@example.org"
        await door.set_password(opened.token, PASSWORD)
        assert await sessions.staff_of(opened.token) is not None
        assert (await door.with_password("nora@example.org", PASSWORD, DESK)).token
        assert await refused(door.confirm_link(link, "invite", DESK)) == "expired"

    async def test_somebody_who_has_an_account_is_mailed_a_link_for_a_new_password(
        self, door: SignIn, supabase: FakeSupabaseAuth, admin: Staff
    ) -> None:
        await door.invite(admin, OMAR, "Omar Benali")
        opened = await door.confirm_link(supabase.link_for(OMAR, "recovery"), "recovery", DESK)
        assert await sessions.staff_of(opened.token) is not None

    async def test_where_that_mail_does_not_go_out_it_is_told(
        self, door: SignIn, supabase: FakeSupabaseAuth, admin: Staff
    ) -> None:
        exists = JSONResponse({"code": "email_exists", "message": ""}, 422)
        limited = JSONResponse({"code": "over_email_send_rate_limit", "message": ""}, 429)
        supabase.instead = [exists, limited]
        with pytest.raises(TooMany):
            await door.invite(admin, OMAR, "Omar Benali")

    async def test_only_who_manages_staff_invites(
        self, door: SignIn, supabase: FakeSupabaseAuth, caseworker: Staff
    ) -> None:
        with pytest.raises(Forbidden):
            await door.invite(caseworker, "nora@example.org", "Nora")
        assert supabase.requests == []

    async def test_in_mock_mode_nobody_is_mailed(self, admin: Staff) -> None:
        await SignIn(public_url=PUBLIC_URL).invite(admin, "nora@example.org", "Nora")

    async def test_a_forgotten_password_is_replaced_and_other_sessions_end(
        self, door: SignIn, supabase: FakeSupabaseAuth, database: Postgres
    ) -> None:
        elsewhere = await door.with_password(OMAR, PASSWORD, DESK)
        await door.forgot_password(f" {OMAR}", DESK)
        link = supabase.link_for(OMAR, "recovery")
        opened = await door.confirm_link(link, "recovery", DESK)
        await door.set_password(opened.token, "otra frase que nadie adivina")
        assert await sessions.staff_of(elsewhere.token) is None
        assert await sessions.staff_of(opened.token) is not None
        assert supabase.users[OMAR].password == "otra frase que nadie adivina"
        assert len(audited(database, "set_password")) == 1

    async def test_whoever_asks_is_answered_the_same(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        await door.forgot_password(OMAR, DESK)
        await door.forgot_password("nobody@acogida.example", DESK)
        limited = {"code": "over_email_send_rate_limit", "message": "only for those who exist"}
        supabase.instead = [JSONResponse(limited, 429)]
        await door.forgot_password(OMAR, DESK)
        await door.forgot_password("", DESK)

    async def test_nobodys_mailbox_is_flooded(
        self, door: SignIn, supabase: FakeSupabaseAuth
    ) -> None:
        stranger = Browser("198.51.100.9", "")
        for _ in range(6):
            await door.forgot_password(OMAR, stranger)
        assert len(supabase.links) == passwords.RECOVERY_PAIR.most
        await door.forgot_password(OMAR, Browser("192.0.2.8", ""))
        assert len(supabase.links) == passwords.RECOVERY_PAIR.most + 1, "its owner's own wish"
        for number in range(40):
            await door.forgot_password(OMAR, Browser(f"203.0.113.{number}", ""))
        assert len(supabase.links) <= passwords.RECOVERY_ACCOUNT.most
        for number in range(20):
            await door.forgot_password(f"somebody{number}@acogida.example", DESK)
        with pytest.raises(TooMany):
            await door.forgot_password(LUCIA, DESK)

    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("too short", "weak_password"),
            ("password1234", "weak_password"),
            ("ñ" * 37, "long_password"),
            (PASSWORD, "same_password"),
        ],
    )
    async def test_a_new_password_has_to_be_one(
        self, door: SignIn, password: str, code: str
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        assert await refused(door.set_password(opened.token, password)) == code
        assert await sessions.staff_of(opened.token) is not None

    async def test_who_signed_in_long_ago_signs_in_again_first(
        self, door: SignIn, database: Postgres
    ) -> None:
        opened = await door.with_password(OMAR, PASSWORD, DESK)
        with database.connect() as connection:
            connection.execute("update staff_sessions set created_at = now() - interval '1 hour'")
        attempt = door.set_password(opened.token, "otra frase que nadie adivina")
        assert await refused(attempt) == "sign_in_again"

    @pytest.mark.parametrize("kind", ["recovery", "email_change", ""])
    async def test_a_link_is_good_for_its_own_purpose_only(
        self, door: SignIn, supabase: FakeSupabaseAuth, kind: Any
    ) -> None:
        supabase.links["f" * 56] = ("invite", supabase.users[OMAR])
        assert await refused(door.confirm_link("f" * 56, kind, DESK)) == "expired"


def test_tokens_and_secrets_do_not_show_when_something_is_printed() -> None:
    query = urlencode({"state": "s"})
    from services.adapters.identity import Enrolment, Outward
    from services.sign_in import Departure, Opened

    printed = repr(
        [
            Outward(f"https://x.example?{query}", {"code_verifier": "hidden"}),
            Departure("https://x.example", "hidden"),
            Opened("hidden"),
            Enrolment("factor", "hidden", "otpauth://hidden"),
        ]
    )
    assert "hidden" not in printed
