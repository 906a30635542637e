"""Process settings: the sources of variables, the meaning of their values, and derived settings."""

from __future__ import annotations

import logging
import re
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest

from fastback.cli import settings_page
from fastback.config.definitions import KEY_DEFINITIONS
from fastback.config.key import DerivedDefault
from fastback.settings import Environment, Settings, SettingsError, ensure_secret_key, load_settings, read_environment
from fastback.settings.process_settings import get_setting_fields, list_areas
from fastback.settings.tls import build_client_ssl

ROOT = Path(__file__).parents[2]


def load_variables(**variables: str) -> Settings:
    return load_settings(variables, dotenv=None)


# Where variables come from


def test_without_variables_everything_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_variables()
    assert (settings.host, settings.port, settings.webui_name) == ("0.0.0.0", 8080, "Open WebUI")
    assert settings.database_url == f"sqlite:///{tmp_path}/data/webui.db"
    assert settings.upload_path == tmp_path / "data" / "uploads"
    assert settings.aiohttp_client_timeout is None  # a long answer is not cut off
    assert settings.uses_redis is False


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=1111\nHOST=from-file\nWEBUI_ADMIN_NAME='Ada Lovelace'\nLOG_FORMAT=json\n")
    settings = load_settings({"PORT": "2222", "HOST": "from-environment"}, options={"PORT": "3333"}, dotenv=dotenv)
    assert settings.port == 3333
    assert settings.host == "from-environment"
    assert settings.webui_admin_name == "Ada Lovelace"
    assert settings.log_format == "json"


def test_the_file_is_read_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEPLOYMENT_ID", raising=False)
    (tmp_path / ".env").write_text("DEPLOYMENT_ID=blue\n")
    assert load_settings().deployment_id == "blue"
    monkeypatch.setenv("DEPLOYMENT_ID", "green")
    assert load_settings().deployment_id == "green"


def test_an_environment_ignores_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PORT=1111\n")
    assert load_settings(Environment({"HOST": "h"})).port == 8080
    assert load_settings(Environment({"HOST": "h"}), options={"PORT": "9"}).port == 9


def test_a_value_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("  s3cret\n")
    assert load_variables(WEBUI_ADMIN_PASSWORD_FILE=str(secret)).webui_admin_password == "s3cret"
    assert (
        load_variables(WEBUI_ADMIN_PASSWORD="", WEBUI_ADMIN_PASSWORD_FILE=str(secret)).webui_admin_password == "s3cret"
    )
    assert (
        load_variables(WEBUI_ADMIN_PASSWORD="mine", WEBUI_ADMIN_PASSWORD_FILE=str(secret)).webui_admin_password
        == "mine"
    )


def test_the_file_of_a_stronger_source_wins_over_the_value_of_a_weaker(tmp_path: Path) -> None:
    secret, dotenv = tmp_path / "secret", tmp_path / ".env"
    secret.write_text("from the process")
    dotenv.write_text("WEBUI_ADMIN_PASSWORD=from the file\n")
    env = read_environment(environ={"WEBUI_ADMIN_PASSWORD_FILE": str(secret)}, dotenv=dotenv)
    assert env["WEBUI_ADMIN_PASSWORD"] == "from the process"


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^REDIS_URL_FILE: cannot read .*/nothing: No such file or directory$"):
        load_variables(REDIS_URL_FILE=str(tmp_path / "nothing"))


def test_no_variable_is_mistaken_for_the_file_of_another() -> None:
    variables = {variable for field in get_setting_fields().values() for variable in field.variables}
    variables |= {variable for key in KEY_DEFINITIONS.values() for variable in key.variables}
    variables |= {
        variable
        for key in KEY_DEFINITIONS.values()
        if isinstance(key.fallback, DerivedDefault)
        for variable in key.fallback.variables
    }
    assert {name for name in variables if f"{name}_FILE" in variables} == {"WEBUI_SECRET_KEY"}


# The meaning of values


@pytest.mark.parametrize(
    ("variable", "text", "line"),
    [
        ("PORT", "abc", "PORT: 'abc' is not a whole number"),
        ("PORT", "70000", "PORT: 70000 is not between 0 and 65535"),
        ("DATABASE_POOL_SIZE", "ten", "DATABASE_POOL_SIZE: 'ten' is not a whole number"),
        ("AIOHTTP_CLIENT_TIMEOUT", "-1", "AIOHTTP_CLIENT_TIMEOUT: -1 is not at least 0"),
        ("AIOHTTP_CLIENT_TIMEOUT", "nan", "AIOHTTP_CLIENT_TIMEOUT: nan is not at least 0"),
        ("PASSWORD_HASH_ALGORITHM", "md5", "PASSWORD_HASH_ALGORITHM: 'md5' is not one of bcrypt, argon2"),
        ("CORS_ALLOW_ORIGIN", "chat.example.com", "CORS_ALLOW_ORIGIN: 'chat.example.com' is not an origin"),
        ("CORS_ALLOW_ORIGIN", "https://a.example;app://x", "CORS_ALLOW_ORIGIN: 'app://x' is not an origin"),
        ("PASSWORD_VALIDATION_REGEX_PATTERN", "(", "PASSWORD_VALIDATION_REGEX_PATTERN: not a regular expression"),
        ("DATABASE_URL", "mysql://h/n", "DATABASE_URL: 'mysql' is not supported"),
        ("DATABASE_ENABLE_IAM_TOKEN_AUTH", "true", "DATABASE_ENABLE_IAM_TOKEN_AUTH: "),
    ],
)
def test_an_invalid_value_is_one_line_that_names_the_variable(variable: str, text: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_variables(**{variable: text})
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_only_true_switches_a_setting_on(caplog: pytest.LogCaptureFixture) -> None:
    for text in ("true", "True", "TRUE"):
        assert load_variables(ENABLE_FORWARD_USER_INFO_HEADERS=text).enable_forward_user_info_headers is True
    for text in ("false", "0", "off"):
        assert load_variables(ENABLE_ADMIN_EXPORT=text).enable_admin_export is False
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        for text in ("1", "yes", ""):
            assert load_variables(ENABLE_ADMIN_EXPORT=text).enable_admin_export is False
    assert "ENABLE_ADMIN_EXPORT='1' counts as false" in caplog.text


def test_an_empty_number_has_its_default_or_none() -> None:
    assert load_variables(PORT="").port == 8080
    assert load_variables(DATABASE_POOL_SIZE="").database_pool_size is None
    assert load_variables(AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST="").aiohttp_client_timeout_model_list is None
    assert load_variables(AIOHTTP_CLIENT_TIMEOUT="None").aiohttp_client_timeout is None


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({"WEBUI_JWT_SECRET_KEY": "old"}, "webui_secret_key", "old"),
        ({"WEBUI_SECRET_KEY": "", "WEBUI_JWT_SECRET_KEY": "old"}, "webui_secret_key", "old"),
        ({"WEBUI_SECRET_KEY": "new", "WEBUI_JWT_SECRET_KEY": "old"}, "webui_secret_key", "new"),
        ({"AIOHTTP_CLIENT_TIMEOUT_OPENAI_MODEL_LIST": "3"}, "aiohttp_client_timeout_model_list", 3),
        ({"ENABLE_ADMIN_WORKSPACE_CONTENT_ACCESS": "false"}, "bypass_admin_access_control", False),
        ({"BYPASS_ADMIN_ACCESS_CONTROL": ""}, "bypass_admin_access_control", False),
        ({"CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES": "7"}, "chat_response_max_tool_call_iterations", 7),
        ({"CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS": "-1"}, "chat_response_max_tool_call_iterations", None),
        ({"CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS": ""}, "chat_response_max_tool_call_iterations", 256),
        ({"WEBUI_NAME": "Owl"}, "webui_name", "Owl (Open WebUI)"),
        ({"REDIS_URL": "redis://a"}, "websocket_redis_url", "redis://a"),
        ({"REDIS_URL": "redis://a", "WEBSOCKET_REDIS_URL": "redis://b"}, "websocket_redis_url", "redis://b"),
        ({"REDIS_URL": "redis://a", "ENABLE_REDIS": "false"}, "uses_redis", False),
        ({"WEBSOCKET_HEARTBEAT_INTERVAL": "1"}, "websocket_heartbeat_interval", 5),
        ({"WEBSOCKET_HEARTBEAT_INTERVAL": "500"}, "websocket_heartbeat_interval", 90),
        ({"AIOHTTP_CLIENT_TIMEOUT": "60"}, "aiohttp_client_timeout_tool_server", 60),
        ({"ENABLE_PLUGINS": "false", "ENABLE_TOOLS": "true"}, "enable_tools", False),
        ({"OFFLINE_MODE": "true"}, "enable_version_update_check", False),
        ({"WEBUI_FAVICON_URL": "https://elsewhere"}, "webui_favicon_url", "https://openwebui.com/favicon.png"),
        ({"WEBUI_SESSION_COOKIE_SAME_SITE": "Strict"}, "cookie_same_site", "strict"),
        ({"WEBUI_SESSION_COOKIE_SECURE": "true"}, "cookie_secure", True),
        ({"WEBUI_SESSION_COOKIE_SECURE": "true", "WEBUI_AUTH_COOKIE_SECURE": "false"}, "cookie_secure", False),
        ({"DEFAULT_GROUP_SHARE_PERMISSION": "Members"}, "default_group_share", "members"),
        ({"DEFAULT_GROUP_SHARE_PERMISSION": "true"}, "default_group_share", True),
        ({"CORS_ALLOW_ORIGIN": "app://x", "CORS_ALLOW_CUSTOM_SCHEME": "app"}, "cors_allow_origin", "app://x"),
        ({"AUDIT_LOG_LEVEL": "metadata"}, "audit_log_level", "METADATA"),
        ({"DATABASE_SQLITE_PRAGMA_CACHE_SIZE": "-8192"}, "database_sqlite_pragmas", {"cache_size": "-8192"}),
        ({"REDIS_SOCKET_TIMEOUT": "2.5"}, "redis_options", {"socket_timeout": 2.5}),
        ({"WEBUI_ADMIN_PASSWORD": " keeps its spaces "}, "webui_admin_password", " keeps its spaces "),
    ],
)
def test_other_names_and_derived_values(variables: dict[str, str], name: str, value: Any) -> None:
    assert getattr(load_variables(**variables), name) == value


PARTS = {
    "DATABASE_TYPE": "postgresql",
    "DATABASE_USER": "u",
    "DATABASE_PASSWORD": "p",
    "DATABASE_HOST": "h",
    "DATABASE_PORT": "5432",
    "DATABASE_NAME": "n",
}


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"DATABASE_URL": "postgres://u:p@h/n"}, "postgresql://u:p@h/n"),
        (
            {"DATABASE_URL": "postgresql+psycopg2://u@h/n?sslmode=require"},
            "postgresql+psycopg2://u@h/n?sslmode=require",
        ),
        ({"DATABASE_URL": "postgresql:///n"}, "postgresql:///n"),
        ({"DATABASE_URL": "postgresql://u:a#b/c?d@h/n"}, "postgresql://u:a%23b%2Fc%3Fd@h/n"),
        ({"DATABASE_URL": "postgresql://u:a%40b@h/n"}, "postgresql://u:a%40b@h/n"),
        ({"DATABASE_URL": "sqlite:////srv/x.db"}, "sqlite:////srv/x.db"),
        (PARTS, "postgresql://u:p@h:5432/n"),
        ({**PARTS, "DATABASE_URL": "sqlite:///x.db"}, "postgresql://u:p@h:5432/n"),
        ({**PARTS, "DATABASE_URL": "sqlite:///x.db", "DATABASE_NAME": ""}, "sqlite:///x.db"),
    ],
)
def test_the_database_url(variables: dict[str, str], url: str) -> None:
    assert load_variables(**variables).database_url == url


def test_a_repr_contains_no_secret() -> None:
    assert "hush" not in repr(load_variables(WEBUI_SECRET_KEY="hush", DATABASE_PASSWORD="hush"))


# The secret key


@pytest.fixture
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_key_is_created_once_and_readable_only_by_its_owner(working_directory: Path) -> None:
    first = ensure_secret_key(load_variables()).webui_secret_key
    path = working_directory / "data" / ".webui_secret_key"
    assert len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_secret_key(load_variables()).webui_secret_key == first == path.read_text()


def test_the_key_file_of_open_webui_is_used(working_directory: Path) -> None:
    (working_directory / ".webui_secret_key").write_text("kept by Open WebUI\n")
    assert ensure_secret_key(load_variables()).webui_secret_key == "kept by Open WebUI"
    assert ensure_secret_key(load_variables(WEBUI_SECRET_KEY="given")).webui_secret_key == "given"
    assert not (working_directory / "data").exists()


def test_the_file_of_the_key_is_created_at_its_setting(working_directory: Path) -> None:
    path = working_directory / "keys" / "fastback"
    first = ensure_secret_key(load_variables(WEBUI_SECRET_KEY="", WEBUI_SECRET_KEY_FILE=str(path))).webui_secret_key
    assert path.read_text() == first
    assert load_variables(WEBUI_SECRET_KEY="", WEBUI_SECRET_KEY_FILE=str(path)).webui_secret_key == first


def test_a_key_that_cannot_be_stored_or_read_is_an_error(working_directory: Path) -> None:
    (working_directory / "data").write_text("a file, no directory")
    with pytest.raises(SettingsError, match=r"^(DATA_DIR|WEBUI_SECRET_KEY): cannot"):
        ensure_secret_key(load_variables())
    (working_directory / "data").unlink()
    (working_directory / "data").mkdir()
    (working_directory / "data" / ".webui_secret_key").touch()
    with pytest.raises(SettingsError, match="is empty"):
        ensure_secret_key(load_variables())


# Certificates


def test_certificates(tmp_path: Path) -> None:
    assert build_client_ssl(load_variables()) is True
    assert build_client_ssl(load_variables(AIOHTTP_CLIENT_SESSION_SSL="False")) is False
    assert build_client_ssl(load_variables(AIOHTTP_CLIENT_SESSION_SSL="False"), tool_server=True) is True
    with pytest.raises(SettingsError, match=r"^AIOHTTP_CLIENT_SSL_CERT_FILE: there is no file"):
        build_client_ssl(load_variables(AIOHTTP_CLIENT_SSL_CERT_FILE=str(tmp_path / "none.pem")))
    paths = ssl.get_default_verify_paths()
    bundle = paths.cafile or paths.openssl_cafile
    if Path(bundle).is_file():
        assert isinstance(build_client_ssl(load_variables(AIOHTTP_CLIENT_SESSION_SSL=bundle)), ssl.SSLContext)


# The documentation


def test_every_setting_is_described_once() -> None:
    names = [name for _, names in list_areas() for name in names]
    assert sorted(names) == sorted(Settings.__struct_fields__)
    assert [name for name, field in get_setting_fields().items() if not field.description.text.endswith(".")] == []
    assert all(title for title, _ in list_areas())


def test_the_page_about_configuration_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == settings_page.build_page(), "rebuild it: fastback settings > docs/configuration.md"


def test_the_example_names_variables_that_exist() -> None:
    existing = {variable for field in get_setting_fields().values() for variable in field.variables}
    for key in KEY_DEFINITIONS.values():
        existing |= {*key.variables, *(key.fallback.variables if isinstance(key.fallback, DerivedDefault) else ())}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    mentioned = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
    assert len(mentioned) > 20
    assert mentioned - existing == set()
