"""Certificate checks of requests to other servers."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from fastback.settings.environment import SettingsError
from fastback.settings.process_settings import Settings


def build_client_ssl(settings: Settings, *, tool_server: bool = False) -> bool | ssl.SSLContext:
    """Return the `ssl` argument of aiohttp.

    True checks certificates against the CA certificates of the system, False does not check them, and a context checks
    them against its own CA certificates.

    Raises:
        SettingsError: the file with CA certificates cannot be read.
    """
    variable, choice = _get_choice(settings, tool_server)
    return choice if isinstance(choice, bool) else _load_context(variable, choice)


def get_client_authorities(settings: Settings, *, tool_server: bool = False) -> bool | str:
    """Return whether certificates of other servers are checked, or the path of a file with CA certificates to use."""
    return _get_choice(settings, tool_server)[1]


def _get_choice(settings: Settings, tool_server: bool) -> tuple[str, bool | str]:
    """Return the name of the variable that decides, and its choice: a boolean, or the path of a file."""
    name = "aiohttp_client_session_tool_server_ssl" if tool_server else "aiohttp_client_session_ssl"
    choice: str = getattr(settings, name).strip()
    if choice.lower() == "false":
        return name.upper(), False
    if choice.lower() not in ("true", ""):
        return name.upper(), choice
    return "AIOHTTP_CLIENT_SSL_CERT_FILE", settings.aiohttp_client_ssl_cert_file.strip() or True


@lru_cache(maxsize=4)
def _load_context(variable: str, path: str) -> ssl.SSLContext:
    """Return a context with the CA certificates of a file.

    Raises:
        SettingsError: the file does not exist or contains no certificates.
    """
    if not Path(path).is_file():
        raise SettingsError(f"{variable}: there is no file {path}")
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{variable}: cannot read certificates from {path}: {error}") from error
