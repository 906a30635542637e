"""Whole completions that are large are read in a worker process: decoding holds the event loop as long as it takes."""

from __future__ import annotations

import msgspec

from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.providers.completion import Completion, parse_completion
from fastback.providers.response_body import MAX_ANSWER_BYTES, Body

#: Memory and time of a process, for a body that consists of small values throughout.
_LIMITS = Limits(processes=1, seconds=30, memory=2**30, largest_reply=2 * MAX_ANSWER_BYTES, niceness=5)


class CompletionParser:
    """Parse bodies of whole completions, small ones at once."""

    def __init__(self) -> None:
        self.workers = WorkerPool("fastback.providers.completion_worker", _LIMITS, name="completions")

    async def parse(self, body: Body, protocol: str, model_id: str) -> Completion:
        """Return the completion in a body.

        Raises:
            ValueError: the body is neither JSON nor a stream of it, or cannot be decoded within the limits.
        """
        if body.path is None:
            return parse_completion(body.content, protocol, model_id)
        try:
            result = await self.workers.run_job([str(body.path), protocol, model_id])
        except (JobFailed, WorkerDied) as error:
            raise ValueError(str(error)) from None
        return msgspec.convert(result, Completion)
