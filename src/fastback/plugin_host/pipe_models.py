"""The models that pipe functions offer: one, or several where the function has `pipes`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure, describe_error
from fastback.plugin_host.loader import PluginLoader
from fastback.plugin_host.plugin_reference import PluginReference
from fastback.plugin_host.plugin_threads import run_in_own_thread
from fastback.plugin_host.valves import set_valves

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]

#: Models of one function that are listed at most.
MAX_MODELS = 10_000


class PipeLister:
    """List the models of pipe functions."""

    def __init__(self, loader: PluginLoader) -> None:
        self._loader = loader

    async def list_models(self, function: Json) -> list[Json] | None:
        """Return `{"id", "name"}` of each model of a function, ids without the function's own; None: it is one model.

        Raises:
            RemoteFailure: of the kind `load_error`, or `plugin_error` where `pipes` or the valves fail.
        """
        reference = msgspec.convert(function, PluginReference)
        plugin = await self._loader.load("function", reference.id, reference.version)
        try:
            set_valves(plugin, reference.valves, drops_none=True)
            pipes = getattr(plugin.instance, "pipes", None)
            if not hasattr(plugin.instance, "pipes"):
                return None
            if inspect.iscoroutinefunction(pipes):
                models = await pipes()
            else:  # it may wait for other servers
                models = await run_in_own_thread(pipes) if callable(pipes) else pipes
            prefix = str(getattr(plugin.instance, "name", ""))
            return await run_in_own_thread(lambda: _read_models(plugin.id, models, prefix))
        except Exception as error:
            log.warning("listing the models of pipe %s failed", plugin.id, exc_info=error)
            raise RemoteFailure("plugin_error", describe_error(error)) from None


def _read_models(plugin_id: str, models: Iterable[Any], prefix: str) -> list[Json]:
    """Return the models in what `pipes` returned; those after the first that is no model are left out."""
    entries: list[Json] = []
    for model in islice(models, MAX_MODELS):
        try:
            entries.append({"id": str(model["id"]), "name": f"{prefix}{model['name']}"})
        except (TypeError, KeyError, IndexError):
            log.warning("pipe %s lists something that has no id and name; it and what follows are skipped", plugin_id)
            break
    return entries
