"""`fastback serve` and `fastback demo`: start the server."""

from __future__ import annotations

import argparse
import logging
import socket
from collections.abc import Callable

from fastback.cli.failure import report_failure
from fastback.cli.options import collect_options, set_umask
from fastback.kit import log
from fastback.kit.db.errors import DatabaseError, RevisionError
from fastback.kit.listener import StartError
from fastback.kit.memory_allocator import configure_allocator
from fastback.settings import Environment, Settings, SettingsError, ensure_secret_key, load_settings, read_environment
from fastback.settings.tls import build_client_ssl


def _collect_demo_options(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the options of the demo, which touches no other data than its own: it has a directory and a database."""
    own_data = {"DATA_DIR": "demo-data", "DATABASE_URL": "", "DATABASE_TYPE": "", "UVICORN_WORKERS": "1"}
    return {**own_data, **collect_options(arguments)}


def _require_directory(settings: Settings) -> None:
    """Raise SettingsError if the path of the data directory is something else."""
    if settings.data_path.exists() and not settings.data_path.is_dir():
        raise SettingsError(f"DATA_DIR: {settings.data_path} is a file; name a directory (--data-dir)")


def run_command(arguments: argparse.Namespace) -> int:
    """Run the server until it is stopped, and return the exit code."""
    configure_allocator()
    is_demo = arguments.command == "demo"
    try:
        env = read_environment(_collect_demo_options(arguments) if is_demo else collect_options(arguments))
        settings = load_settings(env)
        # The demo prints the address of its page and nothing else, unless a level is set.
        level = "WARNING" if is_demo and not env.get("GLOBAL_LOG_LEVEL") else settings.global_log_level
        log.configure_logging(level, settings.log_format)
        _require_directory(settings)
        set_umask(settings.fastback_umask)
        configured_key = settings.webui_secret_key
        for tool_server in (False, True):
            build_client_ssl(settings, tool_server=tool_server)
        settings = ensure_secret_key(settings)
    except SettingsError as error:
        return report_failure(str(error))
    if configured_key and len(configured_key) < 32:
        logging.getLogger("fastback").warning(
            "WEBUI_SECRET_KEY is shorter than 32 characters: sessions are easier to forge"
        )
    if is_demo:
        return _run_demo(settings, env, arguments.rate)
    if settings.uvicorn_workers > 1:
        return _run_workers(settings, collect_options(arguments))
    return run_server(settings, env)


def _run_workers(settings: Settings, options: dict[str, str]) -> int:
    """Run several server processes and return the exit code."""
    from fastback.cli import workers

    try:
        return workers.run_workers(settings, options, run_server)
    except StartError as error:
        return report_failure(str(error))


def run_server(
    settings: Settings,
    env: Environment,
    ready: Callable[[str], None] | None = None,
    listener: socket.socket | None = None,
) -> int:
    """Run the server and return the exit code; `ready` is called with its address when it accepts connections.

    `listener`: the socket that this process shares with others.
    """
    from fastback import server

    try:
        server.run(settings, env, ready=ready, listener=listener)
    except (StartError, DatabaseError, RevisionError, SettingsError) as error:
        return report_failure(str(error))
    except KeyboardInterrupt:
        pass
    return 0


def _run_demo(settings: Settings, env: Environment, rate: float) -> int:
    """Run the server with the built-in model server, whose connection exists for this run only and is not stored."""
    from fastback.demo.process import run_demo_server

    with run_demo_server(rate=rate) as url:
        demo_variables = {
            "OPENAI_API_BASE_URLS": f"{url}/v1",
            "OPENAI_API_KEYS": "demo",
            "ENABLE_OLLAMA_API": "false",
            "ENABLE_PERSISTENT_CONFIG": "false",
        }

        return run_server(
            override_persistence(settings, demo_variables), Environment(demo_variables, env), _print_welcome
        )


def _print_welcome(address: str) -> None:
    print(f"The demo is ready: open {address}, create an account, and chat with demo-small.", flush=True)


def override_persistence(settings: Settings, variables: dict[str, str]) -> Settings:
    """Return the settings with the choice of these variables about the stored configuration."""
    import msgspec

    return msgspec.structs.replace(settings, enable_persistent_config=variables["ENABLE_PERSISTENT_CONFIG"] == "true")
