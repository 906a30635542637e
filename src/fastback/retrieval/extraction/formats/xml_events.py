"""Parse XML by events, without building a tree. Entities are refused: documents do not use them, "XML bombs" do."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat

from fastback.retrieval.extraction.formats.reader import unreadable_file

Attributes = dict[str, str]
_CHUNK_SIZE = 1 << 16
_MAX_NAMES = 1000
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _LocalNames(dict[str, str]):
    """Names without their namespace, by the whole name; a document has few of them, and asks for each often."""

    def __missing__(self, name: str) -> str:
        local_name = _strip_namespace(name)
        if len(self) < _MAX_NAMES:
            self[name] = local_name
        return local_name


def _strip_namespace(name: str) -> str:
    return name.rpartition(" ")[2]


def get_attribute(attributes: Attributes, name: str) -> str:
    """Return the value of an attribute in any namespace; empty where it is missing."""
    if name in attributes:
        return attributes[name]
    return next((value for key, value in attributes.items() if _strip_namespace(key) == name), "")


def _refuse_entities(*_: object) -> None:
    raise unreadable_file("XML", "it declares entities, which documents have no use for.")


def parse_xml(
    stream: BinaryIO,
    *,
    on_start: Callable[[str, Attributes], None],
    on_end: Callable[[str], None] = lambda name: None,
    on_text: Callable[[str], None] = lambda text: None,
) -> None:
    """Call `on_start` and `on_end` with the local name of each element, and `on_text` with each text.

    Raises:
        JobFailed: the document is invalid XML, or declares entities.
    """
    names = _LocalNames()
    chunk = stream.read(_CHUNK_SIZE)
    # Programs that convert a document to UTF-16 may leave the declaration of another encoding in it.
    parser = expat.ParserCreate("utf-16" if chunk.startswith(_UTF_16_MARKS) else None, namespace_separator=" ")
    parser.buffer_text = True
    parser.buffer_size = _CHUNK_SIZE
    parser.EntityDeclHandler = _refuse_entities
    parser.StartElementHandler = lambda name, attributes: on_start(names[name], attributes)
    parser.EndElementHandler = lambda name: on_end(names[name])
    parser.CharacterDataHandler = on_text
    try:
        while chunk:
            parser.Parse(chunk, False)
            chunk = stream.read(_CHUNK_SIZE)
        parser.Parse(b"", True)
    except LookupError as error:
        if type(error) is not LookupError:  # of a callback
            raise
        raise unreadable_file("XML", "its encoding is unknown.") from error
    except expat.ExpatError as error:
        raise unreadable_file("XML", "it is damaged.") from error
