"""Removing files from knowledge: one file, a directory, a synchronised folder, a reset; and what remains."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from knowledge_samples import KNOWLEDGE, allow_workspace, create_knowledge, embedding_settings, insert_file, list_chunks


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


async def create_filled_knowledge(server: Server, person: Person, count: int = 3) -> tuple[str, list[str]]:
    """Create a knowledge with `count` files, and return its id and theirs."""
    knowledge_id = await create_knowledge(person)
    files = [
        await insert_file(server, person, f"{n}.txt", f"Text number {n}.", file_hash=f"sum-{n}") for n in range(count)
    ]
    (await person.post(f"{KNOWLEDGE}/{knowledge_id}/files/batch/add", [{"file_id": file} for file in files])).ok()
    return knowledge_id, files


async def check_files_exist(server: Server, files: list[str]) -> list[bool]:
    """Return, for each file id, whether the file is still in the database."""
    db = server.services.get(Database)
    existing = await db.fetch_all(str, "tests.exist", "SELECT id FROM file WHERE id = ANY(:ids)", ids=files)
    return [file in existing for file in files]


async def list_indexed_files(server: Server, knowledge_id: str) -> set[Any]:
    """Return the ids of the files that have chunks in a knowledge."""
    return {hit.metadata["file_id"] for hit in await list_chunks(server, knowledge_id)}


async def test_a_removed_file_is_deleted_if_its_owner_removes_it(server: Server, ada: Person, bob: Person) -> None:
    await allow_workspace(ada, knowledge=True)
    knowledge_id, files = await create_filled_knowledge(server, bob)
    other_id = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other_id}/file/add", {"file_id": files[0]})).ok()
    remove_url = f"{KNOWLEDGE}/{knowledge_id}/file/remove"
    remaining = (await bob.post(remove_url, {"file_id": files[1]}, delete_file=False)).ok()["files"]
    assert {entry["id"] for entry in remaining} == {files[0], files[2]}
    (await bob.post(remove_url, {"file_id": files[1]})).refused(400)
    (await bob.post(remove_url, {"file_id": files[0]})).ok()
    assert await check_files_exist(server, files) == [False, True, True]
    assert (
        await list_indexed_files(server, knowledge_id) == {files[2]}
        and await list_indexed_files(server, other_id) == set()
    )
    assert await list_chunks(server, f"file-{files[0]}") == [] and await list_chunks(server, f"file-{files[1]}") != []
    # A file of another owner is removed from the knowledge but not deleted.
    foreign_id = await insert_file(server, ada, "theirs.txt", "Not Bob's.")
    (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": foreign_id})).ok()
    (await bob.post(remove_url, {"file_id": foreign_id})).ok()
    assert await check_files_exist(server, [foreign_id]) == [True] and await list_indexed_files(
        server, knowledge_id
    ) == {files[2]}


async def test_a_directory_is_deleted_with_or_without_its_files(server: Server, ada: Person) -> None:
    knowledge_id, files = await create_filled_knowledge(server, ada, 4)
    base = f"{KNOWLEDGE}/{knowledge_id}"
    directory_ids: list[str] = []
    for name in ("a", "b", "c"):
        parent = directory_ids[-1] if directory_ids else None
        directory_ids.append((await ada.post(f"{base}/dirs/create", {"name": name, "parent_id": parent})).ok()["id"])
    for file, directory_id in zip(files, directory_ids, strict=False):
        (await ada.post(f"{base}/file/move", {"file_id": file, "directory_id": directory_id})).ok()
    assert (await ada.delete(f"{base}/dirs/{directory_ids[2]}/delete")).ok() == {"status": True, "file_ids": []}
    listed_files = (await ada.get(f"{base}/files", order_by="name", direction="asc")).ok()["items"]
    assert [item["directory_path"] for item in listed_files] == ["a", "a/b", "a/b", ""]
    other_id = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other_id}/file/add", {"file_id": files[1]})).ok()
    deleted_ids = (await ada.delete(f"{base}/dirs/{directory_ids[0]}/delete", move_files=False)).ok()["file_ids"]
    assert sorted(deleted_ids) == sorted(files[:3])
    # One of them is also in another knowledge, and is kept.
    assert await check_files_exist(server, files) == [False, True, False, True]
    assert await list_indexed_files(server, knowledge_id) == {files[3]} and await list_indexed_files(
        server, other_id
    ) == {files[1]}
    remaining = (await ada.get(f"{base}/files")).ok()
    assert remaining["total"] == 1 and remaining["directories"] == []


async def test_a_knowledge_is_synchronised_with_a_folder(server: Server, ada: Person) -> None:
    knowledge_id, files = await create_filled_knowledge(server, ada)
    base = f"{KNOWLEDGE}/{knowledge_id}"
    docs_id = (await ada.post(f"{base}/dirs/create", {"name": "docs"})).ok()["id"]
    old_id = (await ada.post(f"{base}/dirs/create", {"name": "old"})).ok()["id"]
    (await ada.post(f"{base}/file/move", {"file_id": files[1], "directory_id": docs_id})).ok()
    (await ada.post(f"{base}/file/move", {"file_id": files[2], "directory_id": old_id})).ok()
    pending_id = await insert_file(server, ada, "coming.txt", "x", file_hash="c", data={"knowledge_id": knowledge_id})
    db = server.services.get(Database)
    await db.execute("tests.pending", 'UPDATE file SET data = \'{"status": "pending"}\' WHERE id = :id', id=pending_id)
    entries = [("", "0.txt", "sum-0"), ("docs", "1.txt", "other"), ("docs/new", "n.txt", "n"), ("", "coming.txt", "c")]
    manifest = [{"path": path, "filename": name, "checksum": check, "size": 1} for path, name, check in entries]
    assert (await ada.post(f"{base}/sync/diff", {"manifest": manifest})).ok() == {
        "added": [{"filename": "n.txt", "path": "docs/new"}],
        "modified": [{"filename": "1.txt", "path": "docs", "stale_file_id": files[1]}],
        "deleted": [{"file_id": files[2], "filename": "2.txt"}],
        "mkdir": ["docs/new"],
        "rmdir": [old_id],
        "unmodified_count": 2,
        "directory_map": {"docs": docs_id, "old": old_id},
    }
    assert [item["id"] for item in (await ada.get(f"{base}/files/pending")).ok()] == [pending_id]
    reply = await ada.post(f"{base}/sync/cleanup", {"file_ids": [files[1], "nothing"], "dir_ids": [old_id, "nothing"]})
    assert reply.ok() == {"status": True}
    # A file of a removed directory leaves the knowledge but is not deleted.
    assert await check_files_exist(server, files) == [True, False, True]
    assert await list_indexed_files(server, knowledge_id) == {files[0]}
    assert (await ada.get(f"{base}/files")).ok()["total"] == 1


async def test_a_reset_deletes_only_files_of_the_requester(server: Server, ada: Person, bob: Person) -> None:
    await allow_workspace(ada, knowledge=True)
    knowledge_id, files = await create_filled_knowledge(server, bob)
    foreign_id = await insert_file(server, ada, "theirs.txt", "Not Bob's.")
    (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": foreign_id})).ok()
    (await bob.post(f"{KNOWLEDGE}/{knowledge_id}/dirs/create", {"name": "docs"})).ok()
    assert (await bob.post(f"{KNOWLEDGE}/{knowledge_id}/reset", include_directories=False)).ok()["files"] is None
    remaining = (await bob.get(f"{KNOWLEDGE}/{knowledge_id}/files")).ok()
    assert remaining["total"] == 0 and len(remaining["directories"]) == 1
    assert await check_files_exist(server, [*files, foreign_id]) == [False, False, False, True]
    assert await list_chunks(server, knowledge_id) == []
    (await bob.post(f"{KNOWLEDGE}/{knowledge_id}/reset")).ok()
    assert (await bob.get(f"{KNOWLEDGE}/{knowledge_id}/files")).ok()["directories"] == []


class TestRetention:
    @pytest.fixture
    def environment(self, upstream: str) -> dict[str, str]:
        return {**embedding_settings(upstream), "ENABLE_KNOWLEDGE_FILE_RETENTION": "true"}

    async def test_files_are_kept_if_retention_is_enabled(self, server: Server, ada: Person) -> None:
        knowledge_id, files = await create_filled_knowledge(server, ada)
        (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/remove", {"file_id": files[0]})).ok()
        (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/sync/cleanup", {"file_ids": [files[1]]})).ok()
        (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/reset")).ok()
        assert await check_files_exist(server, files) == [True, True, True]
        assert await list_chunks(server, knowledge_id) == []
