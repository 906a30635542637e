"""Files that were uploaded are put into collections, one or many at a time."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person, Server
from knowledge_samples import create_knowledge, embedding_settings, list_chunks
from upload_samples import get_file, send_file, upload_file

PROCESS = "/api/v1/retrieval/process"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


async def test_a_file_that_waits_is_read_when_asked_for(server: Server, ada: Person) -> None:
    made = (await send_file(ada, process=False)).ok()
    answer = (await ada.post(f"{PROCESS}/file", {"file_id": made["id"]})).ok()
    assert answer == {
        "status": True,
        "collection_name": f"file-{made['id']}",
        "filename": "herons.txt",
        "content": "Herons stand on one leg.",
    }
    assert (await get_file(ada, made["id"]))["data"]["status"] == "completed"
    again = (await ada.post(f"{PROCESS}/file", {"file_id": made["id"], "content": "Storks<br/>clap."})).ok()
    assert again["content"] == "Storks<br/>clap."
    assert [hit.text for hit in await list_chunks(server, f"file-{made['id']}")] == ["Storks\nclap."]


async def test_a_file_comes_into_a_collection_with_its_vectors(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge = await create_knowledge(ada)
    made = await upload_file(ada)

    async def refuse(*given: Any, **more: Any) -> None:
        raise AssertionError("nothing is embedded again")

    from fastback.retrieval.interfaces import Embedder

    monkeypatch.setattr(server.services.get(Embedder), "embed_content", refuse)
    form = {"file_id": made["id"], "collection_name": knowledge}
    answer = (await ada.post(f"{PROCESS}/file", form)).ok()
    assert answer["collection_name"] == knowledge and answer["content"] == "Herons stand on one leg."
    assert [hit.text for hit in await list_chunks(server, knowledge)] == ["Herons stand on one leg."]
    assert (await get_file(ada, made["id"]))["meta"]["collection_name"] == knowledge


async def test_what_is_not_ones_own_is_not_read(server: Server, ada: Person, bob: Person) -> None:
    knowledge = await create_knowledge(ada)
    made, other = await upload_file(ada), await upload_file(bob, b"Storks clap.", "storks.txt")
    (await bob.post(f"{PROCESS}/file", {"file_id": made["id"]})).refused(404)
    (await bob.post(f"{PROCESS}/file", {"file_id": "nothing"})).refused(404)
    form = {"file_id": other["id"], "collection_name": knowledge}
    (await bob.post(f"{PROCESS}/file", form)).refused(400, f"403: {PROHIBITED}")
    assert (await get_file(bob, other["id"]))["data"]["status"] == "completed"
    (await bob.post(f"{PROCESS}/file", {})).refused(422)
    (await server.stranger().post(f"{PROCESS}/file", {"file_id": made["id"]})).refused(401)


async def test_a_failure_is_told_in_the_file(ada: Person) -> None:
    made = (await send_file(ada, b" \n ", "empty.txt", process=False)).ok()
    detail = (await ada.post(f"{PROCESS}/file", {"file_id": made["id"]})).refused(400)
    file = await get_file(ada, made["id"])
    assert file["data"]["status"] == "failed" and file["data"]["error"] == detail and file["hash"] is None


async def test_without_embedding_the_text_is_kept(server: Server, ada: Person) -> None:
    (await ada.post("/api/v1/retrieval/config/update", {"BYPASS_EMBEDDING_AND_RETRIEVAL": True})).ok()
    made = await upload_file(ada)
    file = await get_file(ada, made["id"])
    assert file["data"]["content"] == "Herons stand on one leg." and file["hash"]
    assert file["data"]["status"] == "completed" and "collection_name" not in file["meta"]
    assert await list_chunks(server, f"file-{made['id']}") == []


async def test_many_files_at_once(server: Server, ada: Person, bob: Person) -> None:
    knowledge = await create_knowledge(ada)
    first = await upload_file(ada, b"one", "one.txt")
    second = await upload_file(ada, b"two", "two.txt")
    other = await upload_file(bob, b"three", "three.txt")

    async def sent(person: Person, file: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {**await get_file(person, file["id"]), **more}

    files = [
        await sent(ada, first, data={"content": "One heron."}),
        await sent(ada, second, data={"content": "One heron."}),
        await sent(ada, second, id="nothing", data={"content": "Nothing."}),
    ]
    answer = (await ada.post(f"{PROCESS}/files/batch", {"files": files, "collection_name": knowledge})).ok()
    duplicate = "Duplicate content detected. Please provide unique content to proceed."
    assert answer == {
        "results": [{"file_id": first["id"], "status": "completed", "error": None}],
        "errors": [
            {"file_id": second["id"], "status": "failed", "error": duplicate},
            {"file_id": "nothing", "status": "failed", "error": "File not found"},
        ],
    }
    assert (await get_file(ada, first["id"]))["data"]["content"] == "One heron."
    (hit,) = await list_chunks(server, knowledge)
    assert hit.text == "One heron." and hit.metadata["file_id"] == first["id"]
    again = (await ada.post(f"{PROCESS}/files/batch", {"files": files[1:2], "collection_name": knowledge})).ok()
    assert again["errors"][0]["error"] == duplicate
    theirs = [await sent(bob, other), files[0]]
    (await bob.post(f"{PROCESS}/files/batch", {"files": theirs, "collection_name": knowledge})).refused(403, PROHIBITED)
    own = f"file-{other['id']}"
    mixed = (await bob.post(f"{PROCESS}/files/batch", {"files": theirs, "collection_name": own})).ok()
    assert mixed["errors"][0]["error"] == "Permission denied: not file owner"
    empty = [await sent(bob, other, data={"content": ""})]
    failed = (await bob.post(f"{PROCESS}/files/batch", {"files": empty, "collection_name": own})).ok()
    assert failed["results"][0]["status"] == failed["errors"][0]["status"] == "failed"
    (await bob.post(f"{PROCESS}/files/batch", {"files": [{}], "collection_name": own})).refused(422)
