"""Stand-ins for image engines, over HTTP as their vendors describe it: OpenAI, Gemini, AUTOMATIC1111.

Each refuses requests that the vendor would refuse, and keeps those that it has received.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from stub_server import serve_handler

Json = dict[str, Any]
Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPENAI_SIZES = ("256x256", "512x512", "1024x1024", "1024x1536", "1536x1024", "1792x1024", "1024x1792", "auto")


def make_png(red: int = 200, side: int = 4) -> bytes:
    """Return a red square."""
    rows = (b"\0" + bytes((red, 0, 0)) * side) * side
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


class Engine:
    """What the stand-ins share: the requests they have received, and the responses that a test puts in their place."""

    def __init__(self) -> None:
        self.url = ""
        #: Method and path, headers, and the decoded body of each request.
        self.requests: list[tuple[str, Any, Any]] = []
        #: Answers the next request in place of the engine.
        self.replacement: Respond | None = None
        #: Work on a picture goes on only while this is set.
        self.may_work = asyncio.Event()
        self.may_work.set()
        #: Set when work on a picture has begun.
        self.has_begun = asyncio.Event()
        self.png = make_png()

    @property
    def body(self) -> Any:
        """The body of the latest request."""
        return self.requests[-1][2]

    def list_paths(self) -> list[str]:
        return [path for path, _, _ in self.requests]

    async def respond(self, request: web.Request) -> web.StreamResponse:
        body: Any = None
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            body = [
                (name, (value.content_type, value.file.read()) if isinstance(value, web.FileField) else value)
                for name, value in form.items()
            ]
        elif request.can_read_body:
            body = await request.json()
        self.requests.append((f"{request.method} {request.path}", request.headers, body))
        if self.replacement is not None:
            replacement, self.replacement = self.replacement, None
            return await replacement(request)
        return await self.handle(request, body)

    async def handle(self, request: web.Request, body: Any) -> web.StreamResponse:
        raise NotImplementedError

    async def work(self) -> None:
        """Take as long as the test wants."""
        self.has_begun.set()
        await self.may_work.wait()


class OpenAIEngine(Engine):
    """OpenAI's `/v1/images`. Model `dall-e-2` returns addresses unless it is asked for base64."""

    async def handle(self, request: web.Request, body: Any) -> web.StreamResponse:
        if request.path == "/pictures/1.png":
            return web.Response(body=self.png, content_type="image/png")
        if request.headers.get("Authorization") != "Bearer image-key":
            return self._refuse(401, "Incorrect API key provided")
        fields = dict(body) if isinstance(body, list) else body
        pictures = [name for name, _ in body if name in ("image", "image[]")] if isinstance(body, list) else None
        problem = self._find_problem(fields, pictures)
        if problem:
            return self._refuse(400, problem)
        await self.work()
        in_base64 = fields["model"].startswith("gpt-image") or fields.get("response_format") == "b64_json"
        entry = {"b64_json": encode(self.png)} if in_base64 else {"url": f"{self.url}/pictures/1.png"}
        return web.json_response({"created": 1700000000, "data": [entry] * int(fields.get("n") or 1)})

    @staticmethod
    def _find_problem(fields: Json, pictures: list[str] | None) -> str | None:
        if not fields.get("prompt"):
            return "Missing required parameter: 'prompt'."
        if not 1 <= int(fields.get("n") or 1) <= 10:
            return "Invalid 'n'."
        if fields["model"].startswith("gpt-image") and "response_format" in fields:
            return "Unknown parameter: 'response_format'."
        if fields.get("size", "auto") not in _OPENAI_SIZES:
            return "Invalid value for 'size'."
        if pictures is not None and not (pictures == ["image"] or (pictures and set(pictures) == {"image[]"})):
            return "Missing required parameter: 'image'."
        return None

    @staticmethod
    def _refuse(status: int, text: str) -> web.Response:
        return web.json_response({"error": {"message": text, "type": "invalid_request_error"}}, status=status)


class GeminiEngine(Engine):
    """Google's `/v1beta/models/…:predict` and `:generateContent`."""

    async def handle(self, request: web.Request, body: Any) -> web.StreamResponse:
        match = re.fullmatch(r"/v1beta/models/([\w.-]+):(predict|generateContent)", request.path)
        if match is None or request.headers.get("x-goog-api-key") != "google-key":
            return web.json_response({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, status=403)
        await self.work()
        if match[2] == "predict":
            # A field that is repeated takes one value without a list around it.
            instances = body["instances"] if isinstance(body["instances"], list) else [body["instances"]]
            if not instances[0]["prompt"]:
                return web.json_response({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, status=400)
            entry = {"mimeType": "image/png", "bytesBase64Encoded": encode(self.png)}
            return web.json_response({"predictions": [entry] * body["parameters"]["sampleCount"]})
        parts = [{"text": "Here it is."}, {"inlineData": {"mimeType": "image/png", "data": encode(self.png)}}]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        return web.json_response({"candidates": [candidate], "modelVersion": match[1]})


class Automatic1111Engine(Engine):
    """AUTOMATIC1111's `/sdapi/v1`: one job after the other; interrupted ones return what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.model = "first [1]"
        self._queue = asyncio.Lock()
        self.interruptions = 0

    async def handle(self, request: web.Request, body: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Basic {encode(b'user:secret')}":
            return web.json_response({"detail": "Incorrect username or password"}, status=401)
        match request.method, request.path:
            case "GET", "/sdapi/v1/options":
                return web.json_response({"sd_model_checkpoint": self.model, "samples_save": True})
            case "POST", "/sdapi/v1/options":
                self.model = body["sd_model_checkpoint"]
                return web.json_response(None)
            case "POST", "/sdapi/v1/interrupt":
                self.interruptions += 1
                self.may_work.set()
                return web.json_response({})
            case "POST", "/sdapi/v1/txt2img":
                return await self._make_pictures(body)
        return web.json_response({"detail": "Not Found"}, status=404)

    async def _make_pictures(self, body: Json) -> web.Response:
        async with self._queue:
            await asyncio.shield(asyncio.ensure_future(self.work()))
        info = json.dumps({"prompt": body["prompt"], "steps": body.get("steps", 50)})
        images = [encode(self.png)] * body.get("batch_size", 1)
        return web.json_response({"images": images, "parameters": body, "info": info})


@asynccontextmanager
async def run_engine(engine: Engine) -> AsyncIterator[Engine]:
    """Run an engine while the context is open."""
    async with serve_handler(engine.respond, max_body_size=128 * 1024**2) as url:
        engine.url = url
        try:
            yield engine
        finally:
            engine.may_work.set()


def answer_with(content: Any = b"", *, status: int = 200, content_type: str = "application/json") -> Respond:
    """Return a replacement that answers with bytes, or with JSON."""

    async def respond(request: web.Request) -> web.StreamResponse:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return web.Response(body=body, status=status, content_type=content_type)

    return respond


def break_off() -> Respond:
    """Return a replacement that ends the connection in the middle of its response."""

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"data": [')
        assert request.transport is not None
        request.transport.close()
        return response

    return respond
