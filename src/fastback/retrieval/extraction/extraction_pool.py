"""Extract text in worker processes: the server's side, which sends jobs to `worker`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobDiskFull, JobErrored, JobFailed, WorkerCrashed, WorkerDied, WorkerKilled
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, SourceFile
from fastback.retrieval.interfaces import Document, RetrievalError

#: A sound file is never refused because the machine is busy: what a file takes is counted in processor time. The clock
#: only ends a job that waits for something that never comes.
LIMITS = Limits(
    processes=max(2, min(4, (os.cpu_count() or 2) - 1)),
    seconds=1800,
    cpu_seconds=120,
    memory=1024**3,
    idle=20,
    jobs=200,
    niceness=5,
)
#: Limits of the workers that run OCR: it is slow, and its libraries map much memory.
OCR_LIMITS = Limits(
    processes=1,
    seconds=4 * 3600,
    cpu_seconds=1800 * (os.cpu_count() or 1),  # its libraries use every processor
    memory=4 * 1024**3,
    idle=60,
    jobs=50,
    niceness=5,
)
_WORKER_MODULE = "fastback.retrieval.extraction.worker"


class ExtractionPool:
    """Run extraction jobs in worker processes."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.workers = WorkerPool(_WORKER_MODULE, limits, name="extraction")
        self._ocr_workers = WorkerPool(_WORKER_MODULE, OCR_LIMITS, name="reading pictures")

    async def extract_to_spool(self, source: SourceFile, spool_path: str) -> None:
        """Extract the text of a file, and write its documents to the spool file `spool_path`.

        Raises:
            RetrievalError: the file cannot be read.
        """
        await self._run_job(
            {"source": msgspec.to_builtins(source), "spool": spool_path},
            ocr=source.pdf_images and source.extension == "pdf",
        )

    async def check_archive_size(self, source: SourceFile) -> None:
        """Check an archive before an external engine opens it.

        Raises:
            RetrievalError: it is too large when unpacked.
        """
        await self._run_job({"check": msgspec.to_builtins(source)})

    async def read_markdown(self, path: str, max_bytes: int | None) -> str:
        """Return the first Markdown file of an archive.

        `max_bytes` limits its size; where it is None, only the upper limit holds.

        Raises:
            RetrievalError: there is no Markdown, it is too large, or the archive is damaged.
        """
        async with spool.create_spool_file() as result_path:
            limit = min(max_bytes or 4 * MAX_TEXT, 4 * MAX_TEXT)
            await self._run_job({"markdown": path, "max_bytes": limit, "spool": result_path})
            return "".join([text async for _, text in spool.receive_rows(result_path)])

    async def repair_documents(self, documents: Sequence[Document], spool_path: str) -> None:
        """Repair the texts of documents, and write the documents to the spool file `spool_path`.

        Raises:
            RetrievalError: the worker died.
        """
        async with spool.create_spool_file() as source_path:
            await spool.send_rows(source_path, ((document.metadata, document.text) for document in documents))
            await self._run_job({"repair": source_path, "spool": spool_path})

    async def _run_job(self, job: dict[str, Any], *, ocr: bool = False) -> Any:
        try:
            return await (self._ocr_workers if ocr else self.workers).run_job(job)
        except JobFailed as error:
            raise RetrievalError(str(error)) from None
        except JobErrored:
            raise RetrievalError(
                "This file cannot be read: it is damaged, or uses its format in a way that is not supported."
            ) from None
        except JobDiskFull as error:
            raise RetrievalError(f"This file was not read: {error}.") from error
        except WorkerCrashed:
            raise RetrievalError(
                "This file cannot be read: it needs more memory than is allowed, or it is damaged."
            ) from None
        except WorkerKilled:
            raise RetrievalError(
                "This file was not read: the process that read it was killed twice; the server may be short of memory."
            ) from None
        except WorkerDied as error:
            raise RetrievalError(f"This file cannot be read: {error}.") from None

    async def close(self) -> None:
        """Stop the workers."""
        await self.workers.close()
        await self._ocr_workers.close()
