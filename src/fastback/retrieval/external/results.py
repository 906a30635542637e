"""From what a foreign database found to a text with metadata: where things stand is said by the source's fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.retrieval.interfaces import Metadata


class SearchTarget(msgspec.Struct):
    """What is searched.

    Attributes:
        connection: as it is stored, with `endpoint`, `auth_config` and `config`.
        collection: its name there.
        fields: of the source: `content_field`, `metadata_field`, `document_id_field`, `vector_field`, …
        knowledge_id, knowledge_name: on whose behalf; they go into the metadata.
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
        found = self.connection.get("auth_config")
        return found if isinstance(found, dict) else {}

    @property
    def config(self) -> dict[str, Any]:
        found = self.connection.get("config")
        return found if isinstance(found, dict) else {}

    @property
    def timeout(self) -> float:
        """Seconds that the database may take."""
        wanted = self.config.get("timeout")
        return float(wanted) if isinstance(wanted, int | float) and wanted > 0 else 30.0


class ExternalHit(msgspec.Struct):
    """A text that was found; `score` is in the database's own measure."""

    text: str
    metadata: Metadata
    score: float | None


def get_at_path(data: Any, path: str) -> Any:
    """What lies at a dotted path; None where nothing does."""
    for part in path.split("."):
        if not isinstance(data, dict):
            return None
        data = data.get(part)
    return data


def build_hit(result: Mapping[str, Any], target: SearchTarget, paths: Mapping[str, str], score: Any) -> ExternalHit:
    """Read a result; `paths` says where `content`, `metadata` and `document_id` lie in it."""
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
    # Whatever it is called there, it is no file of ours.
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
