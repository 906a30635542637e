"""JSON against a type, with every problem at once, as pydantic tells them and in its order.

msgspec's decoder is what a request meets first; it stops at its first error and takes no "yes" for true. Where it
refuses a body, the decoded JSON is walked here: values that pydantic's lax mode accepts are converted, everything else
is reported. `check` returns plain dicts and lists, ready for msgspec.

pydantic-core would do the same, but not for refused bodies alone: parameters of every query are read this way, and so
are bodies that keep undeclared fields. It would be in every server: 4 MB, and an import of 24 ms.
"""

from __future__ import annotations

import operator
import re
import types
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from fastback.kit.http.coercion import READERS, Loc, Problem, missing, one_of, problem


class Like(NamedTuple):
    """Makes a body checked as a struct, and handed over whole: `data: Annotated[dict[str, Any], Like(Form)]`.

    For forms that keep fields nobody declared. It counts for a body, not for a field within one.
    """

    form: type[msgspec.Struct]


def likeness(kind: Any) -> Like | None:
    """What a body's type is to be checked as, if anything."""
    return next((one for one in getattr(kind, "__metadata__", ()) if isinstance(one, Like)), None)


_UNIONS = (typing.Union, types.UnionType)
_LISTS = (list, tuple, set, frozenset)


def bare(kind: Any) -> tuple[Any, bool]:
    """The type without `None` and without "left out", and whether None is allowed."""
    if typing.get_origin(kind) in _UNIONS:
        members = typing.get_args(kind)
        rest = tuple(one for one in members if one not in (type(None), msgspec.UnsetType))
        return (rest[0] if len(rest) == 1 else typing.Union[rest]), type(None) in members  # noqa: UP007
    return kind, kind is type(None)


def check(kind: Any, value: Any, loc: Loc, problems: list[Problem]) -> Any:
    """The value as `kind` would have it; what is wrong with it is added to `problems`."""
    kind, nullable = bare(kind)
    if value is None and nullable:
        return None
    reader = READERS.get(kind)
    if reader is not None:
        return reader(value, loc, problems)
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return one_of(typing.get_args(kind))(value, loc, problems)
    if origin in _UNIONS:
        return _check_union(typing.get_args(kind), value, loc, problems)
    if origin is typing.Annotated:
        return _check_annotated(kind, value, loc, problems)
    if (origin or kind) in _LISTS:
        return _check_list(typing.get_args(kind), value, loc, problems)
    if (origin or kind) is dict:
        return _check_dict(typing.get_args(kind), value, loc, problems)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _check_struct(kind, value, loc, problems)
    return value  # Any, raw JSON, and what only msgspec knows


def _check_struct(kind: type[msgspec.Struct], value: Any, loc: Loc, problems: list[Problem]) -> Any:
    if not isinstance(value, dict):
        words = "Input should be a valid dictionary or object to extract fields from"
        problems.append(problem("model_attributes_type", loc, words, value))
        return None
    found: dict[str, Any] = {}
    fields = msgspec.structs.fields(kind)
    for field in fields:
        name = field.encode_name
        if name in value:
            found[name] = check(field.type, value[name], (*loc, name), problems)
        elif field.required:
            problems.append(missing((*loc, name), value))
    if kind.__struct_config__.forbid_unknown_fields:
        names = {field.encode_name for field in fields}
        for name, one in value.items():
            if name not in names:
                problems.append(problem("extra_forbidden", (*loc, name), "Extra inputs are not permitted", one))
    return found


def _check_list(members: tuple[Any, ...], value: Any, loc: Loc, problems: list[Problem]) -> Any:
    if not isinstance(value, list):
        problems.append(problem("list_type", loc, "Input should be a valid list", value))
        return None
    member = members[0] if members else Any
    if member is Any:
        return value
    return [check(member, one, (*loc, place), problems) for place, one in enumerate(value)]


def _check_dict(members: tuple[Any, ...], value: Any, loc: Loc, problems: list[Problem]) -> Any:
    if not isinstance(value, dict):
        problems.append(problem("dict_type", loc, "Input should be a valid dictionary", value))
        return None
    name_kind, kind = members if members else (str, Any)
    if name_kind is str and kind is Any:
        return value
    found: dict[Any, Any] = {}
    for name, one in value.items():
        converted = name if name_kind is str else check(name_kind, name, (*loc, name, "[key]"), problems)
        found[converted] = check(kind, one, (*loc, name), problems)
    return found


def _check_union(members: tuple[Any, ...], value: Any, loc: Loc, problems: list[Problem]) -> Any:
    """The member that takes the value unchanged, else the first that takes it at all, else everybody's problems."""
    refusals: list[Problem] = []
    taken: list[Any] = []
    for member in members:
        mine: list[Problem] = []
        converted = check(member, value, (*loc, label(member)), mine)
        if mine:
            refusals += mine
        elif type(converted) is type(value) and converted == value:
            return converted
        else:
            taken.append(converted)
    if taken:
        return taken[0]
    problems += refusals
    return None


_NAMES = {Any: "any", object: "any", msgspec.Raw: "any", type(None): "none"}


def label(kind: Any) -> str:
    """The name of a member of a union, as it stands in the place of its problems."""
    if typing.get_origin(kind) is typing.Annotated:
        inner, *metas = typing.get_args(kind)
        limited = inner in (str, int, float) and any(_limits(one) for one in metas)
        return f"constrained-{label(inner)}" if limited else label(inner)
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return f"literal[{','.join(repr(one) for one in members)}]"
    if origin in _UNIONS:
        inner, nullable = bare(kind)
        text = label(inner) if inner is not kind else f"union[{','.join(label(one) for one in members)}]"
        return f"nullable[{text}]" if nullable else text
    if (origin or kind) is list:
        return f"list[{label(members[0]) if members else 'any'}]"
    if (origin or kind) is dict:
        return f"dict[{','.join(label(one) for one in members) if members else 'any,any'}]"
    return _NAMES.get(kind) or str(getattr(kind, "__name__", kind))


def _limits(meta: Any) -> bool:
    return isinstance(meta, msgspec.Meta) and any(
        getattr(meta, name) is not None for name in ("min_length", "max_length", "pattern", "ge", "gt", "le", "lt")
    )


def _check_annotated(kind: Any, value: Any, loc: Loc, problems: list[Problem]) -> Any:
    inner, *metas = typing.get_args(kind)
    like = likeness(kind)
    if like is not None:
        found = _check_struct(like.form, value, loc, problems)
        return {**value, **found} if isinstance(value, dict) else None
    before = len(problems)
    converted = check(inner, value, loc, problems)
    if len(problems) == before and converted is not None:
        for meta in metas:
            if isinstance(meta, msgspec.Meta):
                flaw = _beyond(meta, converted, loc, value)
                if flaw is not None:
                    problems.append(flaw)
                    break
    return converted


_BOUNDS: tuple[tuple[str, str, str, Callable[[Any, Any], bool]], ...] = (
    ("gt", "greater_than", "greater than", operator.gt),
    ("ge", "greater_than_equal", "greater than or equal to", operator.ge),
    ("lt", "less_than", "less than", operator.lt),
    ("le", "less_than_equal", "less than or equal to", operator.le),
)


def _beyond(meta: msgspec.Meta, value: Any, loc: Loc, given: Any) -> Problem | None:
    """What of a constraint the value breaks."""
    for name, kind, words, holds in _BOUNDS:
        limit = getattr(meta, name)
        if limit is not None and not holds(value, limit):
            return problem(kind, loc, f"Input should be {words} {limit:g}", given, {name: limit})
    for name, long, few in (("min_length", False, "least"), ("max_length", True, "most")):
        limit = getattr(meta, name)
        if limit is not None and (len(value) > limit if long else len(value) < limit):
            return _length(value, few, limit, loc, given)
    if meta.pattern is not None and not re.search(meta.pattern, value):
        words = f"String should match pattern '{meta.pattern}'"
        return problem("string_pattern_mismatch", loc, words, given, {"pattern": meta.pattern})
    return None


def _length(value: Any, few: str, limit: int, loc: Loc, given: Any) -> Problem:
    name, end = ("min_length", "short") if few == "least" else ("max_length", "long")
    many = "" if limit == 1 else "s"
    if isinstance(value, str):
        return problem(
            f"string_too_{end}", loc, f"String should have at {few} {limit} character{many}", given, {name: limit}
        )
    what = "List" if isinstance(value, list) else "Dictionary"
    words = f"{what} should have at {few} {limit} item{many} after validation, not {len(value)}"
    return problem(f"too_{end}", loc, words, given, {"field_type": what, name: limit, "actual_length": len(value)})
