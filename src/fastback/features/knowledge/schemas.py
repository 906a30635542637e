"""Request bodies of the routes of knowledge."""

from __future__ import annotations

from typing import Any

import msgspec

#: The `parent_id` that keeps a directory at its level.
UNCHANGED_PARENT = "__unset__"


class KnowledgeForm(msgspec.Struct):
    name: str
    description: str
    access_grants: list[dict[str, Any]] | None = None


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]


class FileForm(msgspec.Struct):
    file_id: str
    #: None is the top.
    directory_id: str | None = None


class DirectoryForm(msgspec.Struct):
    name: str
    parent_id: str | None = None


class DirectoryUpdateForm(msgspec.Struct):
    name: str | None = None
    #: None moves the directory to the top.
    parent_id: str | None = UNCHANGED_PARENT


class ManifestEntry(msgspec.Struct):
    """A file of the synced folder: `path` is its directory (`docs/api`, empty at the top)."""

    filename: str
    path: str
    checksum: str
    size: int


class ManifestForm(msgspec.Struct):
    manifest: list[ManifestEntry]


class CleanupForm(msgspec.Struct):
    file_ids: list[str]
    dir_ids: list[str] = []


class ConnectionForm(msgspec.Struct):
    """An external vector database: `qdrant`, `milvus` or `pgvector`."""

    name: str
    provider: str
    endpoint: str
    auth_config: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    capabilities: dict[str, Any] | None = None
    enabled: bool = True


class SourceForm(msgspec.Struct):
    """A collection in an external database, and which of its fields contain what."""

    name: str
    type: str = "collection"
    config: dict[str, Any] | None = None


class RetrieveForm(msgspec.Struct):
    query: str
    source: SourceForm | None = None
    count: int = 5


class SourceTestForm(msgspec.Struct):
    connection: ConnectionForm
    source: SourceForm
    query: str
    connection_id: str | None = None
    count: int = 5


class ExternalKnowledgeForm(msgspec.Struct):
    name: str
    connection_id: str
    source: SourceForm
    description: str = ""
    access_grants: list[dict[str, Any]] | None = None


class ExternalSourceForm(msgspec.Struct):
    name: str
    connection: ConnectionForm
    source: SourceForm
    test_query: str
    description: str = ""
    access_grants: list[dict[str, Any]] | None = None
    test_count: int = 5
