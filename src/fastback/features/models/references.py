"""What a model refers to, files, knowledge, tools, and whether its author may use it."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS
from fastback.features.files import store as files
from fastback.features.files.access import FileAccess
from fastback.features.models.normalisation import background_file
from fastback.features.models.schemas import avatar_files
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, NotBuilt
from fastback.kit.storage import Storage, StorageError

Fields = dict[str, Any]

#: The largest picture behind a chat, in bytes.
_MOST = 5 * 1024 * 1024
#: Pictures by their first bytes.
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class _Resource(msgspec.Struct):
    user_id: str | None
    is_active: bool


#: Tables of what a version may refer to; some rows can be switched off.
_TABLES = {
    "note": "SELECT user_id, TRUE AS is_active FROM note WHERE id = :id",
    "knowledge": "SELECT user_id, TRUE AS is_active FROM knowledge WHERE id = :id",
    "skill": "SELECT user_id, is_active FROM skill WHERE id = :id",
    "tool": "SELECT user_id, TRUE AS is_active FROM tool WHERE id = :id",
    "function": "SELECT user_id, is_active FROM function WHERE id = :id",
}


def picture_type(content: bytes) -> str | None:
    """The media type of a picture that may stand behind a chat, or None."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)


def checked_picture(content: bytes) -> str:
    """The media type of a picture that may stand behind a chat. Raises: BadRequest."""
    if len(content) > _MOST:
        raise BadRequest("Background image must be at most 5 MiB.")
    kind = picture_type(content)
    if kind is None:
        raise BadRequest("Background image must be PNG, JPEG, WebP, or GIF.")
    return kind


class References:
    """Checks what models refer to."""

    def __init__(
        self, *, db: Database, config: Config, grants: Grants, files: FileAccess, storage: Storage, bypass: bool
    ) -> None:
        self._db = db
        self._storage = storage
        self._config = config
        self._grants = grants
        self._files = files
        self._bypass = bypass

    async def picture(self, path: str | None) -> tuple[bytes, str]:
        """A picture in the storage, and its media type.

        Raises:
            BadRequest: it is gone, too large, or no picture that may stand behind a chat.
        """
        content = bytearray()
        try:
            async for piece in self._storage.read(path or "", 0, _MOST + 1):
                content += piece
        except StorageError as error:
            raise BadRequest(str(error)) from error
        return bytes(content), checked_picture(bytes(content))

    async def picture_of(self, file_id: str) -> tuple[bytes, str]:
        """As `picture`, of a file. Raises: BadRequest."""
        file = await files.find_file(self._db, file_id)
        return await self.picture(file.path if file is not None else None)

    async def may_read_file(self, file_id: str, user: User) -> bool:
        """Whether there is such a file, and the user may read it."""
        file = await files.find_file(self._db, file_id)
        return file is not None and await self._files.can_access(user, file, "read")

    async def check_knowledge(self, meta: Fields, user: User) -> None:
        """Raises: Forbidden, for a file that the author may not read."""
        if user.is_admin:
            return
        items = [item for item in meta.get("knowledge") or [] if isinstance(item, dict)]
        for file_id in [item.get("id") for item in items if item.get("type") == "file"]:
            if file_id and not await self.may_read_file(str(file_id), user):
                raise Forbidden(messages.ACCESS_PROHIBITED)

    async def check_pictures(self, meta: Fields, user: User, previous: Fields | None = None) -> None:
        """The background picture and the voice avatar, where they are not those of before.

        Raises:
            Forbidden: a file the author may not read. BadRequest: no picture. NotBuilt: another voice avatar.
        """
        previous = previous or {}
        background = meta.get("background_image_url")
        if background and background != previous.get("background_image_url"):
            await self._check_background(background_file(background) or "", user)
        if avatar_files(meta.get("voice_avatar")) - avatar_files(previous.get("voice_avatar")):
            raise NotBuilt("Checking the files of a voice avatar")

    async def _check_background(self, file_id: str, user: User) -> None:
        file = await files.find_file(self._db, file_id)
        if file is None or not await self._files.can_access(user, file, "read"):
            raise Forbidden("Background image is not accessible.")
        await self.picture(file.path)

    async def check_version(self, meta: Fields, user: User) -> None:
        """Everything an old version refers to: it may be gone since.

        Raises:
            BadRequest: gone or switched off. Forbidden: not the user's to use.
        """
        for item in meta.get("knowledge") or []:
            if not isinstance(item, dict) or not item.get("id") or item.get("legacy"):
                continue
            if item.get("type") == "file":
                if not await self.may_read_file(str(item["id"]), user):
                    raise BadRequest("A referenced knowledge file is missing or inaccessible.")
            else:
                await self._require("note" if item.get("type") == "note" else "knowledge", str(item["id"]), user)
        for skill_id in meta.get("skillIds") or []:
            await self._require("skill", str(skill_id), user)
        for tool_id in meta.get("toolIds") or []:
            # Tools of servers come and go with them.
            if not str(tool_id).startswith("server:") and not await self._usable("tool", str(tool_id), user):
                raise BadRequest("A referenced tool is missing or inaccessible.")
        for name in ("filterIds", "defaultFilterIds", "actionIds"):
            for function_id in meta.get(name) or []:
                found = await self._resource("function", str(function_id))
                if found is None or not found.is_active:
                    raise BadRequest(f"A referenced function is unavailable: {function_id}")
        terminal = meta.get("terminalId")
        known = [one.get("id") for one in self._config.items(TERMINAL_SERVER_CONNECTIONS) if isinstance(one, dict)]
        if terminal and terminal not in known:
            raise BadRequest("The referenced terminal is missing or inaccessible.")

    async def _resource(self, kind: str, resource_id: str) -> _Resource | None:
        return await self._db.fetch_first(_Resource, f"models.{kind}", _TABLES[kind], id=resource_id)

    async def _mine(self, kind: str, resource_id: str, found: _Resource, user: User) -> bool:
        if found.user_id == user.id or (user.is_admin and self._bypass):
            return True
        return await self._grants.has_access(user.id, kind, resource_id)

    async def _usable(self, kind: str, resource_id: str, user: User) -> bool:
        found = await self._resource(kind, resource_id)
        return found is not None and await self._mine(kind, resource_id, found, user)

    async def _require(self, kind: str, resource_id: str, user: User) -> None:
        found = await self._resource(kind, resource_id)
        if found is None or not found.is_active:
            raise BadRequest(f"Referenced {kind} is unavailable: {resource_id}")
        if not await self._mine(kind, resource_id, found, user):
            raise Forbidden(f"Referenced {kind} is not accessible: {resource_id}")
