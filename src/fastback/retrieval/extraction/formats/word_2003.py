"""Word 2003 documents in one XML file (`w:wordDocument`)."""

from __future__ import annotations

from collections.abc import Iterator

from fastback.retrieval.extraction.formats import xml_events
from fastback.retrieval.extraction.formats.document_flow import DocumentFlow
from fastback.retrieval.extraction.formats.docx import PartReader, StyleReader
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with the whole text."""
    styles = StyleReader()
    with open(source.path, "rb") as stream:
        xml_events.parse_xml(stream, on_start=styles.start_element, on_end=styles.end_element)
    flow = DocumentFlow()
    reader = PartReader(flow, *styles.resolve())
    with open(source.path, "rb") as stream:
        xml_events.parse_xml(stream, on_start=reader.start_element, on_end=reader.end_element, on_text=reader.add_text)
    yield flow.join_blocks(), source.metadata
