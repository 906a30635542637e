"""Knowledge: made, shared, described, arranged in directories, filled with files, taken out of models, exported."""

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

EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


def grant(person: Person, permission: str) -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def until(check: Any) -> Any:
    """What `check` answers once it is true."""
    for _ in range(200):
        if found := await check():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true")


async def test_making_knowledge_needs_a_permission(ada: Person, bob: Person) -> None:
    form = {"name": "Birds", "description": "d"}
    for path in (f"{KNOWLEDGE}/create", KNOWLEDGE):
        (await bob.post(path, form)).refused(401)
    await allow_workspace(ada, knowledge=True)
    made = (await bob.post(KNOWLEDGE, {**form, "access_grants": [EVERYBODY]})).ok()
    # Sharing needs a permission of its own.
    assert made["access_grants"] == [] and made["user_id"] == bob.id and made["files"] is None


async def test_a_description_follows_its_knowledge(server: Server, ada: Person) -> None:
    one = await create_knowledge(ada, "Birds")

    async def texts() -> list[str]:
        return [hit.text for hit in await list_chunks(server, "knowledge-bases")]

    async def says(text: str) -> bool:
        return await texts() == [text]

    await until(lambda: says("Birds\n\nAbout Birds"))
    (await ada.post(f"{KNOWLEDGE}/{one}/update", {"name": "Herons", "description": ""})).ok()
    await until(lambda: says("Herons"))
    assert (await ada.post(f"{KNOWLEDGE}/metadata/reindex")).ok() == {"total": 1, "success": 1}
    assert await texts() == ["Herons"]
    (await ada.delete(f"{KNOWLEDGE}/{one}/delete")).ok()

    async def gone() -> bool:
        return not await texts()

    await until(gone)


async def test_adding_a_file_brings_its_vectors_along(server: Server, ada: Person) -> None:
    one, other = await create_knowledge(ada, "One"), await create_knowledge(ada, "Other")
    file = await insert_file(server, ada, "heron.txt", "Herons fish. " * 200)
    added = (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": file})).ok()
    assert [entry["id"] for entry in added["files"]] == [file] and added["files"][0]["hash"]
    own, first = await list_chunks(server, f"file-{file}"), await list_chunks(server, one)
    assert [hit.text for hit in own] == [hit.text for hit in first] and len(own) > 1
    assert {hit.metadata["file_id"] for hit in first} == {file}
    # Once more: nothing is there twice, and it stays where it was put.
    (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": file})).ok()
    assert len(await list_chunks(server, one)) == len(first)
    (await ada.post(f"{KNOWLEDGE}/{other}/files/batch/add", [{"file_id": file}])).ok()
    assert len(await list_chunks(server, other)) == len(first)
    shown = (await ada.get(f"/api/v1/knowledge/{one}/files")).ok()["items"][0]
    assert shown["meta"]["collection_name"] == one and shown["has_original"] is False


async def test_the_same_text_is_in_a_knowledge_once(server: Server, ada: Person) -> None:
    one = await create_knowledge(ada)
    file, twin, another = [await insert_file(server, ada, f"{n}.txt", "The very same.") for n in range(3)]
    (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": file})).ok()
    detail = (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": twin})).refused(400)
    assert detail == "400: Duplicate content detected. Please provide unique content to proceed."
    found = (await ada.post(f"{KNOWLEDGE}/{one}/files/batch/add", [{"file_id": twin}, {"file_id": another}])).ok()
    assert [entry["id"] for entry in found["files"]] == [file]
    # The files themselves are none the worse for it.
    other = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other}/file/add", {"file_id": twin})).ok()


async def test_who_may_put_which_files_where(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    await allow_workspace(ada, knowledge=True)
    one = await create_knowledge(bob)
    mine, secret = (
        await insert_file(server, bob, "mine.txt", "Mine."),
        await insert_file(server, ada, "s.txt", "Secret."),
    )
    raw = await insert_file(server, bob, "raw.txt", None)
    add = f"{KNOWLEDGE}/{one}/file/add"
    (await cy.post(add, {"file_id": mine})).refused(400)
    (await bob.post(add, {"file_id": secret})).refused(403)
    (await bob.post(f"{KNOWLEDGE}/{one}/files/batch/add", [{"file_id": mine}, {"file_id": secret}])).refused(403)
    (await bob.post(add, {"file_id": raw})).refused(400)
    (await bob.post(add, {"file_id": mine})).ok()
    # What one may only read is not changed by putting it somewhere.
    theirs = await create_knowledge(ada, "Theirs", access_grants=[grant(bob, "read")])
    (await ada.post(f"{KNOWLEDGE}/{theirs}/file/add", {"file_id": secret})).ok()
    detail = (await bob.post(add, {"file_id": secret})).refused(400)
    assert detail.startswith("404: ")
    assert [hit.metadata["file_id"] for hit in await list_chunks(server, one)] == [mine]


async def test_a_file_with_vectors_of_another_model_is_embedded_anew(server: Server, ada: Person) -> None:
    one = await create_knowledge(ada)
    file = await insert_file(server, ada, "heron.txt", "Herons fish.")
    (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": file})).ok()
    config = (await ada.get("/api/v1/retrieval/embedding")).ok()
    (await ada.post("/api/v1/retrieval/embedding/update", {**config, "RAG_EMBEDDING_MODEL": "other"})).ok()
    other = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other}/file/add", {"file_id": file})).ok()
    (found,) = await list_chunks(server, other)
    assert "other" in found.metadata["embedding_config"]
    assert "other" not in (await list_chunks(server, one))[0].metadata["embedding_config"]
    assert (await ada.post(f"{KNOWLEDGE}/reindex")).ok() is True
    assert "other" in (await list_chunks(server, one))[0].metadata["embedding_config"]


async def test_directories(server: Server, ada: Person) -> None:
    one = await create_knowledge(ada)
    base = f"{KNOWLEDGE}/{one}"

    async def made(name: str, parent: str | None = None) -> str:
        return str((await ada.post(f"{base}/dirs/create", {"name": name, "parent_id": parent})).ok()["id"])

    docs = await made("docs")
    api = await made("api", docs)
    deep = await made("deep", api)
    (await ada.post(f"{base}/dirs/create", {"name": "api", "parent_id": docs})).refused(400)
    (await ada.post(f"{base}/dirs/{docs}/update", {"parent_id": deep})).refused(400)
    files = [await insert_file(server, ada, f"{n}.txt", f"Text {n}.") for n in range(3)]
    for file, place in zip(files, (docs, api, deep), strict=True):
        (await ada.post(f"{base}/file/add", {"file_id": file, "directory_id": place})).ok()
    found = (await ada.get(f"{base}/files", order_by="name", direction="asc")).ok()
    assert [item["directory_path"] for item in found["items"]] == ["docs", "docs/api", "docs/api/deep"]
    inside = (await ada.get(f"{base}/files", directory_id=deep)).ok()
    assert [one["name"] for one in inside["breadcrumbs"]] == ["docs", "api", "deep"]
    (await ada.post(f"{base}/dirs/{deep}/update", {"parent_id": None, "name": "top"})).ok()
    (await ada.post(f"{base}/file/move", {"file_id": files[2]})).ok()
    found = (await ada.get(f"{base}/files", directory_id="")).ok()
    assert [item["id"] for item in found["items"]] == [files[2]]
    assert [one["name"] for one in found["directories"]] == ["docs", "top"]
    # Another knowledge's directories are out of reach.
    other = await create_knowledge(ada, "Other")
    (await ada.post(f"{KNOWLEDGE}/{other}/dirs/{docs}/update", {"name": "x"})).refused(404)
    (await ada.delete(f"{KNOWLEDGE}/{other}/dirs/{docs}/delete")).refused(404)


async def test_deleted_knowledge_is_taken_out_of_models(server: Server, ada: Person) -> None:
    birds, ants = await create_knowledge(ada, "Birds"), await create_knowledge(ada, "Ants")
    items = [{"id": birds, "type": "collection", "name": "Birds"}, {"id": ants, "type": "collection", "name": "Ants"}]
    model = {"id": "m", "name": "M", "base_model_id": "demo-small", "meta": {"knowledge": items}, "params": {}}
    (await ada.post("/api/v1/models/create", model)).ok()
    file = await insert_file(server, ada, "heron.txt", "Herons fish.")
    (await ada.post(f"{KNOWLEDGE}/{birds}/file/add", {"file_id": file})).ok()
    assert (await ada.delete(f"{KNOWLEDGE}/{birds}/delete")).ok() is True
    kept = (await ada.get("/api/v1/models/model", id="m")).ok()
    assert [one["id"] for one in kept["meta"]["knowledge"]] == [ants]
    assert await list_chunks(server, birds) == []
    assert len((await ada.get("/api/v1/models/model/history", id="m")).ok()) == 2
    # Its files stay.
    (await ada.post(f"{KNOWLEDGE}/{ants}/file/add", {"file_id": file})).ok()


async def test_an_archive_holds_the_texts(server: Server, ada: Person, bob: Person) -> None:
    one = await create_knowledge(ada, "Bücher / 1")
    for name, text in (("a.md", "Ä text."), ("a.md.txt", "Another."), ("b.txt", "B.")):
        file = await insert_file(server, ada, name, text)
        (await ada.post(f"{KNOWLEDGE}/{one}/file/add", {"file_id": file})).ok()
    (await bob.get(f"{KNOWLEDGE}/{one}/export")).refused(401)
    reply = await ada.get(f"{KNOWLEDGE}/{one}/export")
    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''B%C3%BCcher%20_%201.zip"
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    # Of what was added in the same second either may come first.
    assert sorted(texts) == ["a.md (2).txt", "a.md.txt", "b.txt"]
    assert sorted(texts.values()) == ["Another.", "B.", "Ä text."] and texts["b.txt"] == "B."


async def test_what_happens_is_told(server: Server, ada: Person) -> None:
    told: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, told.append)
    one = await create_knowledge(ada)
    file = await insert_file(server, ada, "heron.txt", "Herons fish.")
    base = f"{KNOWLEDGE}/{one}"
    (await ada.post(f"{base}/file/add", {"file_id": file})).ok()
    place = (await ada.post(f"{base}/dirs/create", {"name": "docs"})).ok()["id"]
    (await ada.post(f"{base}/file/move", {"file_id": file, "directory_id": place})).ok()
    (await ada.post(f"{base}/access/update", {"access_grants": [EVERYBODY]})).ok()
    (await ada.delete(f"{base}/delete")).ok()
    assert [event.event for event in told] == [
        "knowledge.created",
        "retrieval.content.processed",
        "knowledge.file.added",
        "knowledge.directory.created",
        "knowledge.file.moved",
        "knowledge.access_updated",
        "knowledge.deleted",
    ]
    assert told[4].subject_id == file and told[4].data == {"knowledge_id": one, "directory_id": place}
