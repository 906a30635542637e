"""MinerU: the service, a server of the house's own (version 4, or an older one)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fastback.config.keys.retrieval import RAG_MINERU_FILE_EXTENSIONS
from fastback.retrieval.extraction.engines import mineru_cloud
from fastback.retrieval.extraction.engines.engine_client import Answer, Call, CallFailed
from fastback.retrieval.extraction.engines.mineru_options import Options
from fastback.retrieval.interfaces import Document, RetrievalError

#: Pictures in the text: they are no text worth looking for.
_MARKDOWN_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(data:[^()\s]*\)")
_HTML_IMAGE = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)


class _Result(msgspec.Struct, frozen=True):
    md_content: str | None = None


class _Parsed(msgspec.Struct, frozen=True):
    results: dict[str, _Result] | None = None
    backend: str = "unknown"
    version: str = "unknown"


class _Id(msgspec.Struct, frozen=True):
    id: str = ""


class _Upload(msgspec.Struct, frozen=True):
    id: str = ""
    file: _Id = _Id()


class _Output(msgspec.Struct, frozen=True):
    file_id: str = ""


class _Outputs(msgspec.Struct, frozen=True):
    markdown: _Output = _Output()


class _Problem(msgspec.Struct, frozen=True):
    message: str = "Unknown error"


class _Parse(msgspec.Struct, frozen=True):
    parser_version: str = "unknown"


class _Entry(msgspec.Struct, frozen=True):
    output_files: _Outputs | None = None
    error: _Problem | None = None
    parse: _Parse | None = None


class _Job(msgspec.Struct, frozen=True):
    job_id: str = ""
    status: str = ""
    tier: str | None = None
    files: list[_Entry] = []


def accepts(call: Call) -> bool:
    return call.source.extension in call.config.items(RAG_MINERU_FILE_EXTENSIONS)


async def extract(call: Call) -> list[Document]:
    """One document, as Markdown. Metadata: `source`, `api_mode`, and what the server says of itself."""
    options = Options.of(call)
    if options.mode == "cloud":
        return await mineru_cloud.extract(call, options)
    if options.mode != "local":
        raise RetrievalError(f"Invalid API mode: {options.mode}. Must be 'local' or 'cloud'")
    try:
        await call.ask("GET", f"{options.url}/v1/health", seconds=10)
    except CallFailed:
        return await _older(call, options)
    return await _version_4(call, options)


async def _older(call: Call, options: Options) -> list[Document]:
    """One question, one answer."""
    form = call.form("files", "application/octet-stream", **{**options.params, "return_md": "true"})
    try:
        answer = await call.ask("POST", f"{options.url}/file_parse", data=form, seconds=options.seconds)
    except CallFailed as error:
        if error.late:
            raise RetrievalError("MinerU Local API request timed out") from error
        words = "MinerU Local API request failed" if error.status else "Error calling MinerU Local API"
        raise RetrievalError(f"{words}: {error.said()}") from error
    try:
        found = answer.read(_Parsed)
    except CallFailed as error:
        raise RetrievalError(f"Invalid JSON response from MinerU Local API: {error.reason}") from error
    if found.results is None:
        raise RetrievalError("MinerU Local API response missing 'results' field")
    if not found.results:
        raise RetrievalError("MinerU returned empty results")
    text = next(iter(found.results.values())).md_content
    if not text:
        raise RetrievalError("MinerU returned empty markdown content")
    metadata = {"source": call.name, "api_mode": "local", "backend": found.backend, "version": found.version}
    return [Document(text, metadata)]


class _Server:
    """The API of version 4."""

    def __init__(self, call: Call, options: Options) -> None:
        self.call = call
        self.options = options
        self.headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        headers = {**self.headers, **more.pop("headers", {})}
        try:
            return await self.call.ask(
                method, f"{self.options.url}{path}", headers=headers, seconds=self.options.seconds, **more
            )
        except CallFailed as error:
            if error.late:
                raise RetrievalError("MinerU V1 API request timed out") from error
            words = "MinerU V1 API request failed" if error.status else "Error calling MinerU V1 API"
            raise RetrievalError(f"{words}: {error.said()}") from error

    async def upload(self) -> str:
        """The id of the file there."""
        described = {
            "filename": self.call.name,
            "bytes": self.call.source.size,
            "mime_type": "application/octet-stream",
        }
        upload = (await self.ask("POST", "/v1/uploads", json=described)).read(_Upload)
        await self.ask("PUT", f"/v1/uploads/{upload.id}/content", data=self.call.file(), skip=("Content-Type",))
        return (await self.ask("POST", f"/v1/uploads/{upload.id}/complete")).read(_Upload).file.id

    async def parse(self, file_id: str) -> _Job:
        options = self.options
        entry: dict[str, Any] = {"source": {"type": "file_id", "file_id": file_id}}
        if options.page_ranges and self.call.name.lower().endswith(".pdf"):
            entry["page_range"] = options.page_ranges
        body = {
            "files": [entry],
            "tier": options.params.get("tier"),
            "ocr_mode": "ocr" if options.params.get("enable_ocr") else "auto",
        }
        job = (await self.ask("POST", "/v1/parse/jobs", json=body)).read(_Job)
        async for _ in self.call.again(options.limit):
            if job.status not in ("queued", "running"):
                return job
            job = (await self.ask("GET", f"/v1/parse/jobs/{job.job_id}")).read(_Job)
        raise RetrievalError(f"MinerU processing timed out after {options.limit:g} seconds")


async def _version_4(call: Call, options: Options) -> list[Document]:
    server = _Server(call, options)
    try:
        job = await server.parse(await server.upload())
    except CallFailed as error:
        raise RetrievalError(f"Error calling MinerU V1 API: {error.reason}") from error
    result = job.files[0] if job.files else _Entry()
    if job.status != "completed" or result.output_files is None:
        raise RetrievalError(f"MinerU processing {job.status}: {(result.error or _Problem()).message}")
    content = (await server.ask("GET", f"/v1/files/{result.output_files.markdown.file_id}/content")).content
    text = _HTML_IMAGE.sub("", _MARKDOWN_IMAGE.sub(r"\1", content.decode("utf-8", "replace")))
    if not text:
        raise RetrievalError("MinerU returned empty markdown content")
    metadata = {
        "source": call.name,
        "api_mode": "local",
        "tier": job.tier,
        "version": (result.parse or _Parse()).parser_version,
    }
    return [Document(text, metadata)]
