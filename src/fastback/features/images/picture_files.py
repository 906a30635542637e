"""Pictures of engines as files of a user, linked to the message that they are made for."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.identity import User
from fastback.features.chats.chat_ids import get_channel_id, is_channel, is_stored
from fastback.features.files import chat_file_store
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.features.images.schemas import AnswerLink, ImageFile
from fastback.kit.db import Database
from fastback.kit.http import BadRequest
from fastback.media.images.pictures import Picture, get_extension


class PictureFiles:
    """Store pictures."""

    def __init__(self, *, db: Database, uploads: UploadService, access: FileAccess) -> None:
        self._db = db
        self._uploads = uploads
        self._access = access

    async def store_picture(
        self, picture: Picture, details: dict[str, Any], user: User, answer: AnswerLink | None
    ) -> ImageFile:
        """Store a picture as a file of the user; `details` are what the file keeps of its request.

        Raises:
            BadRequest: it is larger than files may be, or storing it failed.
        """
        limit = self._uploads.max_bytes
        if limit is not None and len(picture.content) > limit:
            raise BadRequest(messages.wrap_reason(messages.file_too_large(f"{limit // 1024**2} MB")))
        name = f"generated-image{get_extension(picture.media_type)}"
        metadata = {**details, **_describe_answer(answer)}
        file = await self._uploads.save_generated(picture.content, name, picture.media_type, user, metadata)
        if answer is not None:
            await self._link_file(file.id, answer, user)
        url = f"/api/v1/files/{file.id}/content"
        return {"id": file.id, "url": url, "name": name, "content_type": picture.media_type}

    async def _link_file(self, file_id: str, answer: AnswerLink, user: User) -> None:
        """Let those who may read the answer read the file."""
        if is_channel(answer.chat_id):
            await self._access.add_to_channel(get_channel_id(answer.chat_id), file_id, user)
        elif is_stored(answer.chat_id) and answer.message_id:
            await chat_file_store.attach_files(
                self._db, self._access, answer.chat_id, answer.message_id, [file_id], user
            )


def _describe_answer(answer: AnswerLink | None) -> dict[str, str]:
    """Return what a file keeps of the message that it is made for."""
    if answer is None:
        return {}
    if is_channel(answer.chat_id):
        return {"message_id": answer.message_id, "channel_id": get_channel_id(answer.chat_id)}
    return {"message_id": answer.message_id, "chat_id": answer.chat_id}
