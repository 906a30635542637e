"""Images that a model writes into its answer as Markdown: stored as files, so that the chat does not carry them."""

from __future__ import annotations

import mimetypes
import re
from typing import Any

from fastback.access.identity import User
from fastback.completions.answer_output import Output
from fastback.features.chats.chat_ids import get_channel_id, is_channel, is_stored
from fastback.features.files import chat_file_store
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.kit.base64_slices import decode_base64
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError

#: An image in Markdown whose address is the image itself; images of fewer than 1,000 characters stay. The alternative
#: text holds no bracket: otherwise a text of many brackets would be read to its end for each of them.
_IMAGE = re.compile(r"!\[([^\[\]]*)\]\((data:(image/[\w.+-]+);base64,([A-Za-z0-9+/=\s]{1000,}))\)", re.IGNORECASE)


class AnswerImages:
    """Replace images in an answer's text by links to files."""

    def __init__(self, db: Database, uploads: UploadService, access: FileAccess) -> None:
        self._db = db
        self._uploads = uploads
        self._access = access

    async def store_images(self, output: Output, chat_id: str, message_id: str, user: User) -> Output:
        """Store the images of an answer's texts; return its items with the files' addresses in their place.

        Text that only looks like an image is unchanged.
        """
        if not any("](data:image/" in part["text"] for item in output for part in _list_text_parts(item)):
            return output
        file_ids: list[str] = []
        replaced: Output = []
        for item in output:
            if _list_text_parts(item):
                parts = [
                    await self._replace_images(part, chat_id, message_id, user, file_ids) for part in item["content"]
                ]
                item = {**item, "content": parts}
            replaced.append(item)
        if is_channel(chat_id):
            for file_id in file_ids:
                await self._access.add_to_channel(get_channel_id(chat_id), file_id, user)
        elif file_ids and is_stored(chat_id):
            await chat_file_store.attach_files(self._db, self._access, chat_id, message_id, file_ids, user)
        return replaced

    async def _replace_images(self, part: Any, chat_id: str, message_id: str, user: User, file_ids: list[str]) -> Any:
        """Return the part with links in the place of images; the files' ids are added to `file_ids`."""
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return part
        fragments: list[str] = []
        end, text = 0, part["text"]
        for match in _IMAGE.finditer(text):
            fragments.append(text[end : match.start()])
            end = match.end()
            file_id = await self._store_image(match[3].lower(), match[4], chat_id, message_id, user)
            if file_id is None:
                fragments.append(match[0])
                continue
            file_ids.append(file_id)
            fragments.append(f"![{match[1]}](/api/v1/files/{file_id}/content)")
        return {**part, "text": "".join([*fragments, text[end:]])} if fragments else part

    async def _store_image(
        self, media_type: str, encoded: str, chat_id: str, message_id: str, user: User
    ) -> str | None:
        """Store an image as a file of the user and return the file's id; None where that fails."""
        try:
            content = await decode_base64(encoded)
            name = f"generated-image{mimetypes.guess_extension(media_type) or '.png'}"
            meta = {"chat_id": chat_id, "message_id": message_id}
            file = await self._uploads.save_generated(content, name, media_type, user, meta)
        except (ValueError, HttpError):
            return None
        return file.id


def _list_text_parts(item: Any) -> list[dict[str, Any]]:
    """Return the parts of an item that hold text."""
    content = item.get("content") if isinstance(item, dict) and item.get("type") == "message" else None
    return [
        part
        for part in (content if isinstance(content, list) else ())
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
