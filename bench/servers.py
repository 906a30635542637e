"""Starting what is measured, each in a process of its own with a fresh data directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastback.demo.process import find_free_port

PASSWORD = "bench password 1"


def call(url: str, body: Any = None, token: str | None = None, method: str | None = None, patience: float = 60) -> Any:
    """A JSON request, and its answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=patience) as response:
        return json.loads(response.read() or b"null")


def memory(pid: int) -> float:
    """Resident memory of a process and its children, in MB."""
    total = 0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            text = Path(f"/proc/{one}/status").read_text()
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            continue
        total += int(text.split("VmRSS:")[1].split()[0])
        waiting += [int(child) for child in children]
    return total / 1024


class Running:
    """A server under measurement."""

    def __init__(self, name: str, url: str, pid: int, ready: float) -> None:
        self.name = name
        self.url = url
        self.pid = pid
        self.ready = ready
        self.token = ""
        self.idle_memory = 0.0

    def prepare(self) -> None:
        """Sign up, and keep sixty chats, so that there is a list to read."""
        body = {"name": "Bench", "email": "bench@example.com", "password": PASSWORD}
        self.token = call(f"{self.url}/api/v1/auths/signup", body)["token"]
        for number in range(60):
            question = {"id": f"q{number}", "role": "user", "content": "Hello", "parentId": None, "childrenIds": []}
            chat = {"title": f"Chat {number}", "models": ["demo-small"]}
            chat["history"] = {"currentId": question["id"], "messages": {question["id"]: question}}
            call(f"{self.url}/api/v1/chats/new", {"chat": chat}, self.token)
        call(f"{self.url}/api/models", token=self.token)
        self.idle_memory = memory(self.pid)


@contextmanager
def process(
    name: str, command: list[str], env: dict[str, str], port: int, *, patience: float = 180
) -> Iterator[Running]:
    """A server that answers `/health`, stopped at the end."""
    url = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    log = Path(env["DATA_DIR"]).parent / f"{name.replace(' ', '-').lower()}.log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=output, stderr=output, cwd=env["DATA_DIR"]
        )
    try:
        while True:
            if running.poll() is not None:
                raise RuntimeError(f"{name} did not start:\n{log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=2):
                    break
            except (OSError, urllib.error.URLError):
                if time.perf_counter() - started > patience:
                    raise RuntimeError(f"{name} did not start in time") from None
                time.sleep(0.01)
        yield Running(name, url, running.pid, time.perf_counter() - started)
    finally:
        running.terminate()
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()


def environment(upstream: str, data: Path, port: int) -> dict[str, str]:
    """What either program is told."""
    data.mkdir(parents=True, exist_ok=True)
    return {
        "DATA_DIR": str(data),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "OPENAI_API_BASE_URLS": f"{upstream}/v1",
        "OPENAI_API_KEYS": "bench",
        "ENABLE_OLLAMA_API": "false",
        "WEBUI_SECRET_KEY": "bench-secret-key-of-at-least-32-characters",
        "GLOBAL_LOG_LEVEL": "WARNING",
        "ENABLE_VERSION_UPDATE_CHECK": "false",
    }


@contextmanager
def fastback(upstream: str, work: Path) -> Iterator[Running]:
    port = find_free_port()
    env = environment(upstream, work / "fastback", port)
    command = [sys.executable, "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with process("Fastback", command, env, port) as running:
        yield running


@contextmanager
def reference(executable: str, upstream: str, work: Path) -> Iterator[Running]:
    port = find_free_port()
    env = environment(upstream, work / "reference", port)
    env |= {"OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai", "ENV": "prod"}
    command = [executable, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with process("Open WebUI", command, env, port) as running:
        yield running


@contextmanager
def bare(content: bytes, work: Path) -> Iterator[str]:
    """The bare handler that answers these bytes."""
    port = find_free_port()
    path = work / "bare.json"
    path.write_bytes(content)
    running = subprocess.Popen([sys.executable, "-m", "bench.bare_handler", str(port), str(path)])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(url, timeout=1):
                    break
            except OSError:
                time.sleep(0.02)
        yield url
    finally:
        running.terminate()
        running.wait(5)
