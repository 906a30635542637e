"""What the server tells systemd: when it is ready, that its event loop lives, and that it stops."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fastback.kit.service_manager import ServiceManager
from faults.server_process import prepare_server


@pytest.fixture
def manager_socket(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen as systemd does."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def read_messages(listener: socket.socket) -> list[str]:
    """Return the messages that have come."""
    messages = []
    while True:
        try:
            messages.append(listener.recv(4096).decode())
        except BlockingIOError:
            return messages


async def test_a_server_tells_systemd_about_itself(tmp_path: Path, manager_socket: socket.socket) -> None:
    variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    async with prepare_server("sqlite", tmp_path, variables) as server:
        assert read_messages(manager_socket) == []
        await server.start()
        await asyncio.sleep(1)
        ready, *watchdog = read_messages(manager_socket)
        assert ready.splitlines() == ["READY=1", f"STATUS=Ready on {server.url}"]
        assert set(watchdog) == {"WATCHDOG=1"} and len(watchdog) >= 2
        code, _ = await server.stop()
        assert code == 0
        stopping = [message for message in read_messages(manager_socket) if message != "WATCHDOG=1"]
        assert [message.splitlines()[0] for message in stopping] == ["STOPPING=1"]
        assert "EXTEND_TIMEOUT_USEC=9500000" in stopping[0]


async def test_the_watchdog_hears_nothing_from_a_loop_that_hangs(tmp_path: Path, manager_socket: socket.socket) -> None:
    variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000", "WATCHDOG_PID": str(os.getpid())}
    task = asyncio.create_task(ServiceManager(variables).keep_watchdog_quiet())
    await asyncio.sleep(0.2)
    assert len(read_messages(manager_socket)) >= 2
    time.sleep(0.4)  # noqa: ASYNC251
    assert read_messages(manager_socket) == []
    task.cancel()


async def test_without_systemd_there_is_nothing_to_tell(tmp_path: Path, manager_socket: socket.socket) -> None:
    address = str(tmp_path / "notify")
    for variables in (
        {},
        {"WATCHDOG_USEC": "100000"},
        {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"},
    ):
        await asyncio.wait_for(ServiceManager(variables).keep_watchdog_quiet(), 1)
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "missing")}).notify("READY=1")
    assert read_messages(manager_socket) == []
