"""Counting and cutting by tokens; runs in worker processes only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.splitting.recursive_splitter import Measure, Piece

#: Bytes that go on with a character.
_INSIDE = bytes(range(0x80, 0xC0))

_encodings: dict[str, Any] = {}
_tokenizers: dict[str, Any] = {}


def _encoding(name: str) -> Any:
    import tiktoken

    if name not in _encodings:
        try:
            _encodings[name] = tiktoken.get_encoding(name)
        except ValueError:
            known = ", ".join(tiktoken.list_encoding_names())
            raise JobFailed(f"There is no token encoding '{name}'; there are {known}.") from None
        except Exception as error:
            raise JobFailed(
                f"The token encoding '{name}' is not in the cache (TIKTOKEN_CACHE_DIR) and cannot be fetched "
                f"({type(error).__name__}). Let the server reach the internet once, or split by characters."
            ) from None
    return _encodings[name]


def encoding_measure(name: str) -> Measure:
    """How many tokens of an encoding a text has.

    Raises:
        JobFailed: there is no such encoding, or it is not here and cannot be fetched.
    """
    encoding = _encoding(name)
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def tokenizer_measure(path: str) -> Measure:
    """How many tokens a model makes of a text, its marks at the beginning and the end included.

    Raises:
        JobFailed: the file is no tokenizer.
    """
    from tokenizers import Tokenizer

    if path not in _tokenizers:
        try:
            tokenizer = Tokenizer.from_file(path)
        except Exception as error:
            raise JobFailed(f"The tokenizer file {path} cannot be read: {error}") from None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        _tokenizers[path] = tokenizer
    found = _tokenizers[path]
    return lambda text: len(found.encode(text).ids)


def split(text: str, name: str, size: int, overlap: int) -> Iterator[Piece]:
    """Chunks of so many tokens, each beginning with the last ones of the chunk before it, and where they begin.

    A token may be a part of a character; a chunk that is cut there begins or ends with U+FFFD.

    Raises:
        JobFailed: as `encoding_measure`; chunks that would never end.
    """
    encoding = _encoding(name)
    if size <= overlap:
        raise JobFailed("tokens_per_chunk must be greater than chunk_overlap")
    tokens = encoding.encode(text, disallowed_special=())
    step = size - overlap
    place = 0  # how many characters begin in the tokens before
    for first in range(0, len(tokens), step):
        content = encoding.decode_bytes(tokens[first : first + size])
        if content:
            yield place - (content[0] in _INSIDE), content.decode("utf-8", "replace")
        if first + size >= len(tokens):
            break
        begun = content if overlap == 0 else encoding.decode_bytes(tokens[first : first + step])
        place += len(begun.translate(None, _INSIDE))
