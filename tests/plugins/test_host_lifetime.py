"""When the plugin process starts, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Person
from fastback.features.plugins import failure_store
from fastback.kit.db import Database
from fastback.plugins.host import PluginHost
from plugin_installation import ask, install_function
from queued_model import QueuedModel
from waiting import wait_until

PASSING = "class Filter:\n    def inlet(self, body):\n        return body\n"
BUSY = """
import asyncio

class Filter:
    def inlet(self, body):
        self.task = asyncio.create_task(asyncio.sleep(600))
        return body
"""


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastback.plugins.setup.CHECK_SECONDS", 0.05)


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "FASTBACK_PLUGIN_IDLE_MINUTES": "0.005"}


async def test_it_starts_with_the_server_where_a_function_is_active_and_stays(
    start_server: Callable[..., Any], environment: dict[str, str]
) -> None:
    async with start_server(**environment) as server:
        host = server.services.get(PluginHost)
        await asyncio.sleep(0.3)
        assert not host.is_running  # nothing needs it
        ada = await server.sign_up("Ada")
        await install_function(ada, "passing", PASSING, is_global=True)
    async with start_server(**environment) as server:
        host = server.services.get(PluginHost)
        await wait_until(lambda: host.is_running and host.is_idle)
        pid = host.pid
        await asyncio.sleep(1)
        assert host.pid == pid


async def test_it_ends_when_no_function_is_active(server: Any, ada: Person) -> None:
    host = server.services.get(PluginHost)
    await install_function(ada, "passing", PASSING, is_global=True)
    await ask(ada)
    assert host.is_running
    (await ada.post("/api/v1/functions/id/passing/toggle")).ok()
    await wait_until(lambda: not host.is_running)
    (await ada.post("/api/v1/functions/id/passing/toggle")).ok()
    assert await ask(ada)
    assert host.is_running


MARKING = """
import os, pathlib

TRACE = pathlib.Path("{path}")
if TRACE.with_suffix(".broken").exists():
    raise Exception("no more")
TRACE.write_text(f"{os.getpid()} {word}")


class Filter:
    def inlet(self, body):
        return body
"""


def build_marking(path: Any, word: str) -> str:
    return MARKING.replace("{path}", str(path)).replace("{word}", word)


async def test_a_function_is_loaded_once_it_was_switched_on_or_saved(server: Any, ada: Person, tmp_path: Any) -> None:
    host, trace = server.services.get(PluginHost), tmp_path / "trace"
    await install_function(ada, "marking", build_marking(trace, "first"))
    await wait_until(lambda: host.is_running and trace.read_text() == f"{host.pid} first")
    form = {"id": "marking", "name": "Marking", "content": build_marking(trace, "second"), "meta": {}}
    (await ada.post("/api/v1/functions/id/marking/update", form)).ok()
    await wait_until(lambda: trace.read_text() == f"{host.pid} second")
    (await ada.post("/api/v1/functions/id/marking/toggle")).ok()
    (tmp_path / "trace.broken").touch()
    await host.retire()
    (await ada.post("/api/v1/functions/id/marking/toggle")).ok()
    await wait_until_inactive(ada, "marking")
    failures = await failure_store.list_failures(server.services.get(Database))
    assert [(failure.plugin_id, failure.message) for failure in failures] == [("marking", "no more")]


async def wait_until_inactive(person: Person, function_id: str) -> None:
    for _ in range(200):
        if not (await person.get(f"/api/v1/functions/id/{function_id}")).ok()["is_active"]:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the function is still active")


async def test_it_stays_while_a_plugin_has_left_a_task_behind(server: Any, ada: Person) -> None:
    host = server.services.get(PluginHost)
    await install_function(ada, "busy", BUSY, is_global=True)
    await ask(ada)
    (await ada.post("/api/v1/functions/id/busy/toggle")).ok()
    pid = host.pid
    await asyncio.sleep(1)
    assert host.pid == pid
