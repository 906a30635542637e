"""Apache Tika."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config.keys.retrieval import RAG_TIKA_SERVER_URL, RAG_TIKA_SERVER_VERSION
from fastback.retrieval.extraction.engines.engine_client import Call, CallFailed
from fastback.retrieval.extraction.formats.plain_text import is_text
from fastback.retrieval.interfaces import Document, RetrievalError

EMPTY = "<No text content found>"


class _Answer(msgspec.Struct, frozen=True):
    old: str | None = msgspec.field(name="X-TIKA:content", default=None)
    new: str | None = msgspec.field(name="tk:content", default=None)
    content_type: Any = msgspec.field(name="Content-Type", default=None)


def accepts(call: Call) -> bool:
    """Texts are read here."""
    return bool(call.config.text(RAG_TIKA_SERVER_URL)) and not is_text(call.source)


async def extract(call: Call) -> list[Document]:
    """Metadata: `Content-Type` as Tika found it."""
    newer = call.config.text(RAG_TIKA_SERVER_VERSION) == "4"
    url = call.config.text(RAG_TIKA_SERVER_URL).rstrip("/") + ("/tika/json/md" if newer else "/tika/text")
    headers = {"X-Tika-PDFextractInlineImages": "true"} if call.source.pdf_images else {}
    try:
        got = await call.ask(
            "PUT",
            url,
            headers=headers,
            data=call.file(),
            skip=("Content-Type",),
            verify=call.settings.requests_verify,
        )
        answer = got.read(_Answer)
    except CallFailed as error:
        raise RetrievalError(f"Error calling Tika: {error.reason}") from error
    text = answer.new if newer else answer.old
    metadata: dict[str, Any] = dict(headers)
    if answer.content_type is not None:
        metadata["Content-Type"] = answer.content_type
    return [Document((EMPTY if text is None else text).strip(), metadata)]
