"""From a result of an external database to a text with metadata; the source's fields name the paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.retrieval.interfaces import Metadata


class SearchTarget(msgspec.Struct):
    """The target of a search.

    Attributes:
        connection: as it is stored, with `endpoint`, `auth_config` and `config`.
        collection: its name in the database.
        fields: those of the source: `content_field`, `metadata_field`, `document_id_field`, `vector_field`, …
        knowledge_id, knowledge_name: the knowledge that is searched; they become metadata of the hits.
    """

    connection: dict[str, Any]
    collection: str
    fields: dict[str, Any]
    knowledge_id: str
    knowledge_name: str

    def get_field(self, name: str, default: str) -> str:
        return str(self.fields.get(name) or default)

    @property
    def endpoint(self) -> str:
        return str(self.connection.get("endpoint") or "").rstrip("/")

    @property
    def auth(self) -> dict[str, Any]:
        auth = self.connection.get("auth_config")
        return auth if isinstance(auth, dict) else {}

    @property
    def config(self) -> dict[str, Any]:
        config = self.connection.get("config")
        return config if isinstance(config, dict) else {}

    @property
    def timeout(self) -> float:
        """Return the time limit of the database, in seconds."""
        seconds = self.config.get("timeout")
        return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else 30.0


class ExternalHit(msgspec.Struct):
    """A text that was found; `score` is in the database's own measure."""

    text: str
    metadata: Metadata
    score: float | None


def get_at_path(data: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for part in path.split("."):
        if not isinstance(data, dict):
            return None
        data = data.get(part)
    return data


def build_hit(result: Mapping[str, Any], target: SearchTarget, paths: Mapping[str, str], score: Any) -> ExternalHit:
    """Build a hit from a result; `paths` has the paths of `content`, `metadata` and `document_id`."""
    raw_metadata = get_at_path(result, paths["metadata"])
    metadata: Metadata = (
        dict(raw_metadata)
        if isinstance(raw_metadata, dict)
        else {"external_metadata": raw_metadata}
        if raw_metadata
        else {}
    )
    title, source = get_at_path(result, "title"), get_at_path(result, "source")
    source_name = source or title or metadata.get("source") or metadata.get("name") or target.knowledge_name
    metadata |= {
        "name": title or metadata.get("name") or source_name,
        "source": source_name,
        "url": get_at_path(result, "url"),
        "knowledge_id": target.knowledge_id,
        "knowledge_name": target.knowledge_name,
        "external": True,
    }
    # Its file id is not that of a file here.
    metadata.pop("file_id", None)
    for name, value in (
        ("page", get_at_path(result, "page")),
        ("document_id", get_at_path(result, paths["document_id"])),
    ):
        if value is not None:
            metadata[name] = value
    content = get_at_path(result, paths["content"])
    return ExternalHit(
        "" if content is None else str(content), metadata, score if isinstance(score, int | float) else None
    )
