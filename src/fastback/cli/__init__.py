"""The command-line program `fastback`: its arguments and its commands."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import signal
import sys
from collections.abc import Sequence

from fastback import REFERENCE_VERSION, __version__

_VERSION_LINE = f"fastback {__version__} (Open WebUI {REFERENCE_VERSION})"
#: Exit codes of a program that SIGINT has ended, and that writes to a closed pipe.
_INTERRUPTED, _PIPE_CLOSED = 130, 141


def _parse_port(text: str) -> str:
    """Return the text of a port from 1 to 65535; raise ArgumentTypeError for any other text."""
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return text


def _parse_workers(text: str) -> str:
    """Return the text of a number of processes; raise ArgumentTypeError for any other text."""
    if not text.isdigit() or not 0 < int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes")
    return text


def _parse_rate(text: str) -> float:
    """Return a number of tokens per second, 0 for no limit; raise ArgumentTypeError for any other text."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tokens per second")
    return rate


def _add_server_options(parser: argparse.ArgumentParser, data_dir: str) -> None:
    """Add the options that `serve` and `demo` share."""
    parser.add_argument("--host", help="network address to listen on (default: 0.0.0.0)")
    parser.add_argument("--port", type=_parse_port, help="port to listen on (default: 8080)")
    parser.add_argument(
        "--data-dir", help=f"directory for the database, uploads and the secret key (default: {data_dir})"
    )


def _add_mfa_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action of `mfa`, with its options, which are those of Open WebUI's command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    reset = actions.add_parser("reset", help="remove a lost authenticator, and print a ticket for a new one")
    reset.add_argument("email", help="email address of the user, whose identity you have verified")
    reset.add_argument("--reason", required=True, help="why, for the log and the audit log")
    reset.add_argument("--data-dir", help="directory of the database (default: ./data)")


#: Commands whose modules describe their arguments, with their help.
_LAZY_COMMANDS = {
    "plugins": "list functions and tools, check whether they load, or run a method of a tool",
    "vectors": "list, move or re-embed the collections of vector stores",
    "migrate": "copy the database into another one: SQLite to PostgreSQL, or back",
    "backup": "write the installation into one archive",
    "restore": "put the installation of an archive into a data directory and its database",
}

#: Modules of commands that have another name.
_MODULES = {"demo": "serve", "mfa": "second_factors", "settings": "settings_page"}


def _build_parser(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of these command-line arguments, and the parser of each command by name."""
    parser = argparse.ArgumentParser(
        prog="fastback", description="A fast and light backend for the Open WebUI frontend."
    )
    parser.add_argument("--version", action="version", version=_VERSION_LINE, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="start the server")
    _add_server_options(serve, "./data")
    serve.add_argument("--workers", type=_parse_workers, help="number of server processes (default: 1)")
    demo = commands.add_parser("demo", help="start the server with a built-in demo model server")
    _add_server_options(demo, "./demo-data")
    demo.add_argument(
        "--rate",
        type=_parse_rate,
        default=60.0,
        help="tokens per second of the model server (default: 60; 0: no limit)",
    )
    frontend = commands.add_parser("frontend", help="download the frontend")
    frontend.add_argument("--version", help="release of Open WebUI that contains the frontend")
    frontend.add_argument("--force", action="store_true", help="download it even if it exists")
    models = commands.add_parser("models", help="list local embedding models, or download one")
    models.add_argument("action", choices=("list", "fetch"), nargs="?", default="list", help="action (default: list)")
    models.add_argument("model", nargs="?", help="model to download (default: sentence-transformers/all-MiniLM-L6-v2)")
    models.add_argument("--force", action="store_true", help="download it even if it exists")
    # The arguments of these are in modules that import the server, which the other commands do not need.
    for name, text in _LAZY_COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name in arguments:
            importlib.import_module(f"fastback.cli.{name}").add_arguments(command)
    _add_mfa_arguments(commands.add_parser("mfa", help="reset the second factor of a user"))
    doctor = commands.add_parser(
        "doctor", help="check the database, model servers, Redis, the frontend and directories"
    )
    doctor.add_argument("--data-dir", help="data directory to check")
    commands.add_parser("routes", help="list the operations of the HTTP API")
    commands.add_parser("settings", help="print all settings as Markdown (docs/configuration.md)")
    commands.add_parser("version", help="print the version")
    help_command = commands.add_parser("help", help="describe a command")
    help_command.add_argument("topic", nargs="?", metavar="COMMAND", help="command to describe (default: all)")
    return parser, dict(commands.choices)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 on success, 1 on failure.

    Raises:
        SystemExit: the arguments are invalid (code 2), or ask for help (code 0).
    """
    try:
        exit_code = _run_command(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would interrupt the end of the process
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. The end of the process flushes the stream again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return exit_code


def _run_command(argv: Sequence[str]) -> int:
    """Import the command and run it: `version` does not need the server."""
    parser, command_parsers = _build_parser(argv)
    arguments = parser.parse_args(argv)
    if arguments.command == "version":
        print(_VERSION_LINE)
        return 0
    if arguments.command == "help":
        if arguments.topic is not None and arguments.topic not in command_parsers:
            parser.error(f"there is no command {arguments.topic!r}")
        (command_parsers[arguments.topic] if arguments.topic else parser).print_help()
        return 0
    module = _MODULES.get(arguments.command, arguments.command)
    return int(importlib.import_module(f"fastback.cli.{module}").run_command(arguments))
