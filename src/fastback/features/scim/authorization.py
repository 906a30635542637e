"""Authorization of SCIM clients: one bearer token, `SCIM_TOKEN`, which belongs to no user."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from starlette.requests import Request

from fastback.features.scim.errors import ScimError
from fastback.features.scim.library import is_library_loaded, load_library
from fastback.kit.services import Services
from fastback.settings import Settings


class Unauthorized(ScimError):
    """Respond with 401."""

    def __init__(self, detail: str) -> None:
        super().__init__(401, detail, headers={"WWW-Authenticate": "Bearer"})


class _TokenGuard:
    """Checks the token, and loads the library of the standard on the first authorized request."""

    required_caller = "an identity provider that has the SCIM token"

    def bind(self, services: Services) -> Callable[[Request], Any]:
        settings = services.get(Settings)
        token = settings.scim_token.encode()

        def authorize(request: Request) -> bool | Awaitable[bool]:
            header = request.headers.get("authorization")
            if not header:
                raise Unauthorized("Authorization header required")
            parts = header.split()
            if len(parts) != 2:
                raise Unauthorized("Invalid authorization format. Expected: Bearer <token>")
            if parts[0].lower() != "bearer":
                raise Unauthorized("Invalid authentication scheme")
            # The time of the comparison does not depend on the first character that differs.
            if not token or not hmac.compare_digest(parts[1].encode("latin-1", "replace"), token):
                raise Unauthorized("Invalid SCIM token")
            return True if is_library_loaded() else load_library()

        return authorize


#: The identity provider: a handler with this parameter is called only with the token.
ScimClient = Annotated[bool, _TokenGuard()]
