"""Build and register sign-in by OAuth. Libraries are imported with the first sign-in."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.features.auths.provisioning import Provisioner
from fastback.features.auths.sign_in import SignIn
from fastback.features.oauth import backchannel_routes, exchange_routes, routes, sign_out_routes
from fastback.features.oauth.accounts import OAuthAccounts
from fastback.features.oauth.authorization import Authorization
from fastback.features.oauth.backchannel_logout import BackchannelLogout
from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.exchange_routes import ExchangeLimiter
from fastback.features.oauth.external_identity import IdentityReader
from fastback.features.oauth.groups import GroupMapping
from fastback.features.oauth.pending_sign_ins import PendingSignIns
from fastback.features.oauth.pictures import PictureFetcher
from fastback.features.oauth.provider_requests import ProviderRequests
from fastback.features.oauth.providers import Providers
from fastback.features.oauth.roles import RolePolicy
from fastback.features.oauth.sign_ins import OAuthSignIns
from fastback.features.oauth.signed_tokens import TokenVerifier
from fastback.features.oauth.token_exchange import TokenExchange
from fastback.features.oauth.user_tokens import SignInTokens
from fastback.features.oauth_sessions.renewal import TokenRenewal
from fastback.features.oauth_sessions.service import OAuthSessions
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.redis import Redis
from fastback.kit.services import Component, Services
from fastback.kit.web_guard import WebGuard
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.settings import Settings


def _add_provider_services(services: Services) -> None:
    """Add what talks to providers."""
    config, settings = services.get(Config), services.get(Settings)
    requests = ProviderRequests(services.get(aiohttp.ClientSession))
    discovery = Discovery(requests)
    services.add(Providers, Providers(config, settings))
    services.add(Discovery, discovery)
    services.add(
        Authorization,
        Authorization(discovery, requests, sends_client_id=settings.oauth_access_token_request_include_client_id),
    )
    services.add(TokenVerifier, TokenVerifier(discovery))
    services.add(
        IdentityReader,
        IdentityReader(discovery=discovery, requests=requests, config=config, settings=settings),
    )


def _add_account_services(services: Services) -> None:
    """Add what maps people at providers to accounts."""
    db, bus = services.get(Database), services.get(Bus)
    config, settings = services.get(Config), services.get(Settings)
    services.add(RolePolicy, RolePolicy(db=db, config=config, settings=settings))
    services.add(GroupMapping, GroupMapping(db=db, config=config, settings=settings, bus=bus))
    services.add(
        OAuthAccounts,
        OAuthAccounts(
            db=db,
            config=config,
            bus=bus,
            provisioner=services.get(Provisioner),
            roles=services.get(RolePolicy),
            pictures=PictureFetcher(services.get(WebGuard), settings),
            discovery=services.get(Discovery),
        ),
    )


def _add_sign_ins(services: Services) -> None:
    settings = services.get(Settings)
    services.add(PendingSignIns, PendingSignIns(settings))
    services.add(
        OAuthSignIns,
        OAuthSignIns(
            db=services.get(Database),
            config=services.get(Config),
            settings=settings,
            discovery=services.get(Discovery),
            authorization=services.get(Authorization),
            verifier=services.get(TokenVerifier),
            identities=services.get(IdentityReader),
            accounts=services.get(OAuthAccounts),
            roles=services.get(RolePolicy),
            groups=services.get(GroupMapping),
            provisioner=services.get(Provisioner),
            sessions=services.get(OAuthSessions),
            signing_in=services.get(SignIn),
        ),
    )


def _add_token_services(services: Services) -> None:
    """Add what uses the tokens of providers after a sign-in."""
    tokens = SignInTokens(
        db=services.get(Database),
        sessions=services.get(OAuthSessions),
        renewal=services.get(TokenRenewal),
        providers=services.get(Providers),
        authorization=services.get(Authorization),
        config=services.get(Config),
    )
    services.add(SignInTokens, tokens)
    services.get(OAuthTokens).set_source(tokens)
    services.add(
        BackchannelLogout,
        BackchannelLogout(
            db=services.get(Database),
            bus=services.get(Bus),
            providers=services.get(Providers),
            discovery=services.get(Discovery),
            verifier=services.get(TokenVerifier),
            sessions=services.get(OAuthSessions),
        ),
    )


def _add_exchange(services: Services) -> None:
    """Add what lets the tokens of providers sign in."""
    settings = services.get(Settings)
    services.add(
        TokenExchange,
        TokenExchange(
            settings=settings,
            authorization=services.get(Authorization),
            identities=services.get(IdentityReader),
            accounts=services.get(OAuthAccounts),
            roles=services.get(RolePolicy),
            groups=services.get(GroupMapping),
            provisioner=services.get(Provisioner),
            signing_in=services.get(SignIn),
        ),
    )
    services.add(
        ExchangeLimiter,
        ExchangeLimiter(
            services.get(Redis) if services.has(Redis) else None,
            limit=settings.oauth_token_exchange_rate_limit or 0,
            window=settings.oauth_token_exchange_rate_limit_window,
        ),
    )


async def set_up(services: Services) -> None:
    """Add `Providers`, `OAuthSignIns`, `SignInTokens`, `BackchannelLogout`, `TokenExchange`, and what they need."""
    _add_provider_services(services)
    _add_account_services(services)
    _add_sign_ins(services)
    _add_token_services(services)
    _add_exchange(services)


COMPONENT = Component(
    name="oauth",
    routers=[backchannel_routes.router, exchange_routes.router, sign_out_routes.router, routes.router],
    setup=set_up,
)
