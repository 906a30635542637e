"""`/api/v1/knowledge/{id}/sync`: bringing a knowledge into step with a folder elsewhere."""

from __future__ import annotations

import asyncio

from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import directory_store, service, sync
from fastback.features.knowledge.file_list_store import FileLists
from fastback.features.knowledge.schemas import Manifest
from fastback.features.knowledge.service import Library
from fastback.features.knowledge.sync import Difference
from fastback.kit.http import Router

router = Router("/api/v1/knowledge")


@router.post("/{id}/sync/diff")
async def compare(id: str, data: Manifest, user: VerifiedUser, library: Library, lists: FileLists) -> Difference:
    await library.found(id, user, "write", service.STRICT, ours=True)
    known = await directory_store.everything(library.db, id)
    files = await sync.held(library.db, id)
    pending = sync.recent(await lists.pending(id))
    return await asyncio.to_thread(sync.difference, data.manifest, known, files, pending)
