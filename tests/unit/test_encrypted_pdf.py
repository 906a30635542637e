"""PDFs with passwords: one that only the owner needs does not hinder reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from encrypted_pdf import encrypt
from extraction_helpers import extract_documents
from fastback.kit.workers.errors import JobFailed


def test_a_password_of_the_owner_does_not_hinder_reading(tmp_path: Path) -> None:
    (document,) = extract_documents(tmp_path, "a.pdf", encrypt("Herons nest here", owner="secret", user=""))
    assert document.text == "Herons nest here"


def test_a_password_of_the_user_is_reported(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"^This PDF is protected by a password. Upload it without one.$"):
        extract_documents(tmp_path, "a.pdf", encrypt("Herons nest here", owner="secret", user="other"))
    content = encrypt("Herons nest here", owner="secret", user="", security_handler=b"Adobe.PubSec")
    with pytest.raises(
        JobFailed, match=r"^This PDF is protected in a way that is not supported. Upload it without protection.$"
    ):
        extract_documents(tmp_path, "a.pdf", content)
