"""Bodies of requests about workspace models, and the form in which a model's meta and parameters are stored."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from fastback.features.models.normalisation import (
    Avatar,
    Control,
    Fields,
    ModelName,
    Voice,
    strip_legacy_avatar_fields,
    validate_meta_and_params,
)
from fastback.providers.model_store import META_FIELDS

_USER_PICTURE = re.compile(r"/api/v1/users/[^/?#]+/profile/image")
_BUILT_IN_PICTURES = ("", "/user.png", "/favicon.png", "/static/favicon.png")


class ImportForm(Struct):
    models: list[Fields]


class ModelIdForm(Struct):
    id: str


class AccessForm(Struct, kw_only=True):
    id: ModelName
    name: str | None = None
    access_grants: list[Fields]


class RevisionForm(Struct):
    version_id: str


def _validate_picture_url(url: Any, allowed: frozenset[str], max_size: int | None) -> str | None:
    """Return the URL if it may be stored as a picture, else None; data URLs may have `max_size` characters."""
    if not isinstance(url, str):
        return None
    if url in _BUILT_IN_PICTURES or _USER_PICTURE.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme in ("http", "https"):
        return url if host else None
    head, comma, _ = url[:100].partition(",")
    media_type, _, encoding = head.lower().removeprefix("data:").partition(";")
    if comma and encoding == "base64" and head.lower().startswith("data:") and media_type in allowed:
        return None if max_size and len(url) > max_size else url
    return None


def normalise_tags(value: Any) -> list[dict[str, str]]:
    """Return tags in their stored form, `[{"name": …}]`; both texts and objects are accepted."""
    names = [tag.get("name") if isinstance(tag, dict) else tag for tag in value or ()]
    return [{"name": name.strip()} for name in names if isinstance(name, str) and name.strip()]


def _strip_extracted_text(item: Any) -> Any:
    """Return an attached knowledge item without the text extracted from it, which is stored with the file."""
    if not isinstance(item, dict):
        return item
    stripped = dict(item)
    if isinstance(data := stripped.get("data"), dict):
        stripped["data"] = {key: value for key, value in data.items() if key != "content"}
    if isinstance(file := stripped.get("file"), dict) and isinstance(data := file.get("data"), dict):
        stripped["file"] = {**file, "data": {key: value for key, value in data.items() if key != "content"}}
    return stripped


def _fill_defaults(kind: type[Struct], value: Any) -> Any:
    """Return a checked value with the defaults of its type."""
    return msgspec.to_builtins(msgspec.convert(value, kind))


def normalise_meta_and_params(
    meta: Fields, params: Fields, *, allowed: frozenset[str], max_picture_size: int | None
) -> tuple[Fields, Fields]:
    """Return meta and parameters in their stored form.

    `allowed` are the media types that pictures may have, `max_picture_size` limits the length of their data URLs.

    Raises:
        Invalid: a field has an invalid value.
    """
    validate_meta_and_params(meta, params)
    return _normalise_meta(meta, allowed, max_picture_size), _normalise_params(params)


def _normalise_meta(meta: Fields, allowed: frozenset[str], max_picture_size: int | None) -> Fields:
    """Return the meta with every known field, known fields first."""
    normalised: Fields = {**{name: meta.get(name) for name in META_FIELDS}, **meta}
    normalised["profile_image_url"] = _validate_picture_url(normalised["profile_image_url"], allowed, max_picture_size)
    if normalised["knowledge"] is not None:
        normalised["knowledge"] = [_strip_extracted_text(item) for item in normalised["knowledge"]]
    if normalised["voice"] is not None:
        normalised["voice"] = _fill_defaults(Voice, normalised["voice"])
    if normalised["voice_avatar"] is not None:
        normalised["voice_avatar"] = _fill_defaults(Avatar, strip_legacy_avatar_fields(normalised["voice_avatar"]))
    if "tags" in normalised:
        normalised["tags"] = normalise_tags(normalised["tags"]) if isinstance(normalised["tags"], list) else []
    normalised.pop("chat_variables_schema", None)
    return normalised


def _normalise_params(params: Fields) -> Fields:
    """Return the parameters with the controls first; without controls the field is left out."""
    others = {key: value for key, value in params.items() if key != "model_controls"}
    controls = params.get("model_controls")
    if not controls:
        return others
    return {"model_controls": {key: _fill_defaults(Control, control) for key, control in controls.items()}, **others}
