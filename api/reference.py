"""`/docs`, `/redoc` and `/openapi.json`: the API, described.

One page, written here from the OpenAPI document. FastAPI's own pages load their scripts from
another site, which learns who reads them and could run anything in ours.
"""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from api.problems import problem

PATHS = ("/docs", "/redoc")

Allowed = Callable[[Request], Awaitable[bool]]


def add_reference(app: FastAPI, *, allowed: Allowed | None = None) -> None:
    """Put the description on the root app, which has none of its own (`docs_url=None`, ...).

    `allowed` tells whether whoever asks may read it; without it anybody may.
    """

    async def page(request: Request) -> Response:
        if allowed is not None and not await allowed(request):
            return RedirectResponse(f"/login?next={request.url.path}", 303, _HEADERS)
        return HTMLResponse(describe(app.openapi()), headers=_HEADERS)

    async def document(request: Request) -> Response:
        if allowed is not None and not await allowed(request):
            return problem(401, message="Sign in first.", headers=_HEADERS)
        return JSONResponse(app.openapi(), headers=_HEADERS)

    for path in PATHS:
        app.add_api_route(path, page, include_in_schema=False)
    app.add_api_route("/openapi.json", document, include_in_schema=False)


def describe(document: Mapping[str, Any]) -> str:
    """The OpenAPI document as a page."""
    operations = [
        (f"{method}-{path}".strip("/").replace("/", "-"), method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{escape(anchor)}"><b>{method.upper()}</b> {escape(path)}</a></li>'
        for anchor, method, path, _ in operations
    )
    schemas = document.get("components", {}).get("schemas", {})
    shapes = "".join(_shape(name, schema) for name, schema in sorted(schemas.items()))
    title = escape(f"{document['info']['title']} API {document['info']['version']}")
    described = "".join(_operation(*operation) for operation in operations)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><header><h1>{title}</h1>"
        '<p><a href="/openapi.json">The OpenAPI document</a></p></header>'
        f'<nav aria-label="Operations"><ul>{contents}</ul></nav>'
        f"<main>{described}<h2>Shapes</h2>{shapes}</main></body></html>"
    )


def _operation(anchor: str, method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = [
        (
            parameter["name"],
            parameter["in"] + (", required" if parameter.get("required") else ""),
            _kind(parameter.get("schema", {})),
            parameter.get("description", ""),
        )
        for parameter in operation.get("parameters", ())
    ]
    rows += [
        ("body", content_type, _kind(content.get("schema", {})), "")
        for content_type, content in operation.get("requestBody", {}).get("content", {}).items()
    ]
    answers = [
        (
            status,
            ", ".join(answer.get("content", {})),
            ", ".join(_kind(c.get("schema", {})) for c in answer.get("content", {}).values()),
            answer.get("description", ""),
        )
        for status, answer in operation.get("responses", {}).items()
    ]
    words = _prose(operation.get("description", "")).replace("\n\n", "</p><p>")
    schemes = ", ".join(name for scheme in operation.get("security", ()) for name in scheme)
    return (
        f'<section id="{escape(anchor)}"><h2><code><b>{method.upper()}</b> {escape(path)}</code>'
        "</h2>"
        f"<p><b>{escape(operation.get('summary', ''))}</b></p><p>{words}</p>"
        + (f"<p>Authorization: {escape(schemes)}</p>" if schemes else "")
        + _table("Input", ("Name", "Where", "Type", "Meaning"), rows)
        + _table("Answers", ("Status", "As", "Type", "Meaning"), answers)
        + "</section>"
    )


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (
            field,
            "always" if field in required else "",
            _kind(inner),
            inner.get("description", ""),
        )
        for field, inner in schema.get("properties", {}).items()
    ]
    examples = "".join(
        f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
        for example in schema.get("examples", ())
    )
    return (
        f'<section id="shape-{escape(name)}"><h3>{escape(name)}</h3>'
        f"<p>{_prose(schema.get('description', ''))}</p>"
        + _table("", ("Field", "Present", "Type", "Meaning"), rows)
        + f"{examples}</section>"
    )


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{_prose(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    words = f"<caption>{caption}</caption>" if caption else ""
    table = f"<table>{words}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    # Wider than a phone; with the keyboard it scrolls too.
    label = escape(caption or heads[0])
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">{table}</div>'


def _prose(text: str) -> str:
    """A description, in which backquotes mark code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: `string (email) or null`, `one of a, b`, `list of Client`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_kind(inner) for inner in schema[several])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = str(schema.get("type", "anything"))
    limits = [str(schema[name]) for name in ("format",) if name in schema]
    limits += [f"{words} {schema[name]}" for name, words in _LIMITS.items() if name in schema]
    return f"{kind} ({', '.join(limits)})" if limits else kind


_LIMITS = {"minimum": "from", "maximum": "to", "maxLength": "at most", "maxItems": "at most"}

_STYLE = """
:root { color-scheme: light dark; --ink: #21201d; --quiet: #595650; --paper: #ffffff;
  --soft: #f6f4f0; --line: #e5e1d9; --accent: #0b5f56;
  font: 1rem/1.55 system-ui, sans-serif; scroll-padding-top: 1rem }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ebeae7; --quiet: #b0afab; --paper: #1a1c1e; --soft: #131416; --line: #2d3033;
    --accent: #74cfc0 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink) }
a { color: var(--accent); text-underline-offset: 0.2em }
h1, h2, h3 { line-height: 1.3 }
h2 { font-size: 1.15rem; margin: 0 0 0.5rem }
h3 { font-size: 1rem; margin: 0 0 0.5rem }
p { margin: 0.25rem 0; max-width: 46rem }
code, pre { font: 0.9em/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
header, nav, main { padding: 1.5rem; max-width: 64rem; min-width: 0 }
header { padding-bottom: 0 }
nav ul { list-style: none; margin: 0; padding: 0; font-size: 0.9rem }
nav a { display: flex; align-items: baseline; padding: 0.2rem 0; text-decoration: none;
  overflow-wrap: anywhere }
nav a:hover { text-decoration: underline }
nav b, h2 b { display: inline-block; flex: none; min-width: 3.8rem; font-size: 0.85em;
  color: var(--quiet) }
section { margin-block: 1rem; padding: 1.25rem; overflow-wrap: anywhere;
  border: 1px solid var(--line); border-radius: 0.6rem }
.scroll { overflow-x: auto; margin-top: 1rem }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem }
caption { font-weight: 600; text-align: start; padding-bottom: 0.3rem }
th, td { border-bottom: 1px solid var(--line); padding: 0.4rem 1rem 0.4rem 0; text-align: start;
  vertical-align: top }
th { color: var(--quiet); font-weight: 500 }
td { min-width: 4rem }
td:last-child { min-width: 14rem; padding-inline-end: 0 }
tr:last-child td { border-bottom: 0 }
th, td:nth-child(-n + 2) { white-space: nowrap }
pre { margin: 1rem 0 0; padding: 0.8rem 1rem; overflow-x: auto; border-radius: 0.4rem;
  background: var(--soft) }
@media (min-width: 70rem) {
  body { display: grid; grid-template-columns: 21rem minmax(0, 1fr);
    grid-template-rows: auto 1fr }
  header { grid-column: 2 }
  nav { grid-column: 1; grid-row: 1 / 3; position: sticky; top: 0; height: 100vh;
    overflow-y: auto; background: var(--soft); border-inline-end: 1px solid var(--line) }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
