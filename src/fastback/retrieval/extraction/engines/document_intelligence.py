"""Azure's Document Intelligence."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from fastback.config.keys.retrieval import (
    RAG_DOCUMENT_INTELLIGENCE_ENDPOINT,
    RAG_DOCUMENT_INTELLIGENCE_KEY,
    RAG_DOCUMENT_INTELLIGENCE_MODEL,
)
from fastback.retrieval.extraction.engines.engine_client import Call, CallFailed, refused
from fastback.retrieval.interfaces import Document, RetrievalError

_VERSION = "2024-11-30"
_NAME = "Document Intelligence"
_EXTENSIONS = ("pdf", "docx", "ppt", "pptx")
_TYPES = (
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
)


class _Result(msgspec.Struct, frozen=True, rename="camel"):
    content: str = ""
    api_version: str = ""
    model_id: str = ""
    string_index_type: str = ""
    content_format: str = ""


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _State(msgspec.Struct, frozen=True, rename="camel"):
    status: str = ""
    analyze_result: _Result | None = None
    error: _Problem | None = None


def accepts(call: Call) -> bool:
    source = call.source
    if not call.config.text(RAG_DOCUMENT_INTELLIGENCE_ENDPOINT):
        return False
    return source.extension in _EXTENSIONS or source.content_type in _TYPES


async def extract(call: Call) -> list[Document]:
    """One document, as Markdown. Metadata: what was asked, and how."""
    config = call.config
    key = config.text(RAG_DOCUMENT_INTELLIGENCE_KEY)
    if not key:
        raise RetrievalError(f"{_NAME} needs a key: signing in with Microsoft Entra ID is not built.")
    headers = {"Ocp-Apim-Subscription-Key": key}
    endpoint = config.text(RAG_DOCUMENT_INTELLIGENCE_ENDPOINT).rstrip("/")
    model = quote(config.text(RAG_DOCUMENT_INTELLIGENCE_MODEL), safe="")
    try:
        begun = await call.ask(
            "POST",
            f"{endpoint}/documentintelligence/documentModels/{model}:analyze",
            params={"api-version": _VERSION, "outputContentFormat": "markdown"},
            headers={**headers, "Content-Type": "application/octet-stream"},
            data=call.file(),
        )
        place = begun.headers.get("Operation-Location")
        if not place:
            raise CallFailed("it does not say where the result will be")
        async for _ in call.again(3600):
            state = (await call.ask("GET", place, headers=headers)).read(_State)
            if state.status == "succeeded" and state.analyze_result is not None:
                return [_document(state.analyze_result)]
            if state.status in ("failed", "canceled", "succeeded"):
                raise CallFailed(state.error.message if state.error is not None else state.status)
    except CallFailed as error:
        raise refused(_NAME, error) from error
    raise RetrievalError(f"{_NAME} took longer than an hour.")


def _document(result: _Result) -> Document:
    metadata: dict[str, Any] = {
        "apiVersion": result.api_version,
        "modelId": result.model_id,
        "stringIndexType": result.string_index_type,
        "contentFormat": result.content_format,
    }
    return Document(result.content, {name: value for name, value in metadata.items() if value})
