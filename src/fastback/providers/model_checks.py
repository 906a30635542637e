"""Check what others say about models part by part: an odd part is left out, so that no model takes the others away.

Model servers add fields of their own to their lists, and rows of `model` and arenas have JSON of users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.providers.model_store import ModelRow

Fields = dict[str, Any]

#: Longest id and name of a server's model (characters), largest field (bytes of JSON), most levels of any field.
MAX_NAME_LENGTH, _MAX_FIELD_SIZE, _MAX_DEPTH = 1000, 256 * 1024, 50

#: The types of fields that the server or a page relies on; any other field may have any type.
_ENTRY_TYPES = {"name": str, "info": dict, "tags": list, "pipeline": dict, "loaded_instances": list}
_INFO_TYPES = {"meta": dict, "params": dict}
_PARAM_TYPES = {"system": str, "model_controls": dict, "custom_params": dict}
_META_TYPES = {
    "description": str,
    "profile_image_url": str,
    "background_image_url": str,
    "filter_mode": str,
    "capabilities": dict,
    "i18n": dict,
    "tags": list,
    "knowledge": list,
    "access_grants": list,
    "model_ids": list,
    "toolIds": list,
    "skillIds": list,
    "filterIds": list,
    "actionIds": list,
    "defaultFilterIds": list,
    "defaultFeatureIds": list,
    "suggestion_prompts": list,
}


def clean_entry(entry: Fields) -> Fields:
    """Return the entry of a server's list without its odd parts."""
    content = msgspec.json.encode(entry)
    if len(content) > _MAX_FIELD_SIZE or content.count(b"[") + content.count(b"{") > _MAX_DEPTH:
        entry = {name: value for name, value in entry.items() if _is_plain(value) and _is_small(value)}
    cleaned = _select_valid(entry, _ENTRY_TYPES)
    if len(cleaned.get("name") or "") > MAX_NAME_LENGTH:
        del cleaned["name"]
    info = cleaned.get("info")
    if info is not None:
        cleaned["info"] = info = _select_valid(info, _INFO_TYPES)
        if info.get("meta") is not None:
            info["meta"] = _select_valid(info["meta"], _META_TYPES)
    return cleaned


def clean_meta(meta: Any) -> Fields:
    """Return the metadata of a model without its odd parts."""
    return _select_plain(meta, _META_TYPES) if isinstance(meta, dict) else {}


def clean_row(row: ModelRow) -> ModelRow:
    """Return the row of a model without the odd parts of its JSON."""
    params = _select_plain(row.params, _PARAM_TYPES) if row.params else {}
    if params.get("model_controls"):
        params["model_controls"] = _clean_controls(params["model_controls"])
    return msgspec.structs.replace(row, params=params, meta=clean_meta(row.meta))


def _clean_controls(controls: Fields) -> Fields:
    """Return the controls of a model; each has options, and its default is one of them."""
    cleaned: Fields = {}
    for key, control in controls.items():
        if isinstance(control, dict) and isinstance(control.get("options"), dict):
            options = {
                name: _select_valid(option, {"params": dict})
                for name, option in control["options"].items()
                if isinstance(option, dict)
            }
            cleaned[key] = {**control, "options": options}
            default = control.get("default")
            if default is not None and not (isinstance(default, str) and default in options):
                del cleaned[key]["default"]
    return cleaned


def _select_plain(fields: Fields, types: Mapping[str, type]) -> Fields:
    return {name: value for name, value in _select_valid(fields, types).items() if _is_plain(value)}


def _select_valid(fields: Fields, types: Mapping[str, type]) -> Fields:
    """Return the fields that are null or have the type of their name."""
    return {
        name: value for name, value in fields.items() if value is None or isinstance(value, types.get(name, object))
    }


def _is_small(value: Any) -> bool:
    return len(msgspec.json.encode(value)) <= _MAX_FIELD_SIZE


def _is_plain(value: Any, levels: int = _MAX_DEPTH) -> bool:
    """Return whether a value has no more than so many levels."""
    if isinstance(value, dict):
        return levels > 0 and all(_is_plain(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_is_plain(item, levels - 1) for item in value)
    return True
