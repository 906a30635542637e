"""The engines, by the names that `rag.content_extraction_engine` knows."""

from __future__ import annotations

from types import ModuleType

from fastback.retrieval.extraction.engines import (
    datalab_marker,
    docling,
    document_intelligence,
    external,
    mineru,
    mistral,
    paddleocr_vl,
    tika,
)

#: Each has `accepts(call) -> bool`, whether it is set up and reads such files, and `extract(call) -> list[Document]`.
ENGINES: dict[str, ModuleType] = {
    "external": external,
    "tika": tika,
    "datalab_marker": datalab_marker,
    "docling": docling,
    "document_intelligence": document_intelligence,
    "mineru": mineru,
    "mistral_ocr": mistral,
    "paddleocr_vl": paddleocr_vl,
}
