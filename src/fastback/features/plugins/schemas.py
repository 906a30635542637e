"""What the operations on tools and functions take."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http import Invalid
from fastback.kit.http.validation import check

Fields = dict[str, Any]


class PluginForm(msgspec.Struct):
    id: str
    name: str
    content: str
    meta: Fields
    commit_message: str | None = None


class VersionForm(msgspec.Struct):
    version_id: str


class UrlForm(msgspec.Struct):
    url: str


def checked_meta(meta: Fields, known: dict[str, tuple[Any, Any]], *loc: str | int) -> Fields:
    """A meta as it is kept: the known fields first, each with its default; others as they come.

    `known` says of each field its type and its default; `loc` is where the meta lies in the body.

    Raises:
        Invalid: a known field of another type.
    """
    problems: list[Fields] = []
    place = ("body", *loc, "meta")
    found = {
        name: check(kind, meta[name], (*place, name), problems) if name in meta else default
        for name, (kind, default) in known.items()
    }
    if problems:
        raise Invalid(problems)
    return {**found, **{name: value for name, value in meta.items() if name not in known}}
