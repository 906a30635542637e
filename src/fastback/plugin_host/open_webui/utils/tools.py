"""Tools for plugins that run the calls of models themselves: their functions, with specifications."""

from __future__ import annotations

import functools
import inspect
import logging
import typing
from collections.abc import Awaitable, Callable
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host import specs
from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.http_operations import get_user_id
from fastback.plugin_host.injection import run_method
from fastback.plugin_host.loader import PluginLoader
from fastback.plugin_host.server_link import SERVER
from fastback.plugin_host.valves import build_user_valves, set_valves

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]

_loader = PluginLoader(SERVER)


async def get_async_tool_function_and_apply_extra_params(
    function: Callable[..., Any], extra_params: Json, function_introspection: Any = None
) -> Callable[..., Awaitable[Any]]:
    """Return a coroutine function that runs `function` with the extra parameters that its signature names.

    Its own signature is without them. A synchronous function runs in a thread.
    """
    signature = inspect.signature(function)
    injected = {name: value for name, value in extra_params.items() if name in signature.parameters}
    hints = _find_hints(function)

    async def call(*args: Any, **kwargs: Any) -> Any:
        arguments = {name: _convert_value(hints.get(name), value) for name, value in kwargs.items()}
        bound = functools.partial(function, *args)
        functools.update_wrapper(bound, function)
        if inspect.iscoroutinefunction(function):
            return await function(*args, **arguments, **injected)
        return await run_method(bound, {**arguments, **injected}, in_thread=True)

    functools.update_wrapper(call, function)
    parameters = [parameter for name, parameter in signature.parameters.items() if name not in injected]
    call.__signature__ = inspect.Signature(parameters, return_annotation=signature.return_annotation)  # type: ignore[attr-defined]
    call.__function__ = function  # type: ignore[attr-defined]
    call.__extra_params__ = injected  # type: ignore[attr-defined]
    return call


apply_extra_params_to_tool_function = get_async_tool_function_and_apply_extra_params


async def get_updated_tool_function(function: Callable[..., Any], extra_params: Json) -> Callable[..., Any]:
    """Return the function of a tool with other extra parameters; one that has none is returned as it is."""
    original = getattr(function, "__function__", None)
    injected = getattr(function, "__extra_params__", None)
    if original is None or injected is None:
        return function
    return await get_async_tool_function_and_apply_extra_params(original, {**injected, **extra_params})


def _find_hints(function: Callable[..., Any]) -> Json:
    try:
        return typing.get_type_hints(function)
    except Exception:
        return {}


def _convert_value(hint: Any, value: Any) -> Any:
    """Return a text for an integer as one, and a number for a text as its digits."""
    expected = set(typing.get_args(hint) or (hint,)) - {type(None)}
    if expected == {int} and isinstance(value, str):
        return int(value)
    if expected == {str} and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value


async def get_tools(request: Any, tool_ids: list[str], user: Any, extra_params: Json) -> dict[str, Json]:
    """Return the methods of tools, by name: `{tool_id, callable, spec, metadata, type}` each.

    Tools that do not exist, or do not load, are left out. A name that is taken gets the tool's id before it.
    """
    tools: dict[str, Json] = {}
    for tool_id in tool_ids:
        if ":" not in tool_id:
            for entry in await _list_methods(tool_id, user, extra_params):
                name = _find_free_name(tools, tool_id, entry["spec"]["name"])
                tools[name] = {**entry, "spec": {**entry["spec"], "name": name}}
    server_ids = [tool_id for tool_id in tool_ids if ":" in tool_id]
    if server_ids:
        for entry in await _list_server_tools(request, ["openapi", "mcp"], server_ids):
            tools[_find_free_name(tools, entry["tool_id"], entry["spec"]["name"])] = entry
    return tools


def _find_free_name(tools: dict[str, Json], tool_id: str, name: str) -> str:
    while name in tools:
        name = f"{tool_id}_{name}"
    return name


async def _list_methods(tool_id: str, user: Any, extra_params: Json) -> list[Json]:
    """Return the methods of a plugin; none where it is missing or does not load."""
    rows = await call_server("rows.list", table="tool", where={"id": tool_id})
    if not rows:
        return []
    try:
        source = await call_server("tools.get_source", plugin_id=tool_id)
        plugin = await _loader.load("tool", tool_id, source["version"])
        valves = await call_server("valves.find", kind="tool", plugin_id=tool_id) or {}
        set_valves(plugin, valves)
        params = {**extra_params, "__id__": tool_id}
        if hasattr(plugin.instance, "UserValves") and "__user__" in params:
            user_id = get_user_id(user)
            stored = await call_server("valves.find_user_valves", kind="tool", plugin_id=tool_id, user_id=user_id)
            params["__user__"] = {**params["__user__"], "valves": build_user_valves(plugin, stored)}
    except RemoteFailure as failure:
        log.warning("tool %s skipped: %s", tool_id, failure)
        return []
    from fastback.plugin_host.record_models import decode_row

    entries = []
    for spec in decode_row(rows[0]).get("specs") or ():
        method = getattr(plugin.instance, spec["name"], None)
        if callable(method):
            function = await get_async_tool_function_and_apply_extra_params(method, params)
            entries.append(_build_entry(tool_id, function, clean_openai_tool_schema(spec), plugin.instance))
    return entries


def _build_entry(tool_id: str, function: Any, spec: Json, instance: Any) -> Json:
    return {
        "tool_id": tool_id,
        "callable": function,
        "spec": spec,
        "type": "function",
        "metadata": {
            "file_handler": bool(getattr(instance, "file_handler", False)),
            "citation": bool(getattr(instance, "citation", False)),
        },
    }


async def _list_server_tools(request: Any, kinds: list[str], tool_ids: list[str] | None = None) -> list[Json]:
    turn_id = getattr(getattr(request, "state", None), "turn_id", "")
    if not turn_id:
        return []
    try:
        entries = await call_server("offered_tools.list", turn_id=turn_id, kinds=kinds, tool_ids=tool_ids)
    except RemoteFailure as failure:
        log.warning("tools of servers skipped: %s", failure)
        return []
    return [
        {
            "tool_id": entry["tool_id"],
            "callable": _build_remote_function(entry),
            "spec": entry["spec"],
            "type": entry["kind"],
            "metadata": {},
        }
        for entry in entries
    ]


def _build_remote_function(entry: Json) -> Callable[..., Awaitable[Any]]:
    number = entry["number"]

    async def call(**arguments: Any) -> Any:
        return await call_server("offered_tools.run", number=number, arguments=arguments)

    call.__name__ = entry["name"]
    call.__doc__ = entry["spec"].get("description")
    return call


async def get_builtin_tools(
    request: Any, extra_params: Json, features: Any = None, model: Any = None, is_note_chat: bool = False
) -> dict[str, Json]:
    """Return the built-in tools of the request's turn, by name."""
    return {entry["spec"]["name"]: entry for entry in await _list_server_tools(request, ["builtin"])}


async def get_terminal_tools(request: Any, terminal_id: str, user: Any, extra_params: Json) -> Any:
    """Return the tools of a terminal by name, and its system prompt, which is None here."""
    tool_id = terminal_id if terminal_id.startswith("terminal:") else f"terminal:{terminal_id}"
    entries = await _list_server_tools(request, ["terminal"], [tool_id])
    return {entry["spec"]["name"]: entry for entry in entries}, None


@awaited_or_not
async def get_tool_servers(request: Any = None) -> Any:
    """Return the configured servers of tools."""
    values = await call_server("config.get_many", keys=["tool_server.connections"])
    return values.get("tool_server.connections") or []


async def build_tool_server_headers(
    connection: Json, request: Any, user: Any, server_id: str = "", metadata: Json | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and cookies of requests to a server of tools; tokens of sign-in services are not known."""
    from fastback.plugin_host.open_webui.env import ENABLE_FORWARD_USER_INFO_HEADERS
    from fastback.plugin_host.open_webui.utils import headers as header_helpers

    kind = connection.get("auth_type", "bearer")
    token = {"bearer": connection.get("key", ""), "session": _find_token(request)}.get(kind, "")
    headers = header_helpers.bearer_auth_header(token)
    headers |= await header_helpers.get_custom_headers(connection.get("headers"), user, metadata, request)
    if ENABLE_FORWARD_USER_INFO_HEADERS and user is not None:
        headers = header_helpers.include_user_info_headers(headers, user)
    cookies = dict(getattr(request, "cookies", {})) if connection.get("forward_cookies") else {}
    return headers, cookies


def _find_token(request: Any) -> str:
    token = getattr(getattr(request, "state", None), "token", None)
    return getattr(token, "credentials", "") or ""


def convert_pydantic_model_to_openai_function_spec(model: Any) -> Json:
    """Return the specification of a function whose parameters are the fields of a model."""
    schema = model.model_json_schema()
    parameters = {"type": "object", "properties": schema.get("properties", {})}
    if schema.get("required"):
        parameters["required"] = schema["required"]
    return {"name": schema.get("title", ""), "description": schema.get("description", ""), "parameters": parameters}


def has_tool_server_access(user: Any, server_connection: Any, *args: Any) -> bool:
    """Return whether the user is an administrator: others get only what their turn offers."""
    return getattr(user, "role", None) == "admin"


def parse_description(docstring: str | None) -> str:
    return specs.parse_description(docstring)


def parse_docstring(docstring: str | None) -> dict[str, str]:
    return specs.parse_parameters(docstring)


def convert_function_to_pydantic_model(func: Callable[..., Any], function_introspection: Any = None) -> Any:
    """Return a model whose fields are the parameters of a function, with their descriptions."""
    return specs.build_model(func)


def get_functions_from_tool(tool: object) -> list[Callable[..., Any]]:
    return specs.list_methods(tool)


def get_tool_specs(tool_module: object) -> list[Json]:
    """Return the specification of each public method."""
    return [specs.build_spec(method) for method in specs.list_methods(tool_module)]


def clean_openai_tool_schema(spec: Json) -> Json:
    """Return a specification without the parameters that the server fills in."""
    parameters = spec.get("parameters") or {}
    properties = {
        name: schema for name, schema in (parameters.get("properties") or {}).items() if not name.startswith("__")
    }
    return {**spec, "parameters": {**parameters, "properties": properties}}
