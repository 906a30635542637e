"""Search in a PostgreSQL database with the extension pgvector."""

from __future__ import annotations

import re

import msgspec

from fastback.kit.db import DatabaseError
from fastback.kit.json_decoding import decode_json
from fastback.retrieval.external.results import ExternalHit, SearchTarget, build_hit
from fastback.retrieval.interfaces import RetrievalError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATHS = {"content": "content", "metadata": "metadata", "document_id": "id"}


def _quote_name(name: str, label: str) -> str:
    """Return a name in quotes.

    Raises:
        RetrievalError: it is not a plain name.
    """
    if not _NAME.fullmatch(name):
        raise RetrievalError(f"Invalid {label}")
    return f'"{name}"'


def build_statement(target: SearchTarget) -> str:
    """Build the search of a table; its parameters are the vector, the collection and the limit.

    Raises:
        RetrievalError: a configured name is invalid.
    """
    table = ".".join(
        _quote_name(part, "table name") for part in target.get_field("table_name", "document_chunk").split(".")
    )
    names = {
        "id": _quote_name(target.get_field("document_id_field", "id"), "document id field"),
        "content": _quote_name(target.get_field("content_field", "text"), "content field"),
        "metadata": _quote_name(target.get_field("metadata_field", "vmetadata"), "metadata field"),
    }
    vector = _quote_name(target.get_field("vector_field", "vector"), "vector field")
    collection = _quote_name(target.get_field("collection_field", "collection_name"), "collection field")
    columns = ", ".join(f"{column} AS {name}" for name, column in names.items())
    return f"""SELECT {columns}, {vector} <=> $1::text::vector AS distance FROM {table}
        WHERE {collection} = $2 ORDER BY distance ASC LIMIT $3"""


async def search_rows(target: SearchTarget, vector: list[float], limit: int) -> list[ExternalHit]:
    """Return the rows nearest to a vector.

    Raises:
        RetrievalError: the request failed.
    """
    from fastback.kit.db.postgres import fetch_once  # its driver is seldom needed

    text = build_statement(target)
    vector_text = "[" + ",".join(repr(number) for number in vector) + "]"
    try:
        rows = await fetch_once(target.endpoint, text, [vector_text, target.collection, limit], timeout=target.timeout)
    except DatabaseError as error:
        raise RetrievalError(f"The external database cannot be asked: {error}") from error
    results = []
    for result in rows:
        if isinstance(result["metadata"], str):
            try:
                result["metadata"] = decode_json(result["metadata"])
            except msgspec.DecodeError:
                pass
        results.append(build_hit(result, target, _PATHS, result["distance"]))
    return results
