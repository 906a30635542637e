"""Sign-in: tokens of sessions. The secret that signs them stays in the server."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.http_operations import build_http_exception
from fastback.plugin_host.open_webui.models.users import Users
from fastback.plugin_host.router_operations import find_user


def decode_token(token: str) -> dict[str, Any] | None:
    """Return the claims of a token that is valid now; None for any other."""
    from fastback.plugin_host.server_link import SERVER

    claims: dict[str, Any] | None = SERVER.call_blocking("tokens.read", token=token)
    return claims


def create_api_key() -> str:
    return f"sk-{uuid.uuid4().hex}"


@awaited_or_not
async def create_token(data: dict[str, Any], expires_delta: Any = None) -> Any:
    """Return a new token of a session of the user that `data` names, for an hour or as long as asked for.

    Raises:
        HTTPException: there is no such user.
    """
    seconds = int(expires_delta.total_seconds()) if expires_delta is not None else 3600
    token = await call_server("tokens.create", user_id=str(data.get("id") or ""), lifetime=seconds)
    if token is None:
        raise build_http_exception(401, "Invalid token")
    return token


def get_http_authorization_cred(auth_header: str | None) -> Any:
    """Return the scheme and the credential of a header; None without both."""
    from fastback.plugin_host.request_object import Credentials

    scheme, _, credential = (auth_header or "").partition(" ")
    return Credentials(credential, scheme) if credential else None


@awaited_or_not
async def get_current_user(request: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Return the user of a request.

    Raises:
        HTTPException: the request has none.
    """
    user = find_user(request)
    if user is not None:
        return user
    credentials = get_http_authorization_cred(request.headers.get("authorization") if request is not None else None)
    claims = decode_token(credentials.credentials) if credentials is not None else None
    user = await Users.get_user_by_id(claims.get("id")) if claims else None
    if user is None:
        raise build_http_exception(401, "Not authenticated")
    return user


def get_verified_user(user: Any = None) -> Any:
    """Return the user.

    Raises:
        HTTPException: the account waits for approval.
    """
    if getattr(user, "role", None) not in ("user", "admin"):
        raise build_http_exception(401, "You do not have permission to access this resource.")
    return user


def get_admin_user(user: Any = None) -> Any:
    """Return the user.

    Raises:
        HTTPException: the user is no administrator.
    """
    if getattr(user, "role", None) != "admin":
        raise build_http_exception(401, "You do not have permission to access this resource.")
    return user


@awaited_or_not
async def get_verified_user_by_id(user_id: str | None) -> Any:
    user = await Users.get_user_by_id(user_id) if user_id else None
    return user if getattr(user, "role", None) in ("user", "admin") else None
