"""`/api/v1/pipelines`: what administrators ask of a pipelines server, one of the OpenAI-compatible connections."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath
from typing import Any

import aiohttp
import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request

from fastback.access.activity import Happened
from fastback.access.guards import AdminUser
from fastback.config import Config
from fastback.features.connections.forwarding import Forwarding
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, HttpError, Invalid, NotFound, Router
from fastback.kit.http.coercion import Problem, missing, problem, read_int
from fastback.providers.connections import Connection
from fastback.providers.model_listing import ListingError, openai_list
from fastback.providers.request_context import RequestContext
from fastback.settings import Settings

router = Router("/api/v1/pipelines")

Answer = dict[str, Any]

_NOT_FOUND = "Pipeline not found"
#: How long a pipelines server may take; it installs what a new pipeline needs (seconds).
PATIENCE = 300


async def _asked(
    config: Config, client: aiohttp.ClientSession, index: int | None, method: str, path: str, **body: Any
) -> Answer:
    """The server's answer.

    Raises:
        HttpError: the server's own refusal, or 404 where there is none that answers.
    """
    urls, keys = config.items("openai.api_base_urls"), config.items("openai.api_keys")
    if index is None or not 0 <= index < min(len(urls), len(keys)):
        raise NotFound(_NOT_FOUND)
    try:
        async with client.request(
            method,
            f"{urls[index]}{path}",
            headers={"authorization": f"Bearer {keys[index]}"},
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            **body,
        ) as response:
            content = await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        raise NotFound(_NOT_FOUND) from None
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if response.status >= 400:
        detail = found.get("detail") if isinstance(found, dict) else None
        raise HttpError(response.status, detail or _NOT_FOUND)
    if not isinstance(found, dict):
        raise NotFound(_NOT_FOUND)
    return found


class Server(msgspec.Struct):
    url: str
    idx: int


@router.get("/list")
async def servers(user: AdminUser, forwarding: Forwarding, settings: Settings) -> dict[str, list[Server]]:
    """The connections that say of themselves that they run pipelines."""

    async def runs(connection: Connection) -> bool:
        if not connection.enabled or connection.model_ids:
            return False
        try:
            answer = await openai_list(forwarding.client, connection, settings, RequestContext(user=user))
        except ListingError:
            return False
        return isinstance(answer, dict) and "pipelines" in answer

    known = forwarding.config.items("openai.api_base_urls")
    connections = forwarding.openai_connections() if forwarding.config.flag("openai.enable") else []
    found = await asyncio.gather(*map(runs, connections))
    return {"data": [Server(known[one.index], one.index) for one, yes in zip(connections, found, strict=True) if yes]}


@router.get("/")
async def pipelines(
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
    urlIdx: int | None = None,  # noqa: N803
) -> Answer:
    return await _asked(config, client, urlIdx, "GET", "/pipelines")


class AddForm(msgspec.Struct):
    url: str
    urlIdx: int  # noqa: N815


@router.post("/add")
async def add(data: AddForm, user: AdminUser, config: Config, client: aiohttp.ClientSession, bus: Bus) -> Answer:
    made = await _asked(config, client, data.urlIdx, "POST", "/pipelines/add", json={"url": data.url})
    told = {"url_idx": data.urlIdx, "url": data.url}
    await bus.publish(Happened("pipeline.added", user, str(made.get("id") or data.url), data=told))
    return made


class _Upload(msgspec.Struct):
    index: int
    file: UploadFile


def _upload(form: Any) -> _Upload:
    """The fields of the form. Raises: Invalid."""
    problems: list[Problem] = []
    index, file = form.get("urlIdx"), form.get("file")
    if index is None:
        problems.append(missing(("body", "urlIdx")))
    else:
        index = read_int(index, ("body", "urlIdx"), problems)
    if file is None:
        problems.append(missing(("body", "file")))
    elif not isinstance(file, UploadFile):
        words = "Value error, Expected UploadFile, received: <class 'str'>"
        problems.append(problem("value_error", ("body", "file"), words, file, {"error": {}}))
    if problems:
        raise Invalid(problems)
    return _Upload(index, file)


@router.post("/upload")
async def upload(request: Request, user: AdminUser, config: Config, client: aiohttp.ClientSession, bus: Bus) -> Answer:
    async with request.form() as form:
        given = _upload(form)
        name = PurePosixPath((given.file.filename or "").replace("\\", "/")).name
        if not name.endswith(".py"):
            raise BadRequest("Only Python (.py) files are allowed.")
        # The file lies on the disk if it is large, and is read from there piece by piece.
        body = aiohttp.FormData()
        body.add_field("file", given.file.file, filename=name, content_type="application/octet-stream")
        made = await _asked(config, client, given.index, "POST", "/pipelines/upload", data=body)
    told = {"url_idx": given.index, "filename": name}
    await bus.publish(Happened("pipeline.uploaded", user, str(made.get("id") or name), data=told))
    return made


class DeleteForm(msgspec.Struct):
    id: str
    urlIdx: int  # noqa: N815


@router.delete("/delete")
async def delete(data: DeleteForm, user: AdminUser, config: Config, client: aiohttp.ClientSession, bus: Bus) -> Answer:
    gone = await _asked(config, client, data.urlIdx, "DELETE", "/pipelines/delete", json={"id": data.id})
    await bus.publish(Happened("pipeline.deleted", user, data.id, data={"url_idx": data.urlIdx}))
    return gone


@router.get("/{pipeline_id}/valves")
async def valves(
    pipeline_id: str,
    urlIdx: int,  # noqa: N803
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
) -> Answer:
    return await _asked(config, client, urlIdx, "GET", f"/{_segment(pipeline_id)}/valves")


@router.get("/{pipeline_id}/valves/spec")
async def valves_spec(
    pipeline_id: str,
    urlIdx: int,  # noqa: N803
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
) -> Answer:
    return await _asked(config, client, urlIdx, "GET", f"/{_segment(pipeline_id)}/valves/spec")


@router.post("/{pipeline_id}/valves/update")
async def update_valves(
    pipeline_id: str,
    urlIdx: int,  # noqa: N803
    data: dict[str, Any],
    user: AdminUser,
    config: Config,
    client: aiohttp.ClientSession,
    bus: Bus,
) -> Answer:
    path = f"/{_segment(pipeline_id)}/valves/update"
    changed = await _asked(config, client, urlIdx, "POST", path, json=data)
    await bus.publish(Happened("pipeline.valves_updated", user, pipeline_id, data={"url_idx": urlIdx}))
    return changed


def _segment(pipeline_id: str) -> str:
    """The id as one part of a path. Raises: NotFound, for one that would lead elsewhere."""
    if pipeline_id in (".", "..") or any(char in pipeline_id for char in "/\\?#%"):
        raise NotFound(_NOT_FOUND)
    return pipeline_id
