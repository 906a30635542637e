"""Split texts in a worker process: the worker's side of `service`.

A job is `{"options": …, "from": path, "to": path}`; both paths are spool files. Input rows are
`([number, source, file_id], text)`, or `(metadata, text)` where all are of one file. Output rows are
`([start of the chunk, head], text)`; the head is that of the chunk's document, and None where the previous chunk is of
the same document. The result is the number of chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.kit.workers import spool
from fastback.retrieval.splitting import tokens
from fastback.retrieval.splitting.chunks import (
    SourceText,
    SplitFunction,
    SplitOptions,
    make_character_splitter,
    split_texts,
)
from fastback.retrieval.splitting.recursive_splitter import Measure, RecursiveSplitter


def _choose_methods(options: SplitOptions) -> tuple[Measure, SplitFunction]:
    """Return the functions that measure and split a text."""
    if options.splitter == "token":
        measure = tokens.make_encoding_measure(options.encoding)
        return measure, lambda text: tokens.split_by_tokens(text, options.encoding, options.size, options.overlap)
    if options.splitter == "token_transformers":
        measure = tokens.make_tokenizer_measure(options.tokenizer)
        return measure, RecursiveSplitter(options.size, options.overlap, measure).split_text
    return len, make_character_splitter(options)


def handle(job: dict[str, Any]) -> int:
    """Run one job."""
    options = msgspec.convert(job["options"], SplitOptions)
    measure, split = _choose_methods(options)
    count = 0

    def split_rows() -> Iterator[spool.Row]:
        nonlocal count
        heads: dict[int, Any] = {}

        def read_texts() -> Iterator[SourceText]:
            for number, (head, text) in enumerate(spool.read_rows(job["from"])):
                heads[number] = head
                source, file_id = head[1:] if isinstance(head, list) else (None, None)
                yield SourceText(number, source, file_id, text)

        for chunk in split_texts(read_texts(), options, measure, split):
            count += 1
            yield [chunk.start, heads.pop(chunk.document, None)], chunk.text

    spool.write_rows(job["to"], split_rows())
    return count
