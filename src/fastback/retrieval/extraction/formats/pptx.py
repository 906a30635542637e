"""Presentations (.pptx): slide by slide, with tables and the speaker's notes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.document_flow import Flow
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Piece, Source, too_much
from fastback.retrieval.extraction.formats.xml_events import Attributes, attribute

_ROOT = "ppt/presentation.xml"
#: Fields that say nothing of the slide: its number, the date, what stands twice.
_SILENT = frozenset(("Fallback", "fld"))


def _relations(opened: archive.Archive, part: str) -> dict[str, tuple[str, str]]:
    """What a part refers to, by id: the kind, and the name in the archive."""
    folder, name = posixpath.split(part)
    listing = f"{folder}/_rels/{name}.rels"
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: Attributes) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            place = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
            found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], place)

    if listing in opened.names:
        with opened.member(listing) as stream:
            xml_events.walk(stream, start=start)
    return found


def _slides(opened: archive.Archive) -> list[str]:
    """The slides' parts, as they are shown."""
    ids: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name == "sldId":
            ids.extend(value for key, value in attributes.items() if key.endswith("relationships id"))

    with opened.member(_ROOT) as stream:
        xml_events.walk(stream, start=start)
    relations = _relations(opened, _ROOT)
    found = [relations[one][1] for one in ids if one in relations]
    if found:
        return [one for one in found if one in opened.names]
    numbered = [(int(hit[1]), one) for one in opened.names if (hit := re.fullmatch(r"ppt/slides/slide(\d+)\.xml", one))]
    return [one for _, one in sorted(numbered)]


class _Walk:
    def __init__(self) -> None:
        self.flow = Flow()
        self._silent = 0
        self._in_text = False

    def start(self, name: str, attributes: Attributes) -> None:
        if self._silent or name in _SILENT:
            self._silent += 1
            return
        match name:
            case "t":
                self._in_text = True
            case "p":
                self.flow.begin_paragraph()
            case "br":
                self.flow.write("\n")
            case "tab":
                self.flow.write("\t" if not attribute(attributes, "pos") else "")
            case "tbl":
                self.flow.begin_table()

    def end(self, name: str) -> None:
        if self._silent:
            self._silent -= 1
            return
        match name:
            case "t":
                self._in_text = False
            case "p":
                self.flow.end_paragraph()
            case "tc":
                self.flow.end_cell()
            case "tr":
                self.flow.end_row()
            case "tbl":
                self.flow.end_table()

    def text(self, text: str) -> None:
        if self._in_text and not self._silent:
            self.flow.write(text)


def _text(opened: archive.Archive, part: str) -> str:
    walk = _Walk()
    with opened.member(part) as stream:
        xml_events.walk(stream, start=walk.start, end=walk.end, text=walk.text)
    return walk.flow.text().replace("\n\n", "\n")


def read(source: Source) -> Iterator[Piece]:
    texts: list[str] = []
    size = 0
    with archive.opened(source) as opened:
        for number, part in enumerate(_slides(opened), 1):
            said = [text] if (text := _text(opened, part)) else []
            for kind, notes in _relations(opened, part).values():
                if kind == "notesSlide" and notes in opened.names and (text := _text(opened, notes)):
                    said.append(f"Notes: {text}")
            if said:
                texts.append(f"Slide {number}:\n" + "\n\n".join(said))
                size += len(texts[-1])
                if size > MOST_TEXT:
                    raise too_much()
    yield "\n\n".join(texts), source.metadata
