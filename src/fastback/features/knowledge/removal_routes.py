"""`/api/v1/knowledge/{id}`: removing files from a knowledge: one, those of a directory, or all."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import directory_store, service, store
from fastback.features.knowledge.membership import KnowledgeContents
from fastback.features.knowledge.schemas import CleanupForm, FileForm
from fastback.features.knowledge.service import JsonObject, KnowledgeService
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/v1/knowledge")


@router.post("/{id}/file/remove")
async def remove_file(
    id: str,
    data: FileForm,
    user: VerifiedUser,
    knowledge: KnowledgeService,
    contents: KnowledgeContents,
    delete_file: bool | None = None,
) -> JsonObject:
    """Remove a file, and delete it if the user may, unless `delete_file` or the setting says no."""
    row = await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400, local_only=True)
    file = await contents.get_file(data.file_id)
    if not await store.filter_linked_ids(knowledge.db, id, [file.id]):
        raise BadRequest(messages.NOT_FOUND)
    deletes_file = not contents.keeps_files if delete_file is None else delete_file
    await store.unlink_files(knowledge.db, id, [file.id])
    await contents.remove_chunks(id, [file.id])
    if deletes_file:
        await contents.delete_files([file.id], user)
    await knowledge.publish_event("knowledge.file.removed", user, file.id, knowledge_id=id, delete_file=deletes_file)
    return await knowledge.build_response_with_files(row)


@router.post("/{id}/reset")
async def reset_knowledge(
    id: str,
    user: VerifiedUser,
    knowledge: KnowledgeService,
    contents: KnowledgeContents,
    include_directories: bool = True,
) -> JsonObject:
    """Remove all files, and delete those that the user may delete."""
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_400_400, local_only=True)
    ids = await store.list_file_ids(knowledge.db, id)
    async with knowledge.db.transaction(long=True) as tx:
        await store.unlink_all_files(tx, id)
        if include_directories:
            await directory_store.delete_all_directories(tx, id)
        await store.update_knowledge(tx, id)
    await contents.drop_chunks(id)
    if not contents.keeps_files:
        await contents.delete_files(ids, user)
    await knowledge.publish_event("knowledge.reset", user, id, include_directories=include_directories)
    return await knowledge.build_response(id)


@router.delete("/{id}/dirs/{dir_id}/delete")
async def delete_directory(
    id: str,
    dir_id: str,
    user: VerifiedUser,
    knowledge: KnowledgeService,
    contents: KnowledgeContents,
    move_files: bool = True,
) -> JsonObject:
    """Delete a directory and all below it; its files move to its parent, or are removed."""
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_404_403, local_only=True)
    row = await directory_store.find_directory(knowledge.db, id, dir_id)
    if row is None:
        raise NotFound(messages.NOT_FOUND)
    removed_ids: list[str] = []
    async with knowledge.db.transaction(long=True) as tx:
        directory_ids = await directory_store.list_descendant_ids(tx, id, [dir_id])
        if move_files:
            await directory_store.move_files(tx, directory_ids, row.parent_id)
        else:
            removed_ids = await directory_store.list_file_ids(tx, id, directory_ids)
            await store.unlink_files(tx, id, removed_ids)
        await directory_store.delete_directories(tx, directory_ids)
    await contents.discard_files(id, removed_ids, user)
    await knowledge.publish_event("knowledge.directory.deleted", user, dir_id, knowledge_id=id, move_files=move_files)
    return {"status": True, "file_ids": removed_ids}


@router.post("/{id}/sync/cleanup")
async def clean_up_after_sync(
    id: str, data: CleanupForm, user: VerifiedUser, knowledge: KnowledgeService, contents: KnowledgeContents
) -> JsonObject:
    """Remove what the synced folder does not have: files, and directories with the files in them."""
    await knowledge.get_knowledge(id, user, "write", service.ERRORS_404_403, local_only=True)
    async with knowledge.db.transaction(long=True) as tx:
        linked_ids = await store.filter_linked_ids(tx, id, data.file_ids)
        removed_ids = [file_id for file_id in data.file_ids if file_id in linked_ids]
        await store.unlink_files(tx, id, removed_ids)
        directory_ids = await directory_store.list_descendant_ids(tx, id, data.dir_ids)
        # Files in a deleted directory are removed from the knowledge, but not deleted.
        contained_ids = await directory_store.list_file_ids(tx, id, directory_ids)
        await store.unlink_files(tx, id, contained_ids)
        await directory_store.delete_directories(tx, directory_ids)
    await contents.remove_chunks(id, contained_ids)
    await contents.discard_files(id, removed_ids, user)
    return {"status": True}
