"""A server that speaks and transcribes with the protocols of OpenAI, Azure, ElevenLabs, Mistral and Deepgram.

Requests and responses follow the vendors' public API references. Faults are switched on by name.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from stub_server import serve_handler

#: The beginning of an MP3 file, and what follows it; the engine may pause between them.
HEAD, TAIL = b"ID3\x03\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" * 200, b"\xff\xfb\x90\x00" * 5000
SOUND = HEAD + TAIL


class SpeechEngines:
    """The server.

    Attributes:
        requests: path, headers and body of each request; forms as a dict, with name, type and bytes of files.
        fault: `refuse`, `html`, `break`, `early`, `hang`, `empty`, or none.
        sound: what engines speak, and its media type.
        transcript: what engines hear; with `{n}` for the number of the request.
        may_continue: is awaited between the beginning of a sound and the rest.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.fault = ""
        self.sound, self.content_type = SOUND, "audio/mpeg"
        self.transcript = "Good morning."
        self.may_continue = asyncio.Event()
        self.may_continue.set()
        self.refused_languages: set[str] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of any vendor."""
        body = await _read_body(request)
        self.requests.append((request.path_qs, dict(request.headers), body))
        if self.fault:
            response = await self._fail(request)
            if response is not None:
                return response
        path = request.path
        if path.endswith("/v1/voices"):
            return web.json_response({"voices": [{"voice_id": "rachel", "name": "Rachel"}]})
        if path.startswith("/mistral/audio/speech"):
            return web.json_response({"audio_data": base64.b64encode(self.sound).decode()})
        if path.endswith(("/audio/speech", "/cognitiveservices/v1")) or "/v1/text-to-speech/" in path:
            return await self._speak(request)
        language = body.get("language") if isinstance(body, dict) else None
        language = language or request.query.get("language")
        if language in self.refused_languages:
            return web.json_response({"error": {"message": f"Unknown language {language}"}}, status=400)
        text = self.transcript.replace("{n}", str(len(self.requests)))
        if path.endswith("/audio/transcriptions"):
            return web.json_response({"text": text})
        if path.endswith("/chat/completions"):
            return web.json_response({"choices": [{"message": {"role": "assistant", "content": text}}]})
        if path.endswith("/listen"):
            alternatives = [{"transcript": text, "confidence": 0.9}]
            return web.json_response({"results": {"channels": [{"alternatives": alternatives}]}})
        if path.endswith("/transcriptions:transcribe"):
            return web.json_response({"combinedPhrases": [{"text": text}], "phrases": []})
        return web.json_response({"error": {"message": "not found"}}, status=404)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": self.content_type})
        await response.prepare(request)
        await response.write(self.sound[: len(HEAD)])
        await self.may_continue.wait()
        if self.fault == "break":
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(self.sound[len(HEAD) :])
        await response.write_eof()
        return response

    async def _fail(self, request: web.Request) -> web.StreamResponse | None:
        match self.fault:
            case "refuse":
                return web.json_response({"error": {"message": "No credit left"}}, status=402)
            case "message":
                return web.json_response({"message": "Slow down"}, status=429)
            case "text":
                return web.Response(text="upstream is away", status=503)
            case "html":
                return web.Response(text="<html>Welcome</html>", content_type="text/html")
            case "early":
                assert request.transport is not None
                request.transport.abort()
            case "hang":
                await asyncio.sleep(60)
            case "empty":
                return web.Response(body=b"", content_type="audio/mpeg")
        return None

    def list_paths(self) -> list[str]:
        """Return the paths of the requests."""
        return [path for path, _, _ in self.requests]


async def _read_body(request: web.Request) -> Any:
    if request.content_type == "multipart/form-data":
        form: dict[str, Any] = {}
        async for part in await request.multipart():
            content = await part.read()
            form[part.name] = (
                (part.filename, part.headers.get("content-type", ""), bytes(content))
                if part.filename
                else content.decode()
            )
        return form
    if request.content_type == "application/json":
        return await request.json()
    return await request.read()


@asynccontextmanager
async def run_speech_engines() -> AsyncIterator[SpeechEngines]:
    """Run the server."""
    engines = SpeechEngines()
    async with serve_handler(engines.answer, max_body_size=256 * 1024**2) as url:
        engines.url = url
        yield engines
        engines.may_continue.set()


def name_cached_speech(body: bytes, engine: str, model: str) -> str:
    """Return the name that the reference's cache gives the speech of a request."""
    return hashlib.sha256(body + engine.encode() + model.encode()).hexdigest()
