"""Images in the results of tools: stored as files, so that the chat does not carry them."""

from __future__ import annotations

import logging
import mimetypes

from fastback.completions.turn import Turn
from fastback.features.files.uploads import UploadService
from fastback.kit.base64_slices import decode_base64
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
        # Not split: a copy of megabytes holds the event loop.
        head_end = url.find(",") if "," in url else len(url)
        media_type = url[:head_end].removeprefix("data:").partition(";")[0].lower()
        try:
            content = await decode_base64(url, head_end + 1)
        except ValueError as error:
            log.warning("storing the file of a tool's result failed, it stays in the answer: %s", error)
            return None
        return await self.store_content(turn, content, media_type)

    async def store_content(self, turn: Turn, content: bytes, media_type: str) -> str | None:
        """Store a file of the user, and return its address; None where that fails."""
        meta = {"chat_id": turn.request.chat_id, "message_id": turn.message_id}
        name = f"tool-result{mimetypes.guess_extension(media_type) or '.bin'}"
        try:
            file = await self._uploads.save_generated(content, name, media_type, turn.user, meta)
        except HttpError as error:
            log.warning("storing the file of a tool's result failed: %s", error.detail)
            return None
        return f"/api/v1/files/{file.id}/content"
