"""Download skills from a URL: a file, an archive, or a repository or folder on GitHub."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote, unquote, urljoin, urlsplit

import aiohttp

from fastback import messages
from fastback.features.skills.files import MAIN_FILE, require_valid_path
from fastback.features.skills.packages import LARGEST_IMPORT, Package, parse_packages
from fastback.kit.web_guard import BlockedAddress, WebGuard
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

#: Timeout of the whole download (seconds), and the limit of requests that redirects may lead to.
TIMEOUT_SECONDS = 60
MAX_REQUESTS = 6

_GITHUB_NAME = re.compile(r"[\w.-]+")
_FILE_NAMES = {"application/json": "skills.json", "text/markdown": MAIN_FILE}


def resolve_source(url: str) -> tuple[str, str | None]:
    """Return the URL to download, and the folder in the archive of a repository (None: no such archive).

    Raises:
        ValueError: skills cannot be downloaded from this URL.
    """
    url = url.strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("Use an HTTP(S) URL without embedded credentials")
    if parts.hostname.lower() != "github.com":
        return url, None
    steps = parts.path.strip("/").split("/")
    if len(steps) < 2 or any(not _GITHUB_NAME.fullmatch(step) or step in (".", "..") for step in steps[:2]):
        raise ValueError("Invalid GitHub repository URL")
    owner, repository = steps[0], steps[1].removesuffix(".git")
    if not repository:
        raise ValueError("Invalid GitHub repository URL")
    branch, folder = "HEAD", ""
    if len(steps) > 2:
        if steps[2] in ("archive", "releases", "raw"):
            return url, None
        if len(steps) < 4 or steps[2] not in ("tree", "blob"):
            raise ValueError("Use a GitHub repository, folder, or SKILL.md URL")
        branch = require_valid_path(unquote(steps[3]))
        path = "/".join(map(unquote, steps[4:]))
        if steps[2] == "blob":
            if path.split("/")[-1] != MAIN_FILE:
                raise ValueError("Select a SKILL.md file or a skill folder")
            path = path.removesuffix(MAIN_FILE).rstrip("/")
        folder = require_valid_path(path) + "/" if path else ""
    return f"https://codeload.github.com/{owner}/{repository}/zip/{quote(branch, safe='')}", folder


def _create_client(guard: WebGuard, settings: Settings) -> aiohttp.ClientSession:
    """Return a client for a single download, without cookies and proxies."""
    return aiohttp.ClientSession(
        connector=guard.make_connector(ssl=build_client_ssl(settings)),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


async def download_packages(guard: WebGuard, settings: Settings, url: str) -> list[Package]:
    """Return the skills at a URL.

    Raises:
        ValueError: the URL is not allowed, cannot be reached, or has no skill.
    """
    url, folder = resolve_source(url)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), _create_client(guard, settings) as client:
            for _ in range(MAX_REQUESTS):
                parts = urlsplit(url)
                if parts.username or parts.password:
                    raise ValueError("Use a URL without embedded credentials")
                await guard.check_url(url)
                async with client.get(url, allow_redirects=False) as response:
                    if response.status in (301, 302, 303, 307, 308):
                        url = urljoin(url, response.headers.get("location", ""))
                        continue
                    name, content = await _read_response(response, parts.path)
                return await asyncio.to_thread(parse_packages, content, name, discover=True, folder=folder)
    except BlockedAddress:
        raise ValueError(messages.INVALID_URL) from None
    except (TimeoutError, aiohttp.ClientError) as error:
        raise ValueError("Could not download the skill. Please try again.") from error
    raise ValueError("Too many redirects while downloading the skill")


async def _read_response(response: aiohttp.ClientResponse, path: str) -> tuple[str, bytes]:
    """Return a file name whose extension tells the format, and the content of the response.

    Raises:
        ValueError: the response is an error, a web page or too large.
    """
    if response.status != 200:
        raise ValueError("Could not download the skill. Check that the URL is accessible.")
    if response.content_type == "text/html":
        raise ValueError("The URL returned a web page. Use a raw skill file or a ZIP/.skill download link.")
    content = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > LARGEST_IMPORT:
            raise ValueError("Import exceeds 200 MiB")
    name = "skills.zip" if content.startswith(b"PK") else _FILE_NAMES.get(response.content_type, unquote(path))
    return name, bytes(content)
