"""The `Extractor`: the engine that administrators chose where it takes the file, or a process of our own."""

from __future__ import annotations

from pathlib import Path

from fastback.config import Config
from fastback.providers.asking import Asking
from fastback.retrieval.contracts import Document
from fastback.retrieval.extraction.formats.reading import Source
from fastback.retrieval.extraction.local import Local
from fastback.settings import Settings


class Extraction:
    """Makes text out of files."""

    def __init__(self, config: Config, settings: Settings, local: Local) -> None:
        self._config = config
        self._settings = settings
        self._local = local

    def _source(self, path: Path, filename: str, content_type: str | None) -> Source:
        config = self._config
        megabytes = config.number("rag.file.max_size")
        return Source(
            path=str(path),
            filename=filename,
            extension=filename.rsplit(".", 1)[-1].lower(),
            content_type=content_type or "",
            max_size=int(megabytes or 100) * 1024 * 1024,
            pdf_pages=config.text("rag.pdf_loader_mode") != "single",
            pdf_images=config.flag("rag.pdf_extract_images"),
            csv_summary=self._settings.enable_rag_csv_summary,
        )

    async def extract(
        self, path: Path, filename: str, content_type: str | None, *, asking: Asking | None = None
    ) -> list[Document]:
        """See `contracts.Extractor`."""
        return await self._local.extract(self._source(path, filename, content_type))

    async def close(self) -> None:
        await self._local.close()
