"""Codes and tokens: those that clients send, and new ones, which are shown once and stored as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import msgspec

_RECOVERY_CODES = 10


class RecoveryCodes(msgspec.Struct):
    """New recovery codes: the codes for their owner, the hashes for the database."""

    codes: list[str]
    hashes: list[str]


class SubmittedCode(msgspec.Struct, frozen=True):
    """A code, of the authenticator or a recovery code, and the address of the client that sent it."""

    code: str
    is_recovery: bool = False
    client: str | None = None


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(token: str, token_hash: str) -> bool:
    """Return whether a token has this hash."""
    return hmac.compare_digest(hash_token(token), token_hash)


def generate_recovery_codes() -> RecoveryCodes:
    """Return ten new codes of 32 hexadecimal digits."""
    codes = [secrets.token_hex(16) for _ in range(_RECOVERY_CODES)]
    return RecoveryCodes(codes, [hash_token(code) for code in codes])


def generate_token() -> str:
    """Return a new token of 43 characters."""
    return secrets.token_urlsafe(32)
