"""The templates of the simulated account, and how a message has to fill them."""

from typing import Any

import pytest

from services.events import Json
from services.simulator import graph_templates
from services.simulator.graph_problems import Refusal
from services.simulator.graph_requests import Template

TEMPLATES = graph_templates.catalogue()


def filled(name: str, language: str = "es", *components: Json) -> graph_templates.Shown:
    message = Template.model_validate(
        {"name": name, "language": {"code": language}, "components": list(components)}
    )
    return graph_templates.fill(TEMPLATES, message)


def part(kind: str, *values: Any, **more: Any) -> Json:
    parameters = [v if isinstance(v, dict) else {"type": "text", "text": v} for v in values]
    return {"type": kind, "parameters": parameters} | more


def named(**values: str) -> Json:
    return part(
        "body",
        *({"type": "text", "parameter_name": k, "text": v} for k, v in values.items()),
    )


def refusal(name: str, language: str = "es", *components: Json) -> int:
    with pytest.raises(Refusal) as refused:
        filled(name, language, *components)
    return refused.value.code


def test_the_catalogue_is_what_an_organisation_has() -> None:
    keys = [(template["name"], template["language"]) for template in TEMPLATES]
    assert len(set(keys)) == len(keys)
    assert len({template["id"] for template in TEMPLATES}) == len(TEMPLATES)
    assert {template["language"] for template in TEMPLATES} == {"es", "en", "en_US", "fr", "ar"}
    assert {template["status"] for template in TEMPLATES} == {
        "APPROVED",
        "PAUSED",
        "PENDING",
        "REJECTED",
    }
    assert {template["parameter_format"] for template in TEMPLATES} == {"NAMED", "POSITIONAL"}
    formats = {p.get("format") for t in TEMPLATES for p in t["components"]}
    assert formats == {None, "TEXT", "IMAGE", "DOCUMENT", "VIDEO"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: f"{t['name']}-{t['language']}")
def test_every_template_keeps_to_whatsapps_limits(template: Json) -> None:
    parts = {component["type"]: component for component in template["components"]}
    assert len(parts["BODY"]["text"]) <= 1024
    assert len(parts.get("FOOTER", {}).get("text", "")) <= 60
    labels = [button["text"] for button in parts.get("BUTTONS", {}).get("buttons", [])]
    assert all(len(label) <= 25 for label in labels)


def test_positions_are_filled_in_order() -> None:
    shown = filled(
        "documentos_pendientes", "es", part("body", "Amina", "arraigo", "padrón", "15/1")
    )
    assert shown.body.startswith(
        "Hola, Amina. Para presentar su solicitud de arraigo nos falta: pa"
    )
    assert shown.footer == "No envíe originales por correo"
    assert shown.buttons == (
        ("QUICK_REPLY", "Lo envío hoy", "Lo envío hoy"),
        ("QUICK_REPLY", "No lo tengo", "No lo tengo"),
    )


def test_names_are_filled_in_any_order() -> None:
    shown = filled(
        "recordatorio_cita",
        "es",
        named(lugar="la oficina", hora="10:30", fecha="3/1", nombre="Luz"),
    )
    assert shown.header == "Su cita"
    assert "Hola, Luz. Le recordamos su cita el 3/1 a las 10:30 en la oficina" in shown.body


def test_a_header_carries_a_file_and_a_button_an_address() -> None:
    shown = filled(
        "como_llegar",
        "es",
        part("header", {"type": "image", "image": {"id": "7"}}),
        part("body", "Amina", "Omar"),
        part("button", "oficina", sub_type="url", index="0"),
    )
    assert shown.file == ("image", {"id": "7"})
    assert shown.buttons[0] == ("URL", "Ver en el mapa", "https://acogida.example/mapa/oficina")
    assert shown.buttons[1] == ("PHONE_NUMBER", "Llamar", "+34910000000")


def test_a_quick_reply_brings_back_its_payload() -> None:
    press = part("button", {"type": "payload", "payload": "no"}, sub_type="quick_reply", index="1")
    shown = filled("retomar_conversacion", "es", part("body", "Amina"), press)
    assert shown.buttons == (
        ("QUICK_REPLY", "Sí, continuar", "Sí, continuar"),
        ("QUICK_REPLY", "Ahora no", "no"),
    )


@pytest.mark.parametrize(
    ("name", "language", "components", "code"),
    [
        ("no_existe", "es", [], 132001),
        ("retomar_conversacion", "pt", [part("body", "x")], 132001),
        ("aviso_huella", "es", [named(nombre="x", comisaria="y")], 132001),
        ("pago_tasa_urgente", "es", [part("body", "x", "y")], 132001),
        ("encuesta_satisfaccion", "es", [part("body", "x")], 132015),
        ("retomar_conversacion", "es", [], 132000),
        ("retomar_conversacion", "es", [part("body", "x", "y")], 132000),
        ("retomar_conversacion", "es", [part("header", "x"), part("body", "x")], 132000),
        ("recordatorio_cita", "es", [part("body", "a", "b", "c", "d")], 132012),
        ("recordatorio_cita", "es", [named(nombre="a", fecha="b", hora="c", sitio="d")], 132012),
        ("retomar_conversacion", "es", [named(nombre="x")], 132012),
        ("retomar_conversacion", "es", [part("body", "")], 131008),
        ("retomar_conversacion", "es", [part("body", "a\nb")], 132018),
        ("retomar_conversacion", "es", [part("body", "x" * 1000)], 132005),
        ("resguardo_presentado", "es", [part("body", "x", "y")], 132012),
        (
            "resguardo_presentado",
            "es",
            [part("header", {"type": "image", "image": {"id": "7"}}), part("body", "x", "y")],
            132012,
        ),
        ("resolucion_recibida", "es", [part("header", "1"), part("body", "x")], 131008),
        (
            "retomar_conversacion",
            "es",
            [part("body", "x"), part("button", "x", sub_type="url", index="0")],
            131009,
        ),
        ("retomar_conversacion", "es", [part("body", "x"), part("body", "x")], 131009),
    ],
)
def test_what_does_not_fit_is_refused_with_metas_code(
    name: str, language: str, components: list[Json], code: int
) -> None:
    assert refusal(name, language, *components) == code


def test_a_list_comes_in_pages() -> None:
    address, seen = "http://graph/v26.0/1/message_templates", []
    query = {"fields": "name,status", "limit": "4"}
    while True:
        answer = graph_templates.page(TEMPLATES, query, address)
        seen += answer["data"]
        if "next" not in answer["paging"]:
            break
        assert answer["paging"]["next"].startswith(f"{address}?fields=name,status&limit=4&after=")
        query = query | {"after": answer["paging"]["cursors"]["after"]}
    assert seen == [{k: t[k] for k in ("id", "name", "status")} for t in TEMPLATES]


def test_a_list_can_be_asked_for_some() -> None:
    answer = graph_templates.page(TEMPLATES, {"status": "PAUSED"}, "http://graph")
    assert [template["name"] for template in answer["data"]] == ["encuesta_satisfaccion"]
    with pytest.raises(Refusal) as refused:
        graph_templates.page(TEMPLATES, {"fields": "colour"}, "http://graph")
    assert refused.value.code == 100
