"""Calls of tools as models write them: split, parsed, and refused with texts from which models learn."""

from __future__ import annotations

import ast
import json
from typing import Any

from fastback.completions.answer_items import create_item_id
from fastback.kit.json_pieces import decode_in_pieces
from fastback.kit.storable_text import clean_texts

Json = dict[str, Any]

#: Characters of the arguments of one call, and of arguments that are decoded at once.
MAX_LENGTH, _QUICK_LENGTH = 1_000_000, 64 * 1024


class InvalidArguments(Exception):
    """The arguments of a call cannot be used; the text is for the model."""


def split_arguments(arguments: str) -> list[str]:
    """Return the JSON values of a text that holds several, one after the other, as some models send them in one call.

    Any other text, and a very long one, is returned as it is.
    """
    if len(arguments) > _QUICK_LENGTH:
        return [arguments]
    decoder = json.JSONDecoder()
    values: list[str] = []
    position = 0
    while position < len(arguments):
        if arguments[position].isspace():
            position += 1
            continue
        try:
            _, end = decoder.raw_decode(arguments, position)
        except (ValueError, RecursionError):
            return [arguments]
        values.append(arguments[position:end])
        position = end
    return values or [arguments]


def split_calls(calls: list[Json]) -> list[Json]:
    """Return the calls, with those whose arguments hold several JSON values as several calls with ids of their own."""
    result: list[Json] = []
    for call in calls:
        values = split_arguments(str(call["arguments"]))
        if len(values) == 1:
            result.append(call)
        else:
            for value in values:
                call_id = create_item_id("call")
                result.append({**call, "id": call_id, "call_id": call_id, "arguments": value})
    return result


async def parse_arguments(name: str, text: str) -> Json:
    """Return the arguments of a call, without characters that cannot be stored. No text is no arguments; the syntax of
    Python is accepted, too.

    Raises:
        InvalidArguments: they are malformed, too long, or no object.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidArguments(
            f"Error: Tool call arguments for `{name}` have more than {MAX_LENGTH} characters. Please try again."
        )
    arguments = await _decode_long(name, text) if len(text) > _QUICK_LENGTH else _decode(name, text)
    if not isinstance(arguments, dict):
        raise InvalidArguments(f"Error: Tool call arguments for `{name}` must be a JSON object. Please try again.")
    return arguments


def _decode(name: str, text: str) -> Any:
    if not text.strip():
        return {}
    value: Any
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise InvalidArguments(describe_malformed(name)) from None
    return clean_texts(value) if "\\" in text else value  # only escapes can write such characters


async def _decode_long(name: str, text: str) -> Any:
    try:
        return await decode_in_pieces(text.encode(), without_nul=True)
    except ValueError:
        raise InvalidArguments(describe_malformed(name)) from None


def encode_arguments(arguments: Json) -> str:
    """Return arguments as the JSON text that an item holds."""
    return json.dumps(arguments, ensure_ascii=False)


def describe_malformed(name: str) -> str:
    """Return what a model is answered whose arguments cannot be parsed."""
    return (
        "Error: Tool call arguments could not be parsed. The model generated malformed or incomplete JSON for "
        f"`{name}`. Please try again."
    )


def describe_unknown(name: str) -> str:
    """Return what a model is answered that calls a tool that is not offered."""
    return f'Error: Tool "{name}" not found.'
