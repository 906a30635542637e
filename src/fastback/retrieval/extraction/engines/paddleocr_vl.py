"""PaddleOCR-VL."""

from __future__ import annotations

import msgspec

from fastback import messages
from fastback.config.keys.retrieval import RAG_PADDLEOCR_VL_BASE_URL, RAG_PADDLEOCR_VL_TOKEN
from fastback.retrieval.extraction.engines.engine_client import Call, CallFailed, refused
from fastback.retrieval.interfaces import Document, RetrievalError

_NAME = "PaddleOCR-VL"
_IMAGES = ("png", "jpg", "jpeg", "bmp", "tiff", "webp")


class _Markdown(msgspec.Struct, frozen=True):
    text: str = ""


class _Page(msgspec.Struct, frozen=True):
    markdown: _Markdown | None = None


class _Result(msgspec.Struct, frozen=True, rename={"pages": "layoutParsingResults"}):
    pages: list[_Page] = []


class _Answer(msgspec.Struct, frozen=True):
    result: _Result = _Result()


def accepts(call: Call) -> bool:
    config = call.config
    known = call.source.extension == "pdf" or call.source.extension in _IMAGES
    return known and bool(config.text(RAG_PADDLEOCR_VL_BASE_URL) and config.text(RAG_PADDLEOCR_VL_TOKEN))


async def extract(call: Call) -> list[Document]:
    """A document a page that says something, with `page` (from 0), `page_label` (from 1), `total_pages`."""
    url = call.config.text(RAG_PADDLEOCR_VL_BASE_URL).rstrip("/")
    kind = 1 if call.source.extension in _IMAGES else 0
    after = (
        f'","fileType":{kind},"useDocOrientationClassify":false,"useDocUnwarping":false,"useChartRecognition":false}}'
    )
    headers = {"Authorization": f"token {call.config.text(RAG_PADDLEOCR_VL_TOKEN)}"}
    try:
        answer = await call.send_base64("POST", f"{url}/layout-parsing", '{"file":"', after, headers=headers)
        pages = answer.read(_Answer).result.pages
    except CallFailed as error:
        raise refused(_NAME, error) from error
    texts = [(number, (page.markdown or _Markdown()).text.strip()) for number, page in enumerate(pages)]
    documents = [
        Document(
            text,
            {
                "page": number,
                "page_label": number + 1,
                "total_pages": len(pages),
                "file_name": call.name,
                "processing_engine": "paddleocr-vl",
            },
        )
        for number, text in texts
        if text
    ]
    if not documents:
        raise RetrievalError(messages.EMPTY_CONTENT)
    return documents
