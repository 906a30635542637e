"""Routes for the models on servers that load them on demand: llama.cpp and LM Studio."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fastback.access.guards import AdminUser
from fastback.access.identity import User
from fastback.features.connections.forwarding import RequestForwarder
from fastback.kit.http import BadRequest, HttpError, NotFound, Router
from fastback.kit.json_decoding import decode_json, decode_without_surrogates
from fastback.providers.connections import Connection
from fastback.providers.relay import RelayResponse
from fastback.providers.response_body import MAX_ERROR_BYTES, read_beginning, read_json_response

router = Router("/openai/models/{url_idx}")

#: Paths of each provider's own API, relative to the server's root.
_PATHS = {
    "llama.cpp": {
        "list": "/models",
        "download": "/models",
        "delete": "/models",
        "load": "/models/load",
        "unload": "/models/unload",
        "sse": "/models/sse",
    },
    "lmstudio": {
        "list": "/api/v1/models",
        "download": "/api/v1/models/download",
        "download_status": "/api/v1/models/download/status/{job_id}",
        "load": "/api/v1/models/load",
        "unload": "/api/v1/models/unload",
    },
}


class ModelOperationForm(msgspec.Struct):
    """The model of an operation; further fields of the body are passed to the server unchecked."""

    model: str


def get_server_root(connection: Connection) -> str:
    """Return the server's root address, without the path of its OpenAI-compatible API."""
    for suffix in ("/api/v1", "/api/v0", "/v1"):
        if connection.url.endswith(suffix):
            return connection.url.removesuffix(suffix)
    return connection.url


def _require_managed_connection(forwarding: RequestForwarder, index: int) -> tuple[Connection, str]:
    """Return a connection whose provider supports model management, and the provider.

    Raises:
        NotFound: there is no such connection.
        BadRequest: its provider does not support model management.
    """
    connections = forwarding.openai_connections()
    if not 0 <= index < len(connections):
        raise NotFound("Connection not found")
    provider = str(connections[index].options.get("provider") or "")
    if provider not in _PATHS:
        raise BadRequest(f'Provider "{provider or "default"}" does not support model management')
    return connections[index], provider


async def call_management_api(
    forwarding: RequestForwarder,
    connection: Connection,
    operation: str,
    user: User,
    request: Request,
    *,
    method: str = "GET",
    body: Any = None,
    params: dict[str, str] | None = None,
    job_id: str = "",
    error_as_text: bool = False,
) -> aiohttp.ClientResponse:
    """Call a server's model management API and return its successful response.

    With `words` the detail of an error is the response's text, even if that text is JSON.

    Raises:
        BadRequest: the provider does not support the operation.
        HttpError: the server's own error, or 500 if it cannot be reached.
    """
    provider = str(connection.options.get("provider") or "")
    path = _PATHS[provider].get(operation)
    if path is None:
        raise BadRequest(f'Provider "{provider}" does not support {operation}')
    if provider == "lmstudio" and operation == "unload" and body:
        body = {"instance_id": body.get("instance_id") or body.get("model")}
    url = get_server_root(connection) + path.replace("{job_id}", job_id)
    try:
        response = await forwarding.send_request(connection, method, url, user, request, body=body, params=params)
        if response.status < 400:
            return response
        content = await read_beginning(response, MAX_ERROR_BYTES)
        response.release()
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise HttpError(500, str(error)) from error
    detail: Any = content.decode("utf-8", "replace")
    if not error_as_text:
        try:
            detail = decode_json(content)
        except msgspec.DecodeError:
            pass
    raise HttpError(response.status, detail)


async def read_json(response: aiohttp.ClientResponse) -> Any:
    """Return the decoded response; a response that is not JSON means success.

    Raises:
        HttpError 500: the connection broke.
    """
    try:
        return await read_json_response(response)
    except msgspec.DecodeError:
        return {"success": True}
    except (aiohttp.ClientError, OSError) as error:
        raise HttpError(500, str(error)) from error
    finally:
        response.release()


async def _change_models(
    forwarding: RequestForwarder, index: int, operation: str, data: ModelOperationForm, user: User, request: Request
) -> Any:
    """Run an operation that changes a server's models, and refresh the model list soon afterwards."""
    connection, _ = _require_managed_connection(forwarding, index)
    fields = decode_without_surrogates(await request.body())
    body = {key: value for key, value in fields.items() if value is not None}
    body["model"] = data.model.removeprefix(f"{connection.prefix}.") if connection.prefix else data.model
    response = await call_management_api(forwarding, connection, operation, user, request, method="POST", body=body)
    result = await read_json(response)
    forwarding.registry.refresh_soon()
    return result


@router.get("/catalog")
async def list_server_models(url_idx: int, request: Request, user: AdminUser, forwarding: RequestForwarder) -> Any:
    """Return the models that a server has or offers, in the server's own format."""
    connection, _ = _require_managed_connection(forwarding, url_idx)
    return await read_json(await call_management_api(forwarding, connection, "list", user, request))


@router.post("/download")
async def download_model(
    url_idx: int, data: ModelOperationForm, request: Request, user: AdminUser, forwarding: RequestForwarder
) -> Any:
    """Let a server download a model."""
    return await _change_models(forwarding, url_idx, "download", data, user, request)


@router.get("/download/status/{job_id}")
async def get_download_status(
    url_idx: int, job_id: str, request: Request, user: AdminUser, forwarding: RequestForwarder
) -> Any:
    """Return the status of a download."""
    connection, _ = _require_managed_connection(forwarding, url_idx)
    escaped_job_id = quote(job_id, safe="")
    return await read_json(
        await call_management_api(forwarding, connection, "download_status", user, request, job_id=escaped_job_id)
    )


@router.post("/load")
async def load_model(
    url_idx: int, data: ModelOperationForm, request: Request, user: AdminUser, forwarding: RequestForwarder
) -> Any:
    """Let a server load a model into memory."""
    return await _change_models(forwarding, url_idx, "load", data, user, request)


@router.post("/unload")
async def unload_model(
    url_idx: int, data: ModelOperationForm, request: Request, user: AdminUser, forwarding: RequestForwarder
) -> Any:
    """Let a server unload a model from memory."""
    return await _change_models(forwarding, url_idx, "unload", data, user, request)


@router.get("/sse")
async def stream_model_events(
    url_idx: int, request: Request, user: AdminUser, forwarding: RequestForwarder
) -> Response:
    """Relay a server's event stream about its models."""
    connection, _ = _require_managed_connection(forwarding, url_idx)
    return RelayResponse(await call_management_api(forwarding, connection, "sse", user, request))


@router.delete("")
async def delete_model(
    url_idx: int, model: str, request: Request, user: AdminUser, forwarding: RequestForwarder
) -> Any:
    """Let a server delete a model."""
    connection, _ = _require_managed_connection(forwarding, url_idx)
    name = model.removeprefix(f"{connection.prefix}.") if connection.prefix else model
    response = await call_management_api(
        forwarding, connection, "delete", user, request, method="DELETE", params={"model": name}
    )
    result = await read_json(response)
    forwarding.registry.refresh_soon()
    return result
