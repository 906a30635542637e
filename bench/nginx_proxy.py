"""nginx with the site of `deploy/nginx-cluster.conf`, on ports of this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fastback.demo.process import find_free_port

SITE = Path(__file__).parents[1] / "deploy" / "nginx-cluster.conf"
#: Where Debian installs it, outside of the path of ordinary users.
_PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
_LOG_FORMAT = "'$request_method $status $upstream_status'"


class Proxy:
    """A running nginx with the files in `directory`."""

    def __init__(self, url: str, pid: int, directory: Path) -> None:
        self.url = url
        self.pid = pid
        self._directory = directory

    def count_requests(self) -> tuple[Counter[str], Counter[str]]:
        """Count the responses by method and status, and the requests that a second node got, by method."""
        responses, retries = Counter[str](), Counter[str]()
        for line in (self._directory / "access.log").read_text(encoding="utf-8").splitlines():
            method, status, *upstreams = line.split()
            responses[f"{method} {status}"] += 1
            retries[method] += len(upstreams) > 1
        return responses, retries

    def read_errors(self) -> list[str]:
        return (self._directory / "error.log").read_text(encoding="utf-8").splitlines()


def write_configuration(directory: Path, port: int, node_ports: Sequence[int]) -> Path:
    """Write the configuration of a proxy for two nodes, and return its path."""
    site = re.sub(r"listen 80\b", f"listen 127.0.0.1:{port}", SITE.read_text(encoding="utf-8"))
    for number, node_port in enumerate(node_ports, 1):
        site = site.replace(f"server node{number}:8080", f"server 127.0.0.1:{node_port}")
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp_paths = "".join(f"{name}_temp_path {directory}/{name};\n" for name in names)
    path = directory / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""  # who may enter the directory
    path.write_text(
        f"{user}daemon off;\npid {directory}/pid;\nerror_log {directory}/error.log warn;\nworker_processes 1;\n"
        "worker_rlimit_nofile 65536;\nevents { worker_connections 8192; }\n"
        f"http {{\nlog_format upstreams {_LOG_FORMAT};\n"
        f"access_log {directory}/access.log upstreams buffer=64k flush=1s;\n"
        # nginx closes a client's connection after a thousand requests; the load generator does not open another one.
        f"keepalive_requests 10000000;\n{temp_paths}{site}\n}}\n"
    )
    return path


@contextmanager
def run_proxy(directory: Path, node_ports: Sequence[int]) -> Iterator[Proxy]:
    """Run nginx in front of two nodes."""
    port = find_free_port()
    path = write_configuration(directory, port, node_ports)
    process = subprocess.Popen([_PROGRAM, "-p", str(directory), "-c", str(path), "-e", str(directory / "error.log")])
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise RuntimeError(f"nginx did not start: {(directory / 'error.log').read_text()[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.02)
        yield Proxy(f"http://127.0.0.1:{port}", process.pid, directory)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
