"""Documents of many kinds through the whole server: upload, extraction in a worker, chunking, embedding, retrieval."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hostile_files
import sample_documents
from conftest import Person, Server
from fastback.kit.workers import pool
from fastback.kit.workers.process import WorkerProcess
from fastback.retrieval.extraction import extraction_pool
from fastback.retrieval.extraction.formats.archive import TOO_LARGE
from fastback.retrieval.interfaces import Extractor
from knowledge_samples import embedding_settings, list_chunks
from upload_samples import FILES, get_file, send_file


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {**embedding_settings(upstream), "PDF_LOADER_MODE": "page"}


async def _upload_and_wait(person: Person, content: bytes, name: str, content_type: str = "") -> dict[str, Any]:
    """Upload a file, wait until it is processed, and return it."""
    file = (await send_file(person, content, name, content_type)).ok()
    await person.get(f"{FILES}/{file['id']}/process/status", stream=True)  # ends with the reading
    record: dict[str, Any] = await get_file(person, file["id"])
    return record


async def test_documents_are_extracted_chunked_and_stored(server: Server, ada: Person) -> None:
    pdf = await _upload_and_wait(
        ada, sample_documents.pdf("Herons stand", "on one leg"), "birds.pdf", "application/pdf"
    )
    assert pdf["data"] == {"status": "completed", "content": "Herons stand on one leg", "error": None}
    pdf_chunks = await list_chunks(server, f"file-{pdf['id']}")
    assert [(chunk.text, chunk.metadata["page"], chunk.metadata["page_label"]) for chunk in pdf_chunks] == [
        ("Herons stand", 0, "i"),
        ("on one leg", 1, "ii"),
    ]
    assert {(chunk.metadata["source"], chunk.metadata["start_index"]) for chunk in pdf_chunks} == {("birds.pdf", 0)}
    document = await _upload_and_wait(ada, sample_documents.docx(), "report.docx")
    assert document["data"]["status"] == "completed" and "# Report" in document["data"]["content"]
    assert any(chunk.text.startswith("# Report") for chunk in await list_chunks(server, f"file-{document['id']}"))


async def test_messages_of_libraries_are_logged_and_not_shown(ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "fastback.workers")
    for name, content, expected, cause in (
        ("a.pdf", b"%PDF-1.7 nothing", "This file cannot be read as a PDF: it is damaged, or no PDF at all.", "PDFium"),
        ("a.docx", b"PK\x03\x04" + bytes(99), "This file cannot be read as a document: it is damaged.", "BadZipFile"),
        (
            "a.epub",
            hostile_files.archive({"META-INF/container.xml": b"<a>"}),
            "This file cannot be read as XML: it is damaged.",
            "ExpatError",
        ),
    ):
        caplog.clear()
        file = await _upload_and_wait(ada, content, name)
        assert file["data"]["status"] == "failed" and file["data"]["error"] == expected
        assert f"a job failed: {expected} (" in caplog.text and cause in caplog.text


async def test_a_pdf_after_other_bytes_is_read(ada: Person) -> None:
    file = await _upload_and_wait(ada, b"@PJL SET A=1\r\n" * 100 + sample_documents.pdf("Herons"), "print.pdf")
    assert file["data"] == {"status": "completed", "content": "Herons", "error": None}


async def test_harmful_files_fail_with_a_reason(server: Server, ada: Person) -> None:
    for name, content, expected in (
        ("bomb.docx", hostile_files.archive({"word/document.xml": bytes(30_000_000)}), TOO_LARGE),
        ("no.pdf", b"%PDF-1.7 nothing", "This file cannot be read as a PDF: it is damaged, or no PDF at all."),
    ):
        file = await _upload_and_wait(ada, content, name)
        assert file["data"]["status"] == "failed" and expected in file["data"]["error"]
    corner = await _upload_and_wait(ada, hostile_files.xlsx(hostile_files.FAR_CORNER), "corner.xlsx")
    assert corner["data"]["status"] == "completed"
    assert (await _upload_and_wait(ada, b"still there", "a.txt", "text/plain"))["data"]["content"] == "still there"


@pytest.mark.parametrize("kills", [1, 2])
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_document_whose_worker_was_killed_from_outside_is_read_once_more(
    ada: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kills: int, signal_number: int
) -> None:
    """The system kills processes where memory is short; the document itself may be sound."""
    killed: list[int] = []
    run_job = WorkerProcess.run_job

    async def run_and_kill(worker: WorkerProcess, content: bytearray) -> Any:
        if len(killed) < kills:
            killed.append(worker.process.pid)
            os.kill(worker.process.pid, signal_number)
        return await run_job(worker, content)

    monkeypatch.setattr(WorkerProcess, "run_job", run_and_kill)
    monkeypatch.setattr(pool, "RETRY_PAUSE_SECONDS", 0.05)
    file = await _upload_and_wait(ada, sample_documents.docx(), "report.docx")
    assert len(set(killed)) == kills
    assert f"extraction: its process was killed (signal {signal_number:d}), retrying the job" in caplog.text
    if kills == 1:
        assert file["data"]["status"] == "completed" and "# Report" in file["data"]["content"]
    else:
        assert file["data"]["status"] == "failed"
        assert "the process that read it was killed twice" in file["data"]["error"]
        assert "damaged" not in file["data"]["error"]


_SLOW_READER = """
import time

def handle(job):
    if job["source"]["filename"] == "endless.txt":
        while True: pass
    time.sleep(60)
"""


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_document_that_takes_too_long_fails_with_a_reason(
    server: Server, ada: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_reader.py").write_text(_SLOW_READER)
    workers = server.services.get(Extractor)._pool.workers
    python_path = os.pathsep.join([str(tmp_path), workers._environment.get("PYTHONPATH", "")])
    monkeypatch.setattr(workers, "_module", "slow_reader")
    monkeypatch.setitem(workers._environment, "PYTHONPATH", python_path)
    for name, limits, expected in (
        ("endless.txt", {"cpu_seconds": 1}, "it took longer than 1 seconds"),
        ("sleeping.txt", {"seconds": 0.5}, "it took longer than 0.5 seconds"),
    ):
        monkeypatch.setattr(workers, "_limits", msgspec.structs.replace(extraction_pool.LIMITS, **limits))
        file = await _upload_and_wait(ada, b"text", name, "text/plain")
        assert file["data"]["status"] == "failed" and expected in file["data"]["error"]
