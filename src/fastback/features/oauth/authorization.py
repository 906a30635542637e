"""The authorization request, to which the browser is sent, and requests to the token endpoint."""

from __future__ import annotations

import time
from typing import Any

from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.errors import ProviderError, ProviderRefusal
from fastback.features.oauth.libraries import load_libraries
from fastback.features.oauth.pending_sign_ins import LIFETIME, PendingSignIn
from fastback.features.oauth.provider_requests import ProviderRequests, ProviderResponse
from fastback.features.oauth.providers import Provider

Token = dict[str, Any]

#: Parameters of the authorization request that no configuration replaces.
_RESERVED = frozenset(
    ["client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "response_type", "state"]
)


class Authorization:
    """Begins sign-ins at providers, and exchanges what comes back for tokens."""

    def __init__(self, discovery: Discovery, requests: ProviderRequests, *, sends_client_id: bool = False) -> None:
        """With `sends_client_id`, requests for tokens name the client in their form, too."""
        self._discovery = discovery
        self._requests = requests
        self._sends_client_id = sends_client_id

    async def begin(
        self, provider: Provider, redirect_uri: str, parameters: dict[str, str]
    ) -> tuple[str, PendingSignIn]:
        """Return the address at the provider that the browser is sent to, and the sign-in that begins there.

        `parameters` are added to the request, except for those that the protocol needs itself.

        Raises:
            ProviderError: the metadata of the provider cannot be fetched.
        """
        await load_libraries()
        from authlib.common.security import generate_token
        from authlib.oauth2.client import OAuth2Client

        endpoint = (await self._discovery.get_metadata(provider)).require_endpoint("authorization_endpoint")
        pending = PendingSignIn(
            state=generate_token(30),
            provider=provider.name,
            redirect_uri=redirect_uri,
            expires_at=int(time.time()) + LIFETIME,
            nonce=generate_token(20) if provider.uses_openid else "",
            code_verifier=generate_token(48) if provider.uses_pkce else "",
        )
        client = OAuth2Client(
            None,
            client_id=provider.client_id,
            scope=provider.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        extra = {name: value for name, value in parameters.items() if name not in _RESERVED}
        if pending.nonce:
            extra["nonce"] = pending.nonce
        url, _ = client.create_authorization_url(
            endpoint, state=pending.state, code_verifier=pending.code_verifier or None, **extra
        )
        return str(url), pending

    async def exchange_code(self, provider: Provider, pending: PendingSignIn, code: str) -> Token:
        """Return the token response to the code of a sign-in.

        Raises:
            ProviderRefusal: the provider refuses the code. ProviderError: it sends no token.
        """
        fields = {"code": code, "redirect_uri": pending.redirect_uri}
        if pending.code_verifier:
            fields["code_verifier"] = pending.code_verifier
        return await self._request_token(provider, "authorization_code", fields)

    async def refresh(self, provider: Provider, refresh_token: str, *, with_scope: bool = False) -> Token:
        """Return a new token response for a refresh token.

        Raises:
            ProviderRefusal: the refresh token is not valid any more. ProviderError: the provider sends no token.
        """
        fields = {"refresh_token": refresh_token}
        if with_scope and provider.scope:
            fields["scope"] = provider.scope
        return await self._request_token(provider, "refresh_token", fields)

    async def introspect(self, provider: Provider, token: str) -> dict[str, Any]:
        """Return what the provider says about an access token.

        Raises:
            ProviderError: it says nothing, or has no endpoint for that.
        """
        await load_libraries()
        from authlib.common.urls import url_encode

        endpoint = (await self._discovery.get_metadata(provider)).require_endpoint("introspection_endpoint")
        response = await self._post(
            provider, endpoint, url_encode([("token", token), ("token_type_hint", "access_token")])
        )
        return response.require_object("introspection")

    async def _request_token(self, provider: Provider, grant_type: str, fields: dict[str, str]) -> Token:
        await load_libraries()
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        endpoint = (await self._discovery.get_metadata(provider)).require_endpoint("token_endpoint")
        if self._sends_client_id and provider.effective_auth_method not in ("none", "client_secret_post"):
            fields["client_id"] = provider.client_id  # these two methods send it anyway
        response = await self._post(provider, endpoint, prepare_token_request(grant_type, "", **fields))
        return _read_token(response)

    async def _post(self, provider: Provider, url: str, body: str) -> ProviderResponse:
        """Send a form with the credentials of this server."""
        headers: dict[str, str] = {}
        try:
            url, headers, body = _make_client_auth(provider, url).prepare("POST", url, headers, body)
        except (ValueError, TypeError) as error:
            # For instance a secret that is no key, though the method of authentication signs with it.
            method, kind = provider.effective_auth_method, type(error).__name__
            raise ProviderError(f"identification by {method} failed: {kind}") from None
        return await self._requests.post(url, body, timeout=provider.timeout, headers=headers)


def _make_client_auth(provider: Provider, url: str) -> Any:
    from authlib.oauth2.auth import ClientAuth
    from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT

    method: Any = provider.effective_auth_method
    if method == ClientSecretJWT.name:
        method = ClientSecretJWT(url)
    elif method == PrivateKeyJWT.name:
        method = PrivateKeyJWT(url)
    return ClientAuth(provider.client_id, provider.client_secret, method)


def _read_token(response: ProviderResponse) -> Token:
    """Return the token of a response.

    Raises:
        ProviderRefusal: the response names an error, or has a status that says that a repetition fails, too.
        ProviderError: it is anything else.
    """
    content = response.content
    if isinstance(content, dict) and content.get("error") and response.status < 500:
        error, description = content["error"], content.get("error_description") or ""
        raise ProviderRefusal(f"token request: {error} {description}")
    if response.status in (400, 401, 403):
        raise ProviderRefusal(f"token request: status {response.status}")
    token = response.require_object("token request")
    if not isinstance(token.get("access_token"), str) or not token["access_token"]:
        raise ProviderError("token response without access_token")
    return token
