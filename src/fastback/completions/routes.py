"""Chat completions over HTTP, and the tasks that run."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.completions import anthropic_routes, embeddings_routes, unread
from fastback.completions.provider import ProviderFailed
from fastback.completions.service import Completions, Started
from fastback.features.chats.access import ChatAccess
from fastback.kit.http import HttpError, NotFound, Router
from fastback.kit.tasks import Tasks
from fastback.providers import ollama
from fastback.providers.relay import RelayResponse

router = Router("/api")


def refusal(error: ProviderFailed) -> Response:
    """A provider's refusal as the client gets it: its status, its words."""
    return Response(error.body, status_code=error.status, media_type=error.content_type or "application/json")


async def complete(body: dict[str, Any], user: User, completions: Completions, http: Request | None = None) -> Any:
    """A completion for an API client: the provider's bytes, or a stream of them, passed on.

    `http` is told in a header what the answer does without.
    """
    request = completions.read(body)
    model = await completions.model(request.model_id, user)
    prepared = await completions.services.context.prepare(request, model, user)
    if prepared.note and http is not None:
        http.scope.setdefault("fastback.headers", []).append((unread.HEADER, prepared.note.encode()))
    try:
        upstream = await completions.services.provider.open(prepared.model, prepared.payload, user)
    except ProviderFailed as error:
        return refusal(error)
    if not upstream.is_ollama:
        return RelayResponse(upstream.response)
    if not prepared.stream:
        try:
            return await upstream.json()
        finally:
            upstream.close()
    converter = ollama.OllamaToOpenAI(model.id)
    rest = b""

    def convert(piece: bytes) -> bytes:
        nonlocal rest
        *lines, rest = (rest + piece).split(b"\n")
        return b"".join(one for line in lines if line.strip() for one in converter.feed(line))

    return RelayResponse(upstream.response, convert=convert, content_type="text/event-stream")


@router.post("/chat/completions", "/v1/chat/completions")
async def chat_completions(request: Request, data: dict[str, Any], user: VerifiedUser, completions: Completions) -> Any:
    if data.get("session_id") and (data.get("chat_id") or "parent_id" in data):
        started: Started = await completions.start(completions.read(data), user)
        return started
    return await complete(data, user, completions, request)


@router.post("/chat/completed")
async def chat_completed(data: dict[str, Any], user: VerifiedUser) -> dict[str, Any]:
    """Filters run inside the turn; a client that still asks gets its messages back as they are."""
    return data


@router.get("/tasks")
async def list_tasks(user: AdminUser, tasks: Tasks) -> dict[str, list[str]]:
    return {"tasks": tasks.ids()}


@router.get("/tasks/chat/{chat_id:path}")
async def tasks_of_chat(chat_id: str, user: VerifiedUser, tasks: Tasks, rights: ChatAccess) -> dict[str, list[str]]:
    if not await _may_see(chat_id, user, rights):
        return {"task_ids": []}
    return {"task_ids": tasks.of(chat_id)}


@router.post("/tasks/chat/{chat_id:path}/stop")
async def stop_chat(chat_id: str, user: VerifiedUser, tasks: Tasks, rights: ChatAccess) -> dict[str, Any]:
    if not await _may_see(chat_id, user, rights):
        raise NotFound(messages.NOT_FOUND)
    running = tasks.of(chat_id)
    if not running:
        return {"status": True, "message": f"No tasks found for {chat_id}."}
    for task_id in running:
        await tasks.stop(task_id)
    last = running[-1]
    if len(running) == 1:
        return {"status": True, "message": f"Task {last} successfully stopped."}
    return {"status": True, "message": f"All tasks for {chat_id} stopped."}


async def _may_see(chat_id: str, user: User, rights: ChatAccess) -> bool:
    if chat_id.startswith(("temporary:", "local:")):
        return True
    return await rights.may(chat_id, user, "write")


@router.post("/tasks/stop/{task_id}")
async def stop_task(task_id: str, user: AdminUser, tasks: Tasks) -> dict[str, Any]:
    if not await tasks.stop(task_id):
        raise HttpError(404, f"Task with ID {task_id} not found.")
    return {"status": True, "message": f"Task {task_id} successfully stopped."}


routers = [router, anthropic_routes.router, embeddings_routes.router]
