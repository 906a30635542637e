"""What the operations on workspace models take, and how a model's meta and parameters are kept."""

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
    check_parts,
    without_legacy_avatar,
)
from fastback.providers.model_rows import META_FIELDS

_USER_PICTURE = re.compile(r"/api/v1/users/[^/?#]+/profile/image")
_OWN_PICTURES = ("", "/user.png", "/favicon.png", "/static/favicon.png")


class ImportForm(Struct):
    models: list[Fields]


class ModelId(Struct):
    id: str


class AccessForm(Struct, kw_only=True):
    id: ModelName
    name: str | None = None
    access_grants: list[Fields]


class VersionForm(Struct):
    version_id: str


def _picture(url: Any, allowed: frozenset[str], most: int | None) -> str | None:
    """A picture's address that may be kept, or None."""
    if not isinstance(url, str):
        return None
    if url in _OWN_PICTURES or _USER_PICTURE.fullmatch(url):
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
        return None if most and len(url) > most else url
    return None


def tags_of(value: Any) -> list[dict[str, str]]:
    """Tags in their one form, `[{"name": …}]`."""
    names = [one.get("name") if isinstance(one, dict) else one for one in value or ()]
    return [{"name": name.strip()} for name in names if isinstance(name, str) and name.strip()]


def _without_content(item: Any) -> Any:
    """An attached piece of knowledge without the text extracted from it, which the file row has."""
    if not isinstance(item, dict):
        return item
    found = dict(item)
    if isinstance(data := found.get("data"), dict):
        found["data"] = {key: value for key, value in data.items() if key != "content"}
    if isinstance(file := found.get("file"), dict) and isinstance(data := file.get("data"), dict):
        found["file"] = {**file, "data": {key: value for key, value in data.items() if key != "content"}}
    return found


def _complete(kind: type[Struct], value: Any) -> Any:
    """A checked value with the defaults of its kind."""
    return msgspec.to_builtins(msgspec.convert(value, kind))


def clean(meta: Fields, params: Fields, *, allowed: frozenset[str], most: int | None) -> tuple[Fields, Fields]:
    """Meta and parameters as they are kept; `allowed` are the media types of pictures, `most` their size in bytes.

    Raises:
        Invalid: a field that no page could use.
    """
    check_parts(meta, params)
    return _meta(meta, allowed, most), _params(params)


def _meta(meta: Fields, allowed: frozenset[str], most: int | None) -> Fields:
    """Every known field first."""
    found: Fields = {**{name: meta.get(name) for name in META_FIELDS}, **meta}
    found["profile_image_url"] = _picture(found["profile_image_url"], allowed, most)
    if found["knowledge"] is not None:
        found["knowledge"] = [_without_content(item) for item in found["knowledge"]]
    if found["voice"] is not None:
        found["voice"] = _complete(Voice, found["voice"])
    if found["voice_avatar"] is not None:
        found["voice_avatar"] = _complete(Avatar, without_legacy_avatar(found["voice_avatar"]))
    if "tags" in found:
        found["tags"] = tags_of(found["tags"]) if isinstance(found["tags"], list) else []
    found.pop("chat_variables_schema", None)
    return found


def avatar_files(avatar: Any) -> set[str]:
    """The files a voice avatar is made of."""
    if not isinstance(avatar, dict):
        return set()
    parts = [avatar, *(avatar.get("states") or {}).values(), *(avatar.get("gestures") or [])]
    return {str(one["file_id"]) for one in parts if one.get("file_id")}


def _params(params: Fields) -> Fields:
    """Controls in front, left out when there are none."""
    rest = {key: value for key, value in params.items() if key != "model_controls"}
    controls = params.get("model_controls")
    if not controls:
        return rest
    return {"model_controls": {key: _complete(Control, one) for key, one in controls.items()}, **rest}
