"""What the classifier looks for: read by all, changed by admins, for every process at once."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import clients, keyword_settings
from services.actors import Staff
from services.classification import BUILT_IN
from services.clients import ClientSummary
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.keyword_settings import MOST_OWN, MOST_PHRASE, OwnKeyword
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import OUTSIDER, Postgres, deliver

AMINA = Sender("34600111222", profile_name="Amina")


async def add(staff: Staff, phrase: str = "hoja diecinueve", **more: object) -> None:
    values: dict[str, object] = {"language": "es", "profile_type": "ASYLUM", "weight": 0.6, **more}
    await keyword_settings.add_keyword(staff, phrase=phrase, **values)  # type: ignore[arg-type]


async def own(staff: Staff) -> list[OwnKeyword]:
    return (await keyword_settings.list_keywords(staff)).own


async def off(staff: Staff) -> list[str]:
    listed = await keyword_settings.list_keywords(staff)
    return [k.entry.keyword.text for k in listed.built_in if not k.is_on]


async def writes(text: str) -> None:
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, text)))


async def amina(staff: Staff) -> ClientSummary:
    [client] = (await clients.list_clients(staff)).items
    return client


async def proposed(staff: Staff, text: str) -> str:
    return (await keyword_settings.try_out(staff, text)).proposal.profile_type


class TestReading:
    async def test_everybody_on_the_staff_reads_what_is_looked_for(
        self, admin: Staff, viewer: Staff
    ) -> None:
        await add(admin)
        listed = await keyword_settings.list_keywords(viewer)
        assert [(k.phrase, k.updated_by) for k in listed.own] == [("hoja diecinueve", admin.name)]
        assert [k.entry for k in listed.built_in] == list(BUILT_IN.entries)
        assert all(k.is_on for k in listed.built_in)

    async def test_an_outsider_reads_nothing_of_the_organisations(self, admin: Staff) -> None:
        await add(admin)
        assert (await keyword_settings.list_keywords(OUTSIDER)).own == []

    async def test_only_an_admin_changes_anything(self, admin: Staff, caseworker: Staff) -> None:
        await add(admin)
        [keyword] = await own(caseworker)
        with pytest.raises(Forbidden):
            await add(caseworker, "otra cosa")
        with pytest.raises(Forbidden):
            await keyword_settings.delete_keyword(caseworker, keyword.id)
        with pytest.raises(Forbidden):
            await keyword_settings.switch_off(caseworker, "es", "guerra")


class TestTryingOut:
    async def test_it_says_what_would_be_proposed_and_where_the_words_stand(
        self, viewer: Staff
    ) -> None:
        text = "Hola, no soy estudiante.\nQuiero pedir ASILO"
        trial = await keyword_settings.try_out(viewer, text)
        assert (trial.proposal.profile_type, trial.proposal.confidence) == ("ASYLUM", 0.9)
        assert [
            (text[piece.start : piece.end], piece.evidence.negated) for piece in trial.located
        ] == [("estudiante", True), ("pedir ASILO", False)]

    async def test_it_counts_what_the_organisation_has_changed(self, admin: Staff) -> None:
        assert await proposed(admin, "Tengo la hoja diecinueve") == "OTHER"
        await add(admin)
        assert await proposed(admin, "Tengo la HOJA  diecinueve") == "ASYLUM"
        assert await proposed(admin, "La hoja de la diecinueve") == "ASYLUM"
        assert await proposed(admin, "No tengo hoja diecinueve") == "OTHER"

    async def test_nothing_of_the_text_is_kept(
        self, viewer: Staff, database: Postgres, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with database.connect() as connection:
            before = connection.execute("select count(*) from audit_log").fetchall()
            await keyword_settings.try_out(viewer, "asilo zanahoria")
            assert connection.execute("select count(*) from audit_log").fetchall() == before
        assert "zanahoria" not in "".join(capfd.readouterr())


class TestOwnKeywords:
    async def test_one_counts_from_the_next_message_on(self, admin: Staff) -> None:
        await writes("tengo la hoja diecinueve")
        assert (await amina(admin)).profile_type == "OTHER"
        await add(admin)
        # What was said before is not read again.
        assert (await amina(admin)).profile_type == "OTHER"
        await writes("la hoja diecinueve")
        client = await amina(admin)
        assert (client.profile_type, client.profile_confidence) == ("ASYLUM", 0.6)

    async def test_one_that_is_removed_leaves_what_was_proposed(self, admin: Staff) -> None:
        await add(admin)
        await writes("la hoja diecinueve")
        [keyword] = await own(admin)
        await keyword_settings.delete_keyword(admin, keyword.id)
        await writes("hola")
        assert (await amina(admin)).profile_type == "ASYLUM"
        assert await proposed(admin, "la hoja diecinueve") == "OTHER"

    async def test_one_never_overrides_a_persons_decision(
        self, admin: Staff, caseworker: Staff
    ) -> None:
        await writes("hola")
        await clients.decide_profile(caseworker, (await amina(admin)).id, "STUDENT")
        await add(admin, weight=0.85)
        await writes("la hoja diecinueve")
        client = await amina(admin)
        assert (client.profile_type, client.profile_source) == ("STUDENT", "staff")

    async def test_a_phrase_is_kept_trimmed_and_in_one_line(self, admin: Staff) -> None:
        await add(admin, "  Hoja\n diecinueve\u202e\0 ", language="")
        [keyword] = await own(admin)
        assert (keyword.phrase, keyword.language) == ("Hoja diecinueve", "")

    @pytest.mark.parametrize(
        ("phrase", "code"),
        [
            ("", "missing"),
            (" \u200e\n", "missing"),
            ("x" * (MOST_PHRASE + 1), "too_long"),
            ("x", "too_short"),
            ("...", "not_one_clause"),
            ("asilo, por favor", "not_one_clause"),
            ("¿?", "not_one_clause"),
            ("de la", "says_nothing"),
            ("no", "says_nothing"),
            ("quiero", "says_nothing"),
            ("hoja de la de la diecinueve", "never_found"),
        ],
    )
    async def test_what_cannot_be_looked_for_is_refused(
        self, admin: Staff, phrase: str, code: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            await add(admin, phrase)
        assert refused.value.fields == {"phrase": code}

    @pytest.mark.parametrize(
        ("values", "problems"),
        [
            ({"language": "klingon"}, {"language": "unknown_language"}),
            ({"profile_type": "OTHER"}, {"profile_type": "unknown_type"}),
            ({"weight": 1.0}, {"weight": "not_a_weight"}),
            ({"weight": 0.0}, {"weight": "not_a_weight"}),
            ({"weight": float("nan")}, {"weight": "not_a_weight"}),
        ],
    )
    async def test_each_field_says_what_is_wrong_with_it(
        self, admin: Staff, values: dict[str, object], problems: dict[str, str]
    ) -> None:
        with pytest.raises(Invalid) as refused:
            await add(admin, **values)  # type: ignore[arg-type]
        assert refused.value.fields == problems

    @pytest.mark.parametrize(
        "phrase",
        ["asilo", "AZILO", "visado de estudiante", "papeles", "والطالب"],
    )
    async def test_what_is_built_in_is_not_added_again(self, admin: Staff, phrase: str) -> None:
        with pytest.raises(Conflict, match="built_in_has_it"):
            await add(admin, phrase)

    async def test_what_is_passed_over_on_purpose_is_not_added(self, admin: Staff) -> None:
        with pytest.raises(Conflict, match="passed_over"):
            await add(admin, "asilo de ancianos")

    async def test_one_phrase_is_one_keyword_however_it_is_written(self, admin: Staff) -> None:
        await add(admin)
        await add(admin, "otra cosa")
        with pytest.raises(Conflict, match="own_has_it"):
            await add(admin, "HOJA de DIECINUEVE", profile_type="STUDENT")
        other = (await own(admin))[1]
        with pytest.raises(Conflict, match="own_has_it"):
            await change(admin, other, phrase="Hója diecinueve")

    async def test_two_admins_add_the_same_at_once(self, admin: Staff) -> None:
        outcomes = await asyncio.gather(*(add(admin) for _ in range(4)), return_exceptions=True)
        assert outcomes.count(None) == 1
        assert all(isinstance(o, Conflict) for o in outcomes if o is not None)

    async def test_there_is_an_end_to_how_many(self, admin: Staff, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into own_keywords (phrase, folded, profile_type, weight)"
                " select 'x' || n, 'x' || n, 'ASYLUM', 0.5 from generate_series(1, %s) n",
                [MOST_OWN],
            )
        with pytest.raises(Conflict, match="too_many_keywords"):
            await add(admin)

    async def test_a_change_tells_what_was_and_does_not_undo_a_colleagues(
        self, admin: Staff
    ) -> None:
        await add(admin)
        [seen] = await own(admin)
        before = await change(admin, seen, profile_type="STUDENT", weight=0.3)
        assert (before.profile_type, before.weight) == ("ASYLUM", 0.6)
        assert await proposed(admin, "hoja diecinueve") == "STUDENT"
        with pytest.raises(Conflict, match="changed_meanwhile"):
            await change(admin, seen, phrase="hoja veinte")

    async def test_what_was_removed_comes_back(self, admin: Staff) -> None:
        await add(admin)
        [before] = await own(admin)
        removed = await keyword_settings.delete_keyword(admin, before.id)
        with pytest.raises(NotFound):
            await keyword_settings.delete_keyword(admin, before.id)
        with pytest.raises(NotFound):
            await change(admin, before)
        await keyword_settings.restore_keyword(admin, removed)
        [after] = await own(admin)
        assert (after.id, after.phrase, after.weight) == (before.id, before.phrase, before.weight)
        await keyword_settings.delete_keyword(admin, before.id)
        await add(admin)
        with pytest.raises(Conflict, match="own_has_it"):
            await keyword_settings.restore_keyword(admin, removed)

    async def test_every_change_is_in_the_log(self, admin: Staff, database: Postgres) -> None:
        await add(admin)
        [keyword] = await own(admin)
        await change(admin, keyword, weight=0.3)
        await keyword_settings.delete_keyword(admin, keyword.id)
        await keyword_settings.switch_off(admin, "es", "guerra")
        await keyword_settings.switch_on(admin, "es", "guerra")
        with database.connect() as connection:
            told = connection.execute(
                "select table_name, action from audit_log"
                " where table_name like '%keywords' order by id"
            ).fetchall()
        assert told == [
            ("own_keywords", "insert"),
            ("own_keywords", "update"),
            ("own_keywords", "delete"),
            ("disabled_keywords", "insert"),
            ("disabled_keywords", "delete"),
        ]


async def change(staff: Staff, keyword: OwnKeyword, **values: object) -> OwnKeyword:
    given: dict[str, object] = {
        "phrase": keyword.phrase,
        "language": keyword.language,
        "profile_type": keyword.profile_type,
        "weight": keyword.weight,
        "expected": keyword.updated_at,
        **values,
    }
    return await keyword_settings.change_keyword(staff, keyword.id, **given)  # type: ignore[arg-type]


class TestBuiltInKeywords:
    async def test_one_that_is_off_is_not_found_in_any_spelling(self, admin: Staff) -> None:
        await keyword_settings.switch_off(admin, "es", "sin papeles")
        # A second admin pressed the same.
        await keyword_settings.switch_off(admin, "es", "sin papeles")
        assert await off(admin) == ["sin papeles"]
        for text in ("estoy sin papeles", "sinpapeles", "no tengo papeles"):
            assert await proposed(admin, text) == "OTHER"
        await writes("no tengo papeles")
        assert (await amina(admin)).profile_type == "OTHER"

    async def test_the_shorter_ones_inside_it_still_are(self, admin: Staff) -> None:
        await keyword_settings.switch_off(admin, "es", "asilo político")
        trial = await keyword_settings.try_out(admin, "asilo político")
        assert [piece.evidence.keyword for piece in trial.located] == ["asilo"]

    async def test_it_is_switched_on_again(self, admin: Staff) -> None:
        await keyword_settings.switch_off(admin, "es", "guerra")
        await keyword_settings.switch_on(admin, "es", "guerra")
        assert await off(admin) == []
        assert await proposed(admin, "hay guerra") == "ASYLUM"

    async def test_what_there_is_not_cannot_be_switched(self, admin: Staff) -> None:
        for switch in (keyword_settings.switch_off, keyword_settings.switch_on):
            with pytest.raises(NotFound):
                await switch(admin, "es", "zanahoria")
            with pytest.raises(NotFound):
                await switch(admin, "fr", "guerra")

    async def test_an_own_one_can_take_its_place_and_is_then_in_its_way(self, admin: Staff) -> None:
        await keyword_settings.switch_off(admin, "es", "sin visado")
        await add(admin, "visa", profile_type="STUDENT")
        assert await proposed(admin, "busco una visa") == "STUDENT"
        with pytest.raises(Conflict, match="own_has_it"):
            await keyword_settings.switch_on(admin, "es", "sin visado")

    async def test_what_a_newer_version_has_no_longer_does_no_harm(
        self, admin: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into disabled_keywords (language, keyword) values ('es', 'zanahoria');"
                "insert into own_keywords (phrase, folded, profile_type, weight) values"
                " ('no', 'no', 'ASYLUM', 0.5), ('a, b', 'a b', 'ASYLUM', 0.5),"
                " ('asilo', 'asilo', 'STUDENT', 0.8)"
            )
        assert await proposed(admin, "no soy estudiante, a, b") == "OTHER"
        assert await proposed(admin, "asilo") == "STUDENT"


class TestAnyPhrase:
    @settings(
        max_examples=60,
        deadline=timedelta(seconds=5),
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        phrase=st.one_of(
            st.text(max_size=MOST_PHRASE + 5),
            st.lists(
                st.sampled_from(
                    ["no", "de", "la", "asilo", "visa", "hoja", "ال", "طالب", "o", "-"]
                ),
                max_size=9,
            ).map(" ".join),
        ),
        text=st.text(max_size=80),
    )
    async def test_is_refused_or_found_and_breaks_nothing(
        self, admin: Staff, phrase: str, text: str
    ) -> None:
        try:
            await add(admin, phrase)
        except (Invalid, Conflict):
            return
        [keyword] = await own(admin)
        written = f"{text}\n{keyword.phrase}"
        try:
            trial = await keyword_settings.try_out(admin, written)
            assert keyword.phrase in {piece.evidence.keyword for piece in trial.located}
            assert all(0 <= piece.start < piece.end <= len(written) for piece in trial.located)
            # The built-in ones are found as before.
            assert await proposed(admin, f"{text}\ntarjeta roja") != "OTHER"
        finally:
            await keyword_settings.delete_keyword(admin, keyword.id)
