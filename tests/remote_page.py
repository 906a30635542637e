"""`python remote_page.py`: a model server with one very long delta, and a page that asks it for that.

They run in a process of their own, so that what a test measures are the holds and the memory of the server alone.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import Person
from fault_events import END, text
from faulty_model_server import Fault, serve_faults
from page_client import open_page

#: The id of the model, and its answer of 20 MB.
MODEL = "long-delta"
LONG_ANSWER = "some words\n" * (20 * 1024 * 1024 // 11)


class RemotePage:
    """The process of the page; `model_url` is the address of its model server."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.model_url = self._read_line()

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    async def ask(self, person: Person) -> dict[str, Any]:
        """Have the page ask the model in a new chat; return the chat's id and what the page received.

        `{chat_id, deltas: their lengths, is_whole: whether they make up the answer, is_done}`.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{person.url} {person.token}\n".encode())
        self._process.stdin.flush()
        result: dict[str, Any] = json.loads(await asyncio.to_thread(self._read_line))
        return result


@contextmanager
def run_remote_page() -> Iterator[RemotePage]:
    """Run the process while the context is open."""
    command = [sys.executable, str(Path(__file__))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield RemotePage(process)
    finally:
        process.communicate()


async def _ask(url: str, token: str) -> dict[str, Any]:
    async with open_page(Person(url, token)) as page:
        reply = await page.ask("Hi", models=[MODEL])
        deltas = [data["delta"] for data in page.list_data("response:completion") if data["type"].endswith("delta")]
        done = page.list_data("chat:completion")[-1]
        (item,) = done["output"]
    return {
        "chat_id": reply["chat_id"],
        "deltas": list(map(len, deltas)),
        "is_whole": "".join(deltas) == LONG_ANSWER,
        "is_done": done["done"] is True and item["content"][0]["text"] == LONG_ANSWER.strip(),
    }


async def _serve() -> None:
    async with serve_faults([Fault(name=MODEL, pieces=(text(LONG_ANSWER), END))]) as url:
        print(url, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await _ask(*line.split())), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
