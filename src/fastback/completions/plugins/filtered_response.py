"""A completion whose stream passes the `stream` hooks of filters."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.turn import Turn
from fastback.kit.http.errors import HttpError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginProcessGone
from fastback.providers.completion import Completion
from fastback.providers.upstream import CompletionResponse

log = logging.getLogger("fastback.plugins")

_DONE = b"[DONE]"


class FilteredResponse(CompletionResponse):
    """Pass what arrives together to the plugin process in one message. Completions that do not stream pass unfiltered.

    A payload whose filter raises is lost on the page, and ends the stream to a client of the API, as in Open WebUI.
    Where the plugin process ends, the rest passes unfiltered.
    """

    def __init__(self, response: CompletionResponse, chain: FilterChain, turn: Turn) -> None:
        self._response = response
        self._chain = chain
        self._turn = turn
        self._has_failed = False

    @property
    def is_stream(self) -> bool:
        return self._response.is_stream

    async def read_completion(self) -> Completion:
        return await self._response.read_completion()

    async def read_body(self) -> bytes:
        return await self._response.read_body()

    async def read_answer(self) -> tuple[bytes, Completion | None]:
        return await self._response.read_answer()

    def close(self) -> None:
        self._response.close()

    async def payloads(self) -> AsyncIterator[list[bytes]]:
        is_filtering = True
        async for payloads in self._response.payloads():
            if not is_filtering:
                yield payloads
                continue
            is_last = _DONE in payloads
            events = [payload for payload in payloads if payload != _DONE]
            try:
                filtered = await self._filter(events) if events else []
            except PluginProcessGone as error:
                log.warning("the rest of a stream passes unfiltered: %s", error)
                is_filtering, filtered = False, events
            if is_last and not self._has_failed:
                filtered.append(_DONE)
            if filtered:
                yield filtered
            if self._has_failed:
                raise HttpError(500, "Chat completion stream failed")

    async def _filter(self, payloads: list[bytes]) -> list[bytes]:
        filtered: list[bytes] = []
        while payloads:
            try:
                results = await self._chain.filter_payloads(self._turn, payloads)
                payloads = []
            except RemoteFailure as failure:
                results = (failure.detail or {}).get("results") or []
                log.debug("a chunk is lost, a stream filter failed: %s", failure)
                payloads = payloads[len(results) + 1 :]
                self._has_failed = not self._turn.in_chat
            filtered += [result for result in results if result is not None]
            if self._has_failed:
                break
        return filtered
