"""Reading pages of the web: as documents, by our own means or by a service that the administrator has chosen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp

from fastback import messages
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_YOUTUBE_LOADER_LANGUAGE, RAG_YOUTUBE_LOADER_PROXY_URL
from fastback.config.keys.web import (
    WEB_LOADER_CONCURRENT_REQUESTS,
    WEB_LOADER_ENGINE,
    WEB_LOADER_PLAYWRIGHT_TIMEOUT,
    WEB_LOADER_PLAYWRIGHT_WS_URL,
    WEB_LOADER_SSL_VERIFICATION,
    WEB_SEARCH_TRUST_ENV,
)
from fastback.kit.services import Services
from fastback.kit.web_guard import BlockedAddress
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Workers
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Document, Extractor, RetrievalError
from fastback.retrieval.web import youtube
from fastback.retrieval.web.fetcher import FILE_SECONDS, Fetching, TooLarge, filename_of, is_text
from fastback.retrieval.web.loaders import LOADERS
from fastback.retrieval.web.search_request import SearchFailed
from fastback.settings import Settings
from fastback.settings.tls import client_authorities

log = logging.getLogger("fastback.web")

#: What is said of a page that says nothing of itself.
NO_DESCRIPTION, NO_LANGUAGE = "No description found.", "No language found."
#: Seconds before an address that does not answer is tried once more.
PAUSE = 1.0
#: Seconds that a browser has for a page where the administrator says nothing, and for its own coming and going.
BROWSER_SECONDS = 30.0

_MARKUP = ("text/html", "application/xhtml+xml", "")


class Unreadable(RetrievalError):
    """An address that nothing could be read at; its text is for the log."""


class Pages:
    """Reads pages."""

    def __init__(
        self,
        *,
        fetching: Fetching,
        client: aiohttp.ClientSession,
        config: Config,
        settings: Settings,
        workers: Workers,
        browsers: Workers,
        videos: Workers,
        services: Services,
    ) -> None:
        """`client` asks services of the administrator's choice; strangers' addresses go by `fetching`."""
        self.fetching = fetching
        self._client = client
        self._config = config
        self._settings = settings
        self._workers = workers
        self._browsers = browsers
        self._videos = videos
        self._services = services

    # One address that somebody wants to have read

    async def read(self, url: str, ctx: RequestContext | None = None) -> list[Document]:
        """What lies at an address: a page, the text of a file, or of a video.

        Raises:
            Unreadable: nothing can be read there.
            TranscriptError: of a video, in words for whoever asked.
            RetrievalError: the file cannot be read, in words for whoever asked.
        """
        try:
            await self.fetching.guard.check_url(url)
        except BlockedAddress as error:
            raise Unreadable(messages.INVALID_URL) from error
        if youtube.is_video(url):
            return [await self._transcript(url)]
        try:
            return await self._probed(url, ctx)
        except (BlockedAddress, TooLarge) as error:
            raise Unreadable(f"{url}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if self._own:
                raise Unreadable(f"{url}: {error or type(error).__name__}") from error
            # Another service may get at what we do not.
            return await self._by_service([url], ctx)

    @property
    def _own(self) -> bool:
        return self._config.text(WEB_LOADER_ENGINE) in ("", "safe_web")

    async def _probed(self, url: str, ctx: RequestContext | None) -> list[Document]:
        async with (
            asyncio.timeout(self.fetching.seconds) as limit,
            self.fetching.client() as client,
            self.fetching.opened(client, url) as response,
        ):
            kind = response.headers.get("content-type", "")
            if response.status < 400 and not is_text(kind):
                limit.reschedule(asyncio.get_running_loop().time() + FILE_SECONDS)
                return await self._of_file(url, response, ctx)
            if self._own:
                content = await self.fetching.page(response)
                return [await self._document(url, content, response)]
        return await self._by_service([url], ctx)

    async def _of_file(self, url: str, response: aiohttp.ClientResponse, ctx: RequestContext | None) -> list[Document]:
        name = filename_of(response, url)
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        async with self.fetching.file(response) as path:
            extractor = self._services.get(Extractor)
            found = await extractor.extract(path, name, kind or None, ctx=ctx)
        for document in found:
            document.metadata = {**document.metadata, "source": url}
        return found

    async def _transcript(self, url: str) -> Document:
        languages = [str(one) for one in self._config.items(RAG_YOUTUBE_LOADER_LANGUAGE)]
        proxy = self._config.text(RAG_YOUTUBE_LOADER_PROXY_URL) or None
        verify = client_authorities(self._settings)
        return await youtube.transcript(self._videos, url, languages, proxy=proxy, verify=verify)

    # Several, that a search has found

    async def load(self, urls: Sequence[str], ctx: RequestContext | None = None) -> list[Document]:
        """Documents of pages. Those that may not be called are left out; one that does not answer is empty.

        Raises:
            Unreadable: none of them may be called.
            SearchFailed: the chosen service cannot be asked, or there is none of this name.
        """
        allowed = await asyncio.gather(*(self._allowed(url) for url in urls))
        urls = [url for url, may in zip(urls, allowed, strict=True) if may]
        if not urls:
            raise Unreadable(messages.INVALID_URL)
        if not self._own:
            return await self._by_service(urls, ctx)
        most = int(self._config.number(WEB_LOADER_CONCURRENT_REQUESTS) or 0)
        turn = asyncio.Semaphore(most if most > 0 else len(urls))
        async with self.fetching.client() as client:

            async def one(url: str) -> Document:
                async with turn:
                    return await self._loaded(client, url)

            return list(await asyncio.gather(*(one(url) for url in urls)))

    async def _allowed(self, url: str) -> bool:
        try:
            await self.fetching.guard.check_url(url)
        except BlockedAddress:
            return False
        return True

    async def _loaded(self, client: aiohttp.ClientSession, url: str) -> Document:
        for tried in range(2):
            try:
                async with asyncio.timeout(self.fetching.seconds), self.fetching.opened(client, url) as response:
                    content = await self.fetching.page(response)
                    return await self._document(url, content, response)
            except (BlockedAddress, TooLarge, RetrievalError) as error:
                log.warning("%s: %s", url, error)
                break
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                log.warning("%s: %s", url, error or type(error).__name__)
                if tried or not isinstance(error, aiohttp.ClientConnectionError):
                    break
                await asyncio.sleep(PAUSE)
        return Document("", {"source": url})

    async def _document(self, url: str, content: bytes, response: aiohttp.ClientResponse) -> Document:
        """A page's text. Raises: Unreadable, where it cannot be read, or reading it takes too much."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not content.strip():
            return Document("", {"source": url})
        markup = kind in _MARKUP or "xml" in kind or content[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
        try:
            job = {"content": content, "charset": response.charset, "markup": markup}
            found = await self._workers.ask(job)
        except (JobFailed, WorkerDied) as error:
            raise Unreadable(f"{url}: {error}") from error
        return _document(url, found)

    async def _by_service(self, urls: Sequence[str], ctx: RequestContext | None) -> list[Document]:
        """Raises: SearchFailed."""
        name = self._config.text(WEB_LOADER_ENGINE)
        if name == "playwright":
            found = [await self._by_browser(url) for url in urls]
            return [one for one in found if one is not None]
        loader: Callable[..., Awaitable[list[Document]]] | None = LOADERS.get(name)
        if loader is None:
            known = ", ".join(f"'{one}'" for one in ("safe_web", "playwright", *LOADERS))
            raise SearchFailed(f"Invalid WEB_LOADER_ENGINE: {name}. Please set it to one of {known}.")
        return await loader(self._client, self._config, self._settings, urls, ctx)

    async def _by_browser(self, url: str) -> Document | None:
        """A page as a browser shows it; None where it cannot be read."""
        milliseconds = self._config.number(WEB_LOADER_PLAYWRIGHT_TIMEOUT) or 0
        seconds = milliseconds / 1000 if milliseconds > 0 else BROWSER_SECONDS
        job = {
            "url": url,
            "browser": self._config.text(WEB_LOADER_PLAYWRIGHT_WS_URL),
            "seconds": seconds,
            "allowed": self._settings.web_fetch_filter_list.split(","),
            "local": self._settings.enable_local_web_fetch,
            "checked": self._config.flag(WEB_LOADER_SSL_VERIFICATION),
            "proxies": self._config.flag(WEB_SEARCH_TRUST_ENV),
            "redirects": self._settings.aiohttp_client_allow_redirects,
        }
        try:
            # The time is the page's; the browser takes a while to start and to end.
            return _document(url, await self._browsers.ask(job, seconds=seconds + BROWSER_SECONDS))
        except (JobFailed, WorkerDied) as error:
            log.warning("%s: %s", url, error)
            return None


def _document(url: str, found: dict[str, Any]) -> Document:
    """A page that has been read."""
    metadata = {"source": url}
    if found.get("title"):
        metadata["title"] = found["title"]
    if found.get("description") is not None:
        metadata["description"] = found["description"] or NO_DESCRIPTION
    metadata["language"] = found.get("language") or NO_LANGUAGE
    return Document(found["text"], metadata)
