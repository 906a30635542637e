"""Split texts into chunks: first at headings, then merge short sections, then by size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from fastback.retrieval.splitting import markdown
from fastback.retrieval.splitting.recursive_splitter import LocatedText, Measure, RecursiveSplitter


class SplitOptions(msgspec.Struct, frozen=True):
    """How texts are split.

    Attributes:
        splitter: `character`, `token` or `token_transformers`.
        minimum: the length below which sections are merged; 0 for no merging.
        tokenizer: the path of a model's tokenizer file.
    """

    splitter: str = "character"
    size: int = 1000
    overlap: int = 100
    minimum: int = 0
    headings: bool = True
    encoding: str = "cl100k_base"
    tokenizer: str = ""


class SourceText(NamedTuple):
    """A text to split: the index, source and file of its document, and the text.

    Only texts of the same source and file are merged; an unknown file counts as the same.
    """

    document: int
    source: str | None
    file_id: str | None
    text: str


class Chunk(NamedTuple):
    """A chunk: the index of its document, its start in the text (-1 where unknown), its text."""

    document: int
    start: int
    text: str


SplitFunction = Callable[[str], Iterable[LocatedText]]


def split_texts(
    texts: Iterable[SourceText], options: SplitOptions, measure: Measure, split: SplitFunction
) -> Iterator[Chunk]:
    """Yield the chunks of the texts, in order."""
    if options.headings:
        texts = (text._replace(text=section) for text in texts for section in markdown.split_sections(text.text))
        if options.minimum > 0:
            texts = merge_short_texts(texts, options.minimum, options.size, measure)
    for text in texts:
        for start, chunk in split(text.text):
            yield Chunk(text.document, start, chunk)


def make_character_splitter(options: SplitOptions) -> SplitFunction:
    """Return a function that splits by characters."""
    return RecursiveSplitter(options.size, options.overlap).split_text


def _may_be_merged(first: SourceText, second: SourceText) -> bool:
    if first.source != second.source:
        return False
    return first.file_id is None or second.file_id is None or first.file_id == second.file_id


def merge_short_texts(
    texts: Iterable[SourceText], min_length: int, max_length: int, measure: Measure
) -> Iterator[SourceText]:
    """Merge texts shorter than `min_length` with their successor, or else their predecessor.

    No merged text is longer than `max_length`; only texts of the same source and file are merged.
    """
    previous: SourceText | None = None
    current: SourceText | None = None

    def try_merge(first: SourceText, second: SourceText) -> SourceText | None:
        if not _may_be_merged(first, second):
            return None
        merged_text = f"{first.text}\n\n{second.text}"
        return first._replace(text=merged_text) if measure(merged_text) <= max_length else None

    def finish_text(finished: SourceText) -> Iterator[SourceText]:
        nonlocal previous
        if previous is not None:
            merged_text = try_merge(previous, finished) if measure(finished.text) < min_length else None
            if merged_text is not None:
                previous = merged_text
                return
            yield previous
        previous = finished

    for text in texts:
        if current is None:
            current = text
            continue
        merged_text = try_merge(current, text) if measure(current.text) < min_length else None
        if merged_text is not None:
            current = merged_text
            continue
        yield from finish_text(current)
        current = text
    if current is not None:
        yield from finish_text(current)
    if previous is not None:
        yield previous
