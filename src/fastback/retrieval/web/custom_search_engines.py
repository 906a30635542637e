"""Search engines that need several requests, retries, or parsers for other formats than JSON."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import getproxies

import msgspec

from fastback.config.keys.auth import WEBUI_URL
from fastback.kit.json_decoding import decode_json
from fastback.retrieval.web import firecrawl, search_engines
from fastback.retrieval.web.search_engine import EngineRequest, RawResult, SearchEngine, list_at
from fastback.retrieval.web.search_request import USER_AGENT, SearchFailed, SearchRequest

#: Seconds before a request that was rate limited is retried, and the results on a page of Google.
RETRY_DELAY, GOOGLE_PAGE_SIZE = 1.0, 10

SearchFunction = Callable[[SearchRequest], Awaitable[list[RawResult]]]


async def _search_google(search: SearchRequest) -> list[RawResult]:
    """Search with Google's Programmable Search, which returns ten results at a time."""
    results: list[RawResult] = []
    site = search.config.get_text(WEBUI_URL)
    headers = {"referer": site} if site else {}
    key, engine_id = search.get_setting("google_pse_api_key"), search.get_setting("google_pse_engine_id")
    start = 1
    while len(results) < search.count:
        params = {"cx": engine_id, "q": search.text, "key": key, "start": str(start)}
        params["num"] = str(min(search.count - len(results), GOOGLE_PAGE_SIZE))
        request = EngineRequest("GET", "https://www.googleapis.com/customsearch/v1", params, headers=headers)
        items = list_at("items")(await search.fetch_json(request.method, request.url, **request.build_options()))
        if not items:
            break
        results += items
        start += GOOGLE_PAGE_SIZE
    return results


def _retry_when_limited(engine: SearchEngine) -> SearchFunction:
    """Return a search function that retries once after a delay: Brave allows free accounts one request a second."""

    async def search_with_retry(search: SearchRequest) -> list[RawResult]:
        engine_request = engine.build_request(search)
        try:
            response = await search.fetch_json(
                engine_request.method, engine_request.url, **engine_request.build_options()
            )
        except SearchFailed as error:
            if " answered 429" not in str(error):
                raise
            await asyncio.sleep(RETRY_DELAY)
            response = await search.fetch_json(
                engine_request.method, engine_request.url, **engine_request.build_options()
            )
        return engine.list_results(response)

    return search_with_retry


async def _search_firecrawl(search: SearchRequest) -> list[RawResult]:
    body = {
        "query": search.text,
        "limit": search.count,
        "timeout": search.count * 3000,
        "ignoreInvalidURLs": True,
    }
    return firecrawl.list_results(await firecrawl.send_request(search, "search", body, seconds=search.count * 3 + 10))


class _DuckDuckGoParser(HTMLParser):
    """Collect the results on DuckDuckGo's page for browsers without scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.results: list[RawResult] = []
        self._field = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            return
        attributes = dict(attrs)
        classes = (attributes.get("class") or "").split()
        if "result__a" in classes:
            self.results.append({"url": _resolve_link(attributes.get("href") or ""), "title": "", "snippet": ""})
            self._field = "title"
        elif "result__snippet" in classes and self.results:
            self._field = "snippet"

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._field = ""

    def handle_data(self, data: str) -> None:
        if self._field:
            self.results[-1][self._field] += data


def _resolve_link(href: str) -> str:
    """Return the target of a link that goes through DuckDuckGo's redirect; empty for advertisements."""
    parts = urlsplit(href if "://" in href else f"https:{href}" if href.startswith("//") else href)
    if not (parts.hostname or "").endswith("duckduckgo.com"):
        return href
    return parse_qs(parts.query).get("uddg", [""])[0] if parts.path == "/l/" else ""


def parse_duckduckgo_page(page: str) -> list[RawResult]:
    """Return the results on DuckDuckGo's page for browsers without scripts."""
    parser = _DuckDuckGoParser()
    parser.feed(page)
    parser.close()
    return [{key: value.strip() for key, value in result.items()} for result in parser.results if result["url"]]


async def _search_duckduckgo(search: SearchRequest) -> list[RawResult]:
    """Search with DuckDuckGo. It has no API, so its page for browsers without scripts is parsed."""
    backend = search.get_setting("ddgs_backend") or "auto"
    if not {"auto", "duckduckgo"} & {name.strip() for name in backend.split(",")}:
        raise SearchFailed(f"DDGS_BACKEND: {backend} is not asked by this program, only duckduckgo")
    proxies = getproxies()
    body = await search.fetch(
        "POST",
        "https://html.duckduckgo.com/html/",
        data={"q": search.text, "b": "", "l": "us-en"},
        headers={"user-agent": USER_AGENT, "referer": "https://html.duckduckgo.com/"},
        proxy=proxies.get("https") or proxies.get("http"),
    )
    return await asyncio.to_thread(parse_duckduckgo_page, body.decode("utf-8", "replace"))


def _get_text(element: Any) -> str:
    return "".join(element.itertext()) if element is not None else ""


def _parse_yandex_document(document: bytes) -> list[RawResult]:
    """Return the results in Yandex's XML. It never needs entities, so a document with declarations is refused."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise SearchFailed("Yandex answered a document with declarations")
    from xml.etree import ElementTree  # imported here because only this search engine needs it

    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise SearchFailed(f"Yandex answered no XML: {error}") from error
    return [
        {
            "url": _get_text(group.find("doc/url")).strip("\n"),
            "title": _get_text(group.find("doc/title")).strip("\n"),
            "snippet": _get_text(group.find("doc/passages/passage")),
        }
        for group in root.findall("response/results/grouping/group")
    ]


async def _search_yandex(search: SearchRequest) -> list[RawResult]:
    configured = search.get_setting("yandex_web_search_config")
    try:
        body = decode_json(configured) if configured else {}
    except msgspec.DecodeError as error:
        raise SearchFailed(f"YANDEX_WEB_SEARCH_CONFIG: {error}") from error
    if not isinstance(body, dict):
        raise SearchFailed("YANDEX_WEB_SEARCH_CONFIG is no JSON object")
    query, groups = body.get("query"), body.get("groupSpec")
    body["query"] = {
        "searchType": "SEARCH_TYPE_RU",
        **(query if isinstance(query, dict) else {}),
        "queryText": search.text,
    }
    body["groupSpec"] = {
        "groupMode": "GROUP_MODE_DEEP",
        **(groups if isinstance(groups, dict) else {}),
        "groupsOnPage": search.count,
        "docsInGroup": 1,
    }
    headers = {
        "user-agent": USER_AGENT,
        "authorization": f"Api-Key {search.get_setting('yandex_web_search_api_key')}",
        **search.build_user_headers(),
    }
    url = search.get_setting("yandex_web_search_url") or "https://searchapi.api.cloud.yandex.net/v2/web/search"
    response = await search.fetch_json("POST", url, json=body, headers=headers)
    raw = response.get("rawData") if isinstance(response, dict) else None
    if not isinstance(raw, str):
        raise SearchFailed("Yandex answered no rawData")
    try:
        document = base64.b64decode(raw)
    except ValueError as error:
        raise SearchFailed(f"Yandex answered no base64: {error}") from error
    return await asyncio.to_thread(_parse_yandex_document, document)


_TENCENT_HOST = "tms.tencentcloudapi.com"


def sign_tencent_request(secret_id: str, secret_key: str, body: bytes, now: int) -> dict[str, str]:
    """Return the headers of a request to Tencent's search of Sogou, signed with TC3-HMAC-SHA256."""
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    content_type, header_names = "application/json", "content-type;host"
    body_hash = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\ncontent-type:{content_type}\nhost:{_TENCENT_HOST}\n\n{header_names}\n{body_hash}"
    scope = f"{day}/tms/tc3_request"
    string_to_sign = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (day, "tms", "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, string_to_sign.encode(), "sha256").hex()
    credential = f"Credential={secret_id}/{scope}"
    return {
        "authorization": f"TC3-HMAC-SHA256 {credential}, SignedHeaders={header_names}, Signature={signature}",
        "content-type": content_type,
        "x-tc-action": "SearchPro",
        "x-tc-version": "2020-12-29",
        "x-tc-timestamp": str(now),
    }


async def _search_sougou(search: SearchRequest) -> list[RawResult]:
    body = msgspec.json.encode({"Query": search.text, "Cnt": 20})
    headers = sign_tencent_request(
        search.get_setting("sougou_api_sid"), search.get_setting("sougou_api_sk"), body, int(time.time())
    )
    response = await search.fetch_json("POST", f"https://{_TENCENT_HOST}/", data=body, headers=headers)
    results = []
    for page in list_at("Response", "Pages")(response):
        try:
            results.append(decode_json(page))
        except (msgspec.DecodeError, TypeError) as error:
            raise SearchFailed(f"Sogou answered what is no JSON: {error}") from error
    return results


def _build_no_request(search: SearchRequest) -> EngineRequest:
    raise NotImplementedError


#: The engines: the function that searches, and how its results are read.
CUSTOM_ENGINES: dict[str, tuple[SearchFunction, SearchEngine]] = {
    "brave": (_retry_when_limited(search_engines.BRAVE_ENGINE), search_engines.BRAVE_ENGINE),
    "brave_llm_context": (
        _retry_when_limited(search_engines.BRAVE_CONTEXT_ENGINE),
        search_engines.BRAVE_CONTEXT_ENGINE,
    ),
    "duckduckgo": (_search_duckduckgo, SearchEngine(_build_no_request, list_at())),
    "firecrawl": (_search_firecrawl, SearchEngine(_build_no_request, list_at(), ignores_errors=True)),
    "google_pse": (
        _search_google,
        SearchEngine(
            _build_no_request,
            list_at(),
            link=("link",),
            required_settings=("google_pse_api_key", "google_pse_engine_id"),
            limits_results=True,
        ),
    ),
    "sougou": (
        _search_sougou,
        SearchEngine(
            _build_no_request,
            list_at(),
            snippet=("passage",),
            required_settings=("sougou_api_sid", "sougou_api_sk"),
            sort_field="-scour",
            ignores_errors=True,
        ),
    ),
    "yandex": (_search_yandex, SearchEngine(_build_no_request, list_at(), ignores_errors=True)),
}
