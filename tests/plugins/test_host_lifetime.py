"""When the plugin process starts, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Person
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


async def test_it_stays_while_a_plugin_has_left_a_task_behind(server: Any, ada: Person) -> None:
    host = server.services.get(PluginHost)
    await install_function(ada, "busy", BUSY, is_global=True)
    await ask(ada)
    (await ada.post("/api/v1/functions/id/busy/toggle")).ok()
    pid = host.pid
    await asyncio.sleep(1)
    assert host.pid == pid
