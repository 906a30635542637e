"""Read JSON bodies as the types that handlers declare, and report what is invalid in them.

A body meets msgspec's decoder; a large one is decoded in pieces. What the decoder refuses is walked again, in
pydantic's lax mode and with its messages.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Self

import msgspec
from starlette.requests import Request

from fastback.kit.escaped_text import Content
from fastback.kit.http.coercion import Loc, Problem, make_missing_problem, make_problem
from fastback.kit.http.errors import BadRequest, HttpError, Invalid
from fastback.kit.http.fragments import FragmentedBytes
from fastback.kit.http.headers import find_raw_header
from fastback.kit.http.integer_bounds import compile_bounds_check
from fastback.kit.http.request_body import read_body, read_json_body
from fastback.kit.http.signature import MISSING
from fastback.kit.http.validation import convert_value, find_checked_form
from fastback.kit.json_cuts import InvalidJson, TooManyValues
from fastback.kit.json_decoding import decode_json
from fastback.kit.json_pieces import decode_in_pieces, is_quick
from fastback.kit.storable_text import encode_without_surrogates, remove_nul_escapes

_BODY: Loc = ("body",)

ReadBody = Callable[[Request, list[Problem]], Awaitable[Any]]
ReadContent = Callable[[Request, int], Awaitable[bytes | FragmentedBytes]]

#: A body with more bytes is not repeated in the response; of many problems only the first ones are reported.
_LARGEST_ECHOED, _MOST_PROBLEMS = 1024 * 1024, 1000
#: A body with more bytes is converted in a thread where the decoder has refused it: each value takes a microsecond.
_LARGEST_CONVERTED = 32 * 1024
#: Bytes of a large body that is not declared as JSON which are read: as a text it is invalid, however it goes on.
_MAX_TEXT = 1024


def _has_json_type(request: Request) -> bool:
    """Return whether the body is declared as JSON: a page of another site can send text to this server, but no JSON."""
    value = find_raw_header(request.scope["headers"], b"content-type") or b""
    media_type = value.partition(b";")[0].strip().lower()
    return media_type == b"application/json" or (
        media_type.startswith(b"application/") and media_type.endswith(b"+json")
    )


class _ProblemList(list[Problem]):
    """The first problems of a body."""

    def append(self, problem: Problem) -> None:
        super().append(problem)
        if len(self) >= _MOST_PROBLEMS:
            raise _ManyProblems

    def __iadd__(self, problems: Iterable[Problem]) -> Self:  # type: ignore[override, misc]
        for problem in problems:
            self.append(problem)
        return self


class _ManyProblems(Exception):
    """There are enough problems for a response."""


async def _parse_json(content: Content, *, without_nul: bool) -> Any:
    """Decode the body to plain objects; those of a large body have no halves of surrogate pairs.

    With `without_nul` NUL characters in the texts of a large body are left out.

    Raises:
        Invalid: the JSON is malformed; the only problem gives its position.
        BadRequest: the text cannot be decoded.
        HttpError: 413, it has too many values.
    """
    try:
        if len(content) <= _LARGEST_CONVERTED:
            return decode_json(content[:], json.loads)
        return await decode_in_pieces(content, without_nul=without_nul)
    except json.JSONDecodeError as error:
        raise _build_json_refusal(error.msg, error.pos) from None
    except InvalidJson as error:
        raise _build_json_refusal(str(error), error.position) from None
    except TooManyValues:
        raise HttpError(413, "Request body has too many values") from None
    except ValueError:
        raise BadRequest("There was an error parsing the body") from None


def _build_json_refusal(message: str, position: int) -> Invalid:
    return Invalid([make_problem("json_invalid", ("body", position), "JSON decode error", {}, {"error": message})])


def make_body_reader(kind: Any, *, default: Any = MISSING, limit: int, takes_fragments: bool = False) -> ReadBody:
    """Return a function that reads the JSON body of a request as `kind` and adds what is invalid to a list of problems.

    Where a request has no body, the function returns `default`; without a default that is a problem. With
    `takes_fragments` a large body is not joined, and `request.body()` does not return it; `kind` is no text then.

    Raises (when called):
        Invalid: malformed JSON.
        BadRequest: the text cannot be decoded.
        HttpError: 413 for a body of more than `limit` bytes.
    """
    decoder = msgspec.json.Decoder(kind)
    decodes_strictly = find_checked_form(kind) is None
    has_small_integers = compile_bounds_check(kind)
    # Its texts go into the database. An object without declared fields may be passed on to another server, whole.
    is_form = kind != dict[str, Any]
    read_content: ReadContent = read_json_body if takes_fragments else partial(read_body, is_text=True)

    async def read(request: Request, problems: list[Problem]) -> Any:
        content = await read_content(request, limit)
        if isinstance(content, FragmentedBytes):
            return await read_fragments(content, request, problems)
        if not content:
            return handle_missing_body(problems)
        decodes_at_once = is_quick(content)
        if is_form and decodes_at_once:
            content = remove_nul_escapes(content)
        if not _has_json_type(request):
            return convert_leniently(content.decode(errors="replace"), problems)
        if decodes_at_once and decodes_strictly and not problems:
            try:
                data = decode_json(content, decoder.decode)
                if has_small_integers is None or has_small_integers(data):
                    return data
            except msgspec.MsgspecError:
                pass
        value = await _parse_json(content, without_nul=is_form)
        return await convert(value, len(content), problems, is_refused=decodes_at_once)

    async def read_fragments(content: FragmentedBytes, request: Request, problems: list[Problem]) -> Any:
        size = len(content)
        try:
            if not _has_json_type(request):
                return convert_leniently(content[:_MAX_TEXT].decode(errors="replace"), problems)
            value = await _parse_json(content, without_nul=is_form)
        finally:
            await content.clear()
        return await convert(value, size, problems, is_refused=False)

    async def convert(value: Any, size: int, problems: list[Problem], *, is_refused: bool) -> Any:
        """Convert the value of a body of `size` bytes; `is_refused` says that the decoder has refused it."""
        if value is None:
            return handle_missing_body(problems)
        if not is_refused and decodes_strictly and not problems:
            try:
                data = msgspec.convert(value, kind)
                if has_small_integers is None or has_small_integers(data):
                    return data
            except msgspec.MsgspecError:
                pass
        body_problems: list[Problem] = _ProblemList()
        if size > _LARGEST_CONVERTED:
            converted = await asyncio.to_thread(convert_leniently, value, body_problems)
        else:
            converted = convert_leniently(value, body_problems)
        if size > _LARGEST_ECHOED:
            body_problems = [{**entry, "input": None} for entry in body_problems]
        problems += body_problems
        return converted

    def handle_missing_body(problems: list[Problem]) -> Any:
        if default is MISSING:
            problems.append(make_missing_problem(_BODY))
        return default

    def convert_leniently(value: Any, problems: list[Problem]) -> Any:
        """Convert a value that the decoder refused as pydantic would, or report it with pydantic's messages."""
        before = len(problems)
        try:
            converted = convert_value(kind, value, _BODY, problems)
        except _ManyProblems:
            return None
        if len(problems) > before:
            return None
        try:
            return decoder.decode(encode_without_surrogates(converted))
        except msgspec.MsgspecError as error:
            problems.append(make_problem("value_error", _BODY, f"Value error, {error}", value, {"error": {}}))
        return None

    return read
