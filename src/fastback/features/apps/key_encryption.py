"""Encryption of app keys with a key derived from the secret key; Fastback and Open WebUI decrypt each other's keys."""

from __future__ import annotations

import base64
from typing import Any

from fastback.kit.http import HttpError
from fastback.settings import Settings

_PURPOSE = b"open-webui-app-keys-v1"


class AppKeyCipher:
    """Encrypt and decrypt app keys (Fernet, key from HKDF-SHA256 of `WEBUI_SECRET_KEY`)."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.webui_secret_key

    def prepare(self) -> None:
        """Import what keys and manifests need, which takes longer than the event loop may wait; called in a thread."""
        self._create_fernet()
        import cryptography.hazmat.primitives.asymmetric.ed25519
        import cryptography.hazmat.primitives.serialization  # noqa: F401 (public keys of apps are read with both)

    def _create_fernet(self) -> Any:
        from cryptography.fernet import Fernet  # slow to import, and only needed for apps
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(self._secret.encode())
        return Fernet(base64.urlsafe_b64encode(key))

    def encrypt(self, key: str) -> str:
        encrypted: bytes = self._create_fernet().encrypt(key.encode())
        return encrypted.decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the key.

        Raises:
            HttpError 400: it was encrypted with another secret key.
        """
        key = self.find_key(encrypted)
        if key is None:
            raise HttpError(400, "The app API key cannot be read. Enter it again.")
        return key

    def find_key(self, encrypted: str) -> str | None:
        """Return the key, or None where it was encrypted with another secret key."""
        from cryptography.fernet import InvalidToken

        try:
            key: bytes = self._create_fernet().decrypt(encrypted.encode())
        except InvalidToken:
            return None
        return key.decode()
