"""`fastback plugins run`: run a method of a stored tool in a plugin process of its own, outside any chat."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

import fastback
from fastback.features.plugins.valves import ValveStore
from fastback.features.tools import store as tools_store
from fastback.features.tools.store import Tool
from fastback.features.users import store as users_store
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.plugin_source import get_requirements, get_version, update_imports
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginProcessGone
from fastback.plugins.methods import HostMethods
from fastback.plugins.package_installer import PackageInstaller, get_package_directory
from fastback.settings import Settings

Json = dict[str, Any]

#: The only turn of the process.
_TURN_ID = "terminal"


class RunFailure(Exception):
    """The tool cannot be run; the text is one line with the reason."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the action to its parser."""
    parser.add_argument("tool", metavar="TOOL", help="id of the tool")
    parser.add_argument("method", metavar="METHOD", help="name of the method, as models see it")
    parser.add_argument("--arguments", metavar="JSON", default="{}", help="arguments of the method, as a JSON object")
    parser.add_argument("--valves", metavar="JSON", help="valves in place of the stored ones, as a JSON object")
    parser.add_argument("--user", metavar="EMAIL", help="user who calls the tool (default: the first user)")


async def run_tool(db: Database, settings: Settings, arguments: argparse.Namespace) -> int:
    """Print what the method returns: a text as it is, other values as JSON. Events are shown on standard error.

    Raises:
        RunFailure: the arguments are invalid, or the tool fails.
    """
    row = await tools_store.find_tool(db, arguments.tool)
    if row is None:
        raise RunFailure(f"there is no tool {arguments.tool}")
    values = _parse_object("--arguments", arguments.arguments)
    valve_store = ValveStore(db, settings, Bus())
    valves = valve_store.decode_column(row.valves)
    if arguments.valves:
        valves = _parse_object("--valves", arguments.valves)
    user = await _load_user(db, arguments.user)
    turn = {
        "id": _TURN_ID,
        "user": user,
        "model": {},
        "metadata": {"user_id": user.get("id"), "chat_id": None, "message_id": None, "session_id": None, "files": []},
        "request": {},
        "user_valves": valve_store.select_user_valves(user.get("settings")),
    }
    installer = PackageInstaller(settings)
    host = _create_host(row, settings, installer)
    tool = {"id": row.id, "version": get_version(row.content or ""), "valves": valves}
    try:
        with _redirect_output():
            await host.call("turns.open", turn=turn)
            result = await host.call(
                "tools.run", turn_id=_TURN_ID, tool=tool, method=arguments.method, arguments=values, messages=[]
            )
    except (RemoteFailure, PluginProcessGone) as error:
        raise RunFailure(f"{row.id}.{arguments.method}: {error}") from None
    finally:
        await host.close()
        await installer.workers.close()
    _print_result(result)
    return 0


@contextmanager
def _redirect_output() -> Iterator[None]:
    """Let processes that start now write to standard error, as the result of the command is standard output."""
    sys.stdout.flush()
    output = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(output, 1)
        os.close(output)


def _parse_object(option: str, text: str) -> Json:
    try:
        return msgspec.json.decode(text, type=Json)
    except msgspec.DecodeError as error:
        raise RunFailure(f"{option}: {error}") from None


async def _load_user(db: Database, email: str | None) -> Json:
    user_id = await (users_store.find_id_by_email(db, email) if email else users_store.find_first_user_id(db))
    user = await users_store.find_user(db, user_id) if user_id else None
    if user is None:
        raise RunFailure(f"there is no user {email}" if email else "there is no user yet")
    fields: Json = msgspec.json.decode(msgspec.json.encode(user))
    return fields


def _create_host(row: Tool, settings: Settings, installer: PackageInstaller) -> PluginHost:
    """Return a plugin process that gets the code of this tool, and shows its events here."""

    async def get_source(plugin_id: str) -> dict[str, str]:
        content = row.content or ""
        return {"content": update_imports(content), "version": get_version(content)}

    async def install_packages(content: str) -> None:
        await installer.install([get_requirements(content)])

    async def report_load(kind: str, plugin_id: str, version: str, error: str | None) -> None:
        """Ignore the report: this process says nothing about the server's."""

    methods = HostMethods()
    methods.add("tools.get_source", get_source)
    methods.add("plugins.install_packages", install_packages)
    methods.add("plugins.report_load", report_load)
    methods.add("turns.emit_event", _show_event)
    methods.add("turns.call_page", _ask_terminal)
    host_settings = {
        "version": fastback.__version__,
        "data_dir": str(settings.data_path),
        "import_paths": [str(get_package_directory(settings))],
    }
    return PluginHost(methods=methods, settings=host_settings, hang_seconds=settings.fastback_plugin_hang_seconds)


async def _show_event(turn_id: str, event: Any) -> None:
    print(msgspec.json.encode(event).decode(), file=sys.stderr, flush=True)


async def _ask_terminal(turn_id: str, event: Any) -> Any:
    """Show what a tool asks the page, and return the line that is typed; a confirmation is `y`."""
    await _show_event(turn_id, event)
    line = (await asyncio.to_thread(sys.stdin.readline)).strip()
    if isinstance(event, dict) and event.get("type") == "confirmation":
        return line.lower() in ("y", "yes")
    return line


def _print_result(result: Json) -> None:
    """Print the value of a result, and what else the tool shows in the chat."""
    value = result.get("value")
    print(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    for name in ("embeds", "files"):
        if result.get(name):
            print(f"{name}: {msgspec.json.encode(result[name]).decode()}", file=sys.stderr)
