"""Uploads of files in tests."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from conftest import Person, Reply

FILES = "/api/v1/files"


async def send_file(
    person: Person,
    content: bytes = b"Herons stand on one leg.",
    name: str = "herons.txt",
    kind: str | None = "text/plain",
    *,
    metadata: Any = None,
    **query: Any,
) -> Reply:
    """Upload a file and return the reply."""
    form = aiohttp.FormData(quote_fields=False)  # as browsers write names
    form.add_field("file", content, filename=name, content_type=kind)
    if metadata is not None:
        form.add_field("metadata", metadata if isinstance(metadata, str) else msgspec.json.encode(metadata).decode())
    return await person.request("POST", f"{FILES}/", data=form, **query)


async def upload_file(person: Person, *arguments: Any, **more: Any) -> dict[str, Any]:
    """Upload a file, wait until it is processed, and return it."""
    file: dict[str, Any] = (await send_file(person, *arguments, process_in_background=False, **more)).ok()
    return file


async def get_file(person: Person, file_id: str) -> dict[str, Any]:
    """Return a file with its data."""
    file: dict[str, Any] = (await person.get(f"{FILES}/{file_id}")).ok()
    return file
