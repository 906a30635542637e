"""Files: uploaded, processed, listed, searched, served, renamed, given a new text, deleted; access to them."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.features.files import store
from fastback.features.files.processing import FileProcessing
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.storage import Storage, StorageError
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Extractor, VectorStore
from knowledge_samples import KNOWLEDGE, create_knowledge, embedding_settings, list_chunks
from s3_server import run_bucket_server
from upload_samples import FILES, get_file, send_file, upload_file

GONE = "We could not find what you're looking for :/"


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """Yield environment variables of a bucket on an S3-compatible server; text is stored, and nothing is embedded."""
    with run_bucket_server() as variables:
        yield {**variables, "BYPASS_EMBEDDING_AND_RETRIEVAL": "true"}


async def list_progress(person: Person, file_id: str) -> list[dict[str, Any]]:
    """Return the progress that the server reports of a file until processing ends."""
    reply = await person.get(f"{FILES}/{file_id}/process/status", stream=True)
    assert reply.status == 200 and reply.headers["content-type"].startswith("text/event-stream")
    return [msgspec.json.decode(line.removeprefix("data: ")) for line in reply.text.split("\n\n") if line]


async def test_a_text_is_uploaded_read_and_embedded(server: Server, ada: Person) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    uploaded = (await send_file(ada, metadata={"from": "a test"})).ok()
    digest = hashlib.sha256(b"Herons stand on one leg.").hexdigest()
    assert uploaded["status"] is True and uploaded["data"] == {"status": "pending"} and uploaded["hash"] is None
    assert uploaded["meta"] == {
        "name": "herons.txt",
        "content_type": "text/plain",
        "size": 24,
        "file_hash": digest,
        "data": {"from": "a test"},
    }
    statuses = await list_progress(ada, uploaded["id"])
    assert statuses[-1] == {"status": "completed"}
    assert (await ada.get(f"{FILES}/{uploaded['id']}/process/status")).ok() == {"status": "completed"}
    file = await get_file(ada, uploaded["id"])
    collection = f"file-{uploaded['id']}"
    assert file["data"] == {"status": "completed", "content": "Herons stand on one leg.", "error": None}
    assert file["hash"] == digest and file["meta"]["collection_name"] == collection
    (hit,) = await list_chunks(server, collection)
    assert hit.text == "Herons stand on one leg."
    assert hit.metadata["file_id"] == uploaded["id"] and hit.metadata["from"] == "a test"
    assert hit.metadata["source"] == hit.metadata["name"] == "herons.txt" and hit.metadata["created_by"] == ada.id
    assert [event.event for event in events] == ["file.uploaded", "retrieval.content.processed"]
    path = server.data_dir / "uploads" / f"{uploaded['id']}_herons.txt"
    assert file["path"] == str(path) and path.read_bytes() == b"Herons stand on one leg."


LINE = "Herons stand on one leg – Störche klappern.\n"


async def test_a_large_text_is_stored_changed_and_embedded(server: Server, ada: Person) -> None:
    await configure(ada, {"CHUNK_SIZE": 20_000, "CHUNK_OVERLAP": 0})
    text = LINE * 40_000
    uploaded = (await send_file(ada, text.encode(), "large.txt")).ok()
    assert (await list_progress(ada, uploaded["id"]))[-1] == {"status": "completed"}
    file = await get_file(ada, uploaded["id"])
    assert file["data"] == {"status": "completed", "content": text, "error": None}
    assert file["hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert file["meta"]["collection_name"] == f"file-{uploaded['id']}"
    hits = await list_chunks(server, f"file-{uploaded['id']}")
    assert "\n".join(hit.text for hit in hits) == text.strip()
    renamed = (await ada.post(f"{FILES}/{uploaded['id']}/rename", {"filename": "storks.txt"})).ok()
    assert renamed["filename"] == "storks.txt" and renamed["data"]["content"] == text
    (await ada.post(f"{FILES}/{uploaded['id']}/data/content/update", {"content": text.upper()})).ok()
    changed = await get_file(ada, uploaded["id"])
    assert changed["data"]["content"] == text.upper() and changed["hash"] != file["hash"]
    assert (await ada.get(f"{FILES}/{uploaded['id']}/process/status")).ok() == {"status": "completed"}
    # Lost chunks are rebuilt from the stored text.
    second = (await send_file(ada, text.encode(), "again.txt")).ok()
    assert (await list_progress(ada, second["id"]))[-1] == {"status": "completed"}
    await server.services.get(VectorStore).drop_collection(f"file-{second['id']}")
    await store.update_file(server.services.get(Database), second["id"], hash=None)
    knowledge = await create_knowledge(ada)
    (await ada.post(f"{KNOWLEDGE}/{knowledge}/file/add", {"file_id": second["id"]})).ok()
    assert [hit.text for hit in await list_chunks(server, knowledge)] == [hit.text for hit in hits]
    assert (await get_file(ada, second["id"]))["hash"] == file["hash"]


async def test_a_large_text_takes_little_memory(server: Server, ada: Person) -> None:
    await configure(ada, {"BYPASS_EMBEDDING_AND_RETRIEVAL": True})
    text = LINE * 200_000
    uploaded = (await send_file(ada, text.encode(), process=False)).ok()
    db = server.services.get(Database)
    file = await store.find_file(db, uploaded["id"])
    assert file is not None
    context = RequestContext(user=User(ada.id, "ada@example.com", "Ada", "admin"))
    tracemalloc.start()
    try:
        await server.services.get(FileProcessing).start(file, {}, context.user, context)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(text) / 2
    processed = await get_file(ada, uploaded["id"])
    assert processed["data"]["status"] == "completed" and processed["data"]["content"] == text


async def test_an_unprocessed_file_is_stored(server: Server, ada: Person) -> None:
    content = bytes(range(256)) * 20_000
    uploaded = (await send_file(ada, content, "a b ü.bin", None, process=False)).ok()
    assert uploaded["data"] == {} and "status" not in uploaded and "path" not in uploaded
    assert uploaded["meta"]["size"] == len(content)
    reply = await ada.get(f"{FILES}/{uploaded['id']}/content")
    assert reply.body == content
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20b%20%C3%BC.bin"
    assert (await ada.get(f"{FILES}/{uploaded['id']}/process/status")).ok() == {"status": "pending"}
    assert await list_progress(ada, uploaded["id"]) == []


async def test_files_without_readable_text_say_so(ada: Person) -> None:
    for content, name, kind, error in (
        (b"\x89PNG\x00\x00", "a.png", "image/png", "File type image/png is not supported for processing"),
        (b"ID3\x00", "a.mp3", "audio/mpeg", "Configure an external speech-to-text engine"),
        (b"   \n", "empty.txt", "text/plain", "The content provided is empty"),
    ):
        uploaded = await upload_file(ada, content, name, kind)
        assert uploaded["data"] == {"status": "pending"}
        file = await get_file(ada, uploaded["id"])
        assert file["data"]["status"] == "failed" and error in file["data"]["error"] and file["hash"] is None
        assert (await list_progress(ada, uploaded["id"]))[-1] == {"status": "failed", "error": file["data"]["error"]}
    film = await upload_file(ada, b"\x00\x00film", "a.mp4", "video/mp4")
    assert (await get_file(ada, film["id"]))["data"]["status"] == "completed"
    program = await upload_file(ada, b"const leg = 1;", "a.ts", "video/mp2t")
    assert (await get_file(ada, program["id"]))["data"]["content"] == "const leg = 1;"


async def test_limits_of_uploads(server: Server, ada: Person) -> None:
    (await send_file(ada, b"")).refused(400)
    (await send_file(ada, metadata="{no json")).refused(400, "[ERROR: Invalid metadata format]")
    (await send_file(ada, metadata="[1]")).refused(400, "[ERROR: Error uploading file]")
    missing = (await ada.post(f"{FILES}/", {"file": "text"})).refused(422)
    assert missing == [{"type": "missing", "loc": ["body", "file"], "msg": "Field required", "input": None}]
    form = aiohttp.FormData({"file": "text"})
    form.add_field("other", b"x", filename="other.txt")
    text = (await ada.request("POST", f"{FILES}/", data=form)).refused(422)
    assert text[0]["msg"] == "Value error, Expected UploadFile, received: <class 'str'>" and text[0]["input"] == "text"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    for body in (
        b"",
        b"no form",
        b"--x\r\nnothing\r\n\r\n\r\n--x--",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n",
    ):
        assert (await ada.request("POST", f"{FILES}/", data=body, headers=headers)).status == 400
    await configure(ada, {"FILE_MAX_SIZE": 1, "ALLOWED_FILE_EXTENSIONS": ["txt"]})
    (await send_file(ada, b"x" * (1024 * 1024 + 1))).refused(
        413, "Oops! The file you're trying to upload is too large. Please upload a file that is less than 1 MB."
    )
    (await send_file(ada, b"x", "a.exe")).refused(400, "[ERROR: File type exe is not allowed]")
    (await send_file(ada, b"x", "a.exe", process=False)).ok()
    (await send_file(ada, b"x" * 1024 * 1024, "a.TXT", process=False)).ok()
    assert len(list((server.data_dir / "uploads").iterdir())) == 2


async def configure(person: Person, values: dict[str, Any]) -> None:
    (await person.post("/api/v1/retrieval/config/update", values)).ok()


async def test_a_name_that_is_too_long_for_the_disk(ada: Person) -> None:
    name = "ü" * 126 + ".txt"
    uploaded = (await send_file(ada, name=name, process=False)).ok()
    assert uploaded["filename"] == name
    assert (await get_file(ada, uploaded["id"]))["path"].endswith(f"/{uploaded['id']}.txt")
    assert (await ada.get(f"{FILES}/{uploaded['id']}/content")).body == b"Herons stand on one leg."
    odd = (await send_file(ada, name="../../a 'b'.txt", process=False)).ok()
    assert odd["filename"] == "a 'b'.txt"


async def test_lists_counts_and_searches(server: Server, ada: Person, bob: Person) -> None:
    for person, name in ((ada, "one.txt"), (bob, "two.txt"), (bob, "100%_three.md")):
        await upload_file(person, name.encode(), name)
    page = (await bob.get(f"{FILES}/", content=False)).ok()
    assert page["total"] == 2 and {file["filename"] for file in page["items"]} == {"two.txt", "100%_three.md"}
    assert page["items"][0]["data"] == {"status": "completed", "error": None} and "path" not in page["items"][0]
    full = (await bob.get(f"{FILES}/")).ok()
    assert {file["data"]["content"] for file in full["items"]} == {"two.txt", "100%_three.md"}
    assert (await ada.get(f"{FILES}/")).ok()["total"] == 3
    assert (await bob.get(f"{FILES}/", page=2)).ok() == {"items": [], "total": 2}
    (await bob.get(f"{FILES}/", page=0)).refused(422)
    assert [
        (await person.get(f"{FILES}/{path}")).ok() for person in (ada, bob) for path in ("count", "user/count")
    ] == [
        3,
        1,
        2,
        2,
    ]

    async def list_names(person: Person, path: str, **query: Any) -> set[str]:
        return {file["filename"] for file in (await person.get(f"{FILES}/{path}", **query)).ok()}

    assert await list_names(ada, "search", filename="*.TXT", content=False) == {"one.txt", "two.txt"}
    assert await list_names(bob, "search", filename="t?o*") == {"two.txt"}
    assert await list_names(bob, "search", filename="*%_*") == {"100%_three.md"}
    (await bob.get(f"{FILES}/search", filename="one*")).refused(404, "No files found matching the pattern.")
    (await bob.get(f"{FILES}/search")).refused(422)
    assert await list_names(ada, "user/search") == {"one.txt"}
    assert await list_names(bob, "user/search", filename="nothing") == set()
    assert len((await bob.get(f"{FILES}/user/search", limit=1)).ok()) == 1
    assert "content" not in (await bob.get(f"{FILES}/user/search")).ok()[0]["data"]


async def test_bytes_are_served_whole_and_in_part(ada: Person) -> None:
    uploaded = (await send_file(ada, bytes(range(200)), "a.txt", process=False)).ok()
    content = f"{FILES}/{uploaded['id']}/content"
    complete = await ada.get(content)
    assert complete.body == bytes(range(200)) and "content-disposition" not in complete.headers
    assert complete.headers["content-type"] == "text/plain; charset=utf-8"
    part = await ada.get(content, headers={"range": "bytes=10-19"})
    assert part.status == 206 and part.body == bytes(range(10, 20))
    assert part.headers["content-range"] == "bytes 10-19/200"
    assert (await ada.get(content, headers={"range": "bytes=500-"})).status == 416
    assert (await ada.get(content, attachment=True)).headers["content-disposition"].startswith("attachment")
    named = await ada.get(f"{content}/anything.txt")
    assert named.body == complete.body and named.headers["content-disposition"].startswith("attachment")
    pdf = (await send_file(ada, b"%PDF", "a.PDF", "application/octet-stream", process=False)).ok()
    displayed = await ada.get(f"{FILES}/{pdf['id']}/content")
    assert displayed.headers["content-disposition"].startswith("inline")
    assert displayed.headers["content-type"] == "application/pdf"


async def test_only_html_pages_of_administrators_are_displayed(ada: Person, bob: Person) -> None:
    own = (await send_file(ada, b"<p>hello</p>", "a.html", "text/html", process=False)).ok()
    other = (await send_file(bob, b"<p>hello</p>", "a.html", "text/html", process=False)).ok()
    displayed = await ada.get(f"{FILES}/{own['id']}/content/html")
    assert displayed.body == b"<p>hello</p>" and displayed.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-disposition" not in displayed.headers
    (await bob.get(f"{FILES}/{other['id']}/content/html")).refused(404, GONE)
    (await ada.get(f"{FILES}/{other['id']}/content/html")).refused(404, GONE)


async def test_missing_bytes(server: Server, ada: Person) -> None:
    uploaded = await upload_file(ada)
    (server.data_dir / "uploads" / f"{uploaded['id']}_herons.txt").unlink()
    (await ada.get(f"{FILES}/{uploaded['id']}/content")).refused(404, GONE)
    reply = await ada.get(f"{FILES}/{uploaded['id']}/content/herons.txt")
    assert reply.text == "Herons stand on one leg."


async def test_a_file_is_renamed(ada: Person) -> None:
    uploaded = await upload_file(ada)
    renamed = (await ada.post(f"{FILES}/{uploaded['id']}/rename", {"filename": "storks.txt"})).ok()
    assert renamed["filename"] == renamed["meta"]["name"] == "storks.txt"
    assert renamed["meta"]["size"] == 24 and renamed["data"]["content"] == "Herons stand on one leg."
    (await ada.post(f"{FILES}/{uploaded['id']}/rename", {})).refused(422)


async def test_names_are_stored_without_nul_characters(ada: Person) -> None:
    uploaded = await upload_file(ada)
    (await ada.post(f"{FILES}/{uploaded['id']}/rename", {"filename": "a\0b.txt"})).ok()
    headers = {"content-type": "multipart/form-data; boundary=x"}
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="c\0d.txt"\r\n\r\ntext\r\n--x--\r\n'
    (await ada.request("POST", f"{FILES}/", data=body, headers=headers, process=False)).ok()
    files = (await ada.get(f"{FILES}/")).ok()["items"]
    assert {(file["filename"], file["meta"]["name"]) for file in files} == {("ab.txt", "ab.txt"), ("cd.txt", "cd.txt")}


async def test_a_new_text_replaces_the_chunks_in_every_collection(server: Server, ada: Person) -> None:
    knowledge = await create_knowledge(ada, "Birds")
    uploaded = await upload_file(ada, metadata={"knowledge_id": knowledge})
    file = f"{FILES}/{uploaded['id']}"
    assert [hit.text for hit in await list_chunks(server, knowledge)] == ["Herons stand on one leg."]
    (await ada.post(f"{file}/data/content/update", {"content": "  "})).refused(400)
    text = 'Storks "clap".\x00'
    assert (await ada.post(f"{file}/data/content/update", {"content": text})).ok() == {"content": 'Storks "clap".'}
    assert (await ada.get(f"{file}/data/content")).ok() == {"content": 'Storks "clap".'}
    for collection in (knowledge, f"file-{uploaded['id']}"):
        assert [hit.text for hit in await list_chunks(server, collection)] == ['Storks "clap".']
    assert (await ada.get(f"{file}/content")).body == b"Herons stand on one leg."
    await configure(ada, {"FILE_MAX_SIZE": 1})
    (await ada.post(f"{file}/data/content/update", {"content": "x" * (1024 * 1024 + 1)})).refused(413)


async def test_a_file_is_put_into_knowledge_that_its_owner_may_write(server: Server, ada: Person, bob: Person) -> None:
    knowledge = await create_knowledge(ada, "Birds")
    own = await upload_file(ada, metadata={"knowledge_id": knowledge, "directory_id": "nowhere"})
    other = await upload_file(bob, b"Storks clap.", "storks.txt", metadata={"knowledge_id": knowledge})
    twin = await upload_file(ada, metadata={"knowledge_id": knowledge})
    assert (await get_file(bob, other["id"]))["data"]["status"] == "completed"
    failed = (await get_file(ada, twin["id"]))["data"]
    assert failed["status"] == "failed" and failed["error"].startswith("Duplicate content detected.")
    inside = (await ada.get(f"{KNOWLEDGE}/{knowledge}/files")).ok()
    assert [file["id"] for file in inside["items"]] == [own["id"]]
    assert {hit.metadata["file_id"] for hit in await list_chunks(server, knowledge)} == {own["id"]}


async def test_a_file_is_deleted_with_its_chunks_and_bytes(server: Server, ada: Person) -> None:
    knowledge = await create_knowledge(ada, "Birds")
    uploaded = await upload_file(ada, metadata={"knowledge_id": knowledge})
    (await ada.delete(f"{FILES}/{uploaded['id']}")).ok()
    assert await list_chunks(server, knowledge) == await list_chunks(server, f"file-{uploaded['id']}") == []
    assert list((server.data_dir / "uploads").iterdir()) == []
    assert (await ada.get(f"{KNOWLEDGE}/{knowledge}/files")).ok()["total"] == 0
    (await ada.get(f"{FILES}/{uploaded['id']}")).refused(404, GONE)
    (await ada.delete(f"{FILES}/{uploaded['id']}")).refused(404, GONE)


async def test_a_file_stays_while_its_storage_fails(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded = await upload_file(ada)

    async def refuse(path: str) -> None:
        raise StorageError("no")

    storage = server.services.get(Storage)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete", refuse)
        (await ada.delete(f"{FILES}/{uploaded['id']}")).refused(400, "[ERROR: Error deleting files]")
    await get_file(ada, uploaded["id"])
    (await ada.delete(f"{FILES}/{uploaded['id']}")).ok()


async def test_an_upload_is_answered_though_its_file_is_deleted_meanwhile(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = asyncio.Event()

    async def wait(*arguments: Any, **more: Any) -> Any:
        reading.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(server.services.get(Extractor), "spool", wait)
    sending = asyncio.create_task(send_file(ada, process_in_background=False))
    await asyncio.wait_for(reading.wait(), 10)
    (file,) = (await ada.get(f"{FILES}/")).ok()["items"]
    (await ada.delete(f"{FILES}/{file['id']}")).ok()
    assert (await sending).ok()["id"] == file["id"]


async def test_administrators_delete_all_files(server: Server, ada: Person, bob: Person) -> None:
    uploaded = await upload_file(bob)
    (await bob.delete(f"{FILES}/all")).refused(401)
    assert (await ada.delete(f"{FILES}/all")).ok() == {"message": "All files deleted successfully"}
    assert (await bob.get(f"{FILES}/count")).ok() == 0
    assert await list_chunks(server, f"file-{uploaded['id']}") == []
    assert list((server.data_dir / "uploads").iterdir()) == []


async def test_an_upload_that_breaks_off_leaves_nothing(server: Server, ada: Person) -> None:
    async def send_half() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 3_000_000
        await asyncio.sleep(0.05)
        raise ConnectionResetError

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "9000000"}
    with pytest.raises(aiohttp.ClientError):
        await ada.request("POST", f"{FILES}/", data=send_half(), headers=headers)
    for _ in range(100):
        if not list((server.data_dir / "uploads").iterdir()):
            break
        await asyncio.sleep(0.02)
    assert list((server.data_dir / "uploads").iterdir()) == []
    assert (await ada.get(f"{FILES}/count")).ok() == 0


async def test_processing_resumes_after_the_server_was_stopped(server: Server, ada: Person) -> None:
    uploaded = await upload_file(ada)
    db = server.services.get(Database)
    await store.update_file(db, uploaded["id"], data={"status": "processing", "content": None})
    await server.services.get(FileProcessing).resume()
    assert (await list_progress(ada, uploaded["id"]))[-1] == {"status": "completed"}
    assert (await ada.get(f"{FILES}/{uploaded['id']}/data/content")).ok() == {"content": "Herons stand on one leg."}


async def test_other_users_find_nothing(server: Server, ada: Person, bob: Person) -> None:
    uploaded = await upload_file(ada)
    url = f"{FILES}/{uploaded['id']}"
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/process/status", None),
        ("GET", "/data/content", None),
        ("GET", "/content", None),
        ("GET", "/content/html", None),
        ("GET", "/content/a.txt", None),
        ("POST", "/rename", {"filename": "x"}),
        ("POST", "/data/content/update", {"content": "x"}),
        ("DELETE", "", None),
    ):
        (await bob.request(method, url + path, json=body)).refused(404, GONE)
        (await server.stranger().request(method, url + path, json=body)).refused(401, "Not authenticated")
    (await server.stranger().get(f"{FILES}/")).refused(401)
    (await send_file(server.stranger())).refused(401)


async def test_a_file_in_a_bucket_is_served_whole_and_in_part(start_server: Any, bucket: dict[str, str]) -> None:
    async with start_server(**bucket, STORAGE_LOCAL_CACHE="false") as server:
        ada = await server.sign_up("Ada")
        uploaded = await upload_file(ada, bytes(range(200)), "a.mp4", "video/mp4")
        assert (await get_file(ada, uploaded["id"]))[
            "path"
        ] == f"s3://{bucket['S3_BUCKET_NAME']}/{uploaded['id']}_a.mp4"
        content = f"{FILES}/{uploaded['id']}/content"
        complete = await ada.get(content)
        assert complete.body == bytes(range(200)) and complete.headers["content-length"] == "200"
        assert complete.headers["content-type"] == "video/mp4" and complete.headers["accept-ranges"] == "bytes"
        for byte_range, body in (
            ("bytes=10-19", range(10, 20)),
            ("bytes=190-", range(190, 200)),
            ("bytes=-5", range(195, 200)),
        ):
            part = await ada.get(content, headers={"range": byte_range})
            assert part.status == 206 and part.body == bytes(body)
        assert part.headers["content-range"] == "bytes 195-199/200"
        assert (await ada.get(content, headers={"range": "bytes=500-"})).status == 416
        stale = await ada.get(content, headers={"range": "bytes=0-1", "if-range": '"another"'})
        assert stale.status == 200 and len(stale.body) == 200
        head = await ada.request("HEAD", content)
        assert head.headers["content-length"] == "200" and head.body == b""
        text = await upload_file(ada)
        assert (await get_file(ada, text["id"]))["data"]["content"] == "Herons stand on one leg."
        assert list((server.data_dir / "uploads").iterdir()) == []
        (await ada.delete(f"{FILES}/{uploaded['id']}")).ok()
        (await ada.get(content)).refused(404, GONE)
