"""Every code that the webhook can give is said in plain words, in both languages."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.unprocessed import Overview, UnreadableDelivery
from ui.components import delivery_words
from ui.components.delivery_record import numbers
from ui.i18n import Language, speaking
from webhook import shapes
from webhook.walk import NEWS

WEBHOOK = Path(shapes.__file__).parent
LANGUAGES: tuple[Language, ...] = ("es", "en")


def named(file: str, pattern: str) -> set[str]:
    """The codes that a module of the webhook names."""
    found = set(re.findall(pattern, (WEBHOOK / file).read_text("utf-8")))
    assert found
    return found


PROBLEMS = set(shapes._SENTENCES) | {"too_deep", "too_many_items", "not_applied_23514"}
UNREADABLE = named("safe_json.py", r'NotReadable\(\s*"(\w+)"') | named(
    "payloads.py", r'unreadable="(\w+):'
)
REFUSALS = named("routes.py", r'_refuse\(writer, "(\w+)"') | {"no_signature", "bad_signature"}
REFUSALS |= named("routes.py", r'_limit\(writer, request, "(\w+)"')
NOTICES = NEWS | {"errors", "unknown_field", "unknown_content", "group_message", "call"}


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_every_problem_has_a_name_of_its_own_and_says_what_to_do(spoken: Language) -> None:
    with speaking(spoken):
        other = delivery_words.problem_name("a code of tomorrow")
        for code in sorted(PROBLEMS):
            assert delivery_words.problem_name(code) != other
            assert len(delivery_words.problem_meaning(code)) > 40


def test_what_no_person_can_have_written_is_told_to_whoever_maintains_the_program() -> None:
    with speaking("en"):
        for code in ("too_deep", "too_many_items"):
            assert "Tell whoever maintains" in delivery_words.problem_meaning(code)


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_every_reason_why_a_body_is_unreadable_has_a_name(spoken: Language) -> None:
    with speaking(spoken):
        other = delivery_words.unreadable_name("a code of tomorrow: Something.")
        for code in sorted(UNREADABLE):
            assert delivery_words.unreadable_name(f"{code}: The body is so.") != other
        assert delivery_words.unreadable_name(None) == other


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_every_refusal_has_a_name_and_a_meaning(spoken: Language) -> None:
    with speaking(spoken):
        for reason in sorted(REFUSALS):
            assert delivery_words.refusal_name(reason) != reason
            assert delivery_words.refusal_meaning(reason)


def test_news_that_matter_have_a_name() -> None:
    with speaking("en"):
        unnamed = {kind for kind in NOTICES if delivery_words.notice_name(kind) == kind}
    # Rare ones, which WhatsApp's own name explains as well as we could.
    assert unnamed <= {
        "automatic_events",
        "flows",
        "smb_app_state_sync",
        "standby",
        "user_id_update",
    }


def test_what_is_not_known_yet_goes_by_whatsapps_own_name() -> None:
    assert delivery_words.notice_name("brand_new") == "brand_new"
    assert delivery_words.field_name("brand_new") == "brand_new"
    assert delivery_words.refusal_name("brand_new") == "brand_new"
    assert delivery_words.refusal_meaning("brand_new") == ""


@pytest.mark.parametrize(
    ("spoken", "count", "said"),
    [
        ("es", 1, "entrega ilegible<"),
        ("es", 2, "entregas ilegibles<"),
        ("en", 1, "unreadable delivery<"),
        ("en", 2, "unreadable deliveries<"),
    ],
)
def test_numbers_agree_with_what_they_count(spoken: Language, count: int, said: str) -> None:
    delivery = UnreadableDelivery(
        id=1, received_at=datetime.now(UTC), reason="empty", size=0, head=""
    )
    found = Overview(
        waiting=0, quarantined=[], unreadable=[delivery] * count, noted=[], refusals=[]
    )
    with speaking(spoken):
        assert said in numbers(found, "2026-01-01", 50).source
