"""The texts of a knowledge as a zip archive, made while it is sent: one text at a time is held."""

from __future__ import annotations

import asyncio
import time
import zipfile
from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec

from fastback.kit.db import Database


class _Text(msgspec.Struct):
    filename: str
    content: str | None


class _WriteBuffer:
    """A file that is only written to, and read off in pieces."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take_bytes(self) -> bytes:
        content = b"".join(self._parts)
        self._parts.clear()
        return content


def build_headers(name: str) -> dict[str, str]:
    """Headers of the archive of a knowledge with this name."""
    safe = "".join(char if char.isalnum() or char in " -_" else "_" for char in name)
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(f'{safe}.zip', safe='')}"}


async def stream_archive(db: Database, knowledge_id: str) -> AsyncIterator[bytes]:
    """The pieces of the archive; files without text are left out, and of one name each has a number but the first."""
    ids = await db.fetch_all_in_thread(
        str,
        "knowledge.export.ids",
        "SELECT file_id FROM knowledge_file WHERE knowledge_id = :id ORDER BY created_at, id",
        id=knowledge_id,
    )
    buffer = _WriteBuffer()
    archive_file = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    used_names: set[str] = set()
    for file_id in ids:
        rows = await db.fetch_all_in_thread(
            _Text,
            "knowledge.export.text",
            "SELECT f.filename, f.data ->> 'content' FROM file f WHERE f.id = :id",
            id=file_id,
        )
        if rows and rows[0].content:
            await asyncio.to_thread(
                _add_text, archive_file, _choose_name(rows[0].filename, used_names), rows[0].content
            )
            yield buffer.take_bytes()
    await asyncio.to_thread(archive_file.close)
    yield buffer.take_bytes()


def _add_text(archive_file: zipfile.ZipFile, name: str, content: str) -> None:
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    archive_file.writestr(info, content.encode("utf-8", "replace"))


def _choose_name(filename: str, used_names: set[str]) -> str:
    """A name in the archive, ending in `.txt`, that none has yet."""
    stem = filename.removesuffix(".txt")
    name, number = f"{stem}.txt", 1
    while name in used_names:
        number += 1
        name = f"{stem} ({number}).txt"
    used_names.add(name)
    return name
