"""`python -m bench.retrieval [--reference PATH] [--chunks N] [--keep DIRECTORY] [--write]`: documents in, passages out.

Both programs embed with the same server, which takes next to no time. 200 documents are uploaded four at a time while
somebody reads the list of models; then a hundred questions are asked of a collection of 50,000 chunks that was put into
each program's store beforehand: by vectors, and by vectors and words together.
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
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench import corpus, servers
from bench.embedder import vectors
from bench.machine import machine
from bench.servers import PASSWORD, Running, call, process
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import free_port
from fastback.retrieval.contracts import Item
from fastback.retrieval.vectors.sqlite import SqliteStore

PAGE = Path("docs/performance.md")
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
    port = free_port()
    running = subprocess.Popen([*GIVING_WAY, sys.executable, "-m", "bench.embedder", str(port)])
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
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": address,
        "RAG_OPENAI_API_KEY": "bench",
        "RAG_EMBEDDING_MODEL": "bench",
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "ENV": "prod",
    }


def own_memory(pid: int) -> float:
    """Resident memory of one process alone, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


class Watch:
    """How it goes to somebody who reads the list of models meanwhile, and the server's memory."""

    def __init__(self, url: str, token: str, pid: int) -> None:
        self._url, self._token, self._pid = url, token, pid
        self.times: list[float] = []
        self.server = 0.0
        self.workers = 0.0

    async def _weigh(self) -> None:
        while True:
            alone = own_memory(self._pid)
            self.server = max(self.server, alone)
            self.workers = max(self.workers, servers.memory(self._pid) - alone)
            await asyncio.sleep(0.1)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        command = ("-m", "bench.watch", self._url, self._token)
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


async def _upload(session: aiohttp.ClientSession, url: str, number: int, content: bytes) -> None:
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
        await asyncio.sleep(0.05)


async def ingest(running: Running) -> Figures:
    """Seconds until all documents can be searched; how it went to others meanwhile.

    A handler that does nothing is asked too: what it makes people wait is the machine's doing, which has two cores for
    the server, its workers, whoever uploads, embeds and watches.
    """
    idle, busy = Watch(running.url, running.token, running.pid), Watch(running.url, running.token, running.pid)
    content = json.dumps(call(f"{running.url}/api/models", token=running.token)).encode()
    async with idle.watching():
        await asyncio.sleep(5)
    waiting = iter([(number, corpus.document(number).encode()) for number in range(DOCUMENTS)])
    with tempfile.TemporaryDirectory() as place, servers.bare(content, Path(place)) as limit_url:
        limit = Watch(limit_url, "", running.pid)
        async with (
            aiohttp.ClientSession(headers=_headers(running)) as session,
            busy.watching(),
            limit.watching(),
        ):

            async def one_after_the_other() -> None:
                for number, document in waiting:
                    await _upload(session, running.url, number, document)

            with giving_way():
                started = time.perf_counter()
                await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
                spent = time.perf_counter() - started
    return {
        "ingest": spent,
        "p99_idle": idle.p99,
        "p99_ingest": busy.p99,
        "p99_limit": limit.p99,
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


def measure(running: Running, chunks: int, slow: int) -> Figures:
    """The figures of one program; `slow`: questions that it is asked by vectors and words."""
    body = {"name": "Bench", "email": "bench@example.com", "password": PASSWORD}
    running.token = call(f"{running.url}/api/v1/auths/signup", body)["token"]
    found = asyncio.run(ingest(running))
    found["vectors"], found["vectors_right"] = asked(running, QUESTIONS, chunks, hybrid=False)
    found["hybrid"], found["hybrid_right"] = asked(running, slow, chunks, hybrid=True)
    found["memory_after"] = own_memory(running.pid)
    print(running.name, json.dumps(found), flush=True)
    return found


def ours(address: str, work: Path, chunks: int) -> Figures:
    port, data = free_port(), work / "fastback"
    env = environment(address, data, port)
    asyncio.run(fill_ours(data, chunks))
    command = [sys.executable, "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with process("Fastback", command, env, port) as running:
        return measure(running, chunks, QUESTIONS)


def theirs(executable: str, address: str, work: Path, chunks: int) -> Figures:
    port, data = free_port(), work / "reference"
    env = environment(address, data, port)
    fill_theirs(executable, data, chunks)
    command = [executable, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with process("Open WebUI", command, env, port) as running:
        return measure(running, chunks, 5)


_ROWS = (
    (f"{DOCUMENTS} documents of 5,000 characters until they can be searched (s)", "ingest", "{:,.1f}", True),
    ("question by vectors (ms)", "vectors", "{:,.1f}", True),
    ("question by vectors and words (ms)", "hybrid", "{:,.1f}", True),
    ("right passage among the first five, by vectors", "vectors_right", "{:.0%}", False),
    ("right passage among the first five, by both", "hybrid_right", "{:.0%}", False),
    ("`/api/models` meanwhile, p99, nothing going on (ms)", "p99_idle", "{:,.1f}", False),
    ("`/api/models` meanwhile, p99, documents going in (ms)", "p99_ingest", "{:,.1f}", True),
    ("a handler that does nothing, p99, documents going in (ms)", "p99_limit", "{:,.1f}", False),
    ("resident memory of the server, documents going in (MB)", "memory", "{:,.0f}", True),
    ("its worker processes besides (MB)", "workers", "{:,.0f}", False),
    ("resident memory of the server after the questions (MB)", "memory_after", "{:,.0f}", True),
)


def markdown(mine: Figures, other: Figures | None, chunks: int) -> str:
    """The section of the page."""
    head = ["what", "Fastback", *(["Open WebUI", "ratio"] if other else [])]
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    for what, key, shape, compared in _ROWS:
        row = [what, shape.format(mine[key])]
        if other:
            row += [shape.format(other[key]), f"{other[key] / mine[key]:,.1f}×" if compared else ""]
        lines.append(f"| {' | '.join(row)} |")
    table = "\n".join(lines)
    return f"""{HEADING}

Made by `python -m bench.retrieval --reference … --write`: documents are uploaded {AT_ONCE} at a time; questions go to a
collection of {chunks:,} chunks of 800 characters over `POST /api/v1/retrieval/query/collection`, medians of
{QUESTIONS} (Open WebUI by vectors and words: of 5). Both embed with one server that takes next to no time.

Machine: {machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, the stores that each has built in.

{table}

How often the right passage comes says little beyond these documents: all chunks share a sentence but for its numbers,
so their vectors lie close together, and Open WebUI was asked five questions by both. Why it finds so few was not
looked into; an approximate index, and words that keep their punctuation, may be why. On other vectors its store found
all ("Vectors").

The list of models takes longer to come while documents go in, several times what it takes when nothing goes on; so
does the answer of a handler that does nothing, in a process of its own: two cores are shared by the server, its
workers, whoever uploads and embeds (both give way) and those who watch.
"""


def written(page: str, section: str) -> str:
    """The page with this section in place of the one of the same heading, or at its end."""
    before, heading, rest = page.partition(HEADING)
    after = rest.partition("\n## ")
    tail = f"\n\n## {after[2]}" if heading and after[1] else "\n"
    return f"{before.rstrip()}\n\n{section.rstrip()}{tail}"


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
        PAGE.write_text(written(PAGE.read_text(), text))


if __name__ == "__main__":
    main()
