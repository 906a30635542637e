"""`/api/v1/auths/oauth/{provider}/token/exchange`."""

from __future__ import annotations

import logging

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.features.oauth.errors import SignInRefused
from fastback.features.oauth.providers import Providers
from fastback.features.oauth.token_exchange import TokenExchange
from fastback.features.sessions.credential_protection import protect_credentials
from fastback.features.sessions.schemas import NextStep, Session
from fastback.kit.http import Forbidden, HttpError, NotFound, Router, TooManyRequests
from fastback.kit.rate_limiter import RateLimiter
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

router = Router("/api/v1/auths", wrap=protect_credentials)


class TokenExchangeForm(msgspec.Struct):
    """An access token that the provider has issued to another program."""

    token: str


class ExchangeLimiter(RateLimiter):
    """The limit of exchanges of an address."""


@router.post("/oauth/{provider}/token/exchange")
async def exchange_token(
    provider: str,
    data: TokenExchangeForm,
    request: Request,
    settings: Settings,
    providers: Providers,
    exchange: TokenExchange,
    limiter: ExchangeLimiter,
) -> Session | NextStep:
    if not settings.enable_oauth_token_exchange:
        raise Forbidden("Token exchange is disabled")
    address = request.client.host if request.client else "unknown"
    if settings.oauth_token_exchange_rate_limit is not None and await limiter.is_limited(address):
        raise TooManyRequests(messages.RATE_LIMIT_EXCEEDED)
    configured = providers.find(provider.lower())
    if configured is None:
        raise NotFound(messages.provider_not_configured(provider.lower()))
    try:
        return await exchange.exchange(configured, data.token)
    except SignInRefused as error:
        log.warning("token exchange for %s failed: %s", configured.name, error)
        raise HttpError(error.status, error.detail) from None
