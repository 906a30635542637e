"""Build the services of files: storage, access, chunks, processing, uploads."""

from __future__ import annotations

import asyncio
import time

import anyio.to_thread

from fastback.access.activity import ActivityEvent
from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.chats.access import ChatAccess
from fastback.features.files import routes
from fastback.features.files.access import FileAccess
from fastback.features.files.chunks import FileChunks
from fastback.features.files.deletion import FileDeletion
from fastback.features.files.file_indexer import FileIndexer
from fastback.features.files.processing import LEASE_SECONDS, FileProcessing
from fastback.features.files.progress import ProgressBoard
from fastback.features.files.service import FileService
from fastback.features.files.storage_config import create_storage
from fastback.features.files.store import INDEXES
from fastback.features.files.upload_targets import UploadTargets
from fastback.features.files.uploads import UploadService
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.storage import Storage
from fastback.kit.storage.incoming_file import remove_abandoned_files
from fastback.kit.tasks import Tasks
from fastback.media.speech.transcription import Transcription
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Embedder, Extractor, VectorStore
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Storage`, `FileAccess`, `FileChunks`, `FileDeletion`, `FileProcessing`, `UploadService`, `FileService`."""
    # The first use of a thread imports modules: now, rather than during the first file response, which would hold up
    # all others.
    await anyio.to_thread.run_sync(int)
    _add_storage(services)
    _add_access(services)
    _add_chunks(services)
    _add_processing(services)
    _add_uploads(services)


def _add_storage(services: Services) -> None:
    storage = create_storage(services.get(Settings))
    services.add(Storage, storage)
    services.get(Tasks).run_in_background(asyncio.to_thread(remove_abandoned_files, storage.directory, time.time()))


def _add_access(services: Services) -> None:
    access = FileAccess(
        db=services.get(Database),
        permissions=services.get(Permissions),
        grants=services.get(Grants),
        chats=services.get(ChatAccess),
    )
    services.add(FileAccess, access)


def _add_chunks(services: Services) -> None:
    db = services.get(Database)
    chunks = FileChunks(
        db=db,
        config=services.get(Config),
        embedder=services.get(Embedder),
        vectors=services.get(VectorStore),
        indexer=services.get(Indexer),
        bus=services.get(Bus),
    )
    services.add(FileChunks, chunks)
    services.add(FileDeletion, FileDeletion(db, services.get(Storage), chunks))


def _add_processing(services: Services) -> None:
    db = services.get(Database)
    bus = services.get(Bus)
    tasks = services.get(Tasks)
    progress = ProgressBoard(db)
    targets = UploadTargets()
    indexer = FileIndexer(
        db=db,
        config=services.get(Config),
        storage=services.get(Storage),
        chunks=services.get(FileChunks),
        extractor=services.get(Extractor),
        indexer=services.get(Indexer),
        vectors=services.get(VectorStore),
        progress=progress,
        bus=bus,
    )
    processing = FileProcessing(
        db=db,
        config=services.get(Config),
        storage=services.get(Storage),
        indexer=indexer,
        transcription=services.get(Transcription),
        progress=progress,
        targets=targets,
        cluster=services.get(Cluster),
    )
    services.add(ProgressBoard, progress)
    services.add(UploadTargets, targets)
    services.add(FileIndexer, indexer)
    services.add(FileProcessing, processing)
    tasks.run_at_shutdown(processing.close)

    def resume_processing(event: ActivityEvent) -> None:
        # Only then have all features registered their upload targets.
        if event.event == "system.startup.completed":
            tasks.run_through_outages(processing.resume)
            if services.get(Cluster).spans_processes:
                tasks.run_every(LEASE_SECONDS, processing.resume)

    bus.subscribe(ActivityEvent, resume_processing)


def _add_uploads(services: Services) -> None:
    db = services.get(Database)
    config = services.get(Config)
    storage = services.get(Storage)
    access = services.get(FileAccess)
    processing = services.get(FileProcessing)
    bus = services.get(Bus)
    uploads = UploadService(db=db, config=config, storage=storage, access=access, processing=processing, bus=bus)
    files = FileService(
        db=db,
        config=config,
        storage=storage,
        access=access,
        processing=processing,
        indexer=services.get(FileIndexer),
        chunks=services.get(FileChunks),
        vectors=services.get(VectorStore),
        bus=bus,
    )
    services.add(UploadService, uploads)
    services.add(FileService, files)


COMPONENT = Component(name="files", routers=routes.routers, setup=set_up, indexes=INDEXES)
