"""Run the methods of tools, and bring what they return into a form that the server takes."""

from __future__ import annotations

import asyncio
import logging
import re
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure, describe_error
from fastback.plugin_host.injection import run_method, select_arguments
from fastback.plugin_host.loader import LoadedPlugin, PluginLoader
from fastback.plugin_host.plugin_reference import PluginReference
from fastback.plugin_host.tool_results import convert_result, fit_for_model, is_small, pack_result
from fastback.plugin_host.turns import HostTurn, TurnRegistry
from fastback.plugin_host.valves import build_user_valves, set_valves

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]

_FIELDS = re.compile(":(?:param|return)")


class ToolRunner:
    """Describe and run tools."""

    def __init__(self, loader: PluginLoader, turns: TurnRegistry) -> None:
        self._loader = loader
        self._turns = turns

    async def describe_tools(self, turn_id: str, tools: list[Any]) -> list[Json]:
        """Return the description of each method of each tool, and whether the tool handles files itself.

        Raises:
            RemoteFailure: of the kind `load_error`, or `plugin_error` where a tool rejects the stored valves.
        """
        turn = self._turns.get(turn_id)
        descriptions: list[Json] = []
        for reference in msgspec.convert(tools, list[PluginReference]):
            plugin = await self._loader.load("tool", reference.id, reference.version)
            try:
                set_valves(plugin, reference.valves)
                _build_user(plugin, turn)
            except Exception as error:
                raise RemoteFailure("plugin_error", describe_error(error), {"plugin_id": plugin.id}) from None
            methods = {name: getattr(plugin.instance, name) for name in dir(plugin.instance) if name[:1] != "_"}
            descriptions.append(
                {
                    "descriptions": {
                        name: _describe(name, method) for name, method in methods.items() if callable(method)
                    },
                    "file_handler": bool(getattr(plugin.instance, "file_handler", False)),
                }
            )
        return descriptions

    async def run_tool(
        self,
        turn_id: str,
        tool: Any,
        method: str,
        arguments: Json,
        messages: list[Any],
        for_model: bool = True,
    ) -> Json:
        """Run a method; return `{"value", "embeds", "files"}`.

        `for_model` has a large value converted to the text that models read; otherwise it is packed (`pack_value`).

        Raises:
            RemoteFailure: of the kind `plugin_error`: it raised. `load_error`, `too_large`.
        """
        turn = self._turns.get(turn_id)
        reference = msgspec.convert(tool, PluginReference)
        plugin = await self._loader.load("tool", reference.id, reference.version)
        function = getattr(plugin.instance, method, None)
        if not callable(function):
            raise RemoteFailure("plugin_error", f"{plugin.id} has no method {method}")
        try:
            set_valves(plugin, reference.valves)
            offered = {
                **turn.get_arguments(),
                "__user__": _build_user(plugin, turn),
                "__model__": turn.metadata.get("task_model") or turn.model,
                "__messages__": messages,
                "__files__": turn.metadata.get("files") or [],
                "__chat_id__": turn.metadata.get("chat_id"),
                "__message_id__": turn.metadata.get("message_id"),
                "__features__": turn.features,
                "__id__": plugin.id,
                "__request__": None,
            }
            injected = select_arguments(function, offered)
            if "__request__" in injected:
                injected["__request__"] = turn.request
            result = await run_method(function, {**_convert_arguments(function, arguments), **injected}, in_thread=True)
        except RemoteFailure:
            raise
        except Exception as error:
            log.warning("%s of tool %s failed", method, plugin.id, exc_info=error)
            raise RemoteFailure("plugin_error", describe_error(error), {"plugin_id": plugin.id}) from None
        fit = fit_for_model if for_model else pack_result
        converted = convert_result(method, result)
        return fit(converted) if is_small(converted) else await asyncio.to_thread(fit, converted)


def _describe(name: str, method: Callable[..., Any]) -> str:
    """Return the description of a method: its docstring up to the parameters, unstripped."""
    text = getattr(method, "__doc__", None)
    return _FIELDS.split(text, maxsplit=1)[0] if isinstance(text, str) and text.strip() else name


def _build_user(plugin: LoadedPlugin, turn: HostTurn) -> Json:
    """Return `__user__` with the user's valves.

    Raises:
        Exception: the plugin rejects the stored values.
    """
    user = dict(turn.user)
    if hasattr(plugin.instance, "UserValves"):
        user["valves"] = build_user_valves(plugin, turn.user_valves.get("tool", {}).get(plugin.id, {}))
    return user


def _convert_arguments(method: Callable[..., Any], arguments: Json) -> Json:
    """Return the arguments with texts for integers, and numbers for texts, converted to what the method expects."""
    hints = _get_hints(getattr(method, "__func__", method))
    converted: Json = {}
    for name, value in arguments.items():
        alternatives = set(typing.get_args(hints.get(name))) or {hints.get(name)}
        expected = alternatives - {type(None)}
        if expected == {int} and isinstance(value, str):
            value = int(value)
        elif expected == {str} and isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        converted[name] = value
    return converted


@lru_cache(1000)
def _get_hints(function: Callable[..., Any]) -> Json:
    """Return the types that a signature names; none where they are not found. Reading them takes longer than a call."""
    try:
        return typing.get_type_hints(function)
    except Exception:
        return {}
