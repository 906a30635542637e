"""Search engines that need only one request: how it is built, and where the response contains the results."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from yarl import URL

from fastback.config.keys.interface import UI_DEFAULT_LOCALE
from fastback.config.keys.web import (
    WEB_SEARCH_BRAVE_SEARCH_CONTEXT_TOKENS,
    WEB_SEARCH_DOMAIN_FILTER_LIST,
    WEB_SEARCH_EXA_MAX_CONTENT_LENGTH,
    WEB_SEARCH_LINKUP_SEARCH_PARAMS,
    WEB_SEARCH_SERPSTACK_HTTPS,
    WEB_SEARCH_STAAN_MAX_SNIPPETS,
)
from fastback.retrieval.web.search_engine import EngineRequest, SearchEngine, list_at
from fastback.retrieval.web.search_request import USER_AGENT, SearchRequest


def _build_bearer_header(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


# Requests and, where the results need it, conversions of responses.


def _build_searxng_request(search: SearchRequest) -> EngineRequest:
    url = search.get_setting("searxng_query_url")
    if "<query>" in url:
        url = url.partition("?")[0]
    language = (search.get_setting("searxng_language") or "all").strip().rstrip(",")
    params = {"q": search.text, "format": "json", "pageno": 1, "safesearch": "1", "language": language}
    params |= {"time_range": "", "categories": "", "theme": "simple", "image_proxy": 0}
    headers = {"user-agent": USER_AGENT, "accept": "text/html", "accept-language": "en-US,en;q=0.5"}
    return EngineRequest("GET", url, params, headers=headers, ssl=search.get_ssl_option())


def _build_yacy_request(search: SearchRequest) -> EngineRequest:
    url = search.get_setting("yacy_query_url")
    if not url.endswith("yacysearch.json"):
        url = url.rstrip("/") + "/yacysearch.json"
    params = {"query": search.text, "contentdom": "text", "resource": "global", "nav": "none"}
    params |= {"maximumRecords": str(search.count)}
    name, password = search.get_setting("yacy_username"), search.get_setting("yacy_password")
    login = (name, password) if name or password else None
    return EngineRequest("GET", url, params, headers={"user-agent": USER_AGENT}, login=login)


def _list_yacy_items(response: Any) -> list[Any]:
    channels = list_at("channels")(response)
    return list_at("items")(channels[0]) if channels else []


def _build_openserp_request(search: SearchRequest) -> EngineRequest:
    url = f"{search.get_setting('openserp_base_url').rstrip('/')}/mega/search"
    return EngineRequest("GET", url, {"text": search.text, "limit": search.count})


def _build_kagi_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "limit": search.count}
    return EngineRequest(
        "POST",
        "https://kagi.com/api/v1/search",
        body=body,
        headers=_build_bearer_header(search.get_setting("kagi_search_api_key")),
    )


def _build_mojeek_request(search: SearchRequest) -> EngineRequest:
    params = {
        "q": search.text,
        "api_key": search.get_setting("mojeek_search_api_key"),
        "fmt": "json",
        "t": search.count,
    }
    return EngineRequest("GET", "https://api.mojeek.com/search", params)


def _build_bocha_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "summary": True, "freshness": "noLimit", "count": search.count}
    url = "https://api.bochaai.com/v1/web-search?utm_source=ollama"
    return EngineRequest(
        "POST", url, body=body, headers=_build_bearer_header(search.get_setting("bocha_search_api_key"))
    )


def _build_serpstack_request(search: SearchRequest) -> EngineRequest:
    scheme = "https" if search.config.get_bool(WEB_SEARCH_SERPSTACK_HTTPS) else "http"
    params = {"access_key": search.get_setting("serpstack_api_key"), "query": search.text}
    return EngineRequest("GET", f"{scheme}://api.serpstack.com/search", params)


def _build_serper_request(search: SearchRequest) -> EngineRequest:
    headers = {"x-api-key": search.get_setting("serper_api_key")}
    return EngineRequest("POST", "https://google.serper.dev/search", body={"q": search.text}, headers=headers)


def _build_serphouse_request(search: SearchRequest) -> EngineRequest:
    domain = search.get_setting("serphouse_domain").strip() or "google.com"
    params = {"q": search.text, "domain": domain, "device": "desktop", "serp_type": "web", "page": 1}
    params["num_result"] = search.count
    headers = _build_bearer_header(search.get_setting("serphouse_api_key"))
    return EngineRequest("GET", "https://api.serphouse.com/serp/live", params, headers=headers)


def _build_serply_request(search: SearchRequest) -> EngineRequest:
    # The parameters are part of the path.
    query = urlencode({"q": search.text, "language": "en", "num": 10, "gl": "US", "hl": "us"})
    headers = {"x-api-key": search.get_setting("serply_api_key"), "x-user-agent": "desktop", "x-proxy-location": "US"}
    return EngineRequest("GET", URL(f"https://api.serply.io/v1/search/{query}", encoded=True), headers=headers)


def _build_tavily_request(search: SearchRequest) -> EngineRequest:
    body = {
        "query": search.text,
        "max_results": search.count,
        "search_depth": search.get_setting("tavily_search_depth"),
    }
    url = f"{search.settings.tavily_api_base_url.rstrip('/')}/search"
    return EngineRequest("POST", url, body=body, headers=_build_bearer_header(search.get_setting("tavily_api_key")))


def _build_staan_request(search: SearchRequest) -> EngineRequest:
    params: dict[str, Any] = {"q": search.text, "market": search.get_setting("staan_market") or None}
    max_snippets = int(search.config.get_number(WEB_SEARCH_STAAN_MAX_SNIPPETS) or 0)
    if max_snippets:
        params |= {"extra_snippets": "true", "max_snippets": max_snippets}
    headers = _build_bearer_header(search.get_setting("staan_api_key"))
    return EngineRequest("GET", "https://api.staan.ai/v2/search/web", params, headers=headers)


def _list_staan_results(response: Any) -> list[Any]:
    results = []
    for result in list_at("web", "results")(response):
        chunks = [extra.get("chunk") for extra in list_at("extra_snippets")(result) if isinstance(extra, dict)]
        results.append(
            {**result, "snippet": _join_texts([result.get("snippet"), *chunks])} if isinstance(result, dict) else result
        )
    return results


def _build_exa_request(search: SearchRequest) -> EngineRequest:
    max_characters = search.config.get(WEB_SEARCH_EXA_MAX_CONTENT_LENGTH)
    text = {"maxCharacters": max_characters} if max_characters is not None else True
    body = {"query": search.text, "numResults": search.count, "contents": {"text": text}, "type": "auto"}
    body["includeDomains"] = search.config.get_list(WEB_SEARCH_DOMAIN_FILTER_LIST)
    return EngineRequest(
        "POST", "https://api.exa.ai/search", body=body, headers=_build_bearer_header(search.get_setting("exa_api_key"))
    )


def _build_searchapi_request(search: SearchRequest) -> EngineRequest:
    engine = search.get_setting("searchapi_engine") or "google"
    params = {"engine": engine, "q": search.text, "api_key": search.get_setting("searchapi_api_key")}
    if engine.startswith("google"):
        params["link"] = "resolved"
    return EngineRequest("GET", "https://www.searchapi.io/api/v1/search", params)


def _build_serpapi_request(search: SearchRequest) -> EngineRequest:
    engine = search.get_setting("serpapi_engine") or "google"
    params = {"engine": engine, "q": search.text, "api_key": search.get_setting("serpapi_api_key")}
    return EngineRequest("GET", "https://serpapi.com/search", params)


def _build_jina_request(search: SearchRequest) -> EngineRequest:
    headers = {"authorization": search.get_setting("jina_api_key"), "x-retain-images": "none"}
    body = {"q": search.text, "count": min(search.count, 10)}
    return EngineRequest(
        "POST", search.get_setting("jina_api_base_url") or "https://s.jina.ai/", body=body, headers=headers
    )


def _build_bing_request(search: SearchRequest) -> EngineRequest:
    params = {"q": search.text, "mkt": search.config.get_text(UI_DEFAULT_LOCALE), "count": search.count}
    headers = {"ocp-apim-subscription-key": search.get_setting("bing_search_v7_subscription_key")}
    return EngineRequest("GET", search.get_setting("bing_search_v7_endpoint"), params, headers=headers)


def _build_azure_request(search: SearchRequest) -> EngineRequest:
    endpoint, index = (
        search.get_setting("azure_ai_search_endpoint").rstrip("/"),
        search.get_setting("azure_ai_search_index_name"),
    )
    url = f"{endpoint}/indexes/{index}/docs/search"
    headers = {"api-key": search.get_setting("azure_ai_search_api_key")}
    return EngineRequest(
        "POST", url, {"api-version": "2024-07-01"}, {"search": search.text, "top": search.count}, headers
    )


def _build_perplexity_request(search: SearchRequest) -> EngineRequest:
    system = "You search the web. Answer with facts, and cite where they come from."
    body = {
        "model": search.get_setting("perplexity_model"),
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": search.text}],
        "temperature": 0.2,
        "stream": False,
        "web_search_options": {"search_context_usage": search.get_setting("perplexity_search_context_usage")},
    }
    headers = _build_bearer_header(search.get_setting("perplexity_api_key"))
    return EngineRequest("POST", "https://api.perplexity.ai/chat/completions", body=body, headers=headers)


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


def _build_perplexity_search_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "max_results": search.count}
    headers = {**_build_bearer_header(search.get_setting("perplexity_api_key")), **search.build_user_headers()}
    return EngineRequest("POST", search.get_setting("perplexity_search_api_url"), body=body, headers=headers)


def _build_web_iq_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "maxResults": search.count, "contentFormat": "passage"}
    body["language"] = search.get_setting("microsoft_web_iq_language")
    url = f"{search.get_setting('microsoft_web_iq_api_base_url').rstrip('/')}/search/web"
    headers = {"x-apikey": search.get_setting("microsoft_web_iq_api_key"), **search.build_user_headers()}
    return EngineRequest("POST", url, body=body, headers=headers)


def _build_external_request(search: SearchRequest) -> EngineRequest:
    headers = {
        "user-agent": USER_AGENT,
        **_build_bearer_header(search.get_setting("external_web_search_api_key")),
        **search.build_user_headers(),
    }
    body = {"query": search.text, "count": search.count}
    return EngineRequest("POST", search.get_setting("external_web_search_url"), body=body, headers=headers)


def _build_youcom_request(search: SearchRequest) -> EngineRequest:
    params = {"query": search.text, "count": search.count, "language": "EN"}
    return EngineRequest(
        "GET", "https://ydc-index.io/v1/search", params, headers={"x-api-key": search.get_setting("youcom_api_key")}
    )


def _list_youcom_results(response: Any) -> list[Any]:
    results = list_at("results", "web")(response)
    return [
        {**result, "snippet": _join_texts([result.get("description"), *list_at("snippets")(result)])}
        if isinstance(result, dict)
        else result
        for result in results
    ]


def _get_linkup_params(search: SearchRequest) -> dict[str, Any]:
    configured = search.config.get_object(WEB_SEARCH_LINKUP_SEARCH_PARAMS)
    return {"url": "https://api.linkup.so/v1/search", "depth": "standard", "outputType": "sourcedAnswer", **configured}


def _build_linkup_request(search: SearchRequest) -> EngineRequest:
    body = _get_linkup_params(search)
    url = str(body.pop("url"))
    body |= {"q": search.text, "maxResults": search.count}
    return EngineRequest("POST", url, body=body, headers=_build_bearer_header(search.get_setting("linkup_api_key")))


def _list_linkup_results(response: Any) -> list[Any]:
    return list_at("sources")(response) or list_at("results")(response)


def _build_ollama_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "max_results": search.count}
    headers = _build_bearer_header(search.get_setting("ollama_cloud_api_key"))
    return EngineRequest("POST", "https://ollama.com/api/web_search", body=body, headers=headers)


def _list_brave_context(response: Any) -> list[Any]:
    return [
        {**result, "snippet": _join_texts(list_at("snippets")(result))} if isinstance(result, dict) else result
        for result in list_at("grounding", "generic")(response)
    ]


def build_brave_request(search: SearchRequest) -> EngineRequest:
    """Return the request of Brave's web search."""
    headers = {"x-subscription-token": search.get_setting("brave_search_api_key")}
    params = {"q": search.text, "count": search.count}
    return EngineRequest("GET", "https://api.search.brave.com/res/v1/web/search", params, headers=headers)


def build_brave_context_request(search: SearchRequest) -> EngineRequest:
    """Return the request of Brave's search for text to be read by a model."""
    max_tokens = int(search.config.get_number(WEB_SEARCH_BRAVE_SEARCH_CONTEXT_TOKENS) or 8192)
    params = {"q": search.text, "count": search.count, "maximum_number_of_tokens": max_tokens}
    headers = {"x-subscription-token": search.get_setting("brave_search_api_key")}
    return EngineRequest("GET", "https://api.search.brave.com/res/v1/llm/context", params, headers=headers)


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
        _build_azure_request,
        list_at("value"),
        _AZURE_LINKS,
        _AZURE_TITLES,
        _AZURE_TEXTS,
        required_settings=_AZURE_NEEDS,
        limits_results=True,
    ),
    "bing": SearchEngine(_build_bing_request, list_at("webPages", "value"), title=("name",), limits_results=True),
    "bocha": SearchEngine(
        _build_bocha_request,
        list_at("data", "webPages", "value"),
        title=("name",),
        snippet=("summary",),
        required_settings=("bocha_search_api_key",),
    ),
    "exa": SearchEngine(
        _build_exa_request,
        list_at("results"),
        snippet=("text",),
        required_settings=("exa_api_key",),
        limits_results=True,
        applies_site_filter=False,
        ignores_errors=True,
    ),
    "external": SearchEngine(
        _build_external_request,
        lambda response: response if isinstance(response, list) else [],
        link=("link",),
        ignores_errors=True,
    ),
    "jina": SearchEngine(
        _build_jina_request, list_at("data"), snippet=("content",), limits_results=True, applies_site_filter=False
    ),
    "kagi": SearchEngine(
        _build_kagi_request, list_at("data", "search"), required_settings=("kagi_search_api_key",), limits_results=True
    ),
    "linkup": SearchEngine(
        _build_linkup_request,
        _list_linkup_results,
        title=("name", "title"),
        snippet=("content", "text", "snippet"),
        required_settings=("linkup_api_key",),
    ),
    "microsoft_web_iq": SearchEngine(
        _build_web_iq_request,
        list_at("webResults"),
        snippet=("content",),
        required_settings=("microsoft_web_iq_api_key",),
        limits_results=True,
        ignores_errors=True,
    ),
    "mojeek": SearchEngine(
        _build_mojeek_request,
        list_at("response", "results"),
        snippet=("desc",),
        required_settings=("mojeek_search_api_key",),
        limits_results=True,
    ),
    "ollama_cloud": SearchEngine(
        _build_ollama_request, list_at("results"), snippet=("content",), limits_results=True, ignores_errors=True
    ),
    "openserp": SearchEngine(_build_openserp_request, list_at("results"), required_settings=("openserp_base_url",)),
    "perplexity": SearchEngine(
        _build_perplexity_request, _list_citations, raises_for_status=False, ignores_errors=True
    ),
    "perplexity_search": SearchEngine(
        _build_perplexity_search_request,
        list_at("results"),
        required_settings=("perplexity_api_key",),
        limits_results=True,
        raises_for_status=False,
        ignores_errors=True,
    ),
    "searchapi": SearchEngine(
        _build_searchapi_request,
        lambda response: list_at("organic_results")(response) + list_at("top_stories")(response),
        link=("link",),
        required_settings=("searchapi_api_key",),
    ),
    "searxng": SearchEngine(
        _build_searxng_request,
        list_at("results"),
        snippet=("content",),
        required_settings=("searxng_query_url",),
        sort_field="-score",
    ),
    "serpapi": SearchEngine(
        _build_serpapi_request,
        list_at("organic_results"),
        link=("link",),
        required_settings=("serpapi_api_key",),
        sort_field="position",
        raises_for_status=False,
    ),
    "serper": SearchEngine(
        _build_serper_request,
        list_at("organic"),
        link=("link",),
        required_settings=("serper_api_key",),
        sort_field="position",
    ),
    "serphouse": SearchEngine(
        _build_serphouse_request,
        list_at("results", "results", "organic"),
        link=("link",),
        required_settings=("serphouse_api_key",),
        sort_field="position",
    ),
    "serply": SearchEngine(
        _build_serply_request,
        list_at("results"),
        link=("link",),
        snippet=("description",),
        required_settings=("serply_api_key",),
        sort_field="realPosition",
    ),
    "serpstack": SearchEngine(
        _build_serpstack_request,
        list_at("organic_results"),
        required_settings=("serpstack_api_key",),
        sort_field="position",
    ),
    "staan": SearchEngine(_build_staan_request, _list_staan_results, required_settings=("staan_api_key",)),
    "tavily": SearchEngine(
        _build_tavily_request,
        list_at("results"),
        snippet=("content",),
        required_settings=("tavily_api_key",),
        limits_results=True,
    ),
    "yacy": SearchEngine(
        _build_yacy_request,
        _list_yacy_items,
        link=("link",),
        snippet=("description",),
        required_settings=("yacy_query_url",),
        sort_field="-ranking",
    ),
    "youcom": SearchEngine(_build_youcom_request, _list_youcom_results),
}
