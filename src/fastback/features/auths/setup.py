"""Build and register the accounts; create the administrator that the environment names."""

from __future__ import annotations

from fastback.access.passwords import PasswordHasher
from fastback.access.permissions import Permissions
from fastback.access.tokens import TokenSigner
from fastback.config import Config
from fastback.features.auths import config_routes, routes
from fastback.features.auths.rate_limits import RateLimiter
from fastback.features.auths.service import AccountService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.redis import Redis
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the `AccountService`, and create the first administrator."""
    settings = services.get(Settings)
    accounts = AccountService(
        db=services.get(Database),
        settings=settings,
        config=services.get(Config),
        tokens=services.get(TokenSigner),
        passwords=services.get(PasswordHasher),
        permissions=services.get(Permissions),
        bus=services.get(Bus),
        limiter=RateLimiter(services.get(Redis) if services.has(Redis) else None),
    )
    services.add(AccountService, accounts)
    await accounts.create_first_administrator()


COMPONENT = Component(name="auths", routers=[routes.router, config_routes.router], setup=set_up)
