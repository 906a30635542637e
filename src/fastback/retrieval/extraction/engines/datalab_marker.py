"""Datalab's Marker: the service, or a server of the house's own that answers at once."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config.key import require_key
from fastback.config.keys.retrieval import RAG_DATALAB_MARKER_API_KEY, RAG_DATALAB_MARKER_USE_LLM
from fastback.retrieval.extraction.engines.engine_client import Answer, Call, CallFailed
from fastback.retrieval.interfaces import Document, RetrievalError

_URL = "https://www.datalab.to/api/v1/marker"
#: How long it may take, in seconds.
_LONGEST = 600
_TYPES = {
    "pdf": "application/pdf",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "odt": "application/vnd.oasis.opendocument.text",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "html": "text/html",
    "epub": "application/epub+zip",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "tiff": "image/tiff",
}
_FLAGS = (
    *("use_llm", "skip_cache", "force_ocr", "paginate"),
    *("strip_existing_ocr", "disable_image_extraction", "format_lines"),
)
_FORMATS = ("json", "markdown", "html")

Payload = dict[str, Any]


def accepts(call: Call) -> bool:
    return bool(call.config.text(RAG_DATALAB_MARKER_API_KEY)) and call.source.extension in _TYPES


def _value(call: Call, name: str) -> str:
    return call.config.text(require_key(f"rag.datalab_marker_{name}"))


def _fields(call: Call) -> dict[str, str]:
    found = {name: str(call.config.flag(require_key(f"rag.datalab_marker_{name}"))).lower() for name in _FLAGS}
    found["output_format"] = _value(call, "output_format")
    if more := _value(call, "additional_config").strip():
        found["additional_config"] = more
    return found


async def _done(call: Call, url: str, headers: dict[str, str]) -> Payload:
    """The result, once there is one."""
    async for _ in call.again(_LONGEST):
        try:
            result = _object(await call.ask("GET", url, headers=headers))
        except CallFailed as error:
            raise RetrievalError(f"Polling failed: {error.said()}") from error
        if result.get("status") == "complete":
            if not result.get("success"):
                raise RetrievalError(f"Final processing failed: {result.get('error') or 'Unknown processing error'}")
            return result
        if result.get("status") == "failed" or result.get("success") is False:
            words = result.get("error") or "Marker returned failure without error message"
            raise RetrievalError(f"Marker processing failed: {words}")
    raise RetrievalError("Marker processing timed out")


def _object(answer: Answer) -> Payload:
    return answer.read(dict[str, Any])


async def extract(call: Call) -> list[Document]:
    """One document. Metadata: `source`, `output_format`, `page_count`, `processed_with_llm`, `request_id`."""
    headers = {"X-Api-Key": _value(call, "api_key")}
    form = call.form("file", _TYPES.get(call.source.extension, "application/octet-stream"), **_fields(call))
    try:
        url = _value(call, "api_base_url").strip() or _URL
        result = _object(await call.ask("POST", url, headers=headers, data=form))
    except CallFailed as error:
        raise RetrievalError(f"Datalab Marker request failed: {error.said()}") from error
    if not result.get("success"):
        raise RetrievalError(f"Datalab Marker request failed: {result.get('error', 'Unknown error')}")
    request_id, wanted = result.get("request_id"), _value(call, "output_format").lower()
    if later := result.get("request_check_url"):
        result = await _done(call, str(later), headers)
        content = result.get(wanted)
    elif "output" in result:
        content = result["output"]
    else:
        raise RetrievalError(
            "Custom Marker endpoint returned success but no 'output' field found. "
            f"Available fields: {list(result)}. Expected either 'request_check_url' for polling or 'output' field for "
            "direct response."
        )
    if wanted not in _FORMATS:
        raise RetrievalError(f"Unsupported output format: {_value(call, 'output_format')}")
    return [Document(_text(content, wanted), _metadata(call, result, request_id))]


def _text(content: Any, wanted: str) -> str:
    if content is not None and wanted == "json":
        return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    text = "" if content is None else str(content).strip()
    if not text:
        raise RetrievalError("Marker returned empty content")
    return text


def _metadata(call: Call, result: Payload, request_id: Any) -> Payload:
    found: Payload = {
        "source": call.name,
        "output_format": result.get("output_format", _value(call, "output_format")),
        "page_count": result.get("page_count", 0),
        "processed_with_llm": call.config.flag(RAG_DATALAB_MARKER_USE_LLM),
        "request_id": request_id or "",
    }
    images = result.get("images")
    if isinstance(images, dict) and images:
        found["image_count"] = len(images)
        found["images"] = msgspec.json.encode(list(images)).decode()
    return {name: "" if value is None else value for name, value in found.items()}
