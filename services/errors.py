"""Why a service function did not do what it was asked. Pages and endpoints put these into words."""

from collections.abc import Mapping


class Forbidden(Exception):
    """The actor may not do this. `permission` names what they lack."""

    def __init__(self, permission: str) -> None:
        super().__init__(permission)
        self.permission = permission


class NotFound(Exception):
    """There is no such thing, as far as the actor may see."""


class Conflict(Exception):
    """It cannot be done as things stand. `code` says why: `email_taken`, `last_admin`, ...

    `field` names the input that it is about, where there is one.
    """

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.field = field


class Invalid(Exception):
    """Some input cannot be used. `fields`: input -> code, such as `phone` -> `not_a_phone`."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = dict(fields)


class TooMany(Exception):
    """A limit is reached; try again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many")
        self.retry_after = retry_after
