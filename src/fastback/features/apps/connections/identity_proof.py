"""The proof of an app's identity: a token that the app signs with its Ed25519 key when this server connects to it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
import uuid
from typing import Any

import msgspec

from fastback.features.apps.schemas import App

AUDIENCE, TOKEN_TYPE = "oix:connect", "oix-connect+jwt"
#: Seconds that a proof may be valid for.
MAX_LIFETIME = 60
#: Characters of the token with which the app recognizes this installation.
MAX_CONNECTION_TOKEN = 8192


class Installation(msgspec.Struct, frozen=True):
    """What the app calls this installation, and the token with which it recognizes it."""

    id: str
    connection_token: str


class InvalidProof(ValueError):
    """The app does not prove its identity; the text says why."""


class _Header(msgspec.Struct):
    alg: str
    typ: str


class _Claims(msgspec.Struct):
    sub: str
    app_id: str
    manifest_id: str
    iat: int
    exp: int
    challenge: str
    token_hash: str
    aud: str | list[str]


class _Answer(msgspec.Struct):
    connection_token: str
    proof: str
    installation_id: str


def verify_connection(app: App, answer: Any, challenge: str) -> Installation:
    """Return the installation that an app has proven to be, in its answer to a connection with `challenge`.

    Raises:
        InvalidProof: the proof is invalid, or the app is another installation than before.
    """
    try:
        fields = msgspec.convert(answer, _Answer)
        if len(fields.connection_token) > MAX_CONNECTION_TOKEN:
            raise InvalidProof("the connection token is too long")
        claims = _verify_signature(fields.proof, app.data["manifest"]["public_key"])
        installation = Installation(str(uuid.UUID(fields.installation_id)), fields.connection_token)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidProof(str(error)) from error
    _check_claims(claims, app, installation, challenge)
    if app.data.get("connection_token") and installation.id != app.data.get("installation_id"):
        raise InvalidProof("the app is another installation than before")
    return installation


def _verify_signature(proof: str, public_key: str) -> _Claims:
    """Return the claims of a proof.

    Raises:
        ValueError: it is malformed, or the key has not signed it.
    """
    from cryptography.exceptions import InvalidSignature  # slow to import, and only needed for apps
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    segments = proof.split(".", 3)
    if len(segments) != 3:
        raise InvalidProof("the proof is malformed")
    header = msgspec.json.decode(_decode_segment(segments[0]), type=_Header)
    if header.alg != "EdDSA" or header.typ != TOKEN_TYPE:
        raise InvalidProof("the proof is of another type")
    key = serialization.load_pem_public_key(public_key.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidProof("the key is of another type")
    try:
        key.verify(_decode_segment(segments[2]), f"{segments[0]}.{segments[1]}".encode())
    except InvalidSignature:
        raise InvalidProof("the signature is invalid") from None
    return msgspec.json.decode(_decode_segment(segments[1]), type=_Claims)


def _decode_segment(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error as error:
        raise InvalidProof("the proof is malformed") from error


def _check_claims(claims: _Claims, app: App, installation: Installation, challenge: str) -> None:
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    now = time.time()
    token_hash = hashlib.sha256(installation.connection_token.encode()).hexdigest()
    is_valid = (
        AUDIENCE in audiences
        and claims.sub == installation.id
        and claims.app_id == app.id
        and claims.manifest_id == app.data["manifest"]["id"]
        and claims.challenge == challenge
        and claims.token_hash == token_hash
        and claims.iat <= now < claims.exp
        and 0 < claims.exp - claims.iat <= MAX_LIFETIME
    )
    if not is_valid:
        raise InvalidProof("the proof is invalid")
