"""The form of an upload, parsed while it arrives: the file goes to the disk, hashed and counted on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from starlette.requests import Request

from fastback.kit.http import BadRequest, Invalid
from fastback.kit.http.coercion import make_missing_problem
from fastback.kit.http.multipart import Part, read_form
from fastback.kit.storage import IncomingFile

#: Bytes of a field that is not a file.
_MAX_FIELD_BYTES = 1024 * 1024


class UploadForm(msgspec.Struct):
    """A complete form with a file.

    Attributes:
        size: bytes of the file; if it is too large, those that arrived.
        too_large: the file exceeds the limit, and its bytes are not complete.
        fields: the texts of the fields that the caller named, and of `file` if it is a plain field.
    """

    filename: str
    content_type: str | None
    path: Path
    size: int
    sha256: str
    too_large: bool
    fields: dict[str, str]


class _IncomingFile:
    """The file that is arriving."""

    def __init__(self, part: Part, spool: IncomingFile, max_bytes: int | None) -> None:
        self.part = part
        self.spool = spool
        self._max_bytes = max_bytes
        self.size = 0

    @property
    def too_large(self) -> bool:
        return self._max_bytes is not None and self.size > self._max_bytes

    async def write(self, content: bytes) -> None:
        self.size += len(content)
        if not self.too_large:
            try:
                await self.spool.write(content)
            except OSError as error:
                raise BadRequest(error.strerror or "Error uploading file") from error


@asynccontextmanager
async def receive_upload(
    request: Request, directory: Path, max_bytes: int | None, *, fields: Collection[str] = ("metadata",)
) -> AsyncIterator[UploadForm]:
    """Yield the form of an upload, its `file` in the directory until the context ends, and the named fields.

    The part of a file beyond `max_bytes` is read and discarded, so that the sender reads the response.

    Raises:
        Invalid: there is no file.
        BadRequest: the body is not a form, or the directory is not writable.
    """
    texts: dict[str, str] = {}
    file: _IncomingFile | None = None
    async with AsyncExitStack() as stack:
        current_part: Part | None = None
        field_pieces: list[bytes] = []
        async for event in read_form(request):
            if isinstance(event, Part):
                current_part, field_pieces = event, []
                if event.name == "file" and event.filename is not None:
                    await stack.aclose()  # of several files the last one is used
                    try:
                        spool = await stack.enter_async_context(IncomingFile(directory))
                    except OSError as error:
                        raise BadRequest(error.strerror or "Error uploading file") from error
                    file = _IncomingFile(event, spool, max_bytes)
            elif current_part is None:
                pass
            elif event is None:
                if current_part.filename is None and (current_part.name == "file" or current_part.name in fields):
                    texts[current_part.name] = b"".join(field_pieces).decode("utf-8", "replace")
            elif current_part.filename is None:
                field_pieces.append(event)
                if sum(map(len, field_pieces)) > _MAX_FIELD_BYTES:
                    raise BadRequest(f"Part exceeded maximum size of {_MAX_FIELD_BYTES // 1024}KB.")
            elif file is not None and current_part is file.part:
                await file.write(event)
        if file is None:
            raise Invalid([_describe_missing_file(texts)])
        sha256 = await file.spool.finish()
        yield UploadForm(
            file.part.filename or "",
            file.part.content_type,
            file.spool.path,
            file.size,
            sha256,
            file.too_large,
            texts,
        )


def _describe_missing_file(fields: dict[str, str]) -> dict[str, object]:
    if "file" not in fields:
        return make_missing_problem(("body", "file"))
    return {
        "type": "value_error",
        "loc": ["body", "file"],
        "msg": "Value error, Expected UploadFile, received: <class 'str'>",
        "input": fields["file"],
        "ctx": {"error": {}},
    }
