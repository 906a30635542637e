"""Build the services of memories."""

from __future__ import annotations

from fastback.access.events import UserDeleted
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.memories import routes
from fastback.features.memories.service import MemoryService
from fastback.features.memories.vectors import MemoryVectors
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.retrieval.interfaces import Embedder, VectorStore


async def set_up(services: Services) -> None:
    """Add `MemoryService`; deleting a user deletes the user's vectors."""
    db = services.get(Database)
    config = services.get(Config)
    bus = services.get(Bus)
    embedder = services.get(Embedder)
    store = services.get(VectorStore)
    vectors = MemoryVectors(db=db, config=config, embedder=embedder, vectors=store)
    services.add(
        MemoryService,
        MemoryService(db=db, config=config, permissions=services.get(Permissions), bus=bus, vectors=vectors),
    )

    async def drop_vectors(event: UserDeleted) -> None:
        await vectors.drop_collection(event.user_id)

    bus.subscribe(UserDeleted, drop_vectors)


COMPONENT = Component(name="memories", routers=[routes.router], setup=set_up)
