"""The requests of search engines that need only one."""

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
from fastback.retrieval.web.search_engine import EngineRequest
from fastback.retrieval.web.search_request import USER_AGENT, SearchRequest


def _build_bearer_header(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def build_searxng_request(search: SearchRequest) -> EngineRequest:
    url = search.get_setting("searxng_query_url")
    if "<query>" in url:
        url = url.partition("?")[0]
    language = (search.get_setting("searxng_language") or "all").strip().rstrip(",")
    params = {"q": search.text, "format": "json", "pageno": 1, "safesearch": "1", "language": language}
    params |= {"time_range": "", "categories": "", "theme": "simple", "image_proxy": 0}
    headers = {"user-agent": USER_AGENT, "accept": "text/html", "accept-language": "en-US,en;q=0.5"}
    return EngineRequest("GET", url, params, headers=headers, ssl=search.get_ssl_option())


def build_yacy_request(search: SearchRequest) -> EngineRequest:
    url = search.get_setting("yacy_query_url")
    if not url.endswith("yacysearch.json"):
        url = url.rstrip("/") + "/yacysearch.json"
    params = {"query": search.text, "contentdom": "text", "resource": "global", "nav": "none"}
    params |= {"maximumRecords": str(search.count)}
    name, password = search.get_setting("yacy_username"), search.get_setting("yacy_password")
    login = (name, password) if name or password else None
    return EngineRequest("GET", url, params, headers={"user-agent": USER_AGENT}, login=login)


def build_openserp_request(search: SearchRequest) -> EngineRequest:
    url = f"{search.get_setting('openserp_base_url').rstrip('/')}/mega/search"
    return EngineRequest("GET", url, {"text": search.text, "limit": search.count})


def build_kagi_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "limit": search.count}
    return EngineRequest(
        "POST",
        "https://kagi.com/api/v1/search",
        body=body,
        headers=_build_bearer_header(search.get_setting("kagi_search_api_key")),
    )


def build_mojeek_request(search: SearchRequest) -> EngineRequest:
    params = {
        "q": search.text,
        "api_key": search.get_setting("mojeek_search_api_key"),
        "fmt": "json",
        "t": search.count,
    }
    return EngineRequest("GET", "https://api.mojeek.com/search", params)


def build_bocha_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "summary": True, "freshness": "noLimit", "count": search.count}
    url = "https://api.bochaai.com/v1/web-search?utm_source=ollama"
    return EngineRequest(
        "POST", url, body=body, headers=_build_bearer_header(search.get_setting("bocha_search_api_key"))
    )


def build_serpstack_request(search: SearchRequest) -> EngineRequest:
    scheme = "https" if search.config.get_bool(WEB_SEARCH_SERPSTACK_HTTPS) else "http"
    params = {"access_key": search.get_setting("serpstack_api_key"), "query": search.text}
    return EngineRequest("GET", f"{scheme}://api.serpstack.com/search", params)


def build_serper_request(search: SearchRequest) -> EngineRequest:
    headers = {"x-api-key": search.get_setting("serper_api_key")}
    return EngineRequest("POST", "https://google.serper.dev/search", body={"q": search.text}, headers=headers)


def build_serphouse_request(search: SearchRequest) -> EngineRequest:
    domain = search.get_setting("serphouse_domain").strip() or "google.com"
    params = {"q": search.text, "domain": domain, "device": "desktop", "serp_type": "web", "page": 1}
    params["num_result"] = search.count
    headers = _build_bearer_header(search.get_setting("serphouse_api_key"))
    return EngineRequest("GET", "https://api.serphouse.com/serp/live", params, headers=headers)


def build_serply_request(search: SearchRequest) -> EngineRequest:
    # The parameters are part of the path.
    query = urlencode({"q": search.text, "language": "en", "num": 10, "gl": "US", "hl": "us"})
    headers = {"x-api-key": search.get_setting("serply_api_key"), "x-user-agent": "desktop", "x-proxy-location": "US"}
    return EngineRequest("GET", URL(f"https://api.serply.io/v1/search/{query}", encoded=True), headers=headers)


def build_tavily_request(search: SearchRequest) -> EngineRequest:
    body = {
        "query": search.text,
        "max_results": search.count,
        "search_depth": search.get_setting("tavily_search_depth"),
    }
    url = f"{search.settings.tavily_api_base_url.rstrip('/')}/search"
    return EngineRequest("POST", url, body=body, headers=_build_bearer_header(search.get_setting("tavily_api_key")))


def build_staan_request(search: SearchRequest) -> EngineRequest:
    params: dict[str, Any] = {"q": search.text, "market": search.get_setting("staan_market") or None}
    max_snippets = int(search.config.get_number(WEB_SEARCH_STAAN_MAX_SNIPPETS) or 0)
    if max_snippets:
        params |= {"extra_snippets": "true", "max_snippets": max_snippets}
    headers = _build_bearer_header(search.get_setting("staan_api_key"))
    return EngineRequest("GET", "https://api.staan.ai/v2/search/web", params, headers=headers)


def build_exa_request(search: SearchRequest) -> EngineRequest:
    max_characters = search.config.get(WEB_SEARCH_EXA_MAX_CONTENT_LENGTH)
    text = {"maxCharacters": max_characters} if max_characters is not None else True
    body = {"query": search.text, "numResults": search.count, "contents": {"text": text}, "type": "auto"}
    body["includeDomains"] = search.config.get_list(WEB_SEARCH_DOMAIN_FILTER_LIST)
    return EngineRequest(
        "POST", "https://api.exa.ai/search", body=body, headers=_build_bearer_header(search.get_setting("exa_api_key"))
    )


def build_searchapi_request(search: SearchRequest) -> EngineRequest:
    engine = search.get_setting("searchapi_engine") or "google"
    params = {"engine": engine, "q": search.text, "api_key": search.get_setting("searchapi_api_key")}
    if engine.startswith("google"):
        params["link"] = "resolved"
    return EngineRequest("GET", "https://www.searchapi.io/api/v1/search", params)


def build_serpapi_request(search: SearchRequest) -> EngineRequest:
    engine = search.get_setting("serpapi_engine") or "google"
    params = {"engine": engine, "q": search.text, "api_key": search.get_setting("serpapi_api_key")}
    return EngineRequest("GET", "https://serpapi.com/search", params)


def build_jina_request(search: SearchRequest) -> EngineRequest:
    headers = {"authorization": search.get_setting("jina_api_key"), "x-retain-images": "none"}
    body = {"q": search.text, "count": min(search.count, 10)}
    return EngineRequest(
        "POST", search.get_setting("jina_api_base_url") or "https://s.jina.ai/", body=body, headers=headers
    )


def build_bing_request(search: SearchRequest) -> EngineRequest:
    params = {"q": search.text, "mkt": search.config.get_text(UI_DEFAULT_LOCALE), "count": search.count}
    headers = {"ocp-apim-subscription-key": search.get_setting("bing_search_v7_subscription_key")}
    return EngineRequest("GET", search.get_setting("bing_search_v7_endpoint"), params, headers=headers)


def build_azure_request(search: SearchRequest) -> EngineRequest:
    endpoint, index = (
        search.get_setting("azure_ai_search_endpoint").rstrip("/"),
        search.get_setting("azure_ai_search_index_name"),
    )
    url = f"{endpoint}/indexes/{index}/docs/search"
    headers = {"api-key": search.get_setting("azure_ai_search_api_key")}
    return EngineRequest(
        "POST", url, {"api-version": "2024-07-01"}, {"search": search.text, "top": search.count}, headers
    )


def build_perplexity_request(search: SearchRequest) -> EngineRequest:
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


def build_perplexity_search_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "max_results": search.count}
    headers = {**_build_bearer_header(search.get_setting("perplexity_api_key")), **search.build_user_headers()}
    return EngineRequest("POST", search.get_setting("perplexity_search_api_url"), body=body, headers=headers)


def build_web_iq_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "maxResults": search.count, "contentFormat": "passage"}
    body["language"] = search.get_setting("microsoft_web_iq_language")
    url = f"{search.get_setting('microsoft_web_iq_api_base_url').rstrip('/')}/search/web"
    headers = {"x-apikey": search.get_setting("microsoft_web_iq_api_key"), **search.build_user_headers()}
    return EngineRequest("POST", url, body=body, headers=headers)


def build_external_request(search: SearchRequest) -> EngineRequest:
    headers = {
        "user-agent": USER_AGENT,
        **_build_bearer_header(search.get_setting("external_web_search_api_key")),
        **search.build_user_headers(),
    }
    body = {"query": search.text, "count": search.count}
    return EngineRequest("POST", search.get_setting("external_web_search_url"), body=body, headers=headers)


def build_youcom_request(search: SearchRequest) -> EngineRequest:
    params = {"query": search.text, "count": search.count, "language": "EN"}
    return EngineRequest(
        "GET", "https://ydc-index.io/v1/search", params, headers={"x-api-key": search.get_setting("youcom_api_key")}
    )


def _get_linkup_params(search: SearchRequest) -> dict[str, Any]:
    configured = search.config.get_object(WEB_SEARCH_LINKUP_SEARCH_PARAMS)
    return {"url": "https://api.linkup.so/v1/search", "depth": "standard", "outputType": "sourcedAnswer", **configured}


def build_linkup_request(search: SearchRequest) -> EngineRequest:
    body = _get_linkup_params(search)
    url = str(body.pop("url"))
    body |= {"q": search.text, "maxResults": search.count}
    return EngineRequest("POST", url, body=body, headers=_build_bearer_header(search.get_setting("linkup_api_key")))


def build_ollama_request(search: SearchRequest) -> EngineRequest:
    body = {"query": search.text, "max_results": search.count}
    headers = _build_bearer_header(search.get_setting("ollama_cloud_api_key"))
    return EngineRequest("POST", "https://ollama.com/api/web_search", body=body, headers=headers)


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
