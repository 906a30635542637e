"""Starts the accounts: the limiter, and the administrator named by the environment."""

from __future__ import annotations

from fastback.access.passwords import Passwords
from fastback.access.permissions import Permissions
from fastback.access.tokens import Tokens
from fastback.config import Config
from fastback.features.auths.limits import RateLimiter
from fastback.features.auths.service import Accounts
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `Accounts`."""
    settings: Settings = services.get(Settings)
    redis = None
    if settings.uses_redis:
        from redis.asyncio import Redis

        redis = Redis.from_url(settings.redis_url)
    accounts = Accounts(
        services.get(Database),
        settings,
        services.get(Config),
        services.get(Tokens),
        services.get(Passwords),
        services.get(Permissions),
        services.get(Bus),
        RateLimiter(redis, prefix=settings.redis_key_prefix),
    )
    services.add(Accounts, accounts)
    await accounts.first_administrator()
