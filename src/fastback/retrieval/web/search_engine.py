"""A web search engine: how its request is built, and how results are read from its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import DigestAuthMiddleware

from fastback.retrieval.web.results import SearchResult
from fastback.retrieval.web.search_request import Asked

Found = dict[str, Any]


class Request(msgspec.Struct, frozen=True):
    """A request to a service: `params` go into the address, `body` as JSON."""

    method: str
    url: Any
    params: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}
    ssl: Any = True
    #: Name and password, for a server that asks for them (digest).
    login: tuple[str, str] | None = None

    def options(self) -> dict[str, Any]:
        found: dict[str, Any] = {"headers": {"accept": "application/json", **self.headers}}
        if self.params is not None:
            found["params"] = {key: value for key, value in self.params.items() if value is not None}
        if self.body is not None:
            found["json"] = self.body
        if self.ssl is not True:
            found["ssl"] = self.ssl
        if self.login is not None:
            found["middlewares"] = (DigestAuthMiddleware(*self.login),)
        return found


class Engine(msgspec.Struct, frozen=True):
    """A search service.

    Attributes:
        request: what it is asked.
        found: the list of results in its answer.
        link, title, snippet: the names of a result's fields; of several the first that says something.
        needs: settings below `web.search.` that must be set.
        order: the field results are put in order by; `-` before it turns the order round.
        keeps: it has as many results as it was asked for; otherwise they are counted off.
        filters: the list of sites is applied to its results.
        checked: a refusal is an error, and no answer with other words.
        quiet: where it fails, nothing was found.
    """

    request: Callable[[Asked], Request]
    found: Callable[[Any], list[Any]]
    link: tuple[str, ...] = ("url",)
    title: tuple[str, ...] = ("title",)
    snippet: tuple[str, ...] = ("snippet",)
    needs: tuple[str, ...] = ()
    order: str = ""
    keeps: bool = False
    filters: bool = True
    checked: bool = True
    quiet: bool = False


def at(*path: str) -> Callable[[Any], list[Any]]:
    """A function that gives the list at a path of an answer; none where there is nothing of the kind."""

    def found(answer: Any) -> list[Any]:
        for name in path:
            answer = answer.get(name) if isinstance(answer, dict) else None
        return answer if isinstance(answer, list) else []

    return found


def said(result: Found, names: tuple[str, ...]) -> str | None:
    """The first of several fields that says something."""
    for name in names:
        value = result.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def read(engine: Engine, results: list[Found]) -> list[SearchResult]:
    """Results as we keep them; what names no page is left out."""
    found = []
    for one in results:
        link = said(one, engine.link)
        if link:
            found.append(SearchResult(link, said(one, engine.title), said(one, engine.snippet)))
    return found


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def ordered(engine: Engine, results: list[Any]) -> list[Found]:
    known = [one for one in results if isinstance(one, dict)]
    name = engine.order.removeprefix("-")
    if name:
        known.sort(key=lambda one: _number(one.get(name)), reverse=engine.order.startswith("-"))
    return known
