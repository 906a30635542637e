"""`python -m fastback.demo --port N --rate R`."""

from __future__ import annotations

import argparse

import uvicorn

from fastback.demo.server import DemoServer
from fastback.demo.upstream import build_server_config


def main() -> None:
    """Run the server until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m fastback.demo")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--rate", type=float, default=0.0, help="tokens per second; 0: unlimited")
    arguments = parser.parse_args()
    try:
        uvicorn.Server(build_server_config(DemoServer(arguments.rate), arguments.host, arguments.port)).run()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
