"""`POST /api/v1/audio/speech`: a text is spoken, and its sound sent while the engine makes it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.kit.bus import Bus
from fastback.kit.http import Forbidden, Router
from fastback.kit.http.request_body import BodyLimits, read_body
from fastback.kit.http.streaming_response import StreamResponse
from fastback.media.speech import realtime_speech
from fastback.media.speech.synthesis import Speech, SpeechSynthesis

router = Router("/api/v1/audio")

_PREVIEW_LENGTH = 300


@router.post("/speech")
async def create_speech(
    request: Request,
    user: VerifiedUser,
    permissions: Permissions,
    synthesis: SpeechSynthesis,
    limits: BodyLimits,
    bus: Bus,
) -> Response:
    """Speak a text."""
    synthesis.require_engine()
    if not user.is_admin and not await permissions.has(user.id, "chat.tts"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    body = await read_body(request, limits.ordinary)
    speech = await synthesis.speak(body, user)
    event = ActivityEvent("audio.speech_requested", user, speech.name, data=_describe_speech(speech))
    await bus.publish(event)
    if speech.rendering is None or speech.rendering.is_complete:
        return FileResponse(speech.path, media_type=speech.media_type)
    return StreamResponse(speech.rendering.iterate_chunks(), speech.media_type)


def _describe_speech(speech: Speech) -> dict[str, Any]:
    if speech.rendering is None:
        return {"engine": speech.engine, "cached": True}
    data: dict[str, Any] = {"engine": speech.engine, "model": speech.payload.get("model")}
    if speech.engine != realtime_speech.NAME:
        data["input_preview"] = str(speech.payload.get("input", ""))[:_PREVIEW_LENGTH]
    return {**data, "cached": False}
