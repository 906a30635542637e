"""Uploaded files are put into collections, one or many at a time."""

from __future__ import annotations

from typing import Any

import pytest

import sample_documents
from conftest import Person, Server
from knowledge_samples import create_knowledge, embedding_settings, list_chunks
from upload_samples import get_file, send_file, upload_file

PROCESS = "/api/v1/retrieval/process"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


async def test_a_pending_file_is_processed_on_request(server: Server, ada: Person) -> None:
    uploaded = (await send_file(ada, process=False)).ok()
    answer = (await ada.post(f"{PROCESS}/file", {"file_id": uploaded["id"]})).ok()
    assert answer == {
        "status": True,
        "collection_name": f"file-{uploaded['id']}",
        "filename": "herons.txt",
        "content": "Herons stand on one leg.",
    }
    assert (await get_file(ada, uploaded["id"]))["data"]["status"] == "completed"
    second = (await ada.post(f"{PROCESS}/file", {"file_id": uploaded["id"], "content": "Storks<br/>clap."})).ok()
    assert second["content"] == "Storks<br/>clap."
    assert [hit.text for hit in await list_chunks(server, f"file-{uploaded['id']}")] == ["Storks\nclap."]


async def test_a_file_comes_into_a_collection_with_its_vectors(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge = await create_knowledge(ada)
    uploaded = await upload_file(ada)

    async def refuse(*arguments: Any, **more: Any) -> None:
        raise AssertionError("nothing is embedded again")

    from fastback.retrieval.interfaces import Embedder

    monkeypatch.setattr(server.services.get(Embedder), "embed_content", refuse)
    form = {"file_id": uploaded["id"], "collection_name": knowledge}
    answer = (await ada.post(f"{PROCESS}/file", form)).ok()
    assert answer["collection_name"] == knowledge and answer["content"] == "Herons stand on one leg."
    assert [hit.text for hit in await list_chunks(server, knowledge)] == ["Herons stand on one leg."]
    assert (await get_file(ada, uploaded["id"]))["meta"]["collection_name"] == knowledge


async def test_files_of_others_are_not_processed(server: Server, ada: Person, bob: Person) -> None:
    knowledge = await create_knowledge(ada)
    uploaded, other = await upload_file(ada), await upload_file(bob, b"Storks clap.", "storks.txt")
    (await bob.post(f"{PROCESS}/file", {"file_id": uploaded["id"]})).refused(404)
    (await bob.post(f"{PROCESS}/file", {"file_id": "nothing"})).refused(404)
    form = {"file_id": other["id"], "collection_name": knowledge}
    (await bob.post(f"{PROCESS}/file", form)).refused(400, f"403: {PROHIBITED}")
    assert (await get_file(bob, other["id"]))["data"]["status"] == "completed"
    (await bob.post(f"{PROCESS}/file", {})).refused(422)
    (await server.stranger().post(f"{PROCESS}/file", {"file_id": uploaded["id"]})).refused(401)


async def test_a_failure_is_recorded_in_the_file(ada: Person) -> None:
    uploaded = (await send_file(ada, b" \n ", "empty.txt", process=False)).ok()
    detail = (await ada.post(f"{PROCESS}/file", {"file_id": uploaded["id"]})).refused(400)
    file = await get_file(ada, uploaded["id"])
    assert file["data"]["status"] == "failed" and file["data"]["error"] == detail and file["hash"] is None


async def test_without_embedding_the_text_is_stored(server: Server, ada: Person) -> None:
    (await ada.post("/api/v1/retrieval/config/update", {"BYPASS_EMBEDDING_AND_RETRIEVAL": True})).ok()
    uploaded = await upload_file(ada)
    file = await get_file(ada, uploaded["id"])
    assert file["data"]["content"] == "Herons stand on one leg." and file["hash"]
    assert file["data"]["status"] == "completed" and "collection_name" not in file["meta"]
    assert await list_chunks(server, f"file-{uploaded['id']}") == []


async def test_many_files_at_once(server: Server, ada: Person, bob: Person) -> None:
    knowledge = await create_knowledge(ada)
    first = await upload_file(ada, b"one", "one.txt")
    second = await upload_file(ada, b"two", "two.txt")
    other = await upload_file(bob, b"three", "three.txt")

    async def build_entry(person: Person, file: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {**await get_file(person, file["id"]), **more}

    files = [
        await build_entry(ada, first, data={"content": "One heron."}),
        await build_entry(ada, second, data={"content": "One heron."}),
        await build_entry(ada, second, id="nothing", data={"content": "Nothing."}),
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
    repeated = (await ada.post(f"{PROCESS}/files/batch", {"files": files[1:2], "collection_name": knowledge})).ok()
    assert repeated["errors"][0]["error"] == duplicate
    theirs = [await build_entry(bob, other), files[0]]
    (await bob.post(f"{PROCESS}/files/batch", {"files": theirs, "collection_name": knowledge})).refused(403, PROHIBITED)
    own = f"file-{other['id']}"
    mixed = (await bob.post(f"{PROCESS}/files/batch", {"files": theirs, "collection_name": own})).ok()
    assert mixed["errors"][0]["error"] == "Permission denied: not file owner"
    empty = [await build_entry(bob, other, data={"content": ""})]
    failed = (await bob.post(f"{PROCESS}/files/batch", {"files": empty, "collection_name": own})).ok()
    assert failed["results"][0]["status"] == failed["errors"][0]["status"] == "failed"
    (await bob.post(f"{PROCESS}/files/batch", {"files": [{}], "collection_name": own})).refused(422)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_uploads_are_read_by_their_content(ada: Person) -> None:
    kind = "application/vnd.ms-excel"
    workbook = await upload_file(ada, sample_documents.xlsx(), "people.xls", kind)
    assert (await get_file(ada, workbook["id"]))["data"]["content"] == "Sheet: First\n| name | age |\n| Ada | 36 |"
    head = b"Subject: Plans\r\nContent-Type: multipart/mixed; boundary=----=_1\r\n\r\n------=_1\r\n\r\n"
    mail = head + b"above\r\n------=_1\r\n\r\nbelow\r\n------=_1--\r\n"
    message = await upload_file(ada, mail, "plans.eml", "message/rfc822")
    assert (await get_file(ada, message["id"]))["data"]["content"] == "Subject: Plans\n\nabove\n\nbelow"
