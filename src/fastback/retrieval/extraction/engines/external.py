"""A server of the house's own that reads documents."""

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
from fastback.providers.openai import request_headers, user_headers
from fastback.providers.request_context import RequestContext, with_groups
from fastback.retrieval.extraction.engines.engine_client import Call, CallFailed
from fastback.retrieval.interfaces import Document, RetrievalError


class _Found(msgspec.Struct, frozen=True):
    page_content: str | None = None
    metadata: dict[str, Any] | None = None


def accepts(call: Call) -> bool:
    config = call.config
    return bool(config.text(RAG_EXTERNAL_DOCUMENT_LOADER_URL) and config.text(RAG_EXTERNAL_DOCUMENT_LOADER_API_KEY))


async def _headers(call: Call, url: str) -> dict[str, str]:
    """The key, what the file is, the configured headers, and who asks."""
    source, ctx = call.source, call.ctx or RequestContext()
    stored = Path(source.path).name
    variables = {
        "{{FILE_ID}}": stored.removesuffix(f"_{source.filename}") if stored.endswith(f"_{source.filename}") else "",
        "{{FILE_NAME}}": source.filename,
        "{{FILE_CONTENT_TYPE}}": source.content_type,
    }
    own: dict[str, str] = {}
    for name, value in call.config.table(RAG_EXTERNAL_DOCUMENT_LOADER_HEADERS).items():
        own[name] = str(value)
        for variable, stands_for in variables.items():
            own[name] = own[name].replace(variable, stands_for)
    key = call.config.text(RAG_EXTERNAL_DOCUMENT_LOADER_API_KEY)
    connection = Connection("openai", 0, url, key, {"headers": own})
    ctx = await with_groups(connection.options.get("headers"), ctx, call.permissions)
    described = {"Content-Type": source.content_type} if source.content_type else {}
    named = {"X-Filename": quote(stored)}
    who = user_headers(ctx.user, call.settings) if ctx.user is not None else {}
    return {**described, **named, **request_headers(connection, ctx, call.settings), **who}


async def extract(call: Call) -> list[Document]:
    """Its documents, with its metadata."""
    url = call.config.text(RAG_EXTERNAL_DOCUMENT_LOADER_URL).removesuffix("/")
    headers = await _headers(call, url)
    try:
        answer = await call.ask("PUT", f"{url}/process", headers=headers, data=call.file(), skip=("Content-Type",))
    except CallFailed as error:
        if error.status:
            raise RetrievalError(f"Error loading document: {error.status} {error.body}") from error
        raise RetrievalError(f"Error connecting to endpoint: {error.reason}") from error
    try:
        found = answer.read(list[_Found] | _Found | None)  # type: ignore[arg-type]
    except CallFailed:
        raise RetrievalError("Error loading document: Unable to parse content") from None
    if not found or answer.content.strip() in (b"{}", b'""', b"0", b"false"):
        raise RetrievalError("Error loading document: No content returned")
    documents = found if isinstance(found, list) else [found]
    return [Document(one.page_content or "", one.metadata or {}) for one in documents]
