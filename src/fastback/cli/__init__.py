"""The command `fastback`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def _port(text: str) -> str:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return text


def _serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (0.0.0.0)")
    parser.add_argument("--port", type=_port, help="port to listen on (8080)")
    parser.add_argument("--data-dir", help="where the database, uploads and the secret key live (./data)")


_VECTORS = "list, move, embed anew what vector stores hold"


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastback", description="A fast and light backend for the Open WebUI frontend."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _serving(commands.add_parser("serve", help="serve until stopped"))
    demo = commands.add_parser("demo", help="serve with a built-in model server, to look around")
    _serving(demo)
    demo.add_argument("--rate", type=float, default=60.0, help="tokens a second of the model server (60)")
    frontend = commands.add_parser("frontend", help="fetch the frontend")
    frontend.add_argument("--version", help="release of Open WebUI to take it from")
    frontend.add_argument("--force", action="store_true", help="fetch it again")
    models = commands.add_parser("models", help="list embedding models that run here, fetch one")
    models.add_argument("action", choices=("list", "fetch"), nargs="?", default="list", help="what to do (list)")
    models.add_argument("model", nargs="?", help="which one (sentence-transformers/all-MiniLM-L6-v2)")
    models.add_argument("--force", action="store_true", help="fetch it again")
    if "vectors" in words:  # its words are many, and it knows the server
        from fastback.cli import vectors

        vectors.arguments_of(commands.add_parser("vectors", help=_VECTORS))
    else:
        commands.add_parser("vectors", help=_VECTORS)
    doctor = commands.add_parser("doctor", help="check database, model servers, Redis, frontend, directories")
    doctor.add_argument("--data-dir", help="data directory to check")
    commands.add_parser("routes", help="list the operations")
    commands.add_parser("settings", help="list the settings, as docs/configuration.md")
    commands.add_parser("version", help="say which version this is")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it went well, 1 when it failed, 2 for words that make no sense."""
    arguments = _parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    # Each command is loaded when it is asked for: `version` need not know the server.
    if arguments.command in ("serve", "demo"):
        from fastback.cli import serve

        return serve.run(arguments)
    if arguments.command == "frontend":
        from fastback.cli import frontend

        return frontend.run(arguments)
    if arguments.command == "models":
        from fastback.cli import models

        return models.run(arguments)
    if arguments.command == "vectors":
        from fastback.cli import vectors

        return vectors.run(arguments)
    if arguments.command == "doctor":
        from fastback.cli import doctor

        return doctor.run(arguments)
    if arguments.command == "routes":
        from fastback.cli import routes

        return routes.run(arguments)
    if arguments.command == "settings":
        from fastback.cli import settings_page

        return settings_page.run(arguments)
    from fastback import REFERENCE_VERSION, __version__

    print(f"fastback {__version__} (Open WebUI {REFERENCE_VERSION})")
    return 0


def fail(text: str) -> int:
    """Say in one line why a command failed."""
    from fastback.kit.log import redact_secrets

    print(f"fastback: {redact_secrets(text)}", file=sys.stderr)
    return 1
