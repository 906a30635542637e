"""Search services that take more than one plain request: pages of results, second tries, other forms than JSON."""

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
from xml.etree import ElementTree

import msgspec

from fastback.config.keys.auth import WEBUI_URL
from fastback.retrieval.web import firecrawl, search_engines
from fastback.retrieval.web.search_engine import Engine, Found, Request, at
from fastback.retrieval.web.search_request import ROBOT, Asked, SearchFailed

#: Seconds before a service is asked again that wants us to go slower, and results a page of Google's holds.
PAUSE, PAGE = 1.0, 10

Special = Callable[[Asked], Awaitable[list[Found]]]


async def _google(asked: Asked) -> list[Found]:
    """Google's Programmable Search gives ten results at a time."""
    found: list[Found] = []
    site = asked.config.text(WEBUI_URL)
    headers = {"referer": site} if site else {}
    key, engine = asked.value("google_pse_api_key"), asked.value("google_pse_engine_id")
    start = 1
    while len(found) < asked.count:
        params = {"cx": engine, "q": asked.text, "key": key, "start": str(start)}
        params["num"] = str(min(asked.count - len(found), PAGE))
        request = Request("GET", "https://www.googleapis.com/customsearch/v1", params, headers=headers)
        items = at("items")(await asked.json(request.method, request.url, **request.options()))
        if not items:
            break
        found += items
        start += PAGE
    return found


def _patient(engine: Engine) -> Special:
    """Brave lets free accounts ask once a second: asked a second time after a moment."""

    async def ask(asked: Asked) -> list[Found]:
        request = engine.request(asked)
        try:
            answer = await asked.json(request.method, request.url, **request.options())
        except SearchFailed as error:
            if " answered 429" not in str(error):
                raise
            await asyncio.sleep(PAUSE)
            answer = await asked.json(request.method, request.url, **request.options())
        return engine.found(answer)

    return ask


async def _firecrawl(asked: Asked) -> list[Found]:
    body = {
        "query": asked.text,
        "limit": asked.count,
        "timeout": asked.count * 3000,
        "ignoreInvalidURLs": True,
    }
    return firecrawl.found(await firecrawl.ask(asked, "search", body, seconds=asked.count * 3 + 10))


class _Listed(HTMLParser):
    """Results on DuckDuckGo's page without scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Found] = []
        self._into = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            return
        given = dict(attrs)
        kinds = (given.get("class") or "").split()
        if "result__a" in kinds:
            self.found.append({"url": _led_to(given.get("href") or ""), "title": "", "snippet": ""})
            self._into = "title"
        elif "result__snippet" in kinds and self.found:
            self._into = "snippet"

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._into = ""

    def handle_data(self, data: str) -> None:
        if self._into:
            self.found[-1][self._into] += data


def _led_to(href: str) -> str:
    """Where a link leads that goes by DuckDuckGo's own door; empty for advertisements."""
    parts = urlsplit(href if "://" in href else f"https:{href}" if href.startswith("//") else href)
    if not (parts.hostname or "").endswith("duckduckgo.com"):
        return href
    return parse_qs(parts.query).get("uddg", [""])[0] if parts.path == "/l/" else ""


def listed(page: str) -> list[Found]:
    """The results on DuckDuckGo's page without scripts."""
    reader = _Listed()
    reader.feed(page)
    reader.close()
    return [{key: value.strip() for key, value in one.items()} for one in reader.found if one["url"]]


async def _duckduckgo(asked: Asked) -> list[Found]:
    """DuckDuckGo has no interface for programs; its page for browsers without scripts is read."""
    backend = asked.value("ddgs_backend") or "auto"
    if not {"auto", "duckduckgo"} & {one.strip() for one in backend.split(",")}:
        raise SearchFailed(f"DDGS_BACKEND: {backend} is not asked by this program, only duckduckgo")
    proxies = getproxies()
    body = await asked.answer(
        "POST",
        "https://html.duckduckgo.com/html/",
        data={"q": asked.text, "b": "", "l": "us-en"},
        headers={"user-agent": ROBOT, "referer": "https://html.duckduckgo.com/"},
        proxy=proxies.get("https") or proxies.get("http"),
    )
    return await asyncio.to_thread(listed, body.decode("utf-8", "replace"))


def _text(element: Any) -> str:
    return "".join(element.itertext()) if element is not None else ""


def _groups(document: bytes) -> list[Found]:
    """What Yandex found. Its document has no business with entities, so one that declares any is refused."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise SearchFailed("Yandex answered a document with declarations")
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise SearchFailed(f"Yandex answered no XML: {error}") from error
    return [
        {
            "url": _text(group.find("doc/url")).strip("\n"),
            "title": _text(group.find("doc/title")).strip("\n"),
            "snippet": _text(group.find("doc/passages/passage")),
        }
        for group in root.findall("response/results/grouping/group")
    ]


async def _yandex(asked: Asked) -> list[Found]:
    given = asked.value("yandex_web_search_config")
    try:
        body = msgspec.json.decode(given) if given else {}
    except msgspec.DecodeError as error:
        raise SearchFailed(f"YANDEX_WEB_SEARCH_CONFIG: {error}") from error
    if not isinstance(body, dict):
        raise SearchFailed("YANDEX_WEB_SEARCH_CONFIG is no JSON object")
    query, groups = body.get("query"), body.get("groupSpec")
    body["query"] = {
        "searchType": "SEARCH_TYPE_RU",
        **(query if isinstance(query, dict) else {}),
        "queryText": asked.text,
    }
    body["groupSpec"] = {
        "groupMode": "GROUP_MODE_DEEP",
        **(groups if isinstance(groups, dict) else {}),
        "groupsOnPage": asked.count,
        "docsInGroup": 1,
    }
    headers = {
        "user-agent": ROBOT,
        "authorization": f"Api-Key {asked.value('yandex_web_search_api_key')}",
        **asked.who(),
    }
    url = asked.value("yandex_web_search_url") or "https://searchapi.api.cloud.yandex.net/v2/web/search"
    answer = await asked.json("POST", url, json=body, headers=headers)
    raw = answer.get("rawData") if isinstance(answer, dict) else None
    if not isinstance(raw, str):
        raise SearchFailed("Yandex answered no rawData")
    try:
        document = base64.b64decode(raw)
    except ValueError as error:
        raise SearchFailed(f"Yandex answered no base64: {error}") from error
    return await asyncio.to_thread(_groups, document)


_TENCENT = "tms.tencentcloudapi.com"


def signed(sid: str, secret: str, body: bytes, now: int) -> dict[str, str]:
    """The headers of a request to Tencent's search of Sogou (signature TC3-HMAC-SHA256)."""
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    kind, names = "application/json", "content-type;host"
    hashed = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\ncontent-type:{kind}\nhost:{_TENCENT}\n\n{names}\n{hashed}"
    scope = f"{day}/tms/tc3_request"
    stands = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{secret}".encode()
    for part in (day, "tms", "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, stands.encode(), "sha256").hex()
    return {
        "authorization": f"TC3-HMAC-SHA256 Credential={sid}/{scope}, SignedHeaders={names}, Signature={signature}",
        "content-type": kind,
        "x-tc-action": "SearchPro",
        "x-tc-version": "2020-12-29",
        "x-tc-timestamp": str(now),
    }


async def _sougou(asked: Asked) -> list[Found]:
    body = msgspec.json.encode({"Query": asked.text, "Cnt": 20})
    headers = signed(asked.value("sougou_api_sid"), asked.value("sougou_api_sk"), body, int(time.time()))
    answer = await asked.json("POST", f"https://{_TENCENT}/", data=body, headers=headers)
    found = []
    for page in at("Response", "Pages")(answer):
        try:
            found.append(msgspec.json.decode(page))
        except (msgspec.DecodeError, TypeError) as error:
            raise SearchFailed(f"Sogou answered what is no JSON: {error}") from error
    return found


def _none(asked: Asked) -> Request:
    raise NotImplementedError


#: Services, each with how it is asked and how what it found is read.
SPECIAL: dict[str, tuple[Special, Engine]] = {
    "brave": (_patient(search_engines.BRAVE), search_engines.BRAVE),
    "brave_llm_context": (_patient(search_engines.BRAVE_CONTEXT), search_engines.BRAVE_CONTEXT),
    "duckduckgo": (_duckduckgo, Engine(_none, at())),
    "firecrawl": (_firecrawl, Engine(_none, at(), quiet=True)),
    "google_pse": (
        _google,
        Engine(_none, at(), link=("link",), needs=("google_pse_api_key", "google_pse_engine_id"), keeps=True),
    ),
    "sougou": (
        _sougou,
        Engine(
            _none,
            at(),
            snippet=("passage",),
            needs=("sougou_api_sid", "sougou_api_sk"),
            order="-scour",
            quiet=True,
        ),
    ),
    "yandex": (_yandex, Engine(_none, at(), quiet=True)),
}
