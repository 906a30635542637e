"""The authorization of a user at a tool server: the way to the authorization server, and back."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastback.access import credential_store
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.oauth_clients.authorization_states import (
    AuthorizationStates,
    PendingAuthorization,
    hash_secret,
)
from fastback.features.oauth_clients.authorization_url import build_authorization_url, create_verifier
from fastback.features.oauth_clients.clients import OAuthClient, OAuthClients
from fastback.features.oauth_clients.metadata import is_http_url, is_same_url
from fastback.features.oauth_clients.token_requests import TokenRefused, TokenRequestFailed, TokenRequests
from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.features.oauth_sessions.token_expiry import set_token_expiry
from fastback.kit.db import Database
from fastback.providers.server_access import may_use_connection
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

_INVALID_STATE = "OAuth callback state is invalid or expired"
_ROLES = ("admin", "user")


class AuthorizationFailed(Exception):
    """An authorization has failed; the text is for the user."""


class Authorization:
    """Begins and finishes authorizations of users."""

    def __init__(
        self,
        *,
        db: Database,
        settings: Settings,
        permissions: Permissions,
        clients: OAuthClients,
        states: AuthorizationStates,
        requests: TokenRequests,
        tokens: ToolServerTokens,
    ) -> None:
        self._db = db
        self._settings = settings
        self._permissions = permissions
        self._clients = clients
        self._states = states
        self._requests = requests
        self._tokens = tokens

    async def find_client(self, client_id: str, user: User) -> OAuthClient | None:
        """Return the client of a tool server that a user may use, or None."""
        client = await self._clients.find(client_id)
        return client if client is not None and await self._may_use(client, user) else None

    async def _may_use(self, client: OAuthClient, user: User) -> bool:
        group_ids = await self._permissions.list_group_ids(user.id)
        return may_use_connection(client.connection, user, group_ids, self._settings)

    async def begin(self, client: OAuthClient, user: User, browser: str) -> str:
        """Store an authorization, and return the URL of the authorization server. `browser` is the browser's secret.

        Raises:
            NoAuthorizationEndpoint.
        """
        info = client.info
        redirect_uri, verifier = info.redirect_uris[0] if info.redirect_uris else "", create_verifier(info)
        build_authorization_url(info, redirect_uri=redirect_uri, state="", verifier=verifier)  # or it fails here
        pending = PendingAuthorization(
            user_id=user.id,
            client_id=client.id,
            registered_id=info.client_id,
            redirect_uri=redirect_uri,
            verifier=verifier,
            browser=hash_secret(browser),
        )
        state = await self._states.store(pending)
        return build_authorization_url(info, redirect_uri=redirect_uri, state=state, verifier=verifier)

    async def finish(
        self, client: OAuthClient, query: Mapping[str, str], *, browser: str, requester: User | None
    ) -> None:
        """Store the token of the user who has begun an authorization, which comes back with these parameters.

        `browser` is the browser's secret, `requester` the user who is signed in there.

        Raises:
            AuthorizationFailed.
        """
        pending = await self._states.take(query.get("state", ""), client_id=client.id, browser=browser)
        if pending is None or pending.registered_id != client.info.client_id:
            raise AuthorizationFailed(_INVALID_STATE)
        await self._require_user(pending.user_id, client, requester)
        code = _read_code(query, client)
        try:
            token = await self._requests.exchange_code(
                client, code, redirect_uri=pending.redirect_uri, verifier=pending.verifier
            )
        except (TokenRefused, TokenRequestFailed) as error:
            raise AuthorizationFailed(str(error)) from None
        set_token_expiry(token)
        await self._tokens.replace(pending.user_id, client.id, token)
        log.info("user %s signed in to tool server %s", pending.user_id, client.id)

    async def _require_user(self, user_id: str, client: OAuthClient, requester: User | None) -> None:
        """Require that a user may still use a server, and is the one who is signed in, if any.

        Raises:
            AuthorizationFailed.
        """
        account = await credential_store.find_account(self._db, user_id)
        if account is None or account.id is None or not account.active or account.role not in _ROLES:
            raise AuthorizationFailed("OAuth callback user is not authorized")
        if not await self._may_use(client, User(account.id, account.email, account.name, account.role)):
            raise AuthorizationFailed("OAuth callback user is not authorized")
        if requester is not None and requester.id != user_id:
            raise AuthorizationFailed("OAuth callback user does not match authenticated session")


def _read_code(query: Mapping[str, str], client: OAuthClient) -> str:
    """Return the code of an authorization response, which must be that of the right server (RFC 9207).

    Raises:
        AuthorizationFailed.
    """
    metadata, issuer = client.info.server_metadata, query.get("iss")
    if metadata is not None:
        is_required = bool(metadata.authorization_response_iss_parameter_supported)
        if is_required if issuer is None else not is_http_url(issuer) or not is_same_url(issuer, metadata.issuer):
            raise AuthorizationFailed("the response is that of another authorization server")
    if query.get("error"):
        parts = (query["error"], query.get("error_description", ""))
        raise AuthorizationFailed(": ".join(part for part in parts if part))
    if not query.get("code"):
        raise AuthorizationFailed("Missing expected key 'code' in OAuth response")
    return query["code"]
