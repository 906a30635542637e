"""What a question refers to and no answer takes into account yet: files and knowledge wait for retrieval."""

from __future__ import annotations

from typing import Any

from fastback.completions.request import TurnRequest
from fastback.providers.registry import Model

NOTE = "Files and knowledge are not read by this release of Fastback: the answer does without them."
#: The header that tells API clients.
HEADER = b"x-fastback-note"


def _is_picture(file: Any) -> bool:
    return isinstance(file, dict) and (
        file.get("type") == "image" or str(file.get("content_type") or "").startswith("image/")
    )


def note(request: TurnRequest, model: Model) -> str | None:
    """What people should know before they trust the answer; None when everything is read."""
    files = [*(request.files or []), *(request.user_message.get("files") or [])]
    knowledge = ((model.info.meta if model.info is not None else None) or {}).get("knowledge")
    return NOTE if knowledge or any(not _is_picture(one) for one in files) else None
