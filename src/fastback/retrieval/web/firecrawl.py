"""Firecrawl: a service that searches, and that fetches pages as Markdown."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from fastback.config.keys.web import (
    WEB_LOADER_FIRECRAWL_API_KEY,
    WEB_LOADER_FIRECRAWL_API_URL,
    WEB_LOADER_FIRECRAWL_TIMEOUT,
    WEB_LOADER_SSL_VERIFICATION,
)
from fastback.retrieval.interfaces import Document
from fastback.retrieval.web.search_request import LONGEST, Asked, SearchFailed, limited

_BUSY = (429, 500, 502, 503, 504)
#: How often a service that is busy is asked again.
TRIES = 2
#: Seconds a page may take where the administrator says nothing, and how much longer we wait than the service.
SECONDS, LONGER = 60.0, 10.0


def _address(base: str, path: str) -> str:
    base = (base or "https://api.firecrawl.dev").rstrip("/")
    return f"{base}/{path}" if base.endswith("/v2") else f"{base}/v2/{path}"


def _pause(response: aiohttp.ClientResponse, tried: int) -> float:
    try:
        return min(10.0, max(0.0, float(response.headers["retry-after"])))
    except (KeyError, ValueError):
        return min(8.0, float(2**tried))


async def ask(asked: Asked, path: str, body: dict[str, Any], *, seconds: float, check: bool = True) -> dict[str, Any]:
    """What it answers; asked again where it is busy. `check` its certificate.

    Raises:
        SearchFailed: it refuses, or cannot be reached.
    """
    config = asked.config
    url = _address(config.text(WEB_LOADER_FIRECRAWL_API_URL), path)
    key = config.text(WEB_LOADER_FIRECRAWL_API_KEY)
    options: dict[str, Any] = {"json": body, "timeout": aiohttp.ClientTimeout(total=seconds)}
    options["headers"] = {"authorization": f"Bearer {key}"} if key else {}
    if not check:
        options["ssl"] = False
    for tried in range(TRIES + 1):
        pause = float(2**tried)
        try:
            async with asked.client.post(url, **options) as response:
                if response.status not in _BUSY or tried == TRIES:
                    content = await limited(response, LONGEST)
                    if response.status >= 400:
                        raise SearchFailed(f"Firecrawl answered {response.status}: {content[:300]!r}")
                    answer = msgspec.json.decode(content)
                    return answer if isinstance(answer, dict) else {}
                pause = _pause(response, tried)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            if tried == TRIES:
                raise SearchFailed(f"Firecrawl: {error or type(error).__name__}") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise SearchFailed(f"Firecrawl: {error}") from error
        await asyncio.sleep(pause)
    raise SearchFailed("Firecrawl did not answer")


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def link_of(result: dict[str, Any]) -> str:
    """The address of a page, wherever its versions have kept it."""
    told = _table(result.get("metadata"))
    names = (result.get("url"), result.get("link"), *(told.get(name) for name in ("url", "sourceURL", "source_url")))
    return next((one for one in names if isinstance(one, str) and one), "")


def found(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What a search found, `{"url", "title", "snippet"}`; older versions answer a plain list."""
    data = answer.get("data")
    results = data if isinstance(data, list) else _table(data).get("web")
    kept = []
    for one in results if isinstance(results, list) else []:
        told = _table(_table(one).get("metadata"))
        if isinstance(one, dict):
            snippet = one.get("description") or one.get("snippet") or told.get("description")
            kept.append({"url": link_of(one), "title": one.get("title") or told.get("title"), "snippet": snippet})
    return kept


async def page(asked: Asked, url: str) -> Document | None:
    """A page as Markdown; None where there is nothing in it. Raises: SearchFailed."""
    check = asked.config.flag(WEB_LOADER_SSL_VERIFICATION)
    body: dict[str, Any] = {"url": url, "formats": ["markdown"], "skipTlsVerification": not check}
    body["removeBase64Images"] = True
    seconds = asked.config.number(WEB_LOADER_FIRECRAWL_TIMEOUT)
    if seconds is not None and seconds > 0:
        body["timeout"] = min(300_000, max(1000, int(seconds * 1000)))
    else:
        seconds = SECONDS
    answer = await ask(asked, "scrape", body, seconds=seconds + LONGER, check=check)
    data = answer.get("data")
    content = data.get("markdown") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(content, str) or not content.strip():
        return None
    told = _table(data.get("metadata"))
    metadata = {"source": link_of(data) or url}
    metadata |= {name: told[name] for name in ("title", "description") if told.get(name)}
    return Document(content, metadata)
