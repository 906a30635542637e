"""Built-in tools that run code and send notifications."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from builtin_calls import CHAT, call_builtin, list_offered, set_model
from conftest import Person
from jupyter_server import JupyterServer, run_jupyter_server
from page_client import open_page
from python_page import CODE_CONFIG, PIXEL, run_in_page
from queued_model import MODEL_ID, QueuedModel, call_tools
from stub_server import serve_handler

FEATURES = {"features": {"code_interpreter": True}}


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {
        **model.env,
        "CODE_INTERPRETER_BLOCKED_MODULES": "socket, os",
        "ENABLE_LOCAL_WEB_FETCH": "true",
        "ENABLE_USER_WEBHOOKS": "true",
        "ENABLE_RETRIEVAL_QUERY_GENERATION": "false",
    }


@pytest.fixture
async def jupyter() -> AsyncIterator[JupyterServer]:
    async with run_jupyter_server() as server:
        yield server


@pytest.fixture
async def addresses() -> AsyncIterator[tuple[str, list[Any]]]:
    """Run a server for notifications; yield its address, and the notifications that have come."""
    bodies: list[Any] = []

    async def receive(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.Response(status=500 if request.path == "/broken" else 200)

    async with serve_handler(receive) as url:
        yield url, bodies


async def run_code(
    person: Person, model: QueuedModel, code: str, output: Any, **more: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Have the model run code in the page; return what the page was asked to run, and the tool's result."""
    model.queue(call_tools(("execute_code", {"code": code})), "Done.")
    async with open_page(person) as page:
        asked = run_in_page(page, output)
        (await person.post(CHAT, page.build_body("Go", models=[MODEL_ID], **FEATURES, **more))).ok()
        await page.wait_until_idle()
    result: dict[str, Any] = json.loads(model.requests[-1]["messages"][-1]["content"])
    return asked, result


async def test_code_runs_in_the_page_and_its_images_become_files(ada: Person, model: QueuedModel) -> None:
    output = {"stdout": f"chart:\n{PIXEL}", "stderr": "careful", "result": "42"}
    files = [{"type": "file", "id": "f1", "name": "data.csv"}]
    asked, result = await run_code(ada, model, "```python\n1 + 1\n```", output, files=files)
    (details,) = asked
    assert details["code"].endswith("\n1 + 1") and details["files"] == files
    assert details["id"] and details["session_id"]
    assert "_BLOCKED = ['socket', 'os']" in details["code"]
    head, image = result.pop("stdout").split("\n")
    assert head == "chart:" and image.startswith("![Output Image](/api/v1/files/")
    assert result == {"status": "success", "stderr": "careful", "result": "42"}
    stored = await ada.get(image.removeprefix("![Output Image](").removesuffix(")"))
    assert stored.status == 200 and stored.body.startswith(b"\x89PNG")
    system = model.requests[-1]["messages"][0]
    assert system["role"] == "system" and "/mnt/uploads/" in system["content"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_blocked_modules_are_refused_to_the_code_and_left_to_libraries(ada: Person, model: QueuedModel) -> None:
    asked, _ = await run_code(ada, model, "import json, socket", {"stdout": "", "stderr": "", "result": ""})
    with pytest.raises(ImportError, match="Direct import of module socket is restricted"):
        import builtins

        original = builtins.__import__
        try:
            exec(compile(asked[0]["code"], "code", "exec"), {"__name__": "__main__"})
        finally:
            builtins.__import__ = original


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_errors_of_the_page_reach_the_model(ada: Person, model: QueuedModel) -> None:
    _, failed = await run_code(ada, model, "1", {"error": "Timeout"})
    assert failed == {"status": "success", "stdout": "", "stderr": "Timeout", "result": ""}
    _, bare = await run_code(ada, model, "1", "plain")
    assert bare["result"] == "plain"


async def test_code_runs_on_a_jupyter_server(ada: Person, model: QueuedModel, jupyter: JupyterServer) -> None:
    config = (await ada.get(CODE_CONFIG)).ok()
    config |= {
        "CODE_INTERPRETER_ENGINE": "jupyter",
        "CODE_INTERPRETER_JUPYTER_URL": jupyter.url,
        "CODE_INTERPRETER_JUPYTER_AUTH": "token",
        "CODE_INTERPRETER_JUPYTER_AUTH_TOKEN": "secret",
    }
    (await ada.post(CODE_CONFIG, config)).ok()
    (result,) = await call_builtin(ada, model, ("execute_code", {"code": "print"}), **FEATURES)
    assert result == {"status": "success", "stdout": "one\ntwo", "stderr": "careful", "result": ""}
    assert jupyter.created == 1 and not jupyter.running
    assert all(message["role"] != "system" for message in model.requests[-1]["messages"])


async def test_who_gets_the_code_interpreter(ada: Person, bob: Person, model: QueuedModel) -> None:
    await set_model(ada)
    assert "execute_code" in await list_offered(bob, model, **FEATURES)
    assert "execute_code" not in await list_offered(bob, model)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["code_interpreter"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    assert "execute_code" not in await list_offered(bob, model, **FEATURES)
    assert "execute_code" in await list_offered(ada, model, **FEATURES)
    await set_model(ada, {"capabilities": {"code_interpreter": False}})
    assert "execute_code" not in await list_offered(ada, model, **FEATURES)


async def test_a_model_notifies_the_user(
    ada: Person, bob: Person, model: QueuedModel, addresses: tuple[str, list[Any]]
) -> None:
    url, bodies = addresses
    model.queue(call_tools(("notify", {"message": "Too early"})), "Done.")
    for name in ("phone", "broken"):
        form = {"id": name, "events": [], "config": {"url": f"{url}/{name}"}}
        (await ada.post("/api/v1/notifications/targets", form)).ok()
    results = []
    async with open_page(ada) as page:
        (await ada.post(CHAT, page.build_body("Go", models=[MODEL_ID]))).ok()
        await page.wait_until_idle()
        results.append(model.requests[-1]["messages"][-1]["content"])
        for arguments in (
            {"message": "Lost", "target": "broken"},
            {"message": "Where?", "target": "nowhere"},
            {"message": "Ready", "target": "PHONE", "title": "Work"},
        ):
            page.events.clear()
            model.queue(call_tools(("notify", arguments)), "Done.")
            (await ada.post(CHAT, page.build_body("Go", models=[MODEL_ID]))).ok()
            await page.wait_until_idle()
            results.append(model.requests[-1]["messages"][-1]["content"])
    assert results == [
        "Notification sent to phone.",
        "Notification failed: Webhook delivery failed",
        "Notification failed: Notification target not found",
        "Notification sent to phone.",
    ]
    assert [body["message"] for body in bodies] == ["Too early", "Lost", "Ready"]
    assert bodies[-1] == {"action": "notify", "user_id": ada.id, "message": "Ready", "title": "Work"}
    await set_model(ada)
    assert "notify" not in await list_offered(bob, model)
