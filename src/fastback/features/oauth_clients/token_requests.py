"""Requests to token endpoints: an authorization code, or a refresh token, for an access token."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote

from fastback.config import Config
from fastback.config.keys.oauth import OAUTH_CLIENT_TIMEOUT, OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE
from fastback.features.oauth_clients.clients import OAuthClient
from fastback.features.oauth_clients.connections import list_urls
from fastback.features.oauth_clients.foreign_requests import (
    TIMEOUT_SECONDS,
    ForeignResponse,
    RequestFactory,
    RequestFailed,
)
from fastback.features.oauth_clients.metadata import is_http_url

Token = dict[str, Any]

_MAX_SECONDS = 60.0
#: Statuses of refusals that say nothing about the grant.
_TEMPORARY = (408, 425, 429)
#: What headers can hold.
_ACCESS_TOKEN = re.compile(r"[\x21-\x7e]+")
#: Characters of credentials that stay as they are in the header: few servers decode them, as RFC 6749 requires.
_SAFE = "!\"#$&'()*,/;<=>?@[\\]^`{|}"
_MAX_ERROR_LENGTH = 200


class TokenRefused(Exception):
    """The authorization server refuses the grant; the text is what it says."""


class TokenRequestFailed(Exception):
    """The authorization server cannot be asked, or its answer says nothing about the grant."""


class TokenRequests:
    """Sends requests to token endpoints."""

    def __init__(self, requests: RequestFactory, config: Config) -> None:
        self._factory = requests
        self._config = config

    async def exchange_code(self, client: OAuthClient, code: str, *, redirect_uri: str, verifier: str) -> Token:
        """Return the token for an authorization code.

        Raises:
            TokenRefused. TokenRequestFailed.
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if verifier:
            form["code_verifier"] = verifier
        return await self._request(client, form)

    async def refresh(self, client: OAuthClient, refresh_token: str) -> Token:
        """Return a new token for a refresh token.

        Raises:
            TokenRefused. TokenRequestFailed.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if client.info.scope and self._config.get_bool(OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE):
            form["scope"] = client.info.scope
        return await self._request(client, form)

    async def _request(self, client: OAuthClient, form: dict[str, str]) -> Token:
        info = client.info
        endpoint = info.server_metadata.token_endpoint if info.server_metadata else ""
        if not is_http_url(endpoint):
            raise TokenRequestFailed("the token endpoint is unknown")
        if info.sends_resource and info.resource:
            form["resource"] = info.resource
        headers = {"Accept": "application/json"}
        _add_credentials(client, form, headers)
        requests = await self._factory.build_client_requests(list_urls(client.connection), info.is_server_internal)
        try:
            response = await requests.send("POST", endpoint, form=form, headers=headers, seconds=self._get_seconds())
        except RequestFailed as error:
            raise TokenRequestFailed(str(error)) from None
        return await _read_token(response)

    def _get_seconds(self) -> float:
        configured = self._config.get_number(OAUTH_CLIENT_TIMEOUT)
        return min(configured, _MAX_SECONDS) if configured and configured > 0 else TIMEOUT_SECONDS


def _add_credentials(client: OAuthClient, form: dict[str, str], headers: dict[str, str]) -> None:
    """Add the credentials of the client, in place."""
    info = client.info
    if info.client_secret and info.token_endpoint_auth_method == "client_secret_basic":
        pair = f"{quote(info.client_id, safe=_SAFE)}:{quote(info.client_secret, safe=_SAFE)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return  # some servers refuse an identifier in the body as a second credential
    form["client_id"] = info.client_id
    if info.client_secret and info.token_endpoint_auth_method != "none":
        form["client_secret"] = info.client_secret


async def _read_token(response: ForeignResponse) -> Token:
    """Return the token of a response.

    Raises:
        TokenRefused. TokenRequestFailed.
    """
    if response.status >= 500 or response.status in _TEMPORARY:
        raise TokenRequestFailed(f"Upstream provider returned {response.status}")
    try:
        document = await response.decode_json()
    except RequestFailed as error:
        if response.status >= 400:
            raise TokenRefused(f"Upstream provider returned {response.status}") from None
        raise TokenRequestFailed(str(error)) from None
    if not isinstance(document, dict):
        raise TokenRequestFailed("the response is not a JSON object")
    if document.get("error") or response.status >= 400:
        raise TokenRefused(_describe_refusal(document, response.status))
    access_token = document.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise TokenRefused("Token exchange failed: Unknown error")
    if not _ACCESS_TOKEN.fullmatch(access_token):
        raise TokenRefused("Token exchange failed: the access token is invalid")
    if not isinstance(document.get("refresh_token"), str) or not document["refresh_token"]:
        document.pop("refresh_token", None)
    return document


def _describe_refusal(document: dict[str, Any], status: int) -> str:
    parts = [document.get("error"), document.get("error_description")]
    texts = [part for part in parts if isinstance(part, str) and part]
    return ": ".join(texts)[:_MAX_ERROR_LENGTH] or f"Upstream provider returned {status}"
