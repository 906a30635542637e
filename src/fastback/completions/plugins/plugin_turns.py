"""The turns that plugins take part in: opened in the plugin process when the first plugin needs them."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import msgspec

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.plugins.plugin_events import EventTarget, PluginEvents
from fastback.completions.plugins.turn_fields import build_request_fields, load_user_fields
from fastback.completions.plugins.turn_metadata import build_metadata, get_message_id
from fastback.completions.turn import Turn
from fastback.features.plugins.valves import ValveStore
from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost
from fastback.plugins.methods import HostMethods
from fastback.providers.model import Entry
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.plugins")

Json = dict[str, Any]

#: Turns that are over whose plugins may still emit events; the oldest are forgotten first.
MAX_ENDED_TURNS = 10_000


class PluginTurns:
    """Open turns in the plugin process, and answer what plugins ask of the turns they are in."""

    def __init__(
        self,
        *,
        db: Database,
        host: PluginHost,
        methods: HostMethods,
        valves: ValveStore,
        events: PluginEvents,
        page_calls: PageCalls,
        tokens: OAuthTokens,
    ) -> None:
        self._db = db
        self._host = host
        self._valves = valves
        self._events = events
        self._page_calls = page_calls
        self._tokens = tokens
        self._turns: dict[str, Turn] = {}
        #: Where the events of open turns go, and of turns that are over.
        self._targets: dict[str, EventTarget] = {}
        self._ended_targets: dict[str, EventTarget] = {}
        #: The process that knows an open turn, by the number of its start.
        self._generations: dict[str, int] = {}
        methods.add("turns.emit_event", self._emit_event)
        methods.add("turns.call_page", self._call_page)

    async def require(self, turn: Turn) -> str:
        """Return the id of the turn in the plugin process, opened there by the first call.

        Raises:
            PluginProcessGone: there is no such process.
        """
        turn_id = turn.ctx.plugin_turn_id
        if turn_id:
            await self._host.start()
            if self._generations.get(turn_id, self._host.generation) != self._host.generation:
                await self._open(turn_id, turn.ctx, turn.model.entry, turn.metadata)
            return turn_id
        turn.metadata = {**build_metadata(turn), **turn.metadata}
        request = turn.request
        target = EventTarget(
            user_id=turn.user.id,
            chat_id=request.chat_id,
            message_id=get_message_id(turn),
            session_id=request.session_id,
        )
        turn_id = await self.open(turn.ctx, turn.model.entry, target, turn.metadata, turn=turn)
        turn.ctx = msgspec.structs.replace(turn.ctx, plugin_turn_id=turn_id)
        return turn_id

    async def open(
        self, ctx: RequestContext, model: Entry, target: EventTarget, metadata: Json, *, turn: Turn | None = None
    ) -> str:
        """Open a turn in the plugin process, and return its id; `end` ends it.

        Raises:
            PluginProcessGone: there is no such process.
        """
        turn_id = str(uuid.uuid4())
        self._targets[turn_id] = target
        if turn is not None:
            self._turns[turn_id] = turn
        try:
            await self._open(turn_id, ctx, model, metadata)
        except BaseException:
            del self._targets[turn_id]
            self._turns.pop(turn_id, None)
            raise
        return turn_id

    async def _open(self, turn_id: str, ctx: RequestContext, model: Entry, metadata: Json) -> None:
        """Open a turn in the plugin process, or again in the process that has followed it."""
        user = await load_user_fields(self._db, ctx.requester.id)
        fields = {
            "id": turn_id,
            "user": user,
            "model": model,
            "metadata": metadata,
            "request": build_request_fields(ctx),
            "user_valves": self._valves.select_user_valves(user.get("settings")),
            "oauth_token": await self._tokens.find(ctx),
        }
        await self._host.start()
        await self._host.call_before("turns.open", turn=fields)
        self._generations[turn_id] = self._host.generation

    def find(self, turn_id: str) -> Turn | None:
        """Return an open turn; None where it is over."""
        return self._turns.get(turn_id)

    def close(self, turn: Turn) -> None:
        """End a turn, if plugins have taken part in it. One that a plugin began inside another leaves that open."""
        turn_id = turn.ctx.plugin_turn_id
        if turn_id and self._turns.get(turn_id) is turn:
            self.end(turn_id)

    def end(self, turn_id: str) -> None:
        """End a turn. Tasks that its plugins left behind may go on to emit events."""
        self._turns.pop(turn_id, None)
        self._generations.pop(turn_id, None)
        target = self._targets.pop(turn_id, None)
        if target is None:
            return
        self._ended_targets[turn_id] = target
        if len(self._ended_targets) > MAX_ENDED_TURNS:
            del self._ended_targets[next(iter(self._ended_targets))]
        self._host.notify("turns.close", turn_id=turn_id)

    # -- called by plugins -----------------------------------------------------------------------------------------

    def _require_target(self, turn_id: str) -> EventTarget:
        target = self._targets.get(turn_id) or self._ended_targets.get(turn_id)
        if target is None:
            raise RemoteFailure("turn_is_over", "The turn is over.")
        return target

    async def _emit_event(self, turn_id: str, event: Any) -> None:
        """Show an event of a plugin, and store what the chat keeps of it; also after the end of the turn."""
        target = self._require_target(turn_id)
        if not isinstance(event, dict):
            raise RemoteFailure("AttributeError", f"'{type(event).__name__}' object has no attribute 'get'")
        turn = self._turns.get(turn_id) or self._find_answering_turn(target)
        try:
            await self._events.show(target, event, turn.sink if turn is not None else None)
        except TypeError as error:
            raise RemoteFailure("TypeError", str(error)) from None

    def _find_answering_turn(self, target: EventTarget) -> Turn | None:
        """Return the turn whose answer is under way in a message: pipes emit events of it in generations, too."""
        if not target.message_id:
            return None
        message = (target.chat_id, target.message_id)
        turns = ((self._targets[turn_id], turn) for turn_id, turn in self._turns.items())
        return next((turn for other, turn in turns if (other.chat_id, other.message_id) == message), None)

    async def _call_page(self, turn_id: str, event: Any) -> Any:
        """Send the page of a turn an event, and return its reply."""
        target = self._require_target(turn_id)
        data = {"chat_id": target.chat_id, "message_id": target.message_id, "data": event}
        return await self._page_calls.call(target.session_id, target.user_id, data)
