"""Settings: read once at start from the environment and `.env`, and refused all together.

    settings = load()

A problem is reported by the setting's name and what to do about it, never with its value. The
composition root passes settings on; no other module reads the environment.
"""

import ipaddress
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.settings_rules import (
    database_url,
    is_loopback,
    key_role,
    needs_session,
    opening_hours,
    parts,
    web_url,
    weekdays,
)

GRAPH_BASE_URL = "https://graph.facebook.com"

#: Under these identifiers the simulator plays Meta's part. Real mode refuses them.
SIMULATOR_PHONE_NUMBER_ID = "106540352242922"
SIMULATOR_BUSINESS_ACCOUNT_ID = "102290129340398"
SIMULATOR_DISPLAY_PHONE_NUMBER = "15550783881"
#: Where the simulator answers as the Graph API, below the address the app itself listens on.
SIMULATOR_GRAPH_PATH = "/simulator/graph"

#: What it takes for a token.
SIMULATED_TOKEN = "simulator"  # noqa: S105 - anybody may know it

_SIMULATED = {
    "whatsapp_api_token": SIMULATED_TOKEN,
    "whatsapp_phone_number_id": SIMULATOR_PHONE_NUMBER_ID,
    "whatsapp_business_account_id": SIMULATOR_BUSINESS_ACCOUNT_ID,
}
_GENERATED = ("session_secret", "whatsapp_app_secret", "whatsapp_verify_token")
#: What to say of a value that does not even have the shape of its setting.
_SHAPES = {
    "app_mode": "must be mock or real.",
    "log_level": "must be DEBUG, INFO, WARNING, ERROR or CRITICAL.",
    "log_format": "must be console or json.",
    "port": "must be a number from 1 to 65535.",
    "whatsapp_api_version": "must look like v26.0.",
    "whatsapp_messages_per_second": "must be a number above 0, up to 1000.",
    "whatsapp_pair_burst": "must be a number from 1 to 45.",
    "whatsapp_pair_seconds": "must be a number from 0 to 60.",
    "second_factor": "must be optional, admins or everybody.",
    "api_requests_per_minute": "must be a number from 1 to 100000.",
    "working_holidays_off": "must be true or false.",
    "storage_bucket": "must be 3 to 63 small letters, digits, dots, dashes or underscores.",
}


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds (NAME, what to do), none with its value."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {name} {problem}" for name, problem in self.problems)
        super().__init__(f"These settings, from the environment or .env, need attention:{lines}")


class DatabaseSettings(BaseSettings):
    """What a command needs that touches nothing but the database, such as `migrate`."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    #: Field -> what to do, for those without which real mode cannot start.
    required_in_real: ClassVar[dict[str, str]] = {}

    # First, so that every other field's validator can look it up.
    app_mode: Literal["mock", "real"] = "mock"
    #: Absolute. Embedded Postgres, local documents and generated secrets are below it.
    data_dir: Path = Path(".data")
    #: `postgresql://...`, as psycopg takes it. None: the embedded Postgres.
    database_url: SecretStr | None = None
    #: The owner's connection, where it differs.
    migration_database_url: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @property
    def mock(self) -> bool:
        """Whether the app itself plays Meta, the identity provider and the document store."""
        return self.app_mode == "mock"

    @field_validator("*", mode="before")
    @classmethod
    def _tidy(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        value = value.strip()
        if info.field_name in ("app_mode", "log_format"):
            return value.lower()
        return value.upper() if info.field_name == "log_level" else value

    @field_validator("*")
    @classmethod
    def _complete(cls, value: Any, info: ValidationInfo) -> Any:
        unset = value is None or value == "" or value == SecretStr("")
        advice = cls.required_in_real.get(str(info.field_name))
        if _real(info) and unset and advice is not None:
            raise ValueError(f"is missing. {advice}")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator(
        "database_url", "migration_database_url", "listen_database_url", check_fields=False
    )
    @classmethod
    def _postgres(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return database_url(value, real=_real(info)) if value else None

    @field_validator("migration_database_url")
    @classmethod
    def _migratable(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url = value or info.data.get("database_url")
        if _real(info) and url is None and "database_url" not in cls.required_in_real:
            raise ValueError("is missing. Give the address of Postgres that the owner connects to.")
        return needs_session(value, url)


class Settings(DatabaseSettings):
    """Everything that can be set. `.env.example` explains each name to whoever runs the app."""

    required_in_real: ClassVar[dict[str, str]] = {
        "database_url": "Give the address of Postgres that the app connects to.",
        "public_url": "Give the https address under which people reach the app.",
        "session_secret": "Give 32 random characters or more.",
        "whatsapp_app_secret": "Copy it from the Meta app, Settings > Basic.",
        "whatsapp_verify_token": "Make one up, and enter the same at Meta.",
        "whatsapp_api_token": "Create it in Meta Business settings, System users.",
        "whatsapp_phone_number_id": "Copy it from the Meta app, WhatsApp > API Setup.",
        "whatsapp_business_account_id": "Copy it from the Meta app, WhatsApp > API Setup.",
        "supabase_url": "Copy it from the Supabase project's settings.",
        "supabase_anon_key": "Copy the anon or publishable key from the Supabase project.",
        "supabase_service_role_key": "Copy the service_role or secret key from there.",
    }

    #: For LISTEN, where `database_url` goes through a transaction pooler.
    listen_database_url: SecretStr | None = None

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    #: Scheme, host and port for links and callbacks; no slash at the end.
    public_url: str = ""
    #: Peers whose X-Forwarded-* headers are believed: addresses or networks.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "::1")
    #: Of the times on screen; in the database they are UTC.
    timezone: str = "Europe/Madrid"
    #: When the organisation works: what answers are measured in. 1 is Monday.
    working_days: Annotated[tuple[int, ...], NoDecode] = (1, 2, 3, 4, 5)
    working_hours: str = "09:00-18:00"
    #: Whether Spain's national holidays are days off.
    working_holidays_off: bool = False

    session_secret: SecretStr = SecretStr("")

    whatsapp_app_secret: SecretStr = SecretStr("")
    whatsapp_verify_token: SecretStr = SecretStr("")
    whatsapp_api_token: SecretStr = SecretStr("")
    whatsapp_phone_number_id: str = ""
    whatsapp_business_account_id: str = ""
    #: The Graph API without its version; in mock mode the simulator.
    whatsapp_api_base_url: str = ""
    whatsapp_api_version: str = Field(default="v26.0", pattern=r"^v[1-9][0-9]{0,2}\.[0-9]$")

    #: Messages a second that leave from one number; how many may follow each other to one person
    #: before it is one in so many seconds.
    whatsapp_messages_per_second: float = Field(default=20, gt=0, le=1000)
    whatsapp_pair_burst: int = Field(default=10, ge=1, le=45)
    whatsapp_pair_seconds: float = Field(default=6, ge=0, le=60)

    #: These are None in mock mode: sign-in and documents are local.
    supabase_url: str | None = None
    supabase_anon_key: SecretStr | None = None
    supabase_service_role_key: SecretStr | None = None
    #: Only for projects that still sign tokens with a shared secret (HS256).
    supabase_jwt_secret: SecretStr | None = None
    #: Identity providers that Supabase brokers, by its own names: azure, google, ...
    supabase_social_providers: Annotated[tuple[str, ...], NoDecode] = ()
    #: Who has to give a second factor: those who set one up, admins, or everybody.
    second_factor: Literal["optional", "admins", "everybody"] = "optional"
    #: A standard OpenID Connect provider beside Supabase; all three or none.
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    #: What the button on the sign-in page calls it.
    oidc_name: str = "OpenID Connect"

    #: Requests a minute that one person may make of /api.
    api_requests_per_minute: int = Field(default=100, ge=1, le=100_000)

    storage_bucket: str = Field(default="documents", pattern=r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$")

    sentry_dsn: SecretStr | None = None

    @property
    def whatsapp_app_secrets(self) -> tuple[str, ...]:
        """Every secret that a delivery may be signed with: two while one replaces the other."""
        return parts(self.whatsapp_app_secret.get_secret_value())

    @field_validator("listen_database_url")
    @classmethod
    def _listenable(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return needs_session(value, value or info.data.get("database_url"))

    @field_validator("host")
    @classmethod
    def _exposed_in_real_mode_only(cls, value: str, info: ValidationInfo) -> str:
        if _mock(info) and not is_loopback(value):
            raise ValueError(
                "must be 127.0.0.1: mock mode lets anybody in as demo staff and refuses to be "
                "exposed. Set APP_MODE=real to serve others."
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str, info: ValidationInfo) -> str:
        url = web_url(value or _own_url(info), https=_real(info))
        if url.path:
            raise ValueError("must be a whole host; the app cannot live below a path.")
        if _mock(info) and not is_loopback(url.hostname or ""):
            raise ValueError("must name this machine: mock mode refuses to be exposed.")
        return url.geturl()

    @field_validator("trusted_proxies", "supabase_social_providers", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return parts(value) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            networks = [ipaddress.ip_network(part) for part in value]
        except ValueError:
            raise ValueError("must be IP addresses or networks, separated by commas.") from None
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("must not trust everybody: any visitor could forge an address.")
        return value

    @field_validator("supabase_social_providers")
    @classmethod
    def _provider_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[a-z0-9_:-]{1,40}", name) for name in value):
            raise ValueError("must be Supabase's names of providers, separated by commas.")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        if not value:
            return None
        return web_url(value, https=not is_loopback(urlsplit(value).hostname or "")).geturl()

    @field_validator("oidc_client_id", "oidc_client_secret")
    @classmethod
    def _with_the_issuer(cls, value: Any, info: ValidationInfo) -> Any:
        # An issuer that was refused is not in the data, and has its own problem reported.
        if "oidc_issuer" in info.data and (value is None) != (info.data["oidc_issuer"] is None):
            raise ValueError("belongs to OIDC_ISSUER: give all of OIDC_... or none.")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, KeyError, OSError):
            raise ValueError("must be the name of a time zone, such as Europe/Madrid.") from None
        return value

    @field_validator("working_days", mode="before")
    @classmethod
    def _weekdays(cls, value: object) -> object:
        return weekdays(value) if isinstance(value, str) else value

    @field_validator("working_hours")
    @classmethod
    def _opening(cls, value: str) -> str:
        return opening_hours(value)

    @field_validator("session_secret")
    @classmethod
    def _long(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if _real(info) and len(value) < 32:
            raise ValueError("is too short. Give 32 random characters or more.")
        return value

    @field_validator("whatsapp_app_secret")
    @classmethod
    def _app_secrets(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        listed = parts(value.get_secret_value())
        if len(value) and not listed:
            raise ValueError("holds commas only.")
        if _real(info) and any(len(part) < 16 for part in listed):
            raise ValueError("is too short. Copy all of it; commas separate several.")
        return value

    @field_validator(*_SIMULATED)
    @classmethod
    def _simulated(cls, value: Any, info: ValidationInfo) -> Any:
        wrap = SecretStr if isinstance(value, SecretStr) else str
        simulators = wrap(_SIMULATED[str(info.field_name)])
        if _real(info) and value == simulators:
            raise ValueError("is the simulator's. Copy the real one from Meta.")
        return simulators if _mock(info) and not len(value) else value

    @field_validator("whatsapp_api_base_url")
    @classmethod
    def _graph(cls, value: str, info: ValidationInfo) -> str:
        default = _own_url(info) + SIMULATOR_GRAPH_PATH if _mock(info) else GRAPH_BASE_URL
        url = web_url(value or default, https=_real(info))
        if _mock(info) and not is_loopback(url.hostname or ""):
            raise ValueError("must name this machine in mock mode. Leave it empty.")
        return url.geturl()

    @field_validator("supabase_url")
    @classmethod
    def _project(cls, value: str | None) -> str | None:
        if not value:
            return None
        url = web_url(value, https=not is_loopback(urlsplit(value).hostname or ""))
        return url.geturl()

    @field_validator("supabase_anon_key", "supabase_service_role_key")
    @classmethod
    def _not_each_other(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        role = key_role(value.get_secret_value()) if value else None
        if info.field_name == "supabase_anon_key" and role == "service_role":
            raise ValueError("is a secret key. Give the anon or publishable key.")
        if info.field_name == "supabase_service_role_key" and role == "anon":
            raise ValueError("is a public key. Give the service_role or secret key.")
        return value


def load(env_file: str | Path | None = ".env") -> Settings:
    """Read the settings; in mock mode make up the secrets that are not set, once per `data_dir`.

    Raises SettingsError, which lists every problem at once.
    """
    settings = _read(Settings, env_file)
    unset = [name for name in _GENERATED if not len(getattr(settings, name))]
    if not settings.mock or not unset:
        return settings
    generated = _generated_secrets(settings.data_dir)
    return settings.model_copy(update={name: SecretStr(generated[name]) for name in unset})


def load_for_database(env_file: str | Path | None = ".env") -> DatabaseSettings:
    """Read only what a command needs that touches nothing but the database.

    Raises SettingsError.
    """
    return _read(DatabaseSettings, env_file)


AnySettings = TypeVar("AnySettings", bound=DatabaseSettings)


def _read(kind: type[AnySettings], env_file: str | Path | None) -> AnySettings:
    try:
        return kind(_env_file=env_file)
    except ValidationError as error:
        problems = [
            (str(problem["loc"][0]).upper(), _advice(problem))
            for problem in error.errors(include_input=False, include_url=False)
        ]
    except (OSError, UnicodeDecodeError):
        problems = [(".env", "cannot be read. It must be a text file in UTF-8.")]
    # Outside of the handler, or the traceback would show the cause and with it the values.
    raise SettingsError(problems)


def _advice(problem: ErrorDetails) -> str:
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    return _SHAPES[str(problem["loc"][0])]


def _generated_secrets(data_dir: Path) -> dict[str, str]:
    """Return the installation's own secrets; of two processes that start together, one wins."""
    path = data_dir / "secrets.json"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path, {name: secrets.token_urlsafe(32) for name in _GENERATED})
        found = json.loads(path.read_text("utf-8"))
        return {name: str(found[name]) for name in _GENERATED}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = type(error).__name__
    raise SettingsError(
        [("DATA_DIR", f"has no usable secrets.json ({reason}). Mend or remove that file.")]
    )


def _create(path: Path, content: dict[str, str]) -> None:
    """Write a file that only its owner can read, complete from the moment it is there."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(handle)
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was quicker; its secrets count
    finally:
        Path(temporary).unlink()


def _real(info: ValidationInfo) -> bool:
    return info.data.get("app_mode") == "real"


def _mock(info: ValidationInfo) -> bool:
    # Not the opposite of _real: when APP_MODE itself is wrong, both are false.
    return info.data.get("app_mode") == "mock"


def _own_url(info: ValidationInfo) -> str:
    host, port = info.data.get("host", "127.0.0.1"), info.data.get("port", 8000)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
