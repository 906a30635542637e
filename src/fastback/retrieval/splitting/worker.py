"""The worker's side of splitting.

A job is `{"options": …, "from": path, "to": path}`. Rows that come are `([number, source, file_id], text)`, or of one
file all `(metadata, text)`; rows that go are `([where the chunk begins, head], text)`, with the head of its document
where that is another one than before. The answer is how many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.splitting import tokens
from fastback.retrieval.splitting.chunks import Options, Split, Text, by_characters, chunks
from fastback.retrieval.splitting.recursive_splitter import Measure, Recursive


def _ways(options: Options) -> tuple[Measure, Split]:
    """How to measure, and how to cut."""
    if options.splitter == "token":
        measure = tokens.encoding_measure(options.encoding)
        return measure, lambda text: tokens.split(text, options.encoding, options.size, options.overlap)
    if options.splitter == "token_transformers":
        measure = tokens.tokenizer_measure(options.tokenizer)
        return measure, Recursive(options.size, options.overlap, measure).split
    return len, by_characters(options)


def handle(job: dict[str, Any]) -> int:
    options = msgspec.convert(job["options"], Options)
    measure, split = _ways(options)
    count = 0

    def cut() -> Iterator[spool.Row]:
        nonlocal count
        heads: dict[int, Any] = {}

        def texts() -> Iterator[Text]:
            for number, (head, text) in enumerate(spool.read(job["from"])):
                heads[number] = head
                source, file_id = head[1:] if isinstance(head, list) else (None, None)
                yield Text(number, source, file_id, text)

        for chunk in chunks(texts(), options, measure, split):
            count += 1
            yield [chunk.start, heads.pop(chunk.document, None)], chunk.text

    spool.write(job["to"], cut())
    return count
