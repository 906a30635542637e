"""Every search service: the request, and the results that are read from a documented answer."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fastback.access.identity import User
from fastback.providers.request_context import RequestContext
from fastback.retrieval.web.custom_search_engines import CUSTOM_ENGINES, sign_tencent_request
from fastback.retrieval.web.results import SiteFilter
from fastback.retrieval.web.search import WebSearch
from fastback.retrieval.web.search_engine import SearchEngine
from fastback.retrieval.web.search_engines import ENGINES
from fastback.retrieval.web.search_request import SearchFailed
from fastback.settings import Environment, load_settings
from search_services import A, B, ConfigValues, StubServices, serve_services

_YANDEX_RESULTS = b"""<?xml version="1.0"?><yandexsearch><response><results><grouping><group><doc><url>https://a.example/1</url>
<title>About <hlword>A</hlword></title><passages><passage>Text of <hlword>A</hlword></passage></passages></doc></group>
</grouping></results></response></yandexsearch>"""
_DUCKDUCKGO_LINK = "//duckduckgo.com/l/?uddg=https%3A%2F%2Fa.example%2F1&amp;rut=x"
_DUCKDUCKGO_RESULTS = f"""<div class="result"><h2><a class="result__a" href="{_DUCKDUCKGO_LINK}">
About <b>A</b></a></h2><a class="result__snippet" href="x">Text of <b>A</b></a></div>
<div class="result"><a class="result__a" href="https://duckduckgo.com/y.js?ad=1">An advertisement</a></div>
<div><a class="result__a" href="https://b.example/2">About B</a><a class="result__snippet">Text of B</a>"""


def build_results(
    link: str = "url", title: str = "title", snippet: str = "snippet", **more: Any
) -> list[dict[str, Any]]:
    return [
        {link: A, title: "About A", snippet: "Text of A", **{key: value[0] for key, value in more.items()}},
        {link: B, title: "About B", snippet: "Text of B", **{key: value[1] for key, value in more.items()}},
    ]


#: By service: its settings, the requested address, the answer.
CASES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "searxng": (
        {"searxng_query_url": "http://searx.test/search?q=<query>", "searxng_language": "de"},
        "searx.test/search",
        {"results": list(reversed(build_results(snippet="content", score=(2.0, 1.0))))},
    ),
    "openserp": ({"openserp_base_url": "http://serp.test/"}, "serp.test/mega/search", {"results": build_results()}),
    "yacy": (
        {"yacy_query_url": "http://yacy.test"},
        "yacy.test/yacysearch.json",
        {"channels": [{"items": build_results("link", snippet="description", ranking=(9, 1))}]},
    ),
    "google_pse": (
        {"google_pse_api_key": "k", "google_pse_engine_id": "e"},
        "www.googleapis.com/customsearch/v1",
        {"items": build_results("link")},
    ),
    "brave": (
        {"brave_search_api_key": "k"},
        "api.search.brave.com/res/v1/web/search",
        {"web": {"results": build_results(snippet="description")}},
    ),
    "brave_llm_context": (
        {"brave_search_api_key": "k"},
        "api.search.brave.com/res/v1/llm/context",
        {"grounding": {"generic": [{**result, "snippets": [result["snippet"]]} for result in build_results()]}},
    ),
    "kagi": ({"kagi_search_api_key": "k"}, "kagi.com/api/v1/search", {"data": {"search": build_results()}}),
    "mojeek": (
        {"mojeek_search_api_key": "k"},
        "api.mojeek.com/search",
        {"response": {"results": build_results(snippet="desc")}},
    ),
    "bocha": (
        {"bocha_search_api_key": "k"},
        "api.bochaai.com/v1/web-search",
        {"data": {"webPages": {"value": build_results(title="name", snippet="summary")}}},
    ),
    "serpstack": (
        {"serpstack_api_key": "k", "serpstack_https": False},
        "api.serpstack.com/search",
        {"organic_results": list(reversed(build_results(position=(1, 2))))},
    ),
    "serper": (
        {"serper_api_key": "k"},
        "google.serper.dev/search",
        {"organic": list(reversed(build_results("link", position=(1, 2))))},
    ),
    "serphouse": (
        {"serphouse_api_key": "k"},
        "api.serphouse.com/serp/live",
        {"results": {"results": {"organic": build_results("link", position=(1, 2))}}},
    ),
    "serply": (
        {"serply_api_key": "k"},
        "api.serply.io/v1/search/q=two+words&language=en&num=10&gl=US&hl=us",
        {"results": build_results("link", snippet="description", realPosition=(1, 2))},
    ),
    "duckduckgo": ({}, "html.duckduckgo.com/html/", _DUCKDUCKGO_RESULTS),
    "tavily": ({"tavily_api_key": "k"}, "api.tavily.com/search", {"results": build_results(snippet="content")}),
    "staan": (
        {"staan_api_key": "k", "staan_max_snippets": 2},
        "api.staan.ai/v2/search/web",
        {"web": {"results": build_results()}},
    ),
    "exa": ({"exa_api_key": "k"}, "api.exa.ai/search", {"results": build_results(snippet="text")}),
    "searchapi": (
        {"searchapi_api_key": "k"},
        "www.searchapi.io/api/v1/search",
        {"organic_results": build_results("link")[:1], "top_stories": build_results("link")[1:]},
    ),
    "serpapi": (
        {"serpapi_api_key": "k"},
        "serpapi.com/search",
        {"organic_results": list(reversed(build_results("link", position=(1, 2))))},
    ),
    "jina": ({"jina_api_key": "k"}, "s.jina.ai/", {"data": build_results(snippet="content")}),
    "bing": (
        {"bing_search_v7_subscription_key": "k"},
        "api.bing.microsoft.com/v7.0/search",
        {"webPages": {"value": build_results(title="name")}},
    ),
    "azure": (
        {
            "azure_ai_search_api_key": "k",
            "azure_ai_search_endpoint": "https://one.search.windows.net",
            "azure_ai_search_index_name": "pages",
        },
        "one.search.windows.net/indexes/pages/docs/search",
        {"value": build_results("metadata_storage_path", "name", "content")},
    ),
    "perplexity_search": (
        {"perplexity_api_key": "k"},
        "api.perplexity.ai/search",
        {"results": build_results()},
    ),
    "microsoft_web_iq": (
        {"microsoft_web_iq_api_key": "k"},
        "api.microsoft.ai/v3/search/web",
        {"webResults": build_results(snippet="content")},
    ),
    "sougou": (
        {"sougou_api_sid": "s", "sougou_api_sk": "k"},
        "tms.tencentcloudapi.com/",
        {
            "Response": {
                "Pages": [json.dumps(result) for result in reversed(build_results(snippet="passage", scour=(0.9, 0.1)))]
            }
        },
    ),
    "firecrawl": ({}, "api.firecrawl.dev/v2/search", {"data": {"web": build_results(snippet="description")}}),
    "external": ({"external_web_search_url": "http://house.test/find"}, "house.test/find", build_results("link")),
    "youcom": (
        {"youcom_api_key": "k"},
        "ydc-index.io/v1/search",
        {
            "results": {
                "web": [
                    {**result, "description": "Text", "snippets": [result["snippet"][5:]]} for result in build_results()
                ]
            }
        },
    ),
    "linkup": ({"linkup_api_key": "k"}, "api.linkup.so/v1/search", {"sources": build_results(title="name")}),
    "ollama_cloud": (
        {"ollama_cloud_api_key": "k"},
        "ollama.com/api/web_search",
        {"results": build_results(snippet="content")},
    ),
    "yandex": (
        {"yandex_web_search_api_key": "k"},
        "searchapi.api.cloud.yandex.net/v2/web/search",
        {"rawData": base64.b64encode(_YANDEX_RESULTS).decode()},
    ),
    "perplexity": (
        {"perplexity_api_key": "k"},
        "api.perplexity.ai/chat/completions",
        {"citations": [A, B], "choices": [{"message": {"content": "Text of A"}}]},
    ),
}


@pytest.fixture
async def services() -> AsyncIterator[StubServices]:
    async with serve_services() as running_services:
        yield running_services


@pytest.fixture
def search(services: StubServices) -> Callable[..., WebSearch]:
    def make(engine: str, **values: Any) -> WebSearch:
        settings = load_settings(Environment({"WEBUI_SECRET_KEY": "x" * 32}))
        client: Any = services
        config_values = {"engine": engine, **values}
        config: Any = ConfigValues({f"web.search.{key}": value for key, value in config_values.items()})
        return WebSearch(client, config, settings)

    return make


def test_every_service_has_a_case() -> None:
    assert set(CASES) == set(ENGINES) | set(CUSTOM_ENGINES)


@pytest.mark.parametrize("name", CASES)
async def test_a_service_gets_the_query_and_its_results_are_read(
    name: str, services: StubServices, search: Callable[..., WebSearch]
) -> None:
    values, address, answer = CASES[name]
    services.answers[address.partition("/")[0]] = [answer]
    context = RequestContext(user=User(id="u1", name="Ada", email="ada@example.com", role="admin"), chat_id="c1")
    results = await search(name, result_count=2, **values).search(["two words"], context)
    assert services.last_address() == address
    expected = [(A, "About A", "Text of A"), (B, "About B", "Text of B")]
    if name == "perplexity":
        expected = [(A, "Source 1", "Text of A"), (B, "Source 2", None)]  # type: ignore[list-item]
    actual = [(result.link, result.title, (result.snippet or "").replace("\n\n", " ") or None) for result in results]
    assert actual == (expected[:1] if name == "yandex" else expected)
    request = str(services.bodies[-1]) + services.requests[-1].raw_path
    assert "two words" in request or "two+words" in request
    email = services.requests[-1].headers.get("X-OpenWebUI-User-Email")
    assert email == ("ada@example.com" if name in _USER_HEADER_ENGINES else None)
    if any(key.endswith(("_api_key", "_key")) for key in values):
        headers = " ".join(services.requests[-1].headers.values())
        assert "k" in headers.split() or "=k" in request or "Signature=" in headers


#: Services that receive the user in headers.
_USER_HEADER_ENGINES = ("external", "yandex", "microsoft_web_iq", "perplexity_search")


def _get_engine(name: str) -> SearchEngine:
    return CUSTOM_ENGINES[name][1] if name in CUSTOM_ENGINES else ENGINES[name]


@pytest.mark.parametrize("name", [name for name in CASES if _get_engine(name).required_settings])
async def test_a_service_without_required_settings_is_not_requested(
    name: str, services: StubServices, search: Callable[..., WebSearch]
) -> None:
    with pytest.raises(SearchFailed):
        await search(name, openserp_base_url="").search(["words"])
    assert not services.requests


@pytest.mark.parametrize("name", CASES)
async def test_a_refusal_is_an_error_or_an_empty_result(
    name: str, services: StubServices, search: Callable[..., WebSearch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastback.retrieval.web.custom_search_engines.RETRY_DELAY", 0)
    monkeypatch.setattr("fastback.retrieval.web.firecrawl._get_retry_delay", lambda *_: 0)
    values, address, _ = CASES[name]
    services.answers[address.partition("/")[0]] = [403]
    engine = _get_engine(name)
    if engine.ignores_errors or not engine.raises_for_status:
        assert await search(name, **values).search(["words"]) == []
    else:
        with pytest.raises(SearchFailed):
            await search(name, **values).search(["words"])


async def test_an_answer_of_another_shape_has_no_results(
    services: StubServices, search: Callable[..., WebSearch]
) -> None:
    for answer in ({"web": None}, {"web": {"results": {"a": 1}}}, {"web": {"results": ["x", {"url": 5}, {}]}}, [], 7.5):
        services.answers["api.search.brave.com"] = [answer]
        assert await search("brave", brave_search_api_key="k").search(["words"]) == []
    services.answers["api.search.brave.com"] = ["no JSON"]
    with pytest.raises(SearchFailed):
        await search("brave", brave_search_api_key="k").search(["words"])


async def test_brave_is_retried_after_a_delay(
    services: StubServices, search: Callable[..., WebSearch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastback.retrieval.web.custom_search_engines.RETRY_DELAY", 0)
    services.answers["api.search.brave.com"] = [429, {"web": {"results": build_results(snippet="description")}}]
    assert len(await search("brave", brave_search_api_key="k").search(["words"])) == 2


async def test_google_is_requested_page_by_page(services: StubServices, search: Callable[..., WebSearch]) -> None:
    full = [{"link": f"https://a.example/{n}", "title": "x"} for n in range(10)]
    services.answers["www.googleapis.com"] = [{"items": full}, {"items": full[:4]}, {"items": []}]
    values = {"google_pse_api_key": "k", "google_pse_engine_id": "e"}
    assert len(await search("google_pse", result_count=20, **values).search(["words"])) == 14
    assert [request.query["start"] for request in services.requests] == ["1", "11", "21"]


async def test_the_list_of_sites_and_the_count_limit_results(
    services: StubServices, search: Callable[..., WebSearch]
) -> None:
    services.answers["searx.test"] = [{"results": build_results(snippet="content")}]
    values = {"searxng_query_url": "http://searx.test/search"}

    async def list_links(**more: Any) -> list[str]:
        return [result.link for result in await search("searxng", **values, **more).search(["words"])]

    assert await list_links(result_count=1) == [A]
    assert await list_links(**{"domain.filter_list": ["b.example"]}) == [B]
    assert await list_links(**{"domain.filter_list": ["!b.example"]}) == [A]
    assert await list_links(**{"domain.filter_list": ["example", "!a.example"]}) == [B]


async def test_the_list_of_sites_matches_names_and_addresses() -> None:
    assert await SiteFilter(["10.0.0.0/8"]).allows_url("http://10.1.2.3/x")
    assert not await SiteFilter(["!127.0.0.0/8"]).allows_url("http://localhost/x")
    assert not await SiteFilter(["a.example"]).allows_url("https://evila.example/")
    assert not await SiteFilter(["a.example"]).allows_url("ftp://a.example/")
    assert not await SiteFilter(["a.example"]).allows_url("http://[")
    assert not SiteFilter(["", "!", 5])


async def test_queries_are_sent_in_turn(services: StubServices, search: Callable[..., WebSearch]) -> None:
    services.answers["searx.test"] = [{"results": build_results(snippet="content")}]
    values = {"searxng_query_url": "http://searx.test/search", "concurrent_requests": 1}
    results = await search("searxng", **values).search(["one", "two", "three"])
    assert len(results) == 6
    assert [request.query["q"] for request in services.requests] == ["one", "two", "three"]


def test_a_signature_names_day_service_and_headers_and_depends_on_all_of_them() -> None:
    signature = sign_tencent_request("sid", "secret", b"{}", 1700000000)["authorization"]
    assert signature.startswith(
        "TC3-HMAC-SHA256 Credential=sid/2023-11-14/tms/tc3_request, SignedHeaders=content-type;host"
    )
    others = [
        sign_tencent_request("sid", "other", b"{}", 1700000000),
        sign_tencent_request("sid", "secret", b"[]", 1700000000),
        sign_tencent_request("sid", "secret", b"{}", 1700000001),
    ]
    assert len({signature, *(other["authorization"] for other in others)}) == 4
