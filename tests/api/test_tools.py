"""Tools as records: code loaded in another process, revisions, valves."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from conftest import Person, Server
from fastback.features.plugins import loading
from parity.plugins import SIMPLE, TOOL

TOOLS = "/api/v1/tools"


def make_form(tool_id: str = "weather", content: str = TOOL, **more: Any) -> dict[str, Any]:
    return {"id": tool_id, "name": tool_id.title(), "content": content, "meta": {"description": ""}, **more}


async def test_specs_follow_the_code(ada: Person) -> None:
    (await ada.post(f"{TOOLS}/create", make_form())).ok()
    created = (await ada.get(f"{TOOLS}/id/weather")).ok()
    assert created["meta"]["manifest"]["author"] == "Ada" and created["meta"]["has_user_valves"] is True
    compare, forecast = created["specs"]
    assert forecast["name"] == "forecast" and forecast["description"] == "Tell the weather\nof a city."
    assert forecast["parameters"]["required"] == ["city"]
    assert forecast["parameters"]["properties"]["city"] == {
        "type": "string",
        "description": "Name of the city,\nas people write it",
    }
    assert forecast["parameters"]["properties"]["detail"] == {"type": "string"}
    first_parameter = compare["parameters"]["properties"]["first"]
    assert first_parameter["properties"]["title"] == {"type": "string"} and "$defs" not in compare["parameters"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("class Tools\n", "expected ':' (<string>, line 1)"),
        ("answer = 42", "No Tools class found in the module"),
        ("raise SystemExit", "SystemExit"),
        ("import os\nos._exit(0)", "The module ended the process that loaded it"),
        ("held = bytearray(3 * 1024**3)", "MemoryError"),
        ("class Tools:\n    def f(self, x: 'Nowhere'): ...", "name 'Nowhere' is not defined"),
    ],
)
async def test_code_that_does_not_load_is_refused(ada: Person, content: str, reason: str) -> None:
    (await ada.post(f"{TOOLS}/create", make_form("bad", content))).refused(400, "[ERROR: Error creating tool]")
    (await ada.post(f"{TOOLS}/create", make_form("good", SIMPLE))).ok()
    (await ada.post(f"{TOOLS}/id/good/update", make_form("good", content))).refused(400, reason)
    assert (await ada.get(f"{TOOLS}/id/good")).ok()["content"] == SIMPLE


async def test_a_missing_package_is_named_with_what_installs_it(ada: Person) -> None:
    reason = "No module named 'PIL_x'. Add `requirements: PIL_x` to the header of the plugin, and save it again"
    creation = await ada.post(f"{TOOLS}/create", make_form("bad", "import PIL_x"))
    creation.refused(400, f"[ERROR: Error creating tool: {reason}]")
    (await ada.post(f"{TOOLS}/create", make_form("good", SIMPLE))).ok()
    (await ada.post(f"{TOOLS}/id/good/update", make_form("good", "import PIL_x.Image"))).refused(400, reason)


async def test_code_may_start_tasks_when_it_is_loaded(ada: Person) -> None:
    content = (
        SIMPLE + "\n    def __init__(self):\n        import asyncio\n        asyncio.create_task(asyncio.sleep(60))\n"
    )
    assert len((await ada.post(f"{TOOLS}/create", make_form("busy", content))).ok()["id"]) == 4


async def test_endless_code_is_stopped_while_others_are_served(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SECONDS", 1)
    sleeping = asyncio.create_task(ada.post(f"{TOOLS}/create", make_form("slow", "import time\ntime.sleep(600)")))
    busy = asyncio.create_task(ada.post(f"{TOOLS}/create", make_form("busy", "while True: pass")))
    slowest = 0.0
    while not sleeping.done() or not busy.done():
        start = time.monotonic()
        (await ada.get("/api/version")).ok()
        slowest = max(slowest, time.monotonic() - start)
        await asyncio.sleep(0.05)
    (await sleeping).refused(400)
    (await busy).refused(400)
    assert slowest < 1


async def test_code_sees_no_secrets(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBUI_SECRET_KEY", "told-to-nobody")
    spying_code = "import os\nraise ValueError(os.environ.get('WEBUI_SECRET_KEY', 'nothing'))"
    (await ada.post(f"{TOOLS}/create", make_form("good", SIMPLE))).ok()
    (await ada.post(f"{TOOLS}/id/good/update", make_form("good", spying_code))).refused(400, "nothing")


async def test_readers_do_not_get_the_code_and_writers_need_a_permission_to_change_it(
    server: Server, ada: Person
) -> None:
    bob = await server.add_user(ada, "Bob")
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    (await ada.post(f"{TOOLS}/create", make_form(access_grants=grants))).ok()
    assert "content" not in (await bob.get(f"{TOOLS}/id/weather")).ok()
    (await bob.get(f"{TOOLS}/id/weather/history")).refused(401)
    (await bob.get(f"{TOOLS}/id/weather/valves")).refused(401)
    grants.append({**grants[0], "permission": "write"})
    (await ada.post(f"{TOOLS}/id/weather/access/update", {"access_grants": grants})).ok()
    assert (await bob.get(f"{TOOLS}/id/weather")).ok()["content"] == TOOL
    (await bob.post(f"{TOOLS}/id/weather/update", make_form(name="Bob's"))).ok()
    (await bob.post(f"{TOOLS}/id/weather/update", make_form(content=SIMPLE))).refused(401)


async def test_revisions_are_restored_with_their_specs(ada: Person) -> None:
    first = (await ada.post(f"{TOOLS}/create", make_form())).ok()["version_id"]
    second = (await ada.post(f"{TOOLS}/id/weather/update", make_form(content=SIMPLE))).ok()
    assert [spec["name"] for spec in second["specs"]] == ["hello"]
    difference = (await ada.get(f"{TOOLS}/id/weather/history/diff", from_id=first, to_id=second["version_id"])).ok()
    assert difference["content_diff"].startswith("--- selected.py\n+++ production.py") and difference["metadata"] == {}
    restored = (await ada.post(f"{TOOLS}/id/weather/update/version", {"version_id": first})).ok()
    assert [spec["name"] for spec in restored["specs"]] == ["compare", "forecast"] and restored["version_id"] == first
    (await ada.delete(f"{TOOLS}/id/weather/history/{first}")).refused(400, "Cannot delete the current version")


async def test_each_user_has_valves_of_their_own(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    public = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    (await ada.post(f"{TOOLS}/create", make_form(access_grants=public))).ok()
    (await ada.post("/api/v1/users/user/settings/update", {"ui": {"theme": "dark"}})).ok()
    (await ada.post(f"{TOOLS}/id/weather/valves/user/update", {"city": "Rome"})).ok()
    assert (await bob.get(f"{TOOLS}/id/weather/valves/user")).ok() == {}
    assert (await ada.get(f"{TOOLS}/id/weather/valves/user")).ok() == {"city": "Rome"}
    assert (await ada.get("/api/v1/users/user/settings")).ok()["ui"] == {"theme": "dark"}
    (await ada.post(f"{TOOLS}/id/weather/valves/update", {"days": 12})).ok()
    narrower = TOOL.replace("le=14", "le=4")
    detail = (await ada.post(f"{TOOLS}/id/weather/update", make_form(content=narrower))).refused(400)
    assert detail.startswith("Current Valves are incompatible with this code: days: ")


async def test_concurrent_creation_with_one_id_creates_one_tool(ada: Person) -> None:
    replies = await asyncio.gather(*(ada.post(f"{TOOLS}/create", make_form("one", SIMPLE)) for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [200, 400, 400]
    assert len((await ada.get(f"{TOOLS}/id/one/history")).ok()) == 1
