"""Documents of many kinds through the whole server: uploaded, read in a worker, cut, embedded, found again."""

from __future__ import annotations

from typing import Any

import pytest

import hostile_files
import sample_documents
from conftest import Person, Server
from fastback.retrieval.extraction.formats.archive import TOO_LARGE
from knowledge_samples import embedding_settings, list_chunks
from upload_samples import FILES, get_file, send_file


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {**embedding_settings(upstream), "PDF_LOADER_MODE": "page"}


async def _uploaded(person: Person, content: bytes, name: str, content_type: str = "") -> dict[str, Any]:
    file = (await send_file(person, content, name, content_type)).ok()
    await person.get(f"{FILES}/{file['id']}/process/status", stream=True)  # ends with the reading
    found: dict[str, Any] = await get_file(person, file["id"])
    return found


async def test_documents_are_read_cut_and_kept(server: Server, ada: Person) -> None:
    pdf = await _uploaded(ada, sample_documents.pdf("Herons stand", "on one leg"), "birds.pdf", "application/pdf")
    assert pdf["data"] == {"status": "completed", "content": "Herons stand on one leg", "error": None}
    found = await list_chunks(server, f"file-{pdf['id']}")
    assert [(one.text, one.metadata["page"], one.metadata["page_label"]) for one in found] == [
        ("Herons stand", 0, "i"),
        ("on one leg", 1, "ii"),
    ]
    assert {(one.metadata["source"], one.metadata["start_index"]) for one in found} == {("birds.pdf", 0)}
    document = await _uploaded(ada, sample_documents.docx(), "report.docx")
    assert document["data"]["status"] == "completed" and "# Report" in document["data"]["content"]
    assert any(one.text.startswith("# Report") for one in await list_chunks(server, f"file-{document['id']}"))


async def test_whoever_sends_harm_reads_why(server: Server, ada: Person) -> None:
    for name, content, words in (
        ("bomb.docx", hostile_files.archive({"word/document.xml": bytes(30_000_000)}), TOO_LARGE),
        ("no.pdf", b"%PDF-1.7 nothing", "This file cannot be read as a PDF: it is damaged, or no PDF at all."),
        (
            "corner.xlsx",
            hostile_files.xlsx(hostile_files.FAR_CORNER),
            "it needs more memory than is allowed, or it is damaged",
        ),
    ):
        file = await _uploaded(ada, content, name)
        assert file["data"]["status"] == "failed" and words in file["data"]["error"]
    assert (await _uploaded(ada, b"still there", "a.txt", "text/plain"))["data"]["content"] == "still there"
