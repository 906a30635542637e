"""Build the services of knowledge, and create its indexes in the background."""

from __future__ import annotations

import aiohttp

from fastback.access.grants import Grants
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.files.chunks import FileChunks
from fastback.features.files.deletion import FileDeletion
from fastback.features.files.upload_targets import UploadTargets
from fastback.features.knowledge import routes
from fastback.features.knowledge.descriptions import DescriptionIndex
from fastback.features.knowledge.external_connections import ExternalConnections
from fastback.features.knowledge.file_list_store import INDEX, PENDING_INDEX, KnowledgeFileLists
from fastback.features.knowledge.membership import KnowledgeContents
from fastback.features.knowledge.service import KnowledgeService
from fastback.features.knowledge.sources import ExternalSources
from fastback.features.knowledge.upload_target import KnowledgeUploads
from fastback.features.models.service import WorkspaceModels
from fastback.kit.bus import Bus
from fastback.kit.db import Database, indexes
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.records.access import RecordAccess
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.interfaces import Embedder, VectorStore
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `KnowledgeService`, what the routes of knowledge ask for."""
    db = services.get(Database)
    settings = services.get(Settings)
    owned = services.get(RecordAccess)
    workspace = services.get(WorkspaceModels)
    tasks = services.get(Tasks)
    embedder = services.get(Embedder)
    vectors = services.get(VectorStore)
    contents = KnowledgeContents(
        db=db,
        access=services.get(FileAccess),
        chunks=services.get(FileChunks),
        removal=services.get(FileDeletion),
        vectors=vectors,
        keeps_files=settings.enable_knowledge_file_retention,
    )
    uploads = KnowledgeUploads(db=db, grants=services.get(Grants), chunks=services.get(FileChunks))
    services.get(UploadTargets).register(uploads)
    descriptions = DescriptionIndex(db=db, embedder=embedder, vectors=vectors, tasks=tasks)
    services.add(KnowledgeContents, contents)
    services.add(DescriptionIndex, descriptions)
    knowledge = KnowledgeService(
        owned=owned, workspace=workspace, contents=contents, descriptions=descriptions, bus=services.get(Bus)
    )
    connections = ExternalConnections(services.get(Config), db)
    search = ExternalSearch(embedder, services.get(aiohttp.ClientSession))
    services.add(KnowledgeService, knowledge)
    services.add(ExternalConnections, connections)
    services.add(ExternalSearch, search)
    services.add(ExternalSources, ExternalSources(connections, knowledge, search))
    lists = KnowledgeFileLists(db, settings.rag_file_content_search_max_chars)
    services.add(KnowledgeFileLists, lists)

    async def create_indexes() -> None:
        await indexes.ensure_index(db, INDEX)
        lists.has_index = True
        await indexes.ensure_index(db, PENDING_INDEX)

    tasks.run_through_outages(create_indexes)


COMPONENT = Component(name="knowledge", routers=routes.routers, setup=set_up)
