"""The `Splitter`: split short texts at once, long ones in a worker process."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fastback import messages
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys.retrieval import (
    RAG_CHUNK_MIN_SIZE_TARGET,
    RAG_CHUNK_OVERLAP,
    RAG_CHUNK_SIZE,
    RAG_ENABLE_MARKDOWN_HEADER_TEXT_SPLITTER,
    RAG_TEXT_SPLITTER,
    RAG_TIKTOKEN_ENCODING_NAME,
)
from fastback.kit.workers import spool
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.retrieval.interfaces import Document, Metadata, RetrievalError, SpooledDocuments
from fastback.retrieval.splitting.chunks import SourceText, SplitOptions, make_character_splitter, split_texts
from fastback.retrieval.splitting.tokenizer_files import get_tokenizer_file
from fastback.settings import Settings

#: Characters that are split at once, on the event loop; a worker splits longer texts.
MAX_INLINE_LENGTH = 20_000
LIMITS = Limits(processes=1, seconds=1800, cpu_seconds=180, memory=1024**3, idle=20, jobs=500, niceness=5)


def _to_text(value: object) -> str | None:
    return None if value is None else str(value)


class ConfiguredSplitter:
    """Split documents as configured."""

    def __init__(self, config: Config, settings: Settings, limits: Limits = LIMITS) -> None:
        self._config = config
        self._settings = settings
        # tiktoken reads encodings from this folder, and stores downloaded ones there.
        cache = settings.tiktoken_cache_dir or str(settings.cache_path / "tiktoken")
        environment = {"TIKTOKEN_CACHE_DIR": str(Path(cache).expanduser())}
        self.workers = WorkerPool(
            "fastback.retrieval.splitting.worker", limits, name="splitting", environment=environment
        )

    def _read_options(self) -> SplitOptions:
        config = self._config
        splitter = config.get_text(RAG_TEXT_SPLITTER)
        options = SplitOptions(
            splitter=splitter or "character",
            size=_read_int(config, RAG_CHUNK_SIZE),
            overlap=_read_int(config, RAG_CHUNK_OVERLAP),
            minimum=_read_int(config, RAG_CHUNK_MIN_SIZE_TARGET),
            headings=config.get_bool(RAG_ENABLE_MARKDOWN_HEADER_TEXT_SPLITTER),
            encoding=config.get_text(RAG_TIKTOKEN_ENCODING_NAME),
        )
        if options.splitter not in ("character", "token", "token_transformers"):
            raise RetrievalError(messages.wrap_reason("Invalid text splitter"))
        if options.size <= 0:
            raise RetrievalError(f"chunk_size must be > 0, got {options.size}")
        if options.overlap < 0:
            raise RetrievalError(f"chunk_overlap must be >= 0, got {options.overlap}")
        if options.overlap > options.size:
            raise RetrievalError(
                f"Got a larger chunk overlap ({options.overlap}) than chunk size ({options.size}), should be smaller."
            )
        if options.splitter == "token_transformers":
            return msgspec.structs.replace(options, tokenizer=str(self._get_tokenizer()))
        return options

    def _get_tokenizer(self) -> Path:
        """Return the path of the tokenizer, which is searched for in the caches of embedding models."""
        settings = self._settings
        hubs = [settings.cache_path / "embedding" / "models"]
        if settings.sentence_transformers_home:
            hubs.insert(0, Path(settings.sentence_transformers_home).expanduser())
        own_cache = Path(settings.fastback_cache_dir).expanduser() if settings.fastback_cache_dir else None
        return get_tokenizer_file(self._config, hubs, own_cache)

    async def split(self, documents: Sequence[Document] | SpooledDocuments) -> AsyncGenerator[Document, None]:
        """See `interfaces.Splitter`."""
        options = self._read_options()
        if isinstance(documents, SpooledDocuments):
            if os.path.getsize(documents.path) > MAX_INLINE_LENGTH:
                async for chunk in self._split_in_worker(documents.path, options, documents.build_metadata):
                    yield chunk
                return
            documents = [
                Document(text, documents.build_metadata(head)) for head, text in spool.read_rows(documents.path)
            ]
        is_short = sum(len(item.text) for item in documents) + 100 * len(documents) <= MAX_INLINE_LENGTH
        if is_short and options.splitter == "character":
            texts = (SourceText(number, *_get_origin(item), item.text) for number, item in enumerate(documents))
            for part in split_texts(texts, options, len, make_character_splitter(options)):
                yield _make_chunk(part.text, documents[part.document].metadata, part.start)
            return
        async with spool.create_spool_file() as input_path:
            texts_by_number = documents
            await spool.send_rows(
                input_path, (([number, *_get_origin(item)], item.text) for number, item in enumerate(documents))
            )
            async for chunk in self._split_in_worker(
                input_path, options, lambda head: texts_by_number[head[0]].metadata
            ):
                yield chunk

    async def _split_in_worker(
        self, path: str, options: SplitOptions, metadata: Callable[[Any], Metadata]
    ) -> AsyncGenerator[Document, None]:
        """Yield the chunks of the documents in a spool file. `metadata` makes a document's metadata from its head."""
        async with spool.create_spool_file() as result_path:
            await self._run_job({"options": msgspec.to_builtins(options), "from": path, "to": result_path})
            current: Metadata = {}
            async for (start, head), text in spool.receive_rows(result_path):
                if head is not None:
                    current = metadata(head)
                yield _make_chunk(text, current, start)

    async def _run_job(self, job: dict[str, object]) -> None:
        try:
            await self.workers.run_job(job)
        except JobFailed as error:
            raise RetrievalError(str(error)) from None
        except WorkerDied as error:
            raise RetrievalError(f"The text cannot be split: {error}.") from None

    async def close(self) -> None:
        """Stop the worker."""
        await self.workers.close()


def _read_int(config: Config, key: ConfigKey) -> int:
    number = config.get_number(key)
    return int(number if number is not None else config.get_default(key) or 0)


def _get_origin(document: Document) -> tuple[str | None, str | None]:
    """Return source and file of a document: only documents with equal ones may be merged."""
    return _to_text(document.metadata.get("source")), _to_text(document.metadata.get("file_id"))


def _make_chunk(text: str, metadata: Metadata, start: int) -> Document:
    return Document(text, {**metadata, "start_index": start})
