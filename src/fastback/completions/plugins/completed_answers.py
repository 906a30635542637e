"""Outlet filters for older clients, which send a finished answer and take what the filters make of it."""

from __future__ import annotations

from typing import Any

from fastback.completions.plugins.filter_chain import select_filters
from fastback.completions.plugins.plugin_events import EventTarget
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.kit.http.errors import BadRequest
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone
from fastback.providers.model import Model
from fastback.providers.request_context import RequestContext

Json = dict[str, Any]


class CompletedAnswers:
    """Run outlet filters on answers; each as a turn of its own."""

    def __init__(self, *, catalogue: FunctionCatalogue, host: PluginHost, turns: PluginTurns) -> None:
        self._catalogue = catalogue
        self._host = host
        self._turns = turns

    async def run(self, body: Json, model: Model, target: EventTarget, ctx: RequestContext) -> Any:
        """Return what the filters of a model make of a body; nothing is stored.

        Raises:
            BadRequest: a filter raised.
        """
        chosen_ids = body.get("filter_ids")
        chosen_ids = chosen_ids if isinstance(chosen_ids, list) else []
        try:
            functions = select_filters(await self._catalogue.get_functions(), model, chosen_ids)
            functions = [function for function in functions if "outlet" in function.hooks]
            if not functions:
                return body
            metadata = {
                "chat_id": target.chat_id,
                "message_id": target.message_id,
                "filter_ids": chosen_ids,
                "session_id": target.session_id,
                "user_id": target.user_id,
            }
            turn_id = await self._turns.open(ctx, model.entry, target, metadata)
        except PluginProcessGone as error:
            raise BadRequest(f"Error: {error}") from None
        try:
            result = await self._host.call(
                "filters.run",
                plugins=[function.key for function in functions],
                turn_id=turn_id,
                hook="outlet",
                filters=[function.get_reference() for function in functions],
                body=body,
                metadata=metadata,
                features={},
                has_page=True,
            )
        except (RemoteFailure, PluginProcessGone) as error:
            raise BadRequest(f"Error: {error}") from None
        finally:
            self._turns.end(turn_id)
        return result["body"]
