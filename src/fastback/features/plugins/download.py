"""Fetching the text of a plugin from an address that an administrator names."""

from __future__ import annotations

import logging
import re
from typing import Any

import aiohttp

from fastback import messages
from fastback.kit.http import BadRequest, HttpError
from fastback.kit.http.url_validation import http_url
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

#: The longest text that is taken (bytes).
LONGEST = 10 * 1024**2
_GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/]+)/(tree|blob)/([^/]+)/(.*)")
_ENTRIES = ("main.py", "index.py", "__init__.py")


def raw_address(url: str) -> str:
    """Where GitHub gives out the file of a page that shows a file or a folder; other addresses as they are."""
    match = _GITHUB.match(url)
    if match is None:
        return url
    owner, repository, kind, branch, path = match.groups()
    if kind == "tree":
        path = path.rstrip("/") + "/main.py"
    return f"https://raw.githubusercontent.com/{owner}/{repository}/refs/heads/{branch}/{path}"


def name_of(url: str) -> str:
    """The name of a plugin by its address: its file's, or its folder's where the file is a mere entry."""
    parts = url.rstrip("/").split("/")
    if parts[-1].endswith(".py") and not parts[-1].startswith(_ENTRIES):
        return parts[-1][:-3]
    return parts[-2] if len(parts) > 1 else "function"


async def fetched(client: aiohttp.ClientSession, settings: Settings, url: str, noun: str) -> dict[str, Any]:
    """`{"name", "content"}` of what lies at the address. Private ones are not refused: only administrators ask.

    Raises:
        Invalid: no address of HTTP; HttpError: the other server's refusal, or 500 where it cannot be reached.
    """
    address = raw_address(http_url(url))
    try:
        async with client.get(
            address,
            headers={"content-type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=settings.aiohttp_client_timeout),
        ) as response:
            if response.status != 200:
                raise HttpError(response.status, f"Failed to fetch the {noun}")
            body = await response.content.read(LONGEST + 1)
            while len(body) <= LONGEST and (part := await response.content.read(LONGEST)):
                body += part
            text = body.decode(response.get_encoding(), "replace")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, LookupError) as error:
        log.warning("%s at %s: %s", noun, address, error)
        raise HttpError(500, messages.default(f"Error fetching {noun}")) from error
    if len(body) > LONGEST:
        raise BadRequest(f"The {noun} is longer than {LONGEST // 1024**2} MiB")
    if not text:
        raise BadRequest("No data received from the URL")
    return {"name": name_of(address), "content": text}
