"""What WhatsApp takes of each kind of message, and the request that each becomes."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.conversations import MessageError
from services.errors import Invalid
from services.events import Json
from services.graph_errors import Action, heals_by_itself, remedy, verdict
from services.outgoing import (
    Button,
    Buttons,
    Choices,
    Content,
    File,
    Place,
    Reaction,
    Row,
    Section,
    TemplateMessage,
    Text,
)
from services.sending_drafts import Shown, draft_of, whole
from services.simulator.graph_requests import read
from ui.components.markup import NOTHING
from ui.components.message_pieces import verbatim
from ui.components.message_words import error_meaning

HOUR = timedelta(hours=1)
TO = {"to": "+34600111222"}
OURS = "6f1c0c4e-0000-4000-8000-000000000001"
LIST = Choices(
    "¿Qué necesita?",
    "Elegir",
    (Section("", (Row("cita", "Cita"), Row("duda", "Duda", "Otra cosa"))),),
    header="Acogida",
    footer="Responda cuando pueda",
)


def request_of(content: Content, media_id: str | None = None, **about: Any) -> Json:
    """The whole request, which the simulated WhatsApp takes as well."""
    content.check()
    request = whole(draft_of(content, **about).request, TO, OURS, media_id)
    read(request)
    return request


def rest(request: Json) -> Json:
    """All but what every request has."""
    common = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+34600111222",
        "biz_opaque_callback_data": OURS,
    }
    assert common.items() <= request.items()
    return {key: value for key, value in request.items() if key not in common}


class TestRequests:
    def test_text(self) -> None:
        assert rest(request_of(Text("Buenos días"))) == {
            "type": "text",
            "text": {"body": "Buenos días", "preview_url": True},
        }

    def test_an_answer_names_what_it_answers(self) -> None:
        assert rest(request_of(Text("Sí", preview_url=False), quoted_id="wamid.1")) == {
            "type": "text",
            "text": {"body": "Sí", "preview_url": False},
            "context": {"message_id": "wamid.1"},
        }

    @pytest.mark.parametrize(
        ("file", "media_type", "part"),
        [
            (File("image", "a.jpg", b"x", "Mire"), "image/jpeg", {"id": "9", "caption": "Mire"}),
            (
                File("document", "Cita.pdf", b"x", "Su cita"),
                "application/pdf",
                {"id": "9", "caption": "Su cita", "filename": "Cita.pdf"},
            ),
            (File("audio", "a.ogg", b"x", voice=True), "audio/ogg", {"id": "9", "voice": True}),
            (File("audio", "a.mp3", b"x"), "audio/mpeg", {"id": "9"}),
            (File("video", "a.mp4", b"x"), "video/mp4", {"id": "9"}),
        ],
        ids=["image", "document", "voice note", "audio", "video"],
    )
    def test_a_file(self, file: File, media_type: str, part: Json) -> None:
        request = rest(request_of(file, "9", media_type=media_type))
        assert request == {"type": file.kind, file.kind: part}

    def test_a_place(self) -> None:
        assert rest(request_of(Place(40.4, -3.7, "Oficina", "Calle Mayor 1"))) == {
            "type": "location",
            "location": {
                "latitude": 40.4,
                "longitude": -3.7,
                "name": "Oficina",
                "address": "Calle Mayor 1",
            },
        }

    def test_a_reaction_and_its_end(self) -> None:
        request = request_of(Reaction(uuid4(), "👍"), target_id="wamid.1", quoted_id="wamid.2")
        assert rest(request) == {
            "type": "reaction",
            "reaction": {"message_id": "wamid.1", "emoji": "👍"},
        }
        gone = request_of(Reaction(uuid4(), ""), target_id="wamid.1")
        assert gone["reaction"] == {"message_id": "wamid.1", "emoji": ""}

    def test_buttons(self) -> None:
        content = Buttons(
            "¿Puede venir?",
            (Button("si", "Sí"), Button("no", "No")),
            header="Cita",
            footer="Hoy",
        )
        assert rest(request_of(content)) == {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "header": {"type": "text", "text": "Cita"},
                "body": {"text": "¿Puede venir?"},
                "footer": {"text": "Hoy"},
                "action": {
                    "buttons": [
                        {"type": "reply", "reply": {"id": "si", "title": "Sí"}},
                        {"type": "reply", "reply": {"id": "no", "title": "No"}},
                    ]
                },
            },
        }

    def test_a_list(self) -> None:
        assert rest(request_of(LIST)) == {
            "type": "interactive",
            "interactive": {
                "type": "list",
                "header": {"type": "text", "text": "Acogida"},
                "body": {"text": "¿Qué necesita?"},
                "footer": {"text": "Responda cuando pueda"},
                "action": {
                    "button": "Elegir",
                    "sections": [
                        {
                            "rows": [
                                {"id": "cita", "title": "Cita"},
                                {"id": "duda", "title": "Duda", "description": "Otra cosa"},
                            ]
                        }
                    ],
                },
            },
        }

    def test_a_template_by_position(self) -> None:
        values = {"2": "las diez", "1": "Nadia", "header:1": "Cita", "button:1": "abc"}
        content = TemplateMessage("cita_confirmada", "es", values)
        shown = Shown("Hola Nadia", ("quick_reply", "url"))
        request = request_of(content, shown=shown)
        assert rest(request)["template"] == {
            "name": "cita_confirmada",
            "language": {"code": "es"},
            "components": [
                {"type": "header", "parameters": [{"type": "text", "text": "Cita"}]},
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "text": "Nadia"},
                        {"type": "text", "text": "las diez"},
                    ],
                },
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "1",
                    "parameters": [{"type": "text", "text": "abc"}],
                },
            ],
        }

    def test_a_template_by_name_with_a_file_above(self) -> None:
        header = File("document", "Cita.pdf", b"x")
        content = TemplateMessage("cita", "en_US", {"nombre": "Nadia"}, header)
        request = request_of(content, "9", media_type="application/pdf")
        assert rest(request)["template"]["components"] == [
            {
                "type": "header",
                "parameters": [
                    {"type": "document", "document": {"id": "9", "filename": "Cita.pdf"}}
                ],
            },
            {
                "type": "body",
                "parameters": [{"type": "text", "parameter_name": "nombre", "text": "Nadia"}],
            },
        ]

    def test_a_template_without_places(self) -> None:
        assert rest(request_of(TemplateMessage("hola", "es", {})))["template"] == {
            "name": "hola",
            "language": {"code": "es"},
        }

    def test_a_quick_reply_has_a_payload(self) -> None:
        content = TemplateMessage("hola", "es", {"button:0": "sí"})
        draft = draft_of(content, shown=Shown("Hola", ("quick_reply",)))
        [component] = draft.request["template"]["components"]
        assert component["parameters"] == [{"type": "payload", "payload": "sí"}]

    def test_the_timeline_has_the_same_object(self) -> None:
        draft = draft_of(Text("Hola"), quoted_id="wamid.1")
        assert draft.payload == {
            "text": {"body": "Hola", "preview_url": True},
            "context": {"message_id": "wamid.1"},
        }
        assert draft.text == "Hola"


BUTTON = Button("a", "A")


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (Text(" \n"), {"body": "required"}),
        (Text("x" * 4097), {"body": "too_long"}),
        (Text("a\0"), {"body": "not_text"}),
        (Text("\ud800"), {"body": "not_text"}),
        (File("image", "a.png", b""), {"file": "empty"}),
        (File("image", "a.png", b"x", "x" * 1025), {"caption": "too_long"}),
        (File("audio", "a.ogg", b"x", "No"), {"caption": "not_with_audio"}),
        (File("image", "a.png", b"x", voice=True), {"voice": "not_audio"}),
        (Place(91, 0), {"latitude": "not_a_place"}),
        (Place(0, float("nan")), {"longitude": "not_a_place"}),
        (Place(0, 0, None, "Calle"), {"address": "without_name"}),
        (Reaction(uuid4(), "ok"), {"emoji": "not_an_emoji"}),
        (Buttons("x", ()), {"buttons": "required"}),
        (Buttons("x", (BUTTON,) * 2), {"buttons": "not_distinct"}),
        (Buttons("x", tuple(Button(str(n), str(n)) for n in range(4))), {"buttons": "too_many"}),
        (Buttons("x", (Button("a", "x" * 21),)), {"buttons.0": "too_long"}),
        (
            Buttons("x" * 1025, (BUTTON,), "h" * 61, "f" * 61),
            {
                "body": "too_long",
                "header": "too_long",
                "footer": "too_long",
            },
        ),
        (Choices("x", "y", ()), {"rows": "required"}),
        (Choices("x", "y" * 21, (Section("", (Row("a", "A"),)),)), {"button": "too_long"}),
        (
            Choices("x", "y", (Section("", (Row("a", "A"),)), Section("b", (Row("b", "B"),)))),
            {"sections.0": "required"},
        ),
        (
            Choices("x", "y", (Section("", tuple(Row(str(n), "A") for n in range(11))),)),
            {"rows": "too_many"},
        ),
        (
            Choices("x", "y", (Section("", (Row("a", "A", "d" * 73),)),)),
            {"rows.0": "too_long"},
        ),
        (TemplateMessage("Hola!", "es", {}), {"name": "not_a_name"}),
        (TemplateMessage("hola", "español", {}), {"language": "not_a_language"}),
        (TemplateMessage("hola", "es", {"1": "a\nb"}), {"values.1": "not_one_line"}),
        (TemplateMessage("hola", "es", {"1": ""}), {"values.1": "required"}),
        (TemplateMessage("hola", "es", {"x y": "a"}), {"values.x y": "unknown_field"}),
    ],
)
def test_what_whatsapp_would_refuse_is_refused(content: Content, problems: Json) -> None:
    with pytest.raises(Invalid) as refused:
        content.check()
    assert refused.value.fields == problems


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "action"),
        [
            *((code, Action.STOP) for code in (0, 3, 10, 190, 200, 299, 368, 131005, 131031)),
            *((code, Action.RETRY) for code in (1, 2, 131000, 131016, 133004, 131053)),
            *((code, Action.PAUSE) for code in (4, 80007, 130429)),
            (131056, Action.PAIR),
            *((code, Action.FAIL) for code in (33, 100, 131026, 131047, 131049, 132001, 12345)),
        ],
    )
    def test_by_their_number(self, code: int, action: Action) -> None:
        assert verdict(code).action is action

    def test_unheard_of_they_are_final_unless_whatsapp_says_otherwise(self) -> None:
        assert verdict(12345, is_transient=True).action is Action.RETRY
        assert verdict(12345, http_status=500).action is Action.RETRY

    def test_only_a_token_heals_by_itself(self) -> None:
        assert heals_by_itself(190)
        assert not heals_by_itself(131031)
        assert not heals_by_itself(200)


class TestRemedies:
    """What helps a message that failed."""

    @pytest.mark.parametrize("code", [None, 131026, 131047, 131053])
    def test_the_same_again_while_they_can_be_answered_freely(self, code: int | None) -> None:
        assert remedy(code, HOUR, is_template=False, window_open=True) == "again"

    @pytest.mark.parametrize("code", [None, 131026, 131047, 131053])
    def test_a_template_once_the_24_hours_are_over(self, code: int | None) -> None:
        assert remedy(code, HOUR, is_template=False, window_open=False) == "template"

    def test_a_template_can_go_again_at_any_time(self) -> None:
        assert remedy(131026, HOUR, is_template=True, window_open=False) == "again"

    @pytest.mark.parametrize("code", [131050, 131051, 132001])
    @pytest.mark.parametrize("window_open", [True, False])
    def test_nothing_helps_what_would_be_refused_again(self, code: int, window_open: bool) -> None:
        assert remedy(code, HOUR, is_template=False, window_open=window_open) is None

    @pytest.mark.parametrize("code", [131049, 130472])
    def test_what_whatsapp_spares_the_person_can_go_the_next_day(self, code: int) -> None:
        assert remedy(code, 23 * HOUR, is_template=True, window_open=True) is None
        assert remedy(code, 25 * HOUR, is_template=True, window_open=True) == "again"


def test_what_went_wrong_with_us_is_not_put_into_whatsapps_mouth() -> None:
    for title in ("no_address", "file_gone"):
        error = MessageError(None, title, None)
        assert "WhatsApp gives no reason" not in error_meaning(error)
        assert verbatim(error) == NOTHING
    assert verbatim(MessageError(131026, "Undeliverable", None)) != NOTHING
