"""Count tokens, and split by tokens; runs in worker processes only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.splitting.recursive_splitter import LocatedText, Measure

#: Bytes of UTF-8 that continue a character.
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))

_encodings: dict[str, Any] = {}
_tokenizers: dict[str, Any] = {}


def _load_encoding(name: str) -> Any:
    import tiktoken

    if name not in _encodings:
        try:
            _encodings[name] = tiktoken.get_encoding(name)
        except ValueError:
            names = ", ".join(tiktoken.list_encoding_names())
            raise JobFailed(f"There is no token encoding '{name}'; there are {names}.") from None
        except Exception as error:
            raise JobFailed(
                f"The token encoding '{name}' is not in the cache (TIKTOKEN_CACHE_DIR) and cannot be fetched "
                f"({type(error).__name__}). Let the server reach the internet once, or split by characters."
            ) from None
    return _encodings[name]


def make_encoding_measure(name: str) -> Measure:
    """Return a function that counts the tokens of a text in an encoding.

    Raises:
        JobFailed: the encoding does not exist, or is neither cached nor can be downloaded.
    """
    encoding = _load_encoding(name)
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def make_tokenizer_measure(path: str) -> Measure:
    """Return a function that counts a model's tokens of a text, its marks at the beginning and the end included.

    Raises:
        JobFailed: the file is not a tokenizer.
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
    loaded = _tokenizers[path]
    return lambda text: len(loaded.encode(text).ids)


def split_by_tokens(text: str, name: str, size: int, overlap: int) -> Iterator[LocatedText]:
    """Yield chunks of `size` tokens, each starting with the last `overlap` tokens of the previous one.

    A token may be a part of a character; a chunk that is split there begins or ends with U+FFFD.

    Raises:
        JobFailed: as `make_encoding_measure`; or the overlap is not smaller than the size, and splitting
            would never end.
    """
    encoding = _load_encoding(name)
    if size <= overlap:
        raise JobFailed("tokens_per_chunk must be greater than chunk_overlap")
    tokens = encoding.encode(text, disallowed_special=())
    step = size - overlap
    position = 0  # the number of characters that start in the previous tokens
    for first in range(0, len(tokens), step):
        content = encoding.decode_bytes(tokens[first : first + size])
        if content:
            yield position - (content[0] in _CONTINUATION_BYTES), content.decode("utf-8", "replace")
        if first + size >= len(tokens):
            break
        advanced = content if overlap == 0 else encoding.decode_bytes(tokens[first : first + step])
        position += len(advanced.translate(None, _CONTINUATION_BYTES))
