"""Filters: which apply to a model, and running their hooks."""

from __future__ import annotations

import inspect
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.awaited_or_not import call_server
from fastback.plugin_host.http_operations import get_user_id
from fastback.plugin_host.injection import run_method, select_arguments
from fastback.plugin_host.loader import LoadedPlugin
from fastback.plugin_host.open_webui.models.functions import Functions
from fastback.plugin_host.open_webui.utils.plugin import load_function
from fastback.plugin_host.valves import add_user_valves, get_priority, set_valves

Json = dict[str, Any]


class FilterContext:
    """What the hooks of a request share; here nothing."""


def get_filter_context(request: Any) -> FilterContext:
    return FilterContext()


async def get_sorted_filter_ids(request: Any, model: Json, enabled_filter_ids: list[str] | None = None) -> list[str]:
    """Return the ids of the active filters of a model, by priority and id.

    Filters with a toggle are left out where `enabled_filter_ids` does not name them.
    """
    meta = ((model or {}).get("info") or {}).get("meta") or {}
    model_ids = set(meta.get("filterIds") or ())
    ranked = []
    for filter_id, is_global in await Functions.get_active_filter_ids():
        if not (is_global or filter_id in model_ids):
            continue
        try:
            plugin = await load_function(filter_id)
        except RemoteFailure:
            continue
        if getattr(plugin.instance, "toggle", None) and filter_id not in (enabled_filter_ids or ()):
            continue
        valves = await call_server("valves.find", kind="function", plugin_id=filter_id) or {}
        ranked.append((get_priority(plugin, valves), filter_id))
    return [filter_id for _, filter_id in sorted(ranked)]


async def get_filter_functions(request: Any, model: Json, enabled_filter_ids: list[str] | None = None) -> list[Any]:
    """Return the records of the filters that `get_sorted_filter_ids` names, in its order."""
    ids = await get_sorted_filter_ids(request, model, enabled_filter_ids)
    records = {record.id: record for record in await Functions.get_functions_by_ids(ids)}
    return [records[filter_id] for filter_id in ids if filter_id in records]


async def process_filter_functions(
    request: Any, *args: Any, filter_functions: Any = None, filter_type: Any = None, **kwargs: Any
) -> tuple[Any, Json]:
    """Run a hook of filters, one after the other; return the body, and an empty object.

    The arguments are `filter_functions, filter_type, form_data, extra_params`, and a context before them, which Open
    WebUI has added.
    """
    names = ["filter_functions", "filter_type", "form_data", "extra_params"]
    if len(args) == 5 or (args and isinstance(args[0], FilterContext)):
        args = args[1:]
    values = {"filter_functions": filter_functions, "filter_type": filter_type, **kwargs}
    values |= dict(zip(names, args, strict=False))
    form_data = values["form_data"]
    drops_files = False
    for record in values["filter_functions"] or ():
        plugin = await load_function(record.id)
        form_data = await _run_hook(plugin, values["filter_type"], form_data, values.get("extra_params") or {})
        drops_files |= values["filter_type"] == "inlet" and bool(getattr(plugin.instance, "file_handler", False))
    if drops_files:
        form_data.pop("files", None)
        (form_data.get("metadata") or {}).pop("files", None)
    return form_data, {}


async def _run_hook(plugin: LoadedPlugin, hook: str, form_data: Any, extra_params: Json) -> Any:
    method = getattr(plugin.instance, hook, None)
    if not callable(method):
        return form_data
    set_valves(plugin, await call_server("valves.find", kind="function", plugin_id=plugin.id) or {})
    arguments = select_arguments(method, {**extra_params, "__id__": plugin.id})
    if isinstance(arguments.get("__user__"), dict):
        user = arguments["__user__"] = dict(arguments["__user__"])
        stored = await call_server(
            "valves.find_user_valves", kind="function", plugin_id=plugin.id, user_id=get_user_id(user)
        )
        add_user_valves(plugin, user, stored)
    name = "event" if hook == "stream" and "event" in inspect.signature(method).parameters else "body"
    return await run_method(method, {**arguments, name: form_data}, in_thread=plugin.blocks)
