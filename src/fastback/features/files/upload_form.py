"""An upload on its way in: its form is read as it comes, its file goes to the disk, hashed and counted meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from starlette.requests import Request

from fastback.kit.http import BadRequest, Invalid
from fastback.kit.http.coercion import missing
from fastback.kit.http.multipart import Part, read_form
from fastback.kit.storage import Spool

#: Bytes of a field that is no file, and the fields that anybody looks at: others are not held.
_FIELD, _WANTED = 1024 * 1024, ("file", "metadata")


class Received(msgspec.Struct):
    """A form with a file, whole.

    Attributes:
        size: bytes of the file; where it is too large, those that came.
        too_large: it was, and is not kept.
        fields: the text of `file` and `metadata`, where they are fields like others.
    """

    filename: str
    content_type: str | None
    path: Path
    size: int
    sha256: str
    too_large: bool
    fields: dict[str, str]


class _File:
    """The file that is coming."""

    def __init__(self, part: Part, spool: Spool, most: int | None) -> None:
        self.part = part
        self.spool = spool
        self._most = most
        self.size = 0

    @property
    def too_large(self) -> bool:
        return self._most is not None and self.size > self._most

    async def take(self, piece: bytes) -> None:
        self.size += len(piece)
        if not self.too_large:
            try:
                await self.spool.write(piece)
            except OSError as error:
                raise BadRequest(error.strerror or "Error uploading file") from error


@asynccontextmanager
async def received(request: Request, directory: Path, most: int | None) -> AsyncIterator[Received]:
    """The form of an upload, its `file` in the directory until the end.

    What comes beyond `most` bytes of a file is read and forgotten: whoever sends it hears the answer then.

    Raises:
        Invalid: there is no file. BadRequest: no form, or nowhere to put the file.
    """
    fields: dict[str, str] = {}
    file: _File | None = None
    async with AsyncExitStack() as stack:
        current: Part | None = None
        text: list[bytes] = []
        async for event in read_form(request):
            if isinstance(event, Part):
                current, text = event, []
                if event.name == "file" and event.filename is not None:
                    await stack.aclose()  # of several files the last one counts
                    try:
                        spool = await stack.enter_async_context(Spool(directory))
                    except OSError as error:
                        raise BadRequest(error.strerror or "Error uploading file") from error
                    file = _File(event, spool, most)
            elif current is None:
                pass
            elif event is None:
                if current.filename is None and current.name in _WANTED:
                    fields[current.name] = b"".join(text).decode("utf-8", "replace")
            elif current.filename is None:
                text.append(event)
                if sum(map(len, text)) > _FIELD:
                    raise BadRequest(f"Part exceeded maximum size of {_FIELD // 1024}KB.")
            elif file is not None and current is file.part:
                await file.take(event)
        if file is None:
            raise Invalid([_no_file(fields)])
        sha256 = await file.spool.finish()
        yield Received(
            file.part.filename or "",
            file.part.content_type,
            file.spool.path,
            file.size,
            sha256,
            file.too_large,
            fields,
        )


def _no_file(fields: dict[str, str]) -> dict[str, object]:
    if "file" not in fields:
        return missing(("body", "file"))
    return {
        "type": "value_error",
        "loc": ["body", "file"],
        "msg": "Value error, Expected UploadFile, received: <class 'str'>",
        "input": fields["file"],
        "ctx": {"error": {}},
    }
