"""E-books (.epub): chapter by chapter, in reading order."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.encoding import decode_text
from fastback.retrieval.extraction.formats.html import extract_page_text
from fastback.retrieval.extraction.formats.reader import (
    MAX_TEXT,
    ExtractedText,
    SourceFile,
    too_much_text,
    unreadable_file,
)
from fastback.retrieval.extraction.formats.xml_events import Attributes

_PAGE_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "image/svg+xml")


def _find_package(zip_archive: archive.Archive) -> str:
    """Return the name of the package document, which lists the other parts."""
    names: list[str] = []

    def start_element(name: str, attributes: Attributes) -> None:
        if name == "rootfile":
            names.append(attributes.get("full-path", ""))

    with zip_archive.open_member("META-INF/container.xml") as stream:
        xml_events.parse_xml(stream, on_start=start_element)
    if not names:
        raise unreadable_file("a book", "it lists no content.")
    return names[0]


def _list_chapters(zip_archive: archive.Archive, package: str) -> tuple[str, list[str]]:
    """Return the title, and the parts of the chapters in reading order."""
    parts: dict[str, str] = {}
    fallbacks: dict[str, str] = {}
    reading_order: list[str] = []
    title: list[str] = []
    in_title = False

    def start_element(name: str, attributes: Attributes) -> None:
        nonlocal in_title
        in_title = name == "title"
        if name == "item" and "fallback" in attributes:
            fallbacks[attributes.get("id", "")] = attributes["fallback"]
        if name == "item" and attributes.get("media-type") in _PAGE_TYPES:
            path = posixpath.join(posixpath.dirname(package), unquote(attributes.get("href", "")))
            parts[attributes.get("id", "")] = posixpath.normpath(path)
        elif name == "itemref":
            reading_order.append(attributes.get("idref", ""))

    def end_element(name: str) -> None:
        nonlocal in_title
        in_title = False

    def add_text(text: str) -> None:
        if in_title:
            title.append(text)

    with zip_archive.open_member(package) as stream:
        xml_events.parse_xml(stream, on_start=start_element, on_end=end_element, on_text=add_text)
    chapters: list[str] = []
    for part_id in reading_order:
        readable_id = part_id if part_id in parts else fallbacks.get(part_id, "")
        if readable_id in parts:
            chapters.append(parts[readable_id])
    return "".join(title).strip(), [chapter for chapter in chapters or parts.values() if chapter in zip_archive.names]


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with all chapters. Metadata: `title`."""
    texts: list[str] = []
    size = 0
    with archive.open_archive(source) as zip_archive:
        title, chapters = _list_chapters(zip_archive, _find_package(zip_archive))
        for chapter in chapters:
            _, text = extract_page_text(decode_text(zip_archive.read_member(chapter)))
            if text:
                texts.append(text)
                size += len(text)
                if size > MAX_TEXT:
                    raise too_much_text()
    yield "\n\n".join(texts), {**source.metadata, **({"title": title} if title else {})}
