"""What the plugin process needs of a turn: the fields of its user and of its HTTP request."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.users import store as user_store
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext

Json = dict[str, Any]


async def load_user_fields(db: Database, user_id: str) -> Json:
    """Return the fields of a user as plugins see them: those of `UserModel`; empty for one who was deleted."""
    user = await user_store.find_user(db, user_id)
    if user is None:
        return {}
    fields: Json = msgspec.json.decode(msgspec.json.encode(user))
    return fields


def build_request_fields(ctx: RequestContext) -> Json:
    """Return the head of the HTTP request that a turn belongs to; of one without a request, what its context holds."""
    credential = {"token": ctx.token, "auth_type": ctx.auth_type}
    scope = ctx.scope
    if scope is None:
        headers = [(b"user-agent", ctx.user_agent.encode("latin-1", "replace"))]
        if ctx.token:
            headers.append((b"authorization", b"Bearer " + ctx.token.encode("latin-1", "replace")))
        return {"headers": headers, **credential}
    return {
        "method": scope.get("method", "GET"),
        "scheme": {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"]),
        "path": scope["path"],
        "query_string": scope.get("query_string", b""),
        "headers": list(scope["headers"]),
        "server": scope.get("server"),
        "client": scope.get("client"),
        **credential,
    }
