"""Starts what apps need."""

from __future__ import annotations

from fastback.features.apps import routes
from fastback.features.apps.client import Apps
from fastback.features.apps.key_encryption import AppKeys
from fastback.kit.services import Component, Services
from fastback.settings import Settings, SettingsError


async def set_up(services: Services) -> None:
    """Add `Apps` and `AppKeys`."""
    settings = services.get(Settings)
    try:
        services.add(Apps, Apps(settings))
    except ValueError as error:
        raise SettingsError(f"APP_ALLOWED_PRIVATE_ORIGINS: {error}") from error
    services.add(AppKeys, AppKeys(settings))


COMPONENT = Component(name="apps", routers=[routes.router], setup=set_up)
