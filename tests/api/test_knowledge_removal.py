"""Taking files out of knowledge: one, with a directory, to be in step with a folder, all; and what stays then."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from knowledge_samples import KNOWLEDGE, allow_workspace, create_knowledge, embedding_settings, insert_file, list_chunks


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


async def filled(server: Server, person: Person, count: int = 3) -> tuple[str, list[str]]:
    """A knowledge with so many files."""
    one = await create_knowledge(person)
    files = [
        await insert_file(server, person, f"{n}.txt", f"Text number {n}.", file_hash=f"sum-{n}") for n in range(count)
    ]
    (await person.post(f"{KNOWLEDGE}/{one}/files/batch/add", [{"file_id": file} for file in files])).ok()
    return one, files


async def exist(server: Server, files: list[str]) -> list[bool]:
    db = server.services.get(Database)
    found = await db.fetch_all(str, "tests.exist", "SELECT id FROM file WHERE id = ANY(:ids)", ids=files)
    return [file in found for file in files]


async def lying(server: Server, knowledge_id: str) -> set[Any]:
    """The files that have chunks in a knowledge."""
    return {hit.metadata["file_id"] for hit in await list_chunks(server, knowledge_id)}


async def test_a_file_taken_out_is_deleted_where_it_is_ones_own(server: Server, ada: Person, bob: Person) -> None:
    await allow_workspace(ada, knowledge=True)
    one, files = await filled(server, bob)
    other = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other}/file/add", {"file_id": files[0]})).ok()
    remove = f"{KNOWLEDGE}/{one}/file/remove"
    left = (await bob.post(remove, {"file_id": files[1]}, delete_file=False)).ok()["files"]
    assert {entry["id"] for entry in left} == {files[0], files[2]}
    (await bob.post(remove, {"file_id": files[1]})).refused(400)
    (await bob.post(remove, {"file_id": files[0]})).ok()
    assert await exist(server, files) == [False, True, True]
    assert await lying(server, one) == {files[2]} and await lying(server, other) == set()
    assert await list_chunks(server, f"file-{files[0]}") == [] and await list_chunks(server, f"file-{files[1]}") != []
    # Somebody else's file stays theirs.
    theirs = await insert_file(server, ada, "theirs.txt", "Not Bob's.")
    (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": theirs})).ok()
    (await bob.post(remove, {"file_id": theirs})).ok()
    assert await exist(server, [theirs]) == [True] and await lying(server, one) == {files[2]}


async def test_a_directory_goes_with_its_files_or_without(server: Server, ada: Person) -> None:
    one, files = await filled(server, ada, 4)
    base = f"{KNOWLEDGE}/{one}"
    places: list[str] = []
    for name in ("a", "b", "c"):
        parent = places[-1] if places else None
        places.append((await ada.post(f"{base}/dirs/create", {"name": name, "parent_id": parent})).ok()["id"])
    for file, place in zip(files, places, strict=False):
        (await ada.post(f"{base}/file/move", {"file_id": file, "directory_id": place})).ok()
    assert (await ada.delete(f"{base}/dirs/{places[2]}/delete")).ok() == {"status": True, "file_ids": []}
    shown = (await ada.get(f"{base}/files", order_by="name", direction="asc")).ok()["items"]
    assert [item["directory_path"] for item in shown] == ["a", "a/b", "a/b", ""]
    other = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other}/file/add", {"file_id": files[1]})).ok()
    gone = (await ada.delete(f"{base}/dirs/{places[0]}/delete", move_files=False)).ok()["file_ids"]
    assert sorted(gone) == sorted(files[:3])
    # One of them lies elsewhere, too.
    assert await exist(server, files) == [False, True, False, True]
    assert await lying(server, one) == {files[3]} and await lying(server, other) == {files[1]}
    left = (await ada.get(f"{base}/files")).ok()
    assert left["total"] == 1 and left["directories"] == []


async def test_in_step_with_a_folder(server: Server, ada: Person) -> None:
    one, files = await filled(server, ada)
    base = f"{KNOWLEDGE}/{one}"
    docs = (await ada.post(f"{base}/dirs/create", {"name": "docs"})).ok()["id"]
    old = (await ada.post(f"{base}/dirs/create", {"name": "old"})).ok()["id"]
    (await ada.post(f"{base}/file/move", {"file_id": files[1], "directory_id": docs})).ok()
    (await ada.post(f"{base}/file/move", {"file_id": files[2], "directory_id": old})).ok()
    coming = await insert_file(server, ada, "coming.txt", "x", file_hash="c", data={"knowledge_id": one})
    db = server.services.get(Database)
    await db.execute("tests.pending", 'UPDATE file SET data = \'{"status": "pending"}\' WHERE id = :id', id=coming)
    entries = [("", "0.txt", "sum-0"), ("docs", "1.txt", "other"), ("docs/new", "n.txt", "n"), ("", "coming.txt", "c")]
    manifest = [{"path": path, "filename": name, "checksum": check, "size": 1} for path, name, check in entries]
    assert (await ada.post(f"{base}/sync/diff", {"manifest": manifest})).ok() == {
        "added": [{"filename": "n.txt", "path": "docs/new"}],
        "modified": [{"filename": "1.txt", "path": "docs", "stale_file_id": files[1]}],
        "deleted": [{"file_id": files[2], "filename": "2.txt"}],
        "mkdir": ["docs/new"],
        "rmdir": [old],
        "unmodified_count": 2,
        "directory_map": {"docs": docs, "old": old},
    }
    assert [item["id"] for item in (await ada.get(f"{base}/files/pending")).ok()] == [coming]
    done = await ada.post(f"{base}/sync/cleanup", {"file_ids": [files[1], "nothing"], "dir_ids": [old, "nothing"]})
    assert done.ok() == {"status": True}
    # What lay in a directory leaves the knowledge with it, and stays a file.
    assert await exist(server, files) == [True, False, True]
    assert await lying(server, one) == {files[0]}
    assert (await ada.get(f"{base}/files")).ok()["total"] == 1


async def test_a_reset_deletes_ones_own_files(server: Server, ada: Person, bob: Person) -> None:
    await allow_workspace(ada, knowledge=True)
    one, files = await filled(server, bob)
    theirs = await insert_file(server, ada, "theirs.txt", "Not Bob's.")
    (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": theirs})).ok()
    (await bob.post(f"{KNOWLEDGE}/{one}/dirs/create", {"name": "docs"})).ok()
    assert (await bob.post(f"{KNOWLEDGE}/{one}/reset", include_directories=False)).ok()["files"] is None
    left = (await bob.get(f"{KNOWLEDGE}/{one}/files")).ok()
    assert left["total"] == 0 and len(left["directories"]) == 1
    assert await exist(server, [*files, theirs]) == [False, False, False, True]
    assert await list_chunks(server, one) == []
    (await bob.post(f"{KNOWLEDGE}/{one}/reset")).ok()
    assert (await bob.get(f"{KNOWLEDGE}/{one}/files")).ok()["directories"] == []


class TestRetention:
    @pytest.fixture
    def environment(self, upstream: str) -> dict[str, str]:
        return {**embedding_settings(upstream), "ENABLE_KNOWLEDGE_FILE_RETENTION": "true"}

    async def test_files_stay_where_the_setting_says_so(self, server: Server, ada: Person) -> None:
        one, files = await filled(server, ada)
        (await ada.post(f"{KNOWLEDGE}/{one}/file/remove", {"file_id": files[0]})).ok()
        (await ada.post(f"{KNOWLEDGE}/{one}/sync/cleanup", {"file_ids": [files[1]]})).ok()
        (await ada.post(f"{KNOWLEDGE}/{one}/reset")).ok()
        assert await exist(server, files) == [True, True, True]
        assert await list_chunks(server, one) == []
