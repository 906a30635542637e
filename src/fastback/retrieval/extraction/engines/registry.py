"""The engines by their names in the config key `rag.content_extraction_engine`."""

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

#: Each module has `accepts_file(call) -> bool`, which says whether the engine is configured and reads such files, and
#: `extract_documents(call) -> list[Document]`.
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
