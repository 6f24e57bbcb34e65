"""Whom a token stands for: the staff entry's word, read afresh for every request."""

from uuid import uuid4

import pytest

from services import sessions
from services.actors import Outsider, Staff, System
from services.tokens import (
    InvalidToken,
    LocalTokens,
    SecondFactor,
    SecondFactorRequired,
    Tokens,
    Verifier,
)
from tests.support import Postgres
from tests.tokens import ISSUER, LEGACY_SECRET, SERVICE_KEY, legacy, staff_token


def tokens(
    second_factor: SecondFactor = "optional", service_key: str | None = SERVICE_KEY
) -> Tokens:
    verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="")
    return Tokens(verifier, service_key=service_key, second_factor=second_factor)


async def test_staff_act_as_themselves(people: dict[str, Staff]) -> None:
    for staff in people.values():
        assert await tokens().actor_of(staff_token(staff)) == staff


async def test_what_a_token_says_of_rights_counts_for_nothing(viewer: Staff) -> None:
    """`app_metadata` is as old as the token, and `user_metadata` the person's own."""
    admin = {"role": "admin", "staff_role": "admin"}
    token = legacy(viewer.user_id, app_metadata=admin, user_metadata=admin, staff_role="admin")
    actor = await tokens().actor_of(token)
    assert isinstance(actor, Staff)
    assert actor.role == "viewer"


async def test_a_changed_role_counts_with_the_next_call(viewer: Staff, database: Postgres) -> None:
    token, asked = staff_token(viewer), tokens()
    with database.connect() as connection:
        connection.execute("update staff set role = 'caseworker' where id = %s", [viewer.id])
    actor = await asked.actor_of(token)
    assert isinstance(actor, Staff)
    assert actor.role == "caseworker"


async def test_whoever_is_deactivated_is_a_stranger_at_once(
    caseworker: Staff, database: Postgres
) -> None:
    token, asked = staff_token(caseworker), tokens()
    assert isinstance(await asked.actor_of(token), Staff)
    with database.connect() as connection:
        connection.execute("update staff set active = false where id = %s", [caseworker.id])
    assert await asked.actor_of(token) == Outsider(caseworker.user_id)


async def test_somebody_who_is_not_on_the_staff(database: Postgres) -> None:
    who = uuid4()
    assert await tokens().actor_of(legacy(who)) == Outsider(who)


class TestServiceKey:
    LEGACY_KEY = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"

    @pytest.mark.parametrize("key", [SERVICE_KEY, LEGACY_KEY])
    async def test_of_either_kind_is_the_software(self, key: str) -> None:
        assert await tokens(service_key=key).actor_of(key) == System("api")

    @pytest.mark.parametrize(
        "given", ["", SERVICE_KEY[:-1], SERVICE_KEY + " ", SERVICE_KEY.upper(), "é"]
    )
    async def test_nothing_like_it(self, given: str) -> None:
        with pytest.raises(InvalidToken):
            await tokens().actor_of(given)

    @pytest.mark.parametrize("configured", [None, ""])
    async def test_that_is_not_configured_opens_nothing(self, configured: str | None) -> None:
        for given in ("", SERVICE_KEY):
            with pytest.raises(InvalidToken):
                await tokens(service_key=configured).actor_of(given)


class TestSecondFactor:
    @pytest.mark.parametrize(
        ("setting", "refused"),
        [
            ("optional", set()),
            ("admins", {"admin"}),
            ("everybody", {"admin", "caseworker", "viewer"}),
        ],
    )
    async def test_is_asked_of(
        self, people: dict[str, Staff], setting: SecondFactor, refused: set[str]
    ) -> None:
        asked = tokens(setting)
        stopped = set()
        for role, staff in people.items():
            try:
                await asked.actor_of(legacy(staff.user_id, aal="aal1"))
            except SecondFactorRequired:
                stopped.add(role)
            assert await asked.actor_of(legacy(staff.user_id, aal="aal2")) == staff
        assert stopped == refused

    async def test_is_asked_of_whoever_has_set_one_up(
        self, people: dict[str, Staff], database: Postgres
    ) -> None:
        omar, asked = people["caseworker"], tokens("optional")
        with database.connect() as connection:
            connection.execute("update staff set has_second_factor = true where id = %s", [omar.id])
        with pytest.raises(SecondFactorRequired):
            await asked.actor_of(legacy(omar.user_id, aal="aal1"))
        actor = await asked.actor_of(legacy(omar.user_id, aal="aal2"))
        assert actor == omar
        assert await sessions.my_sessions(actor), "and the database knows that it was given"
        assert await asked.actor_of(legacy(people["viewer"].user_id, aal="aal1")) is not None


class TestMockMode:
    async def test_a_demo_person_by_address(self, caseworker: Staff) -> None:
        local = LocalTokens("http://127.0.0.1:8000/auth/v1")
        token = await local.sign_in(f" {caseworker.email.upper()} ")
        assert token is not None
        assert await Tokens(local.verifier()).actor_of(token) == caseworker

    async def test_nobody_else(self, caseworker: Staff, database: Postgres) -> None:
        local = LocalTokens("http://127.0.0.1:8000/auth/v1")
        with database.connect() as connection:
            connection.execute("update staff set active = false where id = %s", [caseworker.id])
            connection.execute(
                "insert into staff (email, name, role) values ('new@example.org', 'New', 'viewer')"
            )
        for email in (caseworker.email, "new@example.org", "nobody@example.org", ""):
            assert await local.sign_in(email) is None
