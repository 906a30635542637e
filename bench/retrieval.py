"""`python -m bench.retrieval [--reference PATH] [--chunks N] [--keep DIRECTORY] [--write]`: documents in, passages out.

200 documents are uploaded four at a time while somebody reads the list of models: embedded by a server that takes next
to no time, and by the model that is everybody's default, on the machine itself. Then a hundred questions are asked of a
collection of 50,000 chunks that was put into each program's store beforehand: by vectors, and by vectors and words
together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench import corpus, report, servers
from bench.embedding_server import vectors
from bench.machine import machine
from bench.report import PAGE
from bench.servers import PASSWORD, Running, call, process
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import find_free_port
from fastback.retrieval.embedding import models
from fastback.retrieval.interfaces import Item
from fastback.retrieval.vectors.sqlite import SqliteStore

HEADING = "## Documents and passages"
COLLECTION = "bench-library"
DOCUMENTS, AT_ONCE, QUESTIONS = 200, 4, 100

Figures = dict[str, Any]


#: Who uploads and who embeds would be other machines; on this one they leave the processor to whoever is measured.
GIVING_WAY = ("nice", "-n", "19")


@contextmanager
def giving_way() -> Iterator[None]:
    """Let others go first, and take one's own turn again afterwards where that is allowed."""
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)


@contextmanager
def embedder() -> Iterator[str]:
    """The address of the embedding server."""
    port = find_free_port()
    running = subprocess.Popen([*GIVING_WAY, sys.executable, "-m", "bench.embedding_server", str(port)])
    try:
        for _ in range(200):
            try:
                call(f"http://127.0.0.1:{port}/v1/models")
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        running.terminate()
        running.wait(10)


def environment(address: str, data: Path, port: int) -> dict[str, str]:
    return servers.environment(address.removesuffix("/v1"), data, port) | {
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "ENV": "prod",
    }


def embedded_elsewhere(address: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": address,
        "RAG_OPENAI_API_KEY": "bench",
        "RAG_EMBEDDING_MODEL": "bench",
    }


def embedded_here() -> dict[str, str]:
    """With the model that is everybody's default; the reference, too, finds it in a directory that is named."""
    found = models.find_model(models.DEFAULT_MODEL)
    if found is None:
        raise SystemExit(f"{models.DEFAULT_MODEL} is not on this machine: `fastback models fetch`")
    return {"RAG_EMBEDDING_MODEL": str(found)}


def own_memory(pid: int) -> float:
    """Resident memory of one process alone, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


class Watch:
    """How it goes to somebody who reads the list of models meanwhile, and the server's memory."""

    def __init__(self, url: str, token: str, pid: int, beat: float) -> None:
        """`beat`: seconds between two reads."""
        self._url, self._token, self._pid, self._beat = url, token, pid, beat
        self.times: list[float] = []
        self.server = 0.0
        self.workers = 0.0

    async def _weigh(self) -> None:
        while True:
            alone = own_memory(self._pid)
            self.server = max(self.server, alone)
            self.workers = max(self.workers, servers.memory(self._pid) - alone)
            await asyncio.sleep(max(0.1, 20 * self._beat))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        command = ("-m", "bench.latency_watch", self._url, self._token, str(self._beat))
        pipe = asyncio.subprocess.PIPE
        reader = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe)
        weighing = asyncio.create_task(self._weigh())
        try:
            yield
        finally:
            weighing.cancel()
            said, _ = await reader.communicate(b"")
            self.times = json.loads(said)

    @property
    def p99(self) -> float:
        ordered = sorted(self.times)
        return ordered[int(len(ordered) * 0.99)]


def _headers(running: Running) -> dict[str, str]:
    return {"authorization": f"Bearer {running.token}"}


class Pace(msgspec.Struct, frozen=True):
    """Seconds between two reads of the list of models, between two looks at a document that is waited for, and for how
    many the list is read while nothing goes on.
    """

    beat: float
    look: float
    idle: float


#: A few seconds of documents that are embedded elsewhere, or a minute of such as are embedded here: a few thousand
#: reads in each, and as little to do besides as may be.
QUICK, SLOW = Pace(0.003, 0.05, 5), Pace(0.02, 0.5, 30)


async def _upload(session: aiohttp.ClientSession, url: str, number: int, content: bytes, look: float) -> None:
    """Upload a document, and wait until it can be searched."""
    form = aiohttp.FormData()
    form.add_field("file", content, filename=f"lot-{number}.txt", content_type="text/plain")
    async with session.post(f"{url}/api/v1/files/", data=form) as response:
        file = await response.json()
        if response.status != 200:
            raise RuntimeError(f"upload: {response.status} {file}")
    while True:
        async with session.get(f"{url}/api/v1/files/{file['id']}/process/status") as response:
            status = (await response.json()).get("status")
        if status == "completed":
            return
        if status == "failed":
            raise RuntimeError(f"document {number} was not read")
        await asyncio.sleep(look)


async def ingest(running: Running, pace: Pace) -> Figures:
    """Seconds until all documents can be searched; how it went to others meanwhile.

    Over the quick ones a handler that does nothing is asked too: what it makes people wait is the machine's doing,
    which has two cores for the server, its workers, whoever uploads, embeds and watches. Over the slow ones it would
    add more to that than all the rest.
    """
    idle, busy = (Watch(running.url, running.token, running.pid, pace.beat) for _ in range(2))
    async with idle.watching():
        await asyncio.sleep(pace.idle)
    waiting = iter([(number, corpus.document(number).encode()) for number in range(DOCUMENTS)])
    limit: Watch | None = None
    async with AsyncExitStack() as stack:
        if pace is QUICK:
            content = json.dumps(call(f"{running.url}/api/models", token=running.token)).encode()
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            limit = Watch(stack.enter_context(servers.bare(content, place)), "", running.pid, pace.beat)
            await stack.enter_async_context(limit.watching())
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=_headers(running)))
        await stack.enter_async_context(busy.watching())

        async def one_after_the_other() -> None:
            for number, document in waiting:
                await _upload(session, running.url, number, document, pace.look)

        with giving_way():
            started = time.perf_counter()
            await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
            spent = time.perf_counter() - started
    return {
        "ingest": spent,
        "p99_idle": idle.p99,
        "p99_ingest": busy.p99,
        "p99_times": busy.p99 / idle.p99,
        "p99_limit": limit.p99 if limit is not None else 0.0,
        "memory": busy.server,
        "workers": busy.workers,
    }


def asked(running: Running, times: int, chunks: int, *, hybrid: bool) -> tuple[float, float]:
    """The median time of a question in milliseconds, and how often the right passage came."""
    settings = {"ENABLE_RAG_HYBRID_SEARCH": hybrid, "TOP_K": 5, "TOP_K_RERANKER": 5}
    call(f"{running.url}/api/v1/retrieval/config/update", settings, running.token)
    spent, right = [], 0
    for place in range(times + 1):
        number = (place * 7919) % chunks
        body = {"collection_names": [COLLECTION], "query": corpus.question(number)}
        started = time.perf_counter()
        found = call(f"{running.url}/api/v1/retrieval/query/collection", body, running.token, patience=600)
        if place:  # the first warms up
            spent.append((time.perf_counter() - started) * 1000)
            right += any(corpus.fact(number) in text for text in found["documents"][0])
    return statistics.median(spent), right / times


def chunked(count: int) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """The library's chunks: id, text, metadata, vector."""
    for start in range(0, count, 1000):
        texts = [corpus.chunk(number) for number in range(start, min(start + 1000, count))]
        for place, (text, vector) in enumerate(zip(texts, vectors(texts), strict=True), start):
            about = {"name": f"lot-{place}.txt", "source": f"lot-{place}.txt", "file_id": f"lot-{place}"}
            yield f"chunk-{place}", text, about, vector


async def fill_ours(data: Path, count: int) -> None:
    if (data / "vector_db").exists():
        return
    store = SqliteStore(data / "vector_db")
    batch: list[Item] = []
    for chunk_id, text, about, vector in chunked(count):
        batch.append(Item(chunk_id, text, vector.tobytes(), about))
        if len(batch) == 1000:
            await store.upsert(COLLECTION, batch)
            batch = []
    if batch:
        await store.upsert(COLLECTION, batch)
    await store.close()


def fill_theirs(executable: str, data: Path, count: int) -> None:
    if (data / "vector_db").exists():
        return
    path = data / "chunks.jsonl"
    with path.open("wb") as output:
        for chunk_id, text, about, vector in chunked(count):
            row = {"id": chunk_id, "text": text, "metadata": about, "vector": vector.tolist()}
            output.write(msgspec.json.encode(row) + b"\n")
    python = str(Path(executable).parent / "python")
    script = str(Path(__file__).with_name("chroma_fill.py"))
    subprocess.run([python, script, str(data / "vector_db"), COLLECTION, str(path)], check=True, cwd=data)
    path.unlink()


def signed_up(running: Running) -> Running:
    body = {"name": "Bench", "email": "bench@example.com", "password": PASSWORD}
    running.token = call(f"{running.url}/api/v1/auths/signup", body)["token"]
    return running


def measure(name: str, command: list[str], address: str, data: Path, chunks: int, slow: int) -> Figures:
    """The figures of one program; `slow`: questions that it is asked by vectors and words."""
    port = find_free_port()
    env = environment(address, data, port) | embedded_elsewhere(address)
    with process(name, [*command, str(port)], env, port) as running:
        found = asyncio.run(ingest(signed_up(running), QUICK))
        found["vectors"], found["vectors_right"] = asked(running, QUESTIONS, chunks, hybrid=False)
        found["hybrid"], found["hybrid_right"] = asked(running, slow, chunks, hybrid=True)
        found["memory_after"] = own_memory(running.pid)
    port = find_free_port()
    with tempfile.TemporaryDirectory() as fresh:
        env = environment(address, Path(fresh), port) | embedded_here()
        with process(name, [*command, str(port)], env, port) as running:
            here = asyncio.run(ingest(signed_up(running), SLOW))
    found |= {f"here_{key}": value for key, value in here.items()}
    print(name, json.dumps(found), flush=True)
    return found


def ours(address: str, work: Path, chunks: int) -> Figures:
    asyncio.run(fill_ours(work / "fastback", chunks))
    command = [sys.executable, "-m", "fastback", "serve", "--host", "127.0.0.1", "--port"]
    return measure("Fastback", command, address, work / "fastback", chunks, QUESTIONS)


def theirs(executable: str, address: str, work: Path, chunks: int) -> Figures:
    fill_theirs(executable, work / "reference", chunks)
    command = [executable, "serve", "--host", "127.0.0.1", "--port"]
    return measure("Open WebUI", command, address, work / "reference", chunks, 5)


_INGEST = (
    (f"{DOCUMENTS} documents of 5,000 characters until they can be searched (s)", "ingest", "{:,.1f}", True),
    ("`/api/models`, p99, nothing going on (ms)", "p99_idle", "{:,.1f}", False),
    ("`/api/models`, p99, documents going in (ms)", "p99_ingest", "{:,.1f}", True),
    ("times what it is when nothing goes on", "p99_times", "{:,.1f}", False),
    ("a handler that does nothing, p99, documents going in (ms)", "p99_limit", "{:,.1f}", False),
    ("resident memory of the server, documents going in (MB)", "memory", "{:,.0f}", True),
    ("its worker processes besides (MB)", "workers", "{:,.0f}", False),
)
_HERE = tuple((what, f"here_{key}", shape, compared) for what, key, shape, compared in _INGEST if key != "p99_limit")
_ASKED = (
    ("question by vectors (ms)", "vectors", "{:,.1f}", True),
    ("question by vectors and words (ms)", "hybrid", "{:,.1f}", True),
    ("right passage among the first five, by vectors", "vectors_right", "{:.0%}", False),
    ("right passage among the first five, by both", "hybrid_right", "{:.0%}", False),
    ("resident memory of the server afterwards (MB)", "memory_after", "{:,.0f}", True),
)
_TABLES = (
    ("Documents, embedded on the machine by all-MiniLM-L6-v2", _HERE),
    ("Documents, embedded by a server that takes next to no time", _INGEST),
    ("Questions", _ASKED),
)


def table(title: str, rows: Sequence[tuple[str, str, str, bool]], mine: Figures, other: Figures | None) -> str:
    head = [title, "Fastback", *(["Open WebUI", "ratio"] if other else [])]
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    for what, key, shape, compared in rows:
        row = [what, shape.format(mine[key])]
        if other:
            row += [shape.format(other[key]), f"{other[key] / mine[key]:,.1f}×" if compared else ""]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def markdown(mine: Figures, other: Figures | None, chunks: int) -> str:
    """The section of the page."""
    tables = "\n\n".join(table(title, rows, mine, other) for title, rows in _TABLES)
    return f"""\
Made by `python -m bench.retrieval --reference … --write`: documents are uploaded {AT_ONCE} at a time; questions go to a
collection of {chunks:,} chunks of 800 characters over `POST /api/v1/retrieval/query/collection`, medians of
{QUESTIONS} (Open WebUI by vectors and words: of 5), embedded by the server that takes next to no time.

Machine: {machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, the stores that each has built in.

{tables}

While documents are embedded on the machine somebody reads the list of models {1 / SLOW.beat:.0f} times a second; while
they are embedded elsewhere, which takes seconds, {1 / QUICK.beat:.0f} times, and a handler that does nothing as often,
in a process of its own. On two cores the server, its workers and all who upload, embed and watch are in each other's
way: what that handler makes people wait is the machine's doing.

How often the right passage comes says little beyond these documents: all chunks share a sentence but for its numbers,
so their vectors lie close together, and Open WebUI was asked five questions by both. Why it finds so few was not
looked into; an approximate index, and words that keep their punctuation, may be why. On other vectors its store found
all ("Vectors").
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval")
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--keep", help="a directory for the filled stores, used again by the next run")
    parser.add_argument("--fill", action="store_true", help="fill the stores of --keep, measure nothing")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE}")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        work = Path(arguments.keep or stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("fastback", "reference"):
            (work / name).mkdir(parents=True, exist_ok=True)
            (work / name / "webui.db").unlink(missing_ok=True)
        if arguments.fill:
            asyncio.run(fill_ours(work / "fastback", arguments.chunks))
            fill_theirs(arguments.reference, work / "reference", arguments.chunks)
            return
        address = stack.enter_context(embedder())
        mine = ours(address, work, arguments.chunks)
        other = theirs(arguments.reference, address, work, arguments.chunks) if arguments.reference else None
    text = markdown(mine, other, arguments.chunks)
    print(text)
    if arguments.write:
        report.put(HEADING, text)


if __name__ == "__main__":
    main()
