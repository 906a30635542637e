"""Pages and searching the web: who may, what is refused, what is told where nothing is found."""

from parity.steps import Merged, flat, get, post, refused

_R = "/api/v1/retrieval"
_DEFAULT = "/api/v1/users/default/permissions"
_SEARCH = f"{_R}/process/web/search"
_ROSES = {"queries": ["roses"]}


#: The page of settings has a scenario of its own.
_PAGE = {"save": {"web": "$.web"}, "ignore": ("$",), "why": "compared elsewhere"}


def _set(**values):
    return post("ada", f"{_R}/config/update", {"web": Merged("${web}", values)}, **_PAGE)


def _read(who: str, url: str, **more):
    return flat(
        post(who, f"{_R}/process/web", {"url": url}, **more),
        post(who, f"{_R}/process/web", {"url": url}, query={"process": False}, **more),
        post(who, f"{_R}/process/youtube", {"url": url}, **more),
        post(who, f"{_R}/process/url", {"url": url}, **more),
    )


STEPS = flat(
    get("ada", f"{_R}/config", **_PAGE),
    get("ada", _DEFAULT, save={"permissions": "$", "features": "$.features"}),
    [
        step
        for path in ("web", "youtube", "url")
        for step in flat(
            refused("anonymous pending", "POST", f"{_R}/process/{path}", {"url": "http://example.com"}),
            post("bob", f"{_R}/process/{path}", {}),
            post("bob", f"{_R}/process/{path}", {"url": 5}),
            post("bob", f"{_R}/process/{path}", {"url": "http://127.0.0.1/"}, query={"process": "maybe"}),
        )
    ],
    # Addresses that are none, or that nobody may send us to.
    _read("bob", "garden"),
    _read("bob", ""),
    _read("bob", "ftp://example.com/x"),
    _read("bob", "${upstream}/v1/models"),
    _read("bob", "http://169.254.169.254/latest/meta-data/"),
    _read("bob", "http://[::1]/"),
    _read("bob", "http://localhost:8080/x"),
    _read("bob", "http://10.0.0.1\\@example.com/"),
    # Searching.
    refused("anonymous pending bob ada", "POST", _SEARCH, _ROSES),
    post("bob", _SEARCH, {"queries": "roses"}),
    post("bob", _SEARCH, {}),
    _set(ENABLE_WEB_SEARCH=True),
    post("bob", _SEARCH, _ROSES),
    _set(WEB_SEARCH_ENGINE="nobody"),
    post("bob", _SEARCH, _ROSES),
    _set(WEB_SEARCH_ENGINE="brave"),
    post("bob", _SEARCH, _ROSES),
    _set(WEB_SEARCH_ENGINE="searxng"),
    post("bob", _SEARCH, _ROSES),
    _set(SEARXNG_QUERY_URL="${upstream}/nothing/here"),
    post("bob", _SEARCH, _ROSES),
    _set(SEARXNG_QUERY_URL="${upstream}/v1/models"),
    post("bob", _SEARCH, _ROSES),
    post("bob", _SEARCH, {"queries": []}),
    _set(WEB_SEARCH_ENGINE="external", EXTERNAL_WEB_SEARCH_URL="${upstream}/nothing/here"),
    post("bob", _SEARCH, _ROSES),
    post("ada", _DEFAULT, Merged("${permissions}", {"features": Merged("${features}", {"web_search": False})})),
    post("bob", _SEARCH, _ROSES),
    post("ada", _SEARCH, _ROSES),
)
