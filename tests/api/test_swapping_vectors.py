"""Documents after swaps between Open WebUI, with Chroma, and Fastback: what was removed stays so, the rest is there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from chroma_directory import ChromaDirectory
from conftest import Person, Server, postgres_database, run_server
from fastback.cli import main
from fastback.features.knowledge.store import link_file
from fastback.features.memories.vectors import get_collection_name
from fastback.kit.db import Database
from fastback.retrieval.interfaces import Item, VectorStore
from knowledge_samples import KNOWLEDGE, create_knowledge, embedding_settings, insert_file, list_chunks
from vector_stores import make_item, make_vector
from waiting import wait_until

#: The numbers of a vector of the model server.
SIZE = 256


def make_items(file_id: str, text: str, *, size: int = SIZE) -> list[Item]:
    """Return two chunks of a file, as Open WebUI writes them."""
    return [
        Item(str(uuid.uuid4()), f"{text} {n}", make_vector(1, n, size=size), {"file_id": file_id}) for n in range(2)
    ]


def list_both(*texts: str) -> list[str]:
    """Return the texts of the chunks that `make_items` makes."""
    return sorted(f"{text} {n}" for text in texts for n in range(2))


class Installation:
    """A data directory with Chroma's files, in which Fastback runs now and then; `k` is a knowledge."""

    def __init__(self, data_dir: Path, environment: dict[str, str], database: str) -> None:
        self.data_dir = data_dir
        self.environment = environment
        self.database = database
        self.chroma = ChromaDirectory(data_dir / "vector_db")
        self.account: dict[str, Any] = {}
        self.k = ""
        self.server: Any = None

    @asynccontextmanager
    async def run_fastback(self) -> AsyncIterator[tuple[Server, Person]]:
        async with run_server(self.environment, self.data_dir, self.database) as server:
            if not self.account:
                ada = await server.sign_up("Ada")
                self.account = ada.account
                self.k = await create_knowledge(ada)
            ada = Person(server.url, self.account["token"], self.account)
            server.people.append(ada)
            yield server, ada

    async def insert_files(self, server: Server, ada: Person, *names: str) -> list[str]:
        """Insert the rows of files and link them to the knowledge."""
        ids = [await insert_file(server, ada, name, name) for name in names]
        for file_id in ids:
            await link_file(server.services.get(Database), self.k, file_id, ada.id, None)
        return ids

    async def export(self) -> None:
        assert await asyncio.to_thread(main, ["vectors", "export", "--data-dir", str(self.data_dir)]) == 0


@pytest.fixture
async def installation(database: str, upstream: str, tmp_path: Path) -> AsyncIterator[Installation]:
    async with postgres_database() if database == "postgres" else nullcontext("") as url:
        environment = (
            embedding_settings(upstream) | {"ENABLE_OPENAI_API": "false"} | ({"DATABASE_URL": url} if url else {})
        )
        yield Installation(tmp_path, environment, database)


async def wait_for_texts(server: Server, collection: str, texts: list[str]) -> None:
    async def has_texts() -> bool:
        return sorted(hit.text for hit in await list_chunks(server, collection)) == texts

    await wait_until(has_texts, 20)


async def delete_rows(server: Server, file_id: str) -> None:
    """Delete the rows of a file as Open WebUI does, which leaves our vectors alone."""
    db = server.services.get(Database)
    await db.execute("tests.unlink", "DELETE FROM knowledge_file WHERE file_id = :id", id=file_id)
    await db.execute("tests.delete", "DELETE FROM file WHERE id = :id", id=file_id)


async def test_documents_survive_swaps(installation: Installation) -> None:
    chroma = installation.chroma
    async with installation.run_fastback() as (server, ada):
        a, b, c, lost = await installation.insert_files(server, ada, "a", "b", "c", "lost")
        k, memories = installation.k, get_collection_name(ada.id)
        kept, gone = [(await ada.post("/api/v1/memories/add", {"content": text})).ok()["id"] for text in "xy"]
        await server.services.get(VectorStore).drop_collection(memories)
        await delete_rows(server, lost)
    # Open WebUI, with a file that was removed before.
    chroma.add(k, [item for file_id in (a, b, c, lost) for item in make_items(file_id, file_id)], indexed=3)
    for file_id in (a, b, lost):
        chroma.add(f"file-{file_id}", make_items(file_id, file_id))
    chroma.add(memories, [Item(item, item, make_vector(1, size=SIZE), {}) for item in (kept, gone)])
    chroma.add("web-search-1", [make_item(1, "result", make_vector(1))])
    async with installation.run_fastback() as (server, ada):
        await wait_for_texts(server, k, list_both(a, b, c))
        await wait_for_texts(server, memories, sorted([kept, gone]))
        await wait_for_texts(server, "web-search-1", ["result"])
        await wait_for_texts(server, f"file-{lost}", [])
        (await ada.post(f"{KNOWLEDGE}/{k}/file/remove?delete_file=true", {"file_id": a})).ok()
        d, f = [await insert_file(server, ada, text, text) for text in ("d", "f")]
        for file_id in (d, f):
            (await ada.post(f"{KNOWLEDGE}/{k}/file/add", {"file_id": file_id})).ok()
        (await ada.delete(f"/api/v1/memories/{gone}")).ok()
        await delete_rows(server, b)  # what follows happens in Open WebUI, which was not told of the changes here
        await delete_rows(server, f)
        (e,) = await installation.insert_files(server, ada, "e")
    chroma.remove_file(k, b)
    chroma.drop(f"file-{b}")
    chroma.drop("web-search-1")
    chroma.add(k, make_items(e, "e"))
    chroma.remove_file(k, c)
    chroma.add(k, make_items(c, "c again"))
    expected = sorted([*list_both("c again", "e"), "d"])
    async with installation.run_fastback() as (server, _):
        await wait_for_texts(server, k, expected)
        await wait_for_texts(server, memories, [kept])
        await wait_for_texts(server, "web-search-1", [])
        for file_id in (a, b, f):
            await wait_for_texts(server, f"file-{file_id}", [])
    assert chroma.list_texts(k) != expected
    await installation.export()
    assert (chroma.list_texts(k), chroma.list_texts(memories), chroma.list_texts(f"file-{a}")) == (expected, [kept], [])
    chroma.remove_file(k, d)
    chroma.add(k, make_items(d, "d again"))
    async with installation.run_fastback() as (server, _):
        await wait_for_texts(server, k, list_both("c again", "e", "d again"))
        await wait_for_texts(server, memories, [kept])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_another_model_of_open_webui_replaces_a_collection(installation: Installation) -> None:
    async with installation.run_fastback() as (server, ada):
        (a,) = await installation.insert_files(server, ada, "a")
    installation.chroma.add(installation.k, make_items(a, "a"))
    async with installation.run_fastback() as (server, _):
        await wait_for_texts(server, installation.k, list_both("a"))
    installation.chroma.drop(installation.k)
    installation.chroma.add(installation.k, make_items(a, "b", size=16))
    async with installation.run_fastback() as (server, _):
        await wait_for_texts(server, installation.k, list_both("b"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_exporting_needs_imported_files(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.chroma.add("file-a", make_items("a", "a"))
    arguments = ["vectors", "export", "--data-dir", str(tmp_path)]
    assert await asyncio.to_thread(main, arguments) == 1
    assert "start Fastback once" in capsys.readouterr().err
    installation.chroma.db.execute("ALTER TABLE collections DROP COLUMN schema_str")
    installation.chroma.drop("file-a")
    assert await asyncio.to_thread(main, arguments) == 1
    assert "not those of Open WebUI" in capsys.readouterr().err
    assert await asyncio.to_thread(main, [*arguments[:-1], str(tmp_path / "empty")]) == 1
    assert "no files of Chroma" in capsys.readouterr().err
    monkeypatch.setenv("CHROMA_HTTP_HOST", "chroma")
    monkeypatch.setenv("VECTOR_DB", "chroma")
    assert await asyncio.to_thread(main, arguments) == 1
    assert "nothing to export" in capsys.readouterr().err
