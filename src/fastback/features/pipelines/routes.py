"""Routes for the administration of a pipelines server, which is one of the OpenAI-compatible connections."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath
from typing import Any

import aiohttp
import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request

from fastback.access.activity import ActivityEvent
from fastback.access.guards import AdminUser
from fastback.config import Config
from fastback.config.keys.connections import OPENAI_API_BASE_URLS, OPENAI_API_KEYS, OPENAI_ENABLE
from fastback.features.connections.forwarding import RequestForwarder
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, FormField, HttpError, Invalid, NotFound, Router
from fastback.kit.http.coercion import Problem, make_missing_problem, make_problem, read_int
from fastback.kit.http.multipart import parse_form
from fastback.kit.json_decoding import decode_json
from fastback.providers.connections import Connection
from fastback.providers.model_listing import ListingError, fetch_openai_models
from fastback.providers.request_context import RequestContext
from fastback.providers.response_body import read_response
from fastback.settings import Settings

router = Router("/api/v1/pipelines")

JsonObject = dict[str, Any]

_NOT_FOUND = "Pipeline not found"
#: Timeout of a request to a pipelines server (seconds). It is long because the server installs a new pipeline's
#: requirements.
TIMEOUT = 300


async def _call_server(
    config: Config, client: aiohttp.ClientSession, index: int | None, method: str, path: str, **body: Any
) -> JsonObject:
    """Send a request to a pipelines server and return its decoded response.

    Raises:
        HttpError: the server's own error.
        NotFound: there is no such connection, or the server does not answer with a JSON object.
    """
    urls, keys = config.get_list(OPENAI_API_BASE_URLS), config.get_list(OPENAI_API_KEYS)
    if index is None or not 0 <= index < min(len(urls), len(keys)):
        raise NotFound(_NOT_FOUND)
    try:
        async with client.request(
            method,
            f"{urls[index]}{path}",
            headers={"authorization": f"Bearer {keys[index]}"},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            **body,
        ) as response:
            content = await read_response(response)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        raise NotFound(_NOT_FOUND) from None
    try:
        result = decode_json(content)
    except msgspec.DecodeError:
        result = None
    if response.status >= 400:
        detail = result.get("detail") if isinstance(result, dict) else None
        raise HttpError(response.status, detail or _NOT_FOUND)
    if not isinstance(result, dict):
        raise NotFound(_NOT_FOUND)
    return result


class PipelinesServer(msgspec.Struct):
    url: str
    idx: int


@router.get("/list")
async def list_servers(
    user: AdminUser, forwarding: RequestForwarder, settings: Settings
) -> dict[str, list[PipelinesServer]]:
    """Return the connections whose servers report that they run pipelines."""

    async def runs_pipelines(connection: Connection) -> bool:
        if not connection.is_enabled or connection.model_ids:
            return False
        try:
            models = await fetch_openai_models(forwarding.client, connection, settings, RequestContext(user=user))
        except ListingError:
            return False
        return isinstance(models, dict) and "pipelines" in models

    urls = forwarding.config.get_list(OPENAI_API_BASE_URLS)
    connections = forwarding.openai_connections() if forwarding.config.get_bool(OPENAI_ENABLE) else []
    flags = await asyncio.gather(*map(runs_pipelines, connections))
    pipelines_servers = [
        PipelinesServer(urls[connection.index], connection.index)
        for connection, is_pipelines_server in zip(connections, flags, strict=True)
        if is_pipelines_server
    ]
    return {"data": pipelines_servers}


@router.get("/")
async def list_pipelines(
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
    urlIdx: int | None = None,  # noqa: N803
) -> JsonObject:
    return await _call_server(config, client, urlIdx, "GET", "/pipelines")


class AddPipelineForm(msgspec.Struct):
    url: str
    urlIdx: int  # noqa: N815


@router.post("/add")
async def add_pipeline(
    data: AddPipelineForm, user: AdminUser, config: Config, client: aiohttp.ClientSession, bus: Bus
) -> JsonObject:
    """Let the server download and install a pipeline."""
    pipeline = await _call_server(config, client, data.urlIdx, "POST", "/pipelines/add", json={"url": data.url})
    event_data = {"url_idx": data.urlIdx, "url": data.url}
    await bus.publish(ActivityEvent("pipeline.added", user, str(pipeline.get("id") or data.url), data=event_data))
    return pipeline


class _UploadForm(msgspec.Struct):
    index: int
    file: UploadFile


def _parse_upload_form(form: Any) -> _UploadForm:
    """Return the fields of the form.

    Raises:
        Invalid: a field is missing or has another type.
    """
    problems: list[Problem] = []
    index, file = form.get("urlIdx"), form.get("file")
    if index is None:
        problems.append(make_missing_problem(("body", "urlIdx")))
    else:
        index = read_int(index, ("body", "urlIdx"), problems)
    if file is None:
        problems.append(make_missing_problem(("body", "file")))
    elif not isinstance(file, UploadFile):
        message = "Value error, Expected UploadFile, received: <class 'str'>"
        problems.append(make_problem("value_error", ("body", "file"), message, file, {"error": {}}))
    if problems:
        raise Invalid(problems)
    return _UploadForm(index, file)


@router.post("/upload", form=(FormField("urlIdx", "integer"), FormField("file", "file")))
async def upload_pipeline(
    request: Request, user: AdminUser, config: Config, client: aiohttp.ClientSession, bus: Bus
) -> JsonObject:
    """Send an uploaded Python file to the server as a pipeline."""
    form = await parse_form(request)
    try:
        upload_form = _parse_upload_form(form)
        name = PurePosixPath((upload_form.file.filename or "").replace("\\", "/")).name
        if not name.endswith(".py"):
            raise BadRequest("Only Python (.py) files are allowed.")
        # A large upload is stored on disk; aiohttp reads it from there in chunks.
        body = aiohttp.FormData()
        body.add_field("file", upload_form.file.file, filename=name, content_type="application/octet-stream")
        pipeline = await _call_server(config, client, upload_form.index, "POST", "/pipelines/upload", data=body)
    finally:
        await form.close()
    event_data = {"url_idx": upload_form.index, "filename": name}
    await bus.publish(ActivityEvent("pipeline.uploaded", user, str(pipeline.get("id") or name), data=event_data))
    return pipeline


class DeletePipelineForm(msgspec.Struct):
    id: str
    urlIdx: int  # noqa: N815


@router.delete("/delete")
async def delete_pipeline(
    data: DeletePipelineForm, user: AdminUser, config: Config, client: aiohttp.ClientSession, bus: Bus
) -> JsonObject:
    result = await _call_server(config, client, data.urlIdx, "DELETE", "/pipelines/delete", json={"id": data.id})
    await bus.publish(ActivityEvent("pipeline.deleted", user, data.id, data={"url_idx": data.urlIdx}))
    return result


@router.get("/{pipeline_id}/valves")
async def get_valves(
    pipeline_id: str,
    urlIdx: int,  # noqa: N803
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
) -> JsonObject:
    return await _call_server(config, client, urlIdx, "GET", f"/{_require_path_segment(pipeline_id)}/valves")


@router.get("/{pipeline_id}/valves/spec")
async def get_valves_spec(
    pipeline_id: str,
    urlIdx: int,  # noqa: N803
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
) -> JsonObject:
    return await _call_server(config, client, urlIdx, "GET", f"/{_require_path_segment(pipeline_id)}/valves/spec")


@router.post("/{pipeline_id}/valves/update")
async def update_valves(
    pipeline_id: str,
    urlIdx: int,  # noqa: N803
    data: dict[str, Any],
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
    bus: Bus,
) -> JsonObject:
    path = f"/{_require_path_segment(pipeline_id)}/valves/update"
    valves = await _call_server(config, client, urlIdx, "POST", path, json=data)
    await bus.publish(ActivityEvent("pipeline.valves_updated", user, pipeline_id, data={"url_idx": urlIdx}))
    return valves


def _require_path_segment(pipeline_id: str) -> str:
    """Return the id if it is a single path segment.

    Raises:
        NotFound: the id would lead to another path.
    """
    if pipeline_id in (".", "..") or any(char in pipeline_id for char in "/\\?#%"):
        raise NotFound(_NOT_FOUND)
    return pipeline_id
