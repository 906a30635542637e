"""Whole completions that are large are read in a worker process: decoding holds the event loop as long as it takes."""

from __future__ import annotations

import asyncio
import codecs
from pathlib import Path
from typing import IO, Any

import msgspec

from fastback.kit.large_json import SLICE_SIZE
from fastback.kit.pacing import let_others_run
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.providers.completion import Completion, parse_completion
from fastback.providers.completion_worker import TEXT_CODE
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
        texts_path = Path(f"{body.path}.texts")
        try:
            result = await self.workers.run_job([str(body.path), str(texts_path), protocol, model_id])
            with texts_path.open("rb") as texts:
                result = await _fill_in_texts(result, texts)
        except (JobFailed, WorkerDied) as error:
            raise ValueError(str(error)) from None
        finally:
            await asyncio.to_thread(texts_path.unlink, missing_ok=True)  # the system takes milliseconds for megabytes
        return msgspec.convert(result, Completion)


async def _fill_in_texts(value: Any, texts: IO[bytes]) -> Any:
    """Return the value with its long texts, which are read in slices between which the event loop runs."""
    if isinstance(value, msgspec.msgpack.Ext) and value.code == TEXT_CODE:
        start, stop = msgspec.msgpack.decode(value.data, type=tuple[int, int])
        texts.seek(start)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        parts: list[str] = []
        while start < stop:
            content = texts.read(min(SLICE_SIZE, stop - start))
            start += len(content)
            parts.append(decoder.decode(content, start >= stop))
            await let_others_run()
        return "".join(parts)
    if isinstance(value, dict):
        return {name: await _fill_in_texts(member, texts) for name, member in value.items()}
    return [await _fill_in_texts(member, texts) for member in value] if isinstance(value, list) else value
