"""What the list of clients shows is in its address, and nothing else gets in through it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from services.clients import CLIENT_STATUSES, PROFILE_TYPES
from ui.client_query import MOST_SEARCH, ORDERS, ClientQuery

LABEL = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


def read(query: str) -> ClientQuery:
    return ClientQuery.read(QueryParams(query))


def test_an_empty_address_shows_the_latest_messages_first() -> None:
    assert read("") == ClientQuery()
    assert ClientQuery().address == "/clients"


def test_everything_that_was_chosen_is_in_the_address() -> None:
    query = (
        ClientQuery()
        .searching("Núñez & co")
        .toggling_profile("STUDENT")
        .toggling_profile("ASYLUM")
        .toggling_status("archived")
        .labelled(LABEL)
        .ordered("name", True)
        .turned_to(3)
    )
    assert query.address == (
        "/clients?search=N%C3%BA%C3%B1ez+%26+co&profile=ASYLUM&profile=STUDENT"
        "&status=archived&label=0f8fad5b-d9cb-469f-a165-70867728950e&sort=name&dir=desc&page=3"
    )


queries = st.builds(
    ClientQuery,
    search=st.text(st.characters(codec="utf-8"), max_size=MOST_SEARCH),
    profiles=st.sets(st.sampled_from(PROFILE_TYPES)).map(
        lambda chosen: tuple(v for v in PROFILE_TYPES if v in chosen)
    ),
    statuses=st.sets(st.sampled_from(CLIENT_STATUSES)).map(
        lambda chosen: tuple(v for v in CLIENT_STATUSES if v in chosen)
    ),
    label=st.none() | st.uuids(),
    page=st.integers(1, 999_999),
) | st.sampled_from(list(ORDERS)).map(lambda order: ClientQuery().ordered(*order))


@given(queries)
def test_an_address_leads_back_to_what_was_chosen(query: ClientQuery) -> None:
    assert read(query.address.partition("?")[2]) == query


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=1e9",
        "page=99999999999999999999",
        "page=²",
        "sort=__class__",
        "sort=name;drop table clients",
        "dir=sideways",
        "profile=ADMIN&profile='--",
        "status=deleted",
        "unknown=1",
    ],
)
def test_what_is_unknown_in_an_address_is_left_out(query: str) -> None:
    assert read(query) == ClientQuery()


def test_a_long_search_is_cut() -> None:
    assert len(read(f"search={'a' * 10_000}").search) == MOST_SEARCH


def test_another_question_starts_on_the_first_page() -> None:
    query = ClientQuery(page=7)
    assert query.searching("a").page == 1
    assert query.toggling_profile("OTHER").page == 1
    assert query.toggling_status("active").page == 1
    assert query.sorted_by("name").page == 1


def test_a_second_press_takes_a_filter_back() -> None:
    assert ClientQuery().toggling_profile("OTHER").toggling_profile("OTHER") == ClientQuery()


def test_words_sort_upwards_and_dates_downwards_at_first() -> None:
    by_name = ClientQuery().sorted_by("name")
    assert (by_name.sort, by_name.descending) == ("name", False)
    assert by_name.sorted_by("name").descending
    assert by_name.sorted_by("created").descending


def test_an_order_that_does_not_exist_changes_nothing() -> None:
    assert ClientQuery().ordered("__class__", True) == ClientQuery()


def test_clearing_the_filters_keeps_the_order() -> None:
    query = ClientQuery(search="a", profiles=("OTHER",), sort="name", descending=False, page=2)
    assert query.is_filtered
    assert query.without_filters() == ClientQuery(sort="name", descending=False)
