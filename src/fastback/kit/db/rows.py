"""Convert rows of columns to structs, by position, with a reader that is compiled once for each struct.

The type of a field decides how its column is converted: `bool` (SQLite stores 0 and 1), `msgspec.Raw` (a JSON column
that is sent as it is stored), any `dict`, `list` or struct type (a JSON column, decoded), `date`; other values stay as
the driver returns them.
"""

from __future__ import annotations

import datetime
import logging
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

log = logging.getLogger("fastback.db")

R = TypeVar("R")

_NULL = msgspec.Raw(b"null")


def _to_raw_json(value: Any) -> msgspec.Raw:
    if value is None:
        return _NULL
    return msgspec.Raw(_to_json_text(value).encode())


def _to_json_text(value: Any) -> str:
    """Return the JSON of a column: for a number in a JSON column SQLite returns the number itself."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _to_date(value: Any) -> datetime.date | None:
    if value is None or isinstance(value, datetime.date):
        return value
    return datetime.date.fromisoformat(str(value)[:10])


def _make_json_decoder(kind: Any) -> Callable[[Any], Any]:
    decoder = msgspec.json.Decoder(kind)

    def decode(value: Any) -> Any:
        return decoder.decode(_to_json_text(value))

    return decode


def _strip_optional(kind: Any) -> tuple[Any, bool]:
    """Return the type without `None`, and whether `None` is part of it."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        optional = len(members) < len(typing.get_args(kind))
        return (members[0] if len(members) == 1 else typing.Union[tuple(members)]), optional  # noqa: UP007
    return kind, False


def _find_converter(kind: Any) -> Callable[[Any], Any] | None:
    bare, _ = _strip_optional(kind)
    if bare is bool:
        return bool
    if bare is msgspec.Raw:
        return _to_raw_json
    if bare is datetime.date:
        return _to_date
    origin = typing.get_origin(bare) or bare
    if typing.get_origin(bare) in (typing.Union, types.UnionType):
        return _make_json_decoder(kind)
    if isinstance(origin, type) and (issubclass(origin, (dict, list, msgspec.Struct))):
        return _make_json_decoder(kind)
    return None


_readers: dict[tuple[Any, int], Callable[[Sequence[Any]], Any]] = {}


def read_row(kind: type[R], row: Sequence[Any]) -> R:
    """Return a row as a `kind`. Columns have the order of its fields; fields without a column keep their defaults.

    Where `kind` is not a struct (`str`, `int`, …), return the first column.

    Raises:
        msgspec.DecodeError: the JSON of a column is invalid, or not of its field's type.
    """
    return _get_reader(kind, len(row))(row)  # type: ignore[no-any-return]


def read_rows(kind: type[R], rows: Sequence[Sequence[Any]]) -> list[R]:
    """Return each row as a `kind`, as `read_row`; a row with invalid JSON is skipped, so that others can be read."""
    if not rows:
        return []
    read = _get_reader(kind, len(rows[0]))
    try:
        return [read(row) for row in rows]
    except (msgspec.DecodeError, RecursionError):
        return list(_read_valid_rows(kind, read, rows))


def _read_valid_rows(kind: type[R], read: Callable[[Sequence[Any]], Any], rows: Sequence[Sequence[Any]]) -> Iterator[R]:
    for row in rows:
        try:
            yield read(row)
        except (msgspec.DecodeError, RecursionError) as error:
            log.warning("row %.80r skipped, its JSON is invalid for %s: %s", row[0], kind.__name__, error)


def _get_reader(kind: Any, width: int) -> Callable[[Sequence[Any]], Any]:
    key = (kind, width)
    read = _readers.get(key)
    if read is None:
        read = _readers[key] = _build_reader(kind, width)
    return read


def _build_reader(kind: Any, width: int) -> Callable[[Sequence[Any]], Any]:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        convert = _find_converter(kind)
        if convert is None:
            return lambda row: row[0]
        convert_value = convert
        return lambda row: None if row[0] is None else convert_value(row[0])
    hints = typing.get_type_hints(kind, include_extras=False)
    scope: dict[str, Any] = {"kind": kind}
    arguments: list[str] = []
    for index, field in enumerate(msgspec.structs.fields(kind)[:width]):
        convert = _find_converter(hints[field.name])
        value = f"row[{index}]"
        if convert is not None:
            scope[f"c{index}"] = convert
            bare, optional = _strip_optional(hints[field.name])
            if bare is msgspec.Raw and not optional:
                value = f"c{index}({value})"  # SQL NULL goes out as JSON null
            else:
                value = f"(None if {value} is None else c{index}({value}))"
        arguments.append(f"{field.name}={value}")
    source = f"def read(row):\n    return kind({', '.join(arguments)})\n"
    exec(source, scope)
    return typing.cast(Callable[[Sequence[Any]], Any], scope["read"])
