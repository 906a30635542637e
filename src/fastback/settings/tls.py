"""Which certificates of other servers are believed."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from fastback.settings.environment import SettingsError
from fastback.settings.process_settings import Settings


def client_ssl(settings: Settings, *, tool_server: bool = False) -> bool | ssl.SSLContext:
    """What aiohttp takes as `ssl`: True checks with the system's authorities, False not at all, a context has its own.

    Raises:
        SettingsError: a file of authorities that cannot be read.
    """
    variable, choice = _setting(settings, tool_server)
    return choice if isinstance(choice, bool) else _context(variable, choice)


def client_authorities(settings: Settings) -> bool | str:
    """Return whether certificates of other servers are checked, or the path of the authorities to check them with."""
    return _setting(settings, tool_server=False)[1]


def _setting(settings: Settings, tool_server: bool) -> tuple[str, bool | str]:
    """Return the variable that decides, and what it says."""
    name = "aiohttp_client_session_tool_server_ssl" if tool_server else "aiohttp_client_session_ssl"
    choice: str = getattr(settings, name).strip()
    if choice.lower() == "false":
        return name.upper(), False
    if choice.lower() not in ("true", ""):
        return name.upper(), choice
    return "AIOHTTP_CLIENT_SSL_CERT_FILE", settings.aiohttp_client_ssl_cert_file.strip() or True


@lru_cache(maxsize=4)
def _context(variable: str, path: str) -> ssl.SSLContext:
    if not Path(path).is_file():
        raise SettingsError(f"{variable}: there is no file {path}")
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{variable}: no authorities in {path}: {error}") from error
