"""The `data` of stored messages: files, the output of models, the content of apps; and the webhook in their `meta`."""

from __future__ import annotations

from typing import Any

import msgspec

_Object = dict[str, msgspec.Raw]
_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
#: Bytes of the longest JSON that may be empty: null, false, 0.0, "", [], {}.
_MAX_EMPTY = 16


class _WebhookReference(msgspec.Struct):
    id: Any = None


class _MessageMeta(msgspec.Struct):
    webhook: _WebhookReference | None = None
    model_id: Any = None
    done: Any = None


_META_DECODER = msgspec.json.Decoder(_MessageMeta)


def find_object(value: msgspec.Raw) -> _Object | None:
    """Return the fields of a JSON object, undecoded; None for any other value."""
    if not bytes(value).startswith(b"{"):
        return None
    try:
        return _DECODER.decode(value)
    except msgspec.MsgspecError:
        return None


def _is_filled(value: msgspec.Raw) -> bool:
    """Return whether a JSON value is neither null, false, zero nor empty."""
    return len(value) > _MAX_EMPTY or bool(msgspec.json.decode(value))


def summarize_data(data: msgspec.Raw, app_id: str | None) -> Any:
    """Return `data` as lists show it: whether it holds anything. That of apps is their message, and stays."""
    fields = find_object(data)
    if fields is None:
        return False
    return data if app_id else any(map(_is_filled, fields.values()))


def summarize_quoted_data(data: msgspec.Raw) -> Any:
    """Return `data` as a quoted message shows it: whether it holds anything, or the cards of an app."""
    fields = find_object(data)
    if fields is None:
        return False
    app = find_object(fields["app"]) if "app" in fields else None
    if app is not None and "embeds" in app and _is_filled(app["embeds"]):
        return {"app": {"embeds": app["embeds"]}}
    return any(map(_is_filled, fields.values()))


def find_webhook_id(meta: msgspec.Raw) -> str | None:
    """Return the id of the webhook that posted a message; None for other messages."""
    webhook = _read_meta(meta).webhook if b'"webhook"' in bytes(meta) else None
    return webhook.id if webhook is not None and isinstance(webhook.id, str) and webhook.id else None


def find_model_id(meta: msgspec.Raw) -> str | None:
    """Return the id of the model that wrote a message; None for other messages."""
    model_id = _read_meta(meta).model_id if b'"model_id"' in bytes(meta) else None
    return model_id if isinstance(model_id, str) and model_id else None


def is_unfinished_answer(meta: msgspec.Raw) -> bool:
    """Return whether a model still writes a message."""
    if b'"model_id"' not in bytes(meta):
        return False
    fields = _read_meta(meta)
    return bool(fields.model_id) and not fields.done


def _read_meta(meta: msgspec.Raw) -> _MessageMeta:
    try:
        return _META_DECODER.decode(meta)
    except msgspec.MsgspecError:
        return _MessageMeta()


def list_file_ids(data: dict[str, Any] | None) -> list[str]:
    """Return the ids of the files in the `data` of a message."""
    files = (data or {}).get("files")
    if not isinstance(files, list):
        return []
    ids = (file.get("id") for file in files if isinstance(file, dict))
    return [file_id for file_id in ids if isinstance(file_id, str) and file_id]
