"""Pages of lists: each has its part of the entries, and all say how many there are, also a page behind the last."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person

_NOTE = {"title": "Note {n}", "data": {"content": {"md": "text"}}}
_FEEDBACK = {"type": "rating", "data": {"rating": 1, "model_id": "demo-small"}, "meta": {}, "snapshot": {}}
#: The path of a list, the path that creates an entry, its form, and the number of entries on a page.
LISTS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "prompts": (
        "/api/v1/prompts/list",
        "/api/v1/prompts/create",
        {"command": "prompt{n}", "name": "Prompt {n}", "content": "Hi"},
        30,
    ),
    "models": (
        "/api/v1/models/list",
        "/api/v1/models/create",
        {"id": "model{n}", "name": "Model {n}", "base_model_id": "demo-small", "meta": {}, "params": {}},
        30,
    ),
    "knowledge": ("/api/v1/knowledge/", "/api/v1/knowledge/create", {"name": "About {n}", "description": "Facts"}, 30),
    "notes": ("/api/v1/notes/search", "/api/v1/notes/create", _NOTE, 60),
    "feedback": ("/api/v1/evaluations/feedbacks/list", "/api/v1/evaluations/feedback", _FEEDBACK, 30),
}


def _fill_form(form: Any, number: int) -> Any:
    if isinstance(form, dict):
        return {name: _fill_form(value, number) for name, value in form.items()}
    return form.replace("{n}", str(number)) if isinstance(form, str) else form


async def _check_pages(person: Person, path: str, ids: set[str], size: int, items: str = "items") -> None:
    pages = [(await person.get(path, page=page)).ok() for page in (1, 2, 3, 9)]
    assert [len(page[items]) for page in pages] == [size, len(ids) - size, 0, 0]
    assert [page["total"] for page in pages] == [len(ids)] * 4
    assert {entry["id"] for page in pages for entry in page[items]} == ids


@pytest.mark.parametrize("name", LISTS)
async def test_each_page_has_its_part_and_the_number_of_all(ada: Person, name: str) -> None:
    path, create, form, size = LISTS[name]
    entries = [(await ada.post(create, _fill_form(form, number))).ok() for number in range(size + 3)]
    await _check_pages(ada, path, {entry["id"] for entry in entries}, size)


async def test_users_come_in_pages(ada: Person, server: Any) -> None:
    people = [await server.add_user(ada, f"User{number}") for number in range(31)]
    await _check_pages(ada, "/api/v1/users/", {ada.id, *(person.id for person in people)}, 30, "users")
    page = (await ada.get("/api/v1/users/search", query="uSER3", page=1)).ok()
    assert page["total"] == len(page["users"]) == 2  # 3 and 30
    assert (await ada.get("/api/v1/users/search", query="user3", page=5)).ok() == {"users": [], "total": 2}
