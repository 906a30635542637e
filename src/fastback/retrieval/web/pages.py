"""Read web pages as documents, by our own fetcher or by the configured loader service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import msgspec

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
from fastback.kit.workers.pool import WorkerPool
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Document, Extractor, RetrievalError
from fastback.retrieval.web import youtube
from fastback.retrieval.web.fetcher import (
    FILE_TIMEOUT,
    TooLarge,
    WebFetcher,
    get_content_type,
    get_filename,
    is_document,
    is_successful,
)
from fastback.retrieval.web.file_limits import FOUND_FILE_LIMITS, FileLimits, cut_documents
from fastback.retrieval.web.loaders import LOADERS
from fastback.retrieval.web.search_request import SearchFailed
from fastback.settings import Settings
from fastback.settings.tls import get_client_authorities

log = logging.getLogger("fastback.web")

#: The metadata of a page that states none.
NO_DESCRIPTION, NO_LANGUAGE = "No description found.", "No language found."
#: Seconds before a connection that failed is retried.
RETRY_DELAY = 1.0
#: Seconds that a page may take in a browser where no limit is configured, and those for starting and stopping it.
BROWSER_TIMEOUT = 30.0

_MARKUP_TYPES = ("text/html", "application/xhtml+xml", "")


class UnreadablePage(RetrievalError):
    """Nothing can be read at a URL; the text is for the log."""


class PageReader:
    """Read web pages."""

    def __init__(
        self,
        *,
        fetcher: WebFetcher,
        client: aiohttp.ClientSession,
        config: Config,
        settings: Settings,
        workers: WorkerPool,
        browsers: WorkerPool,
        videos: WorkerPool,
        services: Services,
    ) -> None:
        """`client` is for configured services; URLs that are not trusted go through `fetcher`."""
        self.fetcher = fetcher
        self._client = client
        self._config = config
        self._settings = settings
        self._workers = workers
        self._browsers = browsers
        self._videos = videos
        self._services = services

    # A single URL that a user names

    async def read_url(self, url: str, ctx: RequestContext | None = None) -> list[Document]:
        """Return the documents at a URL: a page, the text of a file, or the transcript of a video.

        Raises:
            UnreadablePage: nothing can be read there.
            TranscriptError: the video has no transcript; the text is for the user.
            RetrievalError: the file cannot be read; the text is for the user.
        """
        try:
            await self.fetcher.guard.check_url(url)
        except BlockedAddress as error:
            raise UnreadablePage(messages.INVALID_URL) from error
        if youtube.is_video(url):
            return [await self._fetch_transcript(url)]
        try:
            async with self.fetcher.open_client() as client:
                documents = await self._fetch_documents(client, url, self._get_file_limits(), ctx)
        except (BlockedAddress, TooLarge) as error:
            raise UnreadablePage(f"{url}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if self._uses_own_fetcher:
                raise UnreadablePage(f"{url}: {error or type(error).__name__}") from error
            # A loader service may reach what we cannot.
            documents = None
        return documents if documents is not None else await self._load_by_service([url], ctx)

    @property
    def _uses_own_fetcher(self) -> bool:
        return self._config.get_text(WEB_LOADER_ENGINE) in ("", "safe_web")

    def _get_file_limits(self) -> FileLimits:
        return FileLimits(seconds=FILE_TIMEOUT, max_bytes=self.fetcher.max_file_bytes)

    async def _fetch_documents(
        self, client: aiohttp.ClientSession, url: str, limits: FileLimits, ctx: RequestContext | None
    ) -> list[Document] | None:
        """Return the documents at a URL: those of a file, or the page. None is a page for the configured service.

        Raises:
            UnreadablePage: the status is not one of success, or the page cannot be parsed.
            RetrievalError: the file cannot be read. BlockedAddress, TooLarge, aiohttp.ClientError, TimeoutError,
                OSError: it cannot be fetched.
        """
        async with (
            asyncio.timeout(self.fetcher.page_timeout) as timeout,
            self.fetcher.open_url(client, url) as response,
        ):
            if is_successful(response):
                start = await self.fetcher.read_start(response)
                if is_document(response, start):
                    timeout.reschedule(asyncio.get_running_loop().time() + limits.seconds)
                    return await self._extract_file(url, response, start, limits, ctx)
                if self._uses_own_fetcher:
                    content = await self.fetcher.read_page(response, start)
                    return [await self._parse_page(url, content, response)]
            elif self._uses_own_fetcher:
                raise UnreadablePage(f"{url}: the server responded with {response.status}")
        return None

    async def _extract_file(
        self,
        url: str,
        response: aiohttp.ClientResponse,
        start: bytes,
        limits: FileLimits,
        ctx: RequestContext | None,
    ) -> list[Document]:
        content_type = get_content_type(response)
        if content_type.startswith(limits.skipped_types):
            raise UnreadablePage(f"{url}: skipped, as it is {content_type}")
        name = get_filename(response, url)
        async with self.fetcher.save_file(response, start, limits.max_bytes) as path:
            extractor = self._services.get(Extractor)
            documents = await extractor.extract(path, name, content_type or None, ctx=ctx)
        for document in documents:
            document.metadata = {"title": name, **document.metadata, "source": url}
        return documents if limits.max_text is None else cut_documents(documents, limits.max_text)

    async def _fetch_transcript(self, url: str) -> Document:
        languages = [str(language) for language in self._config.get_list(RAG_YOUTUBE_LOADER_LANGUAGE)]
        proxy = self._config.get_text(RAG_YOUTUBE_LOADER_PROXY_URL) or None
        verify = get_client_authorities(self._settings)
        return await youtube.fetch_transcript(self._videos, url, languages, proxy=proxy, verify=verify)

    # Several URLs that a search found

    async def load_pages(self, urls: Sequence[str], ctx: RequestContext | None = None) -> list[Document]:
        """Return the documents at the allowed URLs: a page yields one, a file several. What cannot be read is skipped.

        Raises:
            UnreadablePage: none of the URLs is allowed.
            SearchFailed: the configured service cannot be reached, or does not exist.
        """
        allowed = await asyncio.gather(*(self._is_allowed(url) for url in urls))
        urls = [url for url, is_allowed in zip(urls, allowed, strict=True) if is_allowed]
        if not urls:
            raise UnreadablePage(messages.INVALID_URL)
        if not self._uses_own_fetcher and self._config.get_text(WEB_LOADER_ENGINE) != "playwright":
            return await self._load_by_service(urls, ctx)
        limit = int(self._config.get_number(WEB_LOADER_CONCURRENT_REQUESTS) or 0)
        semaphore = asyncio.Semaphore(limit if limit > 0 else len(urls))
        async with self.fetcher.open_client() as client:

            async def load_with_limit(url: str) -> list[Document]:
                async with semaphore:
                    return await self._load_page(client, url, ctx)

            loaded = await asyncio.gather(*(load_with_limit(url) for url in urls))
        return [document for documents in loaded for document in documents if document.text.strip()]

    async def _is_allowed(self, url: str) -> bool:
        try:
            await self.fetcher.guard.check_url(url)
        except BlockedAddress:
            return False
        return True

    async def _load_page(self, client: aiohttp.ClientSession, url: str, ctx: RequestContext | None) -> list[Document]:
        """Return the documents at a URL that a search found; none where it cannot be read."""
        limits = msgspec.structs.replace(
            FOUND_FILE_LIMITS, max_bytes=min(FOUND_FILE_LIMITS.max_bytes, self.fetcher.max_file_bytes)
        )
        for attempt in range(2):
            try:
                documents = await self._fetch_documents(client, url, limits, ctx)
                return documents if documents is not None else await self._load_by_service([url], ctx)
            except (BlockedAddress, TooLarge, RetrievalError) as error:
                log.warning("loading %s failed: %s", url, error)
                break
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                log.warning("loading %s failed: %s", url, error or type(error).__name__)
                if attempt or not isinstance(error, aiohttp.ClientConnectionError):
                    break
                await asyncio.sleep(RETRY_DELAY)
        return []

    async def _parse_page(self, url: str, content: bytes, response: aiohttp.ClientResponse) -> Document:
        """Return the text of a page. Raises: UnreadablePage, where it cannot be parsed, or parsing takes too much."""
        content_type = get_content_type(response)
        if not content.strip():
            return Document("", {"source": url})
        markup = (
            content_type in _MARKUP_TYPES
            or "xml" in content_type
            or content[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
        )
        try:
            job = {"content": content, "charset": response.charset, "markup": markup}
            page = await self._workers.run_job(job)
        except (JobFailed, WorkerDied) as error:
            raise UnreadablePage(f"{url}: {error}") from error
        return _build_document(url, page)

    async def _load_by_service(self, urls: Sequence[str], ctx: RequestContext | None) -> list[Document]:
        """Load pages by the configured service. Raises: SearchFailed."""
        name = self._config.get_text(WEB_LOADER_ENGINE)
        if name == "playwright":
            documents = [await self._load_by_browser(url) for url in urls]
            return [document for document in documents if document is not None]
        loader: Callable[..., Awaitable[list[Document]]] | None = LOADERS.get(name)
        if loader is None:
            names = ", ".join(f"'{engine}'" for engine in ("safe_web", "playwright", *LOADERS))
            raise SearchFailed(f"Invalid WEB_LOADER_ENGINE: {name}. Please set it to one of {names}.")
        return await loader(self._client, self._config, self._settings, urls, ctx)

    async def _load_by_browser(self, url: str) -> Document | None:
        """Return a page as a browser shows it; None where that fails."""
        milliseconds = self._config.get_number(WEB_LOADER_PLAYWRIGHT_TIMEOUT) or 0
        seconds = milliseconds / 1000 if milliseconds > 0 else BROWSER_TIMEOUT
        job = {
            "url": url,
            "browser": self._config.get_text(WEB_LOADER_PLAYWRIGHT_WS_URL),
            "seconds": seconds,
            "allowed": self._settings.web_fetch_filter_list.split(","),
            "local": self._settings.enable_local_web_fetch,
            "checked": self._config.get_bool(WEB_LOADER_SSL_VERIFICATION),
            "proxies": self._config.get_bool(WEB_SEARCH_TRUST_ENV),
            "redirects": self._settings.aiohttp_client_allow_redirects,
        }
        try:
            # `seconds` are for the page alone; starting and stopping the browser takes more time.
            return _build_document(url, await self._browsers.run_job(job, seconds=seconds + BROWSER_TIMEOUT))
        except (JobFailed, WorkerDied) as error:
            log.warning("reading %s with a browser failed: %s", url, error)
            return None


def _build_document(url: str, page: dict[str, Any]) -> Document:
    """Return the document of a parsed page."""
    metadata = {"source": url}
    if page.get("title"):
        metadata["title"] = page["title"]
    if page.get("description") is not None:
        metadata["description"] = page["description"] or NO_DESCRIPTION
    metadata["language"] = page.get("language") or NO_LANGUAGE
    return Document(page["text"], metadata)
