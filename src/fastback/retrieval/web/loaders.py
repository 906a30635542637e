"""Services that fetch pages in our place and return their text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.keys.web import (
    WEB_LOADER_EXTERNAL_WEB_LOADER_API_KEY,
    WEB_LOADER_EXTERNAL_WEB_LOADER_URL,
    WEB_LOADER_SSL_VERIFICATION,
    WEB_LOADER_TIMEOUT,
)
from fastback.kit.json_decoding import decode_json
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Document
from fastback.retrieval.web import firecrawl
from fastback.retrieval.web.search_engine import list_at
from fastback.retrieval.web.search_request import (
    MAX_RESPONSE_BYTES,
    TIMEOUT,
    USER_AGENT,
    SearchFailed,
    SearchRequest,
    read_limited,
)
from fastback.settings import Settings

log = logging.getLogger("fastback.web")

#: Pages in one request.
BATCH_SIZE, EXA_BATCH_SIZE = 20, 100
_RETRY_STATUSES = (202, 429, 500, 502, 503, 504)

Loader = Callable[
    [aiohttp.ClientSession, Config, Settings, Sequence[str], RequestContext | None], Awaitable[list[Document]]
]


def _get_timeout(config: Config) -> float:
    configured = config.get_number(WEB_LOADER_TIMEOUT)
    return configured if configured is not None and configured > 0 else TIMEOUT


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


async def _load_by_firecrawl(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    search = SearchRequest(client=client, config=config, settings=settings, text="", ctx=ctx)
    documents = []
    for url in urls:
        try:
            page = await firecrawl.load_page(search, url)
        except SearchFailed as error:
            log.warning("loading %s by Firecrawl failed: %s", url, error)
            continue
        if page is not None:
            documents.append(page)
    return documents


async def _load_by_tavily(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    search = SearchRequest(client=client, config=config, settings=settings, text="", ctx=ctx)
    headers = {"authorization": f"Bearer {search.get_setting('tavily_api_key')}"}
    documents = []
    for start in range(0, len(urls), BATCH_SIZE):
        batch = list(urls[start : start + BATCH_SIZE])
        body = {
            "urls": batch[0] if len(batch) == 1 else batch,
            "extract_depth": search.get_setting("tavily_extract_depth"),
        }
        try:
            response = await search.fetch_json(
                "POST", f"{settings.tavily_api_base_url.rstrip('/')}/extract", json=body, headers=headers
            )
        except SearchFailed as error:
            log.warning("loading pages by Tavily failed: %s", error)
            continue
        for result in list_at("results")(response):
            if isinstance(result, dict) and _to_text(result.get("raw_content")):
                documents.append(Document(result["raw_content"], {"source": _to_text(result.get("url"))}))
        for failure in list_at("failed_results")(response):
            log.warning("Tavily failed to read %s", failure)
    return documents


async def _load_by_exa(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    """Load pages by Exa.

    Raises:
        SearchFailed: the key is missing or refused, or no page could be loaded.
    """
    search = SearchRequest(client=client, config=config, settings=settings, text="", ctx=ctx)
    key = search.get_setting("exa_api_key").strip()
    if not key:
        raise SearchFailed("Exa web loader requires an EXA_API_KEY")
    documents: list[Document] = []
    for start in range(0, len(urls), EXA_BATCH_SIZE):
        batch = list(urls[start : start + EXA_BATCH_SIZE])
        options: dict[str, Any] = {
            "timeout": aiohttp.ClientTimeout(total=_get_timeout(config)),
            "allow_redirects": False,
        }
        try:
            response = await search.fetch_json(
                "POST",
                "https://api.exa.ai/contents",
                json={"urls": batch, "text": True},
                headers={"authorization": f"Bearer {key}"},
                **options,
            )
        except SearchFailed as error:
            if any(f" answered {status}" in str(error) for status in (401, 402, 403)):
                raise
            log.warning("loading a batch of pages by Exa failed: %s", error)
            continue
        documents += _list_exa_documents(response, batch)
    if not documents:
        raise SearchFailed("Exa could not load any page")
    return documents


def _list_exa_documents(response: Any, batch: list[str]) -> list[Document]:
    failed = {
        status.get("id")
        for status in list_at("statuses")(response)
        if isinstance(status, dict) and status.get("status") != "success"
    }
    documents: dict[str, Document] = {}
    for result in list_at("results")(response):
        if not isinstance(result, dict):
            continue
        source = next((result[name] for name in ("id", "url") if result.get(name) in batch), None)
        text = _to_text(result.get("text"))
        if source is None or source in failed or not text.strip():
            continue
        title = {"title": result["title"]} if isinstance(result.get("title"), str) else {}
        documents[source] = Document(text, {"source": source, **title})
    return [documents[url] for url in batch if url in documents]


async def _load_by_external(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    search = SearchRequest(client=client, config=config, settings=settings, text="", ctx=ctx)
    key = config.get_text(WEB_LOADER_EXTERNAL_WEB_LOADER_API_KEY)
    headers = {"user-agent": USER_AGENT, "authorization": f"Bearer {key}"}
    documents = []
    for start in range(0, len(urls), BATCH_SIZE):
        body = {"urls": list(urls[start : start + BATCH_SIZE])}
        try:
            response = await search.fetch_json(
                "POST", config.get_text(WEB_LOADER_EXTERNAL_WEB_LOADER_URL), json=body, headers=headers
            )
        except SearchFailed as error:
            log.warning("loading pages by the external web loader failed: %s", error)
            continue
        for page in response if isinstance(response, list) else []:
            if isinstance(page, dict):
                metadata = page.get("metadata")
                documents.append(
                    Document(_to_text(page.get("page_content")), dict(metadata) if isinstance(metadata, dict) else {})
                )
    return documents


async def _load_by_web_iq(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    search = SearchRequest(client=client, config=config, settings=settings, text="", ctx=ctx)
    documents = []
    for url in urls:
        try:
            page = await _browse_page(search, url)
        except (SearchFailed, aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("loading %s by Microsoft Web IQ failed: %s", url, error or type(error).__name__)
            continue
        if page is not None:
            documents.append(page)
    return documents


async def _browse_page(search: SearchRequest, url: str) -> Document | None:
    """Load a page by Microsoft Web IQ; retry where the service is busy or not yet finished."""
    config = search.config
    body = {"url": url, "contentFormat": "markdown", "liveCrawl": "fallback", "renderDynamicPages": True}
    body["language"] = search.get_setting("microsoft_web_iq_language")
    endpoint = f"{search.get_setting('microsoft_web_iq_api_base_url').rstrip('/')}/browse"
    options: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(total=_get_timeout(config))}
    if not config.get_bool(WEB_LOADER_SSL_VERIFICATION):
        options["ssl"] = False
    headers = {"x-apikey": search.get_setting("microsoft_web_iq_api_key")}
    for attempt in range(3):
        async with search.client.post(endpoint, json=body, headers=headers, **options) as response:
            content = await read_limited(response, MAX_RESPONSE_BYTES)
            if response.status not in _RETRY_STATUSES or attempt == 2:
                if response.status >= 400:
                    raise SearchFailed(f"it answered {response.status}: {content[:300]!r}")
                break
            pause = _get_retry_delay(response, content, attempt)
        await asyncio.sleep(pause)
    try:
        data = decode_json(content)
    except msgspec.DecodeError as error:
        raise SearchFailed(f"no JSON: {error}") from error
    if not isinstance(data, dict) or not _to_text(data.get("content")).strip():
        return None
    metadata = {"source": _to_text(data.get("url")) or url}
    if data.get("title"):
        metadata["title"] = data["title"]
    return Document(data["content"], metadata)


def _get_retry_delay(response: aiohttp.ClientResponse, content: bytes, attempt: int) -> float:
    """Return the seconds before a retry: as the response states, at most 10, else exponentially more, at most 8."""
    stated: Any = response.headers.get("retry-after")
    try:
        answer = decode_json(content)
        stated = (answer.get("retryAfter") if isinstance(answer, dict) else None) or stated
    except msgspec.DecodeError:
        pass
    try:
        return min(10.0, max(0.0, float(str(stated).rstrip("s"))))
    except ValueError:
        return min(8.0, float(2**attempt))


LOADERS: dict[str, Loader] = {
    "firecrawl": _load_by_firecrawl,
    "tavily": _load_by_tavily,
    "exa": _load_by_exa,
    "external": _load_by_external,
    "microsoft_web_iq": _load_by_web_iq,
}
