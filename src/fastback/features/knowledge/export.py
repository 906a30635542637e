"""The texts of a knowledge as a zip archive, which is created while it is sent: memory holds one text at a time."""

from __future__ import annotations

import asyncio
import time
import zipfile
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastback.features.knowledge import store
from fastback.kit.db import Database


class _WriteBuffer:
    """A write-only file whose content is taken out in pieces; zipfile counts the bytes of such a file itself."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take_bytes(self) -> bytes:
        """Return what was written since the last call, and forget it."""
        content = b"".join(self._parts)
        self._parts.clear()
        return content


def build_headers(name: str) -> dict[str, str]:
    """Return the headers of the archive of a knowledge with this name."""
    safe = "".join(char if char.isalnum() or char in " -_" else "_" for char in name)
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(f'{safe}.zip', safe='')}"}


async def stream_archive(db: Database, knowledge_id: str) -> AsyncIterator[bytes]:
    """Yield the archive in pieces. Files without text are skipped; repeated names get a number."""
    buffer = _WriteBuffer()
    archive_file = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    used_names: set[str] = set()
    for file_id in await store.list_file_ids(db, knowledge_id):
        file = await store.find_file_text(db, file_id)
        if file is not None and file.content:
            await asyncio.to_thread(_add_text, archive_file, _choose_name(file.filename, used_names), file.content)
            yield buffer.take_bytes()
    await asyncio.to_thread(archive_file.close)
    yield buffer.take_bytes()


def _add_text(archive_file: zipfile.ZipFile, name: str, content: str) -> None:
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    archive_file.writestr(info, content.encode("utf-8", "replace"))


def _choose_name(filename: str, used_names: set[str]) -> str:
    """Return an unused name in the archive, ending in `.txt`, and mark it as used."""
    stem = filename.removesuffix(".txt")
    name, number = f"{stem}.txt", 1
    while name in used_names:
        number += 1
        name = f"{stem} ({number}).txt"
    used_names.add(name)
    return name
