"""Settings are read once, refused all together, and never shown."""

import base64
import json
import os
import re
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from services.settings import (
    SIMULATOR_PHONE_NUMBER_ID,
    Settings,
    SettingsError,
    load,
    load_for_database,
)

ROOT = Path(__file__).parents[2]

CONTRACT = [
    *("APP_MODE", "HOST", "PORT", "DATA_DIR", "PUBLIC_URL", "SESSION_SECRET"),
    *("DATABASE_URL", "MIGRATION_DATABASE_URL", "LISTEN_DATABASE_URL"),
    *("WHATSAPP_APP_SECRET", "WHATSAPP_VERIFY_TOKEN", "WHATSAPP_API_TOKEN"),
    *("WHATSAPP_PHONE_NUMBER_ID", "WHATSAPP_BUSINESS_ACCOUNT_ID"),
    *("WHATSAPP_API_BASE_URL", "WHATSAPP_API_VERSION"),
    *("SUPABASE_URL", "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    *("SUPABASE_JWT_SECRET", "STORAGE_BUCKET", "SENTRY_DSN", "LOG_LEVEL", "LOG_FORMAT"),
]
ADDED = [
    *("TIMEZONE", "TRUSTED_PROXIES", "SUPABASE_SOCIAL_PROVIDERS", "SECOND_FACTOR"),
    *("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_NAME"),
    *("WHATSAPP_MESSAGES_PER_SECOND", "WHATSAPP_PAIR_BURST", "WHATSAPP_PAIR_SECONDS"),
    "API_REQUESTS_PER_MINUTE",
    *("WORKING_DAYS", "WORKING_HOURS", "WORKING_HOLIDAYS_OFF"),
]


def legacy_key(role: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"role": role}).encode()).decode().rstrip("=")
    return f"header.{payload}.signature"


REAL = {
    "APP_MODE": "real",
    "DATABASE_URL": "postgresql://app_backend:p%40ss@db.example.org:5432/acogida",
    "PUBLIC_URL": "https://acogida.example.org",
    "SESSION_SECRET": "s" * 32,
    "WHATSAPP_APP_SECRET": "0123456789abcdef0123456789abcdef",
    "WHATSAPP_VERIFY_TOKEN": "verify",
    "WHATSAPP_API_TOKEN": "EAAG-token",
    "WHATSAPP_PHONE_NUMBER_ID": "111222333444555",
    "WHATSAPP_BUSINESS_ACCOUNT_ID": "555444333222111",
    "SUPABASE_URL": "https://project.supabase.co",
    "SUPABASE_ANON_KEY": legacy_key("anon"),
    "SUPABASE_SERVICE_ROLE_KEY": legacy_key("service_role"),
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*CONTRACT, *ADDED):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Load the settings with these in the environment; None takes one away."""

    def load_with(*layers: dict[str, str], **more: str | None) -> Settings:
        names: dict[str, str | None] = {}
        for layer in layers:
            names.update(layer)
        names.update(more)
        for name, value in names.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return load()

    return load_with


def problems(error: pytest.ExceptionInfo[SettingsError]) -> dict[str, str]:
    return dict(error.value.problems)


# Names


def test_the_documented_names_are_the_settings_and_nothing_else() -> None:
    explained = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(name.upper() for name in Settings.model_fields)
    assert sorted(explained) == sorted([*CONTRACT, *ADDED])


def test_the_example_is_a_working_mock_configuration_with_the_defaults(tmp_path: Path) -> None:
    example = load(ROOT / ".env.example").model_dump()
    (tmp_path / ".data").rename(tmp_path / "elsewhere")
    default = load(None).model_dump()
    for generated in ("session_secret", "whatsapp_app_secret", "whatsapp_verify_token"):
        assert example.pop(generated)
        assert default.pop(generated)
    assert example == default


def test_every_setting_of_the_example_is_explained() -> None:
    blocks = (ROOT / ".env.example").read_text("utf-8").split("\n\n")
    assert [block for block in blocks if "=" in block and not block.startswith("#")] == []


# Mock mode


def test_nothing_has_to_be_set_for_mock_mode(tmp_path: Path) -> None:
    settings = load()
    assert settings.mock
    assert settings.database_url is None
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.data_dir == tmp_path / ".data"
    assert settings.whatsapp_phone_number_id == SIMULATOR_PHONE_NUMBER_ID
    assert settings.whatsapp_api_base_url == "http://127.0.0.1:8000/simulator/graph"
    assert settings.whatsapp_api_version == "v26.0"


def test_the_simulator_follows_the_address_the_app_listens_on(
    given: Callable[..., Settings],
) -> None:
    settings = given(HOST="::1", PORT="8001")
    assert settings.public_url == "http://[::1]:8001"
    assert settings.whatsapp_api_base_url.startswith("http://[::1]:8001/")


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.10", "example.org", "127.0.0.1.nip.io"]
)
def test_mock_mode_refuses_to_be_exposed(given: Callable[..., Settings], host: str) -> None:
    with pytest.raises(SettingsError, match="refuses to be exposed") as error:
        given(HOST=host)
    assert "HOST" in problems(error)


@pytest.mark.parametrize("name", ["PUBLIC_URL", "WHATSAPP_API_BASE_URL"])
def test_mock_mode_speaks_to_this_machine_only(given: Callable[..., Settings], name: str) -> None:
    with pytest.raises(SettingsError) as error:
        given({name: "https://graph.example.org"})
    assert list(problems(error)) == [name]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres:pw@db.abc.supabase.co/postgres",
        "postgresql://postgres:pw@db.abc.supabase.co./postgres",
        "postgresql://postgres:pw@DB.ABC.Supabase.CO:5432/postgres",
        "postgresql://postgres:p#w@db.abc.supabase.co/postgres",
        "postgresql://postgres:p?w@db.abc.supabase.co/postgres",
        "postgresql://postgres:pw@db%2Eabc%2Esupabase%2Eco/postgres",
        "postgresql://u:pw@127.0.0.1,aws-0-eu.pooler.supabase.com/postgres",
        "postgresql:///postgres?host=db.abc.supabase.co",
        "postgresql:///postgres?host=db.abc.supabase.co:5432",
        "postgresql:///postgres?host=db.abc.supabase.co&host=127.0.0.1",
        "postgresql:///postgres?host=127.0.0.1,db.abc.supabase.co.",
        "postgresql://u:pw@127.0.0.1/postgres?host=db.abc.supabase.co",
        "postgresql:///postgres?host=db.abc.supabase.co&hostaddr=3.3.3.3",
    ],
)
def test_mock_mode_keeps_its_invented_people_out_of_a_hosted_database(
    given: Callable[..., Settings], url: str
) -> None:
    with pytest.raises(SettingsError, match="hosted database") as error:
        given(DATABASE_URL=url)
    assert list(problems(error)) == ["DATABASE_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:pw@localhost:5432/x",
        "postgresql://u:pw@db:5432/x",
        "postgresql://u:pw@192.168.1.10/x",
        "postgresql:///x?host=/run/postgresql",
        "postgresql:///x",
    ],
)
def test_mock_mode_takes_a_developers_own_postgres(
    given: Callable[..., Settings], url: str
) -> None:
    settings = given(DATABASE_URL=url)
    assert settings.database_url
    assert settings.database_url.get_secret_value() == url


def test_secrets_are_made_once_for_the_owners_eyes_and_used_again(tmp_path: Path) -> None:
    first, second = load(), load()
    path = tmp_path / ".data" / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.json"]
    for name in ("session_secret", "whatsapp_app_secret", "whatsapp_verify_token"):
        secret = getattr(first, name).get_secret_value()
        assert len(secret) >= 32
        assert getattr(second, name).get_secret_value() == secret


def test_a_secret_that_is_set_wins_over_the_one_that_was_made(
    given: Callable[..., Settings],
) -> None:
    load()
    settings = given(SESSION_SECRET="chosen")
    assert settings.session_secret.get_secret_value() == "chosen"
    assert settings.whatsapp_verify_token.get_secret_value()


def test_processes_that_start_together_agree_on_the_secrets(tmp_path: Path) -> None:
    say = "from services.settings import load; print(load(None).session_secret.get_secret_value())"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", say],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = {process.communicate(timeout=60)[0] for process in started}
    assert len(said) == 1
    assert len(said.pop()) > 32


@pytest.mark.parametrize("content", ["", "{}", "[]", "{broken", '"text"'])
def test_damaged_secrets_are_reported_and_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / ".data" / "secrets.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(SettingsError) as error:
        load()
    assert "secrets.json" in problems(error)["DATA_DIR"]
    assert path.read_text() == content


def test_a_data_dir_that_cannot_be_used_is_reported(
    given: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError) as error:
        given(DATA_DIR="file/below")
    assert list(problems(error)) == ["DATA_DIR"]


# Real mode


def test_a_complete_real_configuration_is_accepted(given: Callable[..., Settings]) -> None:
    settings = given(REAL, HOST="0.0.0.0", LOG_FORMAT="json")
    assert not settings.mock
    assert settings.whatsapp_api_base_url == "https://graph.facebook.com"
    assert settings.supabase_url == "https://project.supabase.co"
    assert not settings.data_dir.exists()


def test_real_mode_lists_everything_that_is_missing_at_once(
    given: Callable[..., Settings],
) -> None:
    with pytest.raises(SettingsError) as error:
        given(APP_MODE="real")
    assert sorted(problems(error)) == sorted(name for name in REAL if name != "APP_MODE")
    assert all(advice.startswith("is missing. ") for advice in problems(error).values())
    assert str(error.value).count("\n") == len(REAL) - 1


@pytest.mark.parametrize("name", [name for name in REAL if name != "APP_MODE"])
@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_value_is_a_missing_one(
    given: Callable[..., Settings], name: str, blank: str
) -> None:
    with pytest.raises(SettingsError) as error:
        given(REAL, {name: blank})
    assert name in problems(error)
    assert "is missing" in problems(error)[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "http://acogida.example.org"),
        ("PUBLIC_URL", "https://example.org/acogida"),
        ("PUBLIC_URL", "https://user:pw@example.org"),
        ("PUBLIC_URL", "acogida.example.org"),
        ("PUBLIC_URL", "https://example.org:99999"),
        ("SESSION_SECRET", "s" * 31),
        ("WHATSAPP_APP_SECRET", "tiny"),
        ("WHATSAPP_APP_SECRET", "0123456789abcdef0123456789abcdef,tiny"),
        ("WHATSAPP_APP_SECRET", " , "),
        ("WHATSAPP_PHONE_NUMBER_ID", SIMULATOR_PHONE_NUMBER_ID),
        ("WHATSAPP_API_BASE_URL", "http://graph.facebook.com"),
        ("WHATSAPP_API_VERSION", "27"),
        ("SUPABASE_URL", "http://project.supabase.co"),
        ("SUPABASE_ANON_KEY", legacy_key("service_role")),
        ("SUPABASE_ANON_KEY", "sb_secret_abc"),
        ("SUPABASE_SERVICE_ROLE_KEY", legacy_key("anon")),
        ("SUPABASE_SERVICE_ROLE_KEY", "sb_publishable_abc"),
        ("STORAGE_BUCKET", "../documents"),
        ("DATABASE_URL", "mysql://app@db/acogida"),
        ("DATABASE_URL", "postgresql://app:p@ss@db/acogida"),
        ("DATABASE_URL", "postgresql://app:pa/ss@db/acogida"),
        ("DATABASE_URL", "postgresql://app:100%pass@db/acogida"),
        ("DATABASE_URL", "postgresql://app@db/acogida?pgbouncer=true"),
        ("DATABASE_URL", "postgresql://app@db:99999/acogida"),
        ("DATABASE_URL", "postgresql://app@db:port/acogida"),
        ("DATABASE_URL", "acogida"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
        ("SUPABASE_SOCIAL_PROVIDERS", "azure, https://evil"),
        ("SECOND_FACTOR", "sometimes"),
        ("OIDC_ISSUER", "http://idp.example.org"),
        ("OIDC_CLIENT_ID", "acogida"),
        ("OIDC_CLIENT_SECRET", "a-client-secret"),
        ("API_REQUESTS_PER_MINUTE", "0"),
        ("TIMEZONE", "Mars"),
        ("TIMEZONE", "../../etc/passwd"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("APP_MODE", "production"),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_not_shown(
    given: Callable[..., Settings], name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as error:
        given(REAL, {name: value})
    assert list(problems(error)) == [name]
    assert not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", problems(error)[name])


def test_no_value_is_in_the_error_or_its_traceback(given: Callable[..., Settings]) -> None:
    canaries = {name: f"canary-{name}" for name in Settings.model_fields if name != "app_mode"}
    with pytest.raises(SettingsError) as error:
        given({name.upper(): value for name, value in canaries.items()}, APP_MODE="real")
    assert len(problems(error)) > 5
    assert "canary" not in "".join(traceback.format_exception(error.value))


def test_secrets_do_not_show_in_the_settings_themselves(given: Callable[..., Settings]) -> None:
    shown = repr(given(REAL, SENTRY_DSN="https://key@sentry.example.org/1"))
    secrets = [
        *("SESSION_SECRET", "WHATSAPP_APP_SECRET", "WHATSAPP_API_TOKEN"),
        *("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    ]
    told = [name for name in secrets if REAL[name] in shown]
    assert told == []
    assert "p%40ss" not in shown
    assert "key@" not in shown


# Values


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_a_postgres_address_becomes_libpqs(
    given: Callable[..., Settings], scheme: str
) -> None:
    settings = given(DATABASE_URL=f"{scheme}://app:p%40ss@127.0.0.1:5432/acogida")
    assert settings.database_url
    assert (
        settings.database_url.get_secret_value() == "postgresql://app:p%40ss@127.0.0.1:5432/acogida"
    )


@pytest.mark.parametrize(
    ("stated", "used"),
    [
        ("postgresql://app@db.example.org/x", "postgresql://app@db.example.org/x?sslmode=require"),
        (
            "postgresql://app@db/x?connect_timeout=3",
            "postgresql://app@db/x?connect_timeout=3&sslmode=require",
        ),
        ("postgresql://app:p?w@db/x", "postgresql://app:p?w@db/x?sslmode=require"),
        ("postgresql:///x?host=db", "postgresql:///x?host=db&sslmode=require"),
        ("postgresql:///x?hostaddr=3.3.3.3", "postgresql:///x?hostaddr=3.3.3.3&sslmode=require"),
        (
            "postgresql://app@127.0.0.1/x?host=db.example.org",
            "postgresql://app@127.0.0.1/x?host=db.example.org&sslmode=require",
        ),
        (
            "postgresql:///x?host=localhost&hostaddr=3.3.3.3",
            "postgresql:///x?host=localhost&hostaddr=3.3.3.3&sslmode=require",
        ),
        ("postgresql://app@localhost./x", "postgresql://app@localhost./x"),
        ("postgresql://app@[::1]:5432/x", "postgresql://app@[::1]:5432/x"),
        ("postgresql://app@[2001:db8::1]/x", "postgresql://app@[2001:db8::1]/x?sslmode=require"),
        ("postgresql://app@db/x?sslmode=verify-full", "postgresql://app@db/x?sslmode=verify-full"),
        ("postgresql://app@db/x?sslmode=disable", "postgresql://app@db/x?sslmode=disable"),
        ("postgresql://app@127.0.0.1/x", "postgresql://app@127.0.0.1/x"),
        ("postgresql:///x?host=/run/postgresql", "postgresql:///x?host=/run/postgresql"),
    ],
)
def test_in_real_mode_what_crosses_a_network_is_encrypted(
    given: Callable[..., Settings], stated: str, used: str
) -> None:
    settings = given(REAL, DATABASE_URL=stated)
    assert settings.database_url
    assert settings.database_url.get_secret_value() == used


@pytest.mark.parametrize(
    "pooler",
    [
        "postgresql://app_backend.ref:pw@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
        "postgresql://app_backend.ref:pw@aws-0-eu-west-1.pooler.supabase.com.:6543/postgres",
        "postgresql:///postgres?host=aws-0-eu-west-1.pooler.supabase.com&port=6543",
        "postgresql:///postgres?host=aws-0-eu-west-1.pooler.supabase.com:6543",
    ],
)
def test_behind_a_transaction_pooler_listening_and_migrating_need_addresses_of_their_own(
    given: Callable[..., Settings], pooler: str
) -> None:
    with pytest.raises(SettingsError) as error:
        given(REAL, DATABASE_URL=pooler)
    assert sorted(problems(error)) == ["LISTEN_DATABASE_URL", "MIGRATION_DATABASE_URL"]
    session = pooler.replace("6543", "5432")
    given(REAL, DATABASE_URL=pooler, LISTEN_DATABASE_URL=session, MIGRATION_DATABASE_URL=session)


def test_two_app_secrets_can_be_valid_while_one_replaces_the_other(
    given: Callable[..., Settings],
) -> None:
    settings = given(WHATSAPP_APP_SECRET="new-secret, old-secret,")
    assert settings.whatsapp_app_secrets == ("new-secret", "old-secret")


def test_modes_levels_and_formats_may_be_written_either_way(
    given: Callable[..., Settings],
) -> None:
    settings = given(APP_MODE=" Mock ", LOG_LEVEL="debug", LOG_FORMAT="JSON")
    assert (settings.app_mode, settings.log_level, settings.log_format) == ("mock", "DEBUG", "json")


def test_trusted_proxies_are_addresses_and_networks(given: Callable[..., Settings]) -> None:
    assert given(TRUSTED_PROXIES="10.0.0.0/8, ::1").trusted_proxies == ("10.0.0.0/8", "::1")


# The .env file


def test_a_file_may_hold_keys_of_others_and_lines_that_mean_nothing(tmp_path: Path) -> None:
    lines = ["\ufeffPORT=8123", "UNKNOWN=1", "export OTHER='x'", "BARE", "?? not a line", "", "=x"]
    (tmp_path / ".env").write_text("\n".join(lines), "utf-8")
    assert load().port == 8123


def test_the_environment_wins_over_the_file(given: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8123\n")
    assert given(PORT="8200").port == 8200


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe\n")
    with pytest.raises(SettingsError) as error:
        load()
    assert list(problems(error)) == [".env"]


# Commands that only touch the database


def test_a_migration_needs_the_owners_address_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APP_MODE", "real")
    with pytest.raises(SettingsError) as error:
        load_for_database()
    assert list(problems(error)) == ["MIGRATION_DATABASE_URL"]
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://owner@127.0.0.1/acogida")
    settings = load_for_database()
    assert settings.migration_database_url
    assert settings.database_url is None


# Working hours


@pytest.mark.parametrize(
    ("value", "days"), [("1-5", (1, 2, 3, 4, 5)), ("7, 1-2", (1, 2, 7)), ("3", (3,))]
)
def test_working_days_are_read(
    given: Callable[..., Settings], value: str, days: tuple[int, ...]
) -> None:
    assert given(WORKING_DAYS=value).working_days == days


@pytest.mark.parametrize(
    "wrong",
    [
        {"WORKING_DAYS": "0"},
        {"WORKING_DAYS": "5-1"},
        {"WORKING_DAYS": ","},
        {"WORKING_DAYS": "lunes"},
        {"WORKING_HOURS": "9-18"},
        {"WORKING_HOURS": "18:00-09:00"},
        {"WORKING_HOURS": "09:00-24:30"},
        {"WORKING_HOLIDAYS_OFF": "perhaps"},
    ],
    ids=str,
)
def test_hours_that_are_none_are_refused(
    given: Callable[..., Settings], wrong: dict[str, str]
) -> None:
    with pytest.raises(SettingsError) as error:
        given(**wrong)
    assert set(problems(error)) == set(wrong)
