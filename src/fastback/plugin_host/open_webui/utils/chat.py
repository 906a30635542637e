"""Completions of any model of the server."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.await_detection import is_result_awaited
from fastback.plugin_host.awaited_or_not import mark_coroutine_function
from fastback.plugin_host.completions import generate_blocking
from fastback.plugin_host.completions import generate_chat_completion as generate_awaited


@mark_coroutine_function
def generate_chat_completion(
    request: Any,
    form_data: dict[str, Any],
    user: Any,
    bypass_filter: bool = False,
    bypass_system_prompt: bool = False,
    **more: Any,
) -> Any:
    """Return a completion: an object, or a streaming response. See `fastback.plugin_host.completions`."""
    generate = generate_awaited if is_result_awaited() else generate_blocking
    return generate(request, form_data, user, bypass_filter, bypass_system_prompt)


@mark_coroutine_function
def generate_chat_completions(*args: Any, **kwargs: Any) -> Any:
    """The former name; its first argument was the form, without a request."""
    if args and isinstance(args[0], dict):
        args = (None, *args)
    elif not args and "request" not in kwargs:
        args = (None,)
    generate = generate_awaited if is_result_awaited() else generate_blocking
    return generate(*args, **kwargs)


async def generate_direct_chat_completion(request: Any, form_data: dict[str, Any], user: Any, models: Any) -> Any:
    """Return a completion; a model of the page's own connections is asked through the page."""
    return await generate_awaited(request, form_data, user)


async def chat_completed(request: Any, form_data: dict[str, Any], user: Any) -> Any:
    """Run the outlet filters on a finished chat, as pages ask for it."""
    from fastback.plugin_host.http_operations import call_operation

    return await call_operation(user, "POST", "/api/chat/completed", content=form_data)
