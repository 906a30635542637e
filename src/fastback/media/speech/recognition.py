"""What engines that transcribe recordings have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.kit.http.errors import HttpError
from fastback.media.speech.engine_requests import EngineFailure
from fastback.media.speech.speech_engine import EngineContext

Transcript = dict[str, Any]


class Recording(msgspec.Struct):
    """A recording, or a part of one, for an engine."""

    path: Path
    language: str | None
    user: User | None

    @property
    def name(self) -> str:
        """Return the file's name, whose extension tells engines the format."""
        return self.path.name


#: Sends a recording to an engine, in a language or without one, and returns what it responds.
Send = Callable[[Recording, str | None, EngineContext], Awaitable[Any]]


async def send_recording(send: Send, recording: Recording, context: EngineContext) -> Any:
    """Send a recording in the user's language; where the engine refuses that, without one, as it detects it then.

    Raises:
        EngineFailure: the last attempt failed.
    """
    if recording.language:
        with suppress(EngineFailure):
            return await send(recording, recording.language, context)
    return await send(recording, None, context)


class RecognitionEngine(Protocol):
    """Return `{"text": …}` of a recording. It raises HttpError with what users see."""

    def __call__(self, recording: Recording, context: EngineContext) -> Awaitable[Transcript]: ...


def describe_part_failure(detail: str) -> HttpError:
    """Return the error for a part of a recording that an engine did not transcribe."""
    return HttpError(500, f"Error transcribing chunk: {detail}")


def describe_answer(engine: str, reason: str) -> HttpError:
    """Return the error for an answer without a transcript."""
    return HttpError(500, f"Failed to parse {engine} response: {reason}")


def find_error_message(failure: EngineFailure) -> str | None:
    """Return the message in the engine's `error`; None if it has none."""
    content = failure.read_json() or {}
    error = content.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else None


def describe_external(failure: EngineFailure) -> str:
    """Return what users see of a failure: the engine's message, its status, or that it cannot be reached."""
    if not failure.status:
        return messages.SERVER_CONNECTION_ERROR
    return f"External: {find_error_message(failure) or failure}"


def require_transcript(text: Any, engine: str) -> Transcript:
    """Return a transcript.

    Raises:
        HttpError: the text is missing or empty.
    """
    transcript = text.strip() if isinstance(text, str) else ""
    if not transcript:
        raise describe_answer(engine, "Empty transcript in response")
    return {"text": transcript}
