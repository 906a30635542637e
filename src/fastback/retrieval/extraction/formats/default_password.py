"""Open Office documents that are encrypted with a default password, as Office does without asking for one.

Excel and PowerPoint encrypt with these passwords where a document is only protected against changes. The formats are
agile and standard encryption of [MS-OFFCRYPTO], for files of Office 2007 and later. `encrypted_streams` has the older
ones.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import os
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import olefile

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import compound_file, xml_events
from fastback.retrieval.extraction.formats.encrypted_streams import decrypt_streams
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.extraction.formats.xml_events import Attributes

_PASSWORDS = ("VelvetSweatshop", "/01Hannes Ruescher/01")
_SEGMENT_SIZE = 4096
#: Rounds of hashing that a document may demand for each password; Office writes 100,000.
_MAX_ROUNDS = 1_000_000
_STANDARD_ROUNDS = 50_000
_HASHES = {"SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}
_VERIFIER_INPUT, _VERIFIER_VALUE = bytes.fromhex("fea7d2763b4b9e79"), bytes.fromhex("d7aa0f6d3061344e")
_KEY_VALUE = bytes.fromhex("146e0be7abacd0d6")
#: Return the content of a segment of the package, by its number and its encrypted content.
_Decrypt = Callable[[int, bytes], bytes]


def _hash_password(algorithm: str, salt: bytes, password: str, rounds: int) -> bytes:
    digest = hashlib.new(algorithm, salt + password.encode("utf-16-le")).digest()
    for number in range(rounds):
        digest = hashlib.new(algorithm, struct.pack("<I", number) + digest).digest()
    return digest


def _decrypt_blocks(key: bytes, content: bytes, vector: bytes | None = None) -> bytes:
    """Decrypt whole blocks with AES, chained from the vector; unchained without one."""
    # Few files are encrypted; a worker for the others does without 7 MB.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    mode = modes.CBC(vector) if vector is not None else modes.ECB()
    decryptor = Cipher(algorithms.AES(key), mode).decryptor()
    return decryptor.update(content[: len(content) // 16 * 16]) + decryptor.finalize()


class _AgileKey(msgspec.Struct):
    algorithm: str
    salt: bytes
    key_size: int
    attributes: Attributes


def _read_agile_key(attributes: Attributes) -> _AgileKey:
    if attributes["cipherAlgorithm"] != "AES" or attributes["cipherChaining"] != "ChainingModeCBC":
        raise ValueError("unsupported cipher")
    salt = base64.b64decode(attributes["saltValue"])
    return _AgileKey(_HASHES[attributes["hashAlgorithm"]], salt, int(attributes["keyBits"]) // 8, attributes)


def _open_agile(info: bytes, password: str) -> _Decrypt | None:
    keys: dict[str, _AgileKey] = {}

    def start_element(name: str, attributes: Attributes) -> None:
        if name in ("keyData", "encryptedKey"):
            keys.setdefault(name, _read_agile_key(attributes))

    # Some programs fill the stream with zeros.
    xml_events.parse_xml(io.BytesIO(info[8:].rstrip(b"\0")), on_start=start_element)
    data, user = keys["keyData"], keys["encryptedKey"]
    rounds = int(user.attributes["spinCount"])
    if rounds > _MAX_ROUNDS:
        return None
    digest = _hash_password(user.algorithm, user.salt, password, rounds)

    def decrypt_value(name: str, purpose: bytes) -> bytes:
        key = hashlib.new(user.algorithm, digest + purpose).digest()[: user.key_size].ljust(user.key_size, b"\x36")
        vector = user.salt[:16].ljust(16, b"\x36")
        return _decrypt_blocks(key, base64.b64decode(user.attributes[name]), vector)

    verifier = decrypt_value("encryptedVerifierHashInput", _VERIFIER_INPUT)[: len(user.salt)]
    expected = hashlib.new(user.algorithm, verifier).digest()
    if not hmac.compare_digest(decrypt_value("encryptedVerifierHashValue", _VERIFIER_VALUE)[: len(expected)], expected):
        return None
    key = decrypt_value("encryptedKeyValue", _KEY_VALUE)[: data.key_size]

    def decrypt_segment(number: int, content: bytes) -> bytes:
        vector = hashlib.new(data.algorithm, data.salt + struct.pack("<I", number)).digest()[:16]
        return _decrypt_blocks(key, content, vector)

    return decrypt_segment


def _open_standard(info: bytes, password: str) -> _Decrypt | None:
    (header_size,) = struct.unpack_from("<I", info, 8)
    (key_bits,) = struct.unpack_from("<I", info, 12 + 16)
    verifier = info[12 + header_size :]
    salt, encrypted, encrypted_hash = verifier[4:20], verifier[20:36], verifier[40:72]
    digest = hashlib.sha1(_hash_password("sha1", salt, password, _STANDARD_ROUNDS) + bytes(4)).digest()
    padded = digest.ljust(64, b"\0")
    key = b"".join(hashlib.sha1(bytes(byte ^ mask for byte in padded)).digest() for mask in (0x36, 0x5C))
    key = key[: (key_bits or 128) // 8]
    expected = hashlib.sha1(_decrypt_blocks(key, encrypted)).digest()
    if not hmac.compare_digest(_decrypt_blocks(key, encrypted_hash)[:20], expected):
        return None
    return lambda number, content: _decrypt_blocks(key, content)


def _find_key(info: bytes) -> _Decrypt | None:
    """Return what decrypts a package; None where it has a password of its own, or an unsupported encryption."""
    version = struct.unpack_from("<HH", info)
    open_info = _open_agile if version == (4, 4) else _open_standard if version[1] == 2 else None
    if open_info is None:
        return None
    return next((decrypt for password in _PASSWORDS if (decrypt := open_info(info, password))), None)


@contextmanager
def open_default_password(source: SourceFile) -> Iterator[SourceFile]:
    """Yield the file itself, or a decrypted copy of a file that is encrypted with a default password.

    A file with a password of its own stays as it is: its reader refuses it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "package")
        is_decrypted = False
        with suppress(
            OSError, ValueError, KeyError, IndexError, RecursionError, struct.error, binascii.Error, JobFailed
        ):
            is_decrypted = _write_decrypted(source, path)
        yield msgspec.structs.replace(source, path=path) if is_decrypted else source


def _write_decrypted(source: SourceFile, path: str) -> bool:
    """Decrypt a file to `path`, and return whether that was possible."""
    with open(source.path, "rb") as file:
        if file.read(len(compound_file.MAGIC)) != compound_file.MAGIC:
            return False
    with olefile.OleFileIO(source.path) as file:
        if file.exists("EncryptionInfo") and file.exists("EncryptedPackage"):
            return _write_package(file, path)
        decrypted = decrypt_streams(compound_file.CompoundFile(file), _PASSWORDS)
    if decrypted:
        shutil.copyfile(source.path, path)
        with olefile.OleFileIO(path, write_mode=True) as copy:
            for name, content in decrypted.items():
                copy.write_stream(name, content)
    return bool(decrypted)


def _write_package(streams: olefile.OleFileIO, path: str) -> bool:
    """Decrypt the package in a file to `path`, and return whether that was possible."""
    decrypt = _find_key(streams.openstream("EncryptionInfo").read())
    if decrypt is None:
        return False
    package = streams.openstream("EncryptedPackage")
    (size,) = struct.unpack("<Q", package.read(8))
    with open(path, "wb") as sink:
        number = 0
        while content := package.read(_SEGMENT_SIZE):
            sink.write(decrypt(number, content))
            number += 1
        sink.truncate(min(size, sink.tell()))
    return True
