"""Starts what files are kept and read with."""

from __future__ import annotations

import asyncio
import time

import anyio.to_thread

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.chats.access import ChatAccess
from fastback.features.files import routes
from fastback.features.files.access import FileAccess
from fastback.features.files.chunks import FileChunks
from fastback.features.files.deletion import FileDeletion
from fastback.features.files.processing import Processing
from fastback.features.files.service import FileService
from fastback.features.files.storage_config import create_storage
from fastback.features.files.store import INDEXES
from fastback.features.files.uploads import UploadService
from fastback.kit.bus import Bus
from fastback.kit.db import Database, indexes
from fastback.kit.services import Component, Services
from fastback.kit.storage import Storage
from fastback.kit.storage.incoming_file import remove_left
from fastback.kit.tasks import Tasks
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Embedder, Extractor, VectorStore
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `FileAccess` and `Storage`."""
    # What files are served with is loaded when it is first used, which would hold up that answer and all others.
    await anyio.to_thread.run_sync(int)
    storage = create_storage(services.get(Settings))
    services.add(Storage, storage)
    db = services.get(Database)
    chats = services.get(ChatAccess)
    services.add(
        FileAccess, FileAccess(db=db, permissions=services.get(Permissions), grants=services.get(Grants), chats=chats)
    )
    tasks = services.get(Tasks)
    tasks.background(asyncio.to_thread(remove_left, storage.directory, time.time()))
    for index in INDEXES:
        tasks.background(indexes.ensure(db, index))
    services.add(
        FileChunks,
        FileChunks(
            db=services.get(Database),
            config=services.get(Config),
            embedder=services.get(Embedder),
            vectors=services.get(VectorStore),
            indexer=services.get(Indexer),
            bus=services.get(Bus),
        ),
    )
    db = services.get(Database)
    services.add(FileDeletion, FileDeletion(db, services.get(Storage), services.get(FileChunks)))
    processing = Processing(
        db=services.get(Database),
        config=services.get(Config),
        storage=services.get(Storage),
        chunks=services.get(FileChunks),
        extractor=services.get(Extractor),
        indexer=services.get(Indexer),
        vectors=services.get(VectorStore),
        grants=services.get(Grants),
        bus=services.get(Bus),
    )
    services.add(Processing, processing)
    tasks = services.get(Tasks)
    tasks.at_end(processing.close)
    tasks.background(processing.resume())
    services.add(
        UploadService,
        UploadService(
            db=services.get(Database),
            config=services.get(Config),
            storage=services.get(Storage),
            access=services.get(FileAccess),
            processing=services.get(Processing),
            bus=services.get(Bus),
        ),
    )
    services.add(
        FileService,
        FileService(
            db=services.get(Database),
            config=services.get(Config),
            storage=services.get(Storage),
            access=services.get(FileAccess),
            processing=services.get(Processing),
            chunks=services.get(FileChunks),
            vectors=services.get(VectorStore),
            bus=services.get(Bus),
        ),
    )


COMPONENT = Component(name="files", routers=routes.routers, setup=set_up)
