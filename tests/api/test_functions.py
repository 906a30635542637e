"""Functions as records: managed by administrators, switched on and off, synchronized, with encrypted valves."""

from __future__ import annotations

from typing import Any

from conftest import Person, Server
from fastback.kit.db import Database
from parity.plugins import FILTER, PIPE

FUNCTIONS = "/api/v1/functions"


def build_form(function_id: str = "polite", content: str = FILTER, **more: Any) -> dict[str, Any]:
    return {"id": function_id, "name": function_id.title(), "content": content, "meta": {}, **more}


async def test_the_type_of_a_function_comes_from_its_code(ada: Person) -> None:
    created = (await ada.post(f"{FUNCTIONS}/create", build_form())).ok()
    assert (created["type"], created["is_active"], created["meta"]["toggle"]) == ("filter", False, True)
    changed = (await ada.post(f"{FUNCTIONS}/id/polite/update", build_form(content=PIPE))).ok()
    assert (changed["type"], changed["meta"]["toggle"]) == ("pipe", False)
    reply = await ada.post(f"{FUNCTIONS}/id/polite/update/version", {"version_id": created["version_id"]})
    assert reply.ok()["type"] == "filter"
    assert len((await ada.get(f"{FUNCTIONS}/id/polite/history")).ok()) == 2


async def test_only_administrators_manage_functions(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    version = (await ada.post(f"{FUNCTIONS}/create", build_form())).ok()["version_id"]
    url = f"{FUNCTIONS}/id/polite"
    for reply in (
        await bob.get(url),
        await bob.get(f"{url}/valves"),
        await bob.get(f"{url}/history"),
        await bob.get(f"{FUNCTIONS}/export"),
        await bob.post(f"{FUNCTIONS}/create", build_form("other")),
        await bob.post(f"{url}/toggle"),
        await bob.post(f"{url}/update/version", {"version_id": version}),
        await bob.post(f"{FUNCTIONS}/sync", {"functions": []}),
        await bob.delete(f"{url}/delete"),
    ):
        reply.refused(401)
    assert (await ada.get(url)).ok()["content"] == FILTER


async def test_a_function_that_no_longer_loads_is_switched_off(server: Server, ada: Person) -> None:
    (await ada.post(f"{FUNCTIONS}/create", build_form())).ok()
    (await ada.post(f"{FUNCTIONS}/id/polite/toggle")).ok()
    db = server.services.get(Database)
    await db.execute("test.break", "UPDATE function SET content = 'import nothing_of_the_kind'")
    (await ada.get(f"{FUNCTIONS}/id/polite/valves/spec")).refused(400, "No module named 'nothing_of_the_kind'")
    assert (await ada.get(f"{FUNCTIONS}/id/polite")).ok()["is_active"] is False


async def test_a_sync_replaces_all_functions_or_none(ada: Person) -> None:
    (await ada.post(f"{FUNCTIONS}/create", build_form("first"))).ok()
    (await ada.post(f"{FUNCTIONS}/create", build_form("second", PIPE))).ok()
    exported = (await ada.get(f"{FUNCTIONS}/export", include_valves=True)).ok()
    broken = {**exported[0], "id": "third", "content": "class Filter\n"}
    (await ada.post(f"{FUNCTIONS}/sync", {"functions": [exported[0], broken]})).refused(400)
    assert len((await ada.get(f"{FUNCTIONS}/")).ok()) == 2
    replacement = {**exported[0], "valves": {"priority": 3}, "is_active": True}
    (await ada.post(f"{FUNCTIONS}/sync", {"functions": [replacement]})).ok()
    (function,) = (await ada.get(f"{FUNCTIONS}/")).ok()
    assert function["id"] == exported[0]["id"] and function["is_active"] is True
    assert (await ada.get(f"{FUNCTIONS}/id/{function['id']}/valves")).ok() == {"priority": 3}
    (await ada.get(f"{FUNCTIONS}/id/{exported[1]['id']}/history")).refused(404)
