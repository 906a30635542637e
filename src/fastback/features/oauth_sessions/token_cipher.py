"""Encryption of stored tokens and registrations: Fernet, as in Open WebUI, so that both programs read them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import importlib
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

#: Characters of a Fernet key: 32 bytes in base64.
_KEY_LENGTH = 44
_KEY_BYTES = 32


class UndecryptableError(ValueError):
    """A stored value was encrypted with another key, or is damaged."""


def derive_key(secret: str) -> bytes:
    """Return a Fernet key: the secret itself where it is one, otherwise its digest."""
    if len(secret) == _KEY_LENGTH:
        try:
            if len(base64.urlsafe_b64decode(secret)) == _KEY_BYTES:
                return secret.encode()
        except (binascii.Error, ValueError):
            pass  # Open WebUI would not start with this secret
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest())


class TokenCipher:
    """Encrypts JSON values with a secret. The library is imported when the first value is encrypted."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        return Fernet(derive_key(self._secret))

    async def prepare(self) -> None:
        """Import the library in a thread, if it is not imported yet: that takes longer than the event loop may wait."""
        if "cryptography.fernet" not in sys.modules:
            await asyncio.to_thread(importlib.import_module, "cryptography.fernet")

    def encrypt(self, value: Any) -> str:
        """Return the encrypted text of a JSON value."""
        return self._fernet.encrypt(msgspec.json.encode(value)).decode()

    def decrypt(self, text: str) -> Any:
        """Return the JSON value of an encrypted text.

        Raises:
            UndecryptableError: it was encrypted with another key, or is damaged.
        """
        from cryptography.fernet import InvalidToken

        try:
            return msgspec.json.decode(self._fernet.decrypt(text.encode()))
        except (InvalidToken, msgspec.DecodeError, UnicodeError) as error:
            raise UndecryptableError(type(error).__name__) from None


class SessionTokenCipher(TokenCipher):
    """Encrypts the tokens of users (`OAUTH_SESSION_TOKEN_ENCRYPTION_KEY`)."""


class ClientInfoCipher(TokenCipher):
    """Encrypts registrations of this server at other servers (`OAUTH_CLIENT_INFO_ENCRYPTION_KEY`)."""
