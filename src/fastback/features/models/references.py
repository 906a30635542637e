"""Check the resources that a workspace model refers to: files, knowledge, skills, tools, functions, terminals."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS
from fastback.features.files import store as files
from fastback.features.files.access import FileAccess
from fastback.features.models.avatar_references import AvatarChecker
from fastback.features.models.normalisation import find_background_file_id
from fastback.features.models.reference_store import Resource, ResourceKind, find_resource
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden
from fastback.kit.storage import Storage, StorageError

Fields = dict[str, Any]

#: The largest background picture (bytes).
_LARGEST_PICTURE = 5 * 1024 * 1024
#: The first bytes of a picture, and its media type.
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def detect_picture_type(content: bytes) -> str | None:
    """Return the media type of a picture that may be a chat's background, or None."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _SIGNATURES if content.startswith(magic)), None)


def require_picture_type(content: bytes) -> str:
    """Return the media type of a picture that may be a chat's background.

    Raises:
        BadRequest: it is too large, or has another format.
    """
    if len(content) > _LARGEST_PICTURE:
        raise BadRequest("Background image must be at most 5 MiB.")
    kind = detect_picture_type(content)
    if kind is None:
        raise BadRequest("Background image must be PNG, JPEG, WebP, or GIF.")
    return kind


class ReferenceChecker:
    """Checks that the resources a model refers to exist, and that its author may use them."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        grants: Grants,
        file_access: FileAccess,
        storage: Storage,
        avatars: AvatarChecker,
        bypass: bool,
    ) -> None:
        self._db = db
        self._storage = storage
        self._config = config
        self._grants = grants
        self._file_access = file_access
        self._avatars = avatars
        self._bypass = bypass

    async def load_picture(self, path: str | None) -> tuple[bytes, str]:
        """Return the content of a stored picture, and its media type.

        Raises:
            BadRequest: it is missing, too large, or not a picture that may be a chat's background.
        """
        content = bytearray()
        try:
            async for chunk in self._storage.read(path or "", 0, _LARGEST_PICTURE + 1):
                content += chunk
        except StorageError as error:
            raise BadRequest(str(error)) from error
        return bytes(content), require_picture_type(bytes(content))

    async def load_file_picture(self, file_id: str) -> tuple[bytes, str]:
        """Return the content of a file's picture, and its media type.

        Raises:
            BadRequest: as `load_picture`.
        """
        file = await files.find_file(self._db, file_id)
        return await self.load_picture(file.path if file is not None else None)

    async def may_read_file(self, file_id: str, user: User) -> bool:
        """Return whether the file exists and the user may read it."""
        file = await files.find_file(self._db, file_id)
        return file is not None and await self._file_access.can_access(user, file, "read")

    async def require_readable_files(self, meta: Fields, user: User) -> None:
        """Raise Forbidden if the model refers to a file that its author may not read."""
        if user.is_admin:
            return
        knowledge = meta.get("knowledge")
        items = [item for item in (knowledge if isinstance(knowledge, list) else []) if isinstance(item, dict)]
        for file_id in [item.get("id") for item in items if item.get("type") == "file"]:
            if file_id and not await self.may_read_file(str(file_id), user):
                raise Forbidden(messages.ACCESS_PROHIBITED)

    async def require_valid_pictures(self, meta: Fields, user: User, previous: Fields | None = None) -> None:
        """Check the background picture and the voice avatar, unless they are those of `previous`.

        Raises:
            Forbidden: the author may not read the file.
            BadRequest: the file is not a valid picture, avatar or animation.
        """
        previous = previous or {}
        background = meta.get("background_image_url")
        if background and background != previous.get("background_image_url"):
            await self._require_valid_background(find_background_file_id(background) or "", user)
        await self._avatars.require_valid(meta.get("voice_avatar"), user, previous.get("voice_avatar"))

    async def _require_valid_background(self, file_id: str, user: User) -> None:
        file = await files.find_file(self._db, file_id)
        if file is None or not await self._file_access.can_access(user, file, "read"):
            raise Forbidden("Background image is not accessible.")
        await self.load_picture(file.path)

    async def require_available_references(self, meta: Fields, user: User) -> None:
        """Check everything that an old revision refers to, as it may have been deleted since.

        Raises:
            BadRequest: a resource is missing or inactive.
            Forbidden: the user may not use it.
        """
        for item in meta.get("knowledge") or []:
            if not isinstance(item, dict) or not item.get("id") or item.get("legacy"):
                continue
            if item.get("type") == "file":
                if not await self.may_read_file(str(item["id"]), user):
                    raise BadRequest("A referenced knowledge file is missing or inaccessible.")
            else:
                await self._require_resource(
                    "note" if item.get("type") == "note" else "knowledge", str(item["id"]), user
                )
        for skill_id in meta.get("skillIds") or []:
            await self._require_resource("skill", str(skill_id), user)
        for tool_id in meta.get("toolIds") or []:
            # The tools of a tool server depend on whether the server is reachable; they are not checked.
            if not str(tool_id).startswith("server:") and not await self._is_usable("tool", str(tool_id), user):
                raise BadRequest("A referenced tool is missing or inaccessible.")
        for name in ("filterIds", "defaultFilterIds", "actionIds"):
            for function_id in meta.get(name) or []:
                function = await self._find_resource("function", str(function_id))
                if function is None or not function.is_active:
                    raise BadRequest(f"A referenced function is unavailable: {function_id}")
        terminal = meta.get("terminalId")
        terminal_ids = [
            connection.get("id")
            for connection in self._config.get_list(TERMINAL_SERVER_CONNECTIONS)
            if isinstance(connection, dict)
        ]
        if terminal and terminal not in terminal_ids:
            raise BadRequest("The referenced terminal is missing or inaccessible.")

    async def _find_resource(self, kind: ResourceKind, resource_id: str) -> Resource | None:
        return await find_resource(self._db, kind, resource_id)

    async def _may_use(self, kind: ResourceKind, resource_id: str, resource: Resource, user: User) -> bool:
        """Return whether the user owns the resource, sees everything as an administrator, or has a grant to read it."""
        if resource.user_id == user.id or (user.is_admin and self._bypass):
            return True
        return await self._grants.has_access(user.id, kind, resource_id)

    async def _is_usable(self, kind: ResourceKind, resource_id: str, user: User) -> bool:
        resource = await self._find_resource(kind, resource_id)
        return resource is not None and await self._may_use(kind, resource_id, resource, user)

    async def _require_resource(self, kind: ResourceKind, resource_id: str, user: User) -> None:
        """Check that a resource is active and that the user may use it.

        Raises:
            BadRequest: it is missing or inactive.
            Forbidden: the user may not use it.
        """
        resource = await self._find_resource(kind, resource_id)
        if resource is None or not resource.is_active:
            raise BadRequest(f"Referenced {kind} is unavailable: {resource_id}")
        if not await self._may_use(kind, resource_id, resource, user):
            raise Forbidden(f"Referenced {kind} is not accessible: {resource_id}")
