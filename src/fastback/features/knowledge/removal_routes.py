"""`/api/v1/knowledge/{id}`: taking files out of a knowledge, one, those of a directory, those a folder lacks, all."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.knowledge import directory_store, service, store
from fastback.features.knowledge.membership import Contents
from fastback.features.knowledge.schemas import Cleanup, FileForm
from fastback.features.knowledge.service import Answer, Library
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/v1/knowledge")


@router.post("/{id}/file/remove")
async def remove(
    id: str,
    data: FileForm,
    user: VerifiedUser,
    library: Library,
    contents: Contents,
    delete_file: bool | None = None,
) -> Answer:
    """The file itself goes, too, where it is the user's to delete, unless `delete_file` or the setting says no."""
    row = await library.found(id, user, "write", service.PLAIN, ours=True)
    file = await contents.file(data.file_id)
    if not await store.linked(library.db, id, [file.id]):
        raise BadRequest(messages.NOT_FOUND)
    deleting = not contents.keeps_files if delete_file is None else delete_file
    await store.unlink(library.db, id, [file.id])
    await contents.take_out(id, [file.id])
    if deleting:
        await contents.delete([file.id], user)
    await library.tell("knowledge.file.removed", user, file.id, knowledge_id=id, delete_file=deleting)
    return await library.with_files(row)


@router.post("/{id}/reset")
async def reset(
    id: str, user: VerifiedUser, library: Library, contents: Contents, include_directories: bool = True
) -> Answer:
    """Take everything out, and delete the files that are the user's to delete."""
    await library.found(id, user, "write", service.PLAIN, ours=True)
    ids = await store.file_ids(library.db, id)
    async with library.db.transaction(long=True) as tx:
        await store.unlink_all(tx, id)
        if include_directories:
            await directory_store.clear(tx, id)
        await store.update(tx, id)
    await contents.drop(id)
    if not contents.keeps_files:
        await contents.delete(ids, user)
    await library.tell("knowledge.reset", user, id, include_directories=include_directories)
    return await library.bare(id)


@router.delete("/{id}/dirs/{dir_id}/delete")
async def delete_directory(
    id: str, dir_id: str, user: VerifiedUser, library: Library, contents: Contents, move_files: bool = True
) -> Answer:
    """Delete a directory and all below it; their files move up, or go with it."""
    await library.found(id, user, "write", service.STRICT, ours=True)
    row = await directory_store.get(library.db, id, dir_id)
    if row is None:
        raise NotFound(messages.NOT_FOUND)
    gone: list[str] = []
    async with library.db.transaction(long=True) as tx:
        below = await directory_store.below(tx, id, [dir_id])
        if move_files:
            await directory_store.move_files(tx, below, row.parent_id)
        else:
            gone = await directory_store.files_in(tx, id, below)
            await store.unlink(tx, id, gone)
        await directory_store.delete(tx, below)
    await contents.lost(id, gone, user)
    await library.tell("knowledge.directory.deleted", user, dir_id, knowledge_id=id, move_files=move_files)
    return {"status": True, "file_ids": gone}


@router.post("/{id}/sync/cleanup")
async def clean_up(id: str, data: Cleanup, user: VerifiedUser, library: Library, contents: Contents) -> Answer:
    """Take out what a folder elsewhere has no more: files, and directories with the files in them."""
    await library.found(id, user, "write", service.STRICT, ours=True)
    async with library.db.transaction(long=True) as tx:
        there = await store.linked(tx, id, data.file_ids)
        gone = [file_id for file_id in data.file_ids if file_id in there]
        await store.unlink(tx, id, gone)
        below = await directory_store.below(tx, id, data.dir_ids)
        # The files of a directory leave the knowledge with it; they themselves stay.
        left = await directory_store.files_in(tx, id, below)
        await store.unlink(tx, id, left)
        await directory_store.delete(tx, below)
    await contents.take_out(id, left)
    await contents.lost(id, gone, user)
    return {"status": True}
