"""The context of a request to a model server: what a connection may send on of the user and the chat."""

from __future__ import annotations

from collections.abc import Mapping
from string import punctuation
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request

from fastback.access.guards import read_token
from fastback.access.identity import User
from fastback.access.permissions import Group, Permissions
from fastback.kit.http.headers import find_header

#: Variables in a connection's headers that need the user's groups.
_GROUP_VARIABLES = ("{{USER_GROUPS}}", "{{USER_GROUP_IDS}}")


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """The context of one request; fields are empty where they do not apply.

    Attributes:
        user: None where the server asks on behalf of no user, for a list of models.
        token: the user's own credential.
        oauth_token: the user's access token at their sign-in provider; filled in only for connections that send it.
        auth_type: `jwt` (a session), `api_key`, or empty.
        groups: the user's groups; loaded only where a header names them, see `add_groups`.
        task: what is generated beside a chat, `title_generation` for instance.
        continues: whether an answer is continued that the chat has already.
        model_id: the model whose tools are called; empty elsewhere.
        plugin_turn_id: the turn in the plugin process; empty where no plugin has taken part yet.
        scope: the ASGI scope of the HTTP request, from which plugins get its head; None where there is no request.
        plugin_metadata: what plugins see of this request alone, beside the metadata of the turn.
        pipe_depth: the plugins' models that the request comes from, one inside the other.
        automation_id: the automation whose run this is; empty elsewhere.
    """

    user: User | None = None
    token: str = ""
    oauth_token: str = ""
    auth_type: str = ""
    user_agent: str = ""
    cookies: dict[str, str] = {}
    groups: tuple[Group, ...] = ()
    chat_id: str = ""
    message_id: str = ""
    user_message_id: str = ""
    user_message_parent_id: str = ""
    task: str = ""
    continues: bool = False
    model_id: str = ""
    plugin_turn_id: str = ""
    scope: Mapping[str, Any] | None = None
    plugin_metadata: dict[str, Any] = {}
    pipe_depth: int = 0
    automation_id: str = ""

    @property
    def requester(self) -> User:
        """The user.

        Raises:
            LookupError: the request is on behalf of no user.
        """
        if self.user is None:
            raise LookupError("the request is on behalf of no user")
        return self.user

    def get_header_variables(self) -> dict[str, str]:
        """Return what a connection's own headers may name as `{{NAME}}`."""
        user = self.user
        return {
            "CHAT_ID": self.chat_id,
            "MESSAGE_ID": self.message_id,
            "USER_MESSAGE_ID": self.user_message_id,
            "USER_MESSAGE_PARENT_ID": self.user_message_parent_id,
            # Known where tools fetch files, and never here.
            "FILE_ID": "",
            "FILE_NAME": "",
            "FILE_CONTENT_TYPE": "",
            "TASK": self.task,
            "MODEL_ID": self.model_id,
            "USER_ID": user.id if user else "",
            "USER_NAME": user.name.strip() if user else "",
            "USER_EMAIL": user.email.strip() if user else "",
            "USER_ROLE": user.role if user else "",
            "USER_GROUPS": ",".join(group.name.strip() for group in self.groups),
            "USER_GROUP_IDS": ",".join(group.id for group in self.groups),
            "USER_AGENT": self.user_agent,
            "AUTH_TYPE": self.auth_type,
        }


def build_request_context(request: Request, user: User, **fields: Any) -> RequestContext:
    """Build the context of a request; `fields` are those that only its handler knows."""
    token = read_token(request) or ""
    return RequestContext(
        user=user,
        token=token,
        auth_type="api_key" if token.startswith("sk-") else "jwt",
        user_agent=find_header(request, b"user-agent") or "",
        cookies=request.cookies if find_header(request, b"cookie") else {},
        scope=request.scope,
        **fields,
    )


async def add_groups(own: Any, ctx: RequestContext, permissions: Permissions) -> RequestContext:
    """Return the context with the user's groups, where a connection's `own` headers name them."""
    if ctx.user is None or not isinstance(own, dict):
        return ctx
    if not any(name in str(value) for value in own.values() for name in _GROUP_VARIABLES):
        return ctx
    return msgspec.structs.replace(ctx, groups=tuple(await permissions.list_groups(ctx.user.id)))


def add_connection_headers(headers: dict[str, str], own: Any, ctx: RequestContext) -> dict[str, str]:
    """Return the headers, replaced and extended by a connection's `own`, with their variables filled in.

    Unknown variables stay as they are.
    """
    if not isinstance(own, dict) or not own:
        return headers
    merged, variables = dict(headers), ctx.get_header_variables()
    for name, value in own.items():
        text = str(value)
        for variable, variable_value in variables.items():
            text = text.replace("{{" + variable + "}}", variable_value)
        for duplicate in [existing for existing in merged if existing.lower() == str(name).lower()]:
            del merged[duplicate]
        merged[str(name)] = quote(text, safe=punctuation + " \t")
    return merged
