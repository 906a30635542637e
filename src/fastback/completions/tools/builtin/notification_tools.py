"""Notifications that a model sends to an address of the user."""

from __future__ import annotations

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.interface import UI_ENABLE_USER_WEBHOOKS
from fastback.features.notifications.delivery import NotificationDelivery
from fastback.features.notifications.targets import InvalidTarget


class NotificationTools(BuiltinGroup):
    """`notify`."""

    category = "notifications"
    has_fixed_tools = True

    def __init__(self, config: Config, delivery: NotificationDelivery) -> None:
        self._config = config
        self._delivery = delivery

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return self._config.get_bool(UI_ENABLE_USER_WEBHOOKS) and await conditions.has_permission("features.webhooks")

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "notify",
                "Send the user a notification, to an address that they have set up.",
                [
                    text("message", "What it says"),
                    text("target", "Id of the address; the user's default one where it is empty", ""),
                    text("title", "Title of the notification", ""),
                ],
                self._notify,
            )
        ]

    async def _notify(self, arguments: Arguments, context: ToolCallContext) -> str:
        try:
            target_id = await self._delivery.notify_user(
                context.turn.user.id,
                arguments.text("message"),
                target_id=arguments.text("target"),
                title=arguments.text("title"),
            )
        except InvalidTarget as error:
            return f"Notification failed: {error}"
        return f"Notification sent to {target_id}."
