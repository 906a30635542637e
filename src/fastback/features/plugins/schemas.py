"""Bodies of requests about tools and functions."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http import Invalid
from fastback.kit.http.validation import convert_value

Fields = dict[str, Any]


class PluginForm(msgspec.Struct):
    id: str
    name: str
    content: str
    meta: Fields
    commit_message: str | None = None


class RevisionForm(msgspec.Struct):
    version_id: str


class UrlForm(msgspec.Struct):
    url: str


def normalise_meta(meta: Fields, known_fields: dict[str, tuple[Any, Any]], *loc: str | int) -> Fields:
    """Return a meta in its stored form: the known fields first, each with its default, then the others unchanged.

    `known` maps each known field to its type and its default; `loc` is the location of the meta in the body.

    Raises:
        Invalid: a known field has another type.
    """
    problems: list[Fields] = []
    meta_loc = ("body", *loc, "meta")
    checked = {
        name: convert_value(kind, meta[name], (*meta_loc, name), problems) if name in meta else default
        for name, (kind, default) in known_fields.items()
    }
    if problems:
        raise Invalid(problems)
    return {**checked, **{name: value for name, value in meta.items() if name not in known_fields}}
