"""Speech: texts to speech, and recordings to text."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.http_operations import call_operation
from fastback.plugin_host.router_operations import define_operation, find_user

get_audio_config: Any = define_operation("GET", "/api/v1/audio/config", "request user")
get_models: Any = define_operation("GET", "/api/v1/audio/models", "request user")
get_voices: Any = define_operation("GET", "/api/v1/audio/voices", "request user")


@awaited_or_not
async def transcribe(
    request: Any = None, file_path: Any = "", metadata: dict[str, Any] | None = None, user: Any = None
) -> Any:
    """Return `{"text": …}` of a recording on this machine.

    Raises:
        HTTPException: the recording cannot be transcribed.
    """
    path = Path(file_path)
    upload = {
        "field": "file",
        "path": str(path.absolute()),
        "filename": path.name,
        "content_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
    }
    language = (metadata or {}).get("language")
    form = {"language": str(language)} if language else {}
    user = user or find_user(request)
    return await call_operation(user, "POST", "/api/v1/audio/transcriptions", form=form, upload=upload)


transcription_handler = transcribe


@awaited_or_not
async def speech(request: Any = None, user: Any = None, **form: Any) -> Any:
    """Return the recording of a text as a response of Starlette; `form` are `input`, `voice` and `model`."""
    from starlette.responses import Response

    content = form or (await request.json() if request is not None else {})
    user = user or find_user(request)
    body, headers = await call_operation(user, "POST", "/api/v1/audio/speech", content=content, raw=True)
    return Response(body, media_type=headers.get("content-type"))
