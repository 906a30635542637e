"""Starts what files are kept and read with."""

from __future__ import annotations

import asyncio
import time

import anyio.to_thread

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.features.chats.access import ChatAccess
from fastback.features.files.access import FileAccess
from fastback.features.files.storage_config import storage_of
from fastback.features.files.store import INDEXES
from fastback.kit.db import Database, indexes
from fastback.kit.http.binding import Services
from fastback.kit.storage import Storage
from fastback.kit.storage.spool import remove_left
from fastback.kit.tasks import Tasks
from fastback.settings import Settings


async def start(services: Services) -> None:
    """Add `FileAccess` and `Storage`."""
    # What files are served with is loaded when it is first used, which would hold up that answer and all others.
    await anyio.to_thread.run_sync(int)
    storage = storage_of(services.get(Settings))
    services.add(Storage, storage)
    db: Database = services.get(Database)
    chats: ChatAccess = services.get(ChatAccess)
    services.add(FileAccess, FileAccess(db, services.get(Permissions), services.get(Grants), chats))
    tasks: Tasks = services.get(Tasks)
    tasks.background(asyncio.to_thread(remove_left, storage.directory, time.time()))
    for index in INDEXES:
        tasks.background(indexes.ensure(db, index))
