"""A stand-in for ComfyUI: `/prompt`, `/ws`, `/queue`, `/interrupt`, `/history`, `/view`, `/api/upload/image`."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from aiohttp import web

from image_engines import Engine

Json = dict[str, Any]

WORKFLOW: Json = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "own.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "ComfyUI"}},
}
NODES: list[Json] = [
    {"type": "model", "key": "ckpt_name", "node_ids": ["4"]},
    {"type": "prompt", "key": "text", "node_ids": ["6"]},
    {"type": "negative_prompt", "key": "text", "node_ids": ["7"]},
    {"type": "width", "key": "width", "node_ids": ["5"]},
    {"type": "height", "key": "height", "node_ids": ["5"]},
    {"type": "n", "key": "batch_size", "node_ids": ["5"]},
    {"type": "steps", "key": "steps", "node_ids": ["3"]},
    {"type": "seed", "key": "seed", "node_ids": ["3"]},
]
EDIT_WORKFLOW: Json = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
    "8": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["6", 0]}},
}
EDIT_NODES: list[Json] = [
    {"type": "image", "key": "image", "node_ids": ["1"]},
    {"type": "prompt", "key": "text", "node_ids": ["6"]},
]


class ComfyEngine(Engine):
    """ComfyUI: one job after the other; the client whose job it is hears of its progress."""

    def __init__(self) -> None:
        super().__init__()
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._history: dict[str, Json] = {}
        self._pending: list[tuple[str, Json, str]] = []
        self._current: str | None = None
        self._worker: asyncio.Task[None] | None = None
        self._interrupted = False
        self.uploads: dict[str, bytes] = {}
        #: Jobs that were stopped or taken from the queue.
        self.cancelled: list[str] = []
        #: Whether jobs fail, and whether sockets are closed in the middle of a job.
        self.fails = self.closes_sockets = False

    async def handle(self, request: web.Request, body: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer comfy-key":
            return web.Response(status=401)
        match request.method, request.path:
            case "GET", "/ws":
                return await self._serve_socket(request)
            case "POST", "/prompt":
                return self._queue(body)
            case "GET", "/queue":
                running = [[1, self._current, {}, {}, []]] if self._current else []
                pending = [[number, job[0], {}, {}, []] for number, job in enumerate(self._pending, 2)]
                return web.json_response({"queue_running": running, "queue_pending": pending})
            case "POST", "/queue":
                self.cancelled += body["delete"]
                self._pending = [job for job in self._pending if job[0] not in body["delete"]]
                return web.Response()
            case "POST", "/interrupt":
                if body.get("prompt_id") == self._current and self._current:
                    self.cancelled.append(self._current)
                    self._interrupted = True
                    self.may_work.set()
                return web.Response()
            case "GET", "/view":
                return web.Response(body=self.png, content_type="image/png")
            case "POST", "/api/upload/image":
                return self._store_upload(body)
            case "GET", path if path.startswith("/history/"):
                prompt_id = path.removeprefix("/history/")
                entry = self._history.get(prompt_id)
                return web.json_response({prompt_id: entry} if entry else {})
        return web.Response(status=404)

    def _queue(self, body: Json) -> web.Response:
        workflow = body["prompt"]
        for node in workflow.values():
            if any(value is None for value in node["inputs"].values()):
                error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
                return web.json_response({"error": error, "node_errors": {}}, status=400)
        prompt_id = str(uuid.uuid4())
        self._pending.append((prompt_id, workflow, body["client_id"]))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._run_jobs())
        return web.json_response({"prompt_id": prompt_id, "number": 1, "node_errors": {}})

    async def _run_jobs(self) -> None:
        while self._pending:
            prompt_id, workflow, client_id = self._pending.pop(0)
            self._current, self._interrupted = prompt_id, False
            await self._send(client_id, "execution_start", {"prompt_id": prompt_id})
            await self._send(client_id, "executing", {"node": "3", "prompt_id": prompt_id})
            socket = self._sockets.get(client_id)
            if socket is not None and not socket.closed:
                await socket.send_bytes(b"\0\0\0\1\0\0\0\1" + self.png)  # a preview
            await self.work()
            if self.closes_sockets and socket is not None:
                await socket.close()
            await self._end_job(prompt_id, workflow, client_id)
            self._current = None

    async def _end_job(self, prompt_id: str, workflow: Json, client_id: str) -> None:
        outputs: Json = {}
        if self._interrupted:
            await self._send(client_id, "execution_interrupted", {"prompt_id": prompt_id, "node_id": "3"})
        elif self.fails:
            error = {"prompt_id": prompt_id, "node_type": "KSampler", "exception_message": "out of memory"}
            await self._send(client_id, "execution_error", error)
        else:
            outputs = {node_id: self._make_output(node) for node_id, node in workflow.items()}
        status = {"status_str": "success" if outputs else "error", "completed": bool(outputs)}
        self._history[prompt_id] = {"outputs": outputs, "status": status}
        await self._send(client_id, "executing", {"node": None, "prompt_id": prompt_id})

    @staticmethod
    def _make_output(node: Json) -> Json:
        kinds = {"SaveImage": "output", "PreviewImage": "temp"}
        kind = kinds.get(node["class_type"])
        if kind is None:
            return {}
        return {"images": [{"filename": f"{kind}_00001_.png", "subfolder": "", "type": kind}]}

    async def _send(self, client_id: str, kind: str, data: Json) -> None:
        socket = self._sockets.get(client_id)
        if socket is not None and not socket.closed:
            await socket.send_json({"type": kind, "data": data})

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query["clientId"]
        self._sockets[client_id] = socket
        await socket.send_json({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}})
        async for _ in socket:
            pass
        self._sockets.pop(client_id, None)
        return socket

    def _store_upload(self, body: list[tuple[str, Any]]) -> web.Response:
        fields = dict(body)
        name = f"upload-{len(self.uploads) + 1}.png"
        self.uploads[name] = fields["image"][1]
        assert fields["type"] == "input"
        return web.json_response({"name": name, "subfolder": "", "type": "input"})
