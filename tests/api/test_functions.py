"""Functions as records: an administrator's, switched, replaced as a whole, with valves that may be sealed."""

from __future__ import annotations

from typing import Any

from conftest import Person, Server
from fastback.kit.db import Database
from parity.plugins import FILTER, PIPE

FUNCTIONS = "/api/v1/functions"


def form(function_id: str = "polite", content: str = FILTER, **more: Any) -> dict[str, Any]:
    return {"id": function_id, "name": function_id.title(), "content": content, "meta": {}, **more}


async def test_the_code_says_what_kind_of_function_it_is(ada: Person) -> None:
    made = (await ada.post(f"{FUNCTIONS}/create", form())).ok()
    assert (made["type"], made["is_active"], made["meta"]["toggle"]) == ("filter", False, True)
    changed = (await ada.post(f"{FUNCTIONS}/id/polite/update", form(content=PIPE))).ok()
    assert (changed["type"], changed["meta"]["toggle"]) == ("pipe", False)
    back = await ada.post(f"{FUNCTIONS}/id/polite/update/version", {"version_id": made["version_id"]})
    assert back.ok()["type"] == "filter"
    assert len((await ada.get(f"{FUNCTIONS}/id/polite/history")).ok()) == 2


async def test_only_administrators_touch_functions(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    version = (await ada.post(f"{FUNCTIONS}/create", form())).ok()["version_id"]
    one = f"{FUNCTIONS}/id/polite"
    for reply in (
        await bob.get(one),
        await bob.get(f"{one}/valves"),
        await bob.get(f"{one}/history"),
        await bob.get(f"{FUNCTIONS}/export"),
        await bob.post(f"{FUNCTIONS}/create", form("other")),
        await bob.post(f"{one}/toggle"),
        await bob.post(f"{one}/update/version", {"version_id": version}),
        await bob.post(f"{FUNCTIONS}/sync", {"functions": []}),
        await bob.delete(f"{one}/delete"),
    ):
        reply.refused(401)
    assert (await ada.get(one)).ok()["content"] == FILTER


async def test_a_function_that_no_longer_loads_is_switched_off(server: Server, ada: Person) -> None:
    (await ada.post(f"{FUNCTIONS}/create", form())).ok()
    (await ada.post(f"{FUNCTIONS}/id/polite/toggle")).ok()
    db = server.services.get(Database)
    await db.execute("test.break", "UPDATE function SET content = 'import nothing_of_the_kind'")
    (await ada.get(f"{FUNCTIONS}/id/polite/valves/spec")).refused(400, "No module named 'nothing_of_the_kind'")
    assert (await ada.get(f"{FUNCTIONS}/id/polite")).ok()["is_active"] is False


async def test_a_copy_replaces_everything_or_nothing(ada: Person) -> None:
    (await ada.post(f"{FUNCTIONS}/create", form("first"))).ok()
    (await ada.post(f"{FUNCTIONS}/create", form("second", PIPE))).ok()
    copy = (await ada.get(f"{FUNCTIONS}/export", include_valves=True)).ok()
    broken = {**copy[0], "id": "third", "content": "class Filter\n"}
    (await ada.post(f"{FUNCTIONS}/sync", {"functions": [copy[0], broken]})).refused(400)
    assert len((await ada.get(f"{FUNCTIONS}/")).ok()) == 2
    kept = {**copy[0], "valves": {"priority": 3}, "is_active": True}
    (await ada.post(f"{FUNCTIONS}/sync", {"functions": [kept]})).ok()
    (left,) = (await ada.get(f"{FUNCTIONS}/")).ok()
    assert left["id"] == copy[0]["id"] and left["is_active"] is True
    assert (await ada.get(f"{FUNCTIONS}/id/{left['id']}/valves")).ok() == {"priority": 3}
    (await ada.get(f"{FUNCTIONS}/id/{copy[1]['id']}/history")).refused(404)
