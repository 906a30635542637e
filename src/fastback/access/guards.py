"""Guards: a handler's signature states who may call it, with `user: VerifiedUser`, `user: AdminUser`, …"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from starlette.requests import HTTPConnection, Request

from fastback import messages
from fastback.access.identity import Identity, IdentityResolver, User
from fastback.kit.http.errors import Forbidden, HttpError, Unauthorized
from fastback.kit.http.headers import find_header
from fastback.kit.services import Services
from fastback.settings import Settings

#: The header of an API key, read last; `CUSTOM_API_KEY_HEADER` is renamed to it.
API_KEY_HEADER = "x-api-key"


def read_bearer_token(request: HTTPConnection) -> str | None:
    """Return the token of the header `Authorization`."""
    scheme, _, credential = (find_header(request, b"authorization") or "").partition(" ")
    return credential.strip() if credential and scheme.lower() == "bearer" else None


def read_token(request: HTTPConnection) -> str | None:
    """Return the credential of a request: the bearer token, else the cookie `token`, else the header of API keys.

    The credential of another scheme than `Bearer` comes last: it is no token, but the request claims to be signed in.
    """
    token = read_bearer_token(request)
    if token is not None:
        return token
    _, _, credential = (find_header(request, b"authorization") or "").partition(" ")
    return request.cookies.get("token") or find_header(request, API_KEY_HEADER.encode()) or credential.strip() or None


def require_matching_header(request: HTTPConnection, identity: Identity, trusted_header: str | None) -> None:
    """Check that a session belongs to the user that the header of a trusted proxy names.

    Raises:
        Unauthorized: it is that of another user.
    """
    if trusted_header and identity.is_session:
        email = request.headers.get(trusted_header, "").lower()
        if email and identity.user.email != email:
            raise Unauthorized("User mismatch. Please sign in again.")


_EXPIRED = "; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=lax"


#: Who may send a request, by what a guard allows; for the API documentation.
_REQUIRED_CALLERS = {
    "any": "a signed-in user, also one who waits for approval",
    "verified": "a user",
    "admin": "an administrator",
    "human": "a person in a browser",
}


class Guard:
    """Resolves the caller and checks the role.

    `allow` is "any", "verified", "admin" or "human"; `result` is "user" or "identity", the handler's argument.
    """

    def __init__(self, allow: str, *, result: str = "user") -> None:
        self._allow = allow
        self._result = result
        self.required_caller = _REQUIRED_CALLERS[allow]

    def bind(self, services: Services) -> Callable[[Request], Any]:
        identities = services.get(IdentityResolver)
        settings = services.get(Settings)
        trusted_header = settings.webui_auth_trusted_email_header
        allow, result = self._allow, self._result

        def authorise(identity: Identity) -> User | Identity:
            role = identity.user.role
            if allow == "verified" and role not in ("user", "admin"):
                raise Unauthorized(messages.ACCESS_PROHIBITED)
            if allow == "admin" and role != "admin":
                raise Unauthorized(messages.ACCESS_PROHIBITED)
            if allow == "human" and not identity.is_human:
                raise Forbidden("A human session is required.")
            return identity.user if result == "user" else identity

        async def resolve_with_database(request: Request, token: str) -> User | Identity:
            try:
                identity = await identities.resolve(token, request.scope["path"])
            except HttpError as error:
                if not token.startswith("sk-") and "token" in request.cookies and error.status == 401:
                    # A browser sends the invalid cookie until a response removes it.
                    error.headers = {"set-cookie": f'token=""{_EXPIRED}'}
                raise
            require_matching_header(request, identity, trusted_header)
            return authorise(identity)

        def resolve(request: Request) -> User | Identity | Awaitable[User | Identity]:
            token = read_token(request)
            if token is None:
                raise Unauthorized(messages.NOT_AUTHENTICATED)
            if not trusted_header and not token.startswith("sk-"):
                identity = identities.find_cached(token)
                if identity is not None:
                    return authorise(identity)
            return resolve_with_database(request, token)

        return resolve


class _OptionalUser:
    """Resolves the verified user, or None: for resources that visitors may see, too."""

    required_caller = ""

    def bind(self, services: Services) -> Callable[[Request], Any]:
        identities = services.get(IdentityResolver)

        async def resolve(request: Request) -> User | None:
            identity = await identities.find(read_token(request), request.scope["path"])
            return identity.user if identity is not None and identity.user.is_verified else None

        return resolve


#: A signed-in user, also one who waits for approval.
AnyUser = Annotated[User, Guard("any")]
#: A user or an administrator.
VerifiedUser = Annotated[User, Guard("verified")]
AdminUser = Annotated[User, Guard("admin")]
#: The verified user, or None.
MaybeUser = Annotated[User | None, _OptionalUser()]
#: Like `AdminUser`, with the token and its claims.
AdminIdentity = Annotated[Identity, Guard("admin", result="identity")]
#: A person in a browser, with the token and its claims: not an API key, not the token of an automation.
HumanIdentity = Annotated[Identity, Guard("human", result="identity")]
