"""Authenticator apps: their secrets, the QR code that shares one, and the codes that they compute (TOTP, RFC 6238)."""

from __future__ import annotations

import asyncio
import base64
import hmac
import io
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from fastback.features.second_factors.secret_cipher import InvalidKey, SecretCipher, UnreadableSecret
from fastback.kit.http.errors import HttpError

T = TypeVar("T")

_ISSUER = "Open WebUI"
_STEP_SECONDS, _DIGITS = 30, 6
_UNREADABLE = "Authenticator configuration is unavailable. Contact the operator."


class AuthenticatorSetup(msgspec.Struct):
    """What a person enters or scans in their app: the key (base32), and a QR code as a `data:` URL of an SVG image."""

    manual_key: str
    qr_code: str


def find_time_step(secret: str, code: str, *, after: int = -1) -> int | None:
    """Return the time step whose code this is, of the current one and its neighbours; None where no code fits.

    Steps up to `after` are excluded: their codes were used.
    """
    import pyotp  # only needed for second factors

    if len(code) != _DIGITS or not code.isascii() or not code.isdigit():
        return None
    authenticator = pyotp.TOTP(secret)
    current = int(time.time()) // _STEP_SECONDS
    for step in (current, current - 1, current + 1):
        # By the number of the step: pyotp converts times with the time zone of the process.
        if step > after and hmac.compare_digest(authenticator.generate_otp(step), code):
            return step
    return None


def _create_secret() -> str:
    import pyotp

    return str(pyotp.random_base32())


def _build_setup(secret: str, email: str) -> AuthenticatorSetup:
    import pyotp
    import qrcode.image.svg

    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=_ISSUER)
    image = io.BytesIO()
    qrcode.make(address, image_factory=qrcode.image.svg.SvgPathImage).save(image)
    return AuthenticatorSetup(secret, f"data:image/svg+xml;base64,{base64.b64encode(image.getvalue()).decode()}")


class Authenticators:
    """Creates and checks the secrets of authenticators, which stay encrypted outside of this class.

    Everything runs in threads: the libraries are imported at the first use, and a QR code takes some milliseconds.

    Raises (every method):
        HttpError: 503, a secret cannot be decrypted.
    """

    def __init__(self, cipher: SecretCipher) -> None:
        self._cipher = cipher

    async def create_secret(self) -> str:
        """Return the encrypted secret of a new authenticator."""
        return await _run_in_thread(lambda: self._cipher.encrypt(_create_secret()))

    async def build_setup(self, encrypted: str, email: str) -> AuthenticatorSetup:
        """Return the key and the QR code of a secret; the app shows `email` as the name of the account."""
        return await _run_in_thread(lambda: _build_setup(self._cipher.decrypt(encrypted), email))

    async def find_time_step(self, encrypted: str, code: str, *, after: int = -1) -> int | None:
        """Return the time step whose code this is, as the function `find_time_step`."""
        return await _run_in_thread(lambda: find_time_step(self._cipher.decrypt(encrypted), code, after=after))

    async def require_readable(self, secrets: Iterable[str]) -> None:
        """Require that every secret can be decrypted, and a new one encrypted.

        Raises:
            InvalidKey, UnreadableSecret: instead of HttpError.
        """

        def check() -> None:
            self._cipher.encrypt("")
            for secret in secrets:
                self._cipher.decrypt(secret)

        await asyncio.to_thread(check)


async def _run_in_thread(function: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(function)
    except (InvalidKey, UnreadableSecret):
        raise HttpError(503, _UNREADABLE) from None
