"""Protection of the requests and responses that hold passwords and tokens."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.kit.http import HttpError, Invalid
from fastback.kit.http.routing import Call


def protect_credentials(call: Call) -> Call:
    """Forbid caching of the responses, and hide the details of an invalid request, which may hold a password."""

    async def protected(request: Request, values: dict[str, str]) -> Any:
        request.scope.setdefault("fastback.headers", []).append((b"cache-control", b"no-store"))
        try:
            return await call(request, values)
        except Invalid:
            raise HttpError(422, messages.INVALID_AUTHENTICATION) from None

    return protected
