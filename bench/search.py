"""`python -m bench.search [--postgres URL] [--reference PATH] [--chats N] [--write]`: measure searches of many chats.

Create a database of one user with N chats (100,000) and four users with 2,500 each, ten messages of three hundred
characters per chat, on SQLite and, if a server is given, on PostgreSQL; serve it, wait for the index, and measure
searches over HTTP. With `--reference` Open WebUI searches the same SQLite database. `--write` writes the tables to
the docs.
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
from bench.chats import LENGTH, MAIN_USER, MESSAGES, OTHERS, OTHERS_CHATS, Words, fill_database
from bench.machine import describe_machine
from bench.servers import Running, call_json, run_server
from fastback import REFERENCE_VERSION, __version__
from fastback.access.tokens import TokenSigner
from fastback.demo.process import find_free_port
from fastback.kit.db.connect import connect

PAGE = report.PAGE
HEADING = "## Searching chats"
KEY = "bench-secret-key-of-at-least-32-characters"

#: The searches: name, text, page.
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
def run_fastback(url: str, data: Path, words: Words) -> Iterator[Running]:
    """Run Fastback on the database."""
    port = find_free_port()
    env = servers.make_environment("http://127.0.0.1:9", data, port) | {"DATABASE_URL": url, "GLOBAL_LOG_LEVEL": "INFO"}
    command = [sys.executable, "-OO", "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with run_server("Fastback", command, env, port) as running:
        running.token = TokenSigner(KEY).create_session_token(MAIN_USER, method="password", stamp=None, lifetime=None)
        yield running


@contextmanager
def run_reference(executable: str, data: Path) -> Iterator[Running]:
    """Run Open WebUI on the SQLite database of `data`."""
    port = find_free_port()
    env = servers.make_environment("http://127.0.0.1:9", data, port)
    env |= {"OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai", "ENV": "prod"}
    command = [executable, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with run_server("Open WebUI", command, env, port) as running:
        running.token = TokenSigner(KEY).create_session_token(MAIN_USER, method="password", stamp=None, lifetime=None)
        yield running


class HealthPulse:
    """Request `/health` continuously, to measure how long the event loop is blocked at worst."""

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

    def __enter__(self) -> HealthPulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def format_times(self) -> str:
        ordered = sorted(self._times)
        return f"{ordered[len(ordered) // 2]:.1f} / {ordered[int(len(ordered) * 0.99)]:.1f} / {ordered[-1]:.1f}"


def measure_search(running: Running, text: str, page: int, repeats: int) -> tuple[float, int]:
    """Return the median time of a search in milliseconds, and the number of its chats."""
    query = urllib.parse.urlencode({"text": text, "page": page})
    times, count = [], 0
    for _ in range(repeats):
        started = time.perf_counter()
        count = len(call_json(f"{running.url}/api/v1/chats/search?{query}", token=running.token, patience=600))
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), count


def wait_for_index(log: Path, patience: float = 1800) -> tuple[int, float]:
    """Wait until the log reports the finished index; return the number of its chats and the seconds it took."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        match = re.search(r"indexed (\d+) outdated chats in ([\d.]+) s", log.read_text())
        if match:
            return int(match[1]), float(match[2])
        time.sleep(0.5)
    raise RuntimeError("the index was not finished in time")


def measure_database(url: str, work: Path, words: Words, title: str) -> dict[str, Any]:
    """Return the figures of one database: `{title, ready, built, size…, searches: {name: (ms, count)}}`."""
    data = work / "data"
    figures: dict[str, Any] = {"title": title, "searches": {}}
    with run_fastback(url, data, words) as running:
        figures["ready"] = running.ready
        with HealthPulse(running.url) as pulse:
            common, count = measure_search(running, words.common, 1, 1)
            figures["while"] = f"{common:,.0f}" if count else "?"
            figures["chats"], figures["built"] = wait_for_index(work / "fastback.log")
        figures["pulse_build"] = pulse.format_times()
        figures["memory_build"] = servers.measure_memory(running.pid)
    with run_fastback(url, data, words) as running:
        figures["ready_again"] = running.ready
        time.sleep(5)
        with HealthPulse(running.url) as pulse:
            for name, text, page in SEARCHES:
                search_text = text.format(common=words.common)
                measure_search(running, search_text, page, 1)
                figures["searches"][name] = measure_search(running, search_text, page, 7)
                print(title, name, search_text, page, figures["searches"][name], flush=True)
        figures["pulse"] = pulse.format_times()
        figures["memory"] = servers.measure_memory(running.pid)
    return figures


async def _measure_postgres_sizes(url: str) -> tuple[float, float]:
    db = await connect(url)
    try:
        text = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname {} 'fastback%' "
        text += "AND relnamespace = 'public'::regnamespace"
        ours = await db.fetch_value("bench.size", text.format("LIKE"))
        theirs = await db.fetch_value("bench.size_rest", text.format("NOT LIKE"))
        return float(ours) / 1e6, float(theirs) / 1e6
    finally:
        await db.close()


async def _run_database_command(server: str, name: str, command: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"{command} DATABASE {name}" + (" WITH (FORCE)" if command == "DROP" else ""))
    finally:
        await connection.close()


def measure_sqlite(base: Path, chats: int, executable: str | None) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the figures of Fastback, and the times of Open WebUI by search."""
    work = base / "sqlite"
    (work / "data").mkdir(parents=True, exist_ok=True)
    path = work / "data" / "webui.db"
    started = time.perf_counter()
    words = Words() if path.exists() else asyncio.run(fill_database(f"sqlite:///{path}", chats))
    print(f"created the SQLite database in {time.perf_counter() - started:.0f} s", flush=True)
    index = path.with_name("webui.fastback_search.db")
    for path_of_index in index.parent.glob(f"{index.name}*"):
        path_of_index.unlink()
    figures = measure_database(f"sqlite:///{path}", work, words, "SQLite")
    figures["size"] = sum(file.stat().st_size for file in index.parent.glob(f"{index.name}*")) / 1e6
    figures["rest"] = path.stat().st_size / 1e6
    theirs: dict[str, float] = {}
    if executable:
        with run_reference(executable, work / "data") as running:
            for name, text, page in SEARCHES:
                theirs[name] = measure_search(running, text.format(common=words.common), page, 1)[0]
                print("Open WebUI", name, theirs[name], flush=True)
    return figures, theirs


def measure_postgres(base: Path, chats: int, server: str) -> dict[str, Any]:
    name = f"fastback_bench_{uuid.uuid4().hex[:8]}"
    url = f"{server.rsplit('/', 1)[0]}/{name}"
    asyncio.run(_run_database_command(server, name, "CREATE"))
    try:
        started = time.perf_counter()
        words = asyncio.run(fill_database(url, chats))
        print(f"created the PostgreSQL database in {time.perf_counter() - started:.0f} s", flush=True)
        work = base / "postgres"
        work.mkdir(exist_ok=True)
        figures = measure_database(url, work, words, "PostgreSQL")
        figures["size"], figures["rest"] = asyncio.run(_measure_postgres_sizes(url))
        return figures
    finally:
        asyncio.run(_run_database_command(server, name, "DROP"))


def format_section(results: list[dict[str, Any]], theirs: dict[str, float], chats: int) -> str:
    """Return the section of the page."""
    titles = [figures["title"] for figures in results]
    head = ["search (ms)", "chats on the page", *titles, *(["Open WebUI, SQLite", "ratio"] if theirs else [])]
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    for name, _, _ in SEARCHES:
        times = [figures["searches"][name][0] for figures in results]
        row = [name, str(results[0]["searches"][name][1]), *(f"{milliseconds:,.1f}" for milliseconds in times)]
        if theirs:
            their_time = theirs.get(name)
            row += [f"{their_time:,.0f}", f"{their_time / times[0]:,.0f}×"] if their_time else ["", ""]
        lines.append(f"| {' | '.join(row)} |")
    rows = [
        ("building the index in the background (s)", "built", "{:.0f}"),
        ("size of the index (MB)", "size", "{:,.0f}"),
        ("size of the database without the index (MB)", "rest", "{:,.0f}"),
        ("ready after, first start (s)", "ready", "{:.2f}"),
        ("ready after, with the index (s)", "ready_again", "{:.2f}"),
        ("first search, without the index (ms)", "while", "{}"),
        ("`/health` during indexing: median / p99 / worst (ms)", "pulse_build", "{}"),
        ("`/health` during searches: median / p99 / worst (ms)", "pulse", "{}"),
        ("resident memory after indexing (MB)", "memory_build", "{:.0f}"),
        ("resident memory after searching (MB)", "memory", "{:.0f}"),
    ]
    figure_lines = [f"| | {' | '.join(titles)} |", f"|---|{'--:|' * len(titles)}"]
    figure_lines += [
        f"| {name} | {' | '.join(template.format(figures[key]) for figures in results)} |"
        for name, key, template in rows
    ]
    table, figure_table = "\n".join(lines), "\n".join(figure_lines)
    return f"""
Measured by `python -m bench.search --write`: one user with {chats:,} chats of {MESSAGES} messages of {LENGTH}
characters, {OTHERS} others with {OTHERS_CHATS:,} chats each; times of `GET /api/v1/chats/search` over HTTP, medians of
seven runs for Fastback, one run for Open WebUI. `/health` is requested every four milliseconds, to measure how long the
server is blocked at worst; this depends on other load on the machine more than any other figure.

Machine: {describe_machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}.

{table}

{figure_table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search")
    parser.add_argument("--chats", type=int, default=100_000)
    parser.add_argument(
        "--postgres", default=os.environ.get("FASTBACK_TEST_POSTGRES"), help="a server on which to create a database"
    )
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--keep", help="a directory for the SQLite database, which the next run uses again")
    parser.add_argument("--only", choices=("sqlite", "postgres"), help="measure only this database")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE}")
    arguments = parser.parse_args()
    theirs: dict[str, float] = {}
    results = []
    with ExitStack() as stack:
        base = Path(arguments.keep or stack.enter_context(tempfile.TemporaryDirectory()))
        if arguments.only != "postgres":
            figures, theirs = measure_sqlite(base, arguments.chats, arguments.reference)
            results.append(figures)
        if arguments.postgres and arguments.only != "sqlite":
            results.append(measure_postgres(base, arguments.chats, arguments.postgres))
    text = format_section(results, theirs, arguments.chats)
    print(text)
    if arguments.write:
        report.write_section(HEADING, text)


if __name__ == "__main__":
    main()
