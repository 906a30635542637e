"""Services that fetch pages in our place and bring back their text."""

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
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Document
from fastback.retrieval.web import firecrawl
from fastback.retrieval.web.search_engine import at
from fastback.retrieval.web.search_request import LONGEST, ROBOT, SECONDS, Asked, SearchFailed, limited
from fastback.settings import Settings

log = logging.getLogger("fastback.web")

#: Pages that are asked for together.
BATCH, EXA_BATCH = 20, 100
_BUSY = (202, 429, 500, 502, 503, 504)

Loader = Callable[
    [aiohttp.ClientSession, Config, Settings, Sequence[str], RequestContext | None], Awaitable[list[Document]]
]


def _seconds(config: Config) -> float:
    chosen = config.number(WEB_LOADER_TIMEOUT)
    return chosen if chosen is not None and chosen > 0 else SECONDS


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


async def _firecrawl(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    asked = Asked(client=client, config=config, settings=settings, text="", ctx=ctx)
    found = []
    for url in urls:
        try:
            page = await firecrawl.page(asked, url)
        except SearchFailed as error:
            log.warning("%s: %s", url, error)
            continue
        if page is not None:
            found.append(page)
    return found


async def _tavily(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    asked = Asked(client=client, config=config, settings=settings, text="", ctx=ctx)
    headers = {"authorization": f"Bearer {asked.value('tavily_api_key')}"}
    found = []
    for start in range(0, len(urls), BATCH):
        batch = list(urls[start : start + BATCH])
        body = {"urls": batch[0] if len(batch) == 1 else batch, "extract_depth": asked.value("tavily_extract_depth")}
        try:
            answer = await asked.json(
                "POST", f"{settings.tavily_api_base_url.rstrip('/')}/extract", json=body, headers=headers
            )
        except SearchFailed as error:
            log.warning("Tavily: %s", error)
            continue
        for one in at("results")(answer):
            if isinstance(one, dict) and _text(one.get("raw_content")):
                found.append(Document(one["raw_content"], {"source": _text(one.get("url"))}))
        for one in at("failed_results")(answer):
            log.warning("Tavily could not read %s", one)
    return found


async def _exa(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    """Raises: SearchFailed, without a key, where it is refused, and where nothing at all could be read."""
    asked = Asked(client=client, config=config, settings=settings, text="", ctx=ctx)
    key = asked.value("exa_api_key").strip()
    if not key:
        raise SearchFailed("Exa web loader requires an EXA_API_KEY")
    found: list[Document] = []
    for start in range(0, len(urls), EXA_BATCH):
        batch = list(urls[start : start + EXA_BATCH])
        options: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(total=_seconds(config)), "allow_redirects": False}
        try:
            answer = await asked.json(
                "POST",
                "https://api.exa.ai/contents",
                json={"urls": batch, "text": True},
                headers={"authorization": f"Bearer {key}"},
                **options,
            )
        except SearchFailed as error:
            if any(f" answered {status}" in str(error) for status in (401, 402, 403)):
                raise
            log.warning("Exa: a batch failed: %s", error)
            continue
        found += _exa_documents(answer, batch)
    if not found:
        raise SearchFailed("Exa could not load any page")
    return found


def _exa_documents(answer: Any, batch: list[str]) -> list[Document]:
    failed = {
        one.get("id") for one in at("statuses")(answer) if isinstance(one, dict) and one.get("status") != "success"
    }
    known: dict[str, Document] = {}
    for one in at("results")(answer):
        if not isinstance(one, dict):
            continue
        source = next((one[name] for name in ("id", "url") if one.get(name) in batch), None)
        text = _text(one.get("text"))
        if source is None or source in failed or not text.strip():
            continue
        title = {"title": one["title"]} if isinstance(one.get("title"), str) else {}
        known[source] = Document(text, {"source": source, **title})
    return [known[url] for url in batch if url in known]


async def _external(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    asked = Asked(client=client, config=config, settings=settings, text="", ctx=ctx)
    key = config.text(WEB_LOADER_EXTERNAL_WEB_LOADER_API_KEY)
    headers = {"user-agent": ROBOT, "authorization": f"Bearer {key}"}
    found = []
    for start in range(0, len(urls), BATCH):
        body = {"urls": list(urls[start : start + BATCH])}
        try:
            answer = await asked.json(
                "POST", config.text(WEB_LOADER_EXTERNAL_WEB_LOADER_URL), json=body, headers=headers
            )
        except SearchFailed as error:
            log.warning("the external web loader: %s", error)
            continue
        for one in answer if isinstance(answer, list) else []:
            if isinstance(one, dict):
                metadata = one.get("metadata")
                found.append(
                    Document(_text(one.get("page_content")), dict(metadata) if isinstance(metadata, dict) else {})
                )
    return found


async def _web_iq(
    client: aiohttp.ClientSession, config: Config, settings: Settings, urls: Sequence[str], ctx: RequestContext | None
) -> list[Document]:
    asked = Asked(client=client, config=config, settings=settings, text="", ctx=ctx)
    found = []
    for url in urls:
        try:
            page = await _browsed(asked, url)
        except (SearchFailed, aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("%s: Microsoft Web IQ: %s", url, error or type(error).__name__)
            continue
        if page is not None:
            found.append(page)
    return found


async def _browsed(asked: Asked, url: str) -> Document | None:
    """A page by Microsoft's service, asked again where it is busy or not yet done."""
    config = asked.config
    body = {"url": url, "contentFormat": "markdown", "liveCrawl": "fallback", "renderDynamicPages": True}
    body["language"] = asked.value("microsoft_web_iq_language")
    address = f"{asked.value('microsoft_web_iq_api_base_url').rstrip('/')}/browse"
    options: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(total=_seconds(config))}
    if not config.flag(WEB_LOADER_SSL_VERIFICATION):
        options["ssl"] = False
    headers = {"x-apikey": asked.value("microsoft_web_iq_api_key")}
    for tried in range(3):
        async with asked.client.post(address, json=body, headers=headers, **options) as response:
            content = await limited(response, LONGEST)
            if response.status not in _BUSY or tried == 2:
                if response.status >= 400:
                    raise SearchFailed(f"it answered {response.status}: {content[:300]!r}")
                break
            pause = _pause(response, content, tried)
        await asyncio.sleep(pause)
    try:
        data = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise SearchFailed(f"no JSON: {error}") from error
    if not isinstance(data, dict) or not _text(data.get("content")).strip():
        return None
    metadata = {"source": _text(data.get("url")) or url}
    if data.get("title"):
        metadata["title"] = data["title"]
    return Document(data["content"], metadata)


def _pause(response: aiohttp.ClientResponse, content: bytes, tried: int) -> float:
    said: Any = response.headers.get("retry-after")
    try:
        answer = msgspec.json.decode(content)
        said = (answer.get("retryAfter") if isinstance(answer, dict) else None) or said
    except msgspec.DecodeError:
        pass
    try:
        return min(10.0, max(0.0, float(str(said).rstrip("s"))))
    except ValueError:
        return min(8.0, float(2**tried))


LOADERS: dict[str, Loader] = {
    "firecrawl": _firecrawl,
    "tavily": _tavily,
    "exa": _exa,
    "external": _external,
    "microsoft_web_iq": _web_iq,
}
