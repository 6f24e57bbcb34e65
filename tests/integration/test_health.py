"""/ready names the part that fails."""

from collections.abc import Callable

import httpx
from fastapi import FastAPI

from api import health
from db import engine
from tests.support import Postgres


async def ready(parts: dict[str, Callable[[], bool]]) -> httpx.Response:
    app = FastAPI()
    app.include_router(health.router(parts))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://app"
    ) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        return await client.get("/ready")


async def test_all_is_well(database: Postgres) -> None:
    answer = await ready({"worker": lambda: True})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_monitor_may_ask_for_the_head_alone(database: Postgres) -> None:
    app = FastAPI()
    app.include_router(health.router({"worker": lambda: False}))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://app"
    ) as client:
        assert (await client.head("/health")).status_code == 200
        assert (await client.head("/ready")).status_code == 503
    described = app.openapi()["paths"]
    assert {path: list(described[path]) for path in described} == {
        "/health": ["get"],
        "/ready": ["get"],
    }


async def test_a_part_that_fails_is_named(database: Postgres) -> None:
    answer = await ready({"worker": lambda: False, "listener": lambda: True})
    assert (answer.status_code, answer.json()["failing"]) == (503, ["worker"])


async def test_another_schema_is_no_schema(database: Postgres) -> None:
    with database.connect() as connection:
        found = connection.execute("select version_num from app_private.alembic_version").fetchone()
        connection.execute("update app_private.alembic_version set version_num = 'x'")
        try:
            answer = await ready({})
        finally:
            assert found is not None
            connection.execute("update app_private.alembic_version set version_num = %s", found)
    assert (answer.status_code, answer.json()["failing"]) == (503, ["migrations"])


async def test_no_database(database: Postgres) -> None:
    await engine.stop()
    engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
    answer = await ready({})
    assert (answer.status_code, answer.json()["failing"]) == (503, ["database"])
