"""Request bodies of the routes of memories."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["user", "context"]
Kinds = Literal["user", "context", "all"]


class AddForm(msgspec.Struct):
    content: str
    type: Kind = "context"
    path: str | None = None


class ChangeForm(msgspec.Struct):
    content: str | None = None
    type: Kind | None = None
    path: str | None = None


class Operation(msgspec.Struct):
    action: Literal["add", "replace", "remove", "move"]
    id: str | None = None
    content: str | None = None
    type: Kind | None = None
    path: str | None = None


class OperationsForm(msgspec.Struct):
    operations: list[Operation]
    source: Literal["tool", "background_review"] | None = None


class QueryForm(msgspec.Struct):
    content: str
    k: int | None = 1


class SearchForm(msgspec.Struct):
    query: str | None = None
    type: Kinds = "all"
    path: str | None = None
    memory_id: str | None = None
    limit: int = 20


class PathsForm(msgspec.Struct):
    query: str | None = None
    type: Kinds = "all"
    limit: int = 100


class PathForm(msgspec.Struct):
    path: str
    type: Kinds = "all"
    include_children: bool = True
    limit: int = 50
