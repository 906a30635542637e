"""Protection of the requests and responses that hold passwords, codes and tokens: the routers of sign-in use it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.features.sessions.address_limit import AddressLimit
from fastback.kit.http import HttpError, Invalid
from fastback.kit.http.body import WithHeaders
from fastback.kit.http.routing import Call
from fastback.kit.services import Services

_NO_STORE = {"cache-control": "no-store"}


def protect_credentials(call: Call, services: Services) -> Call:
    """Limit the requests of an address, forbid caching of the responses, and hide the details of an invalid request.

    The details of a request may contain a password.
    """
    address_limit = services.get(AddressLimit)

    async def protected(request: Request, values: dict[str, str]) -> Any:
        try:
            if request.method == "POST":
                await address_limit.count(request)
            return WithHeaders(await call(request, values), [(b"cache-control", b"no-store")])
        except Invalid:
            raise HttpError(422, messages.INVALID_AUTHENTICATION, _NO_STORE) from None
        except HttpError as error:
            error.headers = {**(error.headers or {}), **_NO_STORE}
            raise

    return protected
