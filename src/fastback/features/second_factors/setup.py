"""Build and register the second factors."""

from __future__ import annotations

from fastback.features.second_factors.service import SecondFactors
from fastback.kit.services import Component, Services


async def set_up(services: Services) -> None:
    """Add the `SecondFactors`."""
    services.add(SecondFactors, SecondFactors())


COMPONENT = Component(name="second_factors", setup=set_up)
