"""`python -m bench.sign_in [--count N] [--reference …/bin/open-webui]`: measure sign-ins at an OpenID provider.

A provider of ours runs in the measuring process. A sign-in is the request to begin it, the redirect by the provider,
and the return with a code, which the server exchanges for tokens. The same person signs in again; the first
sign-ins are not counted. "Processor" is the server's processor time of a sign-in, "own time" the time of its two
requests without the time that the provider takes to respond. Medians, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import web
from tests.oidc_provider import Browser, FakeProvider, build_environment
from tests.stub_server import serve_handler

from bench import servers
from bench.machine import describe_machine
from bench.process_figures import read_processor_time
from bench.servers import Running
from fastback.demo.process import find_free_port

_WARM_UP = 10


class TimedProvider:
    """A provider, and the seconds that it has taken to respond."""

    def __init__(self) -> None:
        self.provider: FakeProvider | None = None
        self.seconds = 0.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert self.provider is not None
        started = time.perf_counter()
        try:
            return await self.provider.handle(request)
        finally:
            self.seconds += time.perf_counter() - started


async def measure_sign_ins(running: Running, timed: TimedProvider, count: int) -> tuple[float, float]:
    """Return the medians of processor time and own time of a sign-in, in milliseconds."""
    processor_times, own_times = [], []
    for number in range(_WARM_UP + count):
        browser = Browser(running.url)
        processor_time, provider_time = read_processor_time(running.pid), timed.seconds
        started = time.perf_counter()
        reply = await browser.get("/oauth/oidc/login")
        duration = time.perf_counter() - started
        provider_time = timed.seconds - provider_time
        reply = await browser.get(reply.headers["location"])
        provider_before, started = timed.seconds, time.perf_counter()
        reply = await browser.get(reply.headers["location"])
        duration += time.perf_counter() - started
        provider_time += timed.seconds - provider_before
        if "error=" in reply.headers.get("location", "error="):
            raise SystemExit(f"{running.name} refused the sign-in: {reply.headers.get('location')}")
        if number >= _WARM_UP:
            processor_times.append(read_processor_time(running.pid) - processor_time)
            own_times.append((duration - provider_time) * 1000)
    return statistics.fmean(processor_times), statistics.median(own_times)


async def measure_program(command: list[str], name: str, count: int) -> tuple[float, float]:
    """Run a program whose users sign in at the provider, and measure it."""
    timed = TimedProvider()
    async with serve_handler(timed.handle) as url:
        timed.provider = FakeProvider(url)
        with tempfile.TemporaryDirectory(prefix="sign-in-") as directory:
            port = find_free_port()
            env = servers.make_environment("http://127.0.0.1:9", Path(directory) / "data", port)
            env |= {"OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai", "ENV": "prod"}
            env |= build_environment(timed.provider, ENABLE_OPENAI_API="false", OAUTH_TIMEOUT="20")
            manager = servers.run_server(name, [*command, "--host", "127.0.0.1", "--port", str(port)], env, port)
            running = await asyncio.to_thread(manager.__enter__)
            try:
                return await measure_sign_ins(running, timed, count)
            finally:
                await asyncio.to_thread(manager.__exit__, None, None, None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sign_in")
    parser.add_argument("--count", type=int, default=200, help="sign-ins that are measured")
    parser.add_argument("--reference", help="the open-webui executable")
    arguments = parser.parse_args()
    programs = {"Fastback": [sys.executable, "-OO", "-m", "fastback", "serve"]}
    if arguments.reference:
        programs["Open WebUI"] = [arguments.reference, "serve"]
    print(describe_machine())
    print(f"{'a sign-in, ms':20} {'processor':>10} {'own time':>10}")
    for name, command in programs.items():
        processor, own = asyncio.run(measure_program(command, name, arguments.count))
        print(f"{name:20} {processor:10.2f} {own:10.2f}")


if __name__ == "__main__":
    main()
