"""Who a person is at a provider: the claims of the ID token, of the userinfo endpoint, and GitHub's addresses."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.access.email_addresses import MAX_EMAIL_LENGTH
from fastback.config import Config
from fastback.config.keys import oauth as keys
from fastback.features.oauth.claims import Claims, read_identifier, read_text
from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.errors import ProviderError, SignInRefused
from fastback.features.oauth.provider_requests import ProviderRequests
from fastback.features.oauth.providers import GITHUB_EMAILS_URL, Provider
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

#: Characters of a subject.
_MAX_SUBJECT = 255


class ExternalIdentity(msgspec.Struct, frozen=True):
    """A person as a provider knows them; the address is in lower case."""

    provider: str
    subject: str
    email: str
    claims: Claims


class IdentityReader:
    """Reads who a person is, by the claims that the configuration names."""

    def __init__(self, *, discovery: Discovery, requests: ProviderRequests, config: Config, settings: Settings) -> None:
        self._discovery = discovery
        self._requests = requests
        self._config = config
        self._settings = settings

    async def load_claims(self, provider: Provider, access_token: str, id_claims: Claims) -> Claims:
        """Return the claims about a person: those of the ID token, and of the userinfo endpoint where some are missing.

        Raises:
            ProviderError: the endpoint sends none.
        """
        needed = (self._config.get_text(keys.OAUTH_EMAIL_CLAIM), self._config.get_text(keys.OAUTH_USERNAME_CLAIM))
        if id_claims and all(name in id_claims for name in needed):
            return id_claims
        endpoint = (await self._discovery.get_metadata(provider)).userinfo_endpoint
        if not endpoint and id_claims:
            return id_claims
        claims = await self.fetch_user_info(provider, access_token)
        if id_claims.get("sub") and claims.get("sub", id_claims["sub"]) != id_claims["sub"]:
            # OpenID Connect Core 5.3.2: such a response must not be used.
            log.warning("%s: userinfo response about another subject, skipped", provider.name)
            return id_claims
        return {**id_claims, **claims}

    async def fetch_user_info(self, provider: Provider, access_token: str) -> Claims:
        """Return the claims of the userinfo endpoint.

        Raises:
            ProviderError: it sends none.
        """
        endpoint = (await self._discovery.get_metadata(provider)).require_endpoint("userinfo_endpoint")
        response = await self._requests.get(endpoint, timeout=provider.timeout, token=access_token)
        claims = response.require_object("userinfo")
        if provider.name == "feishu" and isinstance(claims.get("data"), dict):
            claims = claims["data"]
        if not claims:
            raise ProviderError("userinfo: empty")
        return claims

    def read_subject(self, provider: Provider, claims: Claims) -> str:
        """Return the subject in claims; empty where they have none."""
        name = self._config.get_text(keys.OAUTH_SUB_CLAIM) or provider.sub_claim
        subject = read_identifier(claims, name)
        return subject if len(subject) <= _MAX_SUBJECT else ""

    def read_email(self, claims: Claims) -> str:
        """Return the address in claims, in lower case; empty where they have none."""
        email = read_text(claims, self._config.get_text(keys.OAUTH_EMAIL_CLAIM)).lower()
        return email if len(email) <= MAX_EMAIL_LENGTH else ""

    def is_domain_allowed(self, email: str) -> bool:
        """Return whether users with addresses of this domain may sign in."""
        domains = self._config.get(keys.OAUTH_ALLOWED_DOMAINS)
        if isinstance(domains, str):
            domains = domains.split(",")
        allowed = {str(domain).strip().lower() for domain in domains} if isinstance(domains, list) else set()
        return "*" in allowed or email.rpartition("@")[2] in allowed

    async def identify(self, provider: Provider, access_token: str, id_claims: Claims) -> ExternalIdentity:
        """Return who a person is.

        Raises:
            SignInRefused: the provider names no subject or address, or the domain of the address is not allowed.
            ProviderError: the provider sends no claims.
        """
        claims = await self.load_claims(provider, access_token, id_claims)
        subject = self.read_subject(provider, claims)
        if not subject:
            raise SignInRefused("no subject in the claims")
        email = self.read_email(claims)
        if not email and provider.name == "github":
            email = await self._fetch_github_email(provider, access_token)
        if not email and self._settings.enable_oauth_email_fallback:
            email = f"{provider.name}@{subject}.local".lower()
        if not email:
            raise SignInRefused("no email address in the claims")
        if not self.is_domain_allowed(email):
            raise SignInRefused("the domain of the email address is not allowed")
        return ExternalIdentity(provider.name, subject, email, claims)

    async def _fetch_github_email(self, provider: Provider, access_token: str) -> str:
        """Return the primary address of a user of GitHub; empty where it is not verified."""
        response = await self._requests.get(GITHUB_EMAILS_URL, timeout=provider.timeout, token=access_token)
        entries: list[Any] = response.content if isinstance(response.content, list) else []
        for entry in entries:
            if isinstance(entry, dict) and entry.get("primary") and entry.get("verified") is not False:
                return self.read_email({self._config.get_text(keys.OAUTH_EMAIL_CLAIM): entry.get("email")})
        return ""
