"""`python -m bench.retrieval [--reference PATH] [--chunks N] [--keep DIRECTORY] [--write]`: measure retrieval.

Upload 200 documents, four at a time, while a client reads the list of models; embed them with a server that takes
almost no time, and with the local default model. Then send a hundred questions to a collection of 50,000 chunks, which
each program's store contains beforehand: by vectors, and by vectors and words together.
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
from bench.embedding_server import embed_texts
from bench.machine import describe_machine
from bench.report import PAGE
from bench.servers import PASSWORD, Running, call_json, run_server
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import find_free_port
from fastback.retrieval.embedding import models
from fastback.retrieval.interfaces import Item
from fastback.retrieval.vectors.sqlite import SqliteStore

HEADING = "## Documents and passages"
COLLECTION = "bench-library"
DOCUMENTS, AT_ONCE, QUESTIONS = 200, 4, 100

Figures = dict[str, Any]


#: Uploading clients and the embedding server would run on other machines; here the measured server has priority.
LOW_PRIORITY = ("nice", "-n", "19")


@contextmanager
def lower_priority() -> Iterator[None]:
    """Lower the priority of this process, and restore it afterwards where that is allowed."""
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)


@contextmanager
def run_embedding_server(priority: Sequence[str] = LOW_PRIORITY) -> Iterator[str]:
    """Run the embedding server, and yield its address; `priority` is the command that sets its priority."""
    port = find_free_port()
    running = subprocess.Popen([*priority, sys.executable, "-m", "bench.embedding_server", str(port)])
    try:
        for _ in range(200):
            try:
                call_json(f"http://127.0.0.1:{port}/v1/models")
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        running.terminate()
        running.wait(10)


def make_environment(address: str, data: Path, port: int) -> dict[str, str]:
    return servers.make_environment(address.removesuffix("/v1"), data, port) | {
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "ENV": "prod",
    }


def make_server_settings(address: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": address,
        "RAG_OPENAI_API_KEY": "bench",
        "RAG_EMBEDDING_MODEL": "bench",
    }


def make_local_settings() -> dict[str, str]:
    """Return the settings of the local default model; both programs load it from the directory."""
    directory = models.find_model(models.DEFAULT_MODEL)
    if directory is None:
        raise SystemExit(f"{models.DEFAULT_MODEL} is not on this machine: `fastback models fetch`")
    return {"RAG_EMBEDDING_MODEL": str(directory)}


def measure_own_memory(pid: int) -> float:
    """Return the resident memory of one process without its children, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


class ServerWatch:
    """Measure the response times of the list of models during other work, and the server's memory."""

    def __init__(self, url: str, token: str, pid: int, interval: float) -> None:
        """ServerWatch a server; `interval` is the time between two reads in seconds."""
        self._url, self._token, self._pid, self._beat = url, token, pid, interval
        self.times: list[float] = []
        self.server = 0.0
        self.workers = 0.0

    async def _measure_memory(self) -> None:
        while True:
            own_memory_mb = measure_own_memory(self._pid)
            self.server = max(self.server, own_memory_mb)
            self.workers = max(self.workers, servers.measure_memory(self._pid) - own_memory_mb)
            await asyncio.sleep(max(0.1, 20 * self._beat))

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        command = ("-m", "bench.latency_watch", self._url, self._token, str(self._beat))
        pipe = asyncio.subprocess.PIPE
        reader = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe)
        memory_task = asyncio.create_task(self._measure_memory())
        try:
            yield
        finally:
            memory_task.cancel()
            output, _ = await reader.communicate(b"")
            self.times = json.loads(output)

    @property
    def p99(self) -> float:
        ordered = sorted(self.times)
        return ordered[int(len(ordered) * 0.99)]


def _headers(running: Running) -> dict[str, str]:
    return {"authorization": f"Bearer {running.token}"}


class MeasuringPace(msgspec.Struct, frozen=True):
    """Seconds between two reads of the list of models, between two checks of a document, and of reading while idle."""

    interval: float
    poll_interval: float
    idle: float


#: Documents take a few seconds when a server embeds them, a minute with the local model. Both paces give a few thousand
#: reads with little additional load.
QUICK, SLOW = MeasuringPace(0.003, 0.05, 5), MeasuringPace(0.02, 0.5, 30)


async def _upload_document(
    session: aiohttp.ClientSession, url: str, number: int, content: bytes, poll_interval: float
) -> None:
    """Upload a document, and wait until it is searchable."""
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
            raise RuntimeError(f"processing document {number} failed")
        await asyncio.sleep(poll_interval)


async def ingest_documents(running: Running, pace: MeasuringPace) -> Figures:
    """Measure the seconds until all documents are searchable, and the response times meanwhile.

    With the quick pace a bare handler is read too: its response times are caused by the machine, which has two cores
    for the server, its workers, the uploading clients, the embedding server and the watch. With the slow pace that
    additional load would exceed all the others.
    """
    idle, busy = (ServerWatch(running.url, running.token, running.pid, pace.interval) for _ in range(2))
    async with idle.watch():
        await asyncio.sleep(pace.idle)
    waiting = iter([(number, corpus.make_document(number).encode()) for number in range(DOCUMENTS)])
    limit: ServerWatch | None = None
    async with AsyncExitStack() as stack:
        if pace is QUICK:
            content = json.dumps(call_json(f"{running.url}/api/models", token=running.token)).encode()
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            limit = ServerWatch(
                stack.enter_context(servers.run_bare_handler(content, directory)), "", running.pid, pace.interval
            )
            await stack.enter_async_context(limit.watch())
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=_headers(running)))
        await stack.enter_async_context(busy.watch())

        async def upload_waiting_documents() -> None:
            for number, document in waiting:
                await _upload_document(session, running.url, number, document, pace.poll_interval)

        with lower_priority():
            started = time.perf_counter()
            await asyncio.gather(*(upload_waiting_documents() for _ in range(AT_ONCE)))
            duration = time.perf_counter() - started
    return {
        "ingest": duration,
        "p99_idle": idle.p99,
        "p99_ingest": busy.p99,
        "p99_times": busy.p99 / idle.p99,
        "p99_limit": limit.p99 if limit is not None else 0.0,
        "memory": busy.server,
        "workers": busy.workers,
    }


def ask_questions(running: Running, times: int, chunks: int, *, hybrid: bool) -> tuple[float, float]:
    """Return the median time of a question in milliseconds, and the share of questions with the right passage."""
    settings = {"ENABLE_RAG_HYBRID_SEARCH": hybrid, "TOP_K": 5, "TOP_K_RERANKER": 5}
    call_json(f"{running.url}/api/v1/retrieval/config/update", settings, running.token)
    durations, correct = [], 0
    for index in range(times + 1):
        number = (index * 7919) % chunks
        body = {"collection_names": [COLLECTION], "query": corpus.make_question(number)}
        started = time.perf_counter()
        result = call_json(f"{running.url}/api/v1/retrieval/query/collection", body, running.token, patience=600)
        if index:  # the first question is a warm-up
            durations.append((time.perf_counter() - started) * 1000)
            correct += any(corpus.make_fact(number) in text for text in result["documents"][0])
    return statistics.median(durations), correct / times


def generate_chunks(count: int) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Yield the chunks of the collection: id, text, metadata, vector."""
    for start in range(0, count, 1000):
        texts = [corpus.make_chunk(number) for number in range(start, min(start + 1000, count))]
        for number, (text, vector) in enumerate(zip(texts, embed_texts(texts), strict=True), start):
            metadata = {"name": f"lot-{number}.txt", "source": f"lot-{number}.txt", "file_id": f"lot-{number}"}
            yield f"chunk-{number}", text, metadata, vector


async def fill_fastback_store(data: Path, count: int) -> None:
    if (data / "vector_db").exists():
        return
    store = SqliteStore(data / "vector_db")
    batch: list[Item] = []
    for chunk_id, text, metadata, vector in generate_chunks(count):
        batch.append(Item(chunk_id, text, vector.tobytes(), metadata))
        if len(batch) == 1000:
            await store.upsert(COLLECTION, batch)
            batch = []
    if batch:
        await store.upsert(COLLECTION, batch)
    await store.close()


def fill_reference_store(executable: str, data: Path, count: int) -> None:
    if (data / "vector_db").exists():
        return
    path = data / "chunks.jsonl"
    with path.open("wb") as output:
        for chunk_id, text, metadata, vector in generate_chunks(count):
            row = {"id": chunk_id, "text": text, "metadata": metadata, "vector": vector.tolist()}
            output.write(msgspec.json.encode(row) + b"\n")
    python = str(Path(executable).parent / "python")
    script = str(Path(__file__).with_name("chroma_fill.py"))
    subprocess.run([python, script, str(data / "vector_db"), COLLECTION, str(path)], check=True, cwd=data)
    path.unlink()


def sign_up(running: Running) -> Running:
    body = {"name": "Bench", "email": "bench@example.com", "password": PASSWORD}
    running.token = call_json(f"{running.url}/api/v1/auths/signup", body)["token"]
    return running


def measure_program(
    name: str, command: list[str], address: str, data: Path, chunks: int, hybrid_questions: int
) -> Figures:
    """Return the figures of one program; `hybrid_questions` is the number of questions by vectors and words."""
    port = find_free_port()
    env = make_environment(address, data, port) | make_server_settings(address)
    with run_server(name, [*command, str(port)], env, port) as running:
        figures = asyncio.run(ingest_documents(sign_up(running), QUICK))
        figures["vectors"], figures["vectors_right"] = ask_questions(running, QUESTIONS, chunks, hybrid=False)
        figures["hybrid"], figures["hybrid_right"] = ask_questions(running, hybrid_questions, chunks, hybrid=True)
        figures["memory_after"] = measure_own_memory(running.pid)
    port = find_free_port()
    with tempfile.TemporaryDirectory() as directory:
        env = make_environment(address, Path(directory), port) | make_local_settings()
        with run_server(name, [*command, str(port)], env, port) as running:
            local_figures = asyncio.run(ingest_documents(sign_up(running), SLOW))
    figures |= {f"here_{key}": value for key, value in local_figures.items()}
    print(name, json.dumps(figures), flush=True)
    return figures


def measure_fastback(address: str, work: Path, chunks: int) -> Figures:
    asyncio.run(fill_fastback_store(work / "fastback", chunks))
    command = [sys.executable, "-OO", "-m", "fastback", "serve", "--host", "127.0.0.1", "--port"]
    return measure_program("Fastback", command, address, work / "fastback", chunks, QUESTIONS)


def measure_reference(executable: str, address: str, work: Path, chunks: int) -> Figures:
    fill_reference_store(executable, work / "reference", chunks)
    command = [executable, "serve", "--host", "127.0.0.1", "--port"]
    return measure_program("Open WebUI", command, address, work / "reference", chunks, 5)


_INGEST_ROWS = (
    (f"{DOCUMENTS} documents of 5,000 characters until they are searchable (s)", "ingest", "{:,.1f}", True),
    ("`/api/models`, p99, idle (ms)", "p99_idle", "{:,.1f}", False),
    ("`/api/models`, p99, during ingestion (ms)", "p99_ingest", "{:,.1f}", True),
    ("ratio to the idle server", "p99_times", "{:,.1f}", False),
    ("a handler that does nothing, p99, during ingestion (ms)", "p99_limit", "{:,.1f}", False),
    ("resident memory of the server, during ingestion (MB)", "memory", "{:,.0f}", True),
    ("its worker processes (MB)", "workers", "{:,.0f}", False),
)
_LOCAL_ROWS = tuple(
    (name, f"here_{key}", template, compared) for name, key, template, compared in _INGEST_ROWS if key != "p99_limit"
)
_QUESTION_ROWS = (
    ("question by vectors (ms)", "vectors", "{:,.1f}", True),
    ("question by vectors and words (ms)", "hybrid", "{:,.1f}", True),
    ("right passage among the first five, by vectors", "vectors_right", "{:.0%}", False),
    ("right passage among the first five, by both", "hybrid_right", "{:.0%}", False),
    ("resident memory of the server afterwards (MB)", "memory_after", "{:,.0f}", True),
)
_TABLES = (
    ("Documents, embedded on the machine by all-MiniLM-L6-v2", _LOCAL_ROWS),
    ("Documents, embedded by a server that takes almost no time", _INGEST_ROWS),
    ("Questions", _QUESTION_ROWS),
)


def format_table(title: str, rows: Sequence[tuple[str, str, str, bool]], ours: Figures, theirs: Figures | None) -> str:
    head = [title, "Fastback", *(["Open WebUI", "ratio"] if theirs else [])]
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    for name, key, template, compared in rows:
        row = [name, template.format(ours[key])]
        if theirs:
            row += [template.format(theirs[key]), f"{theirs[key] / ours[key]:,.1f}×" if compared else ""]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def format_section(ours: Figures, theirs: Figures | None, chunks: int) -> str:
    """Return the section of the page."""
    tables = "\n\n".join(format_table(title, rows, ours, theirs) for title, rows in _TABLES)
    return f"""\
Measured by `python -m bench.retrieval --reference … --write`: documents are uploaded {AT_ONCE} at a time;
questions go to a collection of {chunks:,} chunks of 800 characters over `POST /api/v1/retrieval/query/collection`,
medians of {QUESTIONS} (Open WebUI by vectors and words: of 5), embedded by a server that takes almost no time.

Machine: {describe_machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, the built-in store of each.

{tables}

While documents are embedded on the machine, a client reads the list of models {1 / SLOW.interval:.0f} times a second.
While a server embeds them, which takes seconds, it reads {1 / QUICK.interval:.0f} times a second, and reads as often a
handler that does nothing and runs in its own process. On two cores the server, its workers, the uploading clients, the
embedding server and the watch compete for CPU time: the response times of that handler are caused by the machine.

The share of right passages says little about other documents: all chunks share a sentence that differs only in its
numbers, so that their vectors are close together, and Open WebUI received only five questions by vectors and words. Why
it finds so few was not investigated; possible reasons are its approximate index, and words that keep their punctuation.
On other vectors its store found all ("Vectors").
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval")
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--keep", help="a directory for the filled stores, which the next run uses again")
    parser.add_argument("--fill", action="store_true", help="fill the stores of --keep without measuring")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE}")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        work = Path(arguments.keep or stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("fastback", "reference"):
            (work / name).mkdir(parents=True, exist_ok=True)
            (work / name / "webui.db").unlink(missing_ok=True)
        if arguments.fill:
            asyncio.run(fill_fastback_store(work / "fastback", arguments.chunks))
            fill_reference_store(arguments.reference, work / "reference", arguments.chunks)
            return
        address = stack.enter_context(run_embedding_server())
        our_figures = measure_fastback(address, work, arguments.chunks)
        their_figures = (
            measure_reference(arguments.reference, address, work, arguments.chunks) if arguments.reference else None
        )
    text = format_section(our_figures, their_figures, arguments.chunks)
    print(text)
    if arguments.write:
        report.write_section(HEADING, text)


if __name__ == "__main__":
    main()
