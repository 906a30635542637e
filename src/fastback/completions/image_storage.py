"""Pictures that a model writes into its answer as Markdown: kept as files, so that the chat does not carry them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import mimetypes
import re
from typing import Any

from fastback.access.identity import User
from fastback.features.chats.chat_ids import is_stored
from fastback.features.files import chat_file_store
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError

Output = list[dict[str, Any]]

#: A picture in Markdown whose address is itself the picture; those of fewer characters may stay. Its name holds no
#: bracket: else a text of many would be read to its end for each.
_PICTURE = re.compile(r"!\[([^\[\]]*)\]\((data:(image/[\w.+-]+);base64,([A-Za-z0-9+/=\s]{1000,}))\)", re.IGNORECASE)


class KeptPictures:
    """Puts files in the place of pictures."""

    def __init__(self, db: Database, uploads: UploadService, access: FileAccess) -> None:
        self._db = db
        self._uploads = uploads
        self._access = access

    async def kept(self, output: Output, chat_id: str, message_id: str, user: User) -> Output:
        """The items of an answer, in its texts the addresses of files; what is no picture stays as it is."""
        if not any("](data:image/" in part["text"] for item in output for part in _texts(item)):
            return output
        found: list[str] = []
        made: Output = []
        for item in output:
            if _texts(item):
                parts = [await self._part(part, chat_id, message_id, user, found) for part in item["content"]]
                item = {**item, "content": parts}
            made.append(item)
        if found and is_stored(chat_id):
            await chat_file_store.attach_files(self._db, self._access, chat_id, message_id, found, user)
        return made

    async def _part(self, part: Any, chat_id: str, message_id: str, user: User, found: list[str]) -> Any:
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return part
        pieces: list[str] = []
        end, text = 0, part["text"]
        for picture in _PICTURE.finditer(text):
            pieces.append(text[end : picture.start()])
            end = picture.end()
            address = await self._file(picture[3].lower(), picture[4], chat_id, message_id, user, found)
            pieces.append(f"![{picture[1]}]({address})" if address else picture[0])
        return {**part, "text": "".join([*pieces, text[end:]])} if pieces else part

    async def _file(
        self, kind: str, encoded: str, chat_id: str, message_id: str, user: User, found: list[str]
    ) -> str | None:
        try:
            content = await asyncio.to_thread(base64.b64decode, encoded)
            name = f"generated-image{mimetypes.guess_extension(kind) or '.png'}"
            about = {"chat_id": chat_id, "message_id": message_id}
            file = await self._uploads.save_generated(content, name, kind, user, about)
        except (binascii.Error, HttpError):
            return None
        found.append(file.id)
        return f"/api/v1/files/{file.id}/content"


def _texts(item: Any) -> list[dict[str, Any]]:
    """The parts of an item that hold text."""
    content = item.get("content") if isinstance(item, dict) and item.get("type") == "message" else None
    return [
        part
        for part in (content if isinstance(content, list) else ())
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
