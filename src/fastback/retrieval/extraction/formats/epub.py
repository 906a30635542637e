"""Books (.epub): chapter by chapter, in the order of reading."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.encoding import decoded
from fastback.retrieval.extraction.formats.html import page_text
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Piece, Source, broken, too_much
from fastback.retrieval.extraction.formats.xml_events import Attributes

_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def _package(opened: archive.Archive) -> str:
    """The part that lists the others."""
    found: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name == "rootfile":
            found.append(attributes.get("full-path", ""))

    with opened.member("META-INF/container.xml") as stream:
        xml_events.walk(stream, start=start)
    if not found:
        raise broken("a book", "it lists no content.")
    return found[0]


def _chapters(opened: archive.Archive, package: str) -> tuple[str, list[str]]:
    """The title, and the chapters' parts."""
    parts: dict[str, str] = {}
    order: list[str] = []
    title: list[str] = []
    in_title = False

    def start(name: str, attributes: Attributes) -> None:
        nonlocal in_title
        in_title = name == "title"
        if name == "item" and attributes.get("media-type") in _PAGES:
            place = posixpath.join(posixpath.dirname(package), unquote(attributes.get("href", "")))
            parts[attributes.get("id", "")] = posixpath.normpath(place)
        elif name == "itemref":
            order.append(attributes.get("idref", ""))

    def end(name: str) -> None:
        nonlocal in_title
        in_title = False

    def text(text: str) -> None:
        if in_title:
            title.append(text)

    with opened.member(package) as stream:
        xml_events.walk(stream, start=start, end=end, text=text)
    chapters = [parts[one] for one in order if one in parts]
    return "".join(title).strip(), [one for one in chapters or parts.values() if one in opened.names]


def read(source: Source) -> Iterator[Piece]:
    texts: list[str] = []
    size = 0
    with archive.opened(source) as opened:
        title, chapters = _chapters(opened, _package(opened))
        for chapter in chapters:
            _, text = page_text(decoded(opened.content(chapter)))
            if text:
                texts.append(text)
                size += len(text)
                if size > MOST_TEXT:
                    raise too_much()
    yield "\n\n".join(texts), {**source.metadata, **({"title": title} if title else {})}
