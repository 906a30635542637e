"""Invocations: a user mentions an app or presses its button; the app receives a token to act for the user."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.apps.access import AppAccess, require_scope
from fastback.features.apps.connections.operations import parse_arguments
from fastback.features.apps.connections.service import AppConnections, EventTooLarge
from fastback.features.apps.context_tokens import ContextTokens
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.features.apps.schemas import App
from fastback.features.channels.apps.access import AppChannelAccess
from fastback.features.channels.apps.app_messages import AppMessages
from fastback.features.channels.apps.schemas import AppMessage, AppReply
from fastback.features.channels.messages.store import MessageRow
from fastback.kit.http import BadRequest, Forbidden, HttpError

log = logging.getLogger("fastback.apps")

Json = dict[str, Any]

#: Seconds that an app may act for a user after an invocation.
EXECUTION_SECONDS = 24 * 60 * 60
#: Seconds that an app has to acknowledge a mention, and to answer a button.
MENTION_SECONDS, REPLY_SECONDS = 10, 3
#: Characters of an app's error that users see.
MAX_ERROR = 2000
#: Characters of an error in which credentials are looked for.
_MAX_SEARCHED = 100_000

_ERRORS = {
    401: "App rejected the API key. Update the key in app settings.",
    403: "App rejected event authorization. Check the app server logs for the verification failure.",
    404: "App event endpoint was not found. Check its URL in app settings.",
    405: "App endpoint does not accept POST requests. Check its event URL.",
    413: "App rejected the event because it is too large.",
    503: "App is busy or shutting down. The event was not accepted.",
    504: "App processing timed out; execution outcome may be unknown.",
}


class AppInvocations:
    """Send apps what users ask of them."""

    def __init__(
        self,
        *,
        apps: AppAccess,
        access: AppChannelAccess,
        connections: AppConnections,
        tokens: ContextTokens,
        cipher: AppKeyCipher,
        messages: AppMessages,
    ) -> None:
        self._apps = apps
        self._access = access
        self._connections = connections
        self._tokens = tokens
        self._cipher = cipher
        self._messages = messages

    async def send_mention(self, app: App, user: User, channel_id: str, data: Json, *, scope: str) -> None:
        """Tell an app that a message mentions it; `data` names the message.

        Raises:
            HttpError: the user or the app may not, or the app did not acknowledge the mention.
        """
        receipt = await self._invoke(
            app, user, channel_id, "channel.mention", data, operation_id=data["message_id"], scope=scope
        )
        if receipt != {"received": True}:
            raise HttpError(502, "App returned an invalid delivery receipt")

    async def press_button(self, app: App, user: User, row: MessageRow, action: Json) -> Json:
        """Tell an app that a user has pressed a button of its message, and return its reply as the page shows it.

        Raises:
            HttpError: the user or the app may not, or the app's reply is invalid.
        """
        channel_id = row.channel_id or ""
        data = {
            "message_id": row.id,
            "etag": str(row.updated_at),
            "parent_id": row.parent_id,
            "action_id": action["action_id"],
            "context": action.get("context") or {},
        }
        answer = await self._invoke(app, user, channel_id, "channel.action", data, source=row)
        # Minutes may have passed for the user: everything is checked again.
        current = await self._apps.get_active_app(app.id)
        if _get_keys(current) != _get_keys(app):
            raise Forbidden("App credentials changed")
        actor = await self._access.get_actor(user.id)
        reply = _parse_reply(answer)
        await self._access.require_invocation(current, channel_id, actor)
        return await self._apply_reply(current, row, reply)

    async def _apply_reply(self, app: App, row: MessageRow, reply: AppReply) -> Json:
        if reply.type == "ack":
            return {"type": "ack"}
        if reply.actions and (reply.visibility != "channel" or reply.type not in ("message", "update")):
            raise HttpError(502, "Buttons require a channel message")
        response: Json = msgspec.to_builtins(reply)
        message = AppMessage(**{name: getattr(reply, name) for name in AppMessage.__struct_fields__})
        if reply.type == "message" and reply.visibility == "channel":
            response["message"] = await self._messages.post_message(app, row.channel_id or "", message)
        elif reply.type == "update":
            response["message"] = await self._messages.update_message(app, row.id, message, str(row.updated_at))
        return response

    # -- delivery --------------------------------------------------------------------------------------------------

    async def _invoke(
        self,
        app: App,
        user: User,
        channel_id: str,
        event_type: str,
        data: Json,
        *,
        operation_id: str | None = None,
        scope: str | None = None,
        source: MessageRow | None = None,
    ) -> Any:
        """Send an invocation, and return the app's answer.

        Raises:
            HttpError: the user or the app may not, the event was not delivered, or the app responded with an error.
        """
        await self._access.require_invocation(app, channel_id, user)
        require_scope(app, scope)
        operation_id = operation_id or str(uuid.uuid4())
        context = {
            "actor_id": user.id,
            "channel_id": channel_id,
            "operation_id": operation_id,
            "scope": scope,
            "type": event_type,
            "data": data,
        }
        token = self._tokens.create(app, "execution", context, seconds=EXECUTION_SECONDS)
        event = {
            "id": operation_id,
            "type": event_type,
            "actor": {"id": user.id, "name": user.name, "is_admin": user.is_admin},
            "channel": {"id": channel_id},
            "data": data,
            "execution_token": token,
            "source": None if source is None else {"id": source.id, "updated_at": source.updated_at},
        }
        status, answer = await self._send_event(app, event, MENTION_SECONDS if source is None else REPLY_SECONDS)
        if status != 200:
            detail = self._describe_error(app, status, answer, token)
            raise HttpError(status if 400 <= status < 600 else 502, detail)
        return answer

    async def _send_event(self, app: App, event: Json, seconds: float) -> tuple[int, Any]:
        """Return the status and the answer of an app.

        Raises:
            HttpError: the event was not delivered, or not answered in time.
        """
        try:
            return await self._connections.send_event(app, event, seconds=seconds)
        except EventTooLarge as error:
            log.warning("sending an event to app %s failed: %s", app.id, error)
            raise HttpError(502, "App event could not be delivered. Check the WebUI server logs.") from None
        except HttpError as error:
            if error.status == 504:
                raise HttpError(504, "App response timed out; execution outcome may be unknown") from None
            raise

    def _describe_error(self, app: App, status: int, answer: Any, token: str) -> str:
        """Return what users see of an app's error: its own text without credentials, or one for the status."""
        text = answer.strip()[:_MAX_SEARCHED] if isinstance(answer, str) else ""
        if not text:
            return _ERRORS.get(status, f"App returned HTTP {status}. Check the app server logs.")
        secrets = {token}
        for stored in (app.api_key, app.data.get("connection_token")):
            if stored:
                secrets |= {stored, self._cipher.find_key(stored) or ""}
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            text = text.replace(secret, "[redacted]")
        return text[:MAX_ERROR]


def _get_keys(app: App) -> tuple[str | None, str]:
    return app.api_key, app.data["manifest"]["public_key"]


def _parse_reply(answer: Any) -> AppReply:
    """Return the reply of an app.

    Raises:
        HttpError 502: it is invalid.
    """
    try:
        if isinstance(answer, dict):
            return parse_arguments(AppReply, answer)
    except BadRequest:
        pass
    raise HttpError(502, "App returned an invalid response")
