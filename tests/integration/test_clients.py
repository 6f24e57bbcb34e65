"""Finding clients, as a caseworker types it."""

from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import clients
from services.actors import Staff
from tests.support import Postgres

PEOPLE = """
insert into clients (id, name, profile_name, email, passport_or_nie, username, status, profile_type,
  last_message_at, created_at)
values
 ('00000000-0000-0000-0000-000000000001', 'José Ángel Núñez', 'Pepe', 'Jose@Example.org',
  'X2482300W', null, 'active', 'ASYLUM', '2026-11-20', '2026-01-01'),
 ('00000000-0000-0000-0000-000000000002', null, 'أمينة بن علي', null, null, 'amina.ba', 'active',
  'ARRAIGO', '2026-11-22', '2026-01-02'),
 ('00000000-0000-0000-0000-000000000003', 'Łucja Søndergård', null, 'l.s@example.org', null, null,
  'inactive', 'STUDENT', null, '2026-01-03'),
 ('00000000-0000-0000-0000-000000000004', '100% _real_ \\ name', null, null, null, null,
  'archived', 'OTHER', '2026-11-01', '2026-01-04');
insert into client_identities (client_id, kind, value) values
 ('00000000-0000-0000-0000-000000000001', 'phone', '+34600111222'),
 ('00000000-0000-0000-0000-000000000002', 'phone', '+212612345678');
"""


@pytest.fixture
async def four(database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute(PEOPLE)


async def found(staff: Staff, search: str) -> list[int]:
    page = await clients.list_clients(staff, search=search, statuses=clients.CLIENT_STATUSES)
    return sorted(c.id.int for c in page.items)


@pytest.mark.usefixtures("four")
class TestSearch:
    @pytest.mark.parametrize(
        ("search", "expected"),
        [
            ("jose angel", [1]),
            ("JOSÉ", [1]),
            ("nunez jose", [1]),
            ("pepe", [1]),
            ("أمينة", [2]),
            ("lucja sondergard", [3]),
            ("600 11 12 22", [1]),
            ("600-111-222", [1]),
            ("+34 600", [1]),
            ("0034600111", [1]),
            ("(600) 111.222", [1]),
            ("612345", [2]),
            ("jose@example", [1]),
            ("x2482300w", [1]),
            ("X-2482300-W", [1]),
            ("amina.ba", [2]),
            ("@amina.ba", [2]),
            ("100%", [4]),
            ("_real_", [4]),
            ("\\", [4]),
            ("' or 1=1 --", []),
            ("%", [4]),
            ("", [1, 2, 3, 4]),
            ("   ", [1, 2, 3, 4]),
            ("nadie", []),
        ],
    )
    async def test_finds(self, viewer: Staff, search: str, expected: list[int]) -> None:
        assert await found(viewer, search) == expected

    async def test_a_change_of_the_file_is_found_at_once(
        self, viewer: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute("update clients set name = 'Renombrado' where name like 'José%'")
            connection.execute("delete from client_identities where value = '+212612345678'")
        assert await found(viewer, "renombrado") == [1]
        assert await found(viewer, "núñez") == []
        assert await found(viewer, "612345") == []

    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(search=st.text(max_size=60))
    async def test_no_text_breaks_it(self, viewer: Staff, search: str) -> None:
        page = await clients.list_clients(viewer, search=search)
        assert page.total == len(page.items)


@pytest.mark.usefixtures("four")
class TestListing:
    async def test_archived_clients_are_left_out_unless_asked_for(self, viewer: Staff) -> None:
        assert (await clients.list_clients(viewer)).total == 3
        archived = await clients.list_clients(viewer, statuses=["archived"])
        assert [c.id.int for c in archived.items] == [4]

    async def test_the_newest_message_comes_first_and_silence_last(self, viewer: Staff) -> None:
        page = await clients.list_clients(viewer)
        assert [c.id.int for c in page.items] == [2, 1, 3]
        page = await clients.list_clients(viewer, descending=False)
        assert [c.id.int for c in page.items] == [3, 1, 2]

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [("name", [1, 3, 2]), ("created", [1, 2, 3]), ("profile", [2, 1, 3])],
    )
    async def test_sorting(self, viewer: Staff, sort: str, expected: list[int]) -> None:
        page = await clients.list_clients(viewer, sort=sort, descending=False)
        assert [c.id.int for c in page.items] == expected

    async def test_filters_combine(self, viewer: Staff) -> None:
        page = await clients.list_clients(
            viewer, profile_types=["ASYLUM", "STUDENT"], statuses=["inactive"]
        )
        assert [c.id.int for c in page.items] == [3]

    async def test_hostile_values_are_clamped_or_ignored(self, viewer: Staff) -> None:
        page = await clients.list_clients(
            viewer,
            profile_types=["'; drop table clients", "ASYLUM\0"],
            statuses=["everything"],
            sort="__class__",
            page=-5,
            limit=10**9,
        )
        assert (page.page, page.limit, page.total) == (1, clients.MAX_PAGE_SIZE, 3)
        beyond = await clients.list_clients(viewer, page=10**12)
        assert (beyond.items, beyond.total) == ([], 3)

    async def test_pages(self, viewer: Staff) -> None:
        pages = [await clients.list_clients(viewer, page=n, limit=2) for n in (1, 2)]
        assert [[c.id.int for c in p.items] for p in pages] == [[2, 1], [3]]
        assert [p.total for p in pages] == [3, 3]


async def test_totals_are_exact_up_to_ten_thousand(viewer: Staff, database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("insert into clients (name) select 'P' from generate_series(1, 10000)")
    page = await clients.list_clients(viewer, limit=10)
    assert (page.total, page.total_is_exact) == (10_000, True)
    with database.connect() as connection:
        connection.execute("insert into clients (name) values ('one more')")
    page = await clients.list_clients(viewer, limit=10)
    assert (page.total, page.total_is_exact) == (10_000, False)


async def test_a_search_that_finds_thousands_pages_to_the_last(
    viewer: Staff, database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into clients (name) select 'García ' || lpad(n::text, 5, '0')"
            " from generate_series(1, 3500) n"
        )
    page = await clients.list_clients(
        viewer, search="garcia", sort="name", descending=False, page=35, limit=100
    )
    assert (page.total, page.total_is_exact, len(page.items)) == (3500, True, 100)
    assert page.items[-1].name == "García 03500"
    beyond = await clients.list_clients(viewer, search="garcia", page=36, limit=100)
    assert (beyond.items, beyond.total) == ([], 3500)


async def test_a_search_that_finds_more_than_are_counted_is_in_order_all_the_same(
    viewer: Staff, database: Postgres
) -> None:
    """They come in at random, so that what is gathered first is not what comes first."""
    with database.connect() as connection:
        connection.execute(
            "insert into clients (name) select 'García ' || lpad(n::text, 5, '0')"
            " from generate_series(1, 10050) n order by random()"
        )
    for number in (1, 2, 201):
        page = await clients.list_clients(
            viewer, search="garcia", sort="name", descending=False, page=number
        )
        first = 50 * number - 49
        assert [c.name for c in page.items] == [f"García {n:05}" for n in range(first, first + 50)]
        assert (page.total, page.total_is_exact) == (10_000, False)
    with database.connect() as connection:
        told = connection.execute(
            "select details ->> 'found', details -> 'shown' from audit_log"
            " where action = 'search' order by id"
        ).fetchall()
    assert [found for found, _ in told] == ["10001"] * 3
    assert told[-1][1] == [str(client.id) for client in page.items]


async def test_an_unknown_client_is_none(viewer: Staff) -> None:
    assert await clients.get_client(viewer, UUID(int=99)) is None


async def test_email_is_unique_whatever_its_case_and_may_be_missing(database: Postgres) -> None:
    import psycopg

    with database.connect() as connection:
        connection.execute("insert into clients (name) values ('a'), ('b')")
        connection.execute("insert into clients (email) values ('A@example.org')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into clients (email) values ('a@EXAMPLE.org')")


async def test_undoing_a_decision_gives_the_proposal_back(
    caseworker: Staff, database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into clients (id, profile_type, profile_source, profile_confidence)"
            " values (%s, 'ASYLUM', 'classifier', 0.8)",
            (UUID(int=5),),
        )
    before = await clients.get_client(caseworker, UUID(int=5))
    assert before is not None
    assert await clients.decide_profile(caseworker, UUID(int=5), "STUDENT")
    assert await clients.restore_profile(caseworker, UUID(int=5), before.summary, decided="STUDENT")
    after = await clients.get_client(caseworker, UUID(int=5))
    assert after is not None
    assert (after.summary.profile_type, after.summary.profile_confidence) == ("ASYLUM", 0.8)


async def test_an_undo_does_not_undo_a_colleague(
    admin: Staff, caseworker: Staff, database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute("insert into clients (id) values (%s)", (UUID(int=5),))
    before = await clients.get_client(caseworker, UUID(int=5))
    assert before is not None
    await clients.decide_profile(caseworker, UUID(int=5), "ASYLUM")
    await clients.decide_profile(admin, UUID(int=5), "ARRAIGO")
    assert not await clients.restore_profile(
        caseworker, UUID(int=5), before.summary, decided="ASYLUM"
    )
    after = await clients.get_client(caseworker, UUID(int=5))
    assert after is not None
    assert after.summary.profile_type == "ARRAIGO"


async def test_a_profile_type_that_is_none_is_refused(caseworker: Staff) -> None:
    with pytest.raises(ValueError, match="profile type"):
        await clients.decide_profile(caseworker, UUID(int=5), "TOURIST")
