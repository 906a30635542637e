"""ComfyUI: a workflow is queued over HTTP, its end comes over a WebSocket, its pictures are fetched over HTTP."""

from __future__ import annotations

import asyncio
import io
import logging
import uuid
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.kit.tasks import Tasks
from fastback.media.engine_client import MAX_RESPONSE_BYTES
from fastback.media.images.comfyui_workflow import list_output_images
from fastback.media.images.engine_requests import EngineRequests, ImageEngineError, describe_failure
from fastback.media.images.pictures import Picture, RemotePicture, get_extension

log = logging.getLogger("fastback.images")

Json = dict[str, Any]

#: Seconds that a job may take with its time in the queue, between two signs of life, to stop a job, and between two
#: questions for a job whose socket was closed.
MAX_JOB_SECONDS, _HEARTBEAT_SECONDS, _CANCEL_SECONDS, _POLL_SECONDS = 3600.0, 30.0, 10.0, 1.0

#: Characters of an event: those that tell the end of a job are short.
_MAX_EVENT_LENGTH = 256 * 1024

_NO_IMAGE = "The image engine returned no image"


class ComfyUI:
    """One engine."""

    def __init__(self, requests: EngineRequests, *, base_url: str, key: str, tasks: Tasks) -> None:
        self._requests = requests
        self._base_url = base_url.rstrip("/")
        self._headers = {"User-Agent": "Mozilla/5.0"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._tasks = tasks

    async def upload_picture(self, picture: Picture) -> str:
        """Store a picture in the engine's directory of inputs, and return its name there.

        Raises:
            ImageEngineError: the engine failed.
        """
        name = f"{uuid.uuid4()}{get_extension(picture.media_type)}"
        form = aiohttp.FormData()
        form.add_field("image", io.BytesIO(picture.content), filename=name, content_type=picture.media_type)
        form.add_field("type", "input")
        response = await self._requests.send_form(f"{self._base_url}/api/upload/image", form, self._headers)
        stored = response.get("name") if isinstance(response, dict) else None
        return stored if isinstance(stored, str) and stored else name

    async def run_workflow(self, workflow: Json) -> list[RemotePicture]:
        """Run a workflow, and return its pictures. A cancelled job is taken from the queue, or stopped.

        Raises:
            ImageEngineError: the engine failed, or returned no picture.
        """
        client_id = str(uuid.uuid4())
        url = f"{self._base_url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        try:
            async with (
                asyncio.timeout(MAX_JOB_SECONDS),
                self._requests.client.ws_connect(
                    url, headers=self._headers, heartbeat=_HEARTBEAT_SECONDS, max_msg_size=MAX_RESPONSE_BYTES
                ) as socket,
            ):
                prompt_id = await self._queue(workflow, client_id)
                try:
                    await self._wait_until_done(socket, prompt_id)
                    return await self._list_pictures(workflow, prompt_id)
                except BaseException:
                    self._tasks.run_in_background(self._cancel(prompt_id), may_finish=True)
                    raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise describe_failure(self._base_url, error) from error

    async def _queue(self, workflow: Json, client_id: str) -> str:
        """Queue a workflow and return the id of its job."""
        body = {"prompt": workflow, "client_id": client_id}
        response = await self._requests.send_json(f"{self._base_url}/prompt", body, self._headers)
        prompt_id = response.get("prompt_id") if isinstance(response, dict) else None
        if not isinstance(prompt_id, str):
            raise ImageEngineError("The image engine did not accept the workflow")
        return prompt_id

    async def _wait_until_done(self, socket: aiohttp.ClientWebSocketResponse, prompt_id: str) -> None:
        """Wait until the engine says that a job has ended, or the socket is closed. Previews are skipped.

        Raises:
            ImageEngineError: the job failed, or was stopped.
        """
        async for message in socket:
            event = _decode_event(message.data) if message.type == aiohttp.WSMsgType.TEXT else {}
            data = event.get("data")
            if not isinstance(data, dict) or data.get("prompt_id") != prompt_id:
                continue
            match event.get("type"):
                case "executing" if data.get("node") is None:
                    return
                case "execution_success":
                    return
                case "execution_error":
                    text = str(data.get("exception_message") or "unknown")[:500]
                    log.warning("workflow of %s failed in node %s: %s", self._base_url, data.get("node_type"), text)
                    raise ImageEngineError("The image engine failed to run the workflow")
                case "execution_interrupted":
                    raise ImageEngineError("The image engine stopped the workflow")
        log.warning("image engine %s closed its socket during a job", self._base_url)

    async def _list_pictures(self, workflow: Json, prompt_id: str) -> list[RemotePicture]:
        """Return the pictures of a job that has ended.

        Raises:
            ImageEngineError: it has none, or the engine does not know that it has ended.
        """
        entry = await self._get_history(prompt_id)
        images = list_output_images(workflow, entry.get("outputs"))
        if not images:
            raise ImageEngineError(_NO_IMAGE)
        return [RemotePicture(self._build_address(image), self._base_url, self._headers) for image in images]

    async def _get_history(self, prompt_id: str) -> Json:
        """Return what the engine keeps of a job, once it has ended: the socket may have been closed before.

        Raises:
            ImageEngineError: the engine does not know the job any more.
        """
        url = f"{self._base_url}/history/{quote(prompt_id, safe='')}"
        is_open = True
        while True:
            history = await self._requests.get_json(url, self._headers)
            entry = history.get(prompt_id) if isinstance(history, dict) else None
            if isinstance(entry, dict):
                return entry
            if not is_open:
                raise ImageEngineError("The connection to the image engine was interrupted")
            is_open = await self._find_position(prompt_id) is not None
            if is_open:
                await asyncio.sleep(_POLL_SECONDS)

    async def _find_position(self, prompt_id: str) -> str | None:
        """Return the part of the queue that has a job: `queue_running` or `queue_pending`."""
        queue = await self._requests.get_json(f"{self._base_url}/queue", self._headers)
        return next((name for name in ("queue_running", "queue_pending") if _is_queued(queue, name, prompt_id)), None)

    def _build_address(self, image: Json) -> str:
        query = {name: str(image.get(name) or "") for name in ("filename", "subfolder", "type")}
        return f"{self._base_url}/view?{urlencode(query)}"

    async def _cancel(self, prompt_id: str) -> None:
        """Take a job from the queue, or stop it where it runs; one that has ended is left alone."""
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                position = await self._find_position(prompt_id)
                if position == "queue_running":
                    # Older versions stop whatever runs, so this is asked for only while the job does.
                    await self._post(f"{self._base_url}/interrupt", {"prompt_id": prompt_id})
                elif position == "queue_pending":
                    await self._post(f"{self._base_url}/queue", {"delete": [prompt_id]})
        except (ImageEngineError, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("stopping a job of %s failed: %s", self._base_url, error)

    async def _post(self, url: str, body: Json) -> None:
        """Send a request whose response has no content."""
        async with self._requests.client.post(url, json=body, headers=self._headers) as response:
            if response.status >= 400:
                raise ImageEngineError(f"HTTP {response.status}")


def _decode_event(text: str) -> Json:
    """Return an event; an empty one where the text is invalid, or too long to be one that counts."""
    try:
        event = decode_json(text) if len(text) <= _MAX_EVENT_LENGTH else None
    except msgspec.DecodeError:
        return {}
    return event if isinstance(event, dict) else {}


def _is_queued(queue: Any, name: str, prompt_id: str) -> bool:
    """Return whether a part of the engine's queue has a job: `[number, id, …]` each."""
    jobs = queue.get(name) if isinstance(queue, dict) else None
    entries = jobs if isinstance(jobs, list) else []
    return any(isinstance(job, list) and len(job) > 1 and job[1] == prompt_id for job in entries)
