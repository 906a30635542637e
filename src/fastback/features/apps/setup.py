"""Set up apps."""

from __future__ import annotations

from fastback.features.apps import routes
from fastback.features.apps.client import AppClient
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.kit.services import Component, Services
from fastback.settings import Settings, SettingsError


async def set_up(services: Services) -> None:
    """Register `AppClient` and `AppKeyCipher`."""
    settings = services.get(Settings)
    try:
        services.add(AppClient, AppClient(settings))
    except ValueError as error:
        raise SettingsError(f"APP_ALLOWED_PRIVATE_ORIGINS: {error}") from error
    services.add(AppKeyCipher, AppKeyCipher(settings))


COMPONENT = Component(name="apps", routers=[routes.router], setup=set_up)
