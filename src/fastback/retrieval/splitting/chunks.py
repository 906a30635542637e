"""From texts to chunks: headings first, small sections put together, then by size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from fastback.retrieval.splitting import markdown
from fastback.retrieval.splitting.recursive_splitter import Measure, Piece, Recursive


class Options(msgspec.Struct, frozen=True):
    """How texts are cut.

    Attributes:
        splitter: `character`, `token` or `token_transformers`.
        minimum: length that sections are put together to; 0 for never.
        tokenizer: the file of a model's tokenizer.
    """

    splitter: str = "character"
    size: int = 1000
    overlap: int = 100
    minimum: int = 0
    headings: bool = True
    encoding: str = "cl100k_base"
    tokenizer: str = ""


class Text(NamedTuple):
    """A text to cut: which document it is of, and what tells whether it may be put together with its neighbour."""

    document: int
    source: str | None
    file_id: str | None
    text: str


class Chunk(NamedTuple):
    """A chunk: which document it is of, where it begins (-1 where that is not known), its text."""

    document: int
    start: int
    text: str


Split = Callable[[str], Iterable[Piece]]


def chunks(texts: Iterable[Text], options: Options, measure: Measure, split: Split) -> Iterator[Chunk]:
    """The chunks of texts, in order."""
    if options.headings:
        texts = (one._replace(text=section) for one in texts for section in markdown.split(one.text))
        if options.minimum > 0:
            texts = merged(texts, options.minimum, options.size, measure)
    for one in texts:
        for start, chunk in split(one.text):
            yield Chunk(one.document, start, chunk)


def by_characters(options: Options) -> Split:
    return Recursive(options.size, options.overlap).split


def _belong(one: Text, other: Text) -> bool:
    if one.source != other.source:
        return False
    return one.file_id is None or other.file_id is None or one.file_id == other.file_id


def merged(texts: Iterable[Text], least: int, most: int, measure: Measure) -> Iterator[Text]:
    """Texts shorter than `least` take in their successors, or else go to their predecessor; none gets above `most`."""
    before: Text | None = None
    growing: Text | None = None

    def added(one: Text, other: Text) -> Text | None:
        if not _belong(one, other):
            return None
        both = f"{one.text}\n\n{other.text}"
        return one._replace(text=both) if measure(both) <= most else None

    def settle(done: Text) -> Iterator[Text]:
        nonlocal before
        if before is not None:
            both = added(before, done) if measure(done.text) < least else None
            if both is not None:
                before = both
                return
            yield before
        before = done

    for text in texts:
        if growing is None:
            growing = text
            continue
        both = added(growing, text) if measure(growing.text) < least else None
        if both is not None:
            growing = both
            continue
        yield from settle(growing)
        growing = text
    if growing is not None:
        yield from settle(growing)
    if before is not None:
        yield before
