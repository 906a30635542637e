"""Datalab Marker: the hosted service, which is polled, or a self-hosted server, which responds with the result."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config.key import require_key
from fastback.config.keys.retrieval import RAG_DATALAB_MARKER_API_KEY, RAG_DATALAB_MARKER_USE_LLM
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError, EngineResponse
from fastback.retrieval.interfaces import Document, RetrievalError

_DEFAULT_URL = "https://www.datalab.to/api/v1/marker"
#: Seconds that the processing of a file may take.
_TIMEOUT = 600
_CONTENT_TYPES = {
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
_OUTPUT_FORMATS = ("json", "markdown", "html")

Payload = dict[str, Any]


def accepts_file(call: EngineCall) -> bool:
    """Return whether a key is configured, and Marker reads files of this extension."""
    return bool(call.config.get_text(RAG_DATALAB_MARKER_API_KEY)) and call.source.extension in _CONTENT_TYPES


def _get_setting(call: EngineCall, name: str) -> str:
    return call.config.get_text(require_key(f"rag.datalab_marker_{name}"))


def _build_fields(call: EngineCall) -> dict[str, str]:
    fields = {name: str(call.config.get_bool(require_key(f"rag.datalab_marker_{name}"))).lower() for name in _FLAGS}
    fields["output_format"] = _get_setting(call, "output_format")
    if additional_config := _get_setting(call, "additional_config").strip():
        fields["additional_config"] = additional_config
    return fields


async def _poll_result(call: EngineCall, url: str, headers: dict[str, str]) -> Payload:
    """Poll until the processing ends, and return the result."""
    async for _ in call.poll(_TIMEOUT):
        try:
            result = _read_object(await call.send_request("GET", url, headers=headers))
        except EngineError as error:
            raise RetrievalError(f"Polling failed: {error.describe()}") from error
        if result.get("status") == "complete":
            if not result.get("success"):
                raise RetrievalError(f"Final processing failed: {result.get('error') or 'Unknown processing error'}")
            return result
        if result.get("status") == "failed" or result.get("success") is False:
            reason = result.get("error") or "Marker returned failure without error message"
            raise RetrievalError(f"Marker processing failed: {reason}")
    raise RetrievalError("Marker processing timed out")


def _read_object(response: EngineResponse) -> Payload:
    return response.decode(dict[str, Any])


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return one document.

    Metadata: `source`, `output_format`, `page_count`, `processed_with_llm`, `request_id`, and the names of images.
    """
    headers = {"X-Api-Key": _get_setting(call, "api_key")}
    form = call.build_form(
        "file", _CONTENT_TYPES.get(call.source.extension, "application/octet-stream"), **_build_fields(call)
    )
    try:
        url = _get_setting(call, "api_base_url").strip() or _DEFAULT_URL
        result = _read_object(await call.send_request("POST", url, headers=headers, data=form))
    except EngineError as error:
        raise RetrievalError(f"Datalab Marker request failed: {error.describe()}") from error
    if not result.get("success"):
        raise RetrievalError(f"Datalab Marker request failed: {result.get('error', 'Unknown error')}")
    request_id, output_format = result.get("request_id"), _get_setting(call, "output_format").lower()
    if check_url := result.get("request_check_url"):
        result = await _poll_result(call, str(check_url), headers)
        content = result.get(output_format)
    elif "output" in result:
        content = result["output"]
    else:
        raise RetrievalError(
            "Custom Marker endpoint returned success but no 'output' field found. "
            f"Available fields: {list(result)}. Expected either 'request_check_url' for polling or 'output' field for "
            "direct response."
        )
    if output_format not in _OUTPUT_FORMATS:
        raise RetrievalError(f"Unsupported output format: {_get_setting(call, 'output_format')}")
    return [Document(_format_content(content, output_format), _build_metadata(call, result, request_id))]


def _format_content(content: Any, output_format: str) -> str:
    if content is not None and output_format == "json":
        return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    text = "" if content is None else str(content).strip()
    if not text:
        raise RetrievalError("Marker returned empty content")
    return text


def _build_metadata(call: EngineCall, result: Payload, request_id: Any) -> Payload:
    metadata: Payload = {
        "source": call.filename,
        "output_format": result.get("output_format", _get_setting(call, "output_format")),
        "page_count": result.get("page_count", 0),
        "processed_with_llm": call.config.get_bool(RAG_DATALAB_MARKER_USE_LLM),
        "request_id": request_id or "",
    }
    images = result.get("images")
    if isinstance(images, dict) and images:
        metadata["image_count"] = len(images)
        metadata["images"] = msgspec.json.encode(list(images)).decode()
    return {name: "" if value is None else value for name, value in metadata.items()}
