"""Load settings from variables, apply the rules between settings, and provide the secret key."""

from __future__ import annotations

import os
import re
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from fastback.settings.environment import Environment, SettingsError, read_environment
from fastback.settings.field import SettingField, parse_value
from fastback.settings.process_settings import Settings, get_setting_fields

#: Text settings that use their default when their variable is empty.
_DEFAULT_WHEN_EMPTY = frozenset({"host", "data_dir", "custom_api_key_header"})
_POSTGRES_URL = re.compile(r"(postgres(?:ql)?(?:\+\w+)?)://([^:/@]*)(?::([^@]*))?@(.*)", re.IGNORECASE | re.DOTALL)


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    options: Mapping[str, str] | None = None,
    dotenv: Path | None = Path(".env"),
) -> Settings:
    """Return the settings of these variables, or of this process when `environ` is None.

    An `Environment` is used without reading `dotenv`.

    Raises:
        SettingsError: a variable is invalid.
    """
    if isinstance(environ, Environment):
        env = Environment(options, environ) if options else environ
    else:
        env = read_environment(options, environ, dotenv)
    values: dict[str, Any] = {}
    for name, field in get_setting_fields().items():
        value = _read_value(field, env)
        if value is not msgspec.UNSET:
            values[name] = value
    return _apply_rules(Settings(**values), env)


def _read_value(field: SettingField, env: Mapping[str, str]) -> Any:
    """Return the value of the first variable that is set, or `msgspec.UNSET`."""
    for variable in field.variables:
        text = env.get(variable)
        if text is None:
            continue
        if text == "" and _ignores_empty(field):
            continue
        return parse_value(field, variable, text)
    return msgspec.UNSET


def _ignores_empty(field: SettingField) -> bool:
    """Return whether an empty variable is ignored, so that an alias or the default applies."""
    if field.optional or field.value_type is bool:
        return False
    return (
        field.value_type is not str
        or bool(field.description.choices or field.description.aliases)
        or field.name in _DEFAULT_WHEN_EMPTY
    )


def _apply_rules(settings: Settings, env: Mapping[str, str]) -> Settings:
    """Return the settings after the rules that involve more than their own variable."""
    _validate_settings(settings, env)
    name = settings.webui_name
    heartbeat = settings.websocket_heartbeat_interval
    iterations = settings.chat_response_max_tool_call_iterations
    total_timeout = settings.aiohttp_client_timeout
    tool_timeout = settings.aiohttp_client_timeout_tool_server
    return msgspec.structs.replace(
        settings,
        instance_id=settings.instance_id or str(uuid.uuid4()),
        uvicorn_workers=max(settings.uvicorn_workers, 1),
        database_url=build_database_url(settings),
        webui_name=name if name == "Open WebUI" else f"{name} (Open WebUI)",
        websocket_redis_url=settings.websocket_redis_url or settings.redis_url,
        websocket_heartbeat_interval=None if heartbeat is None else min(max(heartbeat, 5), 90),
        chat_response_max_tool_call_iterations=None
        if iterations == -1
        else iterations
        if iterations is not None
        else 256,
        aiohttp_client_timeout_tool_server=total_timeout if tool_timeout is None else tool_timeout,
        enable_tools=settings.enable_plugins and settings.enable_tools,
        enable_functions=settings.enable_plugins and settings.enable_functions,
        enable_tool_servers=settings.enable_plugins and settings.enable_tool_servers,
        enable_version_update_check=settings.enable_version_update_check and not settings.offline_mode,
    )


def _validate_settings(settings: Settings, env: Mapping[str, str]) -> None:
    """Raise SettingsError if the password pattern, an origin or the database's sign-in is invalid."""
    try:
        re.compile(settings.password_validation_regex_pattern)
    except re.error as error:
        raise SettingsError(f"PASSWORD_VALIDATION_REGEX_PATTERN: not a regular expression: {error}") from error
    if settings.cors_allow_origin != "*":
        schemes = {"http", "https", *filter(None, settings.cors_allow_custom_scheme.split(";"))}
        for origin in settings.cors_allow_origin.split(";"):
            parts = urlsplit(origin)
            if parts.scheme not in schemes or not parts.netloc:
                raise SettingsError(f"CORS_ALLOW_ORIGIN: {origin!r} is not an origin such as https://chat.example.com")
    if env.get("DATABASE_ENABLE_IAM_TOKEN_AUTH", "").lower() == "true":
        raise SettingsError("DATABASE_ENABLE_IAM_TOKEN_AUTH: tokens of IAM are not supported; use a password")


def build_database_url(settings: Settings) -> str:
    """Return the URL of the database.

    It is built from its parts if all are set; otherwise it is `DATABASE_URL`, or a file in the data directory.

    Raises:
        SettingsError: the text is not a URL, or the type of the database is not supported.
    """
    user, password = settings.database_user, settings.database_password
    credentials = user + (f":{password}" if password else "")
    database_type, host = settings.database_type, settings.database_host
    port, name = settings.database_port, settings.database_name
    if database_type and credentials and host and port and name:
        url = f"{database_type}://{credentials}@{host}:{port}/{name}"
    else:
        url = settings.database_url or f"sqlite:///{settings.data_path / 'webui.db'}"
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    variable = "DATABASE_URL" if settings.database_url == url else "DATABASE_TYPE"
    if not separator:  # the error must not repeat the text, which may be a password
        raise SettingsError(f"{variable}: this is no URL; use sqlite:///… or postgresql://…")
    if scheme.partition("+")[0] not in ("sqlite", "postgresql", "postgres") or scheme == "sqlite+sqlcipher":
        raise SettingsError(f"{variable}: {scheme!r} is not supported; use sqlite:///… or postgresql://…")
    return _encode_credentials(url)


def _encode_credentials(url: str) -> str:
    """Return a URL with percent-encoded credentials: Open WebUI accepts characters such as `#` and `/` in them."""
    match = _POSTGRES_URL.fullmatch(url)
    if match is None:
        return f"postgresql{url.removeprefix('postgres')}" if url.startswith("postgres://") else url
    scheme, user, password, location = match.groups()
    scheme = "postgresql" + scheme.lower().removeprefix("postgresql").removeprefix("postgres")
    credentials = quote(unquote(user), safe="")
    if password is not None:
        credentials += ":" + quote(unquote(password), safe="")
    return f"{scheme}://{credentials}@{location}"


def list_key_files(settings: Settings) -> list[Path]:
    """Return the files that may contain the secret key: the first that exists applies, a new key goes into the last."""
    configured = settings.webui_secret_key_file
    if configured:
        return [Path(configured).expanduser()]
    return [Path(".webui_secret_key"), settings.data_path / ".webui_secret_key"]


def ensure_secret_key(settings: Settings) -> Settings:
    """Return settings with a secret key: the configured key, the stored key, or a new key.

    A new key is stored with mode 0600, in the file of `WEBUI_SECRET_KEY_FILE` if that is set, otherwise in the data
    directory. A key that Open WebUI stored in the working directory takes precedence over one in the data directory.

    Raises:
        SettingsError: a key file cannot be read or written, or is empty.
    """
    if settings.webui_secret_key:
        return settings
    configured = settings.webui_secret_key_file
    files = list_key_files(settings)
    new_file = files[-1]
    for path in files:
        stored_key = _read_stored_key(path)
        if stored_key:
            return msgspec.structs.replace(settings, webui_secret_key=stored_key)
    key = secrets.token_urlsafe(48)
    try:
        new_file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key)
    except FileExistsError:
        stored_key = _read_stored_key(new_file)  # another process created the file first, or the file is empty
        if not stored_key:
            raise SettingsError(f"WEBUI_SECRET_KEY: {new_file} is empty; remove it, or write a key into it") from None
        key = stored_key
    except OSError as error:
        variable = "WEBUI_SECRET_KEY_FILE" if configured else "DATA_DIR"
        raise SettingsError(f"{variable}: cannot write {new_file}: {error.strerror}") from error
    return msgspec.structs.replace(settings, webui_secret_key=key)


def _read_stored_key(path: Path) -> str | None:
    """Return the key in a file; None if the file does not exist.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        # A new key would end every session without a message.
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise SettingsError(f"WEBUI_SECRET_KEY: cannot read {path}: {reason}") from error
