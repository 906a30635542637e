"""Apache Tika, versions 3 and 4."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config.keys.retrieval import RAG_TIKA_SERVER_URL, RAG_TIKA_SERVER_VERSION
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError
from fastback.retrieval.extraction.formats.plain_text import is_text
from fastback.retrieval.interfaces import Document, RetrievalError

EMPTY_TEXT = "<No text content found>"


class _TikaResult(msgspec.Struct, frozen=True):
    old: str | None = msgspec.field(name="X-TIKA:content", default=None)
    new: str | None = msgspec.field(name="tk:content", default=None)
    content_type: Any = msgspec.field(name="Content-Type", default=None)


def accepts_file(call: EngineCall) -> bool:
    """Return whether Tika is configured; plain text files are read by our own workers."""
    return bool(call.config.get_text(RAG_TIKA_SERVER_URL)) and not is_text(call.source)


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return one document. Metadata: the `Content-Type` that Tika detected."""
    is_version_4 = call.config.get_text(RAG_TIKA_SERVER_VERSION) == "4"
    url = call.config.get_text(RAG_TIKA_SERVER_URL).rstrip("/") + ("/tika/json/md" if is_version_4 else "/tika/text")
    headers = {"X-Tika-PDFextractInlineImages": "true"} if call.source.pdf_images else {}
    try:
        response = await call.send_request(
            "PUT",
            url,
            headers=headers,
            data=call.open_file(),
            skip=("Content-Type",),
            verify=call.settings.requests_verify,
        )
        result = response.decode(_TikaResult)
    except EngineError as error:
        raise RetrievalError(f"Error calling Tika: {error.reason}") from error
    text = result.new if is_version_4 else result.old
    metadata: dict[str, Any] = dict(headers)
    if result.content_type is not None:
        metadata["Content-Type"] = result.content_type
    return [Document((EMPTY_TEXT if text is None else text).strip(), metadata)]
