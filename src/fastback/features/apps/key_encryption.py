"""Keys of apps, sealed with a key made of the secret key: either program opens what the other has sealed."""

from __future__ import annotations

import base64
from typing import Any

from fastback.kit.http import HttpError
from fastback.settings import Settings

_PURPOSE = b"open-webui-app-keys-v1"


class AppKeys:
    """Seals and opens them."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.webui_secret_key

    def _cipher(self) -> Any:
        from cryptography.fernet import Fernet  # slow to import, and needed where apps are set up alone
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(self._secret.encode())
        return Fernet(base64.urlsafe_b64encode(key))

    def seal(self, key: str) -> str:
        sealed: bytes = self._cipher().encrypt(key.encode())
        return sealed.decode()

    def open(self, sealed: str) -> str:
        """Raises: HttpError, it was sealed with another secret key."""
        from cryptography.fernet import InvalidToken

        try:
            key: bytes = self._cipher().decrypt(sealed.encode())
        except InvalidToken:
            raise HttpError(400, "The app API key cannot be read. Enter it again.") from None
        return key.decode()
