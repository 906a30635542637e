"""Built-in tools for automations: a model creates, changes, lists, pauses and deletes what its user may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from automation_client import AUTOMATIONS, allow_automations, create_automation, list_runs, wait_for_run
from builtin_calls import call_builtin, list_offered, set_model
from channel_client import create_group, enable_channels, post_message
from conftest import Person, Server
from fastback.kit.db import Database
from plugin_probe import run_in_plugin
from queued_model import MODEL_ID, QueuedModel, call_tools
from stub_server import serve_handler
from terminal_server import TerminalServer, connect_terminal
from waiting import wait_until

AUTOMATION_TOOLS = {
    "create_automation",
    "update_automation",
    "list_automations",
    "toggle_automation",
    "delete_automation",
}
DAILY = "DTSTART:20990101T090000\nRRULE:FREQ=DAILY"


async def test_an_automation_is_created_listed_changed_and_deleted(ada: Person, model: QueuedModel) -> None:
    folder = (await ada.post("/api/v1/folders/", {"name": "News"})).ok()["id"]
    arguments = {"name": "Brief", "prompt": "p" * 120, "rrule": DAILY, "folder_id": folder}
    (created,) = await call_builtin(ada, model, ("create_automation", arguments))
    stored = (await ada.get(f"{AUTOMATIONS}/{created['id']}")).ok()
    assert created == {
        "status": "success",
        "id": stored["id"],
        "name": "Brief",
        "folder_id": folder,
        "model_id": MODEL_ID,
        "target": None,
        "is_active": True,
        "next_runs": stored["next_runs"],
    }
    assert stored["meta"] is None
    listed, paused, changed, cleared, kept = await call_builtin(
        ada,
        model,
        ("list_automations", {"count": "1", "folder_id": folder, "status": "active"}),
        ("toggle_automation", {"automation_id": created["id"]}),
        ("update_automation", {"automation_id": created["id"], "name": "Other", "model_id": " "}),
        ("update_automation", {"automation_id": created["id"], "folder_id": None, "prompt": "Hi"}),
        ("update_automation", {"automation_id": created["id"], "rrule": "RRULE:FREQ=HOURLY", "folder_id": ""}),
    )
    assert listed == {
        "automations": [
            {
                "id": created["id"],
                "name": "Brief",
                "folder_id": folder,
                "prompt_snippet": "p" * 100 + "...",
                "model_id": MODEL_ID,
                "target": None,
                "rrule": DAILY,
                "is_active": True,
                "last_run_at": None,
                "next_runs": created["next_runs"],
            }
        ],
        "total": 1,
    }
    assert paused == {"status": "success", "id": created["id"], "name": "Brief", "is_active": False}
    assert (changed["name"], changed["folder_id"], changed["model_id"]) == ("Other", folder, MODEL_ID)
    assert (cleared["folder_id"], cleared["is_active"]) == (None, False)
    assert kept["folder_id"] is None and kept["next_runs"][0] < created["next_runs"][0]
    assert (await ada.get(f"{AUTOMATIONS}/{created['id']}")).ok()["data"]["prompt"] == "Hi"
    deleted, missing = await call_builtin(
        ada,
        model,
        ("delete_automation", {"automation_id": created["id"]}),
        ("delete_automation", {"automation_id": created["id"]}),
    )
    assert deleted == {"status": "success", "message": 'Automation "Other" deleted'}
    assert missing == {"error": "Automation not found"}


async def test_a_model_reads_why_something_is_refused(ada: Person, bob: Person, model: QueuedModel) -> None:
    await allow_automations(ada)
    await set_model(ada)
    automation = await create_automation(ada)
    limits = {"automations.max_count": 1, "automations.min_interval": 60}
    (await ada.post("/api/v1/configs/import", {"config": limits})).ok()
    fields = {"name": "x", "prompt": "x"}
    refused = await call_builtin(
        bob,
        model,
        ("create_automation", {**fields, "rrule": "x"}),
        ("create_automation", {**fields, "rrule": DAILY, "folder_id": "none"}),
        ("create_automation", {**fields, "rrule": "RRULE:FREQ=SECONDLY"}),
        ("update_automation", {"automation_id": automation["id"], "name": "y"}),
        ("toggle_automation", {"automation_id": automation["id"]}),
        ("delete_automation", {"automation_id": automation["id"]}),
        ("list_automations", {}),
    )
    assert refused[0]["error"].startswith("Invalid schedule: Invalid RRULE: ")
    assert [result.get("error") for result in refused[1:]] == [
        "Folder not found",
        "Schedule too frequent. Minimum interval is 60 seconds.",
        *["Access denied"] * 3,
        None,
    ]
    assert refused[-1] == {"automations": [], "total": 0}
    first, second = await call_builtin(
        bob, model, *[("create_automation", {**fields, "rrule": DAILY}) for _ in range(2)]
    )
    assert (first["status"], second) == ("success", {"error": "Automation limit reached (1)"})


async def test_the_tools_need_automations_and_the_permission(ada: Person, bob: Person, model: QueuedModel) -> None:
    await set_model(ada)
    assert set(await list_offered(ada, model)) >= AUTOMATION_TOOLS
    assert not AUTOMATION_TOOLS & set(await list_offered(bob, model))
    await allow_automations(ada)
    assert set(await list_offered(bob, model)) >= AUTOMATION_TOOLS
    await set_model(ada, {"builtinTools": {"automations": False}})
    assert not AUTOMATION_TOOLS & set(await list_offered(bob, model))
    await set_model(ada)
    (await ada.post("/api/v1/configs/import", {"config": {"automations.enable": False}})).ok()
    assert not AUTOMATION_TOOLS & set(await list_offered(ada, model))


async def test_automations_do_not_multiply_without_end(server: Server, ada: Person, model: QueuedModel) -> None:
    arguments = {"name": "Child", "prompt": "Create another", "rrule": DAILY}
    parent = await create_automation(ada, model_id=MODEL_ID)
    model.queue(call_tools(("create_automation", arguments)), "Done.")
    (await ada.post(f"{AUTOMATIONS}/{parent['id']}/run")).ok()
    await wait_for_run(ada, parent)
    child = (await ada.get(f"{AUTOMATIONS}/list", query="Child")).ok()["items"][0]
    assert child["meta"] == {"created_by_automation": parent["id"]}
    model.queue(call_tools(("create_automation", arguments)), "Done.")
    (await ada.post(f"{AUTOMATIONS}/{child['id']}/run")).ok()
    await wait_for_run(ada, child)
    assert "cannot create automations" in model.requests[-1]["messages"][-1]["content"]
    count = await server.services.get(Database).fetch_value("test.count", "SELECT count(*) FROM automation")
    assert count == 2


async def test_what_the_owner_and_the_model_have_switched_on_is_used(ada: Person, model: QueuedModel) -> None:
    await set_model(ada, {"defaultFeatureIds": ["web_search"], "capabilities": {"web_search": True}})
    automation = await create_automation(ada, model_id=MODEL_ID)
    for number, memory in enumerate((True, False), 1):
        (await ada.post("/api/v1/users/user/settings/update", {"ui": {"memory": memory}})).ok()
        (await ada.post(f"{AUTOMATIONS}/{automation['id']}/run")).ok()
        await wait_for_run(ada, automation, number)
        assert ("add_memory" in model.tool_names) is memory
        assert "create_automation" in model.tool_names


async def test_calls_wait_for_nobody(ada: Person, model: QueuedModel) -> None:
    (await ada.post("/api/v1/configs/import", {"config": {"chat.tool_permissions.enable": True}})).ok()
    await set_model(ada, params={"tool_approval_mode": "ask"})
    automation = await create_automation(ada, model_id=MODEL_ID)
    model.queue(call_tools(("get_current_timestamp", {})), "It is late.")
    (await ada.post(f"{AUTOMATIONS}/{automation['id']}/run")).ok()
    run = await wait_for_run(ada, automation)
    assert run["status"] == "success"
    question = {"id": "q", "header": "H", "question": "Q?", "options": []}
    options = [{"label": label, "description": label} for label in ("a", "b")]
    model.queue(call_tools(("ask_user", {"questions": [{**question, "options": options}]})))
    (await ada.post(f"{AUTOMATIONS}/{automation['id']}/run")).ok()
    assert (await wait_for_run(ada, automation, 2))["error"] == "Automation reply did not complete"


async def test_a_channel_gets_an_automation_that_answers_there(ada: Person, bob: Person, model: QueuedModel) -> None:
    await enable_channels(ada)
    await set_model(ada)
    channel = await create_group(ada, bob)
    model.queue(call_tools(("create_automation", {"name": "Brief", "prompt": "Hi", "rrule": DAILY})), "Done.")
    await post_message(ada, channel, f"<@M:{MODEL_ID}|Queued> every day")

    async def find_automation() -> Any:
        items = (await ada.get(f"{AUTOMATIONS}/list")).ok()["items"]
        return items[0] if items else None

    automation = await wait_until(find_automation)
    assert automation["data"]["target"] == {"type": "channel", "channel_id": channel["id"]}


# -- terminals -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def terminal() -> AsyncIterator[TerminalServer]:
    server = TerminalServer()
    async with serve_handler(server.respond) as server.url:
        yield server


async def test_a_run_works_in_the_directory_of_its_terminal(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    contexts = {"automation": {"context_id": "automation_id"}}
    await connect_terminal(ada, terminal, server_type="orchestrator", config={"contexts": contexts})
    choice = {"server_id": "shell", "cwd": "/srv/data"}
    automation = await create_automation(ada, model_id=MODEL_ID, terminal=choice)
    model.queue(call_tools(("run_command", {"command": "ls"})), "Done.")
    (await ada.post(f"{AUTOMATIONS}/{automation['id']}/run")).ok()
    run = await wait_for_run(ada, automation)
    assert run["status"] == "success"
    requests = [(method, path) for method, path, _ in terminal.requests]
    assert requests.index(("POST", "/files/cwd")) < requests.index(("POST", "/execute"))
    for path in ("/files/cwd", "/execute"):
        headers = terminal.list_headers(path)
        assert headers["X-Terminal-Context-Id"] == f"automation:{automation['id']}"
        assert (headers["X-User-Id"], headers["X-Session-Id"]) == (ada.id, run["chat_id"])


async def test_a_terminal_that_automations_may_not_use_fails_the_run(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    await connect_terminal(ada, terminal, server_type="orchestrator", config={"contexts": {"automation": False}})
    automation = await create_automation(ada, model_id=MODEL_ID, terminal={"server_id": "shell", "cwd": "/srv"})
    (await ada.post(f"{AUTOMATIONS}/{automation['id']}/run")).ok()
    run = await wait_for_run(ada, automation)
    assert run["error"] == "Terminal unavailable: Terminal server 'shell' is not available for automation"
    assert model.requests == []
    assert await list_runs(ada, automation) == [run]


# -- plugins ---------------------------------------------------------------------------------------------------------


async def test_plugins_read_and_change_automations(ada: Person, model: QueuedModel) -> None:
    imports = """
        from open_webui.models.automations import AutomationData, AutomationForm, AutomationRuns, Automations
        """
    code = """
        data = AutomationData(prompt="Hi", model_id="queued", rrule="RRULE:FREQ=HOURLY")
        automation = await Automations.insert(user["id"], AutomationForm(name="Brief", data=data), 0)
        renamed = Automations.update_by_id(automation.id, AutomationForm(name="Other", data=data), 0)
        paused = Automations.toggle(automation.id, None)
        found = Automations.search_automations(user["id"], query="oth", status="paused")
        result = [
            automation.next_run_at > 0, renamed.name, paused.is_active, found.total, found.items[0].data["prompt"],
            await Automations.count_by_user(user["id"]), Automations.get_active_by_user(user["id"]),
            AutomationRuns.get_latest(automation.id), AutomationRuns.get_by_automation(automation.id),
        ]
        return [*result, Automations.delete(automation.id), Automations.get_by_id(automation.id)]
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    assert result == [True, "Other", False, 1, "Hi", 1, [], None, [], True, None]
