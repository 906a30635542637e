"""Harmful files: each soon ends with a message for its owner, and the server stays responsive."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

import hostile_files
from fastback import messages
from fastback.kit.workers import spool
from fastback.retrieval.extraction.extraction_pool import LIMITS, ExtractionPool
from fastback.retrieval.extraction.formats.archive import TOO_LARGE
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.interfaces import Document, RetrievalError

MEGABYTE = 1024 * 1024
MakeContent = Callable[[], bytes]


@asynccontextmanager
async def watch_event_loop() -> AsyncIterator[None]:
    """Check that the event loop is never blocked for 50 ms and that the process gains less than 30 MB of memory."""
    longest = 0.0
    before = hostile_files.measure_resident_memory()

    async def measure_loop() -> None:
        nonlocal longest
        while True:
            started_at = time.thread_time()
            await asyncio.sleep(0.002)
            longest = max(longest, time.thread_time() - started_at)

    task = asyncio.create_task(measure_loop())
    try:
        yield
    finally:
        task.cancel()
    assert longest < 0.05
    assert hostile_files.measure_resident_memory() - before < 30 * MEGABYTE


# All tests share a pool, because its processes are the target of the files.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[ExtractionPool]:
    extraction_pool = ExtractionPool(msgspec.structs.replace(LIMITS, seconds=60, memory=512 * MEGABYTE))
    yield extraction_pool
    await extraction_pool.close()


async def _extract_file(pool: ExtractionPool, path: Path, name: str) -> list[Document]:
    started_at = time.monotonic()
    spool_path = str(path.with_suffix(".spool"))
    async with watch_event_loop():
        try:
            await pool.extract_to_spool(SourceFile(str(path), name, name.rsplit(".", 1)[-1]), spool_path)
            return [Document(text, metadata) async for metadata, text in spool.receive_rows(spool_path)]
        finally:
            assert time.monotonic() - started_at < 60


_DAMAGED = "damaged|cannot be read"


def _make_zeros() -> bytes:
    return bytes(30 * MEGABYTE)


def _make_long_paragraph() -> bytes:
    return b"<w:p><w:r><w:t>%s</w:t></w:r></w:p>" % (b"a" * 40 * MEGABYTE)


REFUSED_FILES: dict[str, tuple[str, MakeContent, str]] = {
    "bomb in a document": ("a.docx", lambda: hostile_files.archive({"word/document.xml": _make_zeros()}), TOO_LARGE),
    "bomb in a spreadsheet": ("a.xlsx", lambda: hostile_files.xlsx(_make_zeros()), TOO_LARGE),
    "bomb in a book": ("a.epub", lambda: hostile_files.epub(_make_zeros()), TOO_LARGE),
    "bomb in an OpenDocument": ("a.odt", lambda: hostile_files.odt(_make_zeros()), TOO_LARGE),
    "bomb that lies": (
        "a.docx",
        lambda: hostile_files.make_understated_archive(
            {"word/document.xml": _make_long_paragraph()}, "word/document.xml", 1000
        ),
        _DAMAGED,
    ),
    "entities in a document": (
        "a.docx",
        lambda: hostile_files.docx(b"&j;", hostile_files.ENTITIES),
        "declares entities",
    ),
    "entities in an OpenDocument": (
        "a.odt",
        lambda: hostile_files.odt(hostile_files.ENTITIES + b"<a>&j;</a>"),
        "declares entities",
    ),
    "entities in a book": (
        "a.epub",
        lambda: hostile_files.epub(hostile_files.ENTITIES + b"<a>&j;</a>"),
        "declares entities",
    ),
    "half an archive": ("a.docx", lambda: hostile_files.docx(random.Random(1).randbytes(5000))[:3000], "damaged"),
    "archive of nothing": ("a.docx", lambda: hostile_files.archive({"a": b""}), "its content is missing"),
    "just an archive": ("a.zip", lambda: hostile_files.archive({"a": b""}), messages.FILE_NOT_SUPPORTED),
    "picture called a PDF": ("a.pdf", lambda: b"\x89PNG\r\n\x1a\n" + bytes(1000), "cannot be read as a PDF"),
    "text called a document": ("a.docx", lambda: b"just text", "cannot be read as a document"),
    "picture": ("a.png", lambda: b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(5000), messages.FILE_NOT_SUPPORTED),
    "noise": ("a.dat", lambda: random.Random(2).randbytes(100_000), messages.FILE_NOT_SUPPORTED),
    "empty PDF": ("a.pdf", lambda: b"", messages.EMPTY_CONTENT),
    "empty document": ("a.docx", lambda: b"", messages.EMPTY_CONTENT),
    "PDF of noise": ("a.pdf", lambda: b"%PDF-1.7\n" + random.Random(3).randbytes(50_000), "cannot be read as a PDF"),
    "old document going in circles": ("a.doc", hostile_files.endless_compound, f"{_DAMAGED}|not supported"),
    "text without end": ("a.txt", lambda: b"word " * 8 * MEGABYTE, "million characters"),
    "table without end": ("a.csv", lambda: b"a\n" + b"1\n" * 120_000, "million characters"),
    "document without end": (
        "a.docx",
        lambda: hostile_files.docx(_make_long_paragraph()),
        f"{TOO_LARGE}|million characters",
    ),
    "page nested without end": ("a.html", lambda: b"<div>" * 200_000 + b"x", "nested too deeply"),
    "rich text nested without end": ("a.rtf", lambda: b"{\\rtf1" + b"{" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize("case", REFUSED_FILES, ids=[name.replace(" ", "-") for name in REFUSED_FILES])
async def test_a_harmful_file_is_refused_with_a_message(pool: ExtractionPool, tmp_path: Path, case: str) -> None:
    name, make_content, message = REFUSED_FILES[case]
    path = tmp_path / "file"
    path.write_bytes(make_content())
    with pytest.raises(RetrievalError, match=message):
        await _extract_file(pool, path, name)
    path.write_bytes(b"still there")
    (document,) = await _extract_file(pool, path, "a.txt")
    assert document.text == "still there"


#: Files that may be read or refused, as long as the job ends.
HARMLESS_FILES: dict[str, tuple[str, MakeContent]] = {
    "PDF bomb": ("a.pdf", lambda: hostile_files.pdf_of(hostile_files.packed_zeros(200 * MEGABYTE), packed=True)),
    "PDF that is its own parent": ("a.pdf", hostile_files.endless_pdf),
    "PDF nested": ("a.pdf", lambda: hostile_files.nested_pdf(20_000)),
    "PDF of brackets": ("a.pdf", lambda: hostile_files.pdf_of(b"[" * 5 * MEGABYTE)),
    "spreadsheet with a far corner": ("a.xlsx", lambda: hostile_files.xlsx(hostile_files.FAR_CORNER)),
    "entities in a spreadsheet": ("a.xlsx", lambda: hostile_files.xlsx(b"&j;")),
    "page of tables": ("a.html", lambda: b"<table><tr><td>" * 10_000 + b"x"),
    "page of formats": ("a.html", lambda: b"<b><i><p>" * 20_000 + b"x"),
    "document nested": ("a.docx", lambda: hostile_files.docx(b"<w:p>" * 300_000)),
    "book of entities": (
        "a.epub",
        lambda: hostile_files.epub(
            b"<package><manifest><item id='c' href='c.xhtml' media-type='application/xhtml+xml'/></manifest>"
            b"<spine><itemref idref='c'/></spine></package>",
            hostile_files.ENTITIES + b"<html><body>&j;</body></html>",
        ),
    ),
    "mail nested": ("a.eml", lambda: hostile_files.nested_mail(3000)),
    "bytes of no encoding": ("a.txt", lambda: bytes(random.Random(4).choices(range(0x80, 0x100), k=300_000))),
    "broken UTF-8": ("a.txt", lambda: "übel ".encode() * 100_000 + b"\xff\xfe\xc3"),
    "one long line": ("a.csv", lambda: b"a" + b"," * 300_000 + b"\n" + b"1," * 300_000),
    "rich text of signs": ("a.rtf", lambda: b"{\\rtf1" + b"\\'ff\\u-1?\\par" * 20_000),
}


@pytest.mark.parametrize("case", HARMLESS_FILES, ids=[name.replace(" ", "-") for name in HARMLESS_FILES])
async def test_a_nested_or_large_file_ends_in_time(pool: ExtractionPool, tmp_path: Path, case: str) -> None:
    name, make_content = HARMLESS_FILES[case]
    path = tmp_path / "file"
    path.write_bytes(make_content())
    try:
        await _extract_file(pool, path, name)
    except RetrievalError as error:
        assert str(error).startswith("This file")


async def test_a_sparse_file_is_not_read(pool: ExtractionPool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    hostile_files.create_sparse_file(path, 500 * MEGABYTE)
    for name in ("a.txt", "a.csv", "a.html", "a.eml"):
        with pytest.raises(RetrievalError, match=r"million characters|not supported"):
            await _extract_file(pool, path, name)
