"""Encrypt documents of the binary formats before 2007 with RC4, as Office 97 to 2003 do; made by the tests."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable

import olefile
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

import binary_workbooks
import sample_documents

_SALT, _VERIFIER = bytes(range(16)), bytes(range(50, 66))
GetKey = Callable[[int], bytes]
#: Return the header of the encryption, and the keys of blocks, for a password.
Method = Callable[[str], tuple[bytes, GetKey]]


def _rc4(key: bytes, content: bytes) -> bytes:
    return Cipher(ARC4(key), None).encryptor().update(content)


def binary(password: str) -> tuple[bytes, GetKey]:
    """Encrypt as Office 97 does."""
    start = hashlib.md5(password.encode("utf-16-le")).digest()[:5]
    middle = hashlib.md5((start + _SALT) * 16).digest()[:5]

    def get_key(number: int) -> bytes:
        return hashlib.md5(middle + number.to_bytes(4, "little")).digest()

    header = struct.pack("<HH", 1, 1) + _SALT + _rc4(get_key(0), _VERIFIER + hashlib.md5(_VERIFIER).digest())
    return header, get_key


def crypto_api(password: str, bits: int = 128) -> tuple[bytes, GetKey]:
    """Encrypt as Office 2003 does."""
    start = hashlib.sha1(_SALT + password.encode("utf-16-le")).digest()

    def get_key(number: int) -> bytes:
        key = hashlib.sha1(start + number.to_bytes(4, "little")).digest()[: bits // 8]
        return key + bytes(11) if bits == 40 else key

    name = "Microsoft Enhanced Cryptographic Provider v1.0\0".encode("utf-16-le")
    header = struct.pack("<8I", 4, 0, 0x6801, 0x8004, bits, 1, 0, 0) + name
    verifier = _rc4(get_key(0), _VERIFIER + hashlib.sha1(_VERIFIER).digest())
    info = struct.pack("<HHII", 2, 2, 4, len(header)) + header + struct.pack("<I", 16) + _SALT
    return info + verifier[:16] + struct.pack("<I", 20) + verifier[16:], get_key


def crypto_api_40(password: str) -> tuple[bytes, GetKey]:
    """Encrypt as Office 2003 does with short keys."""
    return crypto_api(password, 40)


def _encrypt_blocks(get_key: GetKey, content: bytes, size: int) -> bytes:
    return b"".join(
        _rc4(get_key(start // size), content[start : start + size]) for start in range(0, len(content), size)
    )


def xls(method: Method, password: str) -> bytes:
    header, get_key = method(password)
    password_record = binary_workbooks.record(0x2F, struct.pack("<H", 1) + header)
    cells = binary_workbooks.make_cells([(row, 0, f"Row {row}") for row in range(200)])
    data = binary_workbooks.make_stream({"First": cells}, password_record)
    encrypted = bytearray(_encrypt_blocks(get_key, data, 1024))
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from("<HH", data, position)
        opened = 4 + (size if kind in (0x809, 0x2F) else 4 if kind == 0x85 else 0)
        encrypted[position : position + opened] = data[position : position + opened]
        position += 4 + size
    return sample_documents.compound({"Workbook": bytes(encrypted)})


#: What the password `VelvetSweatshop` yields for XOR obfuscation: a byte for each of sixteen positions.
_XOR_VALUES = bytes.fromhex("876b9ae21ee305621e699660986e9404")


def obfuscated_xls(verifier: str = "59b30a9a") -> bytes:
    """Return a workbook that is obfuscated as Excel 97 does where encryption is restricted by law."""
    password_record = binary_workbooks.record(0x2F, bytes(2) + bytes.fromhex(verifier))
    cells = binary_workbooks.make_cells([(row, 0, f"Row {row}") for row in range(200)])
    data = binary_workbooks.make_stream({"First": cells}, password_record)
    obfuscated = bytearray(data)
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from("<HH", data, position)
        first = size if kind in (0x809, 0x2F) else 4 if kind == 0x85 else 0
        for offset in range(position + 4 + first, position + 4 + size):
            rotated = (data[offset] << 5 | data[offset] >> 3) & 0xFF
            obfuscated[offset] = rotated ^ _XOR_VALUES[(offset + size) % 16]
        position += 4 + size
    return sample_documents.compound({"Workbook": bytes(obfuscated)})


def doc(method: Method, password: str) -> bytes:
    header, get_key = method(password)
    with olefile.OleFileIO(io.BytesIO(sample_documents.doc())) as file:
        main, table = (bytearray(file.openstream(name).read()) for name in ("WordDocument", "1Table"))
    (size,) = struct.unpack_from("<I", main, 0x01A6)
    struct.pack_into("<II", main, 0x01A2, len(header), size)
    struct.pack_into("<HxxI", main, 0x0A, 0x0300, len(header))
    encrypted = main[:68] + _encrypt_blocks(get_key, bytes(main), 512)[68:]
    whole_table = header + bytes(table[:size])
    encrypted_table = header + _encrypt_blocks(get_key, whole_table, 512)[len(header) :]
    return sample_documents.compound({"WordDocument": bytes(encrypted), "1Table": encrypted_table})


def ppt(method: Method, password: str) -> bytes:
    header, get_key = method(password)
    with olefile.OleFileIO(io.BytesIO(sample_documents.ppt())) as file:
        data, user = (file.openstream(name).read() for name in ("PowerPoint Document", "Current User"))
    (edit,) = struct.unpack_from("<I", user, 16)
    (directory,) = struct.unpack_from("<I", data, edit + 20)
    first, second = struct.unpack_from("<II", data, directory + 12)
    encrypted = _rc4(get_key(1), data[first:second]) + _rc4(get_key(2), data[second:directory])
    encryption_record = struct.pack("<HHI", 15, 0x2F14, len(header)) + header
    new_directory = struct.pack("<HHIIIII", 0, 6002, 16, 3 << 20 | 1, first, second, len(encrypted))
    new_directory_offset = len(encrypted) + len(encryption_record)
    new_edit = struct.pack("<HHIIIIIIIII", 0, 4085, 32, 0, 0, 0, new_directory_offset, 1, 4, 0, 3)
    stream = encrypted + encryption_record + new_directory + new_edit
    new_user = user[:12] + struct.pack("<II", 0xF3D1C4DF, new_directory_offset + len(new_directory)) + user[20:]
    return sample_documents.compound({"PowerPoint Document": stream, "Current User": new_user})
