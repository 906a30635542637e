"""Metadata and keys of providers, fetched when they are needed and kept for some time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from fastback.features.oauth.errors import ProviderError
from fastback.features.oauth.metadata import Metadata, parse_metadata
from fastback.features.oauth.provider_requests import ProviderRequests
from fastback.features.oauth.providers import Provider

log = logging.getLogger("fastback.oauth")

#: Seconds that metadata and keys are used before they are fetched again.
LIFETIME = 3600.0
#: Seconds between two fetches of keys because a token names an unknown one: tokens may be forged.
REFRESH_PAUSE = 10.0
#: Addresses whose documents are kept.
_MAX_KEPT = 50


class _Document:
    __slots__ = ("content", "fetched_at")

    def __init__(self, content: Any) -> None:
        self.content = content
        self.fetched_at = time.monotonic()


class Discovery:
    """Fetches what providers publish."""

    def __init__(self, requests: ProviderRequests) -> None:
        self._requests = requests
        self._documents: dict[str, _Document] = {}
        self._fetches: dict[str, asyncio.Task[Any]] = {}
        #: When keys were fetched before their time (monotonic time by address).
        self._refreshed_at: dict[str, float] = {}

    async def get_metadata(self, provider: Provider) -> Metadata:
        """Return the metadata of a provider.

        Raises:
            ProviderError: it cannot be fetched, or is invalid.
        """
        if provider.metadata is not None:
            return provider.metadata
        content = await self._get_document(provider, provider.metadata_url, parse_metadata, "metadata")
        assert isinstance(content, Metadata)
        return content

    async def get_keys(self, provider: Provider, *, refresh: bool = False) -> list[dict[str, Any]]:
        """Return the public keys of a provider; with `refresh`, fetch them again unless that was just done.

        Raises:
            ProviderError: they cannot be fetched, or are invalid.
        """
        url = (await self.get_metadata(provider)).require_endpoint("jwks_uri")
        now = time.monotonic()
        if refresh and now - self._refreshed_at.get(url, -REFRESH_PAUSE) >= REFRESH_PAUSE:
            self._refreshed_at[url] = now
            document = self._documents.get(url)
            if document is not None:
                document.fetched_at = -LIFETIME
        keys: list[dict[str, Any]] = await self._get_document(provider, url, _parse_keys, "keys")
        return keys

    async def _get_document(self, provider: Provider, url: str, parse: Callable[[Any], Any], subject: str) -> Any:
        document = self._documents.get(url)
        if document is not None and time.monotonic() - document.fetched_at < LIFETIME:
            return document.content
        fetch = self._fetches.get(url)
        if fetch is None:
            fetch = self._fetches[url] = asyncio.create_task(self._fetch_document(provider, url, parse, subject))
            fetch.add_done_callback(lambda task: self._end_fetch(url, task))
        return await asyncio.shield(fetch)  # other requests wait for it, too

    def _end_fetch(self, url: str, fetch: asyncio.Task[Any]) -> None:
        self._fetches.pop(url, None)
        if not fetch.cancelled():
            fetch.exception()  # every request that waited may be gone

    async def _fetch_document(self, provider: Provider, url: str, parse: Callable[[Any], Any], subject: str) -> Any:
        document = self._documents.get(url)
        try:
            response = await self._requests.get(url, timeout=provider.timeout)
            content = parse(response.require_object(subject))
        except ProviderError as error:
            if document is None:
                raise
            log.warning("reload of the %s of %s failed, the last ones are used: %s", subject, provider.name, error)
            document.fetched_at = time.monotonic() - LIFETIME + REFRESH_PAUSE
            return document.content
        if len(self._documents) >= _MAX_KEPT:
            self._documents.clear()
        self._documents[url] = _Document(content)
        return content


def _parse_keys(document: Any) -> list[dict[str, Any]]:
    """Return the keys that may sign tokens: public keys, not those for encryption and no shared secrets."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ProviderError("its keys are not a list")
    return [
        key
        for key in entries
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use") in (None, "sig")
    ]
