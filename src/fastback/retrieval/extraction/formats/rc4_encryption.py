"""RC4 encryption of Office documents before 2007, with keys of 40 to 128 bits ([MS-OFFCRYPTO] 2.3.5 and 2.3.6).

A document is divided into blocks, each of which has a key of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Sequence

#: Return the key of a block, by its number.
GetKey = Callable[[int], bytes]
_BINARY_VERSION = (1, 1)
#: The minor version of the other kind, whose major version says which Office wrote the document.
_CRYPTO_API_VERSION = 2
_RC4_ALGORITHM = 0x6801


def apply_rc4(key: bytes, content: bytes) -> bytes:
    """Encrypt or decrypt with RC4, which are the same."""
    # Few files are encrypted; a worker for the others does without 7 MB.
    from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
    from cryptography.hazmat.primitives.ciphers import Cipher

    return Cipher(ARC4(key), None).decryptor().update(content)


def apply_rc4_to_blocks(get_key: GetKey, content: bytes, block_size: int) -> bytes:
    """Encrypt or decrypt content that is divided into blocks."""
    return b"".join(
        apply_rc4(get_key(number), content[start : start + block_size])
        for number, start in enumerate(range(0, len(content), block_size))
    )


def make_binary_key(salt: bytes, password: str) -> GetKey:
    """Return the keys of Office 97 and 2000, which have 40 bits."""
    start = hashlib.md5(password.encode("utf-16-le")).digest()[:5]
    middle = hashlib.md5((start + salt) * 16).digest()[:5]
    return lambda number: hashlib.md5(middle + struct.pack("<I", number)).digest()


def make_crypto_api_key(salt: bytes, password: str, bits: int) -> GetKey:
    """Return the keys of Office XP and 2003, which have 40 to 128 bits."""
    start = hashlib.sha1(salt + password.encode("utf-16-le")).digest()

    def get_key(number: int) -> bytes:
        key = hashlib.sha1(start + struct.pack("<I", number)).digest()[: bits // 8]
        return key.ljust(16, b"\0") if bits == 40 else key

    return get_key


def _is_key(get_key: GetKey, verifier: bytes, digest: bytes, algorithm: str) -> bool:
    decrypted = apply_rc4(get_key(0), verifier + digest)
    return hmac.compare_digest(hashlib.new(algorithm, decrypted[:16]).digest(), decrypted[16:])


def find_key(header: bytes, passwords: Sequence[str]) -> GetKey | None:
    """Return the keys of a document for the first password that fits; None where none does.

    `header` begins with the version of the encryption. Raises: struct.error, where it is damaged.
    """
    major, minor = struct.unpack_from("<HH", header)
    if (major, minor) == _BINARY_VERSION:
        salt, verifier, digest = struct.unpack_from("<16s16s16s", header, 4)
        candidates = (make_binary_key(salt, password) for password in passwords)
        return next((get_key for get_key in candidates if _is_key(get_key, verifier, digest, "md5")), None)
    if minor != _CRYPTO_API_VERSION:
        return None
    (header_size,) = struct.unpack_from("<I", header, 8)
    algorithm, _, bits = struct.unpack_from("<III", header, 12 + 8)
    if algorithm not in (0, _RC4_ALGORITHM) or bits % 8 or bits > 128:
        return None
    _, salt, verifier, _, digest = struct.unpack_from("<I16s16sI20s", header, 12 + header_size)
    candidates = (make_crypto_api_key(salt, password, bits or 40) for password in passwords)
    return next((get_key for get_key in candidates if _is_key(get_key, verifier, digest, "sha1")), None)
