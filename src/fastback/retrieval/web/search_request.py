"""One web search: the query, the user it is for, and the requests to a search service."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.key import require_key
from fastback.config.keys.web import WEB_SEARCH_RESULT_COUNT
from fastback.kit.json_decoding import decode_json
from fastback.providers.openai import make_user_headers
from fastback.providers.request_context import RequestContext
from fastback.settings import Settings

#: Seconds that a search service may take, and the largest response in bytes.
TIMEOUT = 60.0
MAX_RESPONSE_BYTES = 16 * 1024 * 1024

#: The user agent for services that require one.
USER_AGENT = "Mozilla/5.0 (compatible; Fastback; web search)"


class SearchFailed(Exception):
    """A search service cannot be reached, or responds with an error; the text is for the administrator."""


class SearchRequest:
    """A query to a search service, with what its requests need."""

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
        self.count = max(int(config.get_number(WEB_SEARCH_RESULT_COUNT) or 3), 1)

    def get_setting(self, name: str) -> str:
        """Return the config key `web.search.{name}` as text."""
        return self.config.get_text(require_key(f"web.search.{name}"))

    def build_user_headers(self) -> dict[str, str]:
        """Return the headers that identify the requesting user to a self-hosted service."""
        ctx = self.ctx
        if ctx is None or ctx.user is None:
            return {}
        headers = make_user_headers(ctx.user, self.settings)
        if ctx.chat_id:
            headers[self.settings.forward_session_info_header_chat_id] = ctx.chat_id
        return headers

    def get_ssl_option(self) -> bool | ssl.SSLContext:
        """Return aiohttp's `ssl` option: with the client certificate where one is configured, else the default.

        Raises:
            SearchFailed: the certificate's files cannot be read.
        """
        certificate = self.settings.searxng_client_cert_file
        if not certificate:
            return True
        try:
            return _load_client_certificate(certificate, self.settings.searxng_client_key_file or None)
        except (OSError, ssl.SSLError) as error:
            raise SearchFailed(f"SEARXNG_CLIENT_CERT_FILE: {error}") from error

    async def fetch(self, method: str, url: Any, *, raise_for_status: bool = True, **options: Any) -> bytes:
        """Return the body of a service's response.

        Raises:
            SearchFailed: the service responds with an error (where `checked`), cannot be reached, or sends too much.
        """
        options.setdefault("timeout", aiohttp.ClientTimeout(total=TIMEOUT))
        try:
            async with self.client.request(method, url, **options) as response:
                body = await read_limited(response, MAX_RESPONSE_BYTES)
                if raise_for_status and response.status >= 400:
                    raise SearchFailed(f"{response.url.host} answered {response.status}: {body[:300]!r}")
                return body
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SearchFailed(f"{url}: {error or type(error).__name__}") from error

    async def fetch_json(self, method: str, url: Any, **options: Any) -> Any:
        """Return the decoded JSON of a service's response. Raises: SearchFailed."""
        body = await self.fetch(method, url, **options)
        try:
            return decode_json(body)
        except msgspec.DecodeError as error:
            raise SearchFailed(f"{url}: no JSON in the answer: {error}") from error


@lru_cache(maxsize=2)
def _load_client_certificate(certificate: str, key: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_cert_chain(certificate, key)
    return context


async def read_limited(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return the body of a response. Raises: ValueError, where it is longer than `max_bytes`."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > max_bytes:
            raise ValueError(f"more than {max_bytes} bytes")
    return bytes(body)
