"""Documents that are encrypted with a default password, which Office opens without asking for one."""

from __future__ import annotations

import pytest

import sample_documents
from conftest import Person
from encrypted_documents import encrypt_agile, encrypt_standard
from knowledge_samples import embedding_settings
from upload_samples import FILES, get_file, send_file

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
_EXCEL, _POWERPOINT = "VelvetSweatshop", "/01Hannes Ruescher/01"


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


async def test_default_passwords_are_used_and_others_refused(ada: Person) -> None:
    book, slides = sample_documents.xlsx(), sample_documents.pptx()
    agile = encrypt_agile(book, _EXCEL)
    refused = "This file is protected by a password. Upload it without one."
    for name, content, expected in (
        ("agile.xlsx", agile, "Ada"),
        ("standard.xlsx", encrypt_standard(book, _EXCEL), "Ada"),
        ("slides.pptx", encrypt_agile(slides, _POWERPOINT), "Slide 1:"),
        ("own.xlsx", encrypt_agile(book, "secret"), refused),
        ("slow.xlsx", encrypt_agile(book, _EXCEL, stated_rounds=2_000_000_000), refused),
        ("invalid.xlsx", agile.replace(b'hashAlgorithm="SHA512"', b'hashAlgorithm="ROT512"'), refused),
        ("keyless.xlsx", agile.replace(b"keyData", b"keyNone"), refused),
    ):
        file = (await send_file(ada, content, name, "")).ok()
        await ada.get(f"{FILES}/{file['id']}/process/status", stream=True)  # ends with the reading
        data = (await get_file(ada, file["id"]))["data"]
        text = data["error"] if expected == refused else data["content"]
        assert expected in text, name
        assert data["status"] == ("failed" if expected == refused else "completed")
