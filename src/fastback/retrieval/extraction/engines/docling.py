"""Docling Serve."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config.keys.retrieval import RAG_DOCLING_API_KEY, RAG_DOCLING_PARAMS, RAG_DOCLING_SERVER_URL
from fastback.retrieval.extraction.engines.engine_client import Call, CallFailed
from fastback.retrieval.extraction.engines.tika import EMPTY
from fastback.retrieval.extraction.formats.plain_text import is_text
from fastback.retrieval.interfaces import Document, RetrievalError

_BREAK = "\f"


class _Place(msgspec.Struct, frozen=True):
    page_no: int = 0


class _Item(msgspec.Struct, frozen=True):
    content_layer: str | None = None
    prov: list[_Place] | None = None


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


class _Answer(msgspec.Struct, frozen=True):
    status: str | None = None
    errors: list[_Error] | None = None
    document: _Content | None = None


class _Refusal(msgspec.Struct, frozen=True):
    detail: Any = None


def accepts(call: Call) -> bool:
    """Texts are read here."""
    return bool(call.config.text(RAG_DOCLING_SERVER_URL)) and not is_text(call.source)


def _params(call: Call) -> dict[str, Any]:
    value = call.config.get(RAG_DOCLING_PARAMS)
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            value = None
    return value if isinstance(value, dict) else {}


def _pages(text: str, layout: _Layout | None) -> list[tuple[int, str]]:
    """Pages by number, from 0. Empty pages leave no mark in the text; the layout knows which there are."""
    pages = text.split(_BREAK)
    numbers: set[int] = set()
    if layout is not None:
        for items in (layout.texts, layout.tables, layout.pictures, layout.key_value_items, layout.form_items):
            numbers |= {one.prov[0].page_no - 1 for one in items if one.content_layer == "body" and one.prov}
    order = sorted(numbers) if len(numbers) == len(pages) else range(len(pages))
    return [(number, page.strip()) for number, page in zip(order, pages, strict=True) if page.strip()]


def _refused(error: CallFailed) -> RetrievalError:
    words = f"Error calling Docling: Error calling Docling API: {error.reason}"
    try:
        detail = msgspec.json.decode(error.body, type=_Refusal).detail
        return RetrievalError(f"{words} - {detail}" if detail is not None else words)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return RetrievalError(f"{words} - {error.body}" if error.body else words)


async def extract(call: Call) -> list[Document]:
    """A document a page, with `page` from 0, where there are several. Metadata: `Content-Type`."""
    mime = call.source.content_type
    key = call.config.text(RAG_DOCLING_API_KEY)
    fields = {
        "image_export_mode": "placeholder",
        "md_page_break_placeholder": _BREAK,
        "to_formats": ["md", "json"],
        **_params(call),
    }
    try:
        answer = (
            await call.ask(
                "POST",
                call.config.text(RAG_DOCLING_SERVER_URL).rstrip("/") + "/v1/convert/file",
                headers={"X-Api-Key": key} if key else {},
                data=call.form("files", mime or "application/octet-stream", **fields),
            )
        ).read(_Answer)
    except CallFailed as error:
        raise _refused(error) from error
    if answer.status in ("failure", "skipped"):
        words = "; ".join(one.error_message for one in answer.errors or () if one.error_message)
        raise RetrievalError(
            f"Error calling Docling: conversion status {answer.status} - {words or 'no error message provided'}"
        )
    content = answer.document or _Content()
    text = content.md_content or ""
    metadata = {"Content-Type": mime} if mime else {}
    if _BREAK in text and (pages := _pages(text, content.json_content)):
        return [Document(page, {**metadata, "page": number}) for number, page in pages]
    return [Document(text or EMPTY, metadata)]
