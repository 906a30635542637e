"""What is wrong with a request, told as pydantic and FastAPI tell it; and what their lax mode lets pass."""

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


def _checked(kind: Any, value: Any) -> tuple[Any, list[Problem]]:
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
def test_what_passes(kind: Any, value: Any, expected: Any) -> None:
    found, problems = _checked(kind, value)
    assert problems == []
    assert found == expected and type(found) is type(expected)


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
def test_what_does_not(kind: Any, value: Any, type_: str, msg: str | None) -> None:
    _, (found,) = _checked(kind, value)
    assert found["type"] == type_
    assert found["loc"] == ()
    if msg is not None:
        assert found["msg"] == msg


def test_every_problem_at_once_in_the_order_of_the_fields() -> None:
    body = {"items": [{"size": "x"}, 3, {"name": "n", "kind": "z"}], "sizes": {"a": "b"}, "mode": "d", "who": 1}
    _, problems = _checked(Form, body)
    assert [(one["type"], one["loc"]) for one in problems] == [
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


def test_fields_that_nobody_knows() -> None:
    _, (found,) = _checked(Strict, {"name": "n", "x": 1})
    assert found == {"type": "extra_forbidden", "loc": ("x",), "msg": "Extra inputs are not permitted", "input": 1}


def test_members_of_unions_have_names() -> None:
    names = [
        label_type(one) for one in (str, dict[str, Any], list[dict[str, int]], Literal["a", 1], Item, dict, int | None)
    ]
    expected = ["str", "dict[str,any]", "list[dict[str,int]]", "literal['a',1]", "Item", "dict[any,any]"]
    assert names == [*expected, "nullable[int]"]


router = Router("/t")


@router.post("/form/{place}")
async def take(place: int, data: Form, limit: int, loud: bool = False) -> Any:
    return {"place": place, "limit": limit, "loud": loud, "form": data}


@router.post("/optional")
async def optional(data: Item | None = None) -> Any:
    return data


@router.post("/raw")
async def raw(data: dict[str, Any]) -> Any:
    return data


class Known:
    """Whoever calls is known, and may therefore send large bodies."""

    def bind(self, services: Services) -> Any:
        return lambda request: "ada"


@router.post("/known")
async def known(data: Form, user: Annotated[str, Known()]) -> Any:
    return user


@router.post("/loose")
async def loose(data: Annotated[dict[str, Any], CheckedAs(Item)]) -> Any:
    return data


@router.get("/many")
async def many(ids: list[int], mode: Literal["a", "b"] = "a") -> Any:
    return {"ids": ids, "mode": mode}


async def _ask(method: str, path: str, content: bytes = b"", kind: str | None = "application/json") -> tuple[int, Any]:
    application = Application(Services())
    application.include_router(router)
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    headers = {"content-type": kind} if kind else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        answer = await client.request(method, "/t" + path, content=content, headers=headers)
    found = answer.json()
    return answer.status_code, found["detail"] if answer.status_code >= 400 else found


async def test_a_right_request() -> None:
    body = json.dumps({"items": [{"name": "n", "size": 1}]}).encode()
    status, found = await _ask("POST", "/form/3?limit=5&loud=yes", body)
    assert status == 200
    assert (found["place"], found["limit"], found["loud"]) == (3, 5, True)
    assert found["form"]["items"] == [{"name": "n", "size": 1, "open": False, "kind": "x"}]


async def test_lax_values_are_converted() -> None:
    status, found = await _ask("POST", "/form/3?limit=5", b'{"items": [{"name": "n", "size": "1", "open": "yes"}]}')
    assert status == 200
    assert found["form"]["items"] == [{"name": "n", "size": 1, "open": True, "kind": "x"}]


async def test_path_then_query_then_body() -> None:
    status, found = await _ask("POST", "/form/x?loud=maybe", b'{"items": 1}')
    assert status == 422
    assert [(one["type"], one["loc"]) for one in found] == [
        ("int_parsing", ["path", "place"]),
        ("missing", ["query", "limit"]),
        ("bool_parsing", ["query", "loud"]),
        ("list_type", ["body", "items"]),
    ]


@pytest.mark.parametrize("content", [b"", b"null"])
async def test_no_body(content: bytes) -> None:
    missing = [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]
    assert await _ask("POST", "/raw", content) == (422, missing)
    assert await _ask("POST", "/optional", content) == (200, None)


async def test_malformed_json_stands_alone() -> None:
    ctx = {"error": "Expecting property name enclosed in double quotes"}
    found = {"type": "json_invalid", "loc": ["body", 1], "msg": "JSON decode error", "input": {}, "ctx": ctx}
    assert await _ask("POST", "/form/x", b"{") == (422, [found])
    assert await _ask("POST", "/raw", b'{"a": "\xff"}') == (400, "There was an error parsing the body")


@pytest.mark.parametrize("kind", [None, "text/plain"])
async def test_a_text_is_no_json(kind: str | None) -> None:
    """A form on another site can send a text with somebody's cookie, but not JSON."""
    status, found = await _ask("POST", "/raw", b'{"a": 1}', kind)
    words = "Input should be a valid dictionary"
    assert (status, found) == (422, [{"type": "dict_type", "loc": ["body"], "msg": words, "input": '{"a": 1}'}])
    assert await _ask("POST", "/raw", b'{"a": 1}', "application/problem+json; charset=utf-8") == (200, {"a": 1})


async def test_numbers_that_json_does_not_have() -> None:
    assert await _ask("POST", "/raw", b'{"a": NaN}') == (200, {"a": None})


async def test_half_a_surrogate_pair() -> None:
    status, found = await _ask("POST", "/optional", rb'{"name": "\ud800"}')
    assert (status, found[0]["type"], found[0]["loc"]) == (422, "string_unicode", ["body", "name"])
    status, found = await _ask("POST", "/raw", rb'{"name": "\ud800"}')
    assert (status, found[0]["type"]) == (422, "string_unicode")


async def test_lists_and_choices_in_a_query() -> None:
    assert await _ask("GET", "/many?ids=1&ids=2&mode=b") == (200, {"ids": [1, 2], "mode": "b"})
    status, found = await _ask("GET", "/many?ids=1&ids=x&mode=c")
    assert status == 422
    assert [(one["type"], one["loc"]) for one in found] == [
        ("int_parsing", ["query", "ids", 1]),
        ("literal_error", ["query", "mode"]),
    ]


async def test_a_form_that_keeps_what_it_does_not_know() -> None:
    assert await _ask("POST", "/loose", b'{"name": "n", "size": "1", "more": [1]}') == (
        200,
        {"name": "n", "size": 1, "more": [1]},
    )
    status, found = await _ask("POST", "/loose", b'{"more": 1}')
    assert (status, [one["loc"] for one in found]) == (422, [["body", "name"]])
    assert (await _ask("POST", "/loose", b"[1]"))[1][0]["type"] == "model_attributes_type"


async def test_a_large_body_does_not_come_back() -> None:
    body = json.dumps({"items": ["x"] * 2000, "mode": "x" * 1024 * 1024}).encode()
    status, found = await _ask("POST", "/known", body)
    assert status == 422
    assert len(found) == 1000
    assert all(one["input"] is None for one in found)


async def test_a_router_may_lay_something_around_its_operations() -> None:
    def louder(call: Any) -> Any:
        async def called(request: Any, values: Any) -> Any:
            return [await call(request, values)]

        return called

    around = Router("/a", wrap=louder)
    around.get("/b")(_b)
    application = Application(Services())
    application.include_router(around)
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        assert (await client.get("/a/b")).json() == ["b"]


async def _b() -> str:
    return "b"
