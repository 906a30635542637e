"""Uploads, from the form to the row: checked, stored, linked, and processed."""

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
from fastback.features.files.processing import FileProcessing
from fastback.features.files.store import FileSummary
from fastback.features.files.upload_form import UploadForm
from fastback.kit.bus import Bus
from fastback.kit.db import Database, DatabaseError
from fastback.kit.http import BadRequest, HttpError
from fastback.kit.json_decoding import decode_json
from fastback.kit.storage import NameRefused, Storage, StorageError, receive_file
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.files")

_UPLOAD_ERROR = messages.wrap_reason("Error uploading file")


def _parse_metadata(text: str | None) -> dict[str, Any]:
    """Return the metadata that the client sent with the file.

    Raises:
        BadRequest: they are not a JSON object.
    """
    if not text:
        return {}
    try:
        metadata = decode_json(text)
    except msgspec.DecodeError:
        raise BadRequest(messages.wrap_reason("Invalid metadata format")) from None
    if not metadata:
        return {}
    if not isinstance(metadata, dict):
        raise BadRequest(_UPLOAD_ERROR)
    return metadata


class UploadService:
    """Stores files: uploads of users, and files that the server generates."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        storage: Storage,
        access: FileAccess,
        processing: FileProcessing,
        bus: Bus,
    ) -> None:
        self._db = db
        self._config = config
        self.storage = storage
        self._access = access
        self._processing = processing
        self._bus = bus

    @property
    def max_bytes(self) -> int | None:
        """Return the largest size of a file, in bytes, or None without a limit."""
        megabytes = self._config.get_number(RAG_FILE_MAX_SIZE)
        return int(megabytes) * 1024 * 1024 if megabytes else None

    async def save_upload(
        self, form: UploadForm, user: User, ctx: RequestContext, *, process: bool, in_background: bool
    ) -> dict[str, Any]:
        """Store an uploaded file and start processing it. Return the file as responses show it.

        Raises:
            BadRequest: the extension is not allowed, the file is empty, its metadata are invalid, or storing it failed.
            HttpError: 413 if the file is too large.
        """
        metadata = _parse_metadata(form.fields.get("metadata"))
        name = form.filename.rsplit("/", 1)[-1]
        extension = _get_extension(name)
        allowed = [
            allowed_extension
            for allowed_extension in self._config.get_list(RAG_FILE_ALLOWED_EXTENSIONS)
            if allowed_extension
        ]
        if process and allowed and extension not in allowed:
            raise BadRequest(messages.wrap_reason(f"File type {extension} is not allowed"))
        if not form.size:
            raise BadRequest(messages.EMPTY_CONTENT)
        if form.too_large:
            megabytes = self._config.get_number(RAG_FILE_MAX_SIZE)
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
            processing_task = self._processing.start(file, metadata, user, ctx)
            if not in_background:
                await asyncio.wait([processing_task])  # deleting the file meanwhile cancels the task
        event_data = {"filename": name, "content_type": form.content_type}
        await self._bus.publish(ActivityEvent("file.uploaded", user, file_id, data=event_data))
        return build_upload_response(file, data, process=process)

    async def save_generated(
        self, content: bytes, name: str, content_type: str | None, user: User, metadata: dict[str, Any] | None = None
    ) -> FileSummary:
        """Store a file that the server made or received for a user, an image for instance, without processing it.

        Raises:
            BadRequest: the content is empty, or storing it failed.
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
        """Insert the row of a stored file.

        Raises:
            BadRequest: the database refuses it.
        """
        try:
            now = await store.insert_file(self._db, file_id, user.id, filename=name, path=path, data=data, meta=meta)
        except Exception as error:
            await self.storage.delete(path)  # without a row nothing refers to it
            if isinstance(error, DatabaseError):
                log.error("inserting the row of an upload failed: %s", error)
                raise BadRequest(_UPLOAD_ERROR) from error
            raise
        return FileSummary(file_id, user.id, None, name, path, meta, now, now)

    async def _store_file(self, file_id: str, name: str, extension: str, source: Path, user: User) -> str:
        """Store a file under a readable name if the storage allows the name. Return its path in the storage.

        Raises:
            BadRequest: the storage failed.
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
            log.error("storing an upload failed: %s", error)
            raise BadRequest(_UPLOAD_ERROR) from error


async def _yield_content(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _get_extension(name: str) -> str:
    """Return the lower-case text after the last dot of a name; empty if only dots precede it."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem.strip(".") else ""


def build_upload_response(file: FileSummary, data: dict[str, Any], *, process: bool) -> dict[str, Any]:
    """Return a new file as the response to its upload."""
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
