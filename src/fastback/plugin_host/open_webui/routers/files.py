"""Files: uploads, contents, deletion."""

from __future__ import annotations

import json
import mimetypes
import os
import shutil
import tempfile
from typing import Any

from fastback.plugin_host.awaited_or_not import AwaitableDict, awaited_or_not
from fastback.plugin_host.http_operations import call_operation
from fastback.plugin_host.open_webui.models.files import FileModel, FileModelResponse, Files
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.router_operations import define_operation, find_user


class ContentForm(Record):
    content: str


class FileRenameForm(Record):
    filename: str


class UploadedFile(AwaitableDict):
    """A file that was uploaded, with its fields as keys and as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def model_dump(self, **options: Any) -> dict[str, Any]:
        return dict(self)


@awaited_or_not
async def upload_file_handler(
    request: Any = None,
    file: Any = None,
    metadata: Any = None,
    process: bool = True,
    process_in_background: bool = False,
    user: Any = None,
    background_tasks: Any = None,
    db: Any = None,
    **more: Any,
) -> Any:
    """Store a file, as the upload of a page does. `file` is an `UploadFile` of Starlette or FastAPI.

    Return its record: as a dictionary where it is processed, else as a model.

    Raises:
        HTTPException: the file is empty, too large, or of a type that is not allowed.
    """
    metadata = json.loads(metadata) if isinstance(metadata, str) and metadata else metadata
    handle, path = tempfile.mkstemp(prefix="upload_")
    try:
        with os.fdopen(handle, "wb") as target:
            file.file.seek(0)
            shutil.copyfileobj(file.file, target, 1 << 20)
        upload = {
            "field": "file",
            "path": path,
            "filename": file.filename or "file",
            "content_type": _find_content_type(file),
        }
        created = await call_operation(
            user or find_user(request),
            "POST",
            "/api/v1/files/",
            query={"process": process, "process_in_background": process_in_background},
            form={"metadata": json.dumps(_select_storable(metadata))} if metadata else {},
            upload=upload,
        )
    finally:
        os.unlink(path)
    record = await Files.get_file_by_id(created["id"])
    if record is None:
        record = FileModel.model_validate({"path": None, "updated_at": None, **created})
    return UploadedFile({"status": True, **record.model_dump()}) if process else record


upload_file = upload_file_handler


def _find_content_type(file: Any) -> str:
    content_type = getattr(file, "content_type", None) or mimetypes.guess_type(file.filename or "")[0]
    return content_type or "application/octet-stream"


def _select_storable(metadata: Any) -> Any:
    """Return metadata without what JSON cannot hold: plugins pass on those of a request, with objects in them."""
    from fastback.plugin_host.open_webui.utils.misc import sanitize_metadata

    return sanitize_metadata(metadata)


@awaited_or_not
async def get_file_content_by_id(id: str, user: Any = None, attachment: bool = False, db: Any = None) -> Any:
    """Return the content as a response of Starlette.

    Raises:
        HTTPException: there is no such file, or the user may not read it.
    """
    from starlette.responses import Response

    query = {"attachment": attachment}
    path = f"/api/v1/files/{id}/content"
    body, headers = await call_operation(user, "GET", path, query=query, raw=True)
    return Response(body, media_type=headers.get("content-type"))


list_files = define_operation("GET", "/api/v1/files/", "user page content db")
get_file_by_id = define_operation("GET", "/api/v1/files/{id}", "id user db", result=FileModel)
get_file_data_content_by_id = define_operation("GET", "/api/v1/files/{id}/data/content", "id user db")
update_file_data_content_by_id = define_operation(
    "POST", "/api/v1/files/{id}/data/content/update", "request id form_data user db"
)
get_file_process_status = define_operation("GET", "/api/v1/files/{id}/process/status", "id stream user")
rename_file_by_id = define_operation(
    "POST", "/api/v1/files/{id}/rename", "request id form_data user db", result=FileModelResponse
)
delete_file_by_id = define_operation("DELETE", "/api/v1/files/{id}", "request id user db")
search_files = define_operation("GET", "/api/v1/files/search", "filename content skip limit user db")
