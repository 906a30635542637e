"""Fetch URLs that users name, with guarded addresses and limited sizes."""

from __future__ import annotations

import mimetypes
import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp

from fastback.config import Config
from fastback.config.keys.retrieval import RAG_FILE_MAX_SIZE
from fastback.config.keys.web import WEB_LOADER_SSL_VERIFICATION, WEB_LOADER_TIMEOUT, WEB_SEARCH_TRUST_ENV
from fastback.kit.storage import IncomingFile
from fastback.kit.web_guard import WebGuard
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

#: Seconds that a page and a file may take in all, seconds without data, and the number of redirects.
PAGE_TIMEOUT, FILE_TIMEOUT, SOCKET_TIMEOUT, MAX_REDIRECTS = 60.0, 600.0, 30.0, 10
#: The largest page in bytes, and the largest file where no limit is configured.
MAX_PAGE_BYTES, DEFAULT_MAX_FILE_BYTES = 10 * 1024 * 1024, 1024 * 1024 * 1024

_REDIRECTS = (301, 302, 303, 307, 308)
_TEXT_TYPES = ("application/javascript", "application/json", "application/xml", "application/x-javascript")
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
_UNSPECIFIC_TYPES = ("", "application/octet-stream", "binary/octet-stream")
_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml")
#: The first bytes of PDF, of Office and OpenDocument files, of older Office files, and of RTF.
_DOCUMENT_SIGNATURES = (b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf")
#: The bytes of a response that are read before it is judged.
_SAMPLE_SIZE = 4096
_FILENAME_PATTERNS = (
    re.compile(r"filename\*=UTF-8''([^;]+)", re.IGNORECASE),
    re.compile(r'filename="?([^";]+)"?', re.IGNORECASE),
)


class TooLarge(ValueError):
    """The response is larger than allowed; the text states the limit."""


def is_text_type(content_type: str) -> bool:
    """Return whether a content type is that of a page or a text; unknown ones count as pages."""
    kind = content_type.partition(";")[0].strip().lower()
    return not kind or kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+xml", "+json"))


def is_unnamed_markup(content_type: str, start: bytes) -> bool:
    """Return whether a body is a page by its first bytes, where it has no telling content type."""
    sample = start[:_SAMPLE_SIZE].lstrip().lower()
    return content_type in _UNSPECIFIC_TYPES and (sample.startswith(_MARKUP) or b"<html" in sample[:1024])


def is_document(response: aiohttp.ClientResponse, start: bytes) -> bool:
    """Return whether a body is to be read as a file: by its first bytes, else by its content type."""
    if start.startswith(_DOCUMENT_SIGNATURES):
        return True
    content_type = get_content_type(response)
    return not is_text_type(content_type) and not is_unnamed_markup(content_type, start)


def is_successful(response: aiohttp.ClientResponse) -> bool:
    """Return whether a response has a status of success. The body of any other one is no content of its URL."""
    return 200 <= response.status < 300


def get_content_type(response: aiohttp.ClientResponse) -> str:
    """Return the content type in lower case, without its parameters; empty without one."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


class WebFetcher:
    """Open clients for URLs that are not trusted, and send requests with them."""

    def __init__(self, guard: WebGuard, config: Config, settings: Settings) -> None:
        self.guard = guard
        self._config = config
        self._settings = settings

    def _build_headers(self) -> dict[str, str]:
        return {
            "user-agent": self._settings.user_agent or _USER_AGENT,
            "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "accept-language": "en-US,en;q=0.5",
            "dnt": "1",
            "upgrade-insecure-requests": "1",
        }

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open a client for one task. It keeps no cookies, and connects only to allowed addresses."""
        verify = self._config.get_bool(WEB_LOADER_SSL_VERIFICATION)
        connector = self.guard.make_connector(ssl=build_client_ssl(self._settings) if verify else False)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._config.get_bool(WEB_SEARCH_TRUST_ENV),
            headers=self._build_headers(),
            timeout=aiohttp.ClientTimeout(total=FILE_TIMEOUT, sock_connect=SOCKET_TIMEOUT, sock_read=SOCKET_TIMEOUT),
        ) as client:
            yield client

    @property
    def page_timeout(self) -> float:
        """Return the seconds that a page may take."""
        configured = self._config.get_number(WEB_LOADER_TIMEOUT)
        return configured if configured is not None and configured > 0 else PAGE_TIMEOUT

    @property
    def max_file_bytes(self) -> int:
        """Return the largest allowed file in bytes (`rag.file.max_size` is in MB)."""
        configured = self._config.get_number(RAG_FILE_MAX_SIZE)
        return int(configured) * 1024 * 1024 if configured is not None and configured >= 1 else DEFAULT_MAX_FILE_BYTES

    @asynccontextmanager
    async def open_url(self, client: aiohttp.ClientSession, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Request a URL. Redirects are followed where `AIOHTTP_CLIENT_ALLOW_REDIRECTS` allows it.

        Raises:
            BlockedAddress: a URL on the way is not allowed. aiohttp.ClientError, TimeoutError: no response.
        """
        for _ in range(MAX_REDIRECTS):
            await self.guard.check_url(url)
            async with client.get(url, allow_redirects=False) as response:
                location = response.headers.get("location")
                if (
                    response.status not in _REDIRECTS
                    or not location
                    or not self._settings.aiohttp_client_allow_redirects
                ):
                    yield response
                    return
                url = urljoin(url, location)
        raise aiohttp.ClientPayloadError("sent on too often")

    async def read_start(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the first bytes of a body. Raises: aiohttp.ClientError, TimeoutError."""
        start = bytearray()
        while len(start) < _SAMPLE_SIZE and (chunk := await response.content.readany()):
            start += chunk
        return bytes(start)

    async def read_page(self, response: aiohttp.ClientResponse, start: bytes) -> bytes:
        """Return the body of a page, which begins with `start`. Raises: TooLarge; aiohttp.ClientError, TimeoutError."""
        body = bytearray(start)
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > MAX_PAGE_BYTES:
                raise TooLarge(f"{MAX_PAGE_BYTES // 1024**2} MB")
        return bytes(body)

    @asynccontextmanager
    async def save_file(self, response: aiohttp.ClientResponse, start: bytes, max_bytes: int) -> AsyncIterator[Path]:
        """Write the body, which begins with `start`, to a temporary file that is deleted with the context.

        Raises:
            TooLarge; aiohttp.ClientError, TimeoutError; OSError: the file cannot be written.
        """
        if (response.content_length or 0) > max_bytes:
            raise TooLarge(f"{max_bytes // 1024**2} MB")
        async with IncomingFile(Path(tempfile.gettempdir())) as incoming:
            await incoming.write(start)
            async for chunk in response.content.iter_chunked(256 * 1024):
                await incoming.write(chunk)
                if incoming.size > max_bytes:
                    raise TooLarge(f"{max_bytes // 1024**2} MB")
            await incoming.finish()
            yield incoming.path


def get_filename(response: aiohttp.ClientResponse, url: str) -> str:
    """Return the name of a file by its header, else by its URL, with an extension that fits its content type."""
    disposition = response.headers.get("content-disposition", "")
    encoded, plain = (pattern.search(disposition) for pattern in _FILENAME_PATTERNS)
    name = unquote(encoded.group(1)) if encoded else plain.group(1) if plain else urlsplit(url).path
    name = name.replace("\\", "/").rsplit("/", 1)[-1].strip() or "download"
    content_type = get_content_type(response)
    extension = os.path.splitext(name)[1]
    is_known_type = mimetypes.guess_type(name)[0] is not None or content_type in ("", "application/octet-stream")
    if not extension or not is_known_type:
        # The dot in names such as arXiv's 1706.03762 does not start an extension.
        name += mimetypes.guess_extension(content_type) or ("" if extension else ".bin")
    return name
