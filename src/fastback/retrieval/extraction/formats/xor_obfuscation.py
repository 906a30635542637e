"""XOR obfuscation of .xls workbooks ([MS-OFFCRYPTO] 2.3.7) with the default password, `VelvetSweatshop`.

The values are what the password yields: a byte for each of sixteen positions, and the end of the record that describes
the obfuscation, by which the password is recognised.
"""

from __future__ import annotations

VERIFIER = bytes.fromhex("59b30a9a")
_VALUES = bytes.fromhex("876b9ae21ee305621e699660986e9404")
_COUNT = len(_VALUES)


def _rotate(value: int) -> int:
    """Return a byte whose bits are rotated by three to the left."""
    return (value << 3 | value >> 5) & 0xFF


_TABLES = tuple(bytes(_rotate(byte ^ value) for byte in range(256)) for value in _VALUES)


def decrypt(content: bytes, offset: int) -> bytes:
    """Return the content of a record, which begins at an offset of the stream."""
    decrypted = bytearray(content)
    first = offset + len(content)
    for index in range(min(_COUNT, len(content))):
        decrypted[index::_COUNT] = content[index::_COUNT].translate(_TABLES[(first + index) % _COUNT])
    return bytes(decrypted)
