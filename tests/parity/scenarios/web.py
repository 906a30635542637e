"""Web pages and web search: permissions, refusals, and the errors when nothing is found."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_R = "/api/v1/retrieval"
_DEFAULT = "/api/v1/users/default/permissions"
_SEARCH = f"{_R}/process/web/search"
_ROSES = {"queries": ["roses"]}


#: Another scenario compares the page of settings.
_PAGE = {"save": {"web": "$.web"}, "ignore": ("$",), "why": "compared elsewhere"}


def _update_settings(**values):
    return post("ada", f"{_R}/config/update", {"web": Merged("${web}", values)}, **_PAGE)


def _load_page(who: str, url: str, **more):
    return flatten_steps(
        post(who, f"{_R}/process/web", {"url": url}, **more),
        post(who, f"{_R}/process/web", {"url": url}, query={"process": False}, **more),
        post(who, f"{_R}/process/youtube", {"url": url}, **more),
        post(who, f"{_R}/process/url", {"url": url}, **more),
    )


STEPS = flatten_steps(
    get("ada", f"{_R}/config", **_PAGE),
    get("ada", _DEFAULT, save={"permissions": "$", "features": "$.features"}),
    [
        step
        for path in ("web", "youtube", "url")
        for step in flatten_steps(
            refused_steps("anonymous pending", "POST", f"{_R}/process/{path}", {"url": "http://example.com"}),
            post("bob", f"{_R}/process/{path}", {}),
            post("bob", f"{_R}/process/{path}", {"url": 5}),
            post("bob", f"{_R}/process/{path}", {"url": "http://127.0.0.1/"}, query={"process": "maybe"}),
        )
    ],
    # Invalid addresses, and addresses that are not allowed.
    _load_page("bob", "garden"),
    _load_page("bob", ""),
    _load_page("bob", "ftp://example.com/x"),
    _load_page("bob", "${upstream}/v1/models"),
    _load_page("bob", "http://169.254.169.254/latest/meta-data/"),
    _load_page("bob", "http://[::1]/"),
    _load_page("bob", "http://localhost:8080/x"),
    _load_page("bob", "http://10.0.0.1\\@example.com/"),
    # Web search.
    refused_steps("anonymous pending bob ada", "POST", _SEARCH, _ROSES),
    post("bob", _SEARCH, {"queries": "roses"}),
    post("bob", _SEARCH, {}),
    _update_settings(ENABLE_WEB_SEARCH=True),
    post("bob", _SEARCH, _ROSES),
    _update_settings(WEB_SEARCH_ENGINE="nobody"),
    post("bob", _SEARCH, _ROSES),
    _update_settings(WEB_SEARCH_ENGINE="brave"),
    post("bob", _SEARCH, _ROSES),
    _update_settings(WEB_SEARCH_ENGINE="searxng"),
    post("bob", _SEARCH, _ROSES),
    _update_settings(SEARXNG_QUERY_URL="${upstream}/nothing/here"),
    post("bob", _SEARCH, _ROSES),
    _update_settings(SEARXNG_QUERY_URL="${upstream}/v1/models"),
    post("bob", _SEARCH, _ROSES),
    post("bob", _SEARCH, {"queries": []}),
    _update_settings(WEB_SEARCH_ENGINE="external", EXTERNAL_WEB_SEARCH_URL="${upstream}/nothing/here"),
    post("bob", _SEARCH, _ROSES),
    post("ada", _DEFAULT, Merged("${permissions}", {"features": Merged("${features}", {"web_search": False})})),
    post("bob", _SEARCH, _ROSES),
    post("ada", _SEARCH, _ROSES),
)
