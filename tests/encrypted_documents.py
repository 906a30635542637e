"""Encrypt Office documents with a password, as Office does; made by the tests."""

from __future__ import annotations

import base64
import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import sample_documents

_SALT, _KEY = bytes(range(16)), bytes(range(32))


def _pad(content: bytes) -> bytes:
    return content + bytes(-len(content) % 16)


def _encrypt(key: bytes, content: bytes, vector: bytes | None) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector) if vector else modes.ECB()).encryptor()
    return encryptor.update(_pad(content)) + encryptor.finalize()


def _hash_password(algorithm: str, password: str, rounds: int) -> bytes:
    digest = hashlib.new(algorithm, _SALT + password.encode("utf-16-le")).digest()
    for number in range(rounds):
        digest = hashlib.new(algorithm, struct.pack("<I", number) + digest).digest()
    return digest


def _make_container(info: bytes, package: bytes, size: int) -> bytes:
    return sample_documents.compound({"EncryptionInfo": info, "EncryptedPackage": struct.pack("<Q", size) + package})


def encrypt_agile(content: bytes, password: str, *, stated_rounds: int = 100) -> bytes:
    """Encrypt as Office 2010 and later do."""
    digest = _hash_password("sha512", password, 100)

    def encrypt_value(purpose: str, value: bytes) -> str:
        key = hashlib.sha512(digest + bytes.fromhex(purpose)).digest()[:32]
        return base64.b64encode(_encrypt(key, value, _SALT)).decode()

    common = (
        f'saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" '
        f'cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue="{base64.b64encode(_SALT).decode()}"'
    )
    info = (
        f'<encryption xmlns="urn:e" xmlns:p="urn:p"><keyData {common}/><keyEncryptors><keyEncryptor>'
        f'<p:encryptedKey spinCount="{stated_rounds}" {common}'
        f' encryptedVerifierHashInput="{encrypt_value("fea7d2763b4b9e79", _SALT)}"'
        f' encryptedVerifierHashValue="{encrypt_value("d7aa0f6d3061344e", hashlib.sha512(_SALT).digest())}"'
        f' encryptedKeyValue="{encrypt_value("146e0be7abacd0d6", _KEY)}"/></keyEncryptor></keyEncryptors></encryption>'
    )
    package = b"".join(
        _encrypt(_KEY, content[start : start + 4096], hashlib.sha512(_SALT + struct.pack("<I", number)).digest()[:16])
        for number, start in enumerate(range(0, len(content), 4096))
    )
    return _make_container(struct.pack("<HHI", 4, 4, 0x40) + info.encode(), package, len(content))


def encrypt_standard(content: bytes, password: str) -> bytes:
    """Encrypt as Office 2007 does."""
    digest = hashlib.sha1(_hash_password("sha1", password, 50_000) + bytes(4)).digest()
    key = hashlib.sha1(bytes(byte ^ 0x36 for byte in digest.ljust(64, b"\0"))).digest()[:16]
    header = struct.pack("<8I", 0x24, 0, 0x660E, 0x8004, 128, 0x18, 0, 0) + "AES\0".encode("utf-16-le")
    verifier = struct.pack("<I", 16) + _SALT + _encrypt(key, _KEY[:16], None) + struct.pack("<I", 20)
    verifier += _encrypt(key, hashlib.sha1(_KEY[:16]).digest(), None)
    info = struct.pack("<HHII", 3, 2, 0x24, len(header)) + header + verifier
    return _make_container(info, _encrypt(key, content, None), len(content))
