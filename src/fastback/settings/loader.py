"""From variables to settings: values, what follows from several of them, the secret key."""

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
from fastback.settings.field import Field, parse
from fastback.settings.process_settings import Settings, fields

#: Texts that mean nothing when they are empty: what they have by default counts then.
_NEVER_EMPTY = frozenset({"host", "data_dir", "custom_api_key_header"})


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    options: Mapping[str, str] | None = None,
    dotenv: Path | None = Path(".env"),
) -> Settings:
    """Read the settings, of this process where no `environ` is given. An `Environment` is taken as it is.

    Raises:
        SettingsError: a variable makes no sense.
    """
    if isinstance(environ, Environment):
        env = Environment(options, environ) if options else environ
    else:
        env = read_environment(options, environ, dotenv)
    values: dict[str, Any] = {}
    for name, field in fields().items():
        value = _value(field, env)
        if value is not msgspec.UNSET:
            values[name] = value
    return _joined(Settings(**values), env)


def _value(field: Field, env: Mapping[str, str]) -> Any:
    for variable in field.variables:
        text = env.get(variable)
        if text is None:
            continue
        if text == "" and _counts_as_unset(field):
            continue
        return parse(field, variable, text)
    return msgspec.UNSET


def _counts_as_unset(field: Field) -> bool:
    """Whether a variable that is there but empty leaves the field to its other names, or to its default."""
    if field.optional or field.kind is bool:
        return False
    return field.kind is not str or bool(field.about.choices or field.about.names) or field.name in _NEVER_EMPTY


def _joined(settings: Settings, env: Mapping[str, str]) -> Settings:
    """Rules that join several settings."""
    _check(settings, env)
    name = settings.webui_name
    beat = settings.websocket_heartbeat_interval
    rounds = settings.chat_response_max_tool_call_iterations
    whole_timeout = settings.aiohttp_client_timeout
    tool_timeout = settings.aiohttp_client_timeout_tool_server
    return msgspec.structs.replace(
        settings,
        instance_id=settings.instance_id or str(uuid.uuid4()),
        uvicorn_workers=max(settings.uvicorn_workers, 1),
        database_url=database_url(settings),
        webui_name=name if name == "Open WebUI" else f"{name} (Open WebUI)",
        websocket_redis_url=settings.websocket_redis_url or settings.redis_url,
        websocket_heartbeat_interval=None if beat is None else min(max(beat, 5), 90),
        chat_response_max_tool_call_iterations=None if rounds == -1 else rounds if rounds is not None else 256,
        aiohttp_client_timeout_tool_server=whole_timeout if tool_timeout is None else tool_timeout,
        enable_tools=settings.enable_plugins and settings.enable_tools,
        enable_functions=settings.enable_plugins and settings.enable_functions,
        enable_tool_servers=settings.enable_plugins and settings.enable_tool_servers,
        enable_version_update_check=settings.enable_version_update_check and not settings.offline_mode,
    )


def _check(settings: Settings, env: Mapping[str, str]) -> None:
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


def database_url(settings: Settings) -> str:
    """The URL of the database: of its parts where all are given, or `DATABASE_URL`, or a file in the data directory.

    Raises:
        SettingsError: a kind of database that is not supported.
    """
    user, password = settings.database_user, settings.database_password
    credentials = user + (f":{password}" if password else "")
    kind, host = settings.database_type, settings.database_host
    port, name = settings.database_port, settings.database_name
    if kind and credentials and host and port and name:
        url = f"{kind}://{credentials}@{host}:{port}/{name}"
    else:
        url = settings.database_url or f"sqlite:///{settings.data_path / 'webui.db'}"
    scheme, there, _ = url.partition("://")
    scheme = scheme.lower()
    variable = "DATABASE_URL" if settings.database_url == url else "DATABASE_TYPE"
    if not there:  # what stands there instead may be a password
        raise SettingsError(f"{variable}: this is no URL; use sqlite:///… or postgresql://…")
    if scheme.partition("+")[0] not in ("sqlite", "postgresql", "postgres") or scheme == "sqlite+sqlcipher":
        raise SettingsError(f"{variable}: {scheme!r} is not supported; use sqlite:///… or postgresql://…")
    return _plain(url)


def _plain(url: str) -> str:
    """The URL with its credentials encoded: Open WebUI takes characters such as `#` and `/` in them as they are."""
    match = re.fullmatch(r"(postgres(?:ql)?(?:\+\w+)?)://([^:/@]*)(?::([^@]*))?@(.*)", url, re.IGNORECASE | re.DOTALL)
    if match is None:
        return re.sub(r"^postgres://", "postgresql://", url)
    scheme, user, password, rest = match.groups()
    scheme = re.sub(r"^postgres(?=$|\+)", "postgresql", scheme.lower())
    credentials = quote(unquote(user), safe="")
    if password is not None:
        credentials += ":" + quote(unquote(password), safe="")
    return f"{scheme}://{credentials}@{rest}"


def key_files(settings: Settings) -> list[Path]:
    """Where a secret key may lie, the first one that is there counts; a new one is kept in the last."""
    chosen = settings.webui_secret_key_file
    if chosen:
        return [Path(chosen).expanduser()]
    return [Path(".webui_secret_key"), settings.data_path / ".webui_secret_key"]


def with_secret_key(settings: Settings) -> Settings:
    """The settings with a secret key: the given one, the kept one, or a new one, kept with mode 0600.

    Kept in the file of `WEBUI_SECRET_KEY_FILE` where that is set; otherwise in the data directory, but a key that Open
    WebUI left in the working directory goes on counting.

    Raises:
        SettingsError: the file cannot be written.
    """
    if settings.webui_secret_key:
        return settings
    chosen = settings.webui_secret_key_file
    files = key_files(settings)
    home = files[-1]
    for path in files:
        kept = _kept_key(path)
        if kept:
            return msgspec.structs.replace(settings, webui_secret_key=kept)
    key = secrets.token_urlsafe(48)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(home, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key)
    except FileExistsError:
        kept = _kept_key(home)  # another process was faster, or the file is empty
        if not kept:
            raise SettingsError(f"WEBUI_SECRET_KEY: {home} is empty; remove it, or write a key into it") from None
        key = kept
    except OSError as error:
        variable = "WEBUI_SECRET_KEY_FILE" if chosen else "DATA_DIR"
        raise SettingsError(f"{variable}: cannot write {home}: {error.strerror}") from error
    return msgspec.structs.replace(settings, webui_secret_key=key)


def _kept_key(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        # Going on with a new key would end every session without a word.
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise SettingsError(f"WEBUI_SECRET_KEY: cannot read {path}: {reason}") from error
