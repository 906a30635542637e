"""The `Extractor`: the engine that administrators chose where it takes the file, or a process of our own."""

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
from fastback.retrieval.extraction.engines.engine_client import Call, CallFailed
from fastback.retrieval.extraction.engines.registry import ENGINES
from fastback.retrieval.extraction.extraction_pool import Local
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Source, too_much
from fastback.retrieval.interfaces import Document, RetrievalError
from fastback.settings import Settings

log = logging.getLogger("fastback.extraction")

#: What is looked at before an engine opens it.
_ARCHIVES = ("docx", "epub", "odt", "pptx", "xlsx")
_ARCHIVE_TYPES = (
    "application/epub+zip",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
)


class Extraction:
    """Makes text out of files."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        permissions: Permissions,
        local: Local,
    ) -> None:
        self._config = config
        self._settings = settings
        self._client = client
        self._permissions = permissions
        self._warned = False
        self._local = local

    def _source(self, path: Path, filename: str, content_type: str | None) -> Source:
        config = self._config
        megabytes = config.number(RAG_FILE_MAX_SIZE)
        return Source(
            path=str(path),
            filename=filename,
            extension=filename.rsplit(".", 1)[-1].lower(),
            content_type=content_type or "",
            max_size=int(megabytes or 100) * 1024 * 1024,
            pdf_pages=config.text(RAG_PDF_LOADER_MODE) != "single",
            pdf_images=config.flag(RAG_PDF_EXTRACT_IMAGES),
            ocr=self._settings.rapidocr_params,
            csv_summary=self._settings.enable_rag_csv_summary,
        )

    async def extract(
        self, path: Path, filename: str, content_type: str | None, *, ctx: RequestContext | None = None
    ) -> list[Document]:
        """See `contracts.Extractor`."""
        async with spool.spool() as into:
            await self.spool(path, filename, content_type, into, ctx=ctx)
            return [Document(text, metadata) async for metadata, text in spool.receive(into)]

    async def spool(
        self, path: Path, filename: str, content_type: str | None, into: str, *, ctx: RequestContext | None = None
    ) -> None:
        """See `contracts.Extractor`."""
        source = self._source(path, filename, content_type)
        if source.pdf_images and not self._warned and importlib.util.find_spec("rapidocr") is None:
            self._warned = True
            log.warning("pictures in PDFs are not read: RapidOCR is not installed (the extra `ocr`)")
        if not self._config.text(RAG_CONTENT_EXTRACTION_ENGINE):
            await self._local.read(source, into)
        else:
            await self._by_engine(source, into, ctx)

    async def _by_engine(self, source: Source, into: str, ctx: RequestContext | None) -> None:
        call = Call(
            source,
            config=self._config,
            settings=self._settings,
            client=self._client,
            permissions=self._permissions,
            local=self._local,
            ctx=ctx,
        )
        engine = ENGINES.get(self._config.text(RAG_CONTENT_EXTRACTION_ENGINE))
        if engine is None or not engine.accepts(call):
            await self._local.read(source, into)
            return
        if source.extension in _ARCHIVES or source.content_type in _ARCHIVE_TYPES:
            await self._local.check(source)
        try:
            documents: list[Document] = await engine.extract(call)
        except CallFailed as error:  # an answer that makes no sense
            raise RetrievalError(f"The document engine failed: {error.reason}") from error
        finally:
            call.close()
        if sum(len(one.text) for one in documents) > MOST_TEXT:
            raise RetrievalError(str(too_much()))
        await self._local.mend(documents, into)

    async def close(self) -> None:
        await self._local.close()
