"""Search engines that need only one request: where the response contains the results, and how they are used."""

from __future__ import annotations

from typing import Any

from fastback.retrieval.web.search_engine import SearchEngine, list_at
from fastback.retrieval.web.search_engine_requests import (
    build_azure_request,
    build_bing_request,
    build_bocha_request,
    build_brave_context_request,
    build_brave_request,
    build_exa_request,
    build_external_request,
    build_jina_request,
    build_kagi_request,
    build_linkup_request,
    build_mojeek_request,
    build_ollama_request,
    build_openserp_request,
    build_perplexity_request,
    build_perplexity_search_request,
    build_searchapi_request,
    build_searxng_request,
    build_serpapi_request,
    build_serper_request,
    build_serphouse_request,
    build_serply_request,
    build_serpstack_request,
    build_staan_request,
    build_tavily_request,
    build_web_iq_request,
    build_yacy_request,
    build_youcom_request,
)


def _list_yacy_items(response: Any) -> list[Any]:
    channels = list_at("channels")(response)
    return list_at("items")(channels[0]) if channels else []


def _list_staan_results(response: Any) -> list[Any]:
    results = []
    for result in list_at("web", "results")(response):
        chunks = [extra.get("chunk") for extra in list_at("extra_snippets")(result) if isinstance(extra, dict)]
        results.append(
            {**result, "snippet": _join_texts([result.get("snippet"), *chunks])} if isinstance(result, dict) else result
        )
    return results


def _list_citations(response: Any) -> list[Any]:
    """Return the pages that a reply cites; the reply itself is the snippet of the first."""
    choices = list_at("choices")(response)
    try:
        text = str(choices[0]["message"]["content"]) if choices else ""
    except (KeyError, TypeError):
        text = ""
    links = list_at("citations")(response)
    return [
        {"url": link, "title": f"Source {index + 1}", "snippet": "" if index else text}
        for index, link in enumerate(links)
    ]


def _list_youcom_results(response: Any) -> list[Any]:
    results = list_at("results", "web")(response)
    return [
        {**result, "snippet": _join_texts([result.get("description"), *list_at("snippets")(result)])}
        if isinstance(result, dict)
        else result
        for result in results
    ]


def _list_linkup_results(response: Any) -> list[Any]:
    return list_at("sources")(response) or list_at("results")(response)


def _list_brave_context(response: Any) -> list[Any]:
    return [
        {**result, "snippet": _join_texts(list_at("snippets")(result))} if isinstance(result, dict) else result
        for result in list_at("grounding", "generic")(response)
    ]


def _join_texts(parts: list[Any]) -> str:
    return "\n\n".join(part for part in parts if isinstance(part, str) and part)


_AZURE_LINKS = ("url", "link", "uri", "metadata_storage_path")
_AZURE_TITLES = ("title", "name", "metadata_title", "metadata_storage_name")
_AZURE_TEXTS = ("content", "snippet", "description", "summary", "text")
_AZURE_NEEDS = ("azure_ai_search_api_key", "azure_ai_search_endpoint", "azure_ai_search_index_name")

BRAVE_ENGINE = SearchEngine(
    build_brave_request,
    list_at("web", "results"),
    snippet=("description",),
    required_settings=("brave_search_api_key",),
)
BRAVE_CONTEXT_ENGINE = SearchEngine(
    build_brave_context_request, _list_brave_context, required_settings=("brave_search_api_key",)
)

ENGINES: dict[str, SearchEngine] = {
    "azure": SearchEngine(
        build_azure_request,
        list_at("value"),
        _AZURE_LINKS,
        _AZURE_TITLES,
        _AZURE_TEXTS,
        required_settings=_AZURE_NEEDS,
        limits_results=True,
    ),
    "bing": SearchEngine(build_bing_request, list_at("webPages", "value"), title=("name",), limits_results=True),
    "bocha": SearchEngine(
        build_bocha_request,
        list_at("data", "webPages", "value"),
        title=("name",),
        snippet=("summary",),
        required_settings=("bocha_search_api_key",),
    ),
    "exa": SearchEngine(
        build_exa_request,
        list_at("results"),
        snippet=("text",),
        required_settings=("exa_api_key",),
        limits_results=True,
        applies_site_filter=False,
        ignores_errors=True,
    ),
    "external": SearchEngine(
        build_external_request,
        lambda response: response if isinstance(response, list) else [],
        link=("link",),
        ignores_errors=True,
    ),
    "jina": SearchEngine(
        build_jina_request, list_at("data"), snippet=("content",), limits_results=True, applies_site_filter=False
    ),
    "kagi": SearchEngine(
        build_kagi_request, list_at("data", "search"), required_settings=("kagi_search_api_key",), limits_results=True
    ),
    "linkup": SearchEngine(
        build_linkup_request,
        _list_linkup_results,
        title=("name", "title"),
        snippet=("content", "text", "snippet"),
        required_settings=("linkup_api_key",),
    ),
    "microsoft_web_iq": SearchEngine(
        build_web_iq_request,
        list_at("webResults"),
        snippet=("content",),
        required_settings=("microsoft_web_iq_api_key",),
        limits_results=True,
        ignores_errors=True,
    ),
    "mojeek": SearchEngine(
        build_mojeek_request,
        list_at("response", "results"),
        snippet=("desc",),
        required_settings=("mojeek_search_api_key",),
        limits_results=True,
    ),
    "ollama_cloud": SearchEngine(
        build_ollama_request, list_at("results"), snippet=("content",), limits_results=True, ignores_errors=True
    ),
    "openserp": SearchEngine(build_openserp_request, list_at("results"), required_settings=("openserp_base_url",)),
    "perplexity": SearchEngine(build_perplexity_request, _list_citations, raises_for_status=False, ignores_errors=True),
    "perplexity_search": SearchEngine(
        build_perplexity_search_request,
        list_at("results"),
        required_settings=("perplexity_api_key",),
        limits_results=True,
        raises_for_status=False,
        ignores_errors=True,
    ),
    "searchapi": SearchEngine(
        build_searchapi_request,
        lambda response: list_at("organic_results")(response) + list_at("top_stories")(response),
        link=("link",),
        required_settings=("searchapi_api_key",),
    ),
    "searxng": SearchEngine(
        build_searxng_request,
        list_at("results"),
        snippet=("content",),
        required_settings=("searxng_query_url",),
        sort_field="-score",
    ),
    "serpapi": SearchEngine(
        build_serpapi_request,
        list_at("organic_results"),
        link=("link",),
        required_settings=("serpapi_api_key",),
        sort_field="position",
        raises_for_status=False,
    ),
    "serper": SearchEngine(
        build_serper_request,
        list_at("organic"),
        link=("link",),
        required_settings=("serper_api_key",),
        sort_field="position",
    ),
    "serphouse": SearchEngine(
        build_serphouse_request,
        list_at("results", "results", "organic"),
        link=("link",),
        required_settings=("serphouse_api_key",),
        sort_field="position",
    ),
    "serply": SearchEngine(
        build_serply_request,
        list_at("results"),
        link=("link",),
        snippet=("description",),
        required_settings=("serply_api_key",),
        sort_field="realPosition",
    ),
    "serpstack": SearchEngine(
        build_serpstack_request,
        list_at("organic_results"),
        required_settings=("serpstack_api_key",),
        sort_field="position",
    ),
    "staan": SearchEngine(build_staan_request, _list_staan_results, required_settings=("staan_api_key",)),
    "tavily": SearchEngine(
        build_tavily_request,
        list_at("results"),
        snippet=("content",),
        required_settings=("tavily_api_key",),
        limits_results=True,
    ),
    "yacy": SearchEngine(
        build_yacy_request,
        _list_yacy_items,
        link=("link",),
        snippet=("description",),
        required_settings=("yacy_query_url",),
        sort_field="-ranking",
    ),
    "youcom": SearchEngine(build_youcom_request, _list_youcom_results),
}
