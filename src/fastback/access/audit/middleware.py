"""What goes into the audit log: an entry for each request that may change something, as much as the level says."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

from starlette.requests import Request

from fastback.access.audit.file import AuditLog
from fastback.access.guards import read_token
from fastback.access.identity import IdentityResolver
from fastback.kit.http.application import Asgi, Receive, Scope, Send
from fastback.kit.log import redact_secrets
from fastback.settings import Settings

log = logging.getLogger("fastback.audit")

_METHODS = frozenset({"PUT", "PATCH", "DELETE", "POST"})
#: Signing in and out is always kept, whoever does it and whatever paths are left out.
_ALWAYS = tuple(f"/api/v1/auths/{one}" for one in ("signin", "signout", "signup", "mfa"))
#: Bodies of these hold credentials and nothing else.
_NO_BODY = ("/api/v1/auths", "/oauth/")


def _compile_path_pattern(paths: str) -> re.Pattern[str] | None:
    """Paths below `/api` and `/api/v1` that begin so, in any of them regular expressions; None without any."""
    given = [one for one in (part.strip().lstrip("/") for part in paths.split(",")) if one]
    if not given:
        return None
    try:
        return re.compile(rf"/api(?:/v1)?/({'|'.join(given)})\b")
    except re.error as error:
        log.warning("AUDIT_…_PATHS: %s; they are taken literally", error)
        return re.compile(rf"/api(?:/v1)?/({'|'.join(map(re.escape, given))})\b")


class _BodyPrefix:
    """The first bytes of a body, as many as may be kept."""

    __slots__ = ("_left", "_parts")

    def __init__(self, most: int) -> None:
        self._left = most
        self._parts: list[bytes] = []

    def add(self, piece: bytes) -> None:
        if self._left > 0 and piece:
            part = piece[: self._left]
            self._parts.append(part)
            self._left -= len(part)

    def text(self) -> str:
        return b"".join(self._parts).decode("utf-8", "replace")


class AuditMiddleware:
    """ASGI middleware around the application."""

    def __init__(self, *, app: Asgi, audit: AuditLog, identities: IdentityResolver, settings: Settings) -> None:
        self._app = app
        self._log = audit
        self._identities = identities
        self._level = settings.audit_log_level
        self._methods = _METHODS | {"GET"} if settings.enable_audit_get_requests else _METHODS
        self._included = _compile_path_pattern(settings.audit_included_paths)
        self._excluded = _compile_path_pattern(settings.audit_excluded_paths)
        if settings.audit_included_paths and settings.audit_excluded_paths != Settings().audit_excluded_paths:
            log.warning("AUDIT_INCLUDED_PATHS is set, so AUDIT_EXCLUDED_PATHS does not count")
        self._most = settings.max_body_log_size

    def _is_audited(self, method: str, path: str, token: str | None) -> bool:
        if method not in self._methods:
            return False
        if path.lower().startswith(_ALWAYS):
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
        # Before the request, which may be a sign-out; the guard finds it remembered.
        identity = await self._identities.find(token, path)
        with_body = not path.startswith(_NO_BODY)
        asked = _BodyPrefix(self._most if with_body and self._level != "METADATA" else 0)
        answered = _BodyPrefix(self._most if with_body and self._level == "REQUEST_RESPONSE" else 0)
        status: int | None = None

        async def heard() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                asked.add(message.get("body", b""))
            return message

        async def said(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                answered.add(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, heard, said)
        finally:
            user = identity.user if identity is not None else None
            self._log.write(
                {
                    "id": str(uuid.uuid4()),
                    "timestamp": int(time.time()),
                    "user": {"id": user.id, "name": user.name, "email": user.email, "role": user.role} if user else {},
                    "audit_level": self._level,
                    "verb": request.method,
                    "request_uri": redact_secrets(str(request.url)),
                    "response_status_code": status,
                    "source_ip": request.client.host if request.client else None,
                    "user_agent": request.headers.get("user-agent"),
                    "model_id": None,
                    "usage": None,
                    "request_object": asked.text(),
                    "response_object": answered.text(),
                    "extra": {},
                }
            )
