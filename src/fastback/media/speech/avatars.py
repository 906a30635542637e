"""Checks of the files of voice avatars, in a worker process: a file may take it a second and much memory."""

from __future__ import annotations

from pathlib import Path

from fastback.kit.http.errors import BadRequest
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool

_LIMITS = Limits(processes=1, seconds=30, memory=2 * 1024**3, idle=20)


class AvatarFiles:
    """Checks avatars and animations."""

    def __init__(self) -> None:
        self._workers = WorkerPool("fastback.media.speech.avatar_worker", _LIMITS, name="avatars")

    async def require_valid(self, path: Path, *, is_animation: bool) -> None:
        """Raise BadRequest, with a text for the user, if a file is not an avatar, or not an animation."""
        try:
            await self._workers.run_job({"path": str(path), "animation": is_animation})
        except JobFailed as error:
            raise BadRequest(str(error)) from error
        except WorkerDied as error:
            raise BadRequest("Invalid VRMA file." if is_animation else "Invalid VRM file.") from error

    async def close(self) -> None:
        """End the process."""
        await self._workers.close()
