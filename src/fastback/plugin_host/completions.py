"""`generate_chat_completion` of plugins: ask any model of the server, within the turn of the plugin's request.

`open_webui.utils.chat` and `open_webui.main` offer `generate_chat_completion`. It works on any event loop, that of a
thread too. `generate_blocking` is for callers that do not await it: it blocks, and cannot stream.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.pipes import pipe_depth
from fastback.plugin_host.server_link import SERVER

Json = dict[str, Any]

_EVENT_STREAM = "text/event-stream"


async def generate_chat_completion(
    request: Any, form_data: Json, user: Any, bypass_filter: bool = False, bypass_system_prompt: bool = False
) -> Any:
    """Return a completion: an object, or for a request that streams a `StreamingResponse` of Starlette.

    The items of its `body_iterator` are lines of bytes, `data: …`. What a model server refused is a `JSONResponse` or a
    `PlainTextResponse`, with the server's status. `user` is an object or a dictionary with an `id`.

    Raises:
        Exception: the completion is not possible; the text says why.
    """
    completion = _build_completion(request, form_data, user, bypass_filter, bypass_system_prompt)
    items = SERVER.stream("completions.stream", completion=completion)
    try:
        head = await anext(items)
        if head["content_type"] == _EVENT_STREAM and head["status"] < 400:
            from starlette.responses import StreamingResponse

            return StreamingResponse(_iterate_lines(items), media_type=_EVENT_STREAM)
        body = b"".join([piece async for piece in items])
    except RemoteFailure as failure:
        raise _build_error(failure) from None
    return _build_result(head, body)


def generate_blocking(
    request: Any, form_data: Json, user: Any, bypass_filter: bool = False, bypass_system_prompt: bool = False
) -> Any:
    """Return a whole completion as `generate_chat_completion` does, and block until it is there; in any thread.

    On the thread of the process's event loop, other plugins wait meanwhile, and a completion that takes too long fails.

    Raises:
        Exception: the completion is not possible, would stream, or takes too long; the text says why.
    """
    if form_data.get("stream"):
        raise Exception("A completion that streams must be awaited: use await generate_chat_completion(...).")
    if not SERVER.is_on_own_thread:
        return SERVER.run_beside(
            generate_chat_completion(request, form_data, user, bypass_filter, bypass_system_prompt)
        )
    completion = _build_completion(request, form_data, user, bypass_filter, bypass_system_prompt)
    try:
        response = SERVER.call_blocking("completions.generate", completion=completion)
    except RemoteFailure as failure:
        raise _build_error(failure) from None
    return _build_result(response, response["body"])


def _build_completion(
    request: Any, form_data: Json, user: Any, bypass_filter: bool, bypass_system_prompt: bool
) -> Json:
    """Return the request to the server; see `PluginCompletion` there."""
    state = getattr(request, "state", None)
    user_id = user.get("id") if isinstance(user, dict) else getattr(user, "id", None)
    return {
        "turn_id": getattr(state, "turn_id", "") or "",
        "user_id": str(user_id or ""),
        "form": form_data,
        "bypass_filter": bool(bypass_filter),
        "bypass_system_prompt": bool(bypass_system_prompt),
        "depth": pipe_depth.get(),
    }


async def _iterate_lines(items: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a stream one by one, as plugins expect them, each with its end."""
    rest = b""
    try:
        async for piece in items:
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest
    finally:
        await items.aclose()


def _build_result(head: Json, body: bytes) -> Any:
    """Return a whole response as plugins get it: the decoded object, or a response with the status of a refusal."""
    try:
        content = json.loads(body)
    except ValueError:
        content = body.decode("utf-8", "replace")
    if head["status"] < 400:
        return content
    from starlette.responses import JSONResponse, PlainTextResponse

    if isinstance(content, (dict, list)):
        return JSONResponse(content, status_code=head["status"], headers=head["headers"])
    return PlainTextResponse(content, status_code=head["status"], headers=head["headers"])


def _build_error(failure: RemoteFailure) -> Exception:
    """Return the exception that plugins get: FastAPI's where they use it and the error has a status of its own."""
    detail = failure.detail if isinstance(failure.detail, dict) else {}
    status = detail.get("status", 400)
    fastapi = sys.modules.get("fastapi")
    if status in (400, 403) or fastapi is None:
        return Exception(str(failure))
    error: Exception = fastapi.HTTPException(status_code=status, detail=detail.get("detail"))
    return error
