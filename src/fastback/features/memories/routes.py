"""`/api/v1/memories`: what a user wanted remembered."""

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
from fastback.features.memories.service import Memories
from fastback.features.memories.store import Memory
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.providers.request_context import build_request_context
from fastback.retrieval.interfaces import RetrievalError

router = Router("/api/v1/memories")

Answer = dict[str, Any]


@router.get("/")
async def mine(user: VerifiedUser, memories: Memories) -> list[Memory]:
    await memories.check(user)
    return await store.of_user(memories.db, user.id)


@router.post("/add")
async def add(data: AddForm, request: Request, user: VerifiedUser, memories: Memories) -> Memory:
    await memories.check(user)
    return await memories.add(build_request_context(request, user), data.content, data.type, data.path)


@router.post("/update")
async def apply(data: OperationsForm, request: Request, user: VerifiedUser, memories: Memories) -> list[Answer]:
    await memories.check(user)
    return await memories.apply(build_request_context(request, user), data)


@router.post("/query")
async def query(data: QueryForm, request: Request, user: VerifiedUser, memories: Memories) -> Answer | None:
    """The memories nearest to a text, in lists of lists as vector stores answer."""
    await memories.check(user)
    if not await store.of_user(memories.db, user.id):
        raise NotFound("No memories found for user")
    limit = 1 if data.k is None else data.k
    try:
        hits = await memories.vectors.nearest(user.id, data.content, limit, build_request_context(request, user))
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
async def search(data: SearchForm, user: VerifiedUser, memories: Memories) -> list[Memory]:
    await memories.check(user)
    return paths.search(
        await store.of_user(memories.db, user.id),
        query=data.query,
        path=data.path,
        memory_id=data.memory_id,
        kind=data.type,
        limit=data.limit,
    )


@router.post("/paths")
async def places(data: PathsForm, user: VerifiedUser, memories: Memories) -> Answer:
    await memories.check(user)
    known = await store.of_user(memories.db, user.id)
    return paths.groups(known, query=data.query or "", kind=data.type, limit=data.limit)


@router.post("/path")
async def place(data: PathForm, user: VerifiedUser, memories: Memories) -> Answer:
    await memories.check(user)
    return paths.place(
        await store.of_user(memories.db, user.id),
        path=data.path,
        kind=data.type,
        include_children=data.include_children,
        limit=data.limit,
        show=store.shown,
    )


@router.post("/reindex")
async def reindex(request: Request, user: AdminUser, memories: Memories) -> Answer:
    try:
        return await memories.remake_everybodys(build_request_context(request, user))
    except RetrievalError as error:
        raise BadRequest(str(error)) from error


@router.post("/reset")
async def reset(request: Request, user: VerifiedUser, memories: Memories) -> bool:
    await memories.check(user)
    try:
        await memories.remake(build_request_context(request, user))
    except RetrievalError as error:
        raise BadRequest(str(error)) from error
    return True


@router.delete("/delete/user")
async def delete_all(user: VerifiedUser, memories: Memories) -> bool:
    await memories.check(user)
    await memories.delete_all(user)
    return True


@router.post("/{memory_id}/update")
async def change(memory_id: str, data: ChangeForm, request: Request, user: VerifiedUser, memories: Memories) -> Memory:
    await memories.check(user)
    return await memories.change(build_request_context(request, user), memory_id, data.content, data.type, data.path)


@router.delete("/{memory_id}")
async def delete(memory_id: str, user: VerifiedUser, memories: Memories) -> bool:
    await memories.check(user)
    return await memories.delete(user, memory_id)
