"""Messages that mention apps: they are sent to each app, and the user hears where that fails."""

from __future__ import annotations

import logging

from fastback.access.identity import User
from fastback.features.apps.access import AppAccess, has_scope
from fastback.features.channels.apps.app_messages import AppMessages
from fastback.features.channels.apps.invocations import AppInvocations
from fastback.features.channels.apps.schemas import AppMessage
from fastback.features.channels.events import MessagePosted, PersonalMessage
from fastback.features.channels.mentions import list_mentioned_ids
from fastback.features.channels.messages.responses import FullMessage
from fastback.kit.bus import Bus
from fastback.kit.http import HttpError
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.apps")

#: Apps that one message is sent to.
MAX_APPS = 10
#: Characters of an error that is posted.
MAX_ERROR = 2400
#: The socket message about an app for the user alone.
PERSONAL_EVENT = "events:app"

_MESSAGES, _MENTIONS = "channels:messages:read", "channels:mentions:read"
_UNCONFIRMED = "\nDelivery was not confirmed. The app may have accepted the message; check before retrying."
_UNEXPECTED = "Unexpected error while delivering the message."


class AppMentions:
    """Tell apps of the messages of users that mention them."""

    def __init__(
        self, *, apps: AppAccess, invocations: AppInvocations, messages: AppMessages, tasks: Tasks, bus: Bus
    ) -> None:
        self._apps = apps
        self._invocations = invocations
        self._messages = messages
        self._tasks = tasks
        self._bus = bus
        bus.subscribe(MessagePosted, self._handle_message)

    def _handle_message(self, event: MessagePosted) -> None:
        """Tell the apps that a message mentions, beside its request."""
        if not self._apps.is_enabled:
            return
        app_ids = list_mentioned_ids(event.message.content, "A")[:MAX_APPS]
        if app_ids:
            self._tasks.run_in_background(
                self._notify_apps(event.message, event.ctx.requester, app_ids), may_finish=True
            )

    async def _notify_apps(self, message: FullMessage, user: User, app_ids: list[str]) -> None:
        for app_id in app_ids:
            app_name: str | None = None
            try:
                app = await self._apps.get_active_app(app_id)
                app_name = app.name
                await self._invocations.send_mention(
                    app,
                    user,
                    message.channel_id or "",
                    {"text": message.content, "message_id": message.id, "parent_id": message.parent_id},
                    scope=_MESSAGES if has_scope(app, _MESSAGES) else _MENTIONS,
                )
            except Exception as error:
                log.warning("telling app %s of message %s failed: %s", app_id, message.id, error)
                await self._report_failure(message, user, app_id, app_name, error)

    async def _report_failure(
        self, message: FullMessage, user: User, app_id: str, app_name: str | None, error: Exception
    ) -> None:
        """Post an error in the name of the app; where the app may not write, show it to the user alone."""
        is_readable = isinstance(error, HttpError) and isinstance(error.detail, str)
        detail = error.detail if isinstance(error, HttpError) and is_readable else _UNEXPECTED
        if isinstance(error, HttpError) and error.status == 504:
            detail += _UNCONFIRMED
        text = detail[:MAX_ERROR].replace("```", "` ` `")
        form = AppMessage(
            content=f"App error:\n\n```text\n{text}\n```", parent_id=message.parent_id, reply_to_id=message.id
        )
        try:
            app = await self._apps.get_active_app(app_id)
            await self._messages.post_message(app, message.channel_id or "", form)
        except Exception as failure:
            log.info("posting the error of app %s failed: %s", app_id, failure)
        else:
            return
        reply = {
            "app_id": app_id,
            "app_name": app_name,
            "channel_id": message.channel_id,
            "message_id": message.id,
            "parent_id": message.parent_id,
            "reply": {"type": "error", "content": detail},
        }
        await self._bus.publish(PersonalMessage((user.id,), reply, event=PERSONAL_EVENT))
