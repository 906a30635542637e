"""Fetching what lies at an address on the web that somebody else has named: guarded, and within limits."""

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
from fastback.settings.tls import client_ssl

#: Seconds a page and a file may take in all, seconds of silence, and how often one is sent on to another address.
PAGE_SECONDS, FILE_SECONDS, SILENCE, HOPS = 60.0, 600.0, 30.0, 10
#: The longest page (bytes of its text), and the largest file where the administrator sets no limit.
LONGEST_PAGE, LARGEST_FILE = 10 * 1024 * 1024, 1024 * 1024 * 1024

_REDIRECTS = (301, 302, 303, 307, 308)
_TEXTS = ("application/javascript", "application/json", "application/xml", "application/x-javascript")
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
_NAMED = re.compile(r"filename\*=UTF-8''([^;]+)", re.IGNORECASE), re.compile(r'filename="?([^";]+)"?', re.IGNORECASE)


class TooLarge(ValueError):
    """More than may be fetched; the text says how much that is."""


def is_text(content_type: str) -> bool:
    """Whether a content type is that of a page, or of a text; unknown ones are taken for pages."""
    kind = content_type.partition(";")[0].strip().lower()
    return not kind or kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+xml", "+json"))


class Fetching:
    """Makes clients for addresses that strangers name, and asks with them."""

    def __init__(self, guard: WebGuard, config: Config, settings: Settings) -> None:
        self.guard = guard
        self._config = config
        self._settings = settings

    def _headers(self) -> dict[str, str]:
        return {
            "user-agent": self._settings.user_agent or _BROWSER,
            "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "accept-language": "en-US,en;q=0.5",
            "dnt": "1",
            "upgrade-insecure-requests": "1",
        }

    @asynccontextmanager
    async def client(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A client for one errand: no cookies are kept, nobody is connected to who may not be."""
        verified = self._config.flag(WEB_LOADER_SSL_VERIFICATION)
        connector = self.guard.make_connector(ssl=client_ssl(self._settings) if verified else False)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._config.flag(WEB_SEARCH_TRUST_ENV),
            headers=self._headers(),
            timeout=aiohttp.ClientTimeout(total=FILE_SECONDS, sock_connect=SILENCE, sock_read=SILENCE),
        ) as client:
            yield client

    @property
    def seconds(self) -> float:
        """How long a page may take."""
        chosen = self._config.number(WEB_LOADER_TIMEOUT)
        return chosen if chosen is not None and chosen > 0 else PAGE_SECONDS

    @property
    def largest(self) -> int:
        """The largest file in bytes (`rag.file.max_size` counts in MB)."""
        chosen = self._config.number(RAG_FILE_MAX_SIZE)
        return int(chosen) * 1024 * 1024 if chosen is not None and chosen >= 1 else LARGEST_FILE

    @asynccontextmanager
    async def opened(self, client: aiohttp.ClientSession, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at an address; redirects are followed where `AIOHTTP_CLIENT_ALLOW_REDIRECTS` says so.

        Raises:
            BlockedAddress: an address on the way may not be called. aiohttp.ClientError, TimeoutError: no answer.
        """
        for _ in range(HOPS):
            await self.guard.check_url(url)
            async with client.get(url, allow_redirects=False) as response:
                onward = response.headers.get("location")
                if response.status not in _REDIRECTS or not onward or not self._settings.aiohttp_client_allow_redirects:
                    yield response
                    return
                url = urljoin(url, onward)
        raise aiohttp.ClientPayloadError("sent on too often")

    async def page(self, response: aiohttp.ClientResponse) -> bytes:
        """The body of a page. Raises: TooLarge; aiohttp.ClientError, TimeoutError."""
        body = bytearray()
        async for piece in response.content.iter_chunked(64 * 1024):
            body += piece
            if len(body) > LONGEST_PAGE:
                raise TooLarge(f"{LONGEST_PAGE // 1024**2} MB")
        return bytes(body)

    @asynccontextmanager
    async def file(self, response: aiohttp.ClientResponse) -> AsyncIterator[Path]:
        """The body in a file that lasts as long as the context.

        Raises:
            TooLarge; aiohttp.ClientError, TimeoutError; OSError: it cannot be kept.
        """
        most = self.largest
        if (response.content_length or 0) > most:
            raise TooLarge(f"{most // 1024**2} MB")
        async with IncomingFile(Path(tempfile.gettempdir())) as spool:
            async for piece in response.content.iter_chunked(256 * 1024):
                await spool.write(piece)
                if spool.size > most:
                    raise TooLarge(f"{most // 1024**2} MB")
            await spool.finish()
            yield spool.path


def filename_of(response: aiohttp.ClientResponse, url: str) -> str:
    """What a file is called: in its header, else in its address; with an ending that fits its type."""
    disposition = response.headers.get("content-disposition", "")
    starred, plain = (pattern.search(disposition) for pattern in _NAMED)
    name = unquote(starred.group(1)) if starred else plain.group(1) if plain else urlsplit(url).path
    name = name.replace("\\", "/").rsplit("/", 1)[-1].strip() or "download"
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    ending = os.path.splitext(name)[1]
    known = mimetypes.guess_type(name)[0] is not None or kind in ("", "application/octet-stream")
    if not ending or not known:
        # The dot in names like arXiv's 1706.03762 begins no ending.
        name += mimetypes.guess_extension(kind) or ("" if ending else ".bin")
    return name
