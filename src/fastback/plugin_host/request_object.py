"""`__request__`: the HTTP request of a turn, as Starlette's object.

Starlette is imported only when a plugin asks for the request.
"""

from __future__ import annotations

from typing import Any

import msgspec


class RequestFields(msgspec.Struct, kw_only=True):
    """The head of an HTTP request, as ASGI's scope has it."""

    method: str = "POST"
    scheme: str = "http"
    path: str = "/api/chat/completions"
    query_string: bytes = b""
    headers: list[tuple[bytes, bytes]] = []
    server: tuple[str, int | None] | None = None
    client: tuple[str, int] | None = None
    token: str = ""
    auth_type: str = ""


def build_request(
    fields: RequestFields,
    *,
    turn_id: str = "",
    metadata: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
) -> Any:
    """Return a request with these fields; `app` is the application of the `open_webui` package."""
    from starlette.requests import Request

    from fastback.plugin_host.application import get_application

    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": fields.method,
        "scheme": fields.scheme,
        "path": fields.path,
        "raw_path": fields.path.encode(),
        "root_path": "",
        "query_string": fields.query_string,
        "headers": fields.headers,
        "server": fields.server,
        "client": fields.client,
        "state": {},
        "app": get_application(),
    }
    request = Request(scope)
    request.state.auth_type = fields.auth_type
    request.state.metadata = metadata or {}
    request.state.turn_id = turn_id
    request.state.token = Credentials(fields.token)
    if user:
        request.state.user = _build_user(user)
    return request


class Credentials:
    """The credential of a request, as FastAPI's class has it."""

    def __init__(self, token: str, scheme: str = "Bearer") -> None:
        self.scheme = scheme
        self.credentials = token


def _build_user(fields: dict[str, Any]) -> Any:
    from fastback.plugin_host.open_webui.models.users import UserModel

    return UserModel.model_validate({name: value for name, value in fields.items() if name != "valves"})
