"""Run the hooks of filters: `inlet`, `request`, `stream` and `outlet`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure, describe_error
from fastback.plugin_host.injection import run_method, select_arguments
from fastback.plugin_host.loader import LoadedPlugin, PluginLoader
from fastback.plugin_host.plugin_reference import PluginReference
from fastback.plugin_host.turns import HostTurn, TurnRegistry
from fastback.plugin_host.valves import add_user_valves, set_valves

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]


class FilterRunner:
    """Run a hook of several filters, one after the other."""

    def __init__(self, loader: PluginLoader, turns: TurnRegistry) -> None:
        self._loader = loader
        self._turns = turns

    async def run_filters(
        self,
        turn_id: str,
        hook: str,
        filters: list[Any],
        body: Json,
        metadata: Json,
        features: Json,
        has_page: bool,
    ) -> Json:
        """Run `inlet`, `request` or `outlet`.

        `metadata` are changes that the server has made since the last hook; `features` are those that the page has
        switched on, and `has_page` says whether there is one. The result has the `body`, the `metadata`
        where plugins have changed them, and `drops_files`: whether a filter of an inlet handles the files itself.

        Raises:
            RemoteFailure: of the kind `plugin_error`: a filter raised, or did not return a body. `load_error`.
        """
        turn = self._turns.get(turn_id)
        turn.update_metadata(metadata)
        turn.has_page = has_page
        if hook == "request":
            turn.features = features
        if hook != "outlet":
            body["metadata"] = turn.metadata
        drops_files = False
        for reference in msgspec.convert(filters, list[PluginReference]):
            plugin = await self._loader.load("function", reference.id, reference.version)
            method = getattr(plugin.instance, hook, None)
            if not callable(method):
                continue
            body = await self._run_hook(turn, hook, plugin, reference, method, body)
            drops_files = drops_files or bool(getattr(plugin.instance, "file_handler", False))
        if not isinstance(body, dict):
            raise RemoteFailure("plugin_error", _describe_misfit(hook, body))
        if hook == "request":
            turn.body = body
        if drops_files and hook == "inlet":
            turn.metadata.pop("files", None)
        changed_metadata = turn.take_changed_metadata()
        body = {name: value for name, value in body.items() if name != "metadata"}
        return {"body": body, "metadata": changed_metadata, "drops_files": drops_files and hook == "inlet"}

    async def _run_hook(
        self,
        turn: HostTurn,
        hook: str,
        plugin: LoadedPlugin,
        reference: PluginReference,
        method: Callable[..., Any],
        body: Any,
    ) -> Any:
        try:
            set_valves(plugin, reference.valves)
            offered = {"body": body, **self._get_hook_arguments(turn, hook), "__id__": plugin.id}
            return await self._call(turn, plugin, method, offered)
        except (Exception, SystemExit) as error:
            level = logging.DEBUG if hook == "inlet" else logging.WARNING
            log.log(level, "%s of filter %s failed", hook, plugin.id, exc_info=error)
            raise RemoteFailure("plugin_error", str(error), {"plugin_id": plugin.id}) from None

    async def _call(self, turn: HostTurn, plugin: LoadedPlugin, method: Callable[..., Any], offered: Json) -> Any:
        arguments = self._select_arguments(turn, plugin, method, offered)
        return await run_method(method, {**arguments, "body": offered["body"]}, in_thread=plugin.blocks)

    @staticmethod
    def _select_arguments(turn: HostTurn, plugin: LoadedPlugin, method: Callable[..., Any], offered: Json) -> Json:
        arguments = select_arguments(method, {**offered, "__request__": None})
        if "__request__" in arguments:
            arguments["__request__"] = turn.request
        if "__user__" in arguments:
            add_user_valves(plugin, turn.user, turn.user_valves.get("function", {}).get(plugin.id, {}))
        return arguments

    @staticmethod
    def _get_hook_arguments(turn: HostTurn, hook: str) -> Json:
        arguments: Json = {**turn.get_arguments(), "__model__": turn.model}
        if hook == "outlet":
            del arguments["__oauth_token__"]
            # Clients of the API have no page; inlets find both all the same.
            return arguments if turn.has_page else {**arguments, "__event_emitter__": None, "__event_call__": None}
        arguments |= {"__chat_id__": turn.metadata.get("chat_id"), "__message_id__": turn.metadata.get("message_id")}
        if hook == "request":
            arguments["__features__"] = turn.features
        if hook == "stream" and turn.has_page:
            arguments["__body__"] = turn.body
        return arguments

    # -- streams ---------------------------------------------------------------------------------------------------

    async def filter_stream(
        self, turn_id: str, filters: list[Any], payloads: list[bytes], has_page: bool
    ) -> list[bytes | None]:
        """Run `stream` on the payloads of a stream, JSON texts; return what becomes of each, None for a dropped one.

        Raises:
            RemoteFailure: of the kind `plugin_error` where a filter raised; `detail` has the `results` of the payloads
                before it.
        """
        turn = self._turns.get(turn_id)
        turn.has_page = has_page
        offered = self._get_hook_arguments(turn, "stream")
        chain: list[tuple[LoadedPlugin, Callable[..., Any], Json]] = []
        results: list[bytes | None] = []
        plugin_id = ""
        try:
            for reference in msgspec.convert(filters, list[PluginReference]):
                plugin_id = reference.id
                plugin = await self._loader.load("function", reference.id, reference.version)
                method = getattr(plugin.instance, "stream", None)
                if callable(method):
                    set_valves(plugin, reference.valves)
                    arguments = self._select_arguments(turn, plugin, method, {**offered, "__id__": plugin.id})
                    if "__user__" in arguments:  # the next filter puts its own valves there
                        arguments["__user__"] = dict(turn.user)
                    chain.append((plugin, method, arguments))
            for payload in payloads:
                event = _decode(payload)
                for plugin, method, arguments in chain:
                    plugin_id = plugin.id
                    event = await run_method(method, {**arguments, "event": event}, in_thread=plugin.blocks)
                results.append(msgspec.json.encode(event, enc_hook=str) if event else None)
        except RemoteFailure:
            raise
        except (Exception, SystemExit) as error:
            log.warning("stream of filter %s failed", plugin_id, exc_info=error)
            detail = {"plugin_id": plugin_id, "results": results}
            raise RemoteFailure("plugin_error", describe_error(error), detail) from None
        return results


def _describe_misfit(hook: str, body: Any) -> str:
    """Return the error of Python for the use of a hook's result as a body, which it cannot be."""
    try:
        if hook == "inlet":
            body.pop("metadata", None)
        else:
            body.get("metadata")
    except (AttributeError, TypeError) as error:
        return str(error)
    return f"'{type(body).__name__}' object is no body"


def _decode(payload: bytes) -> Any:
    """Return the value of a JSON text, which may hold what JSON does not know, such as NaN."""
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return json.loads(payload)
