"""Starts what files are kept and read with."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.features.chats.access import ChatAccess
from fastback.features.files.access import FileAccess
from fastback.features.files.store import INDEXES
from fastback.kit.db import Database, indexes
from fastback.kit.http.binding import Services
from fastback.kit.tasks import Tasks


async def start(services: Services) -> None:
    """Add `FileAccess`."""
    db: Database = services.get(Database)
    chats: ChatAccess = services.get(ChatAccess)
    services.add(FileAccess, FileAccess(db, services.get(Permissions), services.get(Grants), chats))
    tasks: Tasks = services.get(Tasks)
    for index in INDEXES:
        tasks.background(indexes.ensure(db, index))
