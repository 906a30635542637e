"""Create an Ollama model from a file: hash it, send it as a blob, create the model from the blob.

Format: Ollama's API documentation, `POST /api/blobs/sha256:<digest>` with the file as its body, then
`POST /api/create` with `{"model", "files": {name: "sha256:<digest>"}}`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from fastback.kit.http import HttpError

#: Size of the chunks in which files are read and written (bytes).
CHUNK = 1024 * 1024

Headers = dict[str, str]


class BlobError(Exception):
    """The model was not created; the message says why."""


def encode_event(content: dict[str, Any]) -> bytes:
    """Return a progress event of the stream that the page reads."""
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


def _compute_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def read_chunks(path: Path) -> AsyncIterator[bytes]:
    """Yield a file in chunks; each is read in a thread."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
    finally:
        await asyncio.to_thread(file.close)


async def create_model(client: aiohttp.ClientSession, url: str, headers: Headers, path: Path, name: str) -> bytes:
    """Send a file to the Ollama server at `url`, create a model from it, and return the last progress event.

    Raises:
        BlobError: the server rejected the file or the model.
    """
    digest = await asyncio.to_thread(_compute_digest, path)
    size = (await asyncio.to_thread(path.stat)).st_size
    other_headers = {
        key: value for key, value in headers.items() if key.lower() not in ("content-type", "content-length")
    }
    blob_headers = {**other_headers, "content-type": "application/octet-stream", "content-length": str(size)}
    model = Path(name).stem
    try:
        async with client.post(
            f"{url}/api/blobs/sha256:{digest}", data=read_chunks(path), headers=blob_headers
        ) as response:
            if not response.ok:
                raise BlobError("Ollama: Could not create blob, Please try again.")
        await asyncio.to_thread(path.unlink, missing_ok=True)
        body = msgspec.json.encode({"model": model, "files": {name: f"sha256:{digest}"}, "stream": False})
        async with client.post(
            f"{url}/api/create", data=body, headers={**other_headers, "content-type": "application/json"}
        ) as response:
            if not response.ok:
                raise BlobError(f"Failed to create model in Ollama. {await response.text()}")
    except (aiohttp.ClientError, OSError, HttpError) as error:
        raise BlobError(f"Ollama: {error}") from error
    return encode_event({"done": True, "blob": f"sha256:{digest}", "name": name, "model_created": model})
