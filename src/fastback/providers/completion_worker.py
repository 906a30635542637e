"""The worker side of `large_completions`: read a large body."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.workers.errors import JobFailed
from fastback.providers.completion import parse_completion


def handle(job: list[Any]) -> Any:
    """Return the completion in a body, as an object; its own `body` is left out where it is the one that came.

    Raises:
        JobFailed: the body is neither JSON nor a stream of it.
    """
    body, protocol, model_id = job
    try:
        completion = parse_completion(body, protocol, model_id)
    except ValueError as error:
        raise JobFailed(str(error)) from None
    if completion.body == body:
        completion.body = b""
    return msgspec.to_builtins(completion, builtin_types=(bytes,))
