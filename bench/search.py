"""`python -m bench.search [--postgres URL] [--reference PATH] [--chats N] [--write]`: searching many chats.

Makes a database of one person with N chats (100,000) and four with 2,500 each, ten messages of three hundred
characters a chat, on SQLite and, where a server is named, on PostgreSQL; serves it, waits for the index, and measures
searches over HTTP. With `--reference` Open WebUI searches the same SQLite database. `--write` keeps the tables in docs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import report, servers
from bench.chats import LENGTH, MANY, MESSAGES, OTHERS, OTHERS_CHATS, Words, fill
from bench.machine import machine
from bench.servers import Running, call, process
from fastback import REFERENCE_VERSION, __version__
from fastback.access.tokens import TokenSigner
from fastback.demo.process import find_free_port
from fastback.kit.db.connect import connect

PAGE = report.PAGE
HEADING = "## Searching chats"
KEY = "bench-secret-key-of-at-least-32-characters"

#: What is asked: name, text, page.
SEARCHES = (
    ("word in every chat", "{common}", 1),
    ("word in every chat, page 50", "{common}", 50),
    ("word in 3% of the chats", "marmalade", 1),
    ("word in 3% of the chats, page 40", "marmalade", 40),
    ("word in a few chats", "quetzalcoatl", 1),
    ("inside a word of a few chats", "etzalco", 1),
    ("no hit", "nowhereatall", 1),
    ("two common words, phrase in few", "{common} marmalade", 1),
    ("two words apart, in a few chats", "quetzalcoatl {common}", 1),
    ("two characters, in 20 chats", "天气", 1),
    ("tag of 200 chats", "tag:holiday", 1),
    ("tag of 200 chats and a word", "tag:holiday {common}", 1),
    ("chats without a tag", "tag:none", 1),
)


@contextmanager
def served(url: str, data: Path, words: Words) -> Iterator[Running]:
    """Fastback on the database."""
    port = find_free_port()
    env = servers.environment("http://127.0.0.1:9", data, port) | {"DATABASE_URL": url, "GLOBAL_LOG_LEVEL": "INFO"}
    command = [sys.executable, "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with process("Fastback", command, env, port) as running:
        running.token = TokenSigner(KEY).create_session_token(MANY, method="password", stamp=None, lifetime=None)
        yield running


@contextmanager
def reference(executable: str, data: Path) -> Iterator[Running]:
    """Open WebUI on the SQLite database of `data`."""
    port = find_free_port()
    env = servers.environment("http://127.0.0.1:9", data, port)
    env |= {"OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai", "ENV": "prod"}
    command = [executable, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with process("Open WebUI", command, env, port) as running:
        running.token = TokenSigner(KEY).create_session_token(MANY, method="password", stamp=None, lifetime=None)
        yield running


class Pulse:
    """Asks for `/health` all the time, to see how long the event loop is away at worst."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/health"
        self._times: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        import http.client

        host = urllib.parse.urlsplit(self._url)
        connection = http.client.HTTPConnection(host.hostname or "", host.port)
        while not self._stop.wait(0.004):
            started = time.perf_counter()
            connection.request("GET", "/health")
            connection.getresponse().read()
            self._times.append((time.perf_counter() - started) * 1000)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def said(self) -> str:
        ordered = sorted(self._times)
        return f"{ordered[len(ordered) // 2]:.1f} / {ordered[int(len(ordered) * 0.99)]:.1f} / {ordered[-1]:.1f}"


def timed(running: Running, text: str, page: int, repeats: int) -> tuple[float, int]:
    """The median time of a search in milliseconds, and how many chats it found."""
    query = urllib.parse.urlencode({"text": text, "page": page})
    times, count = [], 0
    for _ in range(repeats):
        started = time.perf_counter()
        count = len(call(f"{running.url}/api/v1/chats/search?{query}", token=running.token, patience=600))
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), count


def indexed(log: Path, patience: float = 1800) -> tuple[int, float]:
    """How many chats the index followed, and in how many seconds, once it says so."""
    ended = time.monotonic() + patience
    while time.monotonic() < ended:
        found = re.search(r"the index of chats followed (\d+) chats in ([\d.]+) s", log.read_text())
        if found:
            return int(found[1]), float(found[2])
        time.sleep(0.5)
    raise RuntimeError("the index was not made in time")


def measure(url: str, work: Path, words: Words, title: str) -> dict[str, Any]:
    """Figures of one database: `{title, ready, built, size…, searches: {name: (ms, count)}}`."""
    data = work / "data"
    found: dict[str, Any] = {"title": title, "searches": {}}
    with served(url, data, words) as running:
        found["ready"] = running.ready
        with Pulse(running.url) as pulse:
            common, count = timed(running, words.common, 1, 1)
            found["while"] = f"{common:,.0f}" if count else "?"
            found["chats"], found["built"] = indexed(work / "fastback.log")
        found["pulse_build"] = pulse.said()
        found["memory_build"] = servers.memory(running.pid)
    with served(url, data, words) as running:
        found["ready_again"] = running.ready
        time.sleep(5)
        with Pulse(running.url) as pulse:
            for name, text, page in SEARCHES:
                spoken = text.format(common=words.common)
                timed(running, spoken, page, 1)
                found["searches"][name] = timed(running, spoken, page, 7)
                print(title, name, spoken, page, found["searches"][name], flush=True)
        found["pulse"] = pulse.said()
        found["memory"] = servers.memory(running.pid)
    return found


async def _sizes_postgres(url: str) -> tuple[float, float]:
    db = await connect(url)
    try:
        text = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname {} 'fastback%' "
        text += "AND relnamespace = 'public'::regnamespace"
        ours = await db.fetch_value("bench.size", text.format("LIKE"))
        theirs = await db.fetch_value("bench.size_rest", text.format("NOT LIKE"))
        return float(ours) / 1e6, float(theirs) / 1e6
    finally:
        await db.close()


async def _postgres(server: str, name: str, what: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"{what} DATABASE {name}" + (" WITH (FORCE)" if what == "DROP" else ""))
    finally:
        await connection.close()


def on_sqlite(base: Path, chats: int, executable: str | None) -> tuple[dict[str, Any], dict[str, float]]:
    """Our figures, and Open WebUI's times by search."""
    work = base / "sqlite"
    (work / "data").mkdir(parents=True, exist_ok=True)
    path = work / "data" / "webui.db"
    started = time.perf_counter()
    words = Words() if path.exists() else asyncio.run(fill(f"sqlite:///{path}", chats))
    print(f"made the SQLite database in {time.perf_counter() - started:.0f} s", flush=True)
    index = path.with_name("webui.fastback_search.db")
    for one in index.parent.glob(f"{index.name}*"):
        one.unlink()
    figures = measure(f"sqlite:///{path}", work, words, "SQLite")
    figures["size"] = sum(one.stat().st_size for one in index.parent.glob(f"{index.name}*")) / 1e6
    figures["rest"] = path.stat().st_size / 1e6
    theirs: dict[str, float] = {}
    if executable:
        with reference(executable, work / "data") as running:
            for name, text, page in SEARCHES:
                theirs[name] = timed(running, text.format(common=words.common), page, 1)[0]
                print("Open WebUI", name, theirs[name], flush=True)
    return figures, theirs


def on_postgres(base: Path, chats: int, server: str) -> dict[str, Any]:
    name = f"fastback_bench_{uuid.uuid4().hex[:8]}"
    url = f"{server.rsplit('/', 1)[0]}/{name}"
    asyncio.run(_postgres(server, name, "CREATE"))
    try:
        started = time.perf_counter()
        words = asyncio.run(fill(url, chats))
        print(f"made the PostgreSQL database in {time.perf_counter() - started:.0f} s", flush=True)
        work = base / "postgres"
        work.mkdir(exist_ok=True)
        figures = measure(url, work, words, "PostgreSQL")
        figures["size"], figures["rest"] = asyncio.run(_sizes_postgres(url))
        return figures
    finally:
        asyncio.run(_postgres(server, name, "DROP"))


def markdown(results: list[dict[str, Any]], theirs: dict[str, float], chats: int) -> str:
    """The section of the page."""
    titles = [one["title"] for one in results]
    head = ["search (ms)", "chats on the page", *titles, *(["Open WebUI, SQLite", "ratio"] if theirs else [])]
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    for name, _, _ in SEARCHES:
        times = [one["searches"][name][0] for one in results]
        row = [name, str(results[0]["searches"][name][1]), *(f"{one:,.1f}" for one in times)]
        if theirs:
            other = theirs.get(name)
            row += [f"{other:,.0f}", f"{other / times[0]:,.0f}×"] if other else ["", ""]
        lines.append(f"| {' | '.join(row)} |")
    rows = [
        ("index made in the background in (s)", "built", "{:.0f}"),
        ("size of the index (MB)", "size", "{:,.0f}"),
        ("size of the database without it (MB)", "rest", "{:,.0f}"),
        ("ready after, first start (s)", "ready", "{:.2f}"),
        ("ready after, index there (s)", "ready_again", "{:.2f}"),
        ("first search, index not there yet (ms)", "while", "{}"),
        ("`/health` meanwhile, while indexing: median / p99 / worst (ms)", "pulse_build", "{}"),
        ("`/health` meanwhile, while searching: median / p99 / worst (ms)", "pulse", "{}"),
        ("resident memory after indexing (MB)", "memory_build", "{:.0f}"),
        ("resident memory after searching (MB)", "memory", "{:.0f}"),
    ]
    more = [f"| | {' | '.join(titles)} |", f"|---|{'--:|' * len(titles)}"]
    more += [f"| {what} | {' | '.join(shape.format(one[key]) for one in results)} |" for what, key, shape in rows]
    table, other_table = "\n".join(lines), "\n".join(more)
    return f"""
Made by `python -m bench.search --write`: one person with {chats:,} chats of {MESSAGES} messages of {LENGTH} characters,
{OTHERS} others with {OTHERS_CHATS:,} chats each; times of `GET /api/v1/chats/search` over HTTP, medians of seven, Open
WebUI's of one. `/health` is asked for every four milliseconds, to see how long the server is away at worst; that hangs
more than all else on what besides runs on the machine.

Machine: {machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}.

{table}

{other_table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search")
    parser.add_argument("--chats", type=int, default=100_000)
    parser.add_argument("--postgres", default=os.environ.get("FASTBACK_TEST_POSTGRES"), help="a server to make one on")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--keep", help="a directory for the database of SQLite, used again by the next run")
    parser.add_argument("--only", choices=("sqlite", "postgres"), help="measure one database alone")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE}")
    arguments = parser.parse_args()
    theirs: dict[str, float] = {}
    results = []
    with ExitStack() as stack:
        base = Path(arguments.keep or stack.enter_context(tempfile.TemporaryDirectory()))
        if arguments.only != "postgres":
            figures, theirs = on_sqlite(base, arguments.chats, arguments.reference)
            results.append(figures)
        if arguments.postgres and arguments.only != "sqlite":
            results.append(on_postgres(base, arguments.chats, arguments.postgres))
    text = markdown(results, theirs, arguments.chats)
    print(text)
    if arguments.write:
        report.put(HEADING, text)


if __name__ == "__main__":
    main()
