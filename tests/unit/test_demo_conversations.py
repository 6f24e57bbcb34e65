"""The demo's people: invented, believable, recent, and the same each time."""

import asyncio
import json
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import httpx
import phonenumbers
import pytest

from services.signature import is_valid
from services.simulator import script
from services.simulator.bodies import DEMO_NUMBER
from services.simulator.demo import SeedingError, demo_bodies, seed, working_day
from services.simulator.script import Script, scripts

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
#: Around midnight, on a weekend, in the night when the clocks change, on a Monday morning.
MOMENTS = [
    NOW,
    datetime(2026, 11, 22, 23, 5, tzinfo=UTC),
    datetime(2026, 11, 21, 3, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 26, 0, 30, tzinfo=UTC),
    datetime(2027, 3, 28, 1, 10, tzinfo=UTC),
    datetime(2027, 3, 29, 6, 0, tzinfo=UTC),
    datetime(2027, 1, 4, 22, 59, tzinfo=UTC),
]

Json = dict[str, Any]


@cache
def values(now: datetime = NOW) -> list[Json]:
    return [
        change["value"]
        for body in demo_bodies(now, DEMO_NUMBER)
        for entry in json.loads(body)["entry"]
        for change in entry["changes"]
    ]


def entries(kind: str, now: datetime = NOW) -> list[Json]:
    """All `messages`, `message_echoes` or `statuses` of the demo, as they are delivered."""
    return [entry for value in values(now) for entry in value.get(kind, [])]


def conversation(one: Script, now: datetime = NOW) -> list[Json]:
    """What was said with one person, both sides, as delivered."""
    numbers = {one.sender.wa_id, *(line.wa_id for line in one.lines)} - {None}
    ids = {one.sender.bsuid, *(line.bsuid for line in one.lines)} - {None}
    said = entries("messages", now) + entries("message_echoes", now)
    return [
        message
        for message in said
        if {message.get("from_user_id"), message.get("to_user_id")} & ids
        or message.get("from") in numbers
    ]


# Who


def test_there_are_at_least_fourteen_people_from_at_least_ten_countries() -> None:
    assert len(scripts()) >= 14
    assert len({(one.sender.bsuid or "")[:2] for one in scripts()}) >= 10


def test_they_write_at_least_five_languages() -> None:
    languages = {language for one in scripts() for language in one.languages}
    assert languages >= {"es", "en", "fr", "ar", "pt"}


def test_phone_numbers_are_valid_and_belong_to_one_person_each() -> None:
    numbers = [
        number
        for one in scripts()
        for number in [
            one.sender.wa_id,
            *(line.wa_id for line in one.lines),
            *(line.phone for line in one.lines),
        ]
        if number
    ]
    assert len(numbers) == len(set(numbers))
    for number in numbers:
        assert phonenumbers.is_valid_number(phonenumbers.parse("+" + number.lstrip("+"))), number


def test_every_person_has_a_business_scoped_id_of_their_own() -> None:
    ids = [one.sender.bsuid for one in scripts()]
    assert None not in ids
    assert len(ids) == len(set(ids))


def test_two_people_are_known_by_username_alone() -> None:
    hidden = [
        one
        for one in scripts()
        if one.sender.wa_id is None and not any(line.phone for line in one.lines)
    ]
    assert len(hidden) >= 2
    for one in hidden:
        assert one.sender.username
        assert all("from" not in m for m in conversation(one) if "from_user_id" in m)


def test_a_hidden_number_is_shared_on_request() -> None:
    shared = [
        message
        for message in entries("messages")
        if message["type"] == "contacts" and message["contacts"][0]["origin"] == "contact_request"
    ]
    assert len(shared) == 1
    assert "from" not in shared[0]


def test_one_name_is_very_long_and_one_is_in_arabic_script() -> None:
    names = [one.sender.profile_name for one in scripts()]
    assert any(len(name) > 60 for name in names)
    assert any(unicodedata.name(name[0]).startswith("ARABIC") for name in names)


# What


def test_conversations_have_four_messages_or_more_and_one_fills_three_pages() -> None:
    lengths = [len(one.lines) for one in scripts()]
    assert min(lengths) >= 4
    assert sum(length > 120 for length in lengths) == 1
    assert sum(length <= 40 for length in lengths) == len(lengths) - 1


def test_every_kind_of_message_is_there() -> None:
    assert {line.kind for one in scripts() for line in one.lines} == set(script.KINDS)


def test_the_demo_shows_quotes_forwards_and_a_reaction_taken_back() -> None:
    contexts = [message["context"] for message in entries("messages") if "context" in message]
    assert any("id" in context for context in contexts)
    assert {"forwarded": True} in contexts
    reactions = [m["reaction"] for m in entries("messages") if m["type"] == "reaction"]
    assert any("emoji" not in reaction for reaction in reactions)


def test_what_is_quoted_reacted_to_edited_or_deleted_is_in_the_same_conversation() -> None:
    for one in scripts():
        said = {message["id"] for message in conversation(one)}
        targets = {
            message.get("context", {}).get("id")
            or message.get("reaction", {}).get("message_id")
            or message.get("edit", {}).get("original_message_id")
            or message.get("revoke", {}).get("original_message_id")
            for message in conversation(one)
        } - {None}
        assert targets <= said, one.key


def test_one_answer_failed_because_the_24_hours_were_over() -> None:
    [failed] = [s for s in entries("statuses") if s.get("errors", [{}])[0].get("code") == 131047]
    [answer] = [echo for echo in entries("message_echoes") if echo["id"] == failed["id"]]
    before = [
        int(message["timestamp"])
        for message in entries("messages")
        if message.get("from_user_id") == answer["to_user_id"]
        and int(message["timestamp"]) < int(answer["timestamp"])
    ]
    assert int(answer["timestamp"]) - max(before) > timedelta(hours=24).total_seconds()


def test_answers_fail_for_different_reasons_each_in_metas_words() -> None:
    failed = [status for status in entries("statuses") if status["status"] == "failed"]
    said = {s["errors"][0]["code"]: s["errors"][0]["error_data"]["details"] for s in failed}
    assert said.keys() == {131026, 131047}
    assert "24 hours" in said[131047]
    assert "24 hours" not in said[131026]


def test_every_status_belongs_to_an_answer_and_says_how_far_it_came() -> None:
    answers = {echo["id"] for echo in entries("message_echoes")}
    statuses = entries("statuses")
    assert {status["id"] for status in statuses} <= answers
    words = {status["status"] for status in statuses}
    assert words == {"delivered", "read", "failed"}


def test_some_answers_are_delivered_but_not_read() -> None:
    statuses = entries("statuses")
    read = {s["id"] for s in statuses if s["status"] == "read"}
    assert {s["id"] for s in statuses if s["status"] == "delivered"} - read


def test_dates_in_the_words_are_filled_in_on_working_days() -> None:
    texts = [m["text"]["body"] for m in entries("message_echoes") if m["type"] == "text"]
    assert not [text for text in texts if "{" in text]
    # Two working days before Monday 23 November.
    assert any("19/11" in text for text in texts)


# When


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_everything_lies_in_the_past_and_in_the_last_ten_weeks(now: datetime) -> None:
    for kind in ("messages", "message_echoes", "statuses"):
        for entry in entries(kind, now):
            moment = datetime.fromtimestamp(int(entry["timestamp"]), tz=UTC)
            assert now - timedelta(weeks=10) < moment <= now


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_deliveries_come_in_the_order_of_their_times(now: datetime) -> None:
    times = [
        int(entry["timestamp"])
        for value in values(now)
        for kind in ("messages", "message_echoes", "statuses")
        for entry in value.get(kind, [])
    ]
    assert times == sorted(times)


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_a_conversation_is_told_in_the_order_it_is_written(now: datetime) -> None:
    for one in scripts():
        told = sorted(conversation(one, now), key=lambda message: int(message["timestamp"]))
        assert [("to_user_id" in message) for message in told] == [
            line.author == "we" for line in one.lines
        ]
        assert len({message["timestamp"] for message in told}) == len(one.lines)


def test_days_before_today_are_lived_by_day_and_answered_in_office_hours() -> None:
    for one in scripts():
        for line in one.lines:
            if line.at is not None:
                assert time(8, 0) <= line.at <= time(21, 30), (one.key, line.words)
                if line.author == "we":
                    assert time(9, 0) <= line.at <= time(18, 45), (one.key, line.words)


def test_what_happened_today_never_meets_yesterday_even_at_midnight() -> None:
    for one in scripts():
        if any(line.ago == 0 for line in one.lines):
            assert all(2 <= line.minutes <= 300 for line in one.lines if line.minutes is not None)
            assert all(line.at < time(18, 30) for line in one.lines if line.ago == 1 and line.at)


def test_somebody_waits_for_minutes_somebody_for_hours_somebody_for_days() -> None:
    waiting = [one.lines[-1] for one in scripts() if one.lines[-1].author == "they"]
    assert any(line.minutes is not None and line.minutes < 15 for line in waiting)
    assert any(line.minutes is not None and line.minutes > 60 for line in waiting)
    assert any(line.ago in (1, 2) for line in waiting)


@pytest.mark.parametrize(
    ("today", "offset", "day"),
    [
        (date(2026, 11, 23), 0, date(2026, 11, 23)),
        (date(2026, 11, 23), -1, date(2026, 11, 20)),
        (date(2026, 11, 23), 5, date(2026, 11, 30)),
        (date(2026, 11, 22), -1, date(2026, 11, 20)),
        (date(2026, 11, 21), 1, date(2026, 11, 23)),
    ],
)
def test_days_are_counted_from_monday_to_friday(today: date, offset: int, day: date) -> None:
    assert working_day(today, offset) == day


# The same each time


def test_the_demo_told_twice_is_the_same_to_the_byte() -> None:
    assert list(demo_bodies(NOW, DEMO_NUMBER)) == list(demo_bodies(NOW, DEMO_NUMBER))


def test_no_two_messages_share_an_id() -> None:
    ids = [message["id"] for kind in ("messages", "message_echoes") for message in entries(kind)]
    assert len(ids) == len(set(ids)) == sum(len(one.lines) for one in scripts())


def test_messages_keep_their_ids_on_another_day() -> None:
    tomorrow = NOW + timedelta(days=1)
    for kind in ("messages", "message_echoes"):
        assert {m["id"] for m in entries(kind)} == {m["id"] for m in entries(kind, tomorrow)}


# Seeding


def seeded(answer: httpx.MockTransport) -> int:
    async def run() -> int:
        async with httpx.AsyncClient(transport=answer) as client:
            return await seed(client, "http://acogida.test/webhook", "secret", DEMO_NUMBER, NOW)

    return asyncio.run(run())


def test_seeding_posts_every_body_signed_and_in_order() -> None:
    received: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert is_valid(["secret"], request.content, request.headers["x-hub-signature-256"])
        received.append(request.content)
        return httpx.Response(200)

    told = list(demo_bodies(NOW, DEMO_NUMBER))
    assert seeded(httpx.MockTransport(answer)) == len(told)
    assert received == told


def test_seeding_stops_at_a_delivery_that_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    received = 0

    async def at_once(seconds: float) -> None:
        pass

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal received
        received += 1
        return httpx.Response(401)

    monkeypatch.setattr("services.simulator.sender.asyncio.sleep", at_once)
    with pytest.raises(SeedingError, match="401"):
        seeded(httpx.MockTransport(answer))
    assert received == 7


# How they are written down

GOOD = """
name = "Amina"
wa_id = "34600000199"
bsuid = "MA.1"
languages = ["es"]
[[days]]
ago = 2
messages = [{ at = "10:00", name = "cita", we = "hola" }, { at = "10:01", they = "hola" }]
"""


def test_a_conversation_is_read_as_written() -> None:
    one = script.parse("amina", GOOD)
    assert one.sender.profile_name == "Amina"
    assert [(line.author, line.words, line.at) for line in one.lines] == [
        ("we", "hola", time(10, 0)),
        ("they", "hola", time(10, 1)),
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('they = "hola"', 'words = "hola"', "needs one of they and we"),
        ('they = "hola"', 'they = "hola", we = "hola"', "needs one of they and we"),
        ('they = "hola"', 'they = "hola", colour = "red"', "colour"),
        ('they = "hola"', 'they = "hola", kind = "pigeon"', "pigeon"),
        ('they = "hola"', 'they = "hola", state = "lost"', "lost"),
        ('they = "hola"', 'they = "hola", quotes = "nothing"', "nothing"),
        ('at = "10:01"', 'at = "09:59"', "before the line above"),
        ('at = "10:01"', "minutes = 3", "needs `minutes` today and `at` before"),
        ("ago = 2", "ago = 0", "needs `minutes` today and `at` before"),
        ('bsuid = "MA.1"', "", "bsuid"),
        ("[[days]]", 'colour = "red"\n[[days]]', "colour"),
        ("[[days]]", "[[", "amina"),
    ],
)
def test_a_slip_of_the_pen_is_refused_by_name(old: str, new: str, reason: str) -> None:
    with pytest.raises(ValueError, match="demo conversation amina") as refusal:
        script.parse("amina", GOOD.replace(old, new))
    assert reason in str(refusal.value)
