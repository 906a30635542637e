"""The process: its parts, and the methods that the server may call."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from fastback.kit.rpc.blocking_client import BlockingClient
from fastback.kit.rpc.channel import Channel
from fastback.plugin_host.actions import ActionRunner
from fastback.plugin_host.descriptions import FunctionDescriber
from fastback.plugin_host.event_functions import EventRunner
from fastback.plugin_host.filters import FilterRunner
from fastback.plugin_host.forks import keep_from_children
from fastback.plugin_host.host_settings import SETTINGS
from fastback.plugin_host.import_hook import install_import_hook
from fastback.plugin_host.loader import PluginLoader
from fastback.plugin_host.mcp_sessions import McpSessions, run_once
from fastback.plugin_host.nested_calls import NestedCalls
from fastback.plugin_host.pipe_models import PipeLister
from fastback.plugin_host.pipes import PipeRunner
from fastback.plugin_host.plugin_tasks import count_plugin_tasks
from fastback.plugin_host.server_link import SERVER
from fastback.plugin_host.side_loop import SideLoop
from fastback.plugin_host.tools import ToolRunner
from fastback.plugin_host.turns import TurnRegistry
from fastback.plugin_host.watchdog import Watchdog

log = logging.getLogger("fastback.plugin_host")


class HostProcess:
    """Everything that lives in the process. `run` ends when the server closes the connection."""

    def __init__(self, calls: socket.socket, blocking_calls: socket.socket, side_calls: socket.socket) -> None:
        """Use these connections: for the event loop, for calls that it waits for, and for everything beside it."""
        self._calls = calls
        self._blocking_calls = blocking_calls
        self._side_calls = side_calls
        self.loader = PluginLoader(SERVER)
        self.turns = TurnRegistry(SERVER)
        self.methods: dict[str, Callable[..., Any]] = {}
        self._add_methods()

    def _add_methods(self) -> None:
        filters = FilterRunner(self.loader, self.turns)
        describer = FunctionDescriber(self.loader)
        tools = ToolRunner(self.loader, self.turns)
        mcp = McpSessions()
        self.methods |= {
            "host.configure": self._configure,
            "host.ping": self._report,
            "host.check": self._answer_check,
            "host.find_packages": self._find_packages,
            "functions.describe": describer.describe_functions,
            "functions.unload": self._unload,
            "turns.open": self.turns.open_turn,
            "turns.close": self.turns.close_turn,
            "actions.run": ActionRunner(self.loader, self.turns).run_action,
            "pipes.list": PipeLister(self.loader).list_models,
            "pipes.run": PipeRunner(self.loader, self.turns).run,
            "events.run": EventRunner(self.loader).run_event,
            "filters.run": filters.run_filters,
            "filters.stream": filters.filter_stream,
            "tools.describe": tools.describe_tools,
            "tools.run": tools.run_tool,
            "mcp.list_tools": mcp.list_tools,
            "mcp.call_tool": mcp.call_tool,
        }

    async def run(self) -> None:
        """Serve the server's calls until it is gone."""
        install_import_hook()
        channel = await Channel.open(self._calls, self.methods, name="server")
        keep_from_children([sock.fileno() for sock in (self._calls, self._blocking_calls, self._side_calls)])
        # Sessions live on the event loop that has opened them.
        own_sessions = {f"mcp.{name}": partial(run_once, name) for name in ("list_tools", "call_tool")}
        side = SideLoop(self._side_calls, NestedCalls(self.methods | own_sessions))
        side.start()
        SERVER.connect(channel, BlockingClient(self._blocking_calls), side)
        watchdog = Watchdog(SERVER, is_busy=lambda: channel.running_count > 0)
        channel.on_call = watchdog.wake
        watchdog.start()
        await channel.closed.wait()
        # Threads of plugins may run on, which would keep the process alive.
        sys.stdout.flush()
        os._exit(0)

    async def _configure(self, settings: dict[str, Any]) -> None:
        """Take the settings that plugins see, before any plugin is loaded."""
        SETTINGS.update(settings)
        for path in settings.get("import_paths", []):
            if path not in sys.path:
                sys.path.append(path)

    async def _answer_check(self) -> None:
        """Show that the event loop runs."""

    async def _find_packages(self) -> None:
        """Let the next import see packages that were installed since the start."""
        importlib.invalidate_caches()

    async def _report(self) -> dict[str, Any]:
        """Return how the process does: loaded plugins, open turns, tasks, and tasks and threads that plugins own."""
        return {
            "plugins": [{"kind": plugin.kind, "id": plugin.id} for plugin in self.loader.list_loaded()],
            "turns": len(self.turns),
            "tasks": len(asyncio.all_tasks()),
            "plugin_tasks": count_plugin_tasks(),
        }

    async def _unload(self, kind: str, plugin_id: str) -> None:
        self.loader.unload(kind, plugin_id)
