"""Knowledge: creation, sharing, description, directories, files, removal from models, export."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any

import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.kit.bus import Bus
from knowledge_samples import KNOWLEDGE, allow_workspace, create_knowledge, embedding_settings, insert_file, list_chunks

PUBLIC_GRANT = {"principal_type": "user", "principal_id": "*", "permission": "read"}


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


def make_grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def wait_until(check: Any) -> Any:
    """Wait until `check` returns something true, and return it."""
    for _ in range(200):
        if result := await check():
            return result
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true")


async def test_creating_knowledge_needs_a_permission(ada: Person, bob: Person) -> None:
    form = {"name": "Birds", "description": "d"}
    for path in (f"{KNOWLEDGE}/create", KNOWLEDGE):
        (await bob.post(path, form)).refused(401)
    await allow_workspace(ada, knowledge=True)
    created = (await bob.post(KNOWLEDGE, {**form, "access_grants": [PUBLIC_GRANT]})).ok()
    # Sharing needs a permission of its own.
    assert created["access_grants"] == [] and created["user_id"] == bob.id and created["files"] is None


async def test_the_description_index_follows_its_knowledge(server: Server, ada: Person) -> None:
    knowledge_id = await create_knowledge(ada, "Birds")

    async def list_texts() -> list[str]:
        return [hit.text for hit in await list_chunks(server, "knowledge-bases")]

    async def has_text(text: str) -> bool:
        return await list_texts() == [text]

    await wait_until(lambda: has_text("Birds\n\nAbout Birds"))
    (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/update", {"name": "Herons", "description": ""})).ok()
    await wait_until(lambda: has_text("Herons"))
    assert (await ada.post(f"{KNOWLEDGE}/metadata/reindex")).ok() == {"total": 1, "success": 1}
    assert await list_texts() == ["Herons"]
    (await ada.delete(f"{KNOWLEDGE}/{knowledge_id}/delete")).ok()

    async def is_empty() -> bool:
        return not await list_texts()

    await wait_until(is_empty)


async def test_adding_a_file_copies_its_vectors(server: Server, ada: Person) -> None:
    knowledge_id, other_id = await create_knowledge(ada, "One"), await create_knowledge(ada, "Other")
    file_id = await insert_file(server, ada, "heron.txt", "Herons fish. " * 200)
    knowledge = (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": file_id})).ok()
    assert [entry["id"] for entry in knowledge["files"]] == [file_id] and knowledge["files"][0]["hash"]
    file_chunks, knowledge_chunks = (
        await list_chunks(server, f"file-{file_id}"),
        await list_chunks(server, knowledge_id),
    )
    assert [hit.text for hit in file_chunks] == [hit.text for hit in knowledge_chunks] and len(file_chunks) > 1
    assert {hit.metadata["file_id"] for hit in knowledge_chunks} == {file_id}
    # Adding the file a second time duplicates nothing and does not move it.
    (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": file_id})).ok()
    assert len(await list_chunks(server, knowledge_id)) == len(knowledge_chunks)
    (await ada.post(f"{KNOWLEDGE}/{other_id}/files/batch/add", [{"file_id": file_id}])).ok()
    assert len(await list_chunks(server, other_id)) == len(knowledge_chunks)
    listed_file = (await ada.get(f"/api/v1/knowledge/{knowledge_id}/files")).ok()["items"][0]
    assert listed_file["meta"]["collection_name"] == knowledge_id and listed_file["has_original"] is False


async def test_the_same_text_is_in_a_knowledge_once(server: Server, ada: Person) -> None:
    knowledge_id = await create_knowledge(ada)
    file_id, twin_id, third_id = [await insert_file(server, ada, f"{n}.txt", "The very same.") for n in range(3)]
    (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": file_id})).ok()
    detail = (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": twin_id})).refused(400)
    assert detail == "400: Duplicate content detected. Please provide unique content to proceed."
    knowledge = (
        await ada.post(f"{KNOWLEDGE}/{knowledge_id}/files/batch/add", [{"file_id": twin_id}, {"file_id": third_id}])
    ).ok()
    assert [entry["id"] for entry in knowledge["files"]] == [file_id]
    # The refused file is still usable elsewhere.
    other_id = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other_id}/file/add", {"file_id": twin_id})).ok()


async def test_files_are_added_only_where_they_are_readable_and_the_knowledge_writable(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    await allow_workspace(ada, knowledge=True)
    knowledge_id = await create_knowledge(bob)
    own_id, secret_id = (
        await insert_file(server, bob, "mine.txt", "Mine."),
        await insert_file(server, ada, "s.txt", "Secret."),
    )
    raw_id = await insert_file(server, bob, "raw.txt", None)
    add_url = f"{KNOWLEDGE}/{knowledge_id}/file/add"
    (await cy.post(add_url, {"file_id": own_id})).refused(400)
    (await bob.post(add_url, {"file_id": secret_id})).refused(403)
    (
        await bob.post(f"{KNOWLEDGE}/{knowledge_id}/files/batch/add", [{"file_id": own_id}, {"file_id": secret_id}])
    ).refused(403)
    (await bob.post(add_url, {"file_id": raw_id})).refused(400)
    (await bob.post(add_url, {"file_id": own_id})).ok()
    # A file that Bob may only read is not changed by adding it to his knowledge.
    shared_id = await create_knowledge(ada, "Theirs", access_grants=[make_grant(bob, "read")])
    (await ada.post(f"{KNOWLEDGE}/{shared_id}/file/add", {"file_id": secret_id})).ok()
    detail = (await bob.post(add_url, {"file_id": secret_id})).refused(400)
    assert detail.startswith("404: ")
    assert [hit.metadata["file_id"] for hit in await list_chunks(server, knowledge_id)] == [own_id]


async def test_a_file_with_vectors_of_another_model_is_embedded_again(server: Server, ada: Person) -> None:
    knowledge_id = await create_knowledge(ada)
    file_id = await insert_file(server, ada, "heron.txt", "Herons fish.")
    (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": file_id})).ok()
    config = (await ada.get("/api/v1/retrieval/embedding")).ok()
    (await ada.post("/api/v1/retrieval/embedding/update", {**config, "RAG_EMBEDDING_MODEL": "other"})).ok()
    other_id = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other_id}/file/add", {"file_id": file_id})).ok()
    (chunk,) = await list_chunks(server, other_id)
    assert "other" in chunk.metadata["embedding_config"]
    assert "other" not in (await list_chunks(server, knowledge_id))[0].metadata["embedding_config"]
    assert (await ada.post(f"{KNOWLEDGE}/reindex")).ok() is True
    assert "other" in (await list_chunks(server, knowledge_id))[0].metadata["embedding_config"]


async def test_directories_are_nested_moved_and_renamed(server: Server, ada: Person) -> None:
    knowledge_id = await create_knowledge(ada)
    base = f"{KNOWLEDGE}/{knowledge_id}"

    async def create_directory(name: str, parent: str | None = None) -> str:
        return str((await ada.post(f"{base}/dirs/create", {"name": name, "parent_id": parent})).ok()["id"])

    docs = await create_directory("docs")
    api = await create_directory("api", docs)
    deep = await create_directory("deep", api)
    (await ada.post(f"{base}/dirs/create", {"name": "api", "parent_id": docs})).refused(400)
    (await ada.post(f"{base}/dirs/{docs}/update", {"parent_id": deep})).refused(400)
    file_ids = [await insert_file(server, ada, f"{n}.txt", f"Text {n}.") for n in range(3)]
    for file_id, directory_id in zip(file_ids, (docs, api, deep), strict=True):
        (await ada.post(f"{base}/file/add", {"file_id": file_id, "directory_id": directory_id})).ok()
    listing = (await ada.get(f"{base}/files", order_by="name", direction="asc")).ok()
    assert [item["directory_path"] for item in listing["items"]] == ["docs", "docs/api", "docs/api/deep"]
    listing = (await ada.get(f"{base}/files", directory_id=deep)).ok()
    assert [directory["name"] for directory in listing["breadcrumbs"]] == ["docs", "api", "deep"]
    (await ada.post(f"{base}/dirs/{deep}/update", {"parent_id": None, "name": "top"})).ok()
    (await ada.post(f"{base}/file/move", {"file_id": file_ids[2]})).ok()
    listing = (await ada.get(f"{base}/files", directory_id="")).ok()
    assert [item["id"] for item in listing["items"]] == [file_ids[2]]
    assert [directory["name"] for directory in listing["directories"]] == ["docs", "top"]
    # Directories cannot be reached through another knowledge.
    other_id = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other_id}/dirs/{docs}/update", {"name": "x"})).refused(404)
    (await ada.delete(f"{KNOWLEDGE}/{other_id}/dirs/{docs}/delete")).refused(404)


async def test_deleted_knowledge_is_removed_from_models(server: Server, ada: Person) -> None:
    birds_id, ants_id = await create_knowledge(ada, "Birds"), await create_knowledge(ada, "Ants")
    items = [
        {"id": birds_id, "type": "collection", "name": "Birds"},
        {"id": ants_id, "type": "collection", "name": "Ants"},
    ]
    model = {"id": "m", "name": "M", "base_model_id": "demo-small", "meta": {"knowledge": items}, "params": {}}
    (await ada.post("/api/v1/models/create", model)).ok()
    file_id = await insert_file(server, ada, "heron.txt", "Herons fish.")
    (await ada.post(f"{KNOWLEDGE}/{birds_id}/file/add", {"file_id": file_id})).ok()
    assert (await ada.delete(f"{KNOWLEDGE}/{birds_id}/delete")).ok() is True
    stored = (await ada.get("/api/v1/models/model", id="m")).ok()
    assert [item["id"] for item in stored["meta"]["knowledge"]] == [ants_id]
    assert await list_chunks(server, birds_id) == []
    assert len((await ada.get("/api/v1/models/model/history", id="m")).ok()) == 2
    # Its files stay.
    (await ada.post(f"{KNOWLEDGE}/{ants_id}/file/add", {"file_id": file_id})).ok()


async def test_an_export_contains_the_texts_of_all_files(server: Server, ada: Person, bob: Person) -> None:
    knowledge_id = await create_knowledge(ada, "Bücher / 1")
    for name, text in (("a.md", "Ä text."), ("a.md.txt", "Another."), ("b.txt", "B.")):
        file_id = await insert_file(server, ada, name, text)
        (await ada.post(f"{KNOWLEDGE}/{knowledge_id}/file/add", {"file_id": file_id})).ok()
    (await bob.get(f"{KNOWLEDGE}/{knowledge_id}/export")).refused(401)
    reply = await ada.get(f"{KNOWLEDGE}/{knowledge_id}/export")
    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''B%C3%BCcher%20_%201.zip"
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    # Files added in the same second come in either order.
    assert sorted(texts) == ["a.md (2).txt", "a.md.txt", "b.txt"]
    assert sorted(texts.values()) == ["Another.", "B.", "Ä text."] and texts["b.txt"] == "B."


async def test_changes_publish_activity_events(server: Server, ada: Person) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    knowledge_id = await create_knowledge(ada)
    file_id = await insert_file(server, ada, "heron.txt", "Herons fish.")
    base = f"{KNOWLEDGE}/{knowledge_id}"
    (await ada.post(f"{base}/file/add", {"file_id": file_id})).ok()
    directory_id = (await ada.post(f"{base}/dirs/create", {"name": "docs"})).ok()["id"]
    (await ada.post(f"{base}/file/move", {"file_id": file_id, "directory_id": directory_id})).ok()
    (await ada.post(f"{base}/access/update", {"access_grants": [PUBLIC_GRANT]})).ok()
    (await ada.delete(f"{base}/delete")).ok()
    assert [event.event for event in events] == [
        "knowledge.created",
        "retrieval.content.processed",
        "knowledge.file.added",
        "knowledge.directory.created",
        "knowledge.file.moved",
        "knowledge.access_updated",
        "knowledge.deleted",
    ]
    assert events[4].subject_id == file_id and events[4].data == {
        "knowledge_id": knowledge_id,
        "directory_id": directory_id,
    }
