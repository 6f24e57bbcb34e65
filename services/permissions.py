"""Who may do what: each permission named once, checked where the work is done.

    @requires(Permission.CHANGE_CLIENTS)
    async def decide_profile(actor: Staff, ...)

Row-level security says the same again in the database. Pages ask `may` only to leave out what would
be refused.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

import structlog

from services import audit
from services.actors import Actor, Outsider, Role, Staff, System
from services.errors import Forbidden

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Actor)


class Permission(StrEnum):
    """What can be allowed to a role."""

    #: Their own language, theme, sessions and second factor.
    OWN_ACCOUNT = "own_account"
    READ_CLIENTS = "read_clients"
    #: Create, edit, classify, answer, read marks, documents, archive and restore.
    CHANGE_CLIENTS = "change_clients"
    #: Who did what with one client.
    READ_CLIENT_HISTORY = "read_client_history"
    #: The organisation's numbers; a colleague's are for admins alone.
    READ_ANALYTICS = "read_analytics"
    #: Give a person their data; take the list along.
    EXPORT_CLIENTS = "export_clients"
    #: Lists of people from a file.
    IMPORT_CLIENTS = "import_clients"
    ERASE_CLIENTS = "erase_clients"
    READ_AUDIT = "read_audit"
    MANAGE_STAFF = "manage_staff"
    MANAGE_RETENTION = "manage_retention"
    #: How the desk works for everybody.
    MANAGE_DESK = "manage_desk"
    #: What WhatsApp delivered and could not be processed.
    HANDLE_DELIVERIES = "handle_deliveries"
    #: The connection to WhatsApp: its health, its templates, letting messages go out again.
    MANAGE_CHANNEL = "manage_channel"
    #: Nobody on the staff: the software's own work.
    SYSTEM = "system"


_VIEWER = frozenset({Permission.OWN_ACCOUNT, Permission.READ_CLIENTS})
_CASEWORKER = _VIEWER | {
    Permission.CHANGE_CLIENTS,
    Permission.READ_CLIENT_HISTORY,
    Permission.READ_ANALYTICS,
}
ALLOWED: dict[Role, frozenset[Permission]] = {
    "viewer": _VIEWER,
    "caseworker": _CASEWORKER,
    "admin": frozenset(Permission) - {Permission.SYSTEM},
}


def may(actor: Actor, permission: Permission) -> bool:
    """Whether the actor has a permission."""
    if isinstance(actor, System):
        return True
    if isinstance(actor, Outsider):
        # The database itself answers them: with nothing.
        return permission is Permission.READ_CLIENTS
    return permission in ALLOWED[actor.role]


def requires(
    permission: Permission,
) -> Callable[
    [Callable[Concatenate[A, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
]:
    """Refuse a service function to actors without `permission`; the refusal is audited.

    The function then raises Forbidden. What it was asked about is told too: the first id among its
    arguments, as the client's where the parameter is called `client_id`.
    """

    def decorate(
        function: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[A, P], Coroutine[Any, Any, T]]:
        names = list(inspect.signature(function).parameters)[1:]

        @functools.wraps(function)
        async def guarded(actor: A, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if not may(actor, permission):
                operation = f"{function.__module__}.{function.__name__}".removeprefix("services.")
                await refuse(actor, permission, operation, **_about(names, args, kwargs))
            return await function(actor, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


async def refuse(
    actor: Actor,
    permission: Permission,
    operation: str,
    *,
    row: UUID | None = None,
    client: UUID | None = None,
) -> None:
    """Audit a refused attempt, then raise Forbidden."""
    log.warning("permission.refused", permission=str(permission), operation=operation)
    details = {"permission": str(permission), "operation": operation}
    await audit.record_alone(actor, "refuse", row=row, client=client, details=details)
    raise Forbidden(permission)


def _about(
    names: Sequence[str], args: Sequence[object], kwargs: Mapping[str, object]
) -> dict[str, UUID]:
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    client = given.get("client_id")
    first = next((value for value in given.values() if isinstance(value, UUID)), None)
    found = {"row": first, "client": client}
    return {name: value for name, value in found.items() if isinstance(value, UUID)}


__all__ = ["ALLOWED", "Forbidden", "Permission", "Staff", "may", "refuse", "requires"]
