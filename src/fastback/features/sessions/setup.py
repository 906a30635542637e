"""Build the issuer of sessions and the limit of addresses."""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.access.tokens import TokenSigner
from fastback.config import Config
from fastback.features.sessions.address_limit import AddressLimit
from fastback.features.sessions.issuing import SessionIssuer
from fastback.kit.bus import Bus
from fastback.kit.redis import Redis
from fastback.kit.services import Component, Services


async def set_up(services: Services) -> None:
    """Add the `SessionIssuer` and the `AddressLimit`."""
    redis = services.get(Redis) if services.has(Redis) else None
    services.add(AddressLimit, AddressLimit(services.get(Config), redis))
    services.add(
        SessionIssuer,
        SessionIssuer(
            config=services.get(Config),
            tokens=services.get(TokenSigner),
            permissions=services.get(Permissions),
            bus=services.get(Bus),
        ),
    )


COMPONENT = Component(name="sessions", setup=set_up)
