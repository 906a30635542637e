"""Exchange of an access token, which another program got from a provider, for a session of this server."""

from __future__ import annotations

import logging

from fastback import messages
from fastback.features.auths.provisioning import Provisioner
from fastback.features.auths.sign_in import SignIn
from fastback.features.oauth.accounts import OAuthAccounts
from fastback.features.oauth.authorization import Authorization
from fastback.features.oauth.claims import Claims
from fastback.features.oauth.errors import ProviderError, SignInRefused
from fastback.features.oauth.external_identity import ExternalIdentity, IdentityReader
from fastback.features.oauth.groups import GroupMapping
from fastback.features.oauth.providers import Provider
from fastback.features.oauth.roles import RolePolicy
from fastback.features.oauth.signed_tokens import read_unverified
from fastback.features.sessions.schemas import NextStep, Session
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

_INVALID = "Invalid token or unable to validate with provider"


class TokenExchange:
    """Signs in users that an access token identifies. It creates no accounts."""

    def __init__(
        self,
        *,
        settings: Settings,
        authorization: Authorization,
        identities: IdentityReader,
        accounts: OAuthAccounts,
        roles: RolePolicy,
        groups: GroupMapping,
        provisioner: Provisioner,
        signing_in: SignIn,
    ) -> None:
        self._trusted_clients = {
            name.strip() for name in settings.oauth_token_exchange_trusted_client_ids.split(",") if name.strip()
        }
        self._authorization = authorization
        self._identities = identities
        self._accounts = accounts
        self._roles = roles
        self._groups = groups
        self._provisioner = provisioner
        self._signing_in = signing_in

    async def exchange(self, provider: Provider, access_token: str) -> Session | NextStep:
        """Return the session of the user that a token identifies, or the next step of the sign-in.

        Raises:
            SignInRefused: the token, or its user, is refused. HttpError: the account may not sign in.
        """
        await self._require_trusted_client(provider, access_token)
        identity = await self._identify(provider, access_token)
        account = await self._accounts.find(identity)
        if account is None:
            raise SignInRefused(
                "user not found", detail="User not found. Please sign in via the web interface first.", status=403
            )
        # The provider has accepted the token, so its claims are trusted without a signature.
        sources = [identity.claims, read_unverified(access_token) or {}]
        role = await self._roles.decide_role(account, sources, requires_roles=True)
        await self._provisioner.set_role(account, role, source="oauth", data={"provider": provider.name})
        if self._groups.is_enabled():
            await self._groups.apply(account, sources)
        return await self._signing_in.complete(account, "oauth")

    async def _require_trusted_client(self, provider: Provider, access_token: str) -> None:
        """Require that the token was issued to a trusted client, if the settings name any."""
        if not self._trusted_clients:
            return
        try:
            introspection: Claims = await self._authorization.introspect(provider, access_token)
        except ProviderError as error:
            log.warning("introspection by %s failed: %s", provider.name, error)
            introspection = {}
        client_id = introspection.get("client_id") if introspection.get("active") is True else None
        if not isinstance(client_id, str) or not client_id:
            raise SignInRefused(
                "the client of the token is unknown", detail="Unable to determine which client the token was issued to"
            )
        if client_id not in self._trusted_clients:
            raise SignInRefused("the token was issued to another client", detail=messages.ACCESS_PROHIBITED, status=403)

    async def _identify(self, provider: Provider, access_token: str) -> ExternalIdentity:
        try:
            claims = await self._identities.fetch_user_info(provider, access_token)
        except ProviderError as error:
            raise SignInRefused(str(error), detail=_INVALID) from None
        subject = self._identities.read_subject(provider, claims)
        if not subject:
            raise SignInRefused("no subject in the claims", detail="Token missing required 'sub' claim")
        email = self._identities.read_email(claims)
        if not email:
            raise SignInRefused("no email address in the claims", detail="Token missing required email claim")
        if not self._identities.is_domain_allowed(email):
            raise SignInRefused(
                "the domain of the email address is not allowed", detail=messages.ACCESS_PROHIBITED, status=403
            )
        return ExternalIdentity(provider.name, subject, email, claims)
