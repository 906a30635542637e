"""Worker: check the files of voice avatars."""

from __future__ import annotations

from typing import Any

from fastback.kit.workers.errors import JobFailed
from fastback.media.speech import avatar_animation, avatar_model


def handle(job: dict[str, Any]) -> bool:
    """Return True if the file at `path` is an avatar, or an `animation`."""
    checks = avatar_animation if job["animation"] else avatar_model
    check = avatar_animation.check_animation if job["animation"] else avatar_model.check_avatar
    with open(job["path"], "rb") as source:
        data = source.read(checks.MAX_BYTES + 1)
    try:
        check(data)
    except ValueError as error:
        raise JobFailed(str(error)) from error
    return True
