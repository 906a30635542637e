"""OpenAI's protocol of speech: texts become silence, a word a third of a second, and recordings a fixed sentence."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.demo.asgi import Send, send_bytes, send_json
from fastback.demo.openai import build_error

#: A frame of MP3 with silence: 26 milliseconds at 44.1 kHz and 128 kbit/s.
_SILENT_FRAME = b"\xff\xfb\x90\x00" + bytes(413)
_FRAMES_PER_WORD = 12
TRANSCRIPT = "This is what the recording says."


async def create_speech(body: Any, send: Send) -> None:
    """Speak `input`; a text that contains `[[error]]` is refused."""
    text = body.get("input") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text or "[[error]]" in text:
        await send_json(send, build_error("this cannot be spoken", error_type="invalid_request_error"), 400)
        return
    await send_bytes(send, _SILENT_FRAME * _FRAMES_PER_WORD * len(text.split()), "audio/mpeg")


async def create_transcription(content: bytes, send: Send) -> None:
    """Transcribe a recording; the language `xx` is refused."""
    if b'name="language"\r\n\r\nxx\r\n' in content:
        await send_json(send, build_error("unknown language", error_type="invalid_request_error"), 400)
        return
    await send_json(send, {"text": TRANSCRIPT})


async def answer(path: str, content: bytes, send: Send) -> None:
    """Answer a request below `/v1/audio/`."""
    if path == "/v1/audio/transcriptions":
        await create_transcription(content, send)
        return
    try:
        body = msgspec.json.decode(content or b"{}")
    except msgspec.DecodeError:
        body = None
    if path == "/v1/audio/speech":
        await create_speech(body, send)
    else:
        await send_json(send, build_error("not found"), 404)
