"""Records of PowerPoint's binary format: the stream of a presentation, and the directory of its records.

Records are referred to by ids; a directory maps the ids to offsets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_USER_EDIT = 4085
#: What the stream `Current User` states at its 12th byte.
ENCRYPTED, NOT_ENCRYPTED = struct.pack("<I", 0xF3D1C4DF), struct.pack("<I", 0xE391C05F)


def read_header(data: bytes, offset: int) -> tuple[int, int, int, bool]:
    """Return the record's type, instance, the offset where its content ends, and whether it contains records."""
    version_and_instance, record_type, size = struct.unpack_from("<HHI", data, offset)
    return record_type, version_and_instance >> 4, min(offset + 8 + size, len(data)), version_and_instance & 15 == 15


def list_records(data: bytes, first: int, last: int) -> Iterator[tuple[int, int, int, int, bool]]:
    """Yield the records in a range: type, instance, start and end of the content, whether it contains records."""
    while first + 8 <= last:
        record_type, instance, end, is_container = read_header(data, first)
        yield record_type, instance, first + 8, min(end, last), is_container
        first = max(end, first + 8)


def read_directory(data: bytes, user: bytes) -> tuple[dict[int, int], int]:
    """Return the offsets of records by id, and the id of the document record. The newest offset of an id counts."""
    (edit,) = struct.unpack_from("<I", user, 16)
    offsets: dict[int, int] = {}
    document_id, visited = 0, set[int]()
    while edit and edit not in visited:
        visited.add(edit)
        record_type, _, _, _ = read_header(data, edit)
        if record_type != _USER_EDIT:
            raise struct.error
        previous_edit, directory, edit_document_id = struct.unpack_from("<III", data, edit + 16)
        document_id = document_id or edit_document_id
        _, _, end, _ = read_header(data, directory)
        position = directory + 8
        while position + 4 <= end:
            (head,) = struct.unpack_from("<I", data, position)
            count = min(head >> 20, (end - position - 4) // 4)
            run = struct.unpack_from(f"<{count}I", data, position + 4)
            for index, record_offset in enumerate(run):
                offsets.setdefault((head & 0xFFFFF) + index, record_offset)
            position += 4 + 4 * count
        edit = previous_edit
    return offsets, document_id
