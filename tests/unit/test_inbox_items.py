"""How a conversation of the inbox is put into words, and until when one can snooze it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.inbox import InboxItem, View, order_of
from services.labels import Label
from ui.components.inbox_items import item, short_wait
from ui.components.snooze_times import snooze_times
from ui.i18n import speaking
from ui.inbox_query import InboxQuery

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")

AMINA = InboxItem(
    id=UUID(int=1),
    name="Amina",
    phone="+34600111222",
    username=None,
    profile_type="OTHER",
    status="active",
    unread_count=2,
    last_message_at=NOW - timedelta(hours=1),
    last_message_direction="inbound",
    last_message_type="image",
    last_message_preview=None,
    last_inbound_at=NOW - timedelta(hours=1),
    window_closed_at=None,
    waiting_since=NOW - timedelta(hours=3),
    due_since=NOW - timedelta(hours=3),
    snoozed_until=None,
    assigned_to=None,
    assignee=None,
)


def said(one: InboxItem, view: View = "waiting") -> str:
    with speaking("en"):
        return item(one, view, now=NOW).source


def test_says_who_what_and_how_long() -> None:
    words = said(AMINA)
    assert "Amina" in words
    assert "Photo" in words
    assert "2 unread messages" in words
    assert "Waits 3 h" in words
    assert "Closes" not in words
    assert "Window closed" not in words


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(21.5, "Closes in 2 h"), (23.5, "Closes in 30 min"), (25, "Window closed"), (10, None)],
)
def test_warns_of_the_window_where_somebody_waits(hours: float, expected: str | None) -> None:
    one = replace(AMINA, last_inbound_at=NOW - timedelta(hours=hours))
    words = said(one)
    assert (expected or "Waits") in words
    answered = replace(one, waiting_since=None, due_since=None)
    assert "Closes" not in said(answered)
    assert "Window closed" not in said(answered)


def test_whatsapp_has_the_last_word_on_the_window() -> None:
    assert "Window closed" in said(replace(AMINA, window_closed_at=NOW))
    again = replace(AMINA, window_closed_at=NOW - timedelta(hours=2))
    assert "Window closed" not in said(again)


def test_marks_what_is_to_know() -> None:
    one = replace(
        AMINA,
        snoozed_until=NOW + timedelta(days=1),
        has_draft=True,
        is_news=True,
        assigned_to=UUID(int=9),
        assignee="Omar Benali",
        labels=tuple(Label(UUID(int=n), f"label {n}", "blue") for n in range(4)),
    )
    words = said(one)
    for mark in ("Draft", "New for you", "Snoozed until", "Carried by Omar Benali", "+2"):
        assert mark in words
    assert "Carried by" not in said(one, "mine")
    assert "label 3" in words


def test_calls_somebody_without_a_name() -> None:
    assert "+34 600 11 12 22" in said(replace(AMINA, name=None))
    assert "@mariposa" in said(replace(AMINA, name=None, phone=None, username="mariposa"))
    assert "Without a name" in said(replace(AMINA, name=" ", phone=None))


def test_places_compare_as_the_order_does() -> None:
    earlier = replace(AMINA, due_since=NOW - timedelta(days=400))
    never = replace(AMINA, due_since=None, last_message_at=None)
    assert order_of(earlier, "waiting") < order_of(AMINA, "waiting") < order_of(never, "waiting")
    newer = replace(AMINA, last_message_at=NOW)
    assert order_of(newer, "all") < order_of(AMINA, "all") < order_of(never, "all")


@pytest.mark.parametrize(
    ("waited", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=3, hours=5), "3 d"),
    ],
)
def test_a_wait_in_little_room(waited: timedelta, words: str) -> None:
    assert short_wait(NOW - waited, NOW) == words


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # A Monday at noon in Madrid.
        (
            datetime(2026, 11, 23, 11, 20, tzinfo=UTC),
            {
                "Later today": "2026-11-23 15:00",
                "Tomorrow": "2026-11-24 09:00",
                "Next Monday": "2026-11-30 09:00",
            },
        ),
        # A Sunday evening: tomorrow is Monday.
        (datetime(2026, 11, 29, 18, 0, tzinfo=UTC), {"Tomorrow": "2026-11-30 09:00"}),
        # After midnight in Madrid it is another day than in UTC.
        (
            datetime(2026, 11, 23, 23, 30, tzinfo=UTC),
            {
                "Later today": "2026-11-24 03:00",
                "Tomorrow": "2026-11-25 09:00",
                "Next Monday": "2026-11-30 09:00",
            },
        ),
    ],
)
def test_what_can_be_put_off_until_when(now: datetime, expected: dict[str, str]) -> None:
    offered = {name: f"{at:%Y-%m-%d %H:%M}" for name, at in snooze_times(now, MADRID)}
    assert offered == expected


def test_the_address_holds_the_question() -> None:
    from starlette.datastructures import QueryParams

    address = InboxQuery(
        "mine", "amina", ("ASYLUM",), (UUID(int=1),), UUID(int=2), UUID(int=3)
    ).address
    assert InboxQuery.read(QueryParams(address.partition("?")[2])).address == address
    assert InboxQuery.read(QueryParams("view=x&profile=x&label=x&client=x")) == InboxQuery()
    assert InboxQuery().address == "/"
