"""Bodies of requests about skills."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class SkillFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A file of a skill: text, or bytes as base64."""

    path: str
    content: str
    encoding: Literal["base64"] | None = None


class FileOperation(msgspec.Struct):
    """An operation on a skill's files: `put` writes `content`, `move` moves a file or folder to `destination`."""

    op: Literal["put", "move", "delete"]
    path: str
    content: str | None = None
    encoding: Literal["base64"] | None = None
    destination: str | None = None


class SkillData(msgspec.Struct, forbid_unknown_fields=True):
    files: list[SkillFile]


class SkillMeta(msgspec.Struct):
    i18n: dict[str, dict[str, str]] | None = None
    tags: list[str] | None = []


class SkillForm(msgspec.Struct):
    id: str
    name: str
    description: str | UnsetType | None = UNSET
    content: str | None = None
    files: list[SkillFile] | None = None
    data: SkillData | None = None
    operations: list[FileOperation] | None = None
    expected_version_id: str | None = None
    commit_message: str | None = None
    meta: SkillMeta | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    access_grants: list[dict[str, Any]] | None = None


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]


class RevisionForm(msgspec.Struct):
    version_id: str
    expected_version_id: str


class CloneForm(msgspec.Struct):
    id: str
    name: str
    version_id: str | None = None
