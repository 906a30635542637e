"""Encrypt a PDF with RC4 and keys of 40 bits, as the first version of the format's security does; made by the tests."""

from __future__ import annotations

import hashlib
import struct

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

import hostile_files

_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_ID = bytes(range(16))
#: Nobody but the owner may print, change or copy anything.
_PERMISSIONS = -64


def _rc4(key: bytes, content: bytes) -> bytes:
    return Cipher(ARC4(key), None).encryptor().update(content)


def _pad(password: str) -> bytes:
    return (password.encode() + _PADDING)[:32]


def encrypt(text: str, *, owner: str, user: str, security_handler: bytes = b"Standard") -> bytes:
    """Return a PDF of one page with a text that the password of the owner or the user opens."""
    owner_entry = _rc4(hashlib.md5(_pad(owner)).digest()[:5], _pad(user))
    start = _pad(user) + owner_entry + struct.pack("<i", _PERMISSIONS) + _ID
    key = hashlib.md5(start).digest()[:5]
    stream = b"BT /F 12 Tf 50 700 Td (%s) Tj ET" % text.encode()
    encrypted = _rc4(hashlib.md5(key + bytes((4, 0, 0, 0, 0))).digest()[:10], stream)
    content = hostile_files.pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(encrypted), encrypted),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Filter/%s/V 1/R 2/P %d/O<%s>/U<%s>>>"
            % (
                security_handler,
                _PERMISSIONS,
                owner_entry.hex().encode(),
                _rc4(key, _PADDING).hex().encode(),
            ),
        ]
    )
    identifier = _ID.hex().encode()
    return content.replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt 6 0 R/ID[<%s><%s>]" % (identifier, identifier))
