"""Operations of the server's HTTP interface, run as a user without a connection."""

from __future__ import annotations

import importlib
from typing import Any

import msgspec

from fastback.plugin_host.awaited_or_not import call_server


class OperationRefused(Exception):
    """An operation answered with an error."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def send_operation(user: Any, method: str, path: str, *, raw: bool = False, **request: Any) -> Any:
    """Return what an operation returns: its decoded JSON, or with `raw` the bytes and the headers.

    `user` is a user's id, or an object or dictionary with one. `request` may have `query`, `content` (JSON), `form` and
    `upload`, as the server's `operations.call` takes them.

    Raises:
        OperationRefused: the operation answered with an error.
    """
    response = await call_server("operations.call", user_id=get_user_id(user), verb=method, path=path, **request)
    status, body = response["status"], response["body"]
    if status >= 400:
        raise OperationRefused(status, _decode_detail(body))
    if raw:
        return body, response["headers"]
    return msgspec.json.decode(body) if body else None


async def call_operation(user: Any, method: str, path: str, **request: Any) -> Any:
    """Like `send_operation`, for code that expects the errors of a web framework.

    Raises:
        HTTPException: the operation answered with an error.
    """
    try:
        return await send_operation(user, method, path, **request)
    except OperationRefused as error:
        raise build_http_exception(error.status, error.detail) from None


async def call_as_user(user: Any, method: str, form: Any) -> Any:
    """Return what a method of the server returns that answers like an operation, without being one.

    Raises:
        HTTPException: it answered with an error.
    """
    response = await call_server(method, user_id=get_user_id(user), form=form)
    if response["status"] >= 400:
        raise build_http_exception(response["status"], _decode_detail(response["body"]))
    return msgspec.json.decode(response["body"])


def build_http_exception(status: int, detail: Any) -> Exception:
    """Return FastAPI's exception, or that of Starlette, which FastAPI's is a subclass of, where FastAPI is missing."""
    try:
        library = importlib.import_module("fastapi")
    except ImportError:
        library = importlib.import_module("starlette.exceptions")
    error: Exception = library.HTTPException(status_code=status, detail=detail)
    return error


def get_user_id(user: Any) -> str:
    """Return the id of a user: of a text, an object or a dictionary."""
    if isinstance(user, str):
        return user
    user_id = user.get("id") if isinstance(user, dict) else getattr(user, "id", None)
    return str(user_id or "")


def _decode_detail(body: bytes) -> Any:
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode("utf-8", "replace")
    return content.get("detail", content) if isinstance(content, dict) else content
