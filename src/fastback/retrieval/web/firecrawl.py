"""Firecrawl: a service that searches, and that returns pages as Markdown."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from fastback.config.keys.web import (
    WEB_LOADER_FIRECRAWL_API_KEY,
    WEB_LOADER_FIRECRAWL_API_URL,
    WEB_LOADER_FIRECRAWL_TIMEOUT,
    WEB_LOADER_SSL_VERIFICATION,
)
from fastback.kit.json_decoding import decode_json
from fastback.retrieval.interfaces import Document
from fastback.retrieval.web.search_request import MAX_RESPONSE_BYTES, SearchFailed, SearchRequest, read_limited

_RETRY_STATUSES = (429, 500, 502, 503, 504)
#: Retries while the service is busy.
RETRIES = 2
#: Seconds that a page may take where no limit is configured, and how much longer we wait than the service does.
DEFAULT_TIMEOUT, EXTRA_SECONDS = 60.0, 10.0


def _build_url(base: str, path: str) -> str:
    base = (base or "https://api.firecrawl.dev").rstrip("/")
    return f"{base}/{path}" if base.endswith("/v2") else f"{base}/v2/{path}"


def _get_retry_delay(response: aiohttp.ClientResponse, attempt: int) -> float:
    try:
        return min(10.0, max(0.0, float(response.headers["retry-after"])))
    except (KeyError, ValueError):
        return min(8.0, float(2**attempt))


async def send_request(
    search: SearchRequest, path: str, body: dict[str, Any], *, seconds: float, check: bool = True
) -> dict[str, Any]:
    """Send a request and return the response; retry while the service is busy.

    `check` says whether its certificate is checked.

    Raises:
        SearchFailed: the service cannot be reached, or responds with an error.
    """
    config = search.config
    url = _build_url(config.get_text(WEB_LOADER_FIRECRAWL_API_URL), path)
    key = config.get_text(WEB_LOADER_FIRECRAWL_API_KEY)
    options: dict[str, Any] = {"json": body, "timeout": aiohttp.ClientTimeout(total=seconds)}
    options["headers"] = {"authorization": f"Bearer {key}"} if key else {}
    if not check:
        options["ssl"] = False
    for attempt in range(RETRIES + 1):
        pause = float(2**attempt)
        try:
            async with search.client.post(url, **options) as response:
                if response.status not in _RETRY_STATUSES or attempt == RETRIES:
                    content = await read_limited(response, MAX_RESPONSE_BYTES)
                    if response.status >= 400:
                        raise SearchFailed(f"Firecrawl answered {response.status}: {content[:300]!r}")
                    decoded = decode_json(content)
                    return decoded if isinstance(decoded, dict) else {}
                pause = _get_retry_delay(response, attempt)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            if attempt == RETRIES:
                raise SearchFailed(f"Firecrawl: {error or type(error).__name__}") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise SearchFailed(f"Firecrawl: {error}") from error
        await asyncio.sleep(pause)
    raise SearchFailed("Firecrawl did not answer")


def _to_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def get_link(result: dict[str, Any]) -> str:
    """Return the URL of a page; versions of Firecrawl put it in different fields."""
    metadata = _to_dict(result.get("metadata"))
    candidates = (
        result.get("url"),
        result.get("link"),
        *(metadata.get(name) for name in ("url", "sourceURL", "source_url")),
    )
    return next((link for link in candidates if isinstance(link, str) and link), "")


def list_results(response: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results of a search as `{"url", "title", "snippet"}`; old versions respond with a plain list."""
    data = response.get("data")
    results = data if isinstance(data, list) else _to_dict(data).get("web")
    pages = []
    for result in results if isinstance(results, list) else []:
        metadata = _to_dict(_to_dict(result).get("metadata"))
        if isinstance(result, dict):
            snippet = result.get("description") or result.get("snippet") or metadata.get("description")
            pages.append(
                {"url": get_link(result), "title": result.get("title") or metadata.get("title"), "snippet": snippet}
            )
    return pages


async def load_page(search: SearchRequest, url: str) -> Document | None:
    """Return a page as Markdown; None where it has no content. Raises: SearchFailed."""
    check = search.config.get_bool(WEB_LOADER_SSL_VERIFICATION)
    body: dict[str, Any] = {"url": url, "formats": ["markdown"], "skipTlsVerification": not check}
    body["removeBase64Images"] = True
    seconds = search.config.get_number(WEB_LOADER_FIRECRAWL_TIMEOUT)
    if seconds is not None and seconds > 0:
        body["timeout"] = min(300_000, max(1000, int(seconds * 1000)))
    else:
        seconds = DEFAULT_TIMEOUT
    response = await send_request(search, "scrape", body, seconds=seconds + EXTRA_SECONDS, check=check)
    data = response.get("data")
    content = data.get("markdown") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(content, str) or not content.strip():
        return None
    page_metadata = _to_dict(data.get("metadata"))
    metadata = {"source": get_link(data) or url}
    metadata |= {name: page_metadata[name] for name in ("title", "description") if page_metadata.get(name)}
    return Document(content, metadata)
