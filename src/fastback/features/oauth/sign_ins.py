"""Sign-ins at providers, from the redirect to the provider to the session."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.access import credential_store
from fastback.config import Config
from fastback.config.keys import oauth as keys
from fastback.features.auths.provisioning import Provisioner
from fastback.features.auths.sign_in import SignIn
from fastback.features.oauth.accounts import OAuthAccounts
from fastback.features.oauth.authorization import Authorization, Token
from fastback.features.oauth.claims import Claims
from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.errors import SignInRefused
from fastback.features.oauth.external_identity import IdentityReader
from fastback.features.oauth.groups import GroupMapping
from fastback.features.oauth.pending_sign_ins import PendingSignIn
from fastback.features.oauth.providers import Provider, parse_parameters
from fastback.features.oauth.roles import RolePolicy
from fastback.features.oauth.signed_tokens import TokenVerifier
from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions
from fastback.features.oauth_sessions.token_expiry import set_token_expiry
from fastback.features.sessions.schemas import NextStep, Session
from fastback.kit.db import Database
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")


class CompletedSignIn(msgspec.Struct, frozen=True):
    """The end of a sign-in at a provider: this server's session or the next step, and the session at the provider."""

    result: Session | NextStep
    session: OAuthSession


class OAuthSignIns:
    """Begins and completes sign-ins at providers."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        settings: Settings,
        discovery: Discovery,
        authorization: Authorization,
        verifier: TokenVerifier,
        identities: IdentityReader,
        accounts: OAuthAccounts,
        roles: RolePolicy,
        groups: GroupMapping,
        provisioner: Provisioner,
        sessions: OAuthSessions,
        signing_in: SignIn,
    ) -> None:
        self._db = db
        self._config = config
        self._settings = settings
        self._discovery = discovery
        self._authorization = authorization
        self._verifier = verifier
        self._identities = identities
        self._accounts = accounts
        self._roles = roles
        self._groups = groups
        self._provisioner = provisioner
        self._sessions = sessions
        self._signing_in = signing_in

    async def begin(self, provider: Provider, redirect_uri: str) -> tuple[str, PendingSignIn]:
        """Return the address at the provider that the browser is sent to, and the sign-in that begins there.

        Raises:
            ProviderError: the metadata of the provider cannot be fetched.
        """
        parameters = dict(provider.authorize_params)
        audience = self._config.get_text(keys.OAUTH_AUDIENCE)
        if audience:
            parameters["audience"] = audience
        parameters |= parse_parameters(self._settings.oauth_authorize_params, "OAUTH_AUTHORIZE_PARAMS")
        return await self._authorization.begin(provider, provider.redirect_uri or redirect_uri, parameters)

    async def complete(
        self, provider: Provider, pending: PendingSignIn | None, parameters: Mapping[str, str]
    ) -> CompletedSignIn:
        """Complete the sign-in that a browser comes back with; `parameters` are those of its request.

        `pending` is the sign-in with the state of the request, None where the browser has begun none.

        Raises:
            SignInRefused: the request, or the person, is refused. ProviderError: the provider fails.
            HttpError: the account may not sign in.
        """
        await self._require_valid_return(provider, pending, parameters)
        assert pending is not None
        token = await self._authorization.exchange_code(provider, pending, parameters["code"])
        id_claims = await self._read_id_token(provider, pending, token)
        identity = await self._identities.identify(provider, token["access_token"], id_claims)
        account = await self._accounts.find(identity)
        if account is None:
            account = await self._accounts.create(provider, identity, token["access_token"])
        else:
            role = await self._roles.decide_role(account, [identity.claims])
            await self._provisioner.set_role(account, role, source="oauth", data={"provider": provider.name})
            await self._accounts.update(provider, account, identity, token["access_token"])
        if self._groups.is_enabled():
            await self._groups.apply(account, [identity.claims])
        session = await self._store_session(provider, account.id, token, id_claims)
        result = await self._signing_in.complete(account, "oauth", oauth_session_id=session.id, provider=provider.name)
        log.info("user %s signed in by %s", account.id, provider.name)
        return CompletedSignIn(result, session)

    async def _require_valid_return(
        self, provider: Provider, pending: PendingSignIn | None, parameters: Mapping[str, str]
    ) -> None:
        """Require the answer to a sign-in that this browser has begun, for the first time.

        Raises:
            SignInRefused: it is another one, or the provider reports an error.
        """
        if pending is None or pending.provider != provider.name:
            raise SignInRefused("unknown state: this browser has begun no such sign-in, or too long ago")
        if not await credential_store.use_once(self._db, f"oauth-state:{pending.state}", pending.expires_at):
            raise SignInRefused("the state was used before")
        if parameters.get("error"):
            raise SignInRefused(f"{parameters['error']}: {parameters.get('error_description', '')}")
        if not parameters.get("code"):
            raise SignInRefused("no code in the request")
        # RFC 9207: a provider may say who it is, so that a code cannot be passed to another one.
        issuer = parameters.get("iss")
        expected = (await self._discovery.get_metadata(provider)).issuer
        if issuer and expected and "{" not in expected and issuer != expected:
            raise SignInRefused("the request comes from another issuer")

    async def _read_id_token(self, provider: Provider, pending: PendingSignIn, token: Token) -> Claims:
        """Return the claims of the ID token of a response; empty where none was requested, or none came."""
        id_token = token.get("id_token")
        if not pending.nonce or not id_token:
            return {}
        if not isinstance(id_token, str):
            raise SignInRefused("ID token: not a text")
        return await self._verifier.verify_id_token(
            provider, id_token, nonce=pending.nonce, access_token=token["access_token"]
        )

    async def _store_session(self, provider: Provider, user_id: str, token: Token, id_claims: Claims) -> OAuthSession:
        stored: dict[str, Any] = dict(token)
        set_token_expiry(stored)
        if id_claims:
            stored["userinfo"] = id_claims
        return await self._sessions.create(
            user_id, provider.name, stored, limit=self._settings.oauth_max_sessions_per_user
        )


def find_pending(entries: list[PendingSignIn], state: str | None) -> PendingSignIn | None:
    """Return the sign-in with this state that has not expired, or None."""
    now = time.time()
    return next((entry for entry in entries if entry.state == state and entry.expires_at > now), None)
