"""URLs of authorization servers that users are sent to."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import urlencode, urlsplit

from fastback.features.oauth_clients.client_info import ClientInfo
from fastback.features.oauth_clients.metadata import is_http_url

_VERIFIER_BYTES = 48


class NoAuthorizationEndpoint(Exception):
    """The metadata of the authorization server is missing, or its endpoint is invalid."""


def create_verifier(info: ClientInfo) -> str:
    """Return a new secret of PKCE; an empty text where the server does not know S256."""
    is_supported = info.server_metadata is None or info.server_metadata.supports_s256
    return secrets.token_urlsafe(_VERIFIER_BYTES) if is_supported else ""


def build_authorization_url(info: ClientInfo, *, redirect_uri: str, state: str, verifier: str) -> str:
    """Return the URL that a user is sent to.

    Raises:
        NoAuthorizationEndpoint.
    """
    endpoint = info.server_metadata.authorization_endpoint if info.server_metadata else ""
    if not is_http_url(endpoint):
        raise NoAuthorizationEndpoint
    parameters = {
        "response_type": "code",
        "client_id": info.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        **info.list_request_parameters(),
    }
    if verifier:
        parameters |= {"code_challenge": _compute_challenge(verifier), "code_challenge_method": "S256"}
    parts = urlsplit(endpoint)
    query = "&".join(filter(None, (parts.query, urlencode(parameters))))
    return parts._replace(query=query, fragment="").geturl()


def _compute_challenge(verifier: str) -> str:
    """Return the challenge of PKCE for a secret (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
