"""Encrypt a stream in chunks with a key derived from a passphrase.

The format: `MAGIC`, a salt of 16 bytes, a nonce prefix of 7, a key check of 16; then chunks of a mebibyte, each with
the tag of AES-256-GCM. The nonce of a chunk is the prefix, the number of the chunk (4 bytes) and whether it is the last
one (1 byte), so that chunks can be neither removed nor exchanged. The header is authenticated with every chunk.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import BinaryIO, Protocol

from fastback.transfer.errors import TransferError

MAGIC = b"FBBACK01"
CHUNK_SIZE = 1 << 20
_SALT_SIZE, _PREFIX_SIZE, _CHECK_SIZE, _TAG_SIZE = 16, 7, 16, 16
#: Parameters of scrypt, which takes 32 MB and some tenths of a second.
_COST, _BLOCK, _PARALLEL = 1 << 15, 8, 3
_SCRYPT_MEMORY = 64 << 20


class _ChunkCipher:
    """The cipher of the chunks of one archive."""

    def __init__(self, passphrase: str, salt: bytes, prefix: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = hashlib.scrypt(
            passphrase.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_SCRYPT_MEMORY, dklen=64
        )
        self.check = hmac.digest(key[32:], salt + prefix, "sha256")[:_CHECK_SIZE]
        self._aead = AESGCM(key[:32])
        self._prefix = prefix
        self._header = MAGIC + salt + prefix + self.check
        self._number = 0

    @property
    def header(self) -> bytes:
        """Return the first bytes of the archive."""
        return self._header

    def _next_nonce(self, *, is_last: bool) -> bytes:
        number = self._number.to_bytes(4, "big")  # an archive of four petabytes overflows
        self._number += 1
        return self._prefix + number + bytes([is_last])

    def encrypt(self, chunk: bytes, *, is_last: bool) -> bytes:
        return bytes(self._aead.encrypt(self._next_nonce(is_last=is_last), chunk, self._header))

    def decrypt(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Return a chunk. Raises: cryptography's InvalidTag."""
        return bytes(self._aead.decrypt(self._next_nonce(is_last=is_last), chunk, self._header))


class _Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


class EncryptingWriter:
    """A stream that writes what it gets encrypted to another one; `finish` writes the last chunk."""

    def __init__(self, sink: _Sink, passphrase: str) -> None:
        self._sink = sink
        self._cipher = _ChunkCipher(passphrase, secrets.token_bytes(_SALT_SIZE), secrets.token_bytes(_PREFIX_SIZE))
        self._buffer = bytearray()
        sink.write(self._cipher.header)

    def write(self, data: bytes) -> int:
        """Write bytes; a chunk is encrypted when bytes of the next one have come."""
        self._buffer += data
        while len(self._buffer) > CHUNK_SIZE:
            self._sink.write(self._cipher.encrypt(bytes(self._buffer[:CHUNK_SIZE]), is_last=False))
            del self._buffer[:CHUNK_SIZE]
        return len(data)

    def flush(self) -> None:
        """Do nothing: only whole chunks are written."""

    def finish(self) -> None:
        """Write the last chunk."""
        self._sink.write(self._cipher.encrypt(bytes(self._buffer), is_last=True))
        self._buffer.clear()


class DecryptingReader:
    """A stream that reads what `EncryptingWriter` wrote."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        """Read the header.

        Raises:
            TransferError: the passphrase is wrong.
        """
        header = source.read(len(MAGIC) + _SALT_SIZE + _PREFIX_SIZE + _CHECK_SIZE)
        salt_end = len(MAGIC) + _SALT_SIZE
        prefix_end = salt_end + _PREFIX_SIZE
        self._cipher = _ChunkCipher(passphrase, header[len(MAGIC) : salt_end], header[salt_end:prefix_end])
        if not hmac.compare_digest(self._cipher.check, header[prefix_end:]):
            raise TransferError("the passphrase is wrong")
        self._source = source
        self._next_chunk = source.read(CHUNK_SIZE + _TAG_SIZE)
        self._buffer = b""
        self._offset = 0
        self._is_complete = False

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, none at the end.

        Raises:
            EOFError: the archive is damaged, or its end is missing.
        """
        if size < 0:
            raise ValueError("the size of a read is limited")
        if self._offset >= len(self._buffer) and not self._is_complete:
            self._buffer, self._offset = self._read_chunk(), 0
        data = self._buffer[self._offset : self._offset + size]
        self._offset += len(data)
        return data

    def _read_chunk(self) -> bytes:
        from cryptography.exceptions import InvalidTag

        chunk, self._next_chunk = self._next_chunk, self._source.read(CHUNK_SIZE + _TAG_SIZE)
        self._is_complete = not self._next_chunk
        try:
            return self._cipher.decrypt(chunk, is_last=self._is_complete)
        except InvalidTag as error:
            raise EOFError("a chunk is damaged or missing") from error
