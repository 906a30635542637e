"""PowerPoint presentations of the binary format, used before 2007 (.ppt).

The file is a stream of records, some of which contain others. The document's slide list contains the outline text of
the slides, each slide record the text of its other boxes. Records are referred to by ids; a directory maps the ids to
offsets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fastback import messages
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.ppt_records import ENCRYPTED, list_records, read_directory, read_header
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file

_SLIDE_LIST, _SLIDE_REFERENCE, _UTF_16_TEXT, _LATIN_1_TEXT = 4080, 1011, 4000, 4008
#: The instance of a slide list says what it lists.
_SLIDES_INSTANCE, _NOTES_INSTANCE = 0, 2
_MAX_DEPTH = 40
_NEWER_FORMAT = "PP97_DUALSTORAGE"


def _list_texts(data: bytes, first: int, last: int, depth: int = 0) -> Iterator[str]:
    """Yield all texts in a range, in order."""
    for record_type, _, start, end, is_container in list_records(data, first, last):
        if record_type == _UTF_16_TEXT:
            yield data[start:end].decode("utf-16-le", "replace")
        elif record_type == _LATIN_1_TEXT:
            yield data[start:end].decode("latin-1")
        elif is_container and depth < _MAX_DEPTH:
            yield from _list_texts(data, start, end, depth + 1)


def _list_slides(data: bytes, user: bytes, list_instance: int) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the outline texts and the box texts of each slide, or of each slide's notes with `_NOTES_INSTANCE`."""
    offsets, document_id = read_directory(data, user)
    document_offset = offsets[document_id]
    _, _, end, _ = read_header(data, document_offset)
    for record_type, instance, first, last, _ in list_records(data, document_offset + 8, end):
        if record_type != _SLIDE_LIST or instance != list_instance:
            continue
        outline: list[str] = []
        slide_id = -1
        for child_type, _, start, stop, _ in list_records(data, first, last):
            if child_type == _SLIDE_REFERENCE:
                if slide_id >= 0:
                    yield outline, _read_boxes(data, offsets.get(slide_id))
                (slide_id,) = struct.unpack_from("<I", data, start)
                outline = []
            else:
                outline += _list_texts(data, start - 8, stop)
        if slide_id >= 0:
            yield outline, _read_boxes(data, offsets.get(slide_id))


def _read_boxes(data: bytes, offset: int | None) -> list[str]:
    if offset is None or offset + 8 > len(data):
        return []
    return list(_list_texts(data, offset + 8, read_header(data, offset)[2]))


def _join_texts(*texts: str) -> str:
    lines = (text.replace("\r", "\n").replace("\x0b", "\n").strip() for text in texts)
    return "\n".join(line for line in lines if line and line != "*")  # a star is the placeholder of the slide number


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with slides and notes."""
    texts: list[str] = []
    with compound_file.open_compound_file(source) as streams:
        # A file for both PowerPoint 95 and 97 contains the presentation in both formats.
        folder = (_NEWER_FORMAT,) if streams.list_folder(_NEWER_FORMAT) else ()
        data = streams.read_stream(*folder, "PowerPoint Document")
        user = streams.read_stream(*folder, "Current User")
        if not user:  # PowerPoint 95 and older
            raise JobFailed(messages.FILE_NOT_SUPPORTED)
        if user[12:16] == ENCRYPTED:
            raise JobFailed("This presentation is protected by a password. Upload it without one.")
        try:
            for number, (outline, boxes) in enumerate(_list_slides(data, user, _SLIDES_INSTANCE), 1):
                if text := _join_texts(*outline, *boxes):
                    texts.append(f"Slide {number}:\n{text}")
            for _, boxes in _list_slides(data, user, _NOTES_INSTANCE):
                if text := _join_texts(*boxes):
                    texts.append(f"Notes: {text}")
        except (struct.error, KeyError):
            raise unreadable_file("a presentation", "it is damaged.") from None
    yield "\n\n".join(texts), source.metadata
