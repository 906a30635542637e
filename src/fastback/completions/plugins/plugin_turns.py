"""The turns that plugins take part in: opened in the plugin process when the first plugin needs them."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import msgspec

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.plugins.turn_metadata import build_metadata
from fastback.completions.turn import Turn
from fastback.features.plugins.valves import ValveStore
from fastback.features.users import store as user_store
from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost
from fastback.plugins.methods import HostMethods

log = logging.getLogger("fastback.plugins")

Json = dict[str, Any]


class PluginTurns:
    """Open turns in the plugin process, and answer what plugins ask of the turns they are in."""

    def __init__(
        self, *, db: Database, host: PluginHost, methods: HostMethods, valves: ValveStore, page_calls: PageCalls
    ) -> None:
        self._db = db
        self._host = host
        self._valves = valves
        self._page_calls = page_calls
        self._turns: dict[str, Turn] = {}
        methods.add("turns.emit_event", self._emit_event)
        methods.add("turns.call_page", self._call_page)

    async def require(self, turn: Turn) -> str:
        """Return the id of the turn in the plugin process, opened there by the first call.

        Raises:
            PluginProcessGone: there is no such process.
        """
        if turn.ctx.plugin_turn_id:
            return turn.ctx.plugin_turn_id
        turn_id = str(uuid.uuid4())
        turn.metadata = build_metadata(turn)
        user = await load_user_fields(self._db, turn.user.id)
        fields = {
            "id": turn_id,
            "user": user,
            "model": turn.model.entry,
            "metadata": turn.metadata,
            "request": _build_request_fields(turn),
            "user_valves": self._valves.select_user_valves(user.get("settings")),
            "oauth_token": None,
        }
        self._turns[turn_id] = turn
        try:
            await self._host.call("turns.open", turn=fields)
        except BaseException:
            del self._turns[turn_id]
            raise
        turn.ctx = msgspec.structs.replace(turn.ctx, plugin_turn_id=turn_id)
        return turn_id

    def find(self, turn_id: str) -> Turn | None:
        """Return an open turn; None where it is over."""
        return self._turns.get(turn_id)

    def close(self, turn: Turn) -> None:
        """End a turn, if plugins have taken part in it."""
        turn_id = turn.ctx.plugin_turn_id
        if turn_id and self._turns.pop(turn_id, None) is not None:
            self._host.notify("turns.close", turn_id=turn_id)

    # -- called by plugins -----------------------------------------------------------------------------------------

    def _require_open(self, turn_id: str) -> Turn:
        turn = self._turns.get(turn_id)
        if turn is None:
            raise RemoteFailure("turn_is_over", "The turn is over.")
        return turn

    async def _emit_event(self, turn_id: str, event: Any) -> None:
        """Show an event of a plugin. One that comes after the end of its turn is dropped."""
        turn = self._turns.get(turn_id)
        if turn is None or not isinstance(event, dict):
            log.debug("an event of a plugin was skipped: its turn is over, or it is no object")
            return
        await turn.sink.show_plugin_event(event)

    async def _call_page(self, turn_id: str, event: Any) -> Any:
        """Send the page of a turn an event, and return its reply."""
        turn = self._require_open(turn_id)
        request = turn.request
        data = {"chat_id": request.chat_id, "message_id": turn.message_id or None, "data": event}
        return await self._page_calls.call(request.session_id, turn.user.id, data)


async def load_user_fields(db: Database, user_id: str) -> Json:
    """Return the fields of a user as plugins see them: those of `UserModel`; empty for one who was deleted."""
    user = await user_store.find_user(db, user_id)
    if user is None:
        return {}
    fields: Json = msgspec.json.decode(msgspec.json.encode(user))
    return fields


def _build_request_fields(turn: Turn) -> Json:
    """Return the request as the plugin process builds it again."""
    ctx = turn.ctx
    headers = [(b"user-agent", ctx.user_agent.encode("latin-1", "replace"))]
    if ctx.token:
        headers.append((b"authorization", b"Bearer " + ctx.token.encode("latin-1", "replace")))
    return {"headers": headers, "token": ctx.token, "auth_type": ctx.auth_type}
