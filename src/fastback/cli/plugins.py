"""`fastback plugins`: list functions and tools, check whether they load, and run a method of a tool."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator

from fastback.cli import plugin_run
from fastback.cli.database_file import require_database
from fastback.cli.failure import report_failure
from fastback.cli.options import collect_options, set_umask
from fastback.cli.plugin_processes import list_plugin_processes
from fastback.cli.stored_plugins import StoredPlugin, list_stored_plugins
from fastback.database_setup import open_database
from fastback.features.plugins.loading import PluginError, PluginInspector
from fastback.features.plugins.valves import ValveStore
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.db.errors import DatabaseError
from fastback.kit.plugin_source import get_requirements, update_imports
from fastback.plugins.package_installer import PackageInstaller, get_package_directory, read_outcomes
from fastback.plugins.requirements import parse_requirements
from fastback.settings import Settings, SettingsError, ensure_secret_key, load_settings
from fastback.settings.environment import read_environment

_MEGABYTE = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and options of the command to its parser."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    list_parser = actions.add_parser("list", help="list plugins, what is active, what fails and why")
    check_parser = actions.add_parser(
        "check", help="install what plugins require, and load them in processes of their own, as when they are saved"
    )
    check_parser.add_argument("ids", metavar="ID", nargs="*", help="plugin to check (default: all)")
    run_parser = actions.add_parser("run", help="run a method of a stored tool, and print what it returns")
    plugin_run.add_arguments(run_parser)
    for action_parser in (list_parser, check_parser, run_parser):
        action_parser.add_argument("--data-dir", help="directory of the database (default: ./data)")


def run_command(arguments: argparse.Namespace) -> int:
    """Run an action on plugins and return the exit code."""
    try:
        settings = load_settings(read_environment(collect_options(arguments)))
        require_database(settings)
        set_umask(settings.fastback_umask)
        return asyncio.run(_run_action(arguments, ensure_secret_key(settings)))
    except (SettingsError, DatabaseError, plugin_run.RunFailure) as error:
        return report_failure(str(error))


async def _run_action(arguments: argparse.Namespace, settings: Settings) -> int:
    db = await open_database(settings)
    try:
        if arguments.action == "list":
            return await _print_list(db, settings)
        if arguments.action == "check":
            return await _check_plugins(db, settings, arguments.ids)
        return await plugin_run.run_tool(db, settings, arguments)
    finally:
        await db.close()


async def _print_list(db: Database, settings: Settings) -> int:
    for plugin in await list_stored_plugins(db):
        print(f"{plugin.type:<7} {plugin.id:<32} {plugin.state}")
        if plugin.failure:
            print(f"        does not load: {_join_lines(plugin.failure)}")
        for problem in _list_requirement_problems(plugin, settings):
            print(f"        {problem}")
    processes = list(list_plugin_processes(settings.data_path))
    for process in processes:
        memory, own_memory = process.memory / _MEGABYTE, process.own_memory / _MEGABYTE
        print(f"plugin process {process.pid}: {memory:.0f} MB of memory, {own_memory:.0f} MB of its own")
    if not processes:
        print("no plugin process runs for this data directory on this machine")
    return 0


def _list_requirement_problems(plugin: StoredPlugin, settings: Settings) -> Iterator[str]:
    """Yield what is to be said about the requirements of a plugin."""
    requirements = parse_requirements(get_requirements(plugin.content))
    for entry, reason in requirements.skipped:
        yield f"requirement {entry} skipped: it {reason}"
    outcomes = read_outcomes(get_package_directory(settings))
    for entry in requirements.entries:
        outcome = outcomes.get(entry)
        if outcome is None:
            yield f"requirement {entry}: not installed yet"
        elif outcome.note:
            yield f"requirement {entry} {outcome.state}: {outcome.note}"


async def _check_plugins(db: Database, settings: Settings, ids: list[str]) -> int:
    """Load plugins; return 1 if one that is in use does not load, otherwise 0."""
    plugins = await list_stored_plugins(db)
    for plugin_id in ids:
        if all(plugin.id != plugin_id for plugin in plugins):
            return report_failure(f"there is no plugin {plugin_id}")
    installer = PackageInstaller(settings)
    inspector = PluginInspector(settings, installer)
    valves = ValveStore(db, settings, Bus())
    exit_code = 0
    try:
        for plugin in plugins:
            if ids and plugin.id not in ids:
                continue
            problem = await _find_problem(inspector, valves, plugin)
            print(f"{'fail' if problem else 'ok':<5} {plugin.type:<7} {plugin.id:<32} {problem}".rstrip(), flush=True)
            exit_code = max(exit_code, bool(problem) and plugin.is_active)
    finally:
        await inspector.workers.close()
        await installer.workers.close()
    return exit_code


async def _find_problem(inspector: PluginInspector, valves: ValveStore, plugin: StoredPlugin) -> str:
    """Return why a plugin does not load; empty if it does."""
    try:
        stored = valves.decode_column(plugin.valves)
        await inspector.describe_plugin(plugin.kind, plugin.id, update_imports(plugin.content), stored)
    except PluginError as error:
        return _join_lines(error.describe())
    return ""


def _join_lines(text: str) -> str:
    return " ".join(text.split())
