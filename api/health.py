"""Whether the app is alive, and whether it can do its work."""

from collections.abc import Callable

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from db import migrate
from db.engine import begin
from services.actors import System

log = structlog.get_logger()


def router(parts: dict[str, Callable[[], bool]]) -> APIRouter:
    """`/health` touches nothing; `/ready` asks the database and each of `parts` by name."""
    routes = APIRouter(tags=["health"])
    newest = migrate.newest_revision()

    @routes.head("/health", include_in_schema=False)
    @routes.get("/health")
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @routes.head("/ready", include_in_schema=False)
    @routes.get("/ready", responses={503: {"description": "A part does not work; it is named."}})
    async def ready() -> JSONResponse:
        """Database, migrations, listener and worker are fine."""
        failing = [name for name, works in parts.items() if not works()]
        try:
            async with begin(System("readiness")) as connection:
                found = await connection.scalar(
                    text("select version_num from app_private.alembic_version")
                )
            if found != newest:
                failing.append("migrations")
        except ProgrammingError:
            failing.append("migrations")
        except (SQLAlchemyError, OSError):
            failing.append("database")
        if failing:
            log.warning("readiness.failed", parts=failing)
            return JSONResponse({"status": "unavailable", "failing": failing}, 503)
        return JSONResponse({"status": "ok"})

    return routes
