"""Call pipe functions: their arguments, and the forms in which they return an answer."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure, describe_error
from fastback.plugin_host.completion_chunks import (
    ChunkEncoder,
    encode_completion,
    encode_json,
    is_model,
    is_streaming_response,
)
from fastback.plugin_host.injection import select_arguments
from fastback.plugin_host.loader import LoadedPlugin, PluginLoader
from fastback.plugin_host.output_buffer import MAX_MESSAGE_BYTES
from fastback.plugin_host.pipe_output import Encode, read_items
from fastback.plugin_host.plugin_reference import PluginReference
from fastback.plugin_host.plugin_threads import run_in_own_thread
from fastback.plugin_host.server_link import SERVER
from fastback.plugin_host.tool_callers import build_tools
from fastback.plugin_host.turns import HostTurn, TurnRegistry
from fastback.plugin_host.valves import build_user_valves, set_valves

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]

#: Pipes that may call each other, one inside the other; and pipes that may run at once for one turn.
MAX_DEPTH, MAX_PIPES_PER_TURN = 8, 64

#: Bytes of an answer that does not stream.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
#: The content types of answers.
EVENT_STREAM, JSON = "text/event-stream", "application/json"

#: How many pipes the running code is inside of.
pipe_depth: ContextVar[int] = ContextVar("pipe_depth", default=0)

#: The keys of the metadata without which a call has no page.
_PAGE_KEYS = ("session_id", "chat_id", "message_id")


class PipeCall(msgspec.Struct, kw_only=True):
    """A call of a pipe.

    Attributes:
        body: the request in the form of a chat completion; the model's id begins with that of the function.
        metadata: what the server has changed in the metadata of the turn since the last hook.
        extra_metadata: metadata of this call alone, such as `task` and `task_body` of a generation.
        depth: how many pipes the call comes from, one inside the other.
    """

    turn_id: str
    function: PluginReference
    body: Json
    metadata: Json = {}
    extra_metadata: Json = {}
    depth: int = 0


class PipeRunner:
    """Run pipes."""

    def __init__(self, loader: PluginLoader, turns: TurnRegistry) -> None:
        self._loader = loader
        self._turns = turns
        #: Pipes under way, by turn.
        self._running: Counter[str] = Counter()

    async def run(self, call: Json) -> AsyncGenerator[Any, None]:
        """Run a pipe. Yield the content type of its answer, then the answer in pieces of bytes.

        The type is `text/event-stream` or `application/json`. Of a request that streams it comes before the pipe runs,
        and an error of the pipe is an event of the stream.

        Raises:
            RemoteFailure: the function does not load, its valves are invalid, or it is called too deeply.
        """
        pipe_call = msgspec.convert(call, PipeCall)
        turn_id = pipe_call.turn_id
        if pipe_call.depth >= MAX_DEPTH or self._running[turn_id] >= MAX_PIPES_PER_TURN:
            raise RemoteFailure("too_deep", f"Pipes call each other too often (model {pipe_call.body.get('model')}).")
        self._running[turn_id] += 1
        pipe_depth.set(pipe_call.depth + 1)
        try:
            async with aclosing(self._run(pipe_call)) as items:
                async for item in items:
                    yield item
        finally:
            self._running[turn_id] -= 1
            if not self._running[turn_id]:
                del self._running[turn_id]

    async def _run(self, call: PipeCall) -> AsyncGenerator[Any, None]:
        plugin = await self._loader.load("function", call.function.id, call.function.version)
        turn = self._turns.get(call.turn_id)
        if call.metadata:
            turn.update_metadata(call.metadata)
        try:
            set_valves(plugin, call.function.valves, drops_none=True)
            pipe = plugin.instance.pipe
            arguments = _build_arguments(plugin, pipe, turn, call)
        except Exception as error:
            log.warning("calling pipe %s failed", plugin.id, exc_info=error)
            raise RemoteFailure("plugin_error", describe_error(error)) from None
        model_id = str(call.body.get("model"))
        answer = _stream(pipe, arguments, model_id) if call.body.get("stream") else _complete(pipe, arguments, model_id)
        async with aclosing(answer):
            async for item in answer:
                yield item


def _build_arguments(plugin: LoadedPlugin, pipe: Callable[..., Any], turn: HostTurn, call: PipeCall) -> Json:
    """Return the body, and those arguments that the pipe's signature names."""
    metadata = {**turn.metadata, **call.extra_metadata} if call.extra_metadata else turn.metadata
    has_page = all(key in metadata for key in _PAGE_KEYS)
    offered: Json = {
        **turn.get_arguments(),
        "__event_emitter__": turn.emitter if has_page else None,
        "__event_call__": turn.caller if has_page else None,
        "__chat_id__": metadata.get("chat_id"),
        "__session_id__": metadata.get("session_id"),
        "__message_id__": metadata.get("message_id"),
        "__task__": metadata.get("task"),
        "__task_body__": metadata.get("task_body"),
        "__files__": metadata.get("files") or [],
        "__metadata__": metadata,
        "__tools__": None,
        "__request__": None,
    }
    arguments = select_arguments(pipe, offered)
    if "__request__" in arguments:
        arguments["__request__"] = turn.request
    if "__tools__" in arguments:
        turn.tools = build_tools(SERVER, turn.id, metadata.get("tools"))
        arguments["__tools__"] = turn.tools
    if "__user__" in arguments:
        arguments["__user__"] = _build_user(plugin, turn)
    arguments["body"] = call.body
    return arguments


def _build_user(plugin: LoadedPlugin, turn: HostTurn) -> Json:
    """Return the user with the valves that they have set; the defaults, where these are invalid."""
    user = {name: value for name, value in turn.user.items() if name != "valves"}
    if hasattr(plugin.instance, "UserValves"):
        try:
            user["valves"] = build_user_valves(plugin, turn.user_valves.get("function", {}).get(plugin.id, {}))
        except Exception as error:
            log.warning("the valves of user %s for %s are invalid: %s", user.get("id"), plugin.id, error)
            user["valves"] = plugin.instance.UserValves()
    return user


async def _call_pipe(pipe: Callable[..., Any], arguments: Json) -> Any:
    """Return what a pipe returns. A synchronous one runs in a thread: it may wait for other servers."""
    if inspect.iscoroutinefunction(pipe):
        return await pipe(**arguments)
    if inspect.isasyncgenfunction(pipe) or inspect.isgeneratorfunction(pipe):
        return pipe(**arguments)  # runs nothing of it yet
    result = await run_in_own_thread(lambda: pipe(**arguments))
    return await result if inspect.isawaitable(result) else result


# -- answers -----------------------------------------------------------------------------------------------------------


async def _stream(pipe: Callable[..., Any], arguments: Json, model_id: str) -> AsyncGenerator[Any, None]:
    """Yield the content type, and the events of an answer that streams; an error of the pipe itself is an event.

    Raises:
        RemoteFailure: of the kind `plugin_error`: the stream broke off.
    """
    yield EVENT_STREAM
    try:
        result = await _call_pipe(pipe, arguments)
    except (Exception, SystemExit) as error:
        log.warning("a pipe failed: %s", error, exc_info=error)
        yield _encode_failure(error, is_event=True)
        return
    if isinstance(result, dict):
        yield b"data: " + encode_json(result) + b"\n\n"
        return
    if is_streaming_response(result):
        async with aclosing(_pass_items(result.body_iterator, _encode_raw)) as events:
            async for data in events:
                yield data
        return
    encoder = ChunkEncoder(model_id)
    if isinstance(result, str):
        for data in encoder.encode_text(result):
            yield data
    elif isinstance(result, Iterator) or inspect.isasyncgen(result):
        async with aclosing(_pass_items(result, encoder.encode_item)) as events:
            async for data in events:
                yield data
    yield encoder.encode_end()


async def _complete(pipe: Callable[..., Any], arguments: Json, model_id: str) -> AsyncGenerator[Any, None]:
    """Yield the content type, and an answer that does not stream.

    Raises:
        RemoteFailure: of the kind `plugin_error`: an iterator failed. An error of the pipe itself is the answer.
    """
    try:
        result = await _call_pipe(pipe, arguments)
    except (Exception, SystemExit) as error:
        log.warning("a pipe failed: %s", error, exc_info=error)
        yield JSON
        yield _encode_failure(error)
        return
    if is_streaming_response(result):
        yield EVENT_STREAM
        async with aclosing(_pass_items(result.body_iterator, _encode_raw)) as events:
            async for data in events:
                yield data
        return
    content = await _encode_result(result, model_id)
    yield JSON
    for start in range(0, len(content), MAX_MESSAGE_BYTES):
        yield content[start : start + MAX_MESSAGE_BYTES]


async def _pass_items(items: Any, encode: Encode) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of items.

    Raises:
        RemoteFailure: of the kind `plugin_error`: the items broke off.
    """
    try:
        async with aclosing(read_items(items, encode)) as pieces:
            async for piece in pieces:
                yield piece
    except Exception as error:
        log.warning("the answer of a pipe broke off: %s", error, exc_info=error)
        raise RemoteFailure("plugin_error", describe_error(error)) from None


async def _encode_result(result: Any, model_id: str) -> bytes:
    """Return the completion that a result is.

    Raises:
        RemoteFailure: of the kind `plugin_error`: an iterator failed, or does not end.
    """
    if isinstance(result, dict):
        return encode_json(result)
    if is_model(result):
        return encode_json(result.model_dump())
    text: str | None = None
    if isinstance(result, str):
        text = result
    elif inspect.isgenerator(result) or inspect.isasyncgen(result):
        text = await _join_items(result)
    return encode_completion(model_id, text)


async def _join_items(items: Any) -> str:
    """Return the text of all items."""
    parts = bytearray()
    async with aclosing(_pass_items(items, lambda item: (str(item).encode("utf-8", "replace"),))) as pieces:
        async for piece in pieces:
            parts += piece
            if len(parts) > MAX_ANSWER_BYTES:
                raise RemoteFailure("plugin_error", f"The answer is longer than {MAX_ANSWER_BYTES} bytes.")
    return parts.decode()


def _encode_raw(item: Any) -> tuple[bytes, ...]:
    data = item.encode("utf-8", "replace") if isinstance(item, str) else bytes(item)
    return (data,) if data else ()


def _encode_failure(error: BaseException, *, is_event: bool = False) -> bytes:
    content = encode_json({"error": {"detail": describe_error(error)}})
    return b"data: " + content + b"\n\n" if is_event else content
