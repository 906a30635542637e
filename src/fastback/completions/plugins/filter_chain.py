"""The filters of a turn: which of them run, in which order, and their hooks."""

from __future__ import annotations

from typing import Any

from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.plugins.turn_metadata import build_request_metadata, has_page
from fastback.completions.turn import Turn
from fastback.features.functions.catalogue import ActiveFunction, FunctionCatalogue
from fastback.kit.http.errors import BadRequest
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone
from fastback.providers.model import Model

Json = dict[str, Any]


class FilterChain:
    """Run the hooks of the filters of turns. A hook that no filter of a turn has costs nothing."""

    def __init__(self, *, catalogue: FunctionCatalogue, host: PluginHost, turns: PluginTurns) -> None:
        self._catalogue = catalogue
        self._host = host
        self._turns = turns

    async def select_filters(self, turn: Turn) -> None:
        """Set which filters take part in a turn, in their order.

        Raises:
            BadRequest: the process that runs them cannot be started.
        """
        try:
            functions = await self._catalogue.get_functions()
        except PluginProcessGone as error:
            raise BadRequest(str(error)) from None
        if functions:
            chosen_ids = turn.request.body.get("filter_ids")
            turn.filters = select_filters(functions, turn.model, chosen_ids if isinstance(chosen_ids, list) else [])

    @staticmethod
    def list_with_hook(turn: Turn, hook: str) -> list[ActiveFunction]:
        """Return the filters of a turn that have a hook."""
        if not turn.filters:
            return []
        return [function for function in turn.filters if hook in function.hooks]

    async def run_hook(self, turn: Turn, hook: str, body: Json) -> tuple[Json, bool]:
        """Run `inlet`, `request` or `outlet` of a turn's filters.

        Return the body that they made of it, and whether a filter handles the files of the question itself.

        Raises:
            BadRequest: a filter raised; the text is its own.
        """
        filters = self.list_with_hook(turn, hook)
        if not filters:
            return body, False
        if hook != "inlet":
            turn.metadata |= build_request_metadata(turn)
        drops_files = False
        try:
            for group in self._group_filters(filters):
                body, drops_own_files = await self._run_filters(turn, hook, group, body)
                drops_files |= drops_own_files
        except (RemoteFailure, PluginProcessGone) as error:
            raise BadRequest(str(error)) from None
        return body, drops_files

    def _group_filters(self, filters: list[ActiveFunction]) -> list[list[ActiveFunction]]:
        """Return the filters in groups that run in one call each.

        After a crash they run one by one, so that the next crash tells whose fault it is.
        """
        is_suspected = self._host.is_suspected(function.key for function in filters)
        return [[function] for function in filters] if is_suspected else [filters]

    async def _run_filters(self, turn: Turn, hook: str, filters: list[ActiveFunction], body: Json) -> tuple[Json, bool]:
        turn_id = await self._turns.require(turn)
        result = await self._host.call(
            "filters.run",
            plugins=[function.key for function in filters],
            turn_id=turn_id,
            hook=hook,
            filters=[function.get_reference() for function in filters],
            body=body,
            metadata=turn.metadata,
            features=turn.request.features,
            has_page=has_page(turn),
        )
        if result["metadata"] is not None:
            turn.metadata = result["metadata"]
        return result["body"], result["drops_files"]

    async def filter_payloads(self, turn: Turn, payloads: list[bytes]) -> list[bytes | None]:
        """Run `stream` of a turn's filters on payloads; return what becomes of each, None for a dropped one.

        Raises:
            RemoteFailure: a filter raised; `detail["results"]` are those of the payloads before.
            PluginProcessGone: the process has ended.
        """
        filters = self.list_with_hook(turn, "stream")
        results: list[bytes | None] = await self._host.call(
            "filters.stream",
            plugins=[function.key for function in filters],
            turn_id=await self._turns.require(turn),
            filters=[function.get_reference() for function in filters],
            payloads=payloads,
            has_page=has_page(turn),
        )
        return results


def select_filters(functions: dict[str, ActiveFunction], model: Model, chosen_ids: list[Any]) -> list[ActiveFunction]:
    """Return the filters for a model, by priority and id.

    These are the global ones and those that the model names; one with a toggle runs only if the request names it.
    """
    named_ids = model.entry_info.get("meta") or {}
    model_ids = named_ids.get("filterIds")
    ids = set(model_ids) if isinstance(model_ids, list) else set()
    filters = [
        function
        for function in functions.values()
        if function.type == "filter"
        and (function.is_global or function.id in ids)
        and (not function.toggle or function.id in chosen_ids)
    ]
    return sorted(filters, key=lambda function: (function.priority, function.id))
