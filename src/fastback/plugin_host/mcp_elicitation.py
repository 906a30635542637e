"""Questions of MCP servers to the user, while a call of a tool is under way: the page of the call shows them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from mcp_types import ElicitRequestFormParams, ElicitRequestURLParams, ElicitResult

from fastback.plugin_host.server_link import SERVER

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]

#: Sends the page an event, and returns its reply.
AskPage = Callable[[Json], Awaitable[Any]]
Params = ElicitRequestFormParams | ElicitRequestURLParams

_FIELDS = {"mode", "message", "requested_schema", "url"}
_ACTIONS = ("accept", "decline", "cancel")


class PageQuestion:
    """Ask the page of a call; the time of the call stops meanwhile."""

    def __init__(self, server_id: str, page: Json, limit: asyncio.Timeout) -> None:
        """`page` are the fields of the target of an event: user, chat, message and socket."""
        self._server_id = server_id
        self._page = page
        self._limit = limit
        self._count = 0
        self._remaining: float | None = None

    async def ask(self, params: Params) -> ElicitResult:
        """Return what the user has answered; `cancel` where there is no valid answer."""
        with self._stop_time():
            return await answer_question(params, self._server_id, self._ask_page)

    async def _ask_page(self, event: Json) -> Any:
        return await SERVER.call("pages.call", target=self._page, event=event)

    @contextmanager
    def _stop_time(self) -> Iterator[None]:
        """Stop the clock of the call, also where several questions are open."""
        clock = asyncio.get_running_loop().time
        self._count += 1
        if self._count == 1:
            end = self._limit.when()
            self._remaining = None if end is None else end - clock()
            self._limit.reschedule(None)
        try:
            yield
        finally:
            self._count -= 1
            if not self._count and self._remaining is not None:
                self._limit.reschedule(clock() + self._remaining)


async def answer_question(params: Params, server_id: str, ask_page: AskPage) -> ElicitResult:
    """Have a page show a question: a form, or an address to open. What is invalid on either side cancels it."""
    try:
        if not _is_valid(params):
            return ElicitResult(action="cancel")
        fields = params.model_dump(mode="json", by_alias=True, include=_FIELDS)
        reply = await ask_page({"type": "request:elicitation", "data": {**fields, "server_name": server_id}})
        action = reply.get("action") if isinstance(reply, dict) else None
        if action not in _ACTIONS:
            return ElicitResult(action="cancel")
        content = None
        if action == "accept" and isinstance(params, ElicitRequestFormParams):
            content = reply.get("content")
            _build_validator(params.requested_schema).validate(content)
        return ElicitResult(action=action, content=content)
    except Exception as error:
        log.warning("a question of MCP server %s failed, it is cancelled: %s", server_id, type(error).__name__)
        return ElicitResult(action="cancel")


def _is_valid(params: Params) -> bool:
    if isinstance(params, ElicitRequestFormParams):
        _build_validator(params.requested_schema)
        return True
    address = urlsplit(params.url)
    has_credentials = bool(address.username or address.password)
    return address.scheme in ("http", "https") and bool(address.hostname) and not has_credentials


def _build_validator(schema: Any) -> Any:
    """Return what checks answers; references in a schema are never fetched.

    Raises:
        jsonschema.SchemaError: the schema is invalid.
    """
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry

    Draft202012Validator.check_schema(schema)
    registry: Any = Registry()
    return Draft202012Validator(schema, format_checker=FormatChecker(), registry=registry)
