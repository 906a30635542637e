"""A web search engine: how its request is built, and how results are read from its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import DigestAuthMiddleware

from fastback.retrieval.web.results import SearchResult
from fastback.retrieval.web.search_request import SearchRequest

RawResult = dict[str, Any]


class EngineRequest(msgspec.Struct, frozen=True):
    """A request to a service: `params` are sent in the URL, `body` as JSON."""

    method: str
    url: Any
    params: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}
    ssl: Any = True
    #: User name and password for HTTP digest authentication.
    login: tuple[str, str] | None = None

    def build_options(self) -> dict[str, Any]:
        """Return the options for aiohttp."""
        options: dict[str, Any] = {"headers": {"accept": "application/json", **self.headers}}
        if self.params is not None:
            options["params"] = {key: value for key, value in self.params.items() if value is not None}
        if self.body is not None:
            options["json"] = self.body
        if self.ssl is not True:
            options["ssl"] = self.ssl
        if self.login is not None:
            options["middlewares"] = (DigestAuthMiddleware(*self.login),)
        return options


class SearchEngine(msgspec.Struct, frozen=True):
    """A search engine.

    Attributes:
        build_request: builds its request.
        list_results: returns the list of results in its response.
        link, title, snippet: the fields of a result; of several the first that contains text is used.
        required_settings: config keys below `web.search.` that must be set.
        sort_field: the field by which results are sorted; `-` before it means descending.
        limits_results: the engine itself returns as many results as requested; otherwise the list is cut.
        applies_site_filter: the list of sites is applied to its results.
        raises_for_status: a response with an error status is an error; otherwise its body is read like any other.
        ignores_errors: where the engine fails, the result is empty.
    """

    build_request: Callable[[SearchRequest], EngineRequest]
    list_results: Callable[[Any], list[Any]]
    link: tuple[str, ...] = ("url",)
    title: tuple[str, ...] = ("title",)
    snippet: tuple[str, ...] = ("snippet",)
    required_settings: tuple[str, ...] = ()
    sort_field: str = ""
    limits_results: bool = False
    applies_site_filter: bool = True
    raises_for_status: bool = True
    ignores_errors: bool = False


def list_at(*path: str) -> Callable[[Any], list[Any]]:
    """Return a function that returns the list at a path of a response; an empty list where there is no list."""

    def get_list(value: Any) -> list[Any]:
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, list) else []

    return get_list


def get_first_text(result: RawResult, names: tuple[str, ...]) -> str | None:
    """Return the first of several fields that contains text."""
    for name in names:
        value = result.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def build_results(engine: SearchEngine, results: list[RawResult]) -> list[SearchResult]:
    """Convert results; those without a link are left out."""
    pages = []
    for result in results:
        link = get_first_text(result, engine.link)
        if link:
            pages.append(
                SearchResult(link, get_first_text(result, engine.title), get_first_text(result, engine.snippet))
            )
    return pages


def _to_number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def sort_results(engine: SearchEngine, results: list[Any]) -> list[RawResult]:
    """Return the results that are JSON objects, sorted by the engine's field."""
    objects = [result for result in results if isinstance(result, dict)]
    name = engine.sort_field.removeprefix("-")
    if name:
        objects.sort(key=lambda result: _to_number(result.get(name)), reverse=engine.sort_field.startswith("-"))
    return objects
