"""Bodies of requests about prompts."""

from __future__ import annotations

from typing import Any

import msgspec


class PromptForm(msgspec.Struct):
    command: str
    name: str
    content: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    tags: list[str] | None = None
    access_grants: list[dict[str, Any]] | None = None
    version_id: str | None = None
    commit_message: str | None = None
    #: Whether the new revision goes into production.
    is_production: bool | None = True


class MetadataForm(msgspec.Struct):
    name: str
    command: str
    tags: list[str] | None = None


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]


class RevisionForm(msgspec.Struct):
    version_id: str
