"""PaddleOCR-VL: send the file in base64, get the layout of each page."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.config.keys.retrieval import RAG_PADDLEOCR_VL_BASE_URL, RAG_PADDLEOCR_VL_TOKEN
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError, describe_failure
from fastback.retrieval.interfaces import Document, RetrievalError

_NAME = "PaddleOCR-VL"
_IMAGES = ("png", "jpg", "jpeg", "bmp", "tiff", "webp")


class _Markdown(msgspec.Struct, frozen=True):
    text: str = ""


class _Page(msgspec.Struct, frozen=True):
    markdown: _Markdown | None = None


class _Result(msgspec.Struct, frozen=True, rename={"pages": "layoutParsingResults"}):
    pages: list[_Page] = []


class _Response(msgspec.Struct, frozen=True):
    result: _Result = _Result()


def accepts_file(call: EngineCall) -> bool:
    """Return whether address and token are configured, and the file is a PDF or an image."""
    config = call.config
    is_supported = call.source.extension == "pdf" or call.source.extension in _IMAGES
    return is_supported and bool(config.get_text(RAG_PADDLEOCR_VL_BASE_URL) and config.get_text(RAG_PADDLEOCR_VL_TOKEN))


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return a document for each page with text, with `page` (from 0), `page_label` (from 1), `total_pages`."""
    url = call.config.get_text(RAG_PADDLEOCR_VL_BASE_URL).rstrip("/")
    file_type = 1 if call.source.extension in _IMAGES else 0
    after = (
        f'","fileType":{file_type},"useDocOrientationClassify":false,"useDocUnwarping":false,'
        '"useChartRecognition":false}'
    )
    headers = {"Authorization": f"token {call.config.get_text(RAG_PADDLEOCR_VL_TOKEN)}"}
    try:
        response = await call.send_file_as_base64("POST", f"{url}/layout-parsing", '{"file":"', after, headers=headers)
        pages = response.decode(_Response).result.pages
    except EngineError as error:
        raise describe_failure(_NAME, error) from error
    texts = [(number, (page.markdown or _Markdown()).text.strip()) for number, page in enumerate(pages)]
    documents = [
        Document(
            text,
            {
                "page": number,
                "page_label": number + 1,
                "total_pages": len(pages),
                "file_name": call.filename,
                "processing_engine": "paddleocr-vl",
            },
        )
        for number, text in texts
        if text
    ]
    if not documents:
        raise RetrievalError(messages.EMPTY_CONTENT)
    return documents
