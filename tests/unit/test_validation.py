"""Errors of requests in the form of pydantic and FastAPI, and the conversions of pydantic's lax mode."""

from __future__ import annotations

import datetime
import json
from typing import Annotated, Any, Literal

import httpx
import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from fastback.kit.http import Application, Router
from fastback.kit.http.coercion import Problem
from fastback.kit.http.validation import CheckedAs, convert_value, label_type
from fastback.kit.services import Services


class Item(msgspec.Struct):
    name: str
    size: int | None = None
    open: bool = False
    kind: Literal["x", "y"] = "x"


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    note: str | UnsetType | None = UNSET


class Form(msgspec.Struct):
    items: list[Item]
    sizes: dict[str, int] = {}
    mode: Literal["a", "b", "c"] | None = None
    who: str | list[str] | None = None


def _convert(kind: Any, value: Any) -> tuple[Any, list[Problem]]:
    problems: list[Problem] = []
    return convert_value(kind, value, (), problems), problems


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int, "1", 1),
        (int, " +1_000 ", 1000),
        (int, "1.0", 1),
        (int, 1.0, 1),
        (int, True, 1),
        (float, " 1.5 ", 1.5),
        (float, 1, 1.0),
        (bool, "yes", True),
        (bool, "OFF", False),
        (bool, 1, True),
        (bool, 0.0, False),
        (int | None, None, None),
        (str | int, "1", "1"),
        (int | str, "1", "1"),
        (int | list[str], "1", 1),
        (bool | str, "yes", "yes"),
        (datetime.date, "1815-12-10", "1815-12-10"),
        (datetime.date, "1815-12-10T00:00:00", "1815-12-10"),
        (datetime.date, 86400, "1970-01-02"),
        (dict, {"a": None}, {"a": None}),
        (dict[str, int], {"a": "1"}, {"a": 1}),
        (list[int], ["1", 2.0], [1, 2]),
        (Item, {"name": "n", "open": "on", "more": 1}, {"name": "n", "open": True}),
        (Strict, {"name": "n", "note": None}, {"name": "n", "note": None}),
        (Annotated[str, Meta(min_length=1)], "a", "a"),
    ],
)
def test_values_are_converted(kind: Any, value: Any, expected: Any) -> None:
    converted, problems = _convert(kind, value)
    assert problems == []
    assert converted == expected and type(converted) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "type_", "msg"),
    [
        (str, 1, "string_type", "Input should be a valid string"),
        (str, None, "string_type", "Input should be a valid string"),
        (int, "a", "int_parsing", "Input should be a valid integer, unable to parse string as an integer"),
        (int, "", "int_parsing", "Input should be a valid integer, unable to parse string as an integer"),
        (int, 1.5, "int_from_float", "Input should be a valid integer, got a number with a fractional part"),
        (int, float("nan"), "finite_number", "Input should be a finite number"),
        (int, [], "int_type", "Input should be a valid integer"),
        (
            int,
            "9" * 5000,
            "int_parsing_size",
            "Unable to parse input string as an integer, exceeded maximum size",
        ),
        (float, "a", "float_parsing", "Input should be a valid number, unable to parse string as a number"),
        (float, {}, "float_type", "Input should be a valid number"),
        (bool, "maybe", "bool_parsing", "Input should be a valid boolean, unable to interpret input"),
        (bool, 2, "bool_parsing", "Input should be a valid boolean, unable to interpret input"),
        (bool, 1.5, "bool_type", "Input should be a valid boolean"),
        (bool, None, "bool_type", "Input should be a valid boolean"),
        (list[str], {}, "list_type", "Input should be a valid list"),
        (dict[str, Any], [], "dict_type", "Input should be a valid dictionary"),
        (datetime.date, [], "date_type", "Input should be a valid date"),
        (datetime.date, "soon", "date_from_datetime_parsing", None),
        (datetime.date, "1815-12-10T01:00", "date_from_datetime_inexact", None),
        (
            Item,
            [],
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from",
        ),
        (Literal["a"], "b", "literal_error", "Input should be 'a'"),
        (Literal["a", "b"], 1, "literal_error", "Input should be 'a' or 'b'"),
        (Literal["a", "b", "c"], "d", "literal_error", "Input should be 'a', 'b' or 'c'"),
        (Annotated[int, Meta(ge=1)], 0, "greater_than_equal", "Input should be greater than or equal to 1"),
        (Annotated[str, Meta(min_length=1)], "", "string_too_short", "String should have at least 1 character"),
        (Annotated[str, Meta(max_length=2)], "abc", "string_too_long", "String should have at most 2 characters"),
        (Annotated[str, Meta(pattern="^a$")], "b", "string_pattern_mismatch", "String should match pattern '^a$'"),
        (
            Annotated[list[int], Meta(min_length=1)],
            [],
            "too_short",
            "List should have at least 1 item after validation, not 0",
        ),
    ],
)
def test_invalid_values_have_a_problem(kind: Any, value: Any, type_: str, msg: str | None) -> None:
    _, (problem,) = _convert(kind, value)
    assert problem["type"] == type_
    assert problem["loc"] == ()
    if msg is not None:
        assert problem["msg"] == msg


def test_every_problem_at_once_in_the_order_of_the_fields() -> None:
    body = {"items": [{"size": "x"}, 3, {"name": "n", "kind": "z"}], "sizes": {"a": "b"}, "mode": "d", "who": 1}
    _, problems = _convert(Form, body)
    assert [(problem["type"], problem["loc"]) for problem in problems] == [
        ("missing", ("items", 0, "name")),
        ("int_parsing", ("items", 0, "size")),
        ("model_attributes_type", ("items", 1)),
        ("literal_error", ("items", 2, "kind")),
        ("int_parsing", ("sizes", "a")),
        ("literal_error", ("mode",)),
        ("string_type", ("who", "str")),
        ("list_type", ("who", "list[str]")),
    ]
    assert problems[0]["input"] == {"size": "x"}  # the object that lacks the field
    assert problems[5]["ctx"] == {"expected": "'a', 'b' or 'c'"}


def test_unknown_fields_are_refused() -> None:
    _, (problem,) = _convert(Strict, {"name": "n", "x": 1})
    assert problem == {"type": "extra_forbidden", "loc": ("x",), "msg": "Extra inputs are not permitted", "input": 1}


def test_members_of_unions_have_names() -> None:
    names = [
        label_type(kind)
        for kind in (str, dict[str, Any], list[dict[str, int]], Literal["a", 1], Item, dict, int | None)
    ]
    expected = ["str", "dict[str,any]", "list[dict[str,int]]", "literal['a',1]", "Item", "dict[any,any]"]
    assert names == [*expected, "nullable[int]"]


router = Router("/t")


@router.post("/form/{place}")
async def take_form(place: int, data: Form, limit: int, loud: bool = False) -> Any:
    return {"place": place, "limit": limit, "loud": loud, "form": data}


@router.post("/optional")
async def take_optional(data: Item | None = None) -> Any:
    return data


@router.post("/raw")
async def take_raw(data: dict[str, Any]) -> Any:
    return data


class FixedUser:
    """Injects a user, so that the handler accepts large bodies."""

    required_caller = "anybody"

    def bind(self, services: Services) -> Any:
        return lambda request: "ada"


@router.post("/known")
async def take_form_of_user(data: Form, user: Annotated[str, FixedUser()]) -> Any:
    return user


@router.post("/loose")
async def take_loose(data: Annotated[dict[str, Any], CheckedAs(Item)]) -> Any:
    return data


@router.get("/many")
async def take_lists(ids: list[int], mode: Literal["a", "b"] = "a") -> Any:
    return {"ids": ids, "mode": mode}


async def _request(
    method: str, path: str, content: bytes = b"", kind: str | None = "application/json"
) -> tuple[int, Any]:
    application = Application(Services())
    application.include_router(router)
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    headers = {"content-type": kind} if kind else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        answer = await client.request(method, "/t" + path, content=content, headers=headers)
    body = answer.json()
    return answer.status_code, body["detail"] if answer.status_code >= 400 else body


async def test_a_valid_request() -> None:
    body = json.dumps({"items": [{"name": "n", "size": 1}]}).encode()
    status, answer = await _request("POST", "/form/3?limit=5&loud=yes", body)
    assert status == 200
    assert (answer["place"], answer["limit"], answer["loud"]) == (3, 5, True)
    assert answer["form"]["items"] == [{"name": "n", "size": 1, "open": False, "kind": "x"}]


async def test_lax_values_are_converted() -> None:
    status, answer = await _request(
        "POST", "/form/3?limit=5", b'{"items": [{"name": "n", "size": "1", "open": "yes"}]}'
    )
    assert status == 200
    assert answer["form"]["items"] == [{"name": "n", "size": 1, "open": True, "kind": "x"}]


async def test_path_then_query_then_body() -> None:
    status, problems = await _request("POST", "/form/x?loud=maybe", b'{"items": 1}')
    assert status == 422
    assert [(problem["type"], problem["loc"]) for problem in problems] == [
        ("int_parsing", ["path", "place"]),
        ("missing", ["query", "limit"]),
        ("bool_parsing", ["query", "loud"]),
        ("list_type", ["body", "items"]),
    ]


@pytest.mark.parametrize("content", [b"", b"null"])
async def test_no_body(content: bytes) -> None:
    missing = [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]
    assert await _request("POST", "/raw", content) == (422, missing)
    assert await _request("POST", "/optional", content) == (200, None)


async def test_malformed_json_is_the_only_problem() -> None:
    ctx = {"error": "Expecting property name enclosed in double quotes"}
    problem = {"type": "json_invalid", "loc": ["body", 1], "msg": "JSON decode error", "input": {}, "ctx": ctx}
    assert await _request("POST", "/form/x", b"{") == (422, [problem])
    assert await _request("POST", "/raw", b'{"a": "\xff"}') == (400, "There was an error parsing the body")


@pytest.mark.parametrize("kind", [None, "text/plain"])
async def test_a_plain_text_is_not_decoded_as_json(kind: str | None) -> None:
    """Check that the content type counts: a form on another site can send text with a user's cookie, but not JSON."""
    status, problems = await _request("POST", "/raw", b'{"a": 1}', kind)
    message = "Input should be a valid dictionary"
    assert (status, problems) == (422, [{"type": "dict_type", "loc": ["body"], "msg": message, "input": '{"a": 1}'}])
    assert await _request("POST", "/raw", b'{"a": 1}', "application/problem+json; charset=utf-8") == (200, {"a": 1})


async def test_numbers_that_json_does_not_have() -> None:
    assert await _request("POST", "/raw", b'{"a": NaN}') == (200, {"a": None})


async def test_half_a_surrogate_pair() -> None:
    status, problems = await _request("POST", "/optional", rb'{"name": "\ud800"}')
    assert (status, problems[0]["type"], problems[0]["loc"]) == (422, "string_unicode", ["body", "name"])
    body = rb'{"a\udfff": ["x\ud800y", {"z": "\ud83d\ude00\ud83d"}], "n": NaN}'
    assert await _request("POST", "/raw", body) == (200, {"a": ["xy", {"z": "😀"}], "n": None})


async def test_lists_and_choices_in_a_query() -> None:
    assert await _request("GET", "/many?ids=1&ids=2&mode=b") == (200, {"ids": [1, 2], "mode": "b"})
    status, problems = await _request("GET", "/many?ids=1&ids=x&mode=c")
    assert status == 422
    assert [(problem["type"], problem["loc"]) for problem in problems] == [
        ("int_parsing", ["query", "ids", 1]),
        ("literal_error", ["query", "mode"]),
    ]


async def test_a_checked_dictionary_keeps_unknown_fields() -> None:
    assert await _request("POST", "/loose", b'{"name": "n", "size": "1", "more": [1]}') == (
        200,
        {"name": "n", "size": 1, "more": [1]},
    )
    status, problems = await _request("POST", "/loose", b'{"more": 1}')
    assert (status, [problem["loc"] for problem in problems]) == (422, [["body", "name"]])
    assert (await _request("POST", "/loose", b"[1]"))[1][0]["type"] == "model_attributes_type"


async def test_a_large_body_does_not_come_back() -> None:
    body = json.dumps({"items": ["x"] * 2000, "mode": "x" * 1024 * 1024}).encode()
    status, problems = await _request("POST", "/known", body)
    assert status == 422
    assert len(problems) == 1000
    assert all(problem["input"] is None for problem in problems)


async def test_a_router_may_wrap_its_operations() -> None:
    def wrap_in_list(call: Any, services: Services) -> Any:
        async def wrapped(request: Any, values: Any) -> Any:
            return [await call(request, values)]

        return wrapped

    wrapping_router = Router("/a", wrap=wrap_in_list)
    wrapping_router.get("/b")(_reply_b)
    application = Application(Services())
    application.include_router(wrapping_router)
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        assert (await client.get("/a/b")).json() == ["b"]


async def _reply_b() -> str:
    return "b"
