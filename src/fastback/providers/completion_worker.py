"""The worker side of `large_completions`: read a large body from its file.

Long texts do not come back with the completion, as they would be decoded in one call: they are in a file of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import msgspec

from fastback.kit.workers.errors import JobFailed
from fastback.providers.completion import parse_completion

#: Characters of a text that goes into the file, and the code of what replaces it: where it begins and ends there.
LONG_TEXT, TEXT_CODE = 64 * 1024, 1


def handle(job: list[str]) -> Any:
    """Return the completion in a body, as an object.

    The job is the path of its file, the path for the file of long texts, the protocol and the model's id.

    Raises:
        JobFailed: the body is neither JSON nor a stream of it.
    """
    path, texts_path, protocol, model_id = job
    try:
        completion = parse_completion(Path(path).read_bytes(), protocol, model_id)
    except ValueError as error:
        raise JobFailed(str(error)) from None
    completion.body = b""  # what it holds goes back once
    with open(texts_path, "wb") as texts:
        return _take_texts(msgspec.to_builtins(completion), texts)


def _take_texts(value: Any, texts: IO[bytes]) -> Any:
    """Return the value without its long texts, which are written to the file."""
    if isinstance(value, str) and len(value) > LONG_TEXT:
        start = texts.tell()
        texts.write(value.encode("utf-8", "replace"))
        return msgspec.msgpack.Ext(TEXT_CODE, msgspec.msgpack.encode([start, texts.tell()]))
    if isinstance(value, dict):
        return {name: _take_texts(member, texts) for name, member in value.items()}
    return [_take_texts(member, texts) for member in value] if isinstance(value, list) else value
