"""ASGI middleware of the audit log: an entry for each request that may change data, as detailed as the level says."""

from __future__ import annotations

import logging
import re
from typing import Any

from starlette.requests import Request

from fastback.access.audit.entry import AuditEntry
from fastback.access.audit.file import AuditLog
from fastback.access.guards import read_token
from fastback.access.identity import IdentityResolver
from fastback.kit.http.application import Asgi, Receive, Scope, Send
from fastback.kit.log import redact_and_cut
from fastback.settings import Settings

log = logging.getLogger("fastback.audit")

_METHODS = frozenset({"PUT", "PATCH", "DELETE", "POST"})
#: Signing in and out is always audited, also without a token and on excluded paths.
_ALWAYS_AUDITED = tuple(f"/api/v1/auths/{name}" for name in ("signin", "signout", "signup", "mfa"))
#: Bodies of requests to these paths hold only credentials.
_WITHOUT_BODY = ("/api/v1/auths", "/api/v1/configs/oauth/", "/oauth/")
_MAX_USER_AGENT_LENGTH = 1000


def _compile_path_pattern(paths: str) -> re.Pattern[str] | None:
    """Return a pattern of paths below `/api` and `/api/v1` from prefixes separated by commas; None without any.

    A prefix may be a regular expression.
    """
    prefixes = [prefix for prefix in (part.strip().lstrip("/") for part in paths.split(",")) if prefix]
    if not prefixes:
        return None
    try:
        return re.compile(rf"/api(?:/v1)?/({'|'.join(prefixes)})\b")
    except re.error as error:
        log.warning("AUDIT_…_PATHS is an invalid regular expression, used as literal paths: %s", error)
        return re.compile(rf"/api(?:/v1)?/({'|'.join(map(re.escape, prefixes))})\b")


class _BodyPrefix:
    """The first `limit` bytes of a body."""

    __slots__ = ("_parts", "_remaining")

    def __init__(self, limit: int) -> None:
        self._remaining = limit
        self._parts: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        """Add the next bytes of the body."""
        if self._remaining > 0 and chunk:
            part = chunk[: self._remaining]
            self._parts.append(part)
            self._remaining -= len(part)

    def get_text(self) -> str:
        return b"".join(self._parts).decode("utf-8", "replace")


class AuditMiddleware:
    """Wraps the application, and writes an entry after each audited request."""

    def __init__(self, *, app: Asgi, audit: AuditLog, identities: IdentityResolver, settings: Settings) -> None:
        self._app = app
        self._log = audit
        self._identities = identities
        self._level = settings.audit_log_level
        self._methods = _METHODS | {"GET"} if settings.enable_audit_get_requests else _METHODS
        self._included = _compile_path_pattern(settings.audit_included_paths)
        self._excluded = _compile_path_pattern(settings.audit_excluded_paths)
        if settings.audit_included_paths and settings.audit_excluded_paths != Settings().audit_excluded_paths:
            log.warning("AUDIT_EXCLUDED_PATHS is ignored, because AUDIT_INCLUDED_PATHS is set")
        self._max_body = settings.max_body_log_size

    def _is_audited(self, method: str, path: str, token: str | None) -> bool:
        if method not in self._methods:
            return False
        if path.lower().startswith(_ALWAYS_AUDITED):
            return True
        if token is None:
            return False
        if self._included is not None:
            return self._included.match(path) is not None
        return self._excluded is None or self._excluded.match(path) is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in self._methods:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        path: str = scope["path"]
        token = read_token(request)
        if not self._is_audited(request.method, path, token):
            await self._app(scope, receive, send)
            return
        # Resolved before the request, which may be a sign-out; the guard finds the identity in the cache.
        identity = await self._identities.find(token, path)
        with_body = not path.startswith(_WITHOUT_BODY)
        request_body = _BodyPrefix(self._max_body if with_body and self._level != "METADATA" else 0)
        response_body = _BodyPrefix(self._max_body if with_body and self._level == "REQUEST_RESPONSE" else 0)
        status: int | None = None

        async def receive_and_record() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                request_body.add(message.get("body", b""))
            return message

        async def send_and_record(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                response_body.add(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive_and_record, send_and_record)
        finally:
            user = identity.user if identity is not None else None
            self._log.write(
                AuditEntry(
                    user={"id": user.id, "name": user.name, "email": user.email, "role": user.role} if user else {},
                    audit_level=self._level,
                    verb=request.method,
                    request_uri=redact_and_cut(str(request.url)),
                    response_status_code=status,
                    source_ip=request.client.host if request.client else None,
                    user_agent=request.headers.get("user-agent", "")[:_MAX_USER_AGENT_LENGTH] or None,
                    request_object=request_body.get_text(),
                    response_object=response_body.get_text(),
                )
            )
