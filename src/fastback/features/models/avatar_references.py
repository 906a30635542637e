"""Check the files of a model's voice avatar: its author may read them, and a call can show them."""

from __future__ import annotations

from typing import Any

from fastback.access.identity import User
from fastback.features.files import store as files
from fastback.features.files.access import FileAccess
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden
from fastback.kit.storage import Storage, StorageError
from fastback.media.speech.avatars import AvatarFiles

_NOT_ACCESSIBLE = "Avatar or animation file is not accessible. Upload it again."


def list_animation_ids(avatar: Any) -> list[str]:
    """Return the ids of the files with the avatar's movements."""
    if not isinstance(avatar, dict):
        return []
    parts = [*(avatar.get("states") or {}).values(), *(avatar.get("gestures") or [])]
    return [str(part["file_id"]) for part in parts if part.get("file_id")]


class AvatarChecker:
    """Checks avatars."""

    def __init__(self, *, db: Database, file_access: FileAccess, storage: Storage, avatars: AvatarFiles) -> None:
        self._db = db
        self._file_access = file_access
        self._storage = storage
        self._avatars = avatars

    async def require_valid(self, avatar: Any, user: User, previous: Any) -> None:
        """Check the files of an avatar that `previous` does not use in the same way.

        Raises:
            Forbidden: the user may not read a file. BadRequest: a file is no avatar, or no animation.
        """
        if not isinstance(avatar, dict):
            return
        model_id, animation_ids = str(avatar["file_id"]), list_animation_ids(avatar)
        if model_id in animation_ids:
            raise BadRequest("An animation must be a VRMA file, not the avatar.")
        previous_model = str(previous.get("file_id")) if isinstance(previous, dict) else None
        previous_animations = set(list_animation_ids(previous))
        if model_id != previous_model or model_id in previous_animations:
            await self._require_file(model_id, user, is_animation=False)
        for file_id in dict.fromkeys(animation_ids):
            if file_id not in previous_animations:
                await self._require_file(file_id, user, is_animation=True)

    async def _require_file(self, file_id: str, user: User, *, is_animation: bool) -> None:
        file = await files.find_file(self._db, file_id)
        if file is None or not await self._file_access.can_access(user, file, "read"):
            raise Forbidden(_NOT_ACCESSIBLE)
        try:
            async with self._storage.local_copy(file.path or "") as local_path:
                await self._avatars.require_valid(local_path, is_animation=is_animation)
        except (StorageError, OSError) as error:
            raise BadRequest(str(error)) from error
