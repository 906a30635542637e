"""Routes with which administrators change the models of Ollama servers: pull, push, create, copy, delete, unload."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.connections import management_routes
from fastback.features.connections.forwarding import RequestForwarder, get_connection
from fastback.kit.http import BadRequest, HttpError, NotFound, Router
from fastback.providers.connections import Connection
from fastback.providers.registry import ModelRegistry
from fastback.providers.relay import RelayResponse

router = Router()

Payload = dict[str, Any]


class _RefreshingRelayResponse(RelayResponse):
    """Relay an operation that changes a server's models, and refresh the model list soon afterwards."""

    registry: ModelRegistry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.registry.refresh_soon()


def _normalise_fields(data: Payload) -> Payload:
    """Return a payload without nulls, in which the model is called `model` even if the client wrote `name`."""
    fields = {key: value for key, value in data.items() if value is not None}
    if "model" not in fields and "name" in fields:
        fields["model"] = fields["name"]
    return fields


async def _relay_change(
    forwarding: RequestForwarder, connection: Connection, path: str, user: User, request: Request, body: Payload
) -> Response:
    response = _RefreshingRelayResponse(
        await forwarding.send_ollama_request(connection, "POST", path, user, request, body)
    )
    response.registry = forwarding.registry
    return response


async def _require_connection(forwarding: RequestForwarder, name: Any, index: int | None) -> Connection:
    """Return the connection at `index`, or, if it is None, the first one whose server has the model.

    Raises:
        BadRequest: no server has the model.
    """
    connections = forwarding.ollama_connections()
    if index is None:
        indexes = await forwarding.list_ollama_indexes(name) if isinstance(name, str) else []
        if not indexes:
            raise BadRequest(messages.model_not_found(str(name)))
        index = indexes[0]
    return get_connection(connections, index)


@router.post("/ollama/api/pull", "/ollama/api/pull/{url_idx}")
async def pull_model(
    data: Payload, request: Request, user: AdminUser, forwarding: RequestForwarder, url_idx: int = 0
) -> Response:
    connection = get_connection(forwarding.ollama_connections(), url_idx)
    return await _relay_change(
        forwarding, connection, "/api/pull", user, request, {**_normalise_fields(data), "insecure": True}
    )


class PushForm(msgspec.Struct, omit_defaults=True):
    model: str
    insecure: bool | None = None
    stream: bool | None = None


@router.delete("/ollama/api/push", "/ollama/api/push/{url_idx}")
async def push_model(
    data: PushForm, request: Request, user: AdminUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Response:
    connection = await _require_connection(forwarding, data.model, url_idx)
    return await _relay_change(forwarding, connection, "/api/push", user, request, msgspec.to_builtins(data))


@router.post("/ollama/api/create", "/ollama/api/create/{url_idx}")
async def create_model(
    data: Payload, request: Request, user: AdminUser, forwarding: RequestForwarder, url_idx: int = 0
) -> Response:
    connection = get_connection(forwarding.ollama_connections(), url_idx)
    body = {key: value for key, value in data.items() if value is not None}
    return await _relay_change(forwarding, connection, "/api/create", user, request, body)


class CopyForm(msgspec.Struct):
    source: str
    destination: str


@router.post("/ollama/api/copy", "/ollama/api/copy/{url_idx}")
async def copy_model(
    data: CopyForm, request: Request, user: AdminUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> bool:
    connection = await _require_connection(forwarding, data.source, url_idx)
    await forwarding.fetch_ollama_json(connection, "POST", "/api/copy", user, request, data)
    forwarding.registry.refresh_soon()
    return True


@router.delete("/ollama/api/delete", "/ollama/api/delete/{url_idx}")
async def delete_model(
    data: Payload, request: Request, user: AdminUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> bool:
    body = _normalise_fields(data)
    connection = await _require_connection(forwarding, body.get("model"), url_idx)
    await forwarding.fetch_ollama_json(connection, "DELETE", "/api/delete", user, request, body)
    forwarding.registry.refresh_soon()
    return True


@router.post("/ollama/api/show")
async def show_model(data: Payload, request: Request, user: VerifiedUser, forwarding: RequestForwarder) -> Any:
    """Return what an Ollama server knows about a model that the user may use."""
    body = _normalise_fields(data)
    name = str(body.get("model") or "")
    forwarding.ollama_connections()
    await forwarding.require_model_access(user, name)
    connection = await forwarding.choose_ollama_connection(name, user, None)
    return await forwarding.fetch_ollama_json(connection, "POST", "/api/show", user, request, body)


async def _unload_from_all(forwarding: RequestForwarder, name: str, user: User, request: Request) -> list[Payload]:
    """Unload a model from every server that has it; return one entry for each failure."""
    connections = forwarding.ollama_connections()
    failures: list[Payload] = []
    for index in await forwarding.list_ollama_indexes(name):
        connection = get_connection(connections, index)
        upstream_name = name.removeprefix(f"{connection.prefix}.") if connection.prefix else name
        body = {"model": upstream_name, "keep_alive": 0, "prompt": ""}
        try:
            await forwarding.fetch_ollama_json(connection, "POST", "/api/generate", user, request, body)
        except HttpError as error:
            failures.append({"url_idx": index, "success": False, "error": str(error.detail)})
    forwarding.registry.refresh_soon()
    return failures


@router.post("/ollama/api/unload")
async def unload_ollama_model(
    data: Payload, request: Request, user: AdminUser, forwarding: RequestForwarder
) -> Payload:
    """Unload a model from the memory of all Ollama servers."""
    name = _normalise_fields(data).get("model")
    if not isinstance(name, str) or not name:
        raise BadRequest("Missing name of the model to unload.")
    if not await forwarding.list_ollama_indexes(name):
        raise BadRequest(messages.model_not_found(name))
    failures = await _unload_from_all(forwarding, name, user, request)
    if failures:
        raise HttpError(500, f"Failed to unload model on {len(failures)} nodes: {failures}")
    return {"status": True}


class UnloadForm(msgspec.Struct):
    model: str


@router.post("/api/models/unload")
async def unload_model(data: UnloadForm, request: Request, user: AdminUser, forwarding: RequestForwarder) -> Any:
    """Unload a model from its server's memory; for a workspace model, unload its base model."""
    name, seen = data.model, set()
    model = await forwarding.registry.find(name)
    while model is not None and model.connection is None and model.base_model_id and name not in seen:
        seen.add(name)
        name = model.base_model_id
        model = await forwarding.registry.find(name)
    if await forwarding.list_ollama_indexes(name):
        failures = await _unload_from_all(forwarding, name, user, request)
        if failures:
            raise HttpError(500, f"Failed to unload model on {len(failures)} node(s): {failures}")
        return {"status": True}
    if model is None or model.connection is None:
        raise NotFound(f'Model "{name}" not found')
    provider = str(model.connection.options.get("provider") or "")
    if provider != "llama.cpp":
        raise BadRequest(f'Provider "{provider or "default"}" does not support model unloading')
    body = {"model": model.upstream_id}
    response = await management_routes.call_management_api(
        forwarding, model.connection, "unload", user, request, method="POST", body=body, error_as_text=True
    )
    result = await management_routes.read_json(response)
    forwarding.registry.refresh_soon()
    return result
