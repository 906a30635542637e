"""The server's side of extraction in processes of our own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobFailed, WorkerCrashed, WorkerDied
from fastback.kit.workers.pool import Limits, Workers
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Source
from fastback.retrieval.interfaces import Document, RetrievalError

LIMITS = Limits(
    processes=max(2, min(4, (os.cpu_count() or 2) - 1)),
    seconds=120,
    memory=1024**3,
    idle=20,
    jobs=200,
    niceness=15,
)
#: Where pictures are read: slowly, with libraries that map much.
PICTURES = Limits(processes=1, seconds=1800, memory=4 * 1024**3, idle=60, jobs=50, niceness=15)
_WORKER = "fastback.retrieval.extraction.worker"


class Local:
    """Reads files in worker processes."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.workers = Workers(_WORKER, limits, name="extraction")
        self._pictures = Workers(_WORKER, PICTURES, name="reading pictures")

    async def read(self, source: Source, into: str) -> None:
        """Put the documents of a file into a spool.

        Raises:
            RetrievalError: it cannot be read.
        """
        await self._ask(
            {"source": msgspec.to_builtins(source), "spool": into},
            pictures=source.pdf_images and source.extension == "pdf",
        )

    async def check(self, source: Source) -> None:
        """Look at an archive that somebody else will open.

        Raises:
            RetrievalError: it is too large when unpacked.
        """
        await self._ask({"check": msgspec.to_builtins(source)})

    async def markdown(self, path: str, most: int | None) -> str:
        """The Markdown in an archive, of at most so many bytes.

        Raises:
            RetrievalError: there is none, it is too large, or the archive is damaged.
        """
        async with spool.spool() as back:
            await self._ask({"markdown": path, "most": min(most or 4 * MOST_TEXT, 4 * MOST_TEXT), "spool": back})
            return "".join([text async for _, text in spool.receive(back)])

    async def mend(self, documents: Sequence[Document], into: str) -> None:
        """Put documents into a spool, their texts put right.

        Raises:
            RetrievalError: the worker ended over it.
        """
        async with spool.spool() as there:
            await spool.send(there, ((one.metadata, one.text) for one in documents))
            await self._ask({"mend": there, "spool": into})

    async def _ask(self, job: dict[str, Any], *, pictures: bool = False) -> Any:
        try:
            return await (self._pictures if pictures else self.workers).ask(job)
        except JobFailed as error:
            raise RetrievalError(str(error)) from None
        except WorkerCrashed:
            raise RetrievalError(
                "This file cannot be read: it needs more memory than is allowed, or it is damaged."
            ) from None
        except WorkerDied as error:
            raise RetrievalError(f"This file cannot be read: {error}.") from None

    async def close(self) -> None:
        await self.workers.close()
        await self._pictures.close()
