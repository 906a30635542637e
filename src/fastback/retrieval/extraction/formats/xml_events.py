"""XML, walked through without a tree. Entities are refused: documents have none, and bombs are made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat

from fastback.retrieval.extraction.formats.reader import broken

Attributes = dict[str, str]
_PIECE = 1 << 16


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def attribute(attributes: Attributes, name: str) -> str:
    """The value of an attribute, whatever its namespace; empty where it is missing."""
    if name in attributes:
        return attributes[name]
    return next((value for key, value in attributes.items() if _local(key) == name), "")


def _refuse(*_: object) -> None:
    raise broken("XML", "it declares entities, which documents have no use for.")


def walk(
    stream: BinaryIO,
    *,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] = lambda name: None,
    text: Callable[[str], None] = lambda text: None,
) -> None:
    """Tell of each element by its local name, and of texts.

    Raises:
        JobFailed: it is no XML, or declares entities.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.buffer_size = _PIECE
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = lambda name, attributes: start(_local(name), attributes)
    parser.EndElementHandler = lambda name: end(_local(name))
    parser.CharacterDataHandler = text
    try:
        while piece := stream.read(_PIECE):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise broken("XML", error) from None
