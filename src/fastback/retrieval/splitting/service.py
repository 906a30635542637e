"""The `Splitter`: little text at once, much of it in a worker process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from fastback import messages
from fastback.config import Config
from fastback.kit.workers import spool
from fastback.kit.workers.failures import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, Workers
from fastback.retrieval.contracts import Document, RetrievalError
from fastback.retrieval.splitting.chunks import Chunk, Options, Text, by_characters, chunks
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
        splitter = config.text("rag.text_splitter")
        options = Options(
            splitter=splitter or "character",
            size=_whole(config, "rag.chunk_size"),
            overlap=_whole(config, "rag.chunk_overlap"),
            minimum=_whole(config, "rag.chunk_min_size_target"),
            headings=config.flag("rag.enable_markdown_header_text_splitter"),
            encoding=config.text("rag.tiktoken_encoding_name"),
        )
        if options.splitter not in ("character", "token", "token_transformers"):
            raise RetrievalError(messages.default("Invalid text splitter"))
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

    async def split(self, documents: Sequence[Document]) -> list[Document]:
        """See `contracts.Splitter`."""
        options = self._options()
        little = sum(len(one.text) for one in documents) + 100 * len(documents) <= INLINE
        if little and options.splitter == "character":
            texts = (
                Text(number, _text(one.metadata.get("source")), _text(one.metadata.get("file_id")), one.text)
                for number, one in enumerate(documents)
            )
            return _documents(documents, chunks(texts, options, len, by_characters(options)))
        async with spool.spool() as there, spool.spool() as back:
            rows = (
                ([_text(one.metadata.get("source")), _text(one.metadata.get("file_id"))], one.text) for one in documents
            )
            await spool.send(there, rows)
            await self._ask({"options": msgspec.to_builtins(options), "from": there, "to": back})
            found: list[Document] = []
            async for (number, start), text in spool.receive(back):
                found += _documents(documents, [Chunk(number, start, text)])
            return found

    async def _ask(self, job: dict[str, object]) -> None:
        try:
            await self.workers.ask(job)
        except JobFailed as error:
            raise RetrievalError(str(error)) from None
        except WorkerDied as error:
            raise RetrievalError(f"The text cannot be split: {error}.") from None

    async def close(self) -> None:
        await self.workers.close()


def _whole(config: Config, key: str) -> int:
    number = config.number(key)
    return int(number if number is not None else config.default(key) or 0)


def _documents(documents: Sequence[Document], found: Iterable[Chunk]) -> list[Document]:
    return [Document(one.text, {**documents[one.document].metadata, "start_index": one.start}) for one in found]
