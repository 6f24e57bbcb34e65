"""`/api/clients`: the same services that the pages use, for programs."""

from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.access import Acting
from api.models import (
    Client,
    ClientChanges,
    ClientList,
    Erased,
    Message,
    MessageList,
    NewClient,
)
from api.new_messages import NewMessage
from api.problems import documented, problem
from services import client_edits, clients, conversations, erasures, sending
from services.actors import Staff, System
from services.client_edits import Changes
from services.clients import ClientStatus, ProfileType
from services.errors import Invalid, NotFound

#: `?status=` asks for nothing.
_ProfileTypes = list[Literal[ProfileType, ""]]
_Statuses = list[Literal[ClientStatus, ""]]


def router() -> APIRouter:
    """Clients and their conversations."""
    routes = APIRouter(prefix="/api/clients", tags=["clients"])

    @routes.get("", summary="Find clients", responses=documented())
    async def find(
        actor: Acting,
        search: Annotated[
            str,
            Query(
                max_length=200,
                description="Name (accents and case ignored), part of a phone, e-mail, NIE or"
                " passport. Several words: all of them.",
                examples=["nadia"],
            ),
        ] = "",
        profile_type: Annotated[
            _ProfileTypes, Query(max_length=10, description="Several: any of them.")
        ] = [],  # noqa: B006
        status: Annotated[
            _Statuses,
            Query(max_length=10, description="Without it, archived clients are left out."),
        ] = [],  # noqa: B006
        page: Annotated[
            int,
            Query(ge=1, le=clients.COUNT_CAP, description="The first 10,000 clients have pages."),
        ] = 1,
        limit: Annotated[
            int, Query(ge=1, le=clients.MAX_PAGE_SIZE, description="More than 200 are refused.")
        ] = 50,
    ) -> ClientList:
        """Clients who may be seen, those who wrote last first. Staff see all of them, a Supabase
        user who is not on the staff sees none."""
        if (page - 1) * limit >= clients.COUNT_CAP:
            # Never the last page again and again, to somebody who waits for an empty one.
            raise Invalid({"page": "too_large"})
        found = await clients.list_clients(
            actor,
            search=search,
            profile_types=profile_type,
            statuses=status,
            page=page,
            limit=limit,
            # Whom a plain list shows is told with their notes.
            again=not search,
        )
        notes = await clients.notes_of(actor, [summary.id for summary in found.items])
        return ClientList(
            items=[Client.of(s, notes[s.id]) for s in found.items if s.id in notes],
            total=found.total,
            total_is_exact=found.total_is_exact,
            page=found.page,
            limit=found.limit,
        )

    @routes.post(
        "",
        summary="Open a client's file",
        status_code=201,
        responses=documented(400, 409, 413, 415),
    )
    async def create(actor: Acting, new: NewClient, response: Response) -> Client:
        """For somebody who has not written yet; what they write later finds the file by its phone.

        409: `email_taken`, `phone_taken`."""
        made = await client_edits.create_client(actor, **new.model_dump())
        response.headers["Location"] = f"/api/clients/{made.summary.id}"
        return Client.of(made.summary, made)

    @routes.get("/{client_id}", summary="One client", responses=documented(404))
    async def read(actor: Acting, client_id: UUID) -> Client:
        """The client's file. Looking at it is on the audit log."""
        found = await clients.get_client(actor, client_id)
        if found is None:
            raise NotFound
        return Client.of(found.summary, found)

    @routes.patch(
        "/{client_id}", summary="Change a client", responses=documented(400, 404, 409, 413, 415)
    )
    async def change(actor: Acting, client_id: UUID, changes: ClientChanges) -> Client:
        """Only what is given changes. A replaced phone is kept as a former one.

        409: `email_taken`, `phone_taken`, `changed_meanwhile`, and `whatsapp_number` for who would
        take away the number that somebody writes from."""
        given = changes.model_dump(exclude_unset=True)
        expected = given.pop("expected_updated_at", None)
        changed = await client_edits.update_client(
            actor, client_id, cast(Changes, given), expected_updated_at=expected
        )
        return Client.of(changed.summary, changed)

    @routes.delete(
        "/{client_id}",
        summary="Archive or erase a client",
        response_model=Client | Erased,
        responses=documented(400, 404, 409),
    )
    async def remove(
        actor: Acting, client_id: UUID, confirm: bool = False, hard: bool = False
    ) -> Any:
        """With `confirm=true` the client is archived, and can be restored. With `hard=true`
        besides, everything of theirs is erased for good; admins only.

        409: `legal_hold`, `messages_waiting`."""
        if not confirm:
            return problem(400, "confirmation_required", "Say confirm=true.")
        if hard:
            # Whoever is neither is refused by the service.
            gone = await erasures.erase(cast(Staff | System, actor), client_id, reason="request")
            return Erased(id=gone.id, counts=dict(gone.counts))
        archived = await client_edits.archive_client(actor, client_id)
        return Client.of(archived.summary, archived)

    @routes.get("/{client_id}/messages", summary="The conversation", responses=documented(404))
    async def messages(
        actor: Acting,
        client_id: UUID,
        limit: Annotated[
            int,
            Query(ge=1, le=conversations.MAX_PAGE_SIZE, description="More than 500 are refused."),
        ] = 100,
        before: Annotated[
            str,
            Query(
                max_length=100,
                description="`older` of the page before.",
                json_schema_extra={"format": "cursor"},
            ),
        ] = "",
    ) -> MessageList:
        """Messages, the newest first. Reactions, edits and deletions are told with the message they
        belong to."""
        page = await conversations.newest_messages(
            actor, client_id, before=before or None, limit=limit
        )
        return MessageList(
            items=[Message.of(message) for message in page.messages],
            limit=limit,
            older=page.older,
        )

    @routes.post(
        "/{client_id}/messages",
        summary="Send a message",
        status_code=202,
        responses=documented(400, 404, 409, 413, 415),
    )
    async def send(actor: Acting, client_id: UUID, new: NewMessage) -> Message:
        """It is queued, and sent in the order of its conversation; `status` tells what becomes of
        it. Of a reaction the message that it is put on is returned.

        409: `window_closed` for anything but a template more than 24 hours after the person last
        wrote, `no_address`, `not_sent_yet` when what it answers has not left, `template_gone`,
        `template_not_approved`, `template_unsupported`, `marketing_stopped`."""
        sent = await sending.send(actor, client_id, new.content(), quoting=new.quoting, key=new.key)
        return Message.of(sent)

    return routes
