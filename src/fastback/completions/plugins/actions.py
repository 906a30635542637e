"""Actions: run the button of a function below an answer."""

from __future__ import annotations

from typing import Any

from fastback.completions.plugins.plugin_events import EventTarget, PluginEvents
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.kit.http.errors import BadRequest
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone
from fastback.providers.model import Model
from fastback.providers.request_context import RequestContext

Json = dict[str, Any]


class Actions:
    """Run actions in the plugin process; each as a turn of its own, whose events go to the message."""

    def __init__(
        self, *, catalogue: FunctionCatalogue, host: PluginHost, turns: PluginTurns, events: PluginEvents
    ) -> None:
        self._catalogue = catalogue
        self._host = host
        self._turns = turns
        self._events = events

    async def run(
        self, function_id: str, button_id: str, body: Json, model: Model, target: EventTarget, ctx: RequestContext
    ) -> Any:
        """Run an action, and return what it returns; HTML is shown in the message instead.

        Raises:
            BadRequest: it is not available, or raised; the text says why.
        """
        try:
            function = (await self._catalogue.get_functions()).get(function_id)
            if function is None or function.type != "action":
                raise BadRequest(f"Action not available: {function_id}")
            turn_id = await self._turns.open(ctx, model.entry, target, {})
        except PluginProcessGone as error:
            raise BadRequest(f"Error: {error}") from None
        try:
            result = await self._host.call(
                "actions.run",
                plugins=[function.key],
                turn_id=turn_id,
                function=function.get_reference(),
                button_id=button_id,
                body=body,
            )
        except (RemoteFailure, PluginProcessGone) as error:
            raise BadRequest(f"Error: {error}") from None
        finally:
            self._turns.end(turn_id)
        if result["embeds"]:
            await self._events.show(target, {"type": "embeds", "data": {"embeds": result["embeds"]}})
        return result["value"]
