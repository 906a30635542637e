"""Run `event` of functions: they hear of what happens on the server."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure, describe_error
from fastback.plugin_host.injection import run_method
from fastback.plugin_host.loader import PluginLoader
from fastback.plugin_host.plugin_reference import PluginReference
from fastback.plugin_host.valves import set_valves

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]


class EventRunner:
    """Run event functions."""

    def __init__(self, loader: PluginLoader) -> None:
        self._loader = loader

    async def run_event(self, function: Any, event: Json) -> None:
        """Tell a function of an event; `event` is the message that webhooks receive, too.

        Raises:
            RemoteFailure: of the kind `plugin_error`: it raised. `load_error`.
        """
        reference = msgspec.convert(function, PluginReference)
        try:
            await self._run(reference, event)
        except RemoteFailure:
            raise
        except Exception as error:
            log.warning("event function %s failed", reference.id, exc_info=error)
            raise RemoteFailure("plugin_error", describe_error(error), {"plugin_id": reference.id}) from None

    async def _run(self, reference: PluginReference, event: Json) -> None:
        plugin = await self._loader.load("function", reference.id, reference.version)
        method = getattr(plugin.instance, "event", None)
        if not callable(method):
            return
        set_valves(plugin, reference.valves)
        parameters = inspect.signature(method).parameters
        takes_all = any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values())
        offered = {
            "event": event,
            "__id__": plugin.id,
            "__event_id__": event["id"],
            "__event_name__": event["event"],
            "__event__": None,
            "__app__": None,
            "__request__": None,
        }
        arguments = {name: value for name, value in offered.items() if takes_all or name in parameters}
        if "__event__" in arguments:
            arguments["__event__"] = _get_event_class()(**event)
        if "__app__" in arguments:
            arguments["__app__"] = _find_app()
        await run_method(method, arguments, in_thread=plugin.blocks)


@functools.cache
def _get_event_class() -> Any:
    """Return the class of `__event__`; pydantic is imported when the first function asks for it."""
    import pydantic

    class Event(pydantic.BaseModel):
        """An event, with its fields as attributes."""

        model_config = pydantic.ConfigDict(populate_by_name=True)

        schema_: str = pydantic.Field(alias="schema")
        id: str
        event: str
        resource: str
        operation: str
        created_at: int
        instance_id: str | None
        version: str
        source: str
        actor: Any = None
        subject: Any = None
        data: Any = None
        message: str | None = None

        def model_dump(self, **options: Any) -> Json:
            return super().model_dump(**{"by_alias": True, **options})

    # The annotations of a class inside a function are not found by name otherwise.
    Event.model_rebuild(_types_namespace={"Any": Any})
    return Event


def _find_app() -> Any:
    """Return the application of the `open_webui` package."""
    try:
        from open_webui.main import app  # type: ignore[import-not-found]
    except ImportError:
        return None
    return app
