"""Mistral's OCR: upload the file, or send it inside the request, as configured."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback import messages
from fastback.config.keys.retrieval import (
    RAG_MISTRAL_OCR_API_BASE_URL,
    RAG_MISTRAL_OCR_API_KEY,
    RAG_MISTRAL_OCR_USE_BASE64,
)
from fastback.providers.openai import make_user_headers
from fastback.retrieval.extraction.engines.engine_client import (
    EngineCall,
    EngineError,
    EngineResponse,
    describe_failure,
)
from fastback.retrieval.interfaces import Document, RetrievalError

log = logging.getLogger("fastback.extraction")

_NAME = "Mistral OCR"
_MODEL = "mistral-ocr-latest"
#: Attempts at a request when the server is busy or unreachable, and the seconds before the first retry.
_ATTEMPTS, RETRY_DELAY = 3, 1.5


class _OcrPage(msgspec.Struct, frozen=True):
    index: int | None = None
    markdown: str | None = None


class _OcrResult(msgspec.Struct, frozen=True):
    pages: list[_OcrPage] = []


class _UploadedFile(msgspec.Struct, frozen=True):
    id: str = ""
    url: str = ""


def accepts_file(call: EngineCall) -> bool:
    """Return whether a key is configured, and the file is a PDF."""
    return call.config.get_text(RAG_MISTRAL_OCR_API_KEY) != "" and call.source.extension == "pdf"


async def _retry_request(send: Callable[[], Awaitable[EngineResponse]]) -> EngineResponse:
    """Send a request, and retry where the failure may be temporary."""
    for attempt in range(_ATTEMPTS):
        try:
            return await send()
        except EngineError as error:
            is_permanent = 0 < error.status < 500 and error.status != 429
            if is_permanent or attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(RETRY_DELAY * 2**attempt)
    raise AssertionError


class _MistralClient:
    """Send the requests of the OCR API."""

    def __init__(self, call: EngineCall) -> None:
        self.call = call
        self.base = call.config.get_text(RAG_MISTRAL_OCR_API_BASE_URL).rstrip("/") or "https://api.mistral.ai/v1"
        self.headers = {"Authorization": f"Bearer {call.config.get_text(RAG_MISTRAL_OCR_API_KEY)}"}
        ctx = call.ctx
        if ctx is not None and ctx.user is not None and call.settings.enable_forward_user_info_headers:
            self.headers |= make_user_headers(ctx.user, call.settings)

    async def upload_file(self) -> str:
        """Upload the file, and return its id."""

        def send() -> Awaitable[EngineResponse]:
            form = self.call.build_form("file", "application/pdf", purpose="ocr")
            return self.call.send_request("POST", f"{self.base}/files", headers=self.headers, data=form)

        file_id = (await _retry_request(send)).decode(_UploadedFile).id
        if not file_id:
            raise EngineError("it gave the file no id")
        return file_id

    async def get_file_url(self, file_id: str) -> str:
        """Return the address under which the service reads the uploaded file."""
        url = f"{self.base}/files/{file_id}/url"
        headers = {**self.headers, "Accept": "application/json"}
        response = await _retry_request(
            lambda: self.call.send_request("GET", url, headers=headers, params={"expiry": "1"}, timeout=30)
        )
        file_url = response.decode(_UploadedFile).url
        if not file_url:
            raise EngineError("it gave the file no address")
        return file_url

    async def read_url(self, file_url: str) -> EngineResponse:
        """Have the file at a URL read."""
        body = {
            "model": _MODEL,
            "document": {"type": "document_url", "document_url": file_url},
            "include_image_base64": False,
        }
        return await _retry_request(
            lambda: self.call.send_request("POST", f"{self.base}/ocr", headers=self.headers, json=body)
        )

    async def read_inline(self) -> EngineResponse:
        """Send the file inside the request, and have it read."""
        before = f'{{"model":"{_MODEL}","document":{{"type":"document_url","document_url":"data:application/pdf;base64,'
        after = '"},"include_image_base64":false}'
        url = f"{self.base}/ocr"
        return await _retry_request(
            lambda: self.call.send_file_as_base64("POST", url, before, after, headers=self.headers)
        )

    async def delete_file(self, file_id: str) -> None:
        """Delete the uploaded file; a failure is only logged."""
        try:
            await self.call.send_request("DELETE", f"{self.base}/files/{file_id}", headers=self.headers, timeout=30)
        except EngineError as error:
            log.warning("%s: deleting the uploaded file failed, it stays there: %s", _NAME, error)


async def _request_ocr(session: _MistralClient) -> EngineResponse:
    """Have the file read in the configured way."""
    if session.call.config.get_bool(RAG_MISTRAL_OCR_USE_BASE64):
        return await session.read_inline()
    file_id = await session.upload_file()
    try:
        return await session.read_url(await session.get_file_url(file_id))
    finally:
        await session.delete_file(file_id)


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return a document for each page with text, with `page` (from 0), `page_label` (from 1), `total_pages`."""
    try:
        pages = (await _request_ocr(_MistralClient(call))).decode(_OcrResult).pages
    except EngineError as error:
        raise describe_failure(_NAME, error) from error
    documents: list[Document] = []
    for page in pages:
        text = (page.markdown or "").strip()
        if not text or page.index is None:
            continue
        metadata: dict[str, Any] = {
            "page": page.index,
            "page_label": page.index + 1,
            "total_pages": len(pages),
            "file_name": call.filename,
            "file_size": call.source.size,
            "processing_engine": "mistral-ocr",
            "content_length": len(text),
        }
        documents.append(Document(text, metadata))
    if not documents:
        raise RetrievalError(messages.EMPTY_CONTENT)
    return documents
