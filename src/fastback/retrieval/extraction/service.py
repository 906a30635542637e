"""The `Extractor`: extract by the configured engine where it accepts the file, else in a worker process."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import aiohttp

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.retrieval import (
    RAG_CONTENT_EXTRACTION_ENGINE,
    RAG_FILE_MAX_SIZE,
    RAG_PDF_EXTRACT_IMAGES,
    RAG_PDF_LOADER_MODE,
)
from fastback.kit.workers import spool
from fastback.providers.request_context import RequestContext
from fastback.retrieval.extraction.engines.engine_client import EngineCall, EngineError
from fastback.retrieval.extraction.engines.registry import ENGINES
from fastback.retrieval.extraction.extraction_pool import ExtractionPool
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, SourceFile, too_much_text
from fastback.retrieval.interfaces import Document, RetrievalError
from fastback.settings import Settings

log = logging.getLogger("fastback.extraction")

#: Files that are archives: their unpacked size is checked before an engine opens them.
_ARCHIVE_EXTENSIONS = ("docx", "epub", "odt", "pptx", "xlsx")
_ARCHIVE_TYPES = (
    "application/epub+zip",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
)


class ConfiguredExtractor:
    """Extract text from files, as configured."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        permissions: Permissions,
        pool: ExtractionPool,
    ) -> None:
        self._config = config
        self._settings = settings
        self._client = client
        self._permissions = permissions
        self._warned_about_ocr = False
        self._pool = pool

    def _describe_source(self, path: Path, filename: str, content_type: str | None) -> SourceFile:
        config = self._config
        megabytes = config.get_number(RAG_FILE_MAX_SIZE)
        return SourceFile(
            path=str(path),
            filename=filename,
            extension=filename.rsplit(".", 1)[-1].lower(),
            content_type=content_type or "",
            max_size=int(megabytes or 100) * 1024 * 1024,
            pdf_pages=config.get_text(RAG_PDF_LOADER_MODE) != "single",
            pdf_images=config.get_bool(RAG_PDF_EXTRACT_IMAGES),
            ocr=self._settings.rapidocr_params,
            csv_summary=self._settings.enable_rag_csv_summary,
        )

    async def extract(
        self, path: Path, filename: str, content_type: str | None, *, ctx: RequestContext | None = None
    ) -> list[Document]:
        """See `interfaces.Extractor`."""
        async with spool.create_spool_file() as spool_path:
            await self.spool(path, filename, content_type, spool_path, ctx=ctx)
            return [Document(text, metadata) async for metadata, text in spool.receive_rows(spool_path)]

    async def spool(
        self, path: Path, filename: str, content_type: str | None, into: str, *, ctx: RequestContext | None = None
    ) -> None:
        """See `interfaces.Extractor`."""
        source = self._describe_source(path, filename, content_type)
        if source.pdf_images and not self._warned_about_ocr and importlib.util.find_spec("rapidocr") is None:
            self._warned_about_ocr = True
            log.warning("images in PDFs are skipped: RapidOCR is not installed (the extra `ocr`)")
        if not self._config.get_text(RAG_CONTENT_EXTRACTION_ENGINE):
            await self._pool.extract_to_spool(source, into)
        else:
            await self._extract_by_engine(source, into, ctx)

    async def _extract_by_engine(self, source: SourceFile, spool_path: str, ctx: RequestContext | None) -> None:
        call = EngineCall(
            source,
            config=self._config,
            settings=self._settings,
            client=self._client,
            permissions=self._permissions,
            pool=self._pool,
            ctx=ctx,
        )
        engine = ENGINES.get(self._config.get_text(RAG_CONTENT_EXTRACTION_ENGINE))
        if engine is None or not engine.accepts_file(call):
            await self._pool.extract_to_spool(source, spool_path)
            return
        if source.extension in _ARCHIVE_EXTENSIONS or source.content_type in _ARCHIVE_TYPES:
            await self._pool.check_archive_size(source)
        try:
            documents: list[Document] = await engine.extract_documents(call)
        except EngineError as error:  # a response that the engine's module did not expect
            raise RetrievalError(f"The document engine failed: {error.reason}") from error
        finally:
            call.close()
        if sum(len(document.text) for document in documents) > MAX_TEXT:
            raise RetrievalError(str(too_much_text()))
        await self._pool.repair_documents(documents, spool_path)

    async def close(self) -> None:
        """Stop the workers."""
        await self._pool.close()
