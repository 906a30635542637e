"""The `Splitter`: little text at once, much of it in a worker process."""

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
from fastback.kit.workers.pool import Limits, Workers
from fastback.retrieval.interfaces import Document, Metadata, RetrievalError, Spooled
from fastback.retrieval.splitting.chunks import Options, Text, by_characters, chunks
from fastback.retrieval.splitting.tokenizer_files import tokenizer_file
from fastback.settings import Settings

#: Characters that are cut at once; a worker takes more.
INLINE = 20_000
LIMITS = Limits(processes=1, seconds=180, memory=1024**3, idle=20, jobs=500, niceness=15)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


class Splitting:
    """Cuts documents as configured."""

    def __init__(self, config: Config, settings: Settings, limits: Limits = LIMITS) -> None:
        self._config = config
        self._settings = settings
        # The library looks there for encodings, and puts there what it fetches.
        cache = settings.tiktoken_cache_dir or str(settings.cache_path / "tiktoken")
        environment = {"TIKTOKEN_CACHE_DIR": str(Path(cache).expanduser())}
        self.workers = Workers("fastback.retrieval.splitting.worker", limits, name="splitting", environment=environment)

    def _options(self) -> Options:
        config = self._config
        splitter = config.text(RAG_TEXT_SPLITTER)
        options = Options(
            splitter=splitter or "character",
            size=_whole(config, RAG_CHUNK_SIZE),
            overlap=_whole(config, RAG_CHUNK_OVERLAP),
            minimum=_whole(config, RAG_CHUNK_MIN_SIZE_TARGET),
            headings=config.flag(RAG_ENABLE_MARKDOWN_HEADER_TEXT_SPLITTER),
            encoding=config.text(RAG_TIKTOKEN_ENCODING_NAME),
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
            return msgspec.structs.replace(options, tokenizer=str(self._tokenizer()))
        return options

    def _tokenizer(self) -> Path:
        """Looked for where embedding models are."""
        settings = self._settings
        hubs = [settings.cache_path / "embedding" / "models"]
        if settings.sentence_transformers_home:
            hubs.insert(0, Path(settings.sentence_transformers_home).expanduser())
        fetched = Path(settings.fastback_cache_dir).expanduser() if settings.fastback_cache_dir else None
        return tokenizer_file(self._config, hubs, fetched)

    async def split(self, documents: Sequence[Document] | Spooled) -> AsyncGenerator[Document, None]:
        """See `contracts.Splitter`."""
        options = self._options()
        if isinstance(documents, Spooled):
            if os.path.getsize(documents.path) > INLINE:
                async for chunk in self._apart(documents.path, options, documents.described):
                    yield chunk
                return
            documents = [Document(text, documents.described(head)) for head, text in spool.read(documents.path)]
        little = sum(len(one.text) for one in documents) + 100 * len(documents) <= INLINE
        if little and options.splitter == "character":
            texts = (Text(number, *_origin(one), one.text) for number, one in enumerate(documents))
            for one in chunks(texts, options, len, by_characters(options)):
                yield _chunk(one.text, documents[one.document].metadata, one.start)
            return
        async with spool.spool() as there:
            known = documents
            await spool.send(there, (([number, *_origin(one)], one.text) for number, one in enumerate(documents)))
            async for chunk in self._apart(there, options, lambda head: known[head[0]].metadata):
                yield chunk

    async def _apart(
        self, path: str, options: Options, metadata: Callable[[Any], Metadata]
    ) -> AsyncGenerator[Document, None]:
        """The chunks of a spool; `metadata` of a document are made of its head."""
        async with spool.spool() as back:
            await self._ask({"options": msgspec.to_builtins(options), "from": path, "to": back})
            current: Metadata = {}
            async for (start, head), text in spool.receive(back):
                if head is not None:
                    current = metadata(head)
                yield _chunk(text, current, start)

    async def _ask(self, job: dict[str, object]) -> None:
        try:
            await self.workers.ask(job)
        except JobFailed as error:
            raise RetrievalError(str(error)) from None
        except WorkerDied as error:
            raise RetrievalError(f"The text cannot be split: {error}.") from None

    async def close(self) -> None:
        await self.workers.close()


def _whole(config: Config, key: ConfigKey) -> int:
    number = config.number(key)
    return int(number if number is not None else config.default(key) or 0)


def _origin(document: Document) -> tuple[str | None, str | None]:
    """What tells whether a document may be put together with its neighbour: its source and its file."""
    return _text(document.metadata.get("source")), _text(document.metadata.get("file_id"))


def _chunk(text: str, metadata: Metadata, start: int) -> Document:
    return Document(text, {**metadata, "start_index": start})
