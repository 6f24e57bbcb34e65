"""What a single setting has to look like.

Each check raises ValueError with what to do, never with the value.
"""

import base64
import binascii
import ipaddress
import json
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

_SUPABASE_DATABASES = (".supabase.co", ".supabase.com")
_TRANSACTION_POOLER_PORT = "6543"
_USERINFO = re.compile(r"[^@/]*@")
_WEEKDAYS = re.compile(r"([1-7])(?:-([1-7]))?")
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_OPENING_HOURS = re.compile(rf"({_CLOCK})-({_CLOCK}|24:00)")


def is_loopback(host: str) -> bool:
    """Whether a host name or address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def weekdays(value: str) -> tuple[int, ...]:
    """Read `1-5` or `1,3,5-6`, where 1 is Monday."""
    found: set[int] = set()
    for part in parts(value):
        match = _WEEKDAYS.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise ValueError("must be days such as 1-5 or 1,3,5, where 1 is Monday.")
        found |= set(range(first, last + 1))
    if not found:
        raise ValueError("must name at least one day, such as 1-5, where 1 is Monday.")
    return tuple(sorted(found))


def opening_hours(value: str) -> str:
    """Check `09:00-18:00`; 24:00 is the end of a day."""
    match = _OPENING_HOURS.fullmatch(value)
    if not match or match[1] >= match[2]:
        raise ValueError("must look like 09:00-18:00, on one day.")
    return value


def web_url(value: str, *, https: bool) -> SplitResult:
    """Parse an address without credentials, query or slash at the end."""
    try:
        url = urlsplit(value.rstrip("/"))
        valid = bool(url.hostname) and url.port != 0 and "@" not in url.netloc
    except ValueError:
        valid = False
    if not valid or url.query or url.fragment or url.scheme not in ("http", "https"):
        raise ValueError("must be an address such as https://app.example.org.")
    if https and url.scheme != "https":
        raise ValueError("must start with https://.")
    return url


def database_url(value: SecretStr, *, real: bool) -> SecretStr:
    """Bring an address of Postgres into the form that psycopg takes."""
    scheme, _, rest = value.get_secret_value().partition("://")
    if scheme not in ("postgres", "postgresql", "postgresql+psycopg") or not rest:
        raise ValueError("must start with postgresql://. No other database is supported.")
    url = f"postgresql://{rest}"
    target = _target(url)
    if target is None:
        raise ValueError(
            "is not a valid address. Percent-encode its password, and leave out options that"
            " libpq does not know."
        )
    if not real and target.at_supabase:
        raise ValueError("is a hosted database: mock mode would fill it with invented people.")
    # What crosses a network is encrypted unless the address itself says otherwise.
    if real and not target.has_sslmode and not all(is_loopback(host) for host in target.hosts):
        url += ("&" if _query(url) else "?") + "sslmode=require"
    return SecretStr(url)


def needs_session(value: SecretStr | None, url: SecretStr | None) -> SecretStr | None:
    """Refuse a transaction pooler for what needs one connection to itself."""
    target = _target(url.get_secret_value()) if url else None
    if target is not None and target.at_supabase and _TRANSACTION_POOLER_PORT in target.ports:
        raise ValueError(
            "must be a direct or session pooler address (port 5432): the transaction pooler on "
            "port 6543 cannot do this."
        )
    return value


def key_role(key: str) -> str | None:
    """Which Postgres role a Supabase key stands for, as far as the key itself tells."""
    if key.startswith("sb_publishable_"):
        return "anon"
    if key.startswith("sb_secret_"):
        return "service_role"
    payload = key.split(".")[1] if key.count(".") == 2 else ""
    try:
        role = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["role"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
    return str(role)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an address of Postgres leads, however it is spelled."""

    #: Names and addresses in small letters, without the root's dot. No Unix sockets.
    hosts: tuple[str, ...]
    ports: tuple[str, ...]
    has_sslmode: bool

    @property
    def at_supabase(self) -> bool:
        return any(host.endswith(_SUPABASE_DATABASES) for host in self.hosts)


def _target(url: str) -> _Target | None:
    """What libpq makes of the address, in which the query outweighs the rest; None: nothing."""
    try:
        options = conninfo_to_dict(url)
    except psycopg.Error:
        return None
    # Of a repeated option libpq takes the last, SQLAlchemy all.
    query = parse_qs(_query(url))
    hosts: list[str] = []
    ports = _each(options.get("port"), *query.get("port", ()))
    for place in _each(
        *(options.get(name) for name in ("host", "hostaddr")),
        *(place for name in ("host", "hostaddr") for place in query.get(name, ())),
    ):
        if place.startswith(("/", "@")):
            continue
        host = place
        if place.count(":") == 1:  # SQLAlchemy's host=name:port
            host, _, port = place.partition(":")
            ports.append(port)
        hosts.append(host.lower().removesuffix("."))
    # What a password with an @ or a slash in it leaves behind.
    if any("@" in host for host in hosts) or not all(_is_port(port) for port in ports):
        return None
    return _Target(tuple(hosts), tuple(ports), bool(options.get("sslmode")))


def _query(url: str) -> str:
    rest = url.partition("://")[2]
    return rest[match.end() if (match := _USERINFO.match(rest)) else 0 :].partition("?")[2]


def _each(*lists: object) -> list[str]:
    """The members of lists that are separated by commas."""
    return [part for listed in lists if listed for part in parts(str(listed))]


def _is_port(port: str) -> bool:
    return port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536
