"""The base of the models that plugins get records as."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict

from fastback.plugin_host.awaited_or_not import AwaitableValue


class Record(AwaitableValue, BaseModel):
    """A record, or a form of one. It may be awaited, which gives the record itself."""

    model_config = ConfigDict(from_attributes=True)


class OpenRecord(Record):
    """A record that keeps fields which it does not define."""

    model_config = ConfigDict(from_attributes=True, extra="allow")


def decode_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the server with its columns of JSON decoded; these are bytes."""
    return {
        name: msgspec.json.decode(value) if isinstance(value, bytes) else value
        for name, value in row.items()
        if value is not None
    }


def dump_form(form: Any, **options: Any) -> dict[str, Any]:
    """Return the fields of a form: a model or a dictionary."""
    if hasattr(form, "model_dump"):
        fields: dict[str, Any] = form.model_dump(mode="json", **options)
        return fields
    return dict(form)
