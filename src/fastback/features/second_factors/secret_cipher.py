"""Encryption of the secrets of authenticators; Fastback and Open WebUI decrypt each other's."""

from __future__ import annotations

import base64
import functools
from typing import Any

from fastback.settings import Settings

_PURPOSE = b"open-webui/mfa-encryption/v1"


class InvalidKey(Exception):
    """`MFA_ENCRYPTION_KEY` is not a key of Fernet."""


class UnreadableSecret(Exception):
    """A secret was encrypted with another key."""


class SecretCipher:
    """Encrypts and decrypts secrets (Fernet): with `MFA_ENCRYPTION_KEY`, else with a key derived from the secret key.

    The first call imports a large library: call in a thread.
    """

    def __init__(self, settings: Settings) -> None:
        self._secret_key = settings.webui_secret_key
        self._configured_key = settings.mfa_encryption_key

    @functools.cached_property
    def _fernet(self) -> Any:
        from cryptography.fernet import Fernet  # slow to import, and only needed for second factors
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        if not self._configured_key:
            derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
            return Fernet(base64.urlsafe_b64encode(derivation.derive(self._secret_key.encode())))
        try:
            return Fernet(self._configured_key.encode())
        except ValueError:
            raise InvalidKey("MFA_ENCRYPTION_KEY: is not 32 bytes in URL-safe base64") from None

    def encrypt(self, secret: str) -> str:
        """Return the encrypted secret.

        Raises:
            InvalidKey: the configured key is unusable.
        """
        encrypted: bytes = self._fernet.encrypt(secret.encode())
        return encrypted.decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the secret.

        Raises:
            UnreadableSecret: it was encrypted with another key.
            InvalidKey: the configured key is unusable.
        """
        from cryptography.fernet import InvalidToken

        try:
            secret: bytes = self._fernet.decrypt(encrypted.encode())
        except InvalidToken:
            raise UnreadableSecret from None
        return secret.decode()
