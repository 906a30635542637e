"""MinerU: the hosted service, or a self-hosted server, of version 4 or older."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fastback.config.keys.retrieval import RAG_MINERU_FILE_EXTENSIONS
from fastback.retrieval.extraction.engines import mineru_cloud
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError, EngineResponse
from fastback.retrieval.extraction.engines.mineru_options import MinerUOptions
from fastback.retrieval.interfaces import Document, RetrievalError

#: Images embedded in the Markdown; they are removed, as they contain nothing to search for.
_MARKDOWN_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(data:[^()\s]*\)")
_HTML_IMAGE = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)


class _Result(msgspec.Struct, frozen=True):
    md_content: str | None = None


class _ParsedFiles(msgspec.Struct, frozen=True):
    results: dict[str, _Result] | None = None
    backend: str = "unknown"
    version: str = "unknown"


class _FileReference(msgspec.Struct, frozen=True):
    id: str = ""


class _Upload(msgspec.Struct, frozen=True):
    id: str = ""
    file: _FileReference = _FileReference()


class _OutputFile(msgspec.Struct, frozen=True):
    file_id: str = ""


class _OutputFiles(msgspec.Struct, frozen=True):
    markdown: _OutputFile = _OutputFile()


class _ParseError(msgspec.Struct, frozen=True):
    message: str = "Unknown error"


class _ParserInfo(msgspec.Struct, frozen=True):
    parser_version: str = "unknown"


class _JobFile(msgspec.Struct, frozen=True):
    output_files: _OutputFiles | None = None
    error: _ParseError | None = None
    parse: _ParserInfo | None = None


class _ParseJob(msgspec.Struct, frozen=True):
    job_id: str = ""
    status: str = ""
    tier: str | None = None
    files: list[_JobFile] = []


def accepts_file(call: EngineCall) -> bool:
    """Return whether the configured list of extensions contains the file's."""
    return call.source.extension in call.config.get_list(RAG_MINERU_FILE_EXTENSIONS)


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return one document in Markdown. Metadata: `source`, `api_mode`, and what the server reports about itself."""
    options = MinerUOptions.from_config(call)
    if options.mode == "cloud":
        return await mineru_cloud.extract_documents(call, options)
    if options.mode != "local":
        raise RetrievalError(f"Invalid API mode: {options.mode}. Must be 'local' or 'cloud'")
    try:
        await call.send_request("GET", f"{options.url}/v1/health", timeout=10)
    except EngineError:
        return await _extract_by_old_server(call, options)
    return await _extract_by_version_4(call, options)


async def _extract_by_old_server(call: EngineCall, options: MinerUOptions) -> list[Document]:
    """Send one request to a server older than version 4; its response is the result."""
    form = call.build_form("files", "application/octet-stream", **{**options.params, "return_md": "true"})
    try:
        response = await call.send_request(
            "POST", f"{options.url}/file_parse", data=form, timeout=options.request_timeout
        )
    except EngineError as error:
        if error.timed_out:
            raise RetrievalError("MinerU Local API request timed out") from error
        message = "MinerU Local API request failed" if error.status else "Error calling MinerU Local API"
        raise RetrievalError(f"{message}: {error.describe()}") from error
    try:
        parsed = response.decode(_ParsedFiles)
    except EngineError as error:
        raise RetrievalError(f"Invalid JSON response from MinerU Local API: {error.reason}") from error
    if parsed.results is None:
        raise RetrievalError("MinerU Local API response missing 'results' field")
    if not parsed.results:
        raise RetrievalError("MinerU returned empty results")
    text = next(iter(parsed.results.values())).md_content
    if not text:
        raise RetrievalError("MinerU returned empty markdown content")
    metadata = {"source": call.filename, "api_mode": "local", "backend": parsed.backend, "version": parsed.version}
    return [Document(text, metadata)]


class _Version4Client:
    """Send the requests of the API of version 4."""

    def __init__(self, call: EngineCall, options: MinerUOptions) -> None:
        self.call = call
        self.options = options
        self.headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}

    async def send_request(self, method: str, path: str, **options: Any) -> EngineResponse:
        """Send a request to the server. Raises: RetrievalError."""
        headers = {**self.headers, **options.pop("headers", {})}
        try:
            return await self.call.send_request(
                method, f"{self.options.url}{path}", headers=headers, timeout=self.options.request_timeout, **options
            )
        except EngineError as error:
            if error.timed_out:
                raise RetrievalError("MinerU V1 API request timed out") from error
            message = "MinerU V1 API request failed" if error.status else "Error calling MinerU V1 API"
            raise RetrievalError(f"{message}: {error.describe()}") from error

    async def upload_file(self) -> str:
        """Upload the file, and return its id on the server."""
        description = {
            "filename": self.call.filename,
            "bytes": self.call.source.size,
            "mime_type": "application/octet-stream",
        }
        upload = (await self.send_request("POST", "/v1/uploads", json=description)).decode(_Upload)
        await self.send_request(
            "PUT", f"/v1/uploads/{upload.id}/content", data=self.call.open_file(), skip=("Content-Type",)
        )
        return (await self.send_request("POST", f"/v1/uploads/{upload.id}/complete")).decode(_Upload).file.id

    async def run_parse_job(self, file_id: str) -> _ParseJob:
        """Start a parse job, and return it when it ends."""
        options = self.options
        entry: dict[str, Any] = {"source": {"type": "file_id", "file_id": file_id}}
        if options.page_ranges and self.call.filename.lower().endswith(".pdf"):
            entry["page_range"] = options.page_ranges
        body = {
            "files": [entry],
            "tier": options.params.get("tier"),
            "ocr_mode": "ocr" if options.params.get("enable_ocr") else "auto",
        }
        job = (await self.send_request("POST", "/v1/parse/jobs", json=body)).decode(_ParseJob)
        async for _ in self.call.poll(options.limit):
            if job.status not in ("queued", "running"):
                return job
            job = (await self.send_request("GET", f"/v1/parse/jobs/{job.job_id}")).decode(_ParseJob)
        raise RetrievalError(f"MinerU processing timed out after {options.limit:g} seconds")


async def _extract_by_version_4(call: EngineCall, options: MinerUOptions) -> list[Document]:
    """Upload the file to a server of version 4, run a parse job, and download the result."""
    server = _Version4Client(call, options)
    try:
        job = await server.run_parse_job(await server.upload_file())
    except EngineError as error:
        raise RetrievalError(f"Error calling MinerU V1 API: {error.reason}") from error
    result = job.files[0] if job.files else _JobFile()
    if job.status != "completed" or result.output_files is None:
        raise RetrievalError(f"MinerU processing {job.status}: {(result.error or _ParseError()).message}")
    content = (await server.send_request("GET", f"/v1/files/{result.output_files.markdown.file_id}/content")).content
    text = _HTML_IMAGE.sub("", _MARKDOWN_IMAGE.sub(r"\1", content.decode("utf-8", "replace")))
    if not text:
        raise RetrievalError("MinerU returned empty markdown content")
    metadata = {
        "source": call.filename,
        "api_mode": "local",
        "tier": job.tier,
        "version": (result.parse or _ParserInfo()).parser_version,
    }
    return [Document(text, metadata)]
