"""Search services that are asked with one request: what each is asked, and where its answer keeps what was found."""

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
from fastback.retrieval.web.search_engine import Engine, Request, at
from fastback.retrieval.web.search_request import ROBOT, Asked


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


# What each is asked.


def _searxng(asked: Asked) -> Request:
    url = asked.value("searxng_query_url")
    if "<query>" in url:
        url = url.partition("?")[0]
    language = (asked.value("searxng_language") or "all").strip().rstrip(",")
    params = {"q": asked.text, "format": "json", "pageno": 1, "safesearch": "1", "language": language}
    params |= {"time_range": "", "categories": "", "theme": "simple", "image_proxy": 0}
    headers = {"user-agent": ROBOT, "accept": "text/html", "accept-language": "en-US,en;q=0.5"}
    return Request("GET", url, params, headers=headers, ssl=asked.certificate())


def _yacy(asked: Asked) -> Request:
    url = asked.value("yacy_query_url")
    if not url.endswith("yacysearch.json"):
        url = url.rstrip("/") + "/yacysearch.json"
    params = {"query": asked.text, "contentdom": "text", "resource": "global", "nav": "none"}
    params |= {"maximumRecords": str(asked.count)}
    name, password = asked.value("yacy_username"), asked.value("yacy_password")
    login = (name, password) if name or password else None
    return Request("GET", url, params, headers={"user-agent": ROBOT}, login=login)


def _yacy_items(answer: Any) -> list[Any]:
    channels = at("channels")(answer)
    return at("items")(channels[0]) if channels else []


def _openserp(asked: Asked) -> Request:
    url = f"{asked.value('openserp_base_url').rstrip('/')}/mega/search"
    return Request("GET", url, {"text": asked.text, "limit": asked.count})


def _kagi(asked: Asked) -> Request:
    body = {"query": asked.text, "limit": asked.count}
    return Request(
        "POST", "https://kagi.com/api/v1/search", body=body, headers=_bearer(asked.value("kagi_search_api_key"))
    )


def _mojeek(asked: Asked) -> Request:
    params = {"q": asked.text, "api_key": asked.value("mojeek_search_api_key"), "fmt": "json", "t": asked.count}
    return Request("GET", "https://api.mojeek.com/search", params)


def _bocha(asked: Asked) -> Request:
    body = {"query": asked.text, "summary": True, "freshness": "noLimit", "count": asked.count}
    url = "https://api.bochaai.com/v1/web-search?utm_source=ollama"
    return Request("POST", url, body=body, headers=_bearer(asked.value("bocha_search_api_key")))


def _serpstack(asked: Asked) -> Request:
    scheme = "https" if asked.config.flag(WEB_SEARCH_SERPSTACK_HTTPS) else "http"
    params = {"access_key": asked.value("serpstack_api_key"), "query": asked.text}
    return Request("GET", f"{scheme}://api.serpstack.com/search", params)


def _serper(asked: Asked) -> Request:
    headers = {"x-api-key": asked.value("serper_api_key")}
    return Request("POST", "https://google.serper.dev/search", body={"q": asked.text}, headers=headers)


def _serphouse(asked: Asked) -> Request:
    domain = asked.value("serphouse_domain").strip() or "google.com"
    params = {"q": asked.text, "domain": domain, "device": "desktop", "serp_type": "web", "page": 1}
    params["num_result"] = asked.count
    headers = _bearer(asked.value("serphouse_api_key"))
    return Request("GET", "https://api.serphouse.com/serp/live", params, headers=headers)


def _serply(asked: Asked) -> Request:
    # Its parameters are part of the path.
    query = urlencode({"q": asked.text, "language": "en", "num": 10, "gl": "US", "hl": "us"})
    headers = {"x-api-key": asked.value("serply_api_key"), "x-user-agent": "desktop", "x-proxy-location": "US"}
    return Request("GET", URL(f"https://api.serply.io/v1/search/{query}", encoded=True), headers=headers)


def _tavily(asked: Asked) -> Request:
    body = {"query": asked.text, "max_results": asked.count, "search_depth": asked.value("tavily_search_depth")}
    url = f"{asked.settings.tavily_api_base_url.rstrip('/')}/search"
    return Request("POST", url, body=body, headers=_bearer(asked.value("tavily_api_key")))


def _staan(asked: Asked) -> Request:
    params: dict[str, Any] = {"q": asked.text, "market": asked.value("staan_market") or None}
    most = int(asked.config.number(WEB_SEARCH_STAAN_MAX_SNIPPETS) or 0)
    if most:
        params |= {"extra_snippets": "true", "max_snippets": most}
    headers = _bearer(asked.value("staan_api_key"))
    return Request("GET", "https://api.staan.ai/v2/search/web", params, headers=headers)


def _staan_results(answer: Any) -> list[Any]:
    found = []
    for one in at("web", "results")(answer):
        chunks = [extra.get("chunk") for extra in at("extra_snippets")(one) if isinstance(extra, dict)]
        found.append({**one, "snippet": _joined([one.get("snippet"), *chunks])} if isinstance(one, dict) else one)
    return found


def _exa(asked: Asked) -> Request:
    most = asked.config.get(WEB_SEARCH_EXA_MAX_CONTENT_LENGTH)
    text = {"maxCharacters": most} if most is not None else True
    body = {"query": asked.text, "numResults": asked.count, "contents": {"text": text}, "type": "auto"}
    body["includeDomains"] = asked.config.items(WEB_SEARCH_DOMAIN_FILTER_LIST)
    return Request("POST", "https://api.exa.ai/search", body=body, headers=_bearer(asked.value("exa_api_key")))


def _searchapi(asked: Asked) -> Request:
    engine = asked.value("searchapi_engine") or "google"
    params = {"engine": engine, "q": asked.text, "api_key": asked.value("searchapi_api_key")}
    if engine.startswith("google"):
        params["link"] = "resolved"
    return Request("GET", "https://www.searchapi.io/api/v1/search", params)


def _serpapi(asked: Asked) -> Request:
    engine = asked.value("serpapi_engine") or "google"
    params = {"engine": engine, "q": asked.text, "api_key": asked.value("serpapi_api_key")}
    return Request("GET", "https://serpapi.com/search", params)


def _jina(asked: Asked) -> Request:
    headers = {"authorization": asked.value("jina_api_key"), "x-retain-images": "none"}
    body = {"q": asked.text, "count": min(asked.count, 10)}
    return Request("POST", asked.value("jina_api_base_url") or "https://s.jina.ai/", body=body, headers=headers)


def _bing(asked: Asked) -> Request:
    params = {"q": asked.text, "mkt": asked.config.text(UI_DEFAULT_LOCALE), "count": asked.count}
    headers = {"ocp-apim-subscription-key": asked.value("bing_search_v7_subscription_key")}
    return Request("GET", asked.value("bing_search_v7_endpoint"), params, headers=headers)


def _azure(asked: Asked) -> Request:
    endpoint, index = asked.value("azure_ai_search_endpoint").rstrip("/"), asked.value("azure_ai_search_index_name")
    url = f"{endpoint}/indexes/{index}/docs/search"
    headers = {"api-key": asked.value("azure_ai_search_api_key")}
    return Request("POST", url, {"api-version": "2024-07-01"}, {"search": asked.text, "top": asked.count}, headers)


def _perplexity(asked: Asked) -> Request:
    system = "You search the web. Answer with facts, and cite where they come from."
    body = {
        "model": asked.value("perplexity_model"),
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": asked.text}],
        "temperature": 0.2,
        "stream": False,
        "web_search_options": {"search_context_usage": asked.value("perplexity_search_context_usage")},
    }
    headers = _bearer(asked.value("perplexity_api_key"))
    return Request("POST", "https://api.perplexity.ai/chat/completions", body=body, headers=headers)


def _cited(answer: Any) -> list[Any]:
    """The pages an answer cites; the answer itself is told of the first."""
    choices = at("choices")(answer)
    try:
        text = str(choices[0]["message"]["content"]) if choices else ""
    except (KeyError, TypeError):
        text = ""
    links = at("citations")(answer)
    return [{"url": link, "title": f"Source {n + 1}", "snippet": "" if n else text} for n, link in enumerate(links)]


def _perplexity_search(asked: Asked) -> Request:
    body = {"query": asked.text, "max_results": asked.count}
    headers = {**_bearer(asked.value("perplexity_api_key")), **asked.who()}
    return Request("POST", asked.value("perplexity_search_api_url"), body=body, headers=headers)


def _web_iq(asked: Asked) -> Request:
    body = {"query": asked.text, "maxResults": asked.count, "contentFormat": "passage"}
    body["language"] = asked.value("microsoft_web_iq_language")
    url = f"{asked.value('microsoft_web_iq_api_base_url').rstrip('/')}/search/web"
    headers = {"x-apikey": asked.value("microsoft_web_iq_api_key"), **asked.who()}
    return Request("POST", url, body=body, headers=headers)


def _external(asked: Asked) -> Request:
    headers = {"user-agent": ROBOT, **_bearer(asked.value("external_web_search_api_key")), **asked.who()}
    body = {"query": asked.text, "count": asked.count}
    return Request("POST", asked.value("external_web_search_url"), body=body, headers=headers)


def _youcom(asked: Asked) -> Request:
    params = {"query": asked.text, "count": asked.count, "language": "EN"}
    return Request(
        "GET", "https://ydc-index.io/v1/search", params, headers={"x-api-key": asked.value("youcom_api_key")}
    )


def _youcom_results(answer: Any) -> list[Any]:
    found = at("results", "web")(answer)
    return [
        {**one, "snippet": _joined([one.get("description"), *at("snippets")(one)])} if isinstance(one, dict) else one
        for one in found
    ]


def _linkup_params(asked: Asked) -> dict[str, Any]:
    own = asked.config.table(WEB_SEARCH_LINKUP_SEARCH_PARAMS)
    return {"url": "https://api.linkup.so/v1/search", "depth": "standard", "outputType": "sourcedAnswer", **own}


def _linkup(asked: Asked) -> Request:
    body = _linkup_params(asked)
    url = str(body.pop("url"))
    body |= {"q": asked.text, "maxResults": asked.count}
    return Request("POST", url, body=body, headers=_bearer(asked.value("linkup_api_key")))


def _linkup_results(answer: Any) -> list[Any]:
    return at("sources")(answer) or at("results")(answer)


def _ollama(asked: Asked) -> Request:
    body = {"query": asked.text, "max_results": asked.count}
    headers = _bearer(asked.value("ollama_cloud_api_key"))
    return Request("POST", "https://ollama.com/api/web_search", body=body, headers=headers)


def _context(answer: Any) -> list[Any]:
    return [
        {**one, "snippet": _joined(at("snippets")(one))} if isinstance(one, dict) else one
        for one in at("grounding", "generic")(answer)
    ]


def brave_request(asked: Asked) -> Request:
    headers = {"x-subscription-token": asked.value("brave_search_api_key")}
    params = {"q": asked.text, "count": asked.count}
    return Request("GET", "https://api.search.brave.com/res/v1/web/search", params, headers=headers)


def brave_context_request(asked: Asked) -> Request:
    most = int(asked.config.number(WEB_SEARCH_BRAVE_SEARCH_CONTEXT_TOKENS) or 8192)
    params = {"q": asked.text, "count": asked.count, "maximum_number_of_tokens": most}
    headers = {"x-subscription-token": asked.value("brave_search_api_key")}
    return Request("GET", "https://api.search.brave.com/res/v1/llm/context", params, headers=headers)


def _joined(parts: list[Any]) -> str:
    return "\n\n".join(part for part in parts if isinstance(part, str) and part)


_AZURE_LINKS = ("url", "link", "uri", "metadata_storage_path")
_AZURE_TITLES = ("title", "name", "metadata_title", "metadata_storage_name")
_AZURE_TEXTS = ("content", "snippet", "description", "summary", "text")
_AZURE_NEEDS = ("azure_ai_search_api_key", "azure_ai_search_endpoint", "azure_ai_search_index_name")

BRAVE = Engine(brave_request, at("web", "results"), snippet=("description",), needs=("brave_search_api_key",))
BRAVE_CONTEXT = Engine(brave_context_request, _context, needs=("brave_search_api_key",))

ENGINES: dict[str, Engine] = {
    "azure": Engine(_azure, at("value"), _AZURE_LINKS, _AZURE_TITLES, _AZURE_TEXTS, needs=_AZURE_NEEDS, keeps=True),
    "bing": Engine(_bing, at("webPages", "value"), title=("name",), keeps=True),
    "bocha": Engine(
        _bocha, at("data", "webPages", "value"), title=("name",), snippet=("summary",), needs=("bocha_search_api_key",)
    ),
    "exa": Engine(
        _exa, at("results"), snippet=("text",), needs=("exa_api_key",), keeps=True, filters=False, quiet=True
    ),
    "external": Engine(
        _external, lambda answer: answer if isinstance(answer, list) else [], link=("link",), quiet=True
    ),
    "jina": Engine(_jina, at("data"), snippet=("content",), keeps=True, filters=False),
    "kagi": Engine(_kagi, at("data", "search"), needs=("kagi_search_api_key",), keeps=True),
    "linkup": Engine(
        _linkup,
        _linkup_results,
        title=("name", "title"),
        snippet=("content", "text", "snippet"),
        needs=("linkup_api_key",),
    ),
    "microsoft_web_iq": Engine(
        _web_iq,
        at("webResults"),
        snippet=("content",),
        needs=("microsoft_web_iq_api_key",),
        keeps=True,
        quiet=True,
    ),
    "mojeek": Engine(
        _mojeek, at("response", "results"), snippet=("desc",), needs=("mojeek_search_api_key",), keeps=True
    ),
    "ollama_cloud": Engine(_ollama, at("results"), snippet=("content",), keeps=True, quiet=True),
    "openserp": Engine(_openserp, at("results"), needs=("openserp_base_url",)),
    "perplexity": Engine(_perplexity, _cited, checked=False, quiet=True),
    "perplexity_search": Engine(
        _perplexity_search, at("results"), needs=("perplexity_api_key",), keeps=True, checked=False, quiet=True
    ),
    "searchapi": Engine(
        _searchapi,
        lambda answer: at("organic_results")(answer) + at("top_stories")(answer),
        link=("link",),
        needs=("searchapi_api_key",),
    ),
    "searxng": Engine(_searxng, at("results"), snippet=("content",), needs=("searxng_query_url",), order="-score"),
    "serpapi": Engine(
        _serpapi,
        at("organic_results"),
        link=("link",),
        needs=("serpapi_api_key",),
        order="position",
        checked=False,
    ),
    "serper": Engine(_serper, at("organic"), link=("link",), needs=("serper_api_key",), order="position"),
    "serphouse": Engine(
        _serphouse,
        at("results", "results", "organic"),
        link=("link",),
        needs=("serphouse_api_key",),
        order="position",
    ),
    "serply": Engine(
        _serply,
        at("results"),
        link=("link",),
        snippet=("description",),
        needs=("serply_api_key",),
        order="realPosition",
    ),
    "serpstack": Engine(_serpstack, at("organic_results"), needs=("serpstack_api_key",), order="position"),
    "staan": Engine(_staan, _staan_results, needs=("staan_api_key",)),
    "tavily": Engine(_tavily, at("results"), snippet=("content",), needs=("tavily_api_key",), keeps=True),
    "yacy": Engine(
        _yacy,
        _yacy_items,
        link=("link",),
        snippet=("description",),
        needs=("yacy_query_url",),
        order="-ranking",
    ),
    "youcom": Engine(_youcom, _youcom_results),
}
