"""Files and knowledge with passages that questions refer to, and grants to read them."""

from __future__ import annotations

import json
from typing import Any

from conftest import Person, Server
from fastback.kit.db import Database
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, VectorStore


async def create_file(server: Server, owner: Person, file_id: str, content: str) -> dict[str, Any]:
    """Create a stored and indexed file, and return it as the page refers to it."""
    name = f"{file_id}.txt"
    await server.services.get(Database).execute(
        "test.file",
        """INSERT INTO file (id, user_id, filename, meta, data, hash, created_at, updated_at)
           VALUES (:id, :user_id, :name, :meta, :data, :hash, 1, 1)""",
        id=file_id,
        hash=file_id,
        user_id=owner.id,
        name=name,
        meta=json.dumps({"name": f"The {name}", "content_type": "text/plain"}),
        data=json.dumps({"content": content, "status": "completed"}),
    )
    metadata = {"file_id": file_id, "name": name, "source": name, "hash": file_id}
    await server.services.get(Indexer).index_documents(f"file-{file_id}", [Document(content, metadata)])
    return {"type": "file", "id": file_id, "name": name, "content_type": "text/plain"}


async def create_knowledge(server: Server, owner: Person, name: str, *files: str) -> dict[str, Any]:
    """Create a knowledge with these files, and return it as the page refers to it."""
    db = server.services.get(Database)
    await db.execute(
        "test.knowledge",
        """INSERT INTO knowledge (id, user_id, name, description, created_at, updated_at)
           VALUES (:id, :user_id, :name, '', 1, 1)""",
        id=name,
        name=name,
        user_id=owner.id,
    )
    for file_id in files:
        await db.execute(
            "test.knowledge_file",
            """INSERT INTO knowledge_file (id, user_id, knowledge_id, file_id, created_at, updated_at)
               VALUES (:id, :user_id, :knowledge_id, :file_id, 1, 1)""",
            id=f"{name}-{file_id}",
            user_id=owner.id,
            knowledge_id=name,
            file_id=file_id,
        )
        await server.services.get(VectorStore).copy_chunks(f"file-{file_id}", name, {}, {"knowledge_id": name})
    return {"type": "collection", "id": name, "name": name}


async def grant_read_access(server: Server, kind: str, name: str, person: Person) -> None:
    """Grant a person read access to a resource."""
    await server.services.get(Database).execute(
        "test.grant",
        """INSERT INTO access_grant
               (id, resource_type, resource_id, principal_type, principal_id, permission, created_at)
           VALUES (:id, :kind, :name, 'user', :user_id, 'read', 1)""",
        id=name,
        name=name,
        kind=kind,
        user_id=person.id,
    )
