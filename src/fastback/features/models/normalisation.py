"""Workspace models as requests send them: check the fields that have a fixed shape, and report all problems at once.

Meta and parameters are open: known fields are checked, unknown fields are kept unchanged.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from fastback.access.grants import Grant
from fastback.kit.http.coercion import Loc, Problem, make_problem
from fastback.kit.http.errors import Invalid
from fastback.kit.http.validation import convert_value

Fields = dict[str, Any]

_BACKGROUND_URL = re.compile(r"/api/v1/files/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/content")
#: Fields of voice avatars in earlier releases, in which avatars moved by themselves.
_LEGACY_AVATAR_FIELDS = ("preset", "movement", "mouth", "gaze")

ModelName = Annotated[str, Meta(pattern=r"^\S+$")]
_FileId = Annotated[str, Meta(pattern=r"^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$")]
_ControlKey = Annotated[str, Meta(pattern=r"^(?!(?:constructor|prototype)\Z)[a-zA-Z][a-zA-Z0-9_-]*\Z")]
_NonBlankText = Annotated[str, Meta(pattern=r"\S")]


class Voice(Struct):
    voice: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^\S+$")] | None = None


class _Animation(Struct, forbid_unknown_fields=True):
    file_id: _FileId


class _Gesture(_Animation, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    description: Annotated[str, Meta(min_length=1, max_length=500)]


class Avatar(Struct, forbid_unknown_fields=True):
    file_id: _FileId
    states: dict[Literal["idle", "listening", "speaking"], _Animation] = {}
    gestures: Annotated[list[_Gesture], Meta(max_length=16)] = []


class _Option(Struct):
    label: _NonBlankText
    params: Fields


class Control(Struct, omit_defaults=True, kw_only=True):
    display: Literal["menu", "slider"] = "menu"
    label: _NonBlankText
    description: str | None = None
    default: str | None = None
    options: Annotated[dict[_ControlKey, _Option], Meta(min_length=1)]


class _Meta(Struct):
    background_image_url: Any = None
    description: str | None = None
    i18n: Fields | None = None
    capabilities: Fields | None = None
    knowledge: list[Any] | None = None
    voice: Voice | None = None
    voice_avatar: Avatar | None = None


class _Params(Struct):
    model_controls: dict[_ControlKey, Control] = {}


class _SentModel(Struct, kw_only=True):
    commit_message: str | None = None
    id: ModelName
    base_model_id: str | None = None
    name: str
    meta: _Meta
    params: _Params
    access_grants: list[Fields] | None = None
    is_active: bool = True


class ModelForm(Struct):
    """A model as a request sends it; UNSET marks a field that the request does not mention."""

    id: str
    name: str
    meta: Fields
    params: Fields
    base_model_id: str | UnsetType | None = UNSET
    access_grants: list[Fields] | None = None
    is_active: bool | UnsetType = UNSET
    commit_message: str | None = None


class _SentFullModel(Struct, kw_only=True):
    id: ModelName
    user_id: str
    base_model_id: str | None = None
    name: str
    params: _Params
    meta: _Meta
    access_grants: list[Grant] = []
    is_active: bool
    updated_at: int
    created_at: int


class _SentModels(Struct):
    models: list[_SentFullModel] = []


class SyncedModel(Struct):
    """A model of a full synchronisation, without revision and owner: those belong to the other installation."""

    id: str
    name: str
    meta: Fields
    params: Fields
    is_active: bool
    base_model_id: str | None = None
    access_grants: list[Grant] = []


def parse_model_form(data: Any) -> ModelForm:
    """Return the model in a body.

    Raises:
        Invalid: the body has problems; it lists all of them.
    """
    problems: list[Problem] = []
    checked = convert_value(_SentModel, _strip_legacy_fields(data), ("body",), problems)
    if checked is not None:
        _check_field_rules(checked, data, ("body",), problems)
    if problems:
        raise Invalid(problems)
    return msgspec.convert(_merge_checked(checked, data), ModelForm)


def parse_synced_models(data: Any) -> list[SyncedModel]:
    """Return the models in the body of a full synchronisation.

    Raises:
        Invalid: the body has problems; it lists all of them.
    """
    if isinstance(data, dict) and isinstance(data.get("models"), list):
        data = {**data, "models": [_strip_legacy_fields(model) for model in data["models"]]}
    problems: list[Problem] = []
    checked = convert_value(_SentModels, data, ("body",), problems)
    models = (checked or {}).get("models") or []
    for index, model in enumerate(models):
        if model is not None:
            _check_field_rules(model, data["models"][index], ("body", "models", index), problems)
    if problems:
        raise Invalid(problems)
    return [
        msgspec.convert(_merge_checked(model, sent), SyncedModel)
        for model, sent in zip(models, data.get("models") or (), strict=True)
    ]


def validate_meta_and_params(meta: Fields, params: Fields) -> None:
    """Raise Invalid with all problems of a model's meta and parameters."""
    data = _strip_legacy_fields({"meta": meta, "params": params})
    problems: list[Problem] = []
    checked = {
        "meta": convert_value(_Meta, data["meta"], ("body", "meta"), problems),
        "params": convert_value(_Params, data["params"], ("body", "params"), problems),
    }
    _check_field_rules(checked, data, ("body",), problems)
    if problems:
        raise Invalid(problems)


def _merge_checked(checked: Fields, sent: Fields) -> Fields:
    """Return what was sent, with the checked fields in their checked form."""
    parts = {name: {**sent[name], **checked[name]} for name in ("meta", "params")}
    return {**checked, **parts}


def strip_legacy_avatar_fields(avatar: Any) -> Any:
    """Return a voice avatar without the fields of earlier releases."""
    if not isinstance(avatar, dict):
        return avatar
    return {key: value for key, value in avatar.items() if key not in _LEGACY_AVATAR_FIELDS}


def _strip_legacy_fields(model: Any) -> Any:
    """Return a model whose voice avatar has no fields of earlier releases."""
    meta = model.get("meta") if isinstance(model, dict) else None
    if not isinstance(meta, dict) or not isinstance(meta.get("voice_avatar"), dict):
        return model
    return {**model, "meta": {**meta, "voice_avatar": strip_legacy_avatar_fields(meta["voice_avatar"])}}


def find_background_file_id(url: Any) -> str | None:
    """Return the id of the file in the URL of a background image; None for any other URL."""
    match = _BACKGROUND_URL.fullmatch(url) if isinstance(url, str) else None
    return match.group(1) if match else None


def _check_field_rules(checked: Fields, sent: Any, loc: Loc, problems: list[Problem]) -> None:
    """Add the problems that types cannot express: rules between fields that are valid on their own."""
    meta, params = checked.get("meta") or {}, checked.get("params") or {}
    invalid_locations = {tuple(existing["loc"]) for existing in problems}

    def add_problem(message: str, value: Any, *field: str) -> None:
        field_loc = (*loc, *field)
        if not any(invalid[: len(field_loc)] == field_loc for invalid in invalid_locations):
            problems.append(make_problem("value_error", field_loc, f"Value error, {message}", value, {"error": {}}))

    background = meta.get("background_image_url")
    if background is not None and find_background_file_id(background) is None:
        message = "Invalid image URL."
        if isinstance(background, str):
            message = "Invalid background image URL: must reference an internal file."
        add_problem(message, background, "meta", "background_image_url")
    if (avatar := meta.get("voice_avatar")) is not None and not _has_valid_gestures(avatar.get("gestures") or []):
        sent_avatar = strip_legacy_avatar_fields(sent["meta"]["voice_avatar"])
        add_problem("Gestures need unique names and a description.", sent_avatar, "meta", "voice_avatar")
    for key, control in (params.get("model_controls") or {}).items():
        if message := _find_control_problem(control):
            add_problem(message, sent["params"]["model_controls"].get(key), "params", "model_controls", key)


def _has_valid_gestures(gestures: list[Any]) -> bool:
    """Return whether the gestures have unique names and descriptions."""
    if not all(isinstance(gesture, dict) for gesture in gestures):
        return True  # the type check reports this problem
    names = [gesture.get("name") for gesture in gestures]
    has_descriptions = all((gesture.get("description") or "").strip() for gesture in gestures)
    return len(set(names)) == len(names) and has_descriptions


def _find_control_problem(control: Any) -> str:
    """Return the message about an invalid control, or an empty string."""
    options = control.get("options") if isinstance(control, dict) else None
    if not isinstance(options, dict):
        return ""
    if control.get("display") == "slider" and len(options) < 2:
        return "A slider needs at least two options."
    if control.get("default") is not None and control["default"] not in options:
        return "Default must name an approved option."
    return ""
