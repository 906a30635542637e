"""MinerU's service: the file goes to an address it names, the result comes as an archive."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.extraction.engines.engine_client import Answer, Call, CallFailed
from fastback.retrieval.extraction.engines.mineru_options import Options
from fastback.retrieval.interfaces import Document, RetrievalError

#: How long it may take, in seconds.
_LONGEST = 600


class _Result(msgspec.Struct, frozen=True):
    file_name: str = ""
    state: str = ""
    err_msg: str = "Unknown error"
    full_zip_url: str = ""


class _Data(msgspec.Struct, frozen=True):
    batch_id: str = ""
    file_urls: list[str] = []
    extract_result: list[_Result] = []


class _Answer(msgspec.Struct, frozen=True):
    code: Any = None
    msg: str | None = None
    data: _Data | None = None


async def extract(call: Call, options: Options) -> list[Document]:
    """One document, as Markdown. Metadata: `source`, `api_mode`, `batch_id`."""
    if not options.key:
        raise RetrievalError("API key is required for Cloud API mode")
    batch, place = await _announce(call, options)
    try:
        # The address is signed for a request that names no type.
        await call.ask("PUT", place, data=call.file(), seconds=options.seconds, skip=("Content-Type",))
    except CallFailed as error:
        if error.late:
            raise RetrievalError("File upload to presigned URL timed out") from error
        raise RetrievalError(f"Failed to upload file to presigned URL: {error.said()}") from error
    archive = await _done(call, options, batch)
    metadata = {"source": call.name, "api_mode": "cloud", "batch_id": batch}
    return [Document(await _text(call, archive), metadata)]


def _data(answer: Answer) -> _Data:
    found = answer.read(_Answer)
    if found.code != 0:
        raise RetrievalError(f"MinerU Cloud API error: {found.msg or 'Unknown error'}")
    return found.data or _Data()


async def _announce(call: Call, options: Options) -> tuple[str, str]:
    """The number of our batch, and where the file goes."""
    file: dict[str, Any] = {"name": call.name, "is_ocr": options.params.get("enable_ocr", False)}
    if options.page_ranges:
        file["page_ranges"] = options.page_ranges
    headers = {"Authorization": f"Bearer {options.key}"}
    body = {**options.params, "files": [file]}
    try:
        data = _data(await call.ask("POST", f"{options.url}/file-urls/batch", headers=headers, json=body, seconds=30))
    except CallFailed as error:
        raise RetrievalError(f"Failed to request upload URL: {error.said()}") from error
    if not data.batch_id or not data.file_urls:
        raise RetrievalError("MinerU Cloud API response missing batch_id or file_urls")
    return data.batch_id, data.file_urls[0]


async def _done(call: Call, options: Options, batch: str) -> str:
    """Where the result is, once there is one."""
    url = f"{options.url}/extract-results/batch/{batch}"
    async for _ in call.again(_LONGEST):
        try:
            data = _data(await call.ask("GET", url, headers={"Authorization": f"Bearer {options.key}"}, seconds=30))
        except CallFailed as error:
            raise RetrievalError(f"Failed to poll batch status: {error.said()}") from error
        result = next((one for one in data.extract_result if one.file_name == call.name), None)
        if result is None:
            raise RetrievalError(f"File {call.name} not found in batch results")
        if result.state == "done":
            return result.full_zip_url
        if result.state == "failed":
            raise RetrievalError(f"MinerU processing failed: {result.err_msg}")
    raise RetrievalError("MinerU processing timed out after 10 minutes")


async def _text(call: Call, url: str) -> str:
    """The Markdown in the archive; a worker opens it."""
    try:
        answer = await call.ask("GET", url, seconds=300)
    except CallFailed as error:
        raise RetrievalError(f"Failed to download results ZIP: {error.said()}") from error
    async with spool.spool() as path:
        await spool.keep(path, answer.content)
        return await call.local.markdown(path, call.settings.mineru_max_markdown_bytes)
