"""What the operations on workspace models take, and how a model's meta and parameters are checked.

Meta and parameters are open: known fields are checked, others are kept as they come.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from fastback.access.grants import Grant
from fastback.kit.http import Invalid
from fastback.providers.model_rows import META_FIELDS

Fields = dict[str, Any]

_FILE = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_BACKGROUND = re.compile(rf"/api/v1/files/({_FILE})/content")
_USER_PICTURE = re.compile(r"/api/v1/users/[^/?#]+/profile/image")
_OWN_PICTURES = ("", "/user.png", "/favicon.png", "/static/favicon.png")
_CONTROL = re.compile(r"(?!(?:constructor|prototype)\Z)[a-zA-Z][a-zA-Z0-9_-]*")


class ModelForm(Struct):
    id: str
    name: str
    meta: Fields
    params: Fields
    base_model_id: str | UnsetType | None = UNSET
    access_grants: list[Fields] | None = None
    is_active: bool | UnsetType = UNSET
    commit_message: str | None = None


class SyncedModel(Struct):
    """A model of a full copy; what belongs to this installation (its version, its owner) is not taken over."""

    id: str
    user_id: str
    name: str
    params: Fields
    meta: Fields
    is_active: bool
    updated_at: int
    created_at: int
    base_model_id: str | None = None
    access_grants: list[Grant] = []


class SyncForm(Struct):
    models: list[SyncedModel] = []


class ImportForm(Struct):
    models: list[Fields]


class ModelId(Struct):
    id: str


class AccessForm(Struct):
    id: str
    access_grants: list[Fields]
    name: str | None = None


class VersionForm(Struct):
    version_id: str


_FileId = Annotated[str, Meta(pattern=rf"^(?i:{_FILE})$")]


class _Voice(Struct):
    voice: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^\S+$")] | None = None


class _Animation(Struct, forbid_unknown_fields=True):
    file_id: _FileId


class _Gesture(_Animation, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    description: Annotated[str, Meta(min_length=1, max_length=500)]


class _Avatar(Struct, forbid_unknown_fields=True):
    file_id: _FileId
    states: dict[Literal["idle", "listening", "speaking"], _Animation] = {}
    gestures: Annotated[list[_Gesture], Meta(max_length=16)] = []


class _Option(Struct):
    label: Annotated[str, Meta(pattern=r"\S")]
    params: Fields


class _Control(Struct, omit_defaults=True):
    label: Annotated[str, Meta(pattern=r"\S")]
    options: Annotated[dict[str, _Option], Meta(min_length=1)]
    display: Literal["menu", "slider"] = "menu"
    description: str | None = None
    default: str | None = None


def check_id(model_id: str) -> None:
    """Raises: Invalid, for an id that is empty or holds white space."""
    if not model_id or any(char.isspace() for char in model_id):
        pattern = r"^\S+$"
        problem = {
            "type": "string_pattern_mismatch",
            "loc": ["body", "id"],
            "msg": f"String should match pattern '{pattern}'",
            "input": model_id,
            "ctx": {"pattern": pattern},
        }
        raise Invalid([problem])


def _checked(kind: Any, value: Any, *loc: str) -> Any:
    try:
        return msgspec.to_builtins(msgspec.convert(value, kind))
    except msgspec.ValidationError as error:
        raise Invalid.at(["body", *loc], f"Value error, {error}", value=value) from None


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


def background_file(url: Any) -> str | None:
    """The id of the file behind a background picture's address."""
    match = _BACKGROUND.fullmatch(url) if isinstance(url, str) else None
    return match.group(1) if match else None


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


def clean_meta(meta: Fields, *, allowed: frozenset[str], most: int | None) -> Fields:
    """A meta as it is kept: every known field first, checked; `allowed` are the media types of pictures.

    Raises:
        Invalid: a field that no page could use.
    """
    found: Fields = {**{name: meta.get(name) for name in META_FIELDS}, **meta}
    found["profile_image_url"] = _picture(found["profile_image_url"], allowed, most)
    background = found["background_image_url"]
    if background is not None and background_file(background) is None:
        words = "Value error, Invalid background image URL: must reference an internal file."
        raise Invalid.at(["body", "meta", "background_image_url"], words, value=background)
    for name, kind in (
        ("description", str | None),
        ("i18n", Fields | None),
        ("capabilities", Fields | None),
        ("knowledge", list[Any] | None),
    ):
        _checked(kind, found[name], "meta", name)
    if found["knowledge"] is not None:
        found["knowledge"] = [_without_content(item) for item in found["knowledge"]]
    if found["voice"] is not None:
        found["voice"] = _checked(_Voice, found["voice"], "meta", "voice")
    if found["voice_avatar"] is not None:
        found["voice_avatar"] = _avatar(found["voice_avatar"])
    if "tags" in found:
        found["tags"] = tags_of(found["tags"]) if isinstance(found["tags"], list) else []
    found.pop("chat_variables_schema", None)
    return found


def _avatar(value: Any) -> Any:
    if isinstance(value, dict):
        # Settings of earlier releases, which moved by themselves.
        value = {key: one for key, one in value.items() if key not in ("preset", "movement", "mouth", "gaze")}
    found = _checked(_Avatar, value, "meta", "voice_avatar")
    names = {one["name"] for one in found["gestures"]}
    if len(names) < len(found["gestures"]) or not all(one["description"].strip() for one in found["gestures"]):
        words = "Value error, Gestures need unique names and a description."
        raise Invalid.at(["body", "meta", "voice_avatar"], words, value=value)
    return found


def avatar_files(avatar: Any) -> set[str]:
    """The files a voice avatar is made of."""
    if not isinstance(avatar, dict):
        return set()
    parts = [avatar, *(avatar.get("states") or {}).values(), *(avatar.get("gestures") or [])]
    return {str(one["file_id"]) for one in parts if one.get("file_id")}


def clean_params(params: Fields) -> Fields:
    """Parameters as they are kept: controls checked and in front, left out when there are none.

    Raises:
        Invalid: controls a page could not show.
    """
    rest = {key: value for key, value in params.items() if key != "model_controls"}
    controls = params.get("model_controls", {})
    loc = ("params", "model_controls")
    _checked(dict[str, _Control], controls, *loc)
    if not controls:
        return rest
    kept: Fields = {}
    for key, control in controls.items():
        names = [key, *control["options"]]
        if not all(_CONTROL.fullmatch(name) for name in names):
            raise Invalid.at(["body", *loc, key], "Value error, keys start with a letter", value=key)
        if control.get("display") == "slider" and len(control["options"]) < 2:
            raise Invalid.at(["body", *loc, key], "Value error, A slider needs at least two options.", value=control)
        if control.get("default") is not None and control["default"] not in control["options"]:
            words = "Value error, Default must name an approved option."
            raise Invalid.at(["body", *loc, key], words, value=control)
        kept[key] = _control(control)
    return {"model_controls": kept, **rest}


def _control(control: Fields) -> Fields:
    found: Fields = {"display": "slider"} if control.get("display") == "slider" else {}
    found["label"] = control["label"]
    found |= {name: control[name] for name in ("description", "default") if control.get(name) is not None}
    options = {key: {"label": one["label"], "params": one["params"]} for key, one in control["options"].items()}
    return {**found, "options": options}
