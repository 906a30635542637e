"""Knowledge for tests: permissions to create it, processed files, stored chunks."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from conftest import Person, Server
from fastback.kit.db import Database
from fastback.retrieval.interfaces import Hit, VectorStore

KNOWLEDGE = "/api/v1/knowledge"


def embedding_settings(upstream: str) -> dict[str, str]:
    """Return environment variables that make the model server embed."""
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "upstream-key",
    }


async def allow_workspace(ada: Person, **workspace: bool) -> None:
    """Grant all users permissions of the workspace."""
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["workspace"] |= workspace
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()


async def create_knowledge(person: Person, name: str = "Birds", **more: Any) -> str:
    """Create a knowledge base and return its id."""
    form = {"name": name, "description": f"About {name}", **more}
    return str((await person.post(f"{KNOWLEDGE}/create", form)).ok()["id"])


async def insert_file(server: Server, owner: Person, name: str, text: str | None, **meta: Any) -> str:
    """Insert a file into the database, processed unless `text` is None, and return its id."""
    db = server.services.get(Database)
    file_id, now = str(uuid.uuid4()), int(time.time())
    data = {} if text is None else {"status": "completed", "content": text}
    await db.execute(
        "tests.file",
        """INSERT INTO file (id, user_id, filename, meta, created_at, hash, data, updated_at, path)
           VALUES (:id, :user_id, :name, :meta, :now, NULL, :data, :now, :path)""",
        id=file_id,
        user_id=owner.id,
        name=name,
        meta=msgspec.json.encode({"name": name, "content_type": "text/plain", **meta}).decode(),
        data=msgspec.json.encode(data).decode(),
        now=now,
        path="",
    )
    return file_id


async def insert_files(server: Server, owner: Person, knowledge_id: str, count: int) -> list[str]:
    """Insert files with some text into the database and into a knowledge base, and return their ids."""
    db = server.services.get(Database)
    now = int(time.time())
    ids = [str(uuid.uuid4()) for _ in range(count)]
    text = "Herons stand in water and wait. " * 300
    async with db.transaction(long=True) as tx:
        await tx.execute_many(
            "tests.files",
            """INSERT INTO file (id, user_id, filename, meta, created_at, hash, data, updated_at, path)
               VALUES (:id, :user_id, :name, :meta, :at, :hash, :data, :at, '')""",
            [
                {
                    "id": file_id,
                    "user_id": owner.id,
                    "name": f"file-{number:05}.txt",
                    "meta": msgspec.json.encode(
                        {"name": f"file-{number:05}.txt", "file_hash": f"sum-{number}"}
                    ).decode(),
                    "at": now - number,
                    "hash": f"hash-{number}",
                    "data": msgspec.json.encode({"status": "completed", "content": text}).decode(),
                }
                for number, file_id in enumerate(ids)
            ],
        )
        await tx.execute_many(
            "tests.links",
            """INSERT INTO knowledge_file (id, knowledge_id, file_id, user_id, created_at, updated_at)
               VALUES (:id, :knowledge_id, :file_id, :user_id, :now, :now)""",
            [
                {
                    "id": str(uuid.uuid4()),
                    "knowledge_id": knowledge_id,
                    "file_id": file_id,
                    "user_id": owner.id,
                    "now": now,
                }
                for file_id in ids
            ],
        )
    if db.dialect == "postgres":
        # PostgreSQL does this by itself a little later.
        await db.execute("tests.analyze", "ANALYZE file, knowledge_file")
    return ids


async def list_chunks(server: Server, collection: str) -> list[Hit]:
    """Return the chunks of a collection."""
    vectors = server.services.get(VectorStore)
    return await vectors.find_chunks(collection)
