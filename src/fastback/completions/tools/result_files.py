"""Images in the results of tools: stored as files, so that the chat does not carry them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import mimetypes

from fastback.completions.turn import Turn
from fastback.features.files.uploads import UploadService
from fastback.kit.http.errors import HttpError

log = logging.getLogger("fastback.completions")


class ResultFiles:
    """Store files that tools return."""

    def __init__(self, uploads: UploadService) -> None:
        self._uploads = uploads

    async def store_image(self, turn: Turn, url: str) -> str:
        """Store the image of a data URL as a file of the user, and return its address.

        The data URL is returned where the chat is not stored, or where storing fails.
        """
        if not turn.is_stored:
            return url
        return await self.store_file(turn, url) or url

    async def store_file(self, turn: Turn, url: str) -> str | None:
        """Store the content of a data URL as a file of the user, and return its address; None where that fails."""
        head, _, encoded = url.partition(",")
        media_type = head.removeprefix("data:").partition(";")[0].lower()
        meta = {"chat_id": turn.request.chat_id, "message_id": turn.message_id}
        name = f"tool-result{mimetypes.guess_extension(media_type) or '.bin'}"
        try:
            content = await asyncio.to_thread(base64.b64decode, encoded)
            file = await self._uploads.save_generated(content, name, media_type, turn.user, meta)
        except (binascii.Error, HttpError) as error:
            log.warning("storing the file of a tool's result failed, it stays in the answer: %s", error)
            return None
        return f"/api/v1/files/{file.id}/content"
