"""Start the measured servers, each in its own process with an empty data directory."""

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
SECRET_KEY = "bench-secret-key-of-at-least-32-characters"


def call_json(
    url: str, body: Any = None, token: str | None = None, method: str | None = None, patience: float = 60
) -> Any:
    """Send a JSON request, and return the decoded response."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=patience) as response:
        return json.loads(response.read() or b"null")


def measure_memory(pid: int) -> float:
    """Return the resident memory of a process and its children, in MB."""
    total = 0
    waiting = [pid]
    while waiting:
        process_id = waiting.pop()
        try:
            text = Path(f"/proc/{process_id}/status").read_text()
            children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
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

    def prepare_chats(self) -> None:
        """Sign up, and create sixty chats for the list of chats."""
        body = {"name": "Bench", "email": "bench@example.com", "password": PASSWORD}
        self.token = call_json(f"{self.url}/api/v1/auths/signup", body)["token"]
        for number in range(60):
            question = {"id": f"q{number}", "role": "user", "content": "Hello", "parentId": None, "childrenIds": []}
            chat = {"title": f"Chat {number}", "models": ["demo-small"]}
            chat["history"] = {"currentId": question["id"], "messages": {question["id"]: question}}
            call_json(f"{self.url}/api/v1/chats/new", {"chat": chat}, self.token)
        call_json(f"{self.url}/api/models", token=self.token)
        self.idle_memory = measure_memory(self.pid)


@contextmanager
def run_server(
    name: str, command: list[str], env: dict[str, str], port: int, *, patience: float = 180, grace: float = 15
) -> Iterator[Running]:
    """Run a server, wait until it answers `/health`, and stop it at the end, within `grace` seconds."""
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
            running.wait(grace)
        except subprocess.TimeoutExpired:
            running.kill()


def make_environment(upstream: str, data: Path, port: int) -> dict[str, str]:
    """Return the environment variables of either program."""
    data.mkdir(parents=True, exist_ok=True)
    return {
        "DATA_DIR": str(data),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "OPENAI_API_BASE_URLS": f"{upstream}/v1",
        "OPENAI_API_KEYS": "bench",
        "ENABLE_OLLAMA_API": "false",
        "WEBUI_SECRET_KEY": SECRET_KEY,
        "GLOBAL_LOG_LEVEL": "WARNING",
        "ENABLE_VERSION_UPDATE_CHECK": "false",
    }


@contextmanager
def run_helper(*arguments: str) -> Iterator[str]:
    """Run a module with its arguments beside the measured servers; yield the line that it prints, its address."""
    command = [sys.executable, "-m", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.communicate(b"")


@contextmanager
def run_fastback(upstream: str, work: Path) -> Iterator[Running]:
    port = find_free_port()
    env = make_environment(upstream, work / "fastback", port)
    command = [sys.executable, "-OO", "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with run_server("Fastback", command, env, port) as running:
        yield running


@contextmanager
def run_reference(executable: str, upstream: str, work: Path) -> Iterator[Running]:
    port = find_free_port()
    env = make_environment(upstream, work / "reference", port)
    env |= {"OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai", "ENV": "prod"}
    command = [executable, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with run_server("Open WebUI", command, env, port) as running:
        yield running


@contextmanager
def run_bare_handler(content: bytes, work: Path) -> Iterator[str]:
    """Run the bare handler, which returns these bytes."""
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
