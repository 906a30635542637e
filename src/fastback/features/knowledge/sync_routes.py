"""`/api/v1/knowledge/{id}/sync`: synchronising a knowledge with a folder on the client's machine."""

from __future__ import annotations

import asyncio

from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import directory_store, service, store, sync
from fastback.features.knowledge.file_list_store import KnowledgeFileLists
from fastback.features.knowledge.schemas import ManifestForm
from fastback.features.knowledge.service import KnowledgeService
from fastback.features.knowledge.sync import Difference
from fastback.kit.http import Router

router = Router("/api/v1/knowledge")


@router.post("/{id}/sync/diff")
async def compare_with_manifest(
    id: str, data: ManifestForm, user: VerifiedUser, knowledge: KnowledgeService, lists: KnowledgeFileLists
) -> Difference:
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_404_403, local_only=True)
    existing_directories = await directory_store.list_directories(knowledge.db, id)
    files = await store.list_synced_files(knowledge.db, id)
    pending = sync.list_recent_uploads(await lists.list_pending(id))
    return await asyncio.to_thread(sync.compare_manifest, data.manifest, existing_directories, files, pending)
