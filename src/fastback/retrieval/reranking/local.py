"""Reranking with a model on this machine, in a worker process that ends when it is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.retrieval.embedding.local import ENVIRONMENT
from fastback.retrieval.interfaces import RetrievalError

_LIMITS = Limits(processes=1, seconds=120, idle=180, jobs=100_000, niceness=5)
#: Pairs of a job, at most: jobs of other questions run in between.
_PAIRS_PER_JOB = 8
#: A model whose architecture is not what its files say; it needs a library of its own.
_COLBERT = "jinaai/jina-colbert-v2"


class LocalReranker:
    """The worker process; `find` locates a model, `sigmoid` maps scores to the range from 0 to 1."""

    def __init__(self, find: Callable[[str], Path | None], *, sigmoid: bool, limits: Limits = _LIMITS) -> None:
        self.workers = WorkerPool(
            "fastback.retrieval.reranking.worker", limits, name="reranking", environment=ENVIRONMENT
        )
        self._find = find
        self._sigmoid = sigmoid

    async def check_model(self, model: str) -> None:
        """Load a model.

        Raises:
            RetrievalError: the model is missing or unusable.
        """
        await self._run_job(model, "", [])

    async def score_texts(self, model: str, query: str, texts: Sequence[str], *, batch: int) -> list[float]:
        """Return a score for each text; at most `batch` are computed at once.

        Raises:
            RetrievalError: the model is missing or unusable.
        """
        size = min(max(batch, 1), _PAIRS_PER_JOB)
        jobs = [
            asyncio.ensure_future(self._run_job(model, query, texts[start : start + size]))
            for start in range(0, len(texts), size)
        ]
        try:
            return [score for batch_scores in await asyncio.gather(*jobs) for score in batch_scores]
        finally:
            for job_task in jobs:
                job_task.cancel()

    async def _run_job(self, model: str, query: str, texts: Sequence[str]) -> list[float]:
        job = {"model": str(self._get_directory(model)), "sigmoid": self._sigmoid, "query": query, "texts": list(texts)}
        try:
            scores: list[float] = await self.workers.run_job(job, urgent=True)
        except JobFailed as error:
            raise RetrievalError(str(error)) from error
        except WorkerDied as error:
            raise RetrievalError(f"The reranking model {model} failed: {error}") from error
        return scores

    def _get_directory(self, model: str) -> Path:
        if _COLBERT in model:
            raise RetrievalError(f"The reranking model {model} cannot be used here: it is no cross-encoder.")
        directory = self._find(model)
        if directory is None:
            raise RetrievalError(
                f"The reranking model {model!r} is not on this machine. Put it into the cache of Hugging Face, set "
                "RAG_RERANKING_MODEL to a directory that holds one, or configure an external reranker."
            )
        return directory

    async def close(self) -> None:
        await self.workers.close()
