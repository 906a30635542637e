"""What engines that speak texts have in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import aiohttp
import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.config import Config
from fastback.kit.http.errors import BadRequest, HttpError
from fastback.media.speech.engine_requests import EngineClient, EngineFailure
from fastback.providers.response_body import iterate_body
from fastback.settings import Settings

Payload = dict[str, Any]


class Sound(msgspec.Struct):
    """A sound that arrives.

    Attributes:
        chunks: its bytes.
        content_type: as the engine declares it.
        details: what the cache stores beside the sound; None for nothing.
        make_head: returns the bytes that replace the first ones of the complete sound, given its size; until then it
            cannot be played.
    """

    chunks: AsyncGenerator[bytes]
    content_type: str
    details: Payload | None = None
    make_head: Callable[[int], bytes] | None = None
    converts: bool = False


class SpeechRequest(msgspec.Struct):
    """A text to speak: the body of the request, and the user."""

    payload: Payload
    user: User


class EngineContext(msgspec.Struct):
    """What engines need."""

    client: EngineClient
    config: Config
    settings: Settings


class SpeechEngine(Protocol):
    """Open the sound of a text. It raises EngineFailure, or HttpError for a request that the engine cannot take."""

    def __call__(self, request: SpeechRequest, context: EngineContext) -> AbstractAsyncContextManager[Sound]: ...


#: Types of a response that contains no sound, whatever its status.
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/xhtml")


def require_text(payload: Payload) -> str:
    """Return the text to speak.

    Raises:
        BadRequest: the text is missing.
    """
    text = payload.get("input")
    if not isinstance(text, str) or not text.strip():
        raise BadRequest("Speech input must be nonempty text.")
    return text


@asynccontextmanager
async def open_sound(context: EngineContext, url: str, details: Payload, **options: Any) -> AsyncIterator[Sound]:
    """Send a request whose response is a sound, and yield it.

    Raises:
        EngineFailure: the engine cannot be reached, refuses, or answers with a text.
    """
    async with context.client.open_response(url, **options) as response:
        content_type = response.headers.get("Content-Type", "audio/mpeg")
        if content_type.lower().startswith(_TEXT_TYPES):
            reason = f"the answer is not a sound but {content_type.partition(';')[0]}"
            raise EngineFailure(reason, status=response.status)
        yield Sound(_iterate_sound(response), content_type, details)


async def _iterate_sound(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    async for chunk in iterate_body(response):
        yield chunk


def describe_speech_failure(failure: EngineFailure) -> HttpError:
    """Return the error that users see: the engine's own message where it has one."""
    status = failure.status if failure.status >= 400 else 500
    content = failure.read_json()
    if content is None:
        return HttpError(status, f"External: {failure}" if failure.status else messages.SERVER_CONNECTION_ERROR)
    if "error" in content:
        error = content["error"]
        return HttpError(status, f"External: {error.get('message', error) if isinstance(error, dict) else error}")
    if "message" in content:
        return HttpError(status, f"External: {content['message']}")
    return HttpError(status, messages.SERVER_CONNECTION_ERROR)
