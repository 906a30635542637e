"""On whose behalf a model server is asked: what a connection may pass on of the caller and of the chat."""

from __future__ import annotations

from string import punctuation
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request

from fastback.access.guards import read_token
from fastback.access.identity import User
from fastback.access.permissions import Group, Permissions

_GROUPS = ("{{USER_GROUPS}}", "{{USER_GROUP_IDS}}")


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """One question's circumstances; what nobody knows is empty.

    Attributes:
        token: the caller's own credential.
        auth_type: `jwt` (a session), `api_key`, or empty.
        groups: those the user belongs to; looked up only where a header names them, see `with_groups`.
        task: what is done beside a chat, `title_generation` for instance.
    """

    user: User | None = None
    token: str = ""
    auth_type: str = ""
    user_agent: str = ""
    cookies: dict[str, str] = {}
    groups: tuple[Group, ...] = ()
    chat_id: str = ""
    message_id: str = ""
    user_message_id: str = ""
    user_message_parent_id: str = ""
    task: str = ""
    #: Whether an answer is continued that stands in the chat already.
    continues: bool = False

    @property
    def asker(self) -> User:
        """The user.

        Raises:
            LookupError: the server asks on nobody's behalf, for a list of models say.
        """
        if self.user is None:
            raise LookupError("nobody asks")
        return self.user

    def variables(self) -> dict[str, str]:
        """What the connection's own headers may name as `{{NAME}}`."""
        user = self.user
        return {
            "CHAT_ID": self.chat_id,
            "MESSAGE_ID": self.message_id,
            "USER_MESSAGE_ID": self.user_message_id,
            "USER_MESSAGE_PARENT_ID": self.user_message_parent_id,
            # Named by tools that fetch files, and by nothing here.
            "FILE_ID": "",
            "FILE_NAME": "",
            "FILE_CONTENT_TYPE": "",
            "TASK": self.task,
            "MODEL_ID": "",
            "USER_ID": user.id if user else "",
            "USER_NAME": user.name.strip() if user else "",
            "USER_EMAIL": user.email.strip() if user else "",
            "USER_ROLE": user.role if user else "",
            "USER_GROUPS": ",".join(one.name.strip() for one in self.groups),
            "USER_GROUP_IDS": ",".join(one.id for one in self.groups),
            "USER_AGENT": self.user_agent,
            "AUTH_TYPE": self.auth_type,
        }


def build_request_context(request: Request, user: User, **more: Any) -> RequestContext:
    """The circumstances of a request; `more` names what only its handler knows."""
    token = read_token(request) or ""
    return RequestContext(
        user=user,
        token=token,
        auth_type="api_key" if token.startswith("sk-") else "jwt",
        user_agent=request.headers.get("user-agent", ""),
        cookies=request.cookies,
        **more,
    )


async def with_groups(own: Any, ctx: RequestContext, permissions: Permissions) -> RequestContext:
    """The same with the user's groups, where a connection's `own` headers name them."""
    if ctx.user is None or not isinstance(own, dict):
        return ctx
    if not any(name in str(value) for value in own.values() for name in _GROUPS):
        return ctx
    return msgspec.structs.replace(ctx, groups=tuple(await permissions.list_groups(ctx.user.id)))


def with_own_headers(headers: dict[str, str], own: Any, ctx: RequestContext) -> dict[str, str]:
    """The headers with a connection's `own` in their place, what those name of `RequestContext.variables` filled in.

    Any other name of that kind stays as it is.
    """
    if not isinstance(own, dict) or not own:
        return headers
    found, variables = dict(headers), ctx.variables()
    for name, value in own.items():
        text = str(value)
        for variable, stands_for in variables.items():
            text = text.replace("{{" + variable + "}}", stands_for)
        for double in [one for one in found if one.lower() == str(name).lower()]:
            del found[double]
        found[str(name)] = quote(text, safe=punctuation + " \t")
    return found
