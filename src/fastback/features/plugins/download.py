"""Download the code of a plugin from a URL that an administrator enters."""

from __future__ import annotations

import logging
import re
from typing import Any

import aiohttp

from fastback import messages
from fastback.kit.http import BadRequest, HttpError
from fastback.kit.http.url_validation import validate_http_url
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

#: The largest plugin that is accepted (bytes).
LARGEST_DOWNLOAD = 10 * 1024**2
_GITHUB_URL = re.compile(r"https://github\.com/([^/]+)/([^/]+)/(tree|blob)/([^/]+)/(.*)")
_ENTRY_FILES = ("main.py", "index.py", "__init__.py")


def get_raw_url(url: str) -> str:
    """Return the URL of the raw file for a GitHub page of a file or folder; other URLs are returned unchanged."""
    match = _GITHUB_URL.match(url)
    if match is None:
        return url
    owner, repository, kind, branch, path = match.groups()
    if kind == "tree":
        path = path.rstrip("/") + "/main.py"
    return f"https://raw.githubusercontent.com/{owner}/{repository}/refs/heads/{branch}/{path}"


def derive_plugin_name(url: str) -> str:
    """Return the name of a plugin: its file name, or the name of its folder if the file is only an entry point."""
    parts = url.rstrip("/").split("/")
    if parts[-1].endswith(".py") and not parts[-1].startswith(_ENTRY_FILES):
        return parts[-1][:-3]
    return parts[-2] if len(parts) > 1 else "function"


def _decode_text(body: bytes, charset: str | None) -> str:
    """Decode a body in the charset that its server names; in UTF-8 if it names none, or one that does not exist."""
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


async def download_plugin(client: aiohttp.ClientSession, settings: Settings, url: str, noun: str) -> dict[str, Any]:
    """Return `{"name", "content"}` of the plugin at a URL.

    Private addresses are allowed, because only administrators may call this.

    Raises:
        Invalid: it is not an HTTP URL.
        HttpError: the other server's error.
        BadRequest: the server cannot be reached, or the plugin is too large or empty.
    """
    raw_url = get_raw_url(validate_http_url(url))
    try:
        async with client.get(
            raw_url,
            headers={"content-type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=settings.aiohttp_client_timeout),
        ) as response:
            if response.status != 200:
                raise HttpError(response.status, f"Failed to fetch the {noun}")
            body = await response.content.read(LARGEST_DOWNLOAD + 1)
            while len(body) <= LARGEST_DOWNLOAD and (chunk := await response.content.read(LARGEST_DOWNLOAD)):
                body += chunk
            text = _decode_text(body, response.charset)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, LookupError) as error:
        log.warning("download of %s from %s failed: %s", noun, raw_url, error)
        raise BadRequest(messages.wrap_reason(f"Error fetching {noun}")) from error
    if len(body) > LARGEST_DOWNLOAD:
        raise BadRequest(f"The {noun} is longer than {LARGEST_DOWNLOAD // 1024**2} MiB")
    if not text:
        raise BadRequest("No data received from the URL")
    return {"name": derive_plugin_name(raw_url), "content": text}
