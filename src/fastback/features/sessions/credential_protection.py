"""Protection of the requests and responses that hold passwords and tokens."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.kit.http import HttpError, Invalid
from fastback.kit.http.body import WithHeaders
from fastback.kit.http.routing import Call

_NO_STORE = {"cache-control": "no-store"}


def protect_credentials(call: Call) -> Call:
    """Forbid caching of the responses, and hide the details of an invalid request, which may hold a password."""

    async def protected(request: Request, values: dict[str, str]) -> Any:
        try:
            return WithHeaders(await call(request, values), [(b"cache-control", b"no-store")])
        except Invalid:
            raise HttpError(422, messages.INVALID_AUTHENTICATION, _NO_STORE) from None
        except HttpError as error:
            error.headers = {**(error.headers or {}), **_NO_STORE}
            raise

    return protected
