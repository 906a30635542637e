"""Docling Serve: pages are separated by a placeholder in the Markdown, and numbered by the layout in the JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config.keys.retrieval import RAG_DOCLING_API_KEY, RAG_DOCLING_PARAMS, RAG_DOCLING_SERVER_URL
from fastback.kit.json_decoding import decode_json
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError
from fastback.retrieval.extraction.engines.tika import EMPTY_TEXT
from fastback.retrieval.extraction.formats.plain_text import is_text
from fastback.retrieval.interfaces import Document, RetrievalError

_PAGE_BREAK = "\f"


class _Provenance(msgspec.Struct, frozen=True):
    page_no: int = 0


class _Item(msgspec.Struct, frozen=True):
    content_layer: str | None = None
    prov: list[_Provenance] | None = None


class _Layout(msgspec.Struct, frozen=True):
    texts: list[_Item] = []
    tables: list[_Item] = []
    pictures: list[_Item] = []
    key_value_items: list[_Item] = []
    form_items: list[_Item] = []


class _Content(msgspec.Struct, frozen=True):
    md_content: str | None = None
    json_content: _Layout | None = None


class _Error(msgspec.Struct, frozen=True):
    error_message: str | None = None


class _Conversion(msgspec.Struct, frozen=True):
    status: str | None = None
    errors: list[_Error] | None = None
    document: _Content | None = None


class _Refusal(msgspec.Struct, frozen=True):
    detail: Any = None


def accepts_file(call: EngineCall) -> bool:
    """Return whether Docling is configured; plain text files are read by our own workers."""
    return bool(call.config.get_text(RAG_DOCLING_SERVER_URL)) and not is_text(call.source)


def _get_params(call: EngineCall) -> dict[str, Any]:
    value = call.config.get(RAG_DOCLING_PARAMS)
    if isinstance(value, str):
        try:
            value = decode_json(value)
        except msgspec.DecodeError:
            value = None
    return value if isinstance(value, dict) else {}


def _split_pages(text: str, layout: _Layout | None) -> list[tuple[int, str]]:
    """Return pages with their numbers, from 0.

    Empty pages leave no mark in the text, so the numbers come from the layout where it lists as many pages as there are
    in the text.
    """
    pages = text.split(_PAGE_BREAK)
    numbers: set[int] = set()
    if layout is not None:
        for items in (layout.texts, layout.tables, layout.pictures, layout.key_value_items, layout.form_items):
            numbers |= {item.prov[0].page_no - 1 for item in items if item.content_layer == "body" and item.prov}
    page_numbers = sorted(numbers) if len(numbers) == len(pages) else range(len(pages))
    return [(number, page.strip()) for number, page in zip(page_numbers, pages, strict=True) if page.strip()]


def _describe_error(error: EngineError) -> RetrievalError:
    message = f"Error calling Docling: Error calling Docling API: {error.reason}"
    try:
        detail = decode_json(error.body, msgspec.json.Decoder(_Refusal).decode).detail
        return RetrievalError(f"{message} - {detail}" if detail is not None else message)
    except msgspec.DecodeError:
        return RetrievalError(f"{message} - {error.body}" if error.body else message)


async def extract_documents(call: EngineCall) -> list[Document]:
    """Return the documents, one for each page with `page` from 0 where there are several. Metadata: `Content-Type`."""
    content_type = call.source.content_type
    key = call.config.get_text(RAG_DOCLING_API_KEY)
    fields = {
        "image_export_mode": "placeholder",
        "md_page_break_placeholder": _PAGE_BREAK,
        "to_formats": ["md", "json"],
        **_get_params(call),
    }
    try:
        conversion = (
            await call.send_request(
                "POST",
                call.config.get_text(RAG_DOCLING_SERVER_URL).rstrip("/") + "/v1/convert/file",
                headers={"X-Api-Key": key} if key else {},
                data=call.build_form("files", content_type or "application/octet-stream", **fields),
            )
        ).decode(_Conversion)
    except EngineError as error:
        raise _describe_error(error) from error
    if conversion.status in ("failure", "skipped"):
        reasons = "; ".join(problem.error_message for problem in conversion.errors or () if problem.error_message)
        raise RetrievalError(
            f"Error calling Docling: conversion status {conversion.status} - {reasons or 'no error message provided'}"
        )
    content = conversion.document or _Content()
    text = content.md_content or ""
    metadata = {"Content-Type": content_type} if content_type else {}
    if _PAGE_BREAK in text and (pages := _split_pages(text, content.json_content)):
        return [Document(page, {**metadata, "page": number}) for number, page in pages]
    return [Document(text or EMPTY_TEXT, metadata)]
