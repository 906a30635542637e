"""Context tokens: an invocation or an event, signed, so that the app that received it can show it to this server.

A token is `payload.signature` in URL-safe base64. The signature depends on the app's public key and API key: where one
of them is replaced, older tokens are invalid. Fastback and Open WebUI accept each other's tokens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from typing import Any, Literal

import msgspec

from fastback.features.apps.schemas import App
from fastback.kit.http import Forbidden
from fastback.kit.json_decoding import decode_json
from fastback.settings import Settings

Purpose = Literal["execution", "event"]
Json = dict[str, Any]

_DOMAIN = b"open-webui-context-v1"


class _Context(msgspec.Struct):
    app_id: str
    purpose: str
    exp: float


class ContextTokens:
    """Create and check context tokens, with the secret key of the installation."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.webui_secret_key.encode()

    def create(self, app: App, purpose: Purpose, context: Json, *, seconds: int) -> str:
        """Return a token for a context that expires after `seconds`."""
        content = msgspec.json.encode(
            {
                **context,
                "app_id": app.id,
                "purpose": purpose,
                "exp": int(time.time()) + seconds,
                "nonce": str(uuid.uuid4()),
            }
        )
        payload = base64.urlsafe_b64encode(content)
        return f"{payload.decode()}.{base64.urlsafe_b64encode(self._sign(app, payload)).decode()}"

    def read(self, app: App, purpose: Purpose, token: str) -> Json:
        """Return the context of a token.

        Raises:
            Forbidden: the token is invalid or expired, or made for another app or purpose.
        """
        try:
            payload, signature = token.encode("ascii").split(b".")
            if not hmac.compare_digest(base64.urlsafe_b64encode(self._sign(app, payload)), signature):
                raise ValueError("the signature is invalid")
            context: Json = decode_json(base64.b64decode(payload, altchars=b"-_", validate=True))
            claims = msgspec.convert(context, _Context)
            if claims.app_id != app.id or claims.purpose != purpose or claims.exp <= time.time():
                raise ValueError("the token is expired, or made for something else")
        except ValueError:
            raise Forbidden("Invalid or expired app context") from None
        return context

    def _sign(self, app: App, payload: bytes) -> bytes:
        credentials = hashlib.sha256((app.data["manifest"]["public_key"] + (app.api_key or "")).encode()).digest()
        return hmac.digest(self._secret, b"\n".join((_DOMAIN, app.id.encode(), credentials, payload)), "sha256")
