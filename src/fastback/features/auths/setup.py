"""Build and register the accounts; create the administrator that the environment names."""

from __future__ import annotations

from fastback.access.passwords import PasswordHasher
from fastback.access.tokens import TokenSigner
from fastback.config import Config
from fastback.features.auths import config_routes, routes
from fastback.features.auths.provisioning import Provisioner
from fastback.features.auths.service import AccountService
from fastback.features.auths.sign_in import SignIn
from fastback.features.second_factors.service import SecondFactors
from fastback.features.sessions.issuing import SessionIssuer
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.rate_limiter import RateLimiter
from fastback.kit.redis import Redis
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the `Provisioner`, `SignIn` and `AccountService`, and create the first administrator."""
    db, config, bus = services.get(Database), services.get(Config), services.get(Bus)
    provisioner = Provisioner(db=db, config=config, bus=bus)
    services.add(Provisioner, provisioner)
    second_factors = services.get(SecondFactors)
    signing_in = SignIn(db=db, config=config, sessions=services.get(SessionIssuer), second_factors=second_factors)
    services.add(SignIn, signing_in)
    accounts = AccountService(
        db=db,
        settings=services.get(Settings),
        config=config,
        tokens=services.get(TokenSigner),
        passwords=services.get(PasswordHasher),
        bus=bus,
        limiter=RateLimiter(services.get(Redis) if services.has(Redis) else None),
        provisioner=provisioner,
        signing_in=signing_in,
        second_factors=second_factors,
    )
    services.add(AccountService, accounts)
    await accounts.create_first_administrator()


COMPONENT = Component(name="auths", routers=[routes.router, config_routes.router], setup=set_up)
