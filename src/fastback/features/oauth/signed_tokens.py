"""Tokens that a provider has signed: ID tokens, and logout tokens of back-channel logout."""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any

import msgspec

from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.errors import ProviderError
from fastback.features.oauth.libraries import load_libraries
from fastback.features.oauth.metadata import Metadata
from fastback.features.oauth.providers import Provider

Claims = dict[str, Any]

#: Seconds by which the clock of a provider may differ.
LEEWAY = 120
#: Seconds that a logout token without an expiry is valid.
LOGOUT_LIFETIME = 3600
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: Characters of a token that is decoded: more would hold the event loop.
MAX_TOKEN = 64 * 1024
#: Keys that are tried where a token does not name its key.
_MAX_TRIED = 10
#: The type of the keys for an algorithm, by the beginning of its name.
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class InvalidToken(ProviderError):
    """A signed token is invalid; the text says why."""


class UnknownKey(InvalidToken):
    """No published key has signed a token, or none is named as the token names it."""


def read_unverified(token: str, *, part: int = 1) -> Claims | None:
    """Return the claims of a token (`part` 0: its header) without checking its signature; None where it has none."""
    segments = token.split(".", 3)
    if len(token) > MAX_TOKEN or len(segments) != 3:
        return None
    try:
        segment = segments[part]
        content = msgspec.json.decode(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return content if isinstance(content, dict) else None


class TokenVerifier:
    """Verifies signed tokens with the keys that their provider publishes."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    async def verify_id_token(self, provider: Provider, token: str, *, nonce: str, access_token: str) -> Claims:
        """Return the claims of the ID token that answers a sign-in.

        Raises:
            InvalidToken: its signature, issuer, audience, nonce, time or another claim is invalid.
            ProviderError: the keys of the provider cannot be fetched.
        """
        await load_libraries()
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        metadata = await self._discovery.get_metadata(provider)
        header, claims = await self._verify_signature(provider, metadata, token)
        issuer = metadata.get_issuer_for(claims)
        options = {"iss": {"essential": True, "values": [issuer]}} if issuer else None
        checked = CodeIDToken(
            claims,
            header,
            options,
            {"nonce": nonce, "client_id": provider.client_id, "access_token": access_token},
        )
        try:
            checked.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidToken(f"ID token: {error}") from None
        if not has_audience(claims, provider.client_id):
            raise InvalidToken("ID token: it is for another client")
        return claims

    async def verify_logout_token(self, provider: Provider, token: str) -> Claims:
        """Return the claims of a logout token whose signature, issuer, audience and time are valid.

        Raises:
            InvalidToken: one of these is invalid. ProviderError: the keys of the provider cannot be fetched.
        """
        metadata = await self._discovery.get_metadata(provider)
        _, claims = await self._verify_signature(provider, metadata, token)
        if not claims.get("iss") or claims["iss"] != metadata.get_issuer_for(claims):
            raise InvalidToken("Invalid issuer")
        if not has_audience(claims, provider.client_id):
            raise InvalidToken("Audience doesn't match")
        now, issued_at = time.time(), _read_time(claims, "iat")
        if issued_at is None or "events" not in claims:
            raise InvalidToken(f'Token is missing the "{"iat" if issued_at is None else "events"}" claim')
        if issued_at > now + LEEWAY:
            raise InvalidToken("The token is not yet valid (iat)")
        expires_at = _read_time(claims, "exp") if "exp" in claims else issued_at + LOGOUT_LIFETIME
        if expires_at is None or expires_at < now - LEEWAY:
            raise InvalidToken("Signature has expired")
        return claims

    async def _verify_signature(
        self, provider: Provider, metadata: Metadata, token: str
    ) -> tuple[dict[str, Any], Claims]:
        """Return the header and the claims of a token; fetch the keys again, once, where none of them fits."""
        await load_libraries()
        try:
            return _decode(token, await self._discovery.get_keys(provider), metadata.algorithms)
        except UnknownKey:
            keys = await self._discovery.get_keys(provider, refresh=True)
            return _decode(token, keys, metadata.algorithms)


def _decode(token: str, keys: list[dict[str, Any]], algorithms: tuple[str, ...]) -> tuple[dict[str, Any], Claims]:
    """Return the header and the claims of a token.

    Raises:
        UnknownKey: none of the keys has signed it. InvalidToken: it is malformed, or has another algorithm.
    """
    from joserfc import jwt
    from joserfc.errors import BadSignatureError, JoseError
    from joserfc.jwk import JWKRegistry
    from joserfc.jws import JWSRegistry

    header = read_unverified(token, part=0)
    algorithm = header.get("alg") if header is not None else None
    if header is None or not isinstance(algorithm, str):
        raise InvalidToken("malformed token")
    if algorithm not in algorithms:
        raise InvalidToken(f"algorithm {algorithm!r} is not allowed")
    # Some providers put parameters of their own into headers.
    registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
    for key in _select_keys(keys, header.get("kid"), algorithm):
        try:
            decoded = jwt.decode(token, JWKRegistry.import_key(key), registry=registry)
        except BadSignatureError:
            continue
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise InvalidToken(f"{type(error).__name__}: {error}") from None
        return dict(decoded.header), dict(decoded.claims)
    raise UnknownKey("no published key has signed the token")


def _select_keys(keys: list[dict[str, Any]], key_id: Any, algorithm: str) -> list[dict[str, Any]]:
    """Return the keys that may have signed a token."""
    fitting = [
        key for key in keys if key.get("kty") == _KEY_TYPES[algorithm[:2]] and key.get("alg") in (None, algorithm)
    ]
    if key_id is not None:
        fitting = [key for key in fitting if key.get("kid") == key_id]
    return fitting[:_MAX_TRIED]


def has_audience(claims: Claims, client_id: str) -> bool:
    """Return whether a token with these claims is for a client."""
    audience = claims.get("aud")
    return client_id in audience if isinstance(audience, list) else audience == client_id


def _read_time(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
