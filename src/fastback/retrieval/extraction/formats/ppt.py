"""Presentations as they were before 2007 (.ppt).

A stream of records, some of which hold others. What a slide's outline says stands in the document's list of slides,
what its other boxes say in the slide itself; both are found by numbers that a directory turns into places.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.reader import Piece, Source, broken

_LIST, _PERSIST, _CHARACTERS, _BYTES = 4080, 1011, 4000, 4008
_EDIT = 4085
#: Which list is which.
_SLIDES, _NOTES = 0, 2
_DEPTH = 40


def _record(data: bytes, place: int) -> tuple[int, int, int, bool]:
    """Kind, instance, end of the content, and whether it holds others."""
    head, kind, size = struct.unpack_from("<HHI", data, place)
    return kind, head >> 4, min(place + 8 + size, len(data)), head & 15 == 15


def _children(data: bytes, first: int, last: int) -> Iterator[tuple[int, int, int, int, bool]]:
    """Records between two places: kind, instance, begin and end of the content, whether it holds others."""
    while first + 8 <= last:
        kind, instance, end, holds = _record(data, first)
        yield kind, instance, first + 8, min(end, last), holds
        first = max(end, first + 8)


def _said(data: bytes, first: int, last: int, depth: int = 0) -> Iterator[str]:
    """Every text below, in order."""
    for kind, _, begin, end, holds in _children(data, first, last):
        if kind == _CHARACTERS:
            yield data[begin:end].decode("utf-16-le", "replace")
        elif kind == _BYTES:
            yield data[begin:end].decode("latin-1")
        elif holds and depth < _DEPTH:
            yield from _said(data, begin, end, depth + 1)


def _places(data: bytes, user: bytes) -> tuple[dict[int, int], int]:
    """Where numbered records are, and the document's number."""
    (edit,) = struct.unpack_from("<I", user, 16)
    found: dict[int, int] = {}
    document, seen = 0, set[int]()
    while edit and edit not in seen:
        seen.add(edit)
        kind, _, _, _ = _record(data, edit)
        if kind != _EDIT:
            raise struct.error
        before, directory, number = struct.unpack_from("<III", data, edit + 16)
        document = document or number
        _, _, end, _ = _record(data, directory)
        place = directory + 8
        while place + 4 <= end:
            (head,) = struct.unpack_from("<I", data, place)
            count = min(head >> 20, (end - place - 4) // 4)
            offsets = struct.unpack_from(f"<{count}I", data, place + 4)
            for index, offset in enumerate(offsets):
                found.setdefault((head & 0xFFFFF) + index, offset)
            place += 4 + 4 * count
        edit = before
    return found, document


def _slides(data: bytes, user: bytes, of: int) -> Iterator[tuple[list[str], list[str]]]:
    """What each slide says in its outline, and in its boxes; or each slide's notes, which have a list of their own."""
    places, document = _places(data, user)
    begin = places[document]
    _, _, end, _ = _record(data, begin)
    for kind, instance, first, last, _ in _children(data, begin + 8, end):
        if kind != _LIST or instance != of:
            continue
        outline: list[str] = []
        number = -1
        for child, _, start, stop, _ in _children(data, first, last):
            if child == _PERSIST:
                if number >= 0:
                    yield outline, _boxes(data, places.get(number))
                (number,) = struct.unpack_from("<I", data, start)
                outline = []
            else:
                outline += _said(data, start - 8, stop)
        if number >= 0:
            yield outline, _boxes(data, places.get(number))


def _boxes(data: bytes, place: int | None) -> list[str]:
    if place is None or place + 8 > len(data):
        return []
    return list(_said(data, place + 8, _record(data, place)[2]))


def _readable(*texts: str) -> str:
    said = (one.replace("\r", "\n").replace("\x0b", "\n").strip() for one in texts)
    return "\n".join(one for one in said if one and one != "*")  # a star stands for the number of the page


def read(source: Source) -> Iterator[Piece]:
    texts: list[str] = []
    with compound_file.opened(source) as streams:
        data, user = streams.content("PowerPoint Document"), streams.content("Current User")
        try:
            for number, (outline, boxes) in enumerate(_slides(data, user, _SLIDES), 1):
                if said := _readable(*outline, *boxes):
                    texts.append(f"Slide {number}:\n{said}")
            for _, boxes in _slides(data, user, _NOTES):
                if said := _readable(*boxes):
                    texts.append(f"Notes: {said}")
        except (struct.error, KeyError):
            raise broken("a presentation", "it is damaged.") from None
    yield "\n\n".join(texts), source.metadata
