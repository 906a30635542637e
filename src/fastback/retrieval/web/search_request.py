"""One search: what is looked for, on whose behalf, and asking a search service for it."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.key import require_key
from fastback.config.keys.web import WEB_SEARCH_RESULT_COUNT
from fastback.providers.openai import user_headers
from fastback.providers.request_context import RequestContext
from fastback.settings import Settings

#: How long a search service may take (seconds), and the longest answer of one (bytes).
SECONDS = 60.0
LONGEST = 16 * 1024 * 1024

#: Who asks, where a service wants to know.
ROBOT = "Mozilla/5.0 (compatible; Fastback; web search)"


class SearchFailed(Exception):
    """A search service that cannot be asked, or refuses; in words for the administrator."""


class Asked:
    """A question to a search service."""

    def __init__(
        self,
        *,
        client: aiohttp.ClientSession,
        config: Config,
        settings: Settings,
        text: str,
        ctx: RequestContext | None = None,
    ) -> None:
        self.client = client
        self.config = config
        self.settings = settings
        self.text = text
        self.ctx = ctx
        self.count = max(int(config.number(WEB_SEARCH_RESULT_COUNT) or 3), 1)

    def value(self, name: str) -> str:
        """The setting `web.search.{name}` as text."""
        return self.config.text(require_key(f"web.search.{name}"))

    def who(self) -> dict[str, str]:
        """Headers that tell a service of the house's own who asks."""
        ctx = self.ctx
        if ctx is None or ctx.user is None:
            return {}
        found = user_headers(ctx.user, self.settings)
        if ctx.chat_id:
            found[self.settings.forward_session_info_header_chat_id] = ctx.chat_id
        return found

    def certificate(self) -> bool | ssl.SSLContext:
        """What `ssl` is told for a server that wants to see our certificate; else as for every other.

        Raises:
            SearchFailed: files that cannot be read.
        """
        certificate = self.settings.searxng_client_cert_file
        if not certificate:
            return True
        try:
            return _own_certificate(certificate, self.settings.searxng_client_key_file or None)
        except (OSError, ssl.SSLError) as error:
            raise SearchFailed(f"SEARXNG_CLIENT_CERT_FILE: {error}") from error

    async def answer(self, method: str, url: Any, *, checked: bool = True, **options: Any) -> bytes:
        """What a service answers.

        Raises:
            SearchFailed: it refuses (unless not `checked`), cannot be reached, or does not come to an end.
        """
        options.setdefault("timeout", aiohttp.ClientTimeout(total=SECONDS))
        try:
            async with self.client.request(method, url, **options) as response:
                body = await limited(response, LONGEST)
                if checked and response.status >= 400:
                    raise SearchFailed(f"{response.url.host} answered {response.status}: {body[:300]!r}")
                return body
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SearchFailed(f"{url}: {error or type(error).__name__}") from error

    async def json(self, method: str, url: Any, **options: Any) -> Any:
        """The same where a service answers JSON. Raises: SearchFailed."""
        body = await self.answer(method, url, **options)
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SearchFailed(f"{url}: no JSON in the answer: {error}") from error


@lru_cache(maxsize=2)
def _own_certificate(certificate: str, key: str | None) -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.load_cert_chain(certificate, key)
    return made


async def limited(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body. Raises: ValueError, where it is longer than `most` bytes."""
    body = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > most:
            raise ValueError(f"more than {most} bytes")
    return bytes(body)
