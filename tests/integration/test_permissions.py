"""Who may do what, in every service, on every page and at every endpoint.

What is expected stands here a second time, in tables, so that nobody is given more by one careless
change. A new function, page or endpoint fails until it is in them.
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, get_type_hints
from uuid import uuid4

import pytest

import services
from services import documents, erasures, unprocessed
from services.actors import Actor, Staff, System
from services.errors import Forbidden
from services.permissions import ALLOWED, Permission, may
from tests.expected_permissions import MATRIX, ROLES
from tests.support import OUTSIDER, SYSTEM, Postgres

#: What stands below every guard, and is called with whoever was refused.
UNGUARDED = {
    "audit.record_alone": "tells the log what was refused",
    "permissions.refuse": "is the refusal",
}
#: Methods cannot carry the decorator; they call the guard themselves.
METHODS = {"sign_in.SignIn.invite": Permission.MANAGE_STAFF}


class Ran(Exception):
    """The guard has let somebody through to what it guards."""


def _modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(services.__path__, "services."):
        yield importlib.import_module(found.name)


def _takes_an_actor(function: Callable[..., Any], place: int) -> bool:
    bare = inspect.unwrap(function)
    if not (inspect.iscoroutinefunction(bare) or inspect.isasyncgenfunction(bare)):
        return False
    names = list(inspect.signature(bare).parameters)
    return len(names) > place and names[place] == "actor"


def _functions() -> dict[str, Any]:
    """Every public function of the services that somebody calls as themself, by name."""
    found: dict[str, Any] = {}
    for module in _modules():
        short = module.__name__.removeprefix("services.")
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
                continue
            if isinstance(value, FunctionType) and _takes_an_actor(value, 0):
                found[f"{short}.{name}"] = value
            elif isinstance(value, type):
                for method, body in vars(value).items():
                    if (
                        not method.startswith("_")
                        and isinstance(body, FunctionType)
                        and _takes_an_actor(body, 1)
                    ):
                        found[f"{short}.{name}.{method}"] = body
    return found


FUNCTIONS = _functions()
GUARDED = {name: f for name, f in FUNCTIONS.items() if hasattr(f, "permission")}


@contextmanager
def _emptied(function: Any) -> Iterator[None]:
    """Let a guarded function raise Ran in place of what it does."""

    cell = function.__closure__[function.__code__.co_freevars.index("function")]
    original = cell.cell_contents

    @functools.wraps(original)
    async def body(*_: object, **__: object) -> None:
        raise Ran

    cell.cell_contents = body
    try:
        yield
    finally:
        cell.cell_contents = original


@pytest.fixture
def everybody(people: dict[str, Staff]) -> dict[str, Actor]:
    return {**people, "outsider": OUTSIDER, "system": SYSTEM}


class TestTheMatrix:
    def test_each_role_has_what_it_should_have(self) -> None:
        given = {p: {role for role in ROLES if p in ALLOWED[role]} for p in Permission}
        assert given == {p: who - {"outsider"} for p, who in MATRIX.items()}

    @pytest.mark.parametrize("permission", list(Permission))
    def test_the_guard_reads_it_so(self, permission: Permission) -> None:
        assert may(OUTSIDER, permission) == ("outsider" in MATRIX[permission])
        assert may(SYSTEM, permission)


class TestServices:
    def test_they_are_found(self) -> None:
        assert {"clients.list_clients", "staff_admin.deactivate", "staff.add_admin"} <= set(GUARDED)

    def test_each_says_what_it_requires(self) -> None:
        assert set(FUNCTIONS) - set(GUARDED) == set(UNGUARDED) | set(METHODS)

    def test_what_only_the_software_calls_is_the_softwares_alone(self) -> None:
        wrong = []
        for name, function in GUARDED.items():
            for_software = get_type_hints(inspect.unwrap(function))["actor"] is System
            if for_software != (function.permission is Permission.SYSTEM):
                wrong.append(name)
        assert wrong == []

    @pytest.mark.parametrize("name", GUARDED)
    async def test_it_runs_for_whom_it_should_and_refuses_everybody_else(
        self, everybody: dict[str, Actor], database: Postgres, name: str
    ) -> None:
        function = GUARDED[name]
        allowed = MATRIX[function.permission] | {"system"}
        with _emptied(function):
            for who, actor in everybody.items():
                with pytest.raises(Ran if who in allowed else Forbidden):
                    await function(actor)
        with database.connect() as connection:
            told = connection.execute(
                "select actor_kind, actor_id, details from audit_log where action = 'refuse'"
                " order by id"
            ).fetchall()
        details = {"permission": str(function.permission), "operation": name}
        expected: list[tuple[object, ...]] = []
        for who, actor in everybody.items():
            if who not in allowed:
                id = actor.id if isinstance(actor, Staff) else OUTSIDER.user_id
                kind = "staff" if isinstance(actor, Staff) else "outsider"
                expected.append((kind, id, details))
        assert told == expected

    async def test_a_refusal_tells_what_it_was_asked_about(
        self, viewer: Staff, database: Postgres
    ) -> None:
        client, row = uuid4(), uuid4()
        with pytest.raises(Forbidden):
            await erasures.erase(viewer, client, reason="request")
        with pytest.raises(Forbidden):
            await documents.delete_document(viewer, document_id=row)
        with pytest.raises(Forbidden):
            await unprocessed.overview(viewer)
        with database.connect() as connection:
            told = connection.execute(
                "select row_id, client_id from audit_log where action = 'refuse' order by id"
            ).fetchall()
        assert told == [(str(client), client), (str(row), None), (None, None)]

    @pytest.mark.parametrize("name", METHODS)
    async def test_a_method_refuses_as_well(self, everybody: dict[str, Actor], name: str) -> None:
        method = FUNCTIONS[name]
        dummies = [None] * (len(inspect.signature(method).parameters) - 2)
        for who, actor in everybody.items():
            if who not in MATRIX[METHODS[name]] | {"system"}:
                with pytest.raises(Forbidden):
                    await method(None, actor, *dummies)
