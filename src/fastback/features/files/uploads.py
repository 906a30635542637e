"""An upload, from its form to its row: checked, kept, put where it was uploaded for, and read."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_FILE_ALLOWED_EXTENSIONS, RAG_FILE_MAX_SIZE
from fastback.features.files import store
from fastback.features.files.access import FileAccess
from fastback.features.files.processing import Processing
from fastback.features.files.store import FileSummary
from fastback.features.files.upload_form import UploadForm
from fastback.kit.bus import Bus
from fastback.kit.db import Database, DatabaseError
from fastback.kit.http import BadRequest, HttpError
from fastback.kit.storage import NameRefused, Storage, StorageError, receive_file
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.files")

_UPLOAD_ERROR = messages.wrap_reason("Error uploading file")


def _parse_metadata(text: str | None) -> dict[str, Any]:
    """What the client says of the file. Raises: BadRequest."""
    if not text:
        return {}
    try:
        metadata = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest(messages.wrap_reason("Invalid metadata format")) from None
    if not metadata:
        return {}
    if not isinstance(metadata, dict):
        raise BadRequest(_UPLOAD_ERROR)
    return metadata


class UploadService:
    """Takes files in."""

    def __init__(
        self, *, db: Database, config: Config, storage: Storage, access: FileAccess, processing: Processing, bus: Bus
    ) -> None:
        self._db = db
        self._config = config
        self.storage = storage
        self._access = access
        self._processing = processing
        self._bus = bus

    @property
    def max_bytes(self) -> int | None:
        """The largest file, in bytes; None without a limit."""
        megabytes = self._config.number(RAG_FILE_MAX_SIZE)
        return int(megabytes) * 1024 * 1024 if megabytes else None

    async def save_upload(
        self, form: UploadForm, user: User, ctx: RequestContext, *, process: bool, in_background: bool
    ) -> dict[str, Any]:
        """Keep what came; the file as answers show it.

        Raises:
            BadRequest: an ending that is not allowed, nothing in it, metadata that is none, no place for it or its row.
            HttpError: 413 for a file that is too large.
        """
        metadata = _parse_metadata(form.fields.get("metadata"))
        name = form.filename.rsplit("/", 1)[-1]
        extension = _get_extension(name)
        allowed = [
            allowed_extension
            for allowed_extension in self._config.items(RAG_FILE_ALLOWED_EXTENSIONS)
            if allowed_extension
        ]
        if process and allowed and extension not in allowed:
            raise BadRequest(messages.wrap_reason(f"File type {extension} is not allowed"))
        if not form.size:
            raise BadRequest(messages.EMPTY_CONTENT)
        if form.too_large:
            megabytes = self._config.number(RAG_FILE_MAX_SIZE)
            raise HttpError(413, messages.file_too_large(f"{int(megabytes or 0)} MB"))
        file_id = str(uuid.uuid4())
        path = await self._store_file(file_id, name, extension, form.path, user)
        meta = {
            "name": name,
            "content_type": form.content_type,
            "size": form.size,
            "file_hash": metadata.get("file_hash") or form.sha256,
            "data": metadata,
        }
        data = {"status": "pending"} if process else {}
        file = await self._insert_row(file_id, user, name, path, data, meta)
        if "channel_id" in metadata:
            await self._access.add_to_channel(str(metadata["channel_id"]), file_id, user)
        if process:
            reading = self._processing.start(file, metadata, user, ctx)
            if not in_background:
                await asyncio.wait([reading])  # it may be stopped: somebody may delete the file meanwhile
        event_data = {"filename": name, "content_type": form.content_type}
        await self._bus.publish(ActivityEvent("file.uploaded", user, file_id, data=event_data))
        return build_upload_response(file, data, process=process)

    async def save_generated(
        self, content: bytes, name: str, content_type: str | None, user: User, metadata: dict[str, Any] | None = None
    ) -> FileSummary:
        """Keep what the server itself has made or was given for a user, a picture for instance; nobody reads it.

        Raises:
            BadRequest: nothing in it, no place for it or its row.
        """
        if not content:
            raise BadRequest(messages.EMPTY_CONTENT)
        file_id, upload_metadata = str(uuid.uuid4()), metadata or {}
        async with receive_file(self.storage, _yield_content(content)) as spool:
            sha256 = await spool.finish()
            path = await self._store_file(file_id, name, _get_extension(name), spool.path, user)
        meta = {
            "name": name,
            "content_type": content_type,
            "size": len(content),
            "file_hash": sha256,
            "data": upload_metadata,
        }
        return await self._insert_row(file_id, user, name, path, {}, meta)

    async def _insert_row(
        self, file_id: str, user: User, name: str, path: str, data: dict[str, Any], meta: dict[str, Any]
    ) -> FileSummary:
        """The row of what is kept. Raises: BadRequest: the database does not take it, a zero character for instance."""
        try:
            now = await store.insert_file(self._db, file_id, user.id, filename=name, path=path, data=data, meta=meta)
        except Exception as error:
            await self.storage.delete(path)  # nobody would ever find it
            if isinstance(error, DatabaseError):
                log.error("an upload cannot be written down: %s", error)
                raise BadRequest(_UPLOAD_ERROR) from error
            raise
        return FileSummary(file_id, user.id, None, name, path, meta, now, now)

    async def _store_file(self, file_id: str, name: str, extension: str, source: Path, user: User) -> str:
        """The path of the file in the storage, under a name that people can read where it takes that.

        Raises:
            BadRequest.
        """
        tags = {
            "OpenWebUI-User-Email": user.email,
            "OpenWebUI-User-Id": user.id,
            "OpenWebUI-User-Name": user.name,
            "OpenWebUI-File-Id": file_id,
        }
        try:
            try:
                return await self.storage.put(f"{file_id}_{name}", source, tags)
            except NameRefused:
                return await self.storage.put(f"{file_id}.{extension}" if extension else file_id, source, tags)
        except StorageError as error:
            log.error("an upload cannot be kept: %s", error)
            raise BadRequest(_UPLOAD_ERROR) from error


async def _yield_content(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _get_extension(name: str) -> str:
    """What stands behind the last dot of a name, in small letters; a name that begins with dots has none of them."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem.strip(".") else ""


def build_upload_response(file: FileSummary, data: dict[str, Any], *, process: bool) -> dict[str, Any]:
    """A file that has just come."""
    response: dict[str, Any] = {
        "id": file.id,
        "user_id": file.user_id,
        "hash": None,
        "filename": file.filename,
        "data": data,
        "meta": file.meta,
        "created_at": file.created_at,
        "updated_at": file.updated_at,
    }
    return {**response, "status": True, "path": file.path} if process else response
