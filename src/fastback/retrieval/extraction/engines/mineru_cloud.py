"""MinerU's hosted service: upload the file to an address that it names, download the result as an archive."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError, EngineResponse
from fastback.retrieval.extraction.engines.mineru_options import MinerUOptions
from fastback.retrieval.interfaces import Document, RetrievalError

#: Seconds that the processing of a file may take.
_TIMEOUT = 600


class _Result(msgspec.Struct, frozen=True):
    file_name: str = ""
    state: str = ""
    err_msg: str = "Unknown error"
    full_zip_url: str = ""


class _Data(msgspec.Struct, frozen=True):
    batch_id: str = ""
    file_urls: list[str] = []
    extract_result: list[_Result] = []


class _Response(msgspec.Struct, frozen=True):
    code: Any = None
    msg: str | None = None
    data: _Data | None = None


async def extract_documents(call: EngineCall, options: MinerUOptions) -> list[Document]:
    """Return one document in Markdown. Metadata: `source`, `api_mode`, `batch_id`."""
    if not options.key:
        raise RetrievalError("API key is required for Cloud API mode")
    batch_id, upload_url = await _request_upload_url(call, options)
    try:
        # The address is signed for a request without a content type.
        await call.send_request(
            "PUT", upload_url, data=call.open_file(), timeout=options.request_timeout, skip=("Content-Type",)
        )
    except EngineError as error:
        if error.timed_out:
            raise RetrievalError("File upload to presigned URL timed out") from error
        raise RetrievalError(f"Failed to upload file to presigned URL: {error.describe()}") from error
    archive_url = await _poll_archive_url(call, options, batch_id)
    metadata = {"source": call.filename, "api_mode": "cloud", "batch_id": batch_id}
    return [Document(await _download_markdown(call, archive_url), metadata)]


def _read_data(response: EngineResponse) -> _Data:
    content = response.decode(_Response)
    if content.code != 0:
        raise RetrievalError(f"MinerU Cloud API error: {content.msg or 'Unknown error'}")
    return content.data or _Data()


async def _request_upload_url(call: EngineCall, options: MinerUOptions) -> tuple[str, str]:
    """Announce the file; return the id of the batch, and the address to upload the file to."""
    file: dict[str, Any] = {"name": call.filename, "is_ocr": options.params.get("enable_ocr", False)}
    if options.page_ranges:
        file["page_ranges"] = options.page_ranges
    headers = {"Authorization": f"Bearer {options.key}"}
    body = {**options.params, "files": [file]}
    try:
        data = _read_data(
            await call.send_request("POST", f"{options.url}/file-urls/batch", headers=headers, json=body, timeout=30)
        )
    except EngineError as error:
        raise RetrievalError(f"Failed to request upload URL: {error.describe()}") from error
    if not data.batch_id or not data.file_urls:
        raise RetrievalError("MinerU Cloud API response missing batch_id or file_urls")
    return data.batch_id, data.file_urls[0]


async def _poll_archive_url(call: EngineCall, options: MinerUOptions, batch_id: str) -> str:
    """Poll until the processing ends, and return the address of the archive."""
    url = f"{options.url}/extract-results/batch/{batch_id}"
    async for _ in call.poll(_TIMEOUT):
        try:
            data = _read_data(
                await call.send_request("GET", url, headers={"Authorization": f"Bearer {options.key}"}, timeout=30)
            )
        except EngineError as error:
            raise RetrievalError(f"Failed to poll batch status: {error.describe()}") from error
        result = next((file for file in data.extract_result if file.file_name == call.filename), None)
        if result is None:
            raise RetrievalError(f"File {call.filename} not found in batch results")
        if result.state == "done":
            return result.full_zip_url
        if result.state == "failed":
            raise RetrievalError(f"MinerU processing failed: {result.err_msg}")
    raise RetrievalError("MinerU processing timed out after 10 minutes")


async def _download_markdown(call: EngineCall, url: str) -> str:
    """Download the archive, and return the Markdown in it; a worker opens the archive."""
    try:
        response = await call.send_request("GET", url, timeout=300)
    except EngineError as error:
        raise RetrievalError(f"Failed to download results ZIP: {error.describe()}") from error
    async with spool.create_spool_file() as path:
        await spool.write_content(path, response.content)
        return await call.pool.read_markdown(path, call.settings.mineru_max_markdown_bytes)
