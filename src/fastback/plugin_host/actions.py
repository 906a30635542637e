"""Run actions: the buttons below an answer."""

from __future__ import annotations

import logging
import typing
from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure, describe_error
from fastback.kit.rpc.wire_values import to_plain
from fastback.plugin_host.injection import run_method, select_arguments
from fastback.plugin_host.loader import PluginLoader
from fastback.plugin_host.plugin_reference import PluginReference
from fastback.plugin_host.tool_results import convert_action_result
from fastback.plugin_host.turns import TurnRegistry
from fastback.plugin_host.valves import add_user_valves, set_valves

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]


class ActionRunner:
    """Run `action` of functions."""

    def __init__(self, loader: PluginLoader, turns: TurnRegistry) -> None:
        self._loader = loader
        self._turns = turns

    async def run_action(self, turn_id: str, function: Any, button_id: str, body: Json) -> Json:
        """Run an action; return `{"value", "embeds"}`. `button_id` is the id of the button, or of the function.

        Raises:
            RemoteFailure: of the kind `plugin_error`: it raised. `load_error`.
        """
        turn = self._turns.get(turn_id)
        reference = msgspec.convert(function, PluginReference)
        plugin = await self._loader.load("function", reference.id, reference.version)
        method = getattr(plugin.instance, "action", None)
        try:
            set_valves(plugin, reference.valves)
            if not callable(method):
                return {"value": body, "embeds": []}
            offered = {
                "__model__": turn.model,
                "__id__": button_id,
                "__event_emitter__": turn.emitter,
                "__event_call__": turn.caller,
                "__user__": turn.user,
                "__request__": None,
            }
            arguments = {"body": body, **select_arguments(method, offered)}
            if "__request__" in arguments:
                arguments["__request__"] = turn.request
            if "__user__" in arguments:
                add_user_valves(plugin, turn.user, turn.user_valves.get("function", {}).get(plugin.id, {}))
            result = await run_method(method, arguments, in_thread=True)
        except RemoteFailure:
            raise
        except Exception as error:
            log.warning("action %s failed", plugin.id, exc_info=error)
            raise RemoteFailure("plugin_error", describe_error(error), {"plugin_id": plugin.id}) from None
        converted = convert_action_result(plugin.id, result)
        return typing.cast(Json, to_plain({"value": converted["value"], "embeds": converted["embeds"]}))
