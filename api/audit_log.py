"""`/api/clients/{id}/audit-log`: who did what with one client."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Query

from api.access import Acting
from api.models import LogEntry, LogPage
from api.problems import documented
from services import audit_reading
from services.actors import Staff


def router() -> APIRouter:
    """The audit log of a client, which outlives the client."""
    routes = APIRouter(prefix="/api/clients", tags=["clients"])

    @routes.get("/{client_id}/audit-log", summary="Who did what", responses=documented(404))
    async def log(
        actor: Acting,
        client_id: UUID,
        limit: Annotated[
            int,
            Query(ge=1, le=audit_reading.MOST, description="More than 500 are refused."),
        ] = 100,
        before: Annotated[
            str, Query(max_length=100, description="`older` of the page before.")
        ] = "",
    ) -> LogPage:
        """What was done with a client, the newest first: views, changes, exports. For caseworkers
        and admins; when the client has been erased, for admins. Names of fields, never what is in
        them. Reading it is on the log, too."""
        # The software may read it as well; whoever may not is refused by the service.
        page = await audit_reading.client_log(
            cast(Staff, actor), client_id, before=before or None, limit=limit
        )
        return LogPage(
            items=[LogEntry.of(entry) for entry in page.entries], limit=limit, older=page.older
        )

    return routes
