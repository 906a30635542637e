"""Process settings: what the environment says, read once, typed.

A field's name in capitals is the variable's name. Options of the command line win over the environment, the environment
over `.env` in the working directory; `NAME_FILE` names a file that holds the value of `NAME`, for secrets.
"""

from __future__ import annotations

import os
import secrets
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta

Text = str


class SettingsError(Exception):
    """A variable with a value that makes no sense; the text is one line that names it."""


def _about(text: str) -> Meta:
    return Meta(description=text)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every process setting. The description of a field is its line in `docs/configuration.md`."""

    host: Annotated[str, _about("Address to listen on.")] = "0.0.0.0"
    port: Annotated[int, _about("Port to listen on.")] = 8080
    env: Annotated[str, _about("`dev` or `prod`.")] = "prod"
    global_log_level: Annotated[str, _about("DEBUG, INFO, WARNING or ERROR.")] = "INFO"
    log_format: Annotated[str, _about("`json` writes a JSON object a line; anything else, lines for people.")] = ""

    data_dir: Annotated[str, _about("Where the database, uploads and the secret key live.")] = "./data"
    upload_dir: Annotated[str, _about("Where uploads live; `uploads` in the data directory when empty.")] = ""
    cache_dir: Annotated[str, _about("Where `/cache` is served from; `cache` in the data directory when empty.")] = ""
    static_dir: Annotated[str, _about("A directory whose files win over the frontend's under `/static`.")] = ""
    frontend_build_dir: Annotated[str, _about("A built frontend to serve instead of the fetched one.")] = ""
    fastback_cache_dir: Annotated[str, _about("Where the fetched frontend is kept; the user's cache when empty.")] = ""

    webui_secret_key: Annotated[str, _about("Signs sessions. None: one is made and kept in the data directory.")] = ""
    webui_name: Annotated[str, _about("Name shown by the page.")] = "Open WebUI"
    webui_url: Annotated[str, _about("Public address of the page.")] = ""
    webui_favicon_url: Annotated[str, _about("Icon of the page.")] = "https://openwebui.com/favicon.png"
    default_locale: Annotated[str, _about("Language of the page before a user chose one.")] = ""
    external_pwa_manifest_url: Annotated[str, _about("Where `/manifest.json` is taken from instead.")] = ""

    database_url: Annotated[
        str, _about("`sqlite:///path` or `postgresql://…`; SQLite in the data directory when empty.")
    ] = ""
    database_schema: Annotated[str | None, _about("Schema of PostgreSQL to use.")] = None
    database_pool_size: Annotated[int | None, _about("Connections to PostgreSQL kept (10).")] = None
    database_pool_max_overflow: Annotated[int | None, _about("Connections beyond that under load.")] = None
    database_pool_timeout: Annotated[int | None, _about("Seconds to wait for a connection (30).")] = None
    database_pool_recycle: Annotated[
        int | None, _about("Seconds after which an idle connection is renewed (3600).")
    ] = None
    database_enable_sqlite_wal: Annotated[bool, _about("Write-ahead log of SQLite.")] = True

    enable_redis: Annotated[bool, _about("Use Redis where `REDIS_URL` is set.")] = True
    redis_url: Annotated[str, _about("Redis for several processes: sockets, limits.")] = ""
    redis_key_prefix: Annotated[str, _about("Prefix of keys in Redis.")] = "open-webui"
    enable_websocket_support: Annotated[bool, _about("WebSocket besides long polling.")] = True
    websocket_manager: Annotated[str, _about("`redis` spreads socket events over several processes.")] = ""
    websocket_redis_url: Annotated[str, _about("Redis for socket events; `REDIS_URL` when empty.")] = ""
    websocket_server_ping_interval: Annotated[int, _about("Seconds between pings of a socket.")] = 25
    websocket_server_ping_timeout: Annotated[int, _about("Seconds a socket may stay silent after a ping.")] = 20
    websocket_heartbeat_interval: Annotated[int | None, _about("Seconds between heartbeats of the page.")] = None
    websocket_event_caller_timeout: Annotated[int | None, _about("Seconds a page has to answer a question (300).")] = (
        None
    )

    cors_allow_origin: Annotated[str, _about("Origins that may call, separated by `;`; `*` for all.")] = "*"
    enable_compression_middleware: Annotated[bool, _about("Compress large answers.")] = True
    hsts: Annotated[str, _about("Value of `Strict-Transport-Security`.")] = ""
    permissions_policy: Annotated[str, _about("Value of `Permissions-Policy`.")] = ""
    referrer_policy: Annotated[str, _about("Value of `Referrer-Policy`.")] = ""
    cache_control: Annotated[str, _about("Value of `Cache-Control` on every answer that has none.")] = ""
    xcontent_type: Annotated[str, _about("Value of `X-Content-Type-Options`.")] = ""
    xdownload_options: Annotated[str, _about("Value of `X-Download-Options`.")] = ""
    xframe_options: Annotated[str, _about("Value of `X-Frame-Options`.")] = ""
    xpermitted_cross_domain_policies: Annotated[str, _about("Value of `X-Permitted-Cross-Domain-Policies`.")] = ""
    content_security_policy: Annotated[str, _about("Value of `Content-Security-Policy`.")] = ""
    reporting_endpoints: Annotated[str, _about("Value of `Reporting-Endpoints`.")] = ""

    webui_auth: Annotated[bool, _about("Ask people to sign in; off only for a fresh installation of one user.")] = True
    enable_initial_admin_signup: Annotated[bool, _about("Let the first user sign up even where sign-up is off.")] = (
        False
    )
    enable_password_auth: Annotated[bool, _about("Sign in with a password.")] = True
    enable_signup_password_confirmation: Annotated[bool, _about("Ask for the password twice on sign-up.")] = False
    webui_admin_email: Annotated[str, _about("Makes this administrator at the first start.")] = ""
    webui_admin_password: Annotated[str, _about("Password of that administrator.")] = ""
    webui_admin_name: Annotated[str, _about("Name of that administrator.")] = "Admin"
    webui_auth_trusted_email_header: Annotated[
        str | None, _about("Header with which a proxy vouches for an address.")
    ] = None
    webui_auth_trusted_name_header: Annotated[str | None, _about("Header with the user's name.")] = None
    webui_auth_trusted_groups_header: Annotated[
        str | None, _about("Header with the user's groups, separated by `,`.")
    ] = None
    webui_auth_trusted_role_header: Annotated[str | None, _about("Header with the user's role.")] = None
    webui_auth_signout_redirect_url: Annotated[str | None, _about("Where the page goes after a sign-out.")] = None
    webui_session_cookie_same_site: Annotated[str, _about("SameSite of cookies.")] = "lax"
    webui_session_cookie_secure: Annotated[bool, _about("Cookies only over HTTPS.")] = False
    webui_auth_cookie_same_site: Annotated[str, _about("SameSite of the session's cookie; as above when empty.")] = ""
    webui_auth_cookie_secure: Annotated[
        bool | None, _about("Session's cookie only over HTTPS; as above when unset.")
    ] = None
    custom_api_key_header: Annotated[str, _about("Header that may carry an API key.")] = "x-api-key"
    password_hash_algorithm: Annotated[str, _about("`bcrypt` or `argon2`, for new passwords.")] = "bcrypt"
    enable_password_validation: Annotated[bool, _about("Check new passwords against the pattern.")] = False
    password_validation_regex_pattern: Annotated[str, _about("Pattern of a good password.")] = (
        r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,}$"
    )
    password_validation_hint: Annotated[str, _about("What to tell who chose a bad one.")] = ""

    enable_persistent_config: Annotated[bool, _about("Keep settings of the administrator in the database.")] = True
    enable_oauth_persistent_config: Annotated[bool, _about("Keep those of OAuth there too.")] = False
    reset_config_on_start: Annotated[bool, _about("Forget the stored settings at start.")] = False
    bypass_model_access_control: Annotated[bool, _about("Every user may use every model.")] = False
    bypass_admin_access_control: Annotated[bool, _about("Administrators see everything of the workspace.")] = True
    enable_admin_chat_access: Annotated[bool, _about("Administrators may read chats of users.")] = True
    enable_admin_export: Annotated[bool, _about("Administrators may export all data.")] = True
    enable_admin_analytics: Annotated[bool, _about("Administrators see analytics.")] = True
    enable_public_active_users_count: Annotated[bool, _about("Everybody sees how many users are active.")] = True
    enable_version_update_check: Annotated[bool, _about("Ask for newer versions.")] = True
    enable_easter_eggs: Annotated[bool, _about("As it says.")] = True
    enable_plugins: Annotated[bool, _about("Tools and functions.")] = True
    enable_tools: Annotated[bool, _about("Tools.")] = True
    enable_functions: Annotated[bool, _about("Functions.")] = True
    enable_tool_servers: Annotated[bool, _about("Tool and terminal servers.")] = True
    enable_pyodide_file_persistence: Annotated[bool, _about("Keep files of code run in the page.")] = False
    enable_custom_model_fallback: Annotated[bool, _about("Use the default model where a base model is gone.")] = False
    offline_mode: Annotated[bool, _about("Never ask the internet for versions.")] = False
    safe_mode: Annotated[bool, _about("Start with functions switched off.")] = False

    enable_forward_user_info_headers: Annotated[bool, _about("Tell providers who asks, in headers.")] = False
    forward_user_info_header_user_name: Annotated[str, _about("Header with the name.")] = "X-OpenWebUI-User-Name"
    forward_user_info_header_user_id: Annotated[str, _about("Header with the id.")] = "X-OpenWebUI-User-Id"
    forward_user_info_header_user_email: Annotated[str, _about("Header with the address.")] = "X-OpenWebUI-User-Email"
    forward_user_info_header_user_role: Annotated[str, _about("Header with the role.")] = "X-OpenWebUI-User-Role"
    forward_session_info_header_chat_id: Annotated[str, _about("Header with the chat.")] = "X-OpenWebUI-Chat-Id"
    forward_session_info_header_message_id: Annotated[str, _about("Header with the message.")] = (
        "X-OpenWebUI-Message-Id"
    )
    aiohttp_client_timeout: Annotated[
        float | None, _about("Seconds a model's answer may take in all; none: no limit.")
    ] = 300
    aiohttp_client_timeout_model_list: Annotated[float | None, _about("Seconds a list of models may take.")] = 10
    models_cache_ttl: Annotated[float, _about("Seconds between refreshes of the lists of models, at least 60.")] = 300
    profile_image_allowed_mime_types: Annotated[str, _about("Pictures of users that are served, separated by `,`.")] = (
        "image/png,image/jpeg,image/gif,image/webp"
    )
    enable_profile_image_url_forwarding: Annotated[bool, _about("Redirect to pictures elsewhere.")] = True

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir).expanduser().resolve()

    @property
    def cookie_same_site(self) -> str:
        return self.webui_auth_cookie_same_site or self.webui_session_cookie_same_site

    @property
    def cookie_secure(self) -> bool:
        chosen = self.webui_auth_cookie_secure
        return self.webui_session_cookie_secure if chosen is None else chosen

    @property
    def uses_redis(self) -> bool:
        return self.enable_redis and bool(self.redis_url)


#: Other names of a variable, the reference's older ones and ours; the first that is set counts.
ALIASES: dict[str, tuple[str, ...]] = {"webui_secret_key": ("WEBUI_JWT_SECRET_KEY",)}

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off", "")


class Environment(Mapping[str, str]):
    """Variables from options, the process and `.env`, in this order, with `NAME_FILE` for each."""

    def __init__(self, *sources: Mapping[str, str]) -> None:
        self._sources = sources

    def __getitem__(self, name: str) -> str:
        for source in self._sources:
            if name in source:
                return source[name]
        for source in self._sources:
            path = source.get(f"{name}_FILE")
            if path:
                try:
                    return Path(path).read_text().strip()
                except OSError as error:
                    raise SettingsError(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
        raise KeyError(name)

    def __iter__(self) -> typing.Iterator[str]:
        return iter({name: None for source in self._sources for name in source})

    def __len__(self) -> int:
        return len(list(iter(self)))


def read_environment(
    options: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    dotenv: Path | None = Path(".env"),
) -> Environment:
    """The variables of this process."""
    from_file: dict[str, str] = {}
    if dotenv is not None and dotenv.is_file():
        from dotenv import dotenv_values

        from_file = {name: value for name, value in dotenv_values(dotenv).items() if value is not None}
    return Environment(options or {}, os.environ if environ is None else environ, from_file)


def parse(name: str, kind: Any, text: str) -> Any:
    """The value of a variable as its type; an empty text is None where None is allowed.

    Raises:
        SettingsError: the text does not fit.
    """
    if typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is types.UnionType:
        if text.strip() == "" or text.strip().lower() == "none":
            return None
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    text = text.strip()
    if kind is bool:
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise SettingsError(f"{name}: {text!r} is neither true nor false")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise SettingsError(f"{name}: {text!r} is not a number") from None
    return text


def load_settings(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a variable makes no sense.
    """
    hints = typing.get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    for field in Settings.__struct_fields__:
        for name in (field.upper(), *ALIASES.get(field, ())):
            text = env.get(name)
            if text is not None and (text != "" or hints[field] is str):
                values[field] = parse(name, hints[field], text)
                break
    settings = Settings(**values)
    if not 0 <= settings.port <= 65535:
        raise SettingsError(f"PORT: {settings.port} is not a port")
    if settings.password_hash_algorithm not in ("bcrypt", "argon2"):
        raise SettingsError(
            f"PASSWORD_HASH_ALGORITHM: {settings.password_hash_algorithm!r} is neither bcrypt nor argon2"
        )
    name = settings.webui_name
    return msgspec.structs.replace(
        settings,
        database_url=settings.database_url or _composed_url(env) or f"sqlite:///{settings.data_path / 'webui.db'}",
        webui_name=name if name == "Open WebUI" else f"{name} (Open WebUI)",
        websocket_redis_url=settings.websocket_redis_url or settings.redis_url,
        enable_tools=settings.enable_plugins and settings.enable_tools,
        enable_functions=settings.enable_plugins and settings.enable_functions,
        enable_tool_servers=settings.enable_plugins and settings.enable_tool_servers,
    )


def _composed_url(env: Mapping[str, str]) -> str | None:
    """A URL out of `DATABASE_TYPE`, `_USER`, `_PASSWORD`, `_HOST`, `_PORT`, `_NAME`, where all are given."""
    kind, host, port, name = (env.get(f"DATABASE_{part}") for part in ("TYPE", "HOST", "PORT", "NAME"))
    if not (kind and host and port and name):
        return None
    user, password = env.get("DATABASE_USER"), env.get("DATABASE_PASSWORD")
    credentials = ""
    if user:
        credentials = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@"
    return f"{kind}://{credentials}{host}:{port}/{name}"


def with_secret_key(settings: Settings) -> Settings:
    """The settings with a secret key: the given one, the kept one, or a new one kept in the data directory.

    Raises:
        SettingsError: the data directory cannot be written.
    """
    if settings.webui_secret_key:
        return settings
    for path in (Path(".webui_secret_key"), settings.data_path / ".webui_secret_key"):
        try:
            kept = path.read_text().strip()
        except OSError:
            continue
        if kept:
            return msgspec.structs.replace(settings, webui_secret_key=kept)
    key = secrets.token_urlsafe(48)
    path = settings.data_path / ".webui_secret_key"
    try:
        settings.data_path.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key)
    except FileExistsError:
        key = path.read_text().strip()  # another process was faster
    except OSError as error:
        raise SettingsError(f"DATA_DIR: cannot write {path}: {error.strerror}") from error
    return msgspec.structs.replace(settings, webui_secret_key=key)
