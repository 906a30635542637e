"""An administrator's own document loader, with a documented PUT request."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from fastback.config.keys.retrieval import (
    RAG_EXTERNAL_DOCUMENT_LOADER_API_KEY,
    RAG_EXTERNAL_DOCUMENT_LOADER_HEADERS,
    RAG_EXTERNAL_DOCUMENT_LOADER_URL,
)
from fastback.providers.connections import Connection
from fastback.providers.openai import build_request_headers, make_user_headers
from fastback.providers.request_context import RequestContext, add_groups
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError
from fastback.retrieval.interfaces import Document, RetrievalError


class _LoadedDocument(msgspec.Struct, frozen=True):
    page_content: str | None = None
    metadata: dict[str, Any] | None = None


def accepts_file(call: EngineCall) -> bool:
    """Return whether the loader is configured; it gets files of every kind."""
    config = call.config
    return bool(
        config.get_text(RAG_EXTERNAL_DOCUMENT_LOADER_URL) and config.get_text(RAG_EXTERNAL_DOCUMENT_LOADER_API_KEY)
    )


async def _build_headers(call: EngineCall, url: str) -> dict[str, str]:
    """Return the headers: the key, the file's name and type, the configured headers, the requesting user."""
    source, ctx = call.source, call.ctx or RequestContext()
    stored_name = Path(source.path).name
    variables = {
        "{{FILE_ID}}": stored_name.removesuffix(f"_{source.filename}")
        if stored_name.endswith(f"_{source.filename}")
        else "",
        "{{FILE_NAME}}": source.filename,
        "{{FILE_CONTENT_TYPE}}": source.content_type,
    }
    custom_headers: dict[str, str] = {}
    for name, value in call.config.get_object(RAG_EXTERNAL_DOCUMENT_LOADER_HEADERS).items():
        custom_headers[name] = str(value)
        for variable, replacement in variables.items():
            custom_headers[name] = custom_headers[name].replace(variable, replacement)
    key = call.config.get_text(RAG_EXTERNAL_DOCUMENT_LOADER_API_KEY)
    connection = Connection("openai", 0, url, key, {"headers": custom_headers})
    ctx = await add_groups(connection.options.get("headers"), ctx, call.permissions)
    type_header = {"Content-Type": source.content_type} if source.content_type else {}
    name_header = {"X-Filename": quote(stored_name)}
    identity = make_user_headers(ctx.user, call.settings) if ctx.user is not None else {}
    return {**type_header, **name_header, **build_request_headers(connection, ctx, call.settings), **identity}


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return the documents of the loader, with its metadata."""
    url = call.config.get_text(RAG_EXTERNAL_DOCUMENT_LOADER_URL).removesuffix("/")
    headers = await _build_headers(call, url)
    try:
        response = await call.send_request(
            "PUT", f"{url}/process", headers=headers, data=call.open_file(), skip=("Content-Type",)
        )
    except EngineError as error:
        if error.status:
            raise RetrievalError(f"Error loading document: {error.status} {error.body}") from error
        raise RetrievalError(f"Error connecting to endpoint: {error.reason}") from error
    try:
        loaded = response.decode(list[_LoadedDocument] | _LoadedDocument | None)  # type: ignore[arg-type]
    except EngineError:
        raise RetrievalError("Error loading document: Unable to parse content") from None
    if not loaded or response.content.strip() in (b"{}", b'""', b"0", b"false"):
        raise RetrievalError("Error loading document: No content returned")
    documents = loaded if isinstance(loaded, list) else [loaded]
    return [Document(document.page_content or "", document.metadata or {}) for document in documents]
