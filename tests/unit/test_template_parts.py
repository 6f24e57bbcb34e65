"""What a template is made of, read from whatever Meta lists."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.template_parts import Header, Variable, fill, parse, variables_in

CITA: list[dict[str, Any]] = [
    {
        "type": "HEADER",
        "format": "TEXT",
        "text": "Su cita del {{1}}",
        "example": {"header_text": ["lunes"]},
    },
    {
        "type": "BODY",
        "text": "Hola {{1}}, le esperamos el {{2}}. Traiga {{3}}.",
        "example": {"body_text": [["Amina", "5 de mayo", "el pasaporte"]]},
    },
    {"type": "FOOTER", "text": "Acogida"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "Confirmo"},
            {
                "type": "URL",
                "text": "Ver la cita",
                "url": "https://acogida.example/citas/{{1}}",
                "example": ["https://acogida.example/citas/abc"],
            },
            {"type": "PHONE_NUMBER", "text": "Llamar", "phone_number": "+34600000000"},
        ],
    },
]

#: JSON of any kind, and things that look like components of any kind.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=15,
)
TEXT = st.one_of(ANYTHING, st.text(max_size=40), st.just("Hola {{1}} y {{nombre}} {{ 2 }}"))
WORDS = ["HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "body", "IMAGE", "TEXT", "URL"]
BUTTON = st.fixed_dictionaries(
    {"type": st.sampled_from(["URL", "QUICK_REPLY", "COPY_CODE", "OTP", "FLOW"]) | ANYTHING},
    optional={"text": TEXT, "url": TEXT, "phone_number": TEXT, "example": ANYTHING},
)
COMPONENT = st.fixed_dictionaries(
    {"type": st.sampled_from(WORDS) | ANYTHING},
    optional={
        "format": st.sampled_from(["TEXT", "IMAGE", "LOCATION", "PRODUCT"]) | ANYTHING,
        "text": TEXT,
        "buttons": st.lists(BUTTON | ANYTHING, max_size=4) | ANYTHING,
        "example": ANYTHING
        | st.fixed_dictionaries(
            {"body_text": ANYTHING, "header_text": ANYTHING, "body_text_named_params": ANYTHING}
        ),
    },
)


def test_a_template_with_everything() -> None:
    parts = parse(CITA)
    assert parts.header == Header("text", "Su cita del {{1}}")
    assert parts.footer == "Acogida"
    assert [(b.index, b.kind, b.text) for b in parts.buttons] == [
        (0, "quick_reply", "Confirmo"),
        (1, "url", "Ver la cita"),
        (2, "phone_number", "Llamar"),
    ]
    assert parts.unsupported is None
    assert parts.variables == (
        Variable("header:1", "header", "1", "lunes"),
        Variable("1", "body", "1", "Amina"),
        Variable("2", "body", "2", "5 de mayo"),
        Variable("3", "body", "3", "el pasaporte"),
        Variable("button:1", "button", "1", "abc", "Ver la cita"),
    )


def test_variables_by_name() -> None:
    parts = parse(
        [
            {
                "type": "BODY",
                "text": "Hola {{nombre}}, su expediente {{ numero }} avanza, {{nombre}}.",
                "example": {
                    "body_text_named_params": [
                        {"param_name": "nombre", "example": "Amina"},
                        {"param_name": "numero", "example": "28/44"},
                    ]
                },
            }
        ]
    )
    assert [(v.key, v.example) for v in parts.variables] == [
        ("nombre", "Amina"),
        ("numero", "28/44"),
    ]
    values = {"nombre": "Fatou", "numero": "7"}
    assert fill(parts.body, values) == "Hola Fatou, su expediente 7 avanza, Fatou."


def test_a_header_that_is_a_file() -> None:
    parts = parse(
        [
            {"type": "HEADER", "format": "DOCUMENT", "example": {"header_handle": ["https://x"]}},
            {"type": "BODY", "text": "Su resolución"},
        ]
    )
    assert parts.header == Header("document")
    assert parts.header.is_media
    assert parts.variables == ()


def test_what_we_cannot_send_is_named() -> None:
    assert parse([{"type": "BODY", "text": "x"}, {"type": "CAROUSEL"}]).unsupported == "CAROUSEL"
    assert parse([{"type": "HEADER", "format": "LOCATION"}]).unsupported == "header LOCATION"
    button = {"type": "BUTTONS", "buttons": [{"type": "OTP", "text": "Copiar"}]}
    assert parse([button]).unsupported == "button OTP"


def test_a_value_that_looks_like_a_variable_is_no_variable() -> None:
    assert fill("{{1}} y {{2}}", {"1": "{{2}}", "2": "b"}) == "{{2}} y b"


@given(st.lists(COMPONENT | ANYTHING, max_size=6) | ANYTHING)
def test_nothing_breaks_the_reading(components: object) -> None:
    parts = parse(json.loads(json.dumps(components)))
    keys = [variable.key for variable in parts.variables]
    assert len(keys) == len(set(keys))
    assert [b.index for b in parts.buttons] == list(range(len(parts.buttons)))
    in_body = {v.key for v in parts.variables if v.place == "body"}
    # A body that a second one has taken the place of may have left variables.
    assert set(variables_in(parts.body)) <= in_body


@given(
    st.lists(st.text(max_size=12), max_size=5),
    st.dictionaries(
        st.sampled_from(["1", "2", "nombre"]), st.text(min_size=1, max_size=20), min_size=3
    ),
)
def test_what_is_filled_in_is_there_as_it_was_typed(
    between: list[str], values: dict[str, str]
) -> None:
    clean = [part.replace("{", "").replace("}", "") for part in between]
    text = "{{1}}".join(clean) + "{{2}}{{nombre}}"
    expected = values["1"].join(clean) + values["2"] + values["nombre"]
    assert fill(text, values) == expected
