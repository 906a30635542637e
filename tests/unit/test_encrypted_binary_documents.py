"""Documents before 2007 that are encrypted with RC4: default passwords open them, others are reported."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import encrypted_binary_documents as encrypted
from extraction_helpers import extract_documents
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.interfaces import Document

Extract = Callable[..., list[Document]]
_EXCEL, _POWERPOINT = "VelvetSweatshop", "/01Hannes Ruescher/01"
METHODS = (encrypted.binary, encrypted.crypto_api, encrypted.crypto_api_40)


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    """Return a function that extracts documents like a worker, but in this process."""
    return partial(extract_documents, tmp_path)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("make", "password", "begin", "end"),
    [
        (encrypted.xls, _EXCEL, "Sheet: First\n| Row 0 |", "\n| Row 199 |"),
        (encrypted.doc, _EXCEL, "Grüße – 日本", "end"),
        (encrypted.ppt, _POWERPOINT, "Slide 1:\nTitle\nBody Ω", "box"),
    ],
)
def test_default_passwords_open_old_documents(
    extract: Extract,
    make: Callable[[encrypted.Method, str], bytes],
    password: str,
    begin: str,
    end: str,
    method: encrypted.Method,
) -> None:
    (document,) = extract("a.bin", make(method, password))
    assert document.text.startswith(begin) and document.text.endswith(end)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [encrypted.xls, encrypted.doc, encrypted.ppt])
def test_old_documents_with_another_password_say_so(
    extract: Extract, make: Callable[[encrypted.Method, str], bytes], method: encrypted.Method
) -> None:
    with pytest.raises(JobFailed, match=r"This \w+ is protected by a password. Upload it without one."):
        extract("a.bin", make(method, "secret"))


def test_the_default_password_opens_obfuscated_workbooks(extract: Extract) -> None:
    (document,) = extract("a.xls", encrypted.obfuscated_xls())
    assert document.text.startswith("Sheet: First\n| Row 0 |") and document.text.endswith("| Row 199 |")
    with pytest.raises(JobFailed, match=r"This \w+ is protected by a password. Upload it without one."):
        extract("a.xls", encrypted.obfuscated_xls("59b30a9b"))


def test_damaged_encryption_is_reported(extract: Extract) -> None:
    for content in (
        encrypted.xls(lambda password: (b"\1\0", encrypted.binary(password)[1]), _EXCEL),
        encrypted.doc(lambda password: (b"\2\0\2\0" + bytes(60), encrypted.binary(password)[1]), _EXCEL),
        encrypted.ppt(lambda password: (b"\2\0\2\0" + bytes(8), encrypted.binary(password)[1]), _EXCEL),
    ):
        with pytest.raises(JobFailed, match="protected by a password"):
            extract("a.bin", content)
