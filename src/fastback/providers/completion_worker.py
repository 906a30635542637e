"""The worker side of `large_completions`: read a large body from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.workers.errors import JobFailed
from fastback.providers.completion import parse_completion


def handle(job: list[str]) -> Any:
    """Return the completion in a body, as an object. The job is the path of its file, the protocol and the model's id.

    Raises:
        JobFailed: the body is neither JSON nor a stream of it.
    """
    path, protocol, model_id = job
    try:
        completion = parse_completion(Path(path).read_bytes(), protocol, model_id)
    except ValueError as error:
        raise JobFailed(str(error)) from None
    completion.body = b""  # what it holds goes back once
    return msgspec.to_builtins(completion)
