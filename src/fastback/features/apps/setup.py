"""Set up apps."""

from __future__ import annotations

from functools import partial

from fastback.access.grants import Grants
from fastback.config import Config
from fastback.features.apps import routes
from fastback.features.apps.access import AppAccess
from fastback.features.apps.client import AppClient
from fastback.features.apps.connections.connection import AppConnection
from fastback.features.apps.connections.operations import AppOperations
from fastback.features.apps.connections.service import AppConnections
from fastback.features.apps.context_tokens import ContextTokens
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.settings import Settings, SettingsError


async def set_up(services: Services) -> None:
    """Add what finds, checks and connects apps."""
    settings, db = services.get(Settings), services.get(Database)
    try:
        client = AppClient(settings)
    except ValueError as error:
        raise SettingsError(f"APP_ALLOWED_PRIVATE_ORIGINS: {error}") from error
    cipher, operations = AppKeyCipher(settings), AppOperations()
    access = AppAccess(db=db, config=services.get(Config), grants=services.get(Grants))
    connections = AppConnections(
        db=db,
        access=access,
        cluster=services.get(Cluster),
        tasks=services.get(Tasks),
        bus=services.get(Bus),
        factory=partial(AppConnection, db=db, access=access, client=client, cipher=cipher, operations=operations),
    )
    services.add(AppClient, client)
    services.add(AppKeyCipher, cipher)
    services.add(AppOperations, operations)
    services.add(AppAccess, access)
    services.add(AppConnections, connections)
    services.add(ContextTokens, ContextTokens(settings))


COMPONENT = Component(name="apps", routers=[routes.router], setup=set_up)
