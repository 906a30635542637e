"""`python -m fastback.demo --port N --rate R`."""

from __future__ import annotations

import argparse

import uvicorn

from fastback.demo.server import DemoServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fastback.demo")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--rate", type=float, default=0.0, help="tokens a second; 0: as fast as it goes")
    arguments = parser.parse_args()
    uvicorn.run(
        DemoServer(arguments.rate), host="127.0.0.1", port=arguments.port, lifespan="off", access_log=False, log_level="error"
    )


main()
