"""`/api/v1/memories`: the memories of a user."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.memories import paths, store
from fastback.features.memories.schemas import (
    AddForm,
    ChangeForm,
    OperationsForm,
    PathForm,
    PathsForm,
    QueryForm,
    SearchForm,
)
from fastback.features.memories.service import MemoryService
from fastback.features.memories.store import Memory
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.providers.request_context import build_request_context
from fastback.retrieval.interfaces import RetrievalError

router = Router("/api/v1/memories")

JsonObject = dict[str, Any]


@router.get("/")
async def list_memories(user: VerifiedUser, memories: MemoryService) -> list[Memory]:
    await memories.require_access(user)
    return await store.list_memories(memories.db, user.id)


@router.post("/add")
async def add_memory(data: AddForm, request: Request, user: VerifiedUser, memories: MemoryService) -> Memory:
    await memories.require_access(user)
    return await memories.add_memory(build_request_context(request, user), data.content, data.type, data.path)


@router.post("/update")
async def apply_operations(
    data: OperationsForm, request: Request, user: VerifiedUser, memories: MemoryService
) -> list[JsonObject]:
    await memories.require_access(user)
    return await memories.apply_operations(build_request_context(request, user), data)


@router.post("/query")
async def query_memories(
    data: QueryForm, request: Request, user: VerifiedUser, memories: MemoryService
) -> JsonObject | None:
    """Return the memories nearest to a text, in lists of lists as vector stores return them."""
    await memories.require_access(user)
    if not await store.list_memories(memories.db, user.id):
        raise NotFound("No memories found for user")
    limit = 1 if data.k is None else data.k
    try:
        hits = await memories.vectors.find_nearest(user.id, data.content, limit, build_request_context(request, user))
    except RetrievalError as error:
        raise BadRequest(str(error)) from error
    if hits is None:
        return None
    return {
        "ids": [[hit.id for hit in hits]],
        "documents": [[hit.text for hit in hits]],
        "metadatas": [[hit.metadata for hit in hits]],
        "distances": [[hit.score for hit in hits]],
    }


@router.post("/search")
async def search_memories(data: SearchForm, user: VerifiedUser, memories: MemoryService) -> list[Memory]:
    await memories.require_access(user)
    return paths.search_memories(
        await store.list_memories(memories.db, user.id),
        query=data.query,
        path=data.path,
        memory_id=data.memory_id,
        memory_type=data.type,
        limit=data.limit,
    )


@router.post("/paths")
async def list_paths(data: PathsForm, user: VerifiedUser, memories: MemoryService) -> JsonObject:
    await memories.require_access(user)
    user_memories = await store.list_memories(memories.db, user.id)
    return paths.group_by_path(user_memories, query=data.query or "", memory_type=data.type, limit=data.limit)


@router.post("/path")
async def browse_path(data: PathForm, user: VerifiedUser, memories: MemoryService) -> JsonObject:
    await memories.require_access(user)
    return paths.browse_path(
        await store.list_memories(memories.db, user.id),
        path=data.path,
        memory_type=data.type,
        include_children=data.include_children,
        limit=data.limit,
        show=store.build_response,
    )


@router.post("/reindex")
async def rebuild_all_vectors(request: Request, user: AdminUser, memories: MemoryService) -> JsonObject:
    try:
        return await memories.rebuild_all_vectors(build_request_context(request, user))
    except RetrievalError as error:
        raise BadRequest(str(error)) from error


@router.post("/reset")
async def rebuild_vectors(request: Request, user: VerifiedUser, memories: MemoryService) -> bool:
    await memories.require_access(user)
    try:
        await memories.rebuild_vectors(build_request_context(request, user))
    except RetrievalError as error:
        raise BadRequest(str(error)) from error
    return True


@router.delete("/delete/user")
async def delete_all_memories(user: VerifiedUser, memories: MemoryService) -> bool:
    await memories.require_access(user)
    await memories.delete_all_memories(user)
    return True


@router.post("/{memory_id}/update")
async def update_memory(
    memory_id: str, data: ChangeForm, request: Request, user: VerifiedUser, memories: MemoryService
) -> Memory:
    await memories.require_access(user)
    return await memories.update_memory(
        build_request_context(request, user), memory_id, data.content, data.type, data.path
    )


@router.delete("/{memory_id}")
async def delete_memory(memory_id: str, user: VerifiedUser, memories: MemoryService) -> bool:
    await memories.require_access(user)
    return await memories.delete_memory(user, memory_id)
