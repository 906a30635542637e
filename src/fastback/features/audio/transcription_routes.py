"""`POST /api/v1/audio/transcriptions`: a recording is stored in the cache directory and transcribed."""

from __future__ import annotations

import asyncio
import logging
import uuid
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.audio import AUDIO_STT_ALLOWED_EXTENSIONS, AUDIO_STT_SUPPORTED_CONTENT_TYPES
from fastback.features.files.media_types import is_speech
from fastback.features.files.upload_form import UploadForm, receive_upload
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, HttpError, Router
from fastback.kit.http.routing import FormField
from fastback.media.speech.transcription import Transcription
from fastback.settings import Settings

log = logging.getLogger("fastback.audio")

router = Router("/api/v1/audio")

_FORM = (FormField("file", "file"), FormField("language", "text", required=False))


@router.post("/transcriptions", form=_FORM)
async def transcribe_recording(
    request: Request,
    user: VerifiedUser,
    permissions: Permissions,
    config: Config,
    settings: Settings,
    transcription: Transcription,
    bus: Bus,
) -> dict[str, Any]:
    """Return the text of a recording."""
    directory = settings.cache_path / "audio" / "transcriptions"
    megabytes = settings.fastback_max_recording_mb
    async with receive_upload(request, directory, megabytes * 1024 * 1024, fields=("language",)) as form:
        if not user.is_admin and not await permissions.has(user.id, "chat.stt"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        name = form.filename.rsplit("/", 1)[-1]
        path = directory / f"{uuid.uuid4()}.{_require_extension(form, name, config)}"
        if form.too_large:
            raise HttpError(413, messages.file_too_large(f"{megabytes} MB"))
        await asyncio.to_thread(form.path.rename, path)
    language = form.fields.get("language") or None
    try:
        text = await transcription.transcribe(path, language=language, user=user)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))
        raise
    await asyncio.to_thread(_store_transcript, path, text)
    data = {"filename": name, "content_type": form.content_type, "language": language}
    await bus.publish(ActivityEvent("audio.transcription_requested", user, path.stem, data=data))
    return {"text": text, "filename": path.name}


def _require_extension(form: UploadForm, name: str, config: Config) -> str:
    """Return the extension of a recording, which may be empty.

    Raises:
        BadRequest: the settings do not allow its media type or its extension.
    """
    if not form.content_type or not is_speech(config.get_list(AUDIO_STT_SUPPORTED_CONTENT_TYPES), form.content_type):
        raise BadRequest(messages.FILE_NOT_SUPPORTED)
    extension = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    allowed = config.get_list(AUDIO_STT_ALLOWED_EXTENSIONS)
    if (allowed and extension not in allowed) or not (extension.isalnum() or not extension) or len(extension) > 16:
        raise BadRequest("Invalid audio file extension")
    return extension


def _store_transcript(path: Path, text: str) -> None:
    """Store the transcript beside the recording, as the reference does."""
    try:
        path.with_name(f"{path.name.split('.')[0]}.json").write_bytes(msgspec.json.encode({"text": text}))
    except OSError as error:
        log.warning("storing a transcript failed: %s", error)
