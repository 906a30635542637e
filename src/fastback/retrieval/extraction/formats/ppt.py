"""PowerPoint presentations of the binary format, used before 2007 (.ppt).

The file is a stream of records, some of which contain others. The document's slide list contains the outline text of
the slides, each slide record the text of its other boxes. Records are referred to by ids; a directory maps the ids to
offsets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from fastback import messages
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.comments import format_comment
from fastback.retrieval.extraction.formats.ppt_records import ENCRYPTED, list_records, read_directory, read_header
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file

_SLIDE_LIST, _SLIDE_REFERENCE, _UTF_16_TEXT, _LATIN_1_TEXT = 4080, 1011, 4000, 4008
#: The instance of a slide list says what it lists.
_SLIDES_INSTANCE, _NOTES_INSTANCE = 0, 2
_NOTES_PROPERTIES, _EXTENSION, _STRING, _COMMENT, _SHAPE_PROPERTIES = 1009, 5003, 4026, 12_000, 0xF00B
_COMMENT_AUTHOR, _COMMENT_TEXT = 0, 1
#: The property of a shape that describes it, and what its key says beside its number.
_DESCRIPTION, _KEY_MASK, _HAS_LONG_VALUE = 897, 0x3FFF, 0x8000
_MAX_DEPTH = 40
_NEWER_FORMAT = "PP97_DUALSTORAGE"


class _Slide(msgspec.Struct):
    """A slide, or the notes of one: its id, its texts, and its comments."""

    slide_id: int
    texts: list[str]
    comments: list[str]


def _list_texts(data: bytes, first: int, last: int, depth: int = 0) -> Iterator[str]:
    """Yield all texts in a range, in order."""
    for record_type, count, start, end, is_container in list_records(data, first, last):
        if record_type == _UTF_16_TEXT:
            yield data[start:end].decode("utf-16-le", "replace")
        elif record_type == _LATIN_1_TEXT:
            yield data[start:end].decode("latin-1")
        elif record_type == _SHAPE_PROPERTIES:
            yield _read_description(data[start:end], count)
        elif is_container and depth < _MAX_DEPTH:
            yield from _list_texts(data, start, end, depth + 1)


def _read_description(properties: bytes, count: int) -> str:
    """Return the text that describes a shape to those who cannot see it; or an empty text."""
    position = 6 * count  # of the long values, which follow the properties in their order
    for offset in range(0, min(position, len(properties) - 5), 6):
        key, size = struct.unpack_from("<HI", properties, offset)
        if key & _KEY_MASK == _DESCRIPTION and key & _HAS_LONG_VALUE:
            return properties[position : position + size].decode("utf-16-le", "replace").rstrip("\0")
        position += size if key & _HAS_LONG_VALUE else 0
    return ""


def _list_comments(data: bytes, first: int, last: int, depth: int = 0) -> Iterator[str]:
    """Yield the comments in a range, each in one line."""
    for record_type, _, start, end, is_container in list_records(data, first, last):
        if record_type == _COMMENT:
            strings = {
                instance: data[begin:stop].decode("utf-16-le", "replace")
                for child_type, instance, begin, stop, _ in list_records(data, start, end)
                if child_type == _STRING
            }
            yield format_comment(strings.get(_COMMENT_TEXT, ""), author=strings.get(_COMMENT_AUTHOR, ""))
        elif (is_container or record_type == _EXTENSION) and depth < _MAX_DEPTH:
            yield from _list_comments(data, start, end, depth + 1)


def _list_slides(data: bytes, user: bytes, list_instance: int) -> Iterator[_Slide]:
    """Yield the slides, or the notes of slides with `_NOTES_INSTANCE`, which have the ids of their slides."""
    offsets, document_id = read_directory(data, user)
    document_offset = offsets[document_id]
    _, _, end, _ = read_header(data, document_offset)
    for record_type, instance, first, last, _ in list_records(data, document_offset + 8, end):
        if record_type != _SLIDE_LIST or instance != list_instance:
            continue
        slide: _Slide | None = None
        record_id = -1
        for child_type, _, start, stop, _ in list_records(data, first, last):
            if child_type == _SLIDE_REFERENCE:
                if slide is not None:
                    yield _add_record(slide, data, offsets.get(record_id))
                record_id, slide_id = struct.unpack_from("<I8xI", data, start)
                slide = _Slide(slide_id, [], [])
            elif slide is not None:
                slide.texts.extend(_list_texts(data, start - 8, stop))
        if slide is not None:
            yield _add_record(slide, data, offsets.get(record_id))


def _add_record(slide: _Slide, data: bytes, offset: int | None) -> _Slide:
    """Add to a slide what is in its record at an offset; return the slide."""
    if offset is None or offset + 8 > len(data):
        return slide
    _, _, end, _ = read_header(data, offset)
    slide.texts.extend(_list_texts(data, offset + 8, end))
    slide.comments.extend(_list_comments(data, offset + 8, end))
    for record_type, _, start, _, _ in list_records(data, offset + 8, end):
        if record_type == _NOTES_PROPERTIES:
            (slide.slide_id,) = struct.unpack_from("<I", data, start)
    return slide


def _format_slides(data: bytes, user: bytes) -> Iterator[str]:
    """Yield the slides, after each its comments and notes; at last the notes whose slide is missing."""
    notes: dict[int, list[str]] = {}
    for page in _list_slides(data, user, _NOTES_INSTANCE):
        if text := _join_texts(*page.texts):
            notes.setdefault(page.slide_id, []).append(f"Notes: {text}")
    for number, slide in enumerate(_list_slides(data, user, _SLIDES_INSTANCE), 1):
        if text := _join_texts(*slide.texts):
            yield f"Slide {number}:\n{text}"
        yield from filter(None, slide.comments)
        yield from notes.pop(slide.slide_id, [])
    for texts in notes.values():
        yield from texts


def _join_texts(*texts: str) -> str:
    lines = (text.replace("\r", "\n").replace("\x0b", "\n").strip() for text in texts)
    return "\n".join(line for line in lines if line and line != "*")  # a star is the placeholder of the slide number


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with slides and notes."""
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
            text = "\n\n".join(_format_slides(data, user))
        except (struct.error, KeyError):
            raise unreadable_file("a presentation", "it is damaged.") from None
    yield text, source.metadata
