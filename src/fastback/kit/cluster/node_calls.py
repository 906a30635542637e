"""Calls between the processes of an installation: ask one, or all others, and get their replies."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from fastback.kit.cluster.interface import Cluster

log = logging.getLogger("fastback.cluster")

#: Answers calls of a method: gets the argument, returns the reply; both of what MessagePack knows.
Handler = Callable[[Any], Awaitable[Any]]


class CallFailed(Exception):
    """A process did not reply: it is gone, it took too long, or its handler failed."""


class _Message(msgspec.Struct, array_like=True):
    """A message about one call; `id` is a number of the process that calls."""

    kind: Literal["call", "cancel", "reply", "failure"]
    node_id: str
    id: int
    method: str = ""
    value: Any = None


class NodeCalls:
    """Call methods of other processes, and answer their calls."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._handlers: dict[str, Handler] = {}
        self._numbers = itertools.count(1)
        #: Calls that wait for a reply, by their numbers, with the process that is called.
        self._waiting: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        #: Calls that are being answered, by process and number.
        self._answering: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._decoder = msgspec.msgpack.Decoder(_Message)
        if cluster.spans_processes:
            cluster.subscribe(_get_channel(cluster.node_id), self._receive)

    def add(self, method: str, handler: Handler) -> None:
        """Answer calls of a method."""
        self._handlers[method] = handler

    async def call(self, node_id: str, method: str, argument: Any = None, *, seconds: float | None) -> Any:
        """Call a method of a process and return its reply; a caller that is cancelled ends the call there, too.

        Raises:
            CallFailed: it does not reply within `seconds`, it is gone, or its handler failed.
        """
        number = next(self._numbers)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (node_id, reply)
        try:
            await self._send(node_id, _Message("call", self._cluster.node_id, number, method, argument))
            async with asyncio.timeout(seconds):
                return await reply
        except TimeoutError:
            raise CallFailed(f"process {node_id} did not reply within {seconds} s") from None
        finally:
            del self._waiting[number]
            if not reply.done() or reply.cancelled():
                await self._send(node_id, _Message("cancel", self._cluster.node_id, number))

    async def call_each(
        self, node_ids: list[str], method: str, argument: Any = None, *, seconds: float
    ) -> dict[str, Any]:
        """Call a method of several processes, and return the replies that have come, by the ids of the processes."""
        calls = (self.call(node_id, method, argument, seconds=seconds) for node_id in node_ids)
        replies = await asyncio.gather(*calls, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException) and not isinstance(reply, CallFailed):
                raise reply
        return {
            node_id: reply
            for node_id, reply in zip(node_ids, replies, strict=True)
            if not isinstance(reply, BaseException)
        }

    def forget_node(self, node_id: str) -> None:
        """End the calls of a process that is gone, and those that wait for it."""
        for other_id, reply in list(self._waiting.values()):
            if other_id == node_id and not reply.done():
                reply.set_exception(CallFailed(f"process {node_id} is gone"))
        for (other_id, _), task in list(self._answering.items()):
            if other_id == node_id:
                task.cancel()

    async def _send(self, node_id: str, message: _Message) -> None:
        await self._cluster.publish(_get_channel(node_id), msgspec.msgpack.encode(message))

    def _receive(self, content: bytes) -> None:
        message = self._decoder.decode(content)
        key = (message.node_id, message.id)
        if message.kind == "call":
            task = asyncio.get_running_loop().create_task(self._answer(message))
            self._answering[key] = task
            task.add_done_callback(lambda _: self._answering.pop(key, None))
        elif message.kind == "cancel":
            if (answering := self._answering.get(key)) is not None:
                answering.cancel()
        elif (waiting := self._waiting.get(message.id)) is not None and not waiting[1].done():
            if message.kind == "reply":
                waiting[1].set_result(message.value)
            else:
                waiting[1].set_exception(CallFailed(f"process {message.node_id}: {message.value}"))

    async def _answer(self, call: _Message) -> None:
        handler = self._handlers.get(call.method)
        if handler is None:  # a process that starts has not added it yet
            await self._reply(call, "failure", f"there is no method {call.method}")
            return
        try:
            await self._reply(call, "reply", await handler(call.value))
        except Exception as error:
            log.warning("a call of %s by process %s failed", call.method, call.node_id, exc_info=error)
            await self._reply(call, "failure", str(error) or type(error).__name__)

    async def _reply(self, call: _Message, kind: Literal["reply", "failure"], value: Any) -> None:
        await self._send(call.node_id, _Message(kind, self._cluster.node_id, call.id, call.method, value))


def _get_channel(node_id: str) -> str:
    return f"calls:{node_id}"
