"""Mistral's OCR."""

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
from fastback.providers.openai import user_headers
from fastback.retrieval.extraction.engines.engine_client import Answer, Call, CallFailed, refused
from fastback.retrieval.interfaces import Document, RetrievalError

log = logging.getLogger("fastback.extraction")

_NAME = "Mistral OCR"
_MODEL = "mistral-ocr-latest"
#: Times that a call is tried when the server is busy or away, and the first pause between them.
_TRIES, PAUSE = 3, 1.5


class _Page(msgspec.Struct, frozen=True):
    index: int | None = None
    markdown: str | None = None


class _Pages(msgspec.Struct, frozen=True):
    pages: list[_Page] = []


class _File(msgspec.Struct, frozen=True):
    id: str = ""
    url: str = ""


def accepts(call: Call) -> bool:
    return call.config.text(RAG_MISTRAL_OCR_API_KEY) != "" and call.source.extension == "pdf"


async def _tried(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """A call, tried again where that may help."""
    for number in range(_TRIES):
        try:
            return await ask()
        except CallFailed as error:
            hopeless = 0 < error.status < 500 and error.status != 429
            if hopeless or number == _TRIES - 1:
                raise
            await asyncio.sleep(PAUSE * 2**number)
    raise AssertionError


class _Session:
    def __init__(self, call: Call) -> None:
        self.call = call
        self.base = call.config.text(RAG_MISTRAL_OCR_API_BASE_URL).rstrip("/") or "https://api.mistral.ai/v1"
        self.headers = {"Authorization": f"Bearer {call.config.text(RAG_MISTRAL_OCR_API_KEY)}"}
        ctx = call.ctx
        if ctx is not None and ctx.user is not None and call.settings.enable_forward_user_info_headers:
            self.headers |= user_headers(ctx.user, call.settings)

    async def upload(self) -> str:
        def ask() -> Awaitable[Answer]:
            form = self.call.form("file", "application/pdf", purpose="ocr")
            return self.call.ask("POST", f"{self.base}/files", headers=self.headers, data=form)

        found = (await _tried(ask)).read(_File).id
        if not found:
            raise CallFailed("it gave the file no id")
        return found

    async def address(self, file_id: str) -> str:
        """Where it finds the file that was uploaded."""
        url = f"{self.base}/files/{file_id}/url"
        headers = {**self.headers, "Accept": "application/json"}
        answer = await _tried(lambda: self.call.ask("GET", url, headers=headers, params={"expiry": "1"}, seconds=30))
        found = answer.read(_File).url
        if not found:
            raise CallFailed("it gave the file no address")
        return found

    async def read(self, address: str) -> Answer:
        body = {
            "model": _MODEL,
            "document": {"type": "document_url", "document_url": address},
            "include_image_base64": False,
        }
        return await _tried(lambda: self.call.ask("POST", f"{self.base}/ocr", headers=self.headers, json=body))

    async def read_inline(self) -> Answer:
        """The same with the file in the question."""
        before = f'{{"model":"{_MODEL}","document":{{"type":"document_url","document_url":"data:application/pdf;base64,'
        after = '"},"include_image_base64":false}'
        url = f"{self.base}/ocr"
        return await _tried(lambda: self.call.send_base64("POST", url, before, after, headers=self.headers))

    async def forget(self, file_id: str) -> None:
        try:
            await self.call.ask("DELETE", f"{self.base}/files/{file_id}", headers=self.headers, seconds=30)
        except CallFailed as error:
            log.warning("%s keeps a file that should be gone: %s", _NAME, error)


async def _answered(session: _Session) -> Answer:
    if session.call.config.flag(RAG_MISTRAL_OCR_USE_BASE64):
        return await session.read_inline()
    file_id = await session.upload()
    try:
        return await session.read(await session.address(file_id))
    finally:
        await session.forget(file_id)


async def extract(call: Call) -> list[Document]:
    """A document a page that says something, with `page` (from 0), `page_label` (from 1), `total_pages`."""
    try:
        pages = (await _answered(_Session(call))).read(_Pages).pages
    except CallFailed as error:
        raise refused(_NAME, error) from error
    documents: list[Document] = []
    for page in pages:
        text = (page.markdown or "").strip()
        if not text or page.index is None:
            continue
        metadata: dict[str, Any] = {
            "page": page.index,
            "page_label": page.index + 1,
            "total_pages": len(pages),
            "file_name": call.name,
            "file_size": call.source.size,
            "processing_engine": "mistral-ocr",
            "content_length": len(text),
        }
        documents.append(Document(text, metadata))
    if not documents:
        raise RetrievalError(messages.EMPTY_CONTENT)
    return documents
