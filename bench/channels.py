"""`python -m bench.channels [--members N] [--messages N] [--reference …/bin/open-webui] [--write]`: a busy channel.

All members of a channel have a page open. Messages are posted over HTTP, by one member after the other. Measured is the
time from the request to post a message until the last page has received it. The pages are in another process, so that
the requests do not wait for them; both processes read the same clock. `--write` writes the table to the docs.

The programs run one after the other, in one run, on the same machine as their clients.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt

from bench import servers
from bench.channel_pages import CONTENT
from bench.machine import describe_machine
from bench.report import write_section
from bench.servers import Running, call_json
from fastback.demo.process import run_demo_server

HEADING = "## Channels"
#: Milliseconds that the slowest of a hundred messages may take to reach every page.
BAR_MS = 50
#: Messages before the measurement, and seconds between two messages.
WARM_UP, PAUSE_SECONDS = 20, 0.05
#: Seconds that a message may take at most.
PATIENCE_SECONDS = 30.0
_READ = {"principal_type": "user", "principal_id": "*", "permission": "read"}


class Channel:
    """A channel and the tokens of its members."""

    def __init__(self, running: Running, database: Path, members: int) -> None:
        self.running = running
        body = {"name": "Ada", "email": "ada@example.com", "password": servers.PASSWORD}
        account = call_json(f"{running.url}/api/v1/auths/signup", body)
        running.token = account["token"]
        self.tokens = [running.token, *add_members(database, account["id"], running.token, members - 1)]
        form = {"name": "busy", "access_grants": [_READ, {**_READ, "permission": "write"}]}
        self.id = call_json(f"{running.url}/api/v1/channels/create", form, running.token)["id"]


def add_members(database: Path, user_id: str, token: str, count: int) -> list[str]:
    """Add users with the password of a user, and return their tokens: hashing a hundred passwords takes minutes."""
    claims = jwt.decode(token, servers.SECRET_KEY, algorithms=["HS256"])
    tokens = []
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.row_factory = sqlite3.Row
        for number in range(count):
            member_id = f"member-{number}"
            for table, changes in (
                ("user", {"name": f"Member {number}", "role": "user"}),
                ("auth", {}),
            ):
                row = dict(connection.execute(f'SELECT * FROM "{table}" WHERE id = ?', (user_id,)).fetchone())
                row |= {"id": member_id, "email": f"m{number}@example.com", **changes}
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" for _ in row)
                connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', tuple(row.values()))
            member_claims = {**claims, "id": member_id, "jti": member_id}
            tokens.append(jwt.encode(member_claims, servers.SECRET_KEY, algorithm="HS256"))
    return tokens


class Pages:
    """The pages of all members, in another process; it reports when the last of them has received a message."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read_line(self) -> Any:
        """Return the next report: a message, and the time at which the last page received it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of the pages has ended")
        return json.loads(line)


@contextmanager
def open_pages(channel: Channel) -> Iterator[Pages]:
    """Open a page for each member, and wait until all are connected."""
    command = [sys.executable, "-m", "bench.channel_pages", channel.running.url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(channel.tokens).encode() + b"\n")
        process.stdin.flush()
        pages = Pages(process)
        pages.read_line()
        yield pages
    finally:
        process.kill()
        process.wait()


async def measure_messages(channel: Channel, pages: Pages, count: int) -> list[float]:
    """Return the milliseconds that messages took to reach every page."""
    path = f"{channel.running.url}/api/v1/channels/{channel.id}/messages/post"
    times = []
    async with aiohttp.ClientSession() as session:
        for number in range(WARM_UP + count):
            token = channel.tokens[number % len(channel.tokens)]
            content = CONTENT.format(number=number) + "words and more words " * 10
            sent_at = time.monotonic()
            headers = {"authorization": f"Bearer {token}"}
            async with session.post(path, json={"content": content, "data": {}}, headers=headers) as response:
                if response.status != 200:
                    raise RuntimeError(f"a message was refused: {response.status} {await response.text()}")
                await response.read()
            async with asyncio.timeout(PATIENCE_SECONDS):
                received, received_at = await asyncio.to_thread(pages.read_line)
            if received != number:
                raise RuntimeError("a message arrived out of turn")
            if number >= WARM_UP:
                times.append((received_at - sent_at) * 1000)
            await asyncio.sleep(PAUSE_SECONDS)
    return times


class Figures:
    """The milliseconds until messages have reached every page, and the server's memory with all pages open, in MB."""

    def __init__(self, times: list[float], memory: float) -> None:
        ordered = sorted(times)
        self.median = statistics.median(ordered)
        self.p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        self.memory = memory


def measure_program(running: Running, database: Path, members: int, count: int) -> Figures:
    channel = Channel(running, database, members)
    with open_pages(channel) as pages:
        times = asyncio.run(measure_messages(channel, pages, count))
        return Figures(times, servers.measure_memory(running.pid))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.channels")
    parser.add_argument("--members", type=int, default=100, help="members of the channel, each with an open page")
    parser.add_argument("--messages", type=int, default=300, help="messages that are measured")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    options = parser.parse_args()
    os.environ["ENABLE_CHANNELS"] = "true"  # the programs inherit it
    print(describe_machine())
    lines = ["| | p50 | p99 | server's memory |", "|---|--:|--:|--:|"]
    figures: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="channels-") as directory, run_demo_server() as upstream:
        work = Path(directory)
        managers = [("fastback", servers.run_fastback(upstream, work))]
        if options.reference:
            managers.append(("reference", servers.run_reference(options.reference, upstream, work)))
        for folder, manager in managers:
            with manager as running:
                database = work / folder / "webui.db"
                figures[running.name] = result = measure_program(running, database, options.members, options.messages)
                row = f"| {running.name} | {result.median:.1f} ms | {result.p99:.1f} ms | {result.memory:.0f} MB |"
                print(row, flush=True)
                lines.append(row)
    is_met = figures["Fastback"].p99 <= BAR_MS
    print(f"p99 of at most {BAR_MS} ms: {'met' if is_met else 'missed'}")
    if options.write:
        write_section(HEADING, _describe(lines, options))
    if not is_met:
        raise SystemExit(1)


def _describe(lines: list[str], options: argparse.Namespace) -> str:
    table = "\n".join(lines)
    return f"""Measured by `python -m bench.channels --write`: {options.members} members have a channel open, each on a
page of their own, and {options.messages} messages are posted over HTTP. The figures are the time from the request until
the last page has received the message. Pages, requests and server share the machine; the programs run one after the
other.

Machine: {describe_machine()}.

{table}"""


if __name__ == "__main__":
    main()
