"""Gestures of the model's avatar in a voice call; the page plays them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext
from fastback.completions.turn import Turn
from fastback.media.speech.gestures import PLAY_ANIMATION, build_gesture_schema, describe_gestures, list_gestures

#: Seconds that the page has to begin a gesture.
_PAGE_SECONDS = 3
_UNAVAILABLE = {"status": "unavailable"}


class GestureTools(BuiltinGroup):
    """`play_animation`."""

    category = "voice_avatar"

    def __init__(self, page_calls: PageCalls) -> None:
        self._page_calls = page_calls

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        is_call = conditions.wants_feature("voice") and not turn.is_internal
        return is_call and bool(_list_gestures(turn)) and await conditions.has_permission("chat.call")

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        gestures = _list_gestures(turn)
        parameters = [text("name", "The gesture")]
        tool = BuiltinTool(PLAY_ANIMATION, describe_gestures(gestures), parameters, self._play)
        tool.spec["parameters"] = build_gesture_schema(gestures)
        return [tool]

    async def _play(self, arguments: Arguments, context: ToolCallContext) -> dict[str, Any]:
        turn = context.turn
        name = arguments.text("name")
        if name not in [gesture["name"] for gesture in _list_gestures(turn)]:
            return _UNAVAILABLE
        event = {"type": "voice:play_animation", "data": {"name": name, "model_id": turn.model.id}}
        data = {"chat_id": turn.request.chat_id, "message_id": turn.message_id, "data": event}
        try:
            async with asyncio.timeout(_PAGE_SECONDS):
                reply = await self._page_calls.call(turn.request.session_id, turn.user.id, data)
        except TimeoutError:
            return _UNAVAILABLE
        status = reply.get("status") if isinstance(reply, dict) else None
        return {"status": status} if status in ("started", "cancelled", "unavailable") else _UNAVAILABLE


def _list_gestures(turn: Turn) -> list[dict[str, Any]]:
    return list_gestures(turn.model.entry_info.get("meta"))
