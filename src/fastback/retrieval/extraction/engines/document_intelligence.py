"""Azure Document Intelligence: start an analysis, and poll the address that the response names."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from fastback.config.keys.retrieval import (
    RAG_DOCUMENT_INTELLIGENCE_ENDPOINT,
    RAG_DOCUMENT_INTELLIGENCE_KEY,
    RAG_DOCUMENT_INTELLIGENCE_MODEL,
)
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError, describe_failure
from fastback.retrieval.interfaces import Document, RetrievalError

_API_VERSION = "2024-11-30"
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


class _OperationError(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Operation(msgspec.Struct, frozen=True, rename="camel"):
    status: str = ""
    analyze_result: _Result | None = None
    error: _OperationError | None = None


def accepts_file(call: EngineCall) -> bool:
    """Return whether an endpoint is configured, and the service reads files of this extension or type."""
    source = call.source
    if not call.config.get_text(RAG_DOCUMENT_INTELLIGENCE_ENDPOINT):
        return False
    return source.extension in _EXTENSIONS or source.content_type in _TYPES


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return one document in Markdown. Metadata: the API version, the model and the formats as reported."""
    config = call.config
    key = config.get_text(RAG_DOCUMENT_INTELLIGENCE_KEY)
    if not key:
        raise RetrievalError(f"{_NAME} needs a key: signing in with Microsoft Entra ID is not built.")
    headers = {"Ocp-Apim-Subscription-Key": key}
    endpoint = config.get_text(RAG_DOCUMENT_INTELLIGENCE_ENDPOINT).rstrip("/")
    model = quote(config.get_text(RAG_DOCUMENT_INTELLIGENCE_MODEL), safe="")
    try:
        response = await call.send_request(
            "POST",
            f"{endpoint}/documentintelligence/documentModels/{model}:analyze",
            params={"api-version": _API_VERSION, "outputContentFormat": "markdown"},
            headers={**headers, "Content-Type": "application/octet-stream"},
            data=call.open_file(),
        )
        operation_url = response.headers.get("Operation-Location")
        if not operation_url:
            raise EngineError("it does not say where the result will be")
        async for _ in call.poll(3600):
            operation = (await call.send_request("GET", operation_url, headers=headers)).decode(_Operation)
            if operation.status == "succeeded" and operation.analyze_result is not None:
                return [_build_document(operation.analyze_result)]
            if operation.status in ("failed", "canceled", "succeeded"):
                raise EngineError(operation.error.message if operation.error is not None else operation.status)
    except EngineError as error:
        raise describe_failure(_NAME, error) from error
    raise RetrievalError(f"{_NAME} took longer than an hour.")


def _build_document(result: _Result) -> Document:
    metadata: dict[str, Any] = {
        "apiVersion": result.api_version,
        "modelId": result.model_id,
        "stringIndexType": result.string_index_type,
        "contentFormat": result.content_format,
    }
    return Document(result.content, {name: value for name, value in metadata.items() if value})
