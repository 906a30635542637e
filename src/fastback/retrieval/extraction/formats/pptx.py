"""PowerPoint presentations (.pptx): slide by slide, with tables, charts, diagrams, comments and the speaker's notes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.attached_parts import AttachedParts, DrawingReader, parse_part
from fastback.retrieval.extraction.formats.package_relationships import find_main_part, read_relationships
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, ExtractedText, SourceFile, too_much_text
from fastback.retrieval.extraction.formats.xml_events import Attributes

_PRESENTATION_PART = "ppt/presentation.xml"
_SLIDE_PART = re.compile(r"ppt/slides/slide(\d{1,9})\.xml")


def _list_slides(zip_archive: archive.Archive) -> list[str]:
    """Return the parts of the slides, in the order of the presentation."""
    ids: list[str] = []

    def start_element(name: str, attributes: Attributes) -> None:
        if name == "sldId":
            ids.extend(value for key, value in attributes.items() if key.endswith("relationships id"))

    main_part = find_main_part(zip_archive, _PRESENTATION_PART)
    with zip_archive.open_member(main_part) as stream:
        xml_events.parse_xml(stream, on_start=start_element)
    relationships = read_relationships(zip_archive, main_part)
    slides = [relationships[slide_id][1] for slide_id in ids if slide_id in relationships]
    if slides:
        return [slide for slide in slides if slide in zip_archive.names]
    matches = ((_SLIDE_PART.fullmatch(name), name) for name in zip_archive.names)
    return [name for _, name in sorted((int(match[1]), name) for match, name in matches if match)]


def _read_part(zip_archive: archive.Archive, part: str) -> str:
    """Return the text of a slide, or of its notes."""
    reader = DrawingReader()
    parse_part(zip_archive, part, reader)
    return reader.flow.join_lines()


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with slides and notes."""
    texts: list[str] = []
    size = 0
    with archive.open_archive(source) as zip_archive:
        attached_parts = AttachedParts(zip_archive)
        for number, part in enumerate(_list_slides(zip_archive), 1):
            slide_texts = [text] if (text := _read_part(zip_archive, part)) else []
            slide_texts.extend(attached_parts.read_texts(part))
            for kind, notes in read_relationships(zip_archive, part).values():
                if kind == "notesSlide" and notes in zip_archive.names and (text := _read_part(zip_archive, notes)):
                    slide_texts.append(f"Notes: {text}")
            if slide_texts:
                texts.append(f"Slide {number}:\n" + "\n\n".join(slide_texts))
                size += len(texts[-1])
                if size > MAX_TEXT:
                    raise too_much_text()
    yield "\n\n".join(texts), source.metadata
