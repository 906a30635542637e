"""Decrypt the streams of .xls, .doc and .ppt files that are encrypted with RC4, and of obfuscated .xls files.

Sizes and positions stay the same.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import takewhile

from fastback.retrieval.extraction.formats import xor_obfuscation
from fastback.retrieval.extraction.formats.biff import list_records
from fastback.retrieval.extraction.formats.compound_file import CompoundFile
from fastback.retrieval.extraction.formats.ppt_records import ENCRYPTED, NOT_ENCRYPTED, read_directory, read_header
from fastback.retrieval.extraction.formats.rc4_encryption import apply_rc4, apply_rc4_to_blocks, find_key

#: A stream's content by its name.
Streams = dict[str, bytes]
#: The first bytes of a workbook, which say whether it is encrypted.
_START_SIZE = 1 << 16
_XLS_BLOCK_SIZE, _DOC_BLOCK_SIZE = 1024, 512
_PASSWORD_RECORD, _SHEET_RECORD, _LAST_RECORD = 0x2F, 0x85, 0x0A
#: Records of a workbook that are never encrypted.
_OPEN_RECORDS = frozenset((0x809, _PASSWORD_RECORD, 0x194, 0x195, 0xE1, 0x196, 0x138))
_RC4_RECORD = 1
#: The part of the main stream of a document that is never encrypted; flags in it.
_DOC_HEAD_SIZE = 68
_IS_ENCRYPTED, _IS_OBFUSCATED, _USES_TABLE_1 = 0x0100, 0x8000, 0x0200
#: Where the newest edit of a presentation refers to the record of the encryption.
_ENCRYPTION_ID_OFFSET = 8 + 28


def _decrypt_workbook(streams: CompoundFile, name: str, passwords: Sequence[str]) -> Streams:
    data = streams.read_stream(name, max_size=_START_SIZE)
    first_records = takewhile(lambda record: record[0] != _LAST_RECORD, list_records(data, 0))
    kind, start, end = next((record for record in first_records if record[0] == _PASSWORD_RECORD), (0, 0, 0))
    if kind != _PASSWORD_RECORD:
        return {}
    description = data[start:end]
    if description.endswith(xor_obfuscation.VERIFIER):
        data = streams.read_stream(name)
        decrypted = bytearray(data)
        for _, first, last in list_records(data, 0):
            decrypted[first:last] = xor_obfuscation.decrypt(data[first:last], first)
    else:
        get_key = find_key(description[2:], passwords) if description[:2] == struct.pack("<H", _RC4_RECORD) else None
        if get_key is None:
            return {}
        data = streams.read_stream(name)
        decrypted = bytearray(apply_rc4_to_blocks(get_key, data, _XLS_BLOCK_SIZE))
    for kind, first, last in list_records(data, 0):
        # The heads of records are not encrypted, nor the position of a sheet.
        last_open = last if kind in _OPEN_RECORDS else first + 4 if kind == _SHEET_RECORD else first
        decrypted[first - 4 : last_open] = data[first - 4 : last_open]
    struct.pack_into("<H", decrypted, start - 4, 0)  # a record that readers skip
    return {name: bytes(decrypted)}


def _decrypt_document(streams: CompoundFile, passwords: Sequence[str]) -> Streams:
    start = streams.read_stream("WordDocument", max_size=_DOC_HEAD_SIZE)
    (flags,) = struct.unpack_from("<H", start, 0x0A)
    if not flags & _IS_ENCRYPTED or flags & _IS_OBFUSCATED:
        return {}
    table = "1Table" if flags & _USES_TABLE_1 else "0Table"
    get_key = find_key(streams.read_stream(table), passwords)
    if get_key is None:
        return {}
    decrypted = {
        name: apply_rc4_to_blocks(get_key, streams.read_stream(name), _DOC_BLOCK_SIZE)
        for name in ("WordDocument", table, "Data")
        if streams.has_stream(name)
    }
    head = bytearray(start)
    struct.pack_into("<H", head, 0x0A, flags & ~_IS_ENCRYPTED)
    decrypted["WordDocument"] = bytes(head) + decrypted["WordDocument"][_DOC_HEAD_SIZE:]
    return decrypted


def _decrypt_presentation(streams: CompoundFile, passwords: Sequence[str]) -> Streams:
    """Decrypt the records that have ids; each is a block of its own. All others are not encrypted."""
    user = streams.read_stream("Current User")
    if user[12:16] != ENCRYPTED:
        return {}
    data = streams.read_stream("PowerPoint Document")
    offsets, _ = read_directory(data, user)
    (edit,) = struct.unpack_from("<I", user, 16)
    (encryption_id,) = struct.unpack_from("<I", data, edit + _ENCRYPTION_ID_OFFSET)
    encryption_offset = offsets.pop(encryption_id)
    get_key = find_key(data[encryption_offset + 8 : read_header(data, encryption_offset)[2]], passwords)
    if get_key is None:
        return {}
    decrypted = bytearray(data)
    for record_id, offset in offsets.items():
        head = apply_rc4(get_key(record_id), data[offset : offset + 8])
        if len(head) == 8:
            end = min(offset + 8 + struct.unpack_from("<I", head, 4)[0], len(data))
            decrypted[offset:end] = apply_rc4(get_key(record_id), data[offset:end])
    return {"PowerPoint Document": bytes(decrypted), "Current User": user[:12] + NOT_ENCRYPTED + user[16:]}


def decrypt_streams(streams: CompoundFile, passwords: Sequence[str]) -> Streams:
    """Return the decrypted streams of a document; none where no password fits, or it is not encrypted with RC4.

    Raises: struct.error, KeyError, where the document is damaged.
    """
    for name in ("Workbook", "Book"):
        if streams.has_stream(name):
            return _decrypt_workbook(streams, name, passwords)
    if streams.has_stream("WordDocument"):
        return _decrypt_document(streams, passwords)
    return _decrypt_presentation(streams, passwords)
