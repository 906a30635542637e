"""A network namespace for one process: two links lead out of it, and the test takes one of them down."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def _run(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)


class Link:
    """A pair of virtual devices: this machine has the address `outside`, the namespace `inside`."""

    def __init__(self, namespace: str, name: str, network: str) -> None:
        self._device = f"{name}o"
        self.outside, self.inside = f"{network}.1", f"{network}.2"
        _run("link", "add", self._device, "type", "veth", "peer", "name", f"{name}i", "netns", namespace)
        _run("addr", "add", f"{self.outside}/30", "dev", self._device)
        _run("link", "set", self._device, "up")
        _run("-n", namespace, "addr", "add", f"{self.inside}/30", "dev", f"{name}i")
        _run("-n", namespace, "link", "set", f"{name}i", "up")

    def cut(self) -> None:
        """Drop every packet, without a word to either side."""
        _run("link", "set", self._device, "down")

    def join(self) -> None:
        _run("link", "set", self._device, "up")


class Namespace:
    """A namespace with a link to clients, and one to the servers that its process uses."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.clients = Link(name, f"{name}c", f"10.231.{number}")
        self.servers = Link(name, f"{name}s", f"10.232.{number}")
        #: What starts a program in the namespace.
        self.wrapper = ("ip", "netns", "exec", name)


@contextmanager
def open_namespace() -> Iterator[Namespace]:
    """Create a namespace, and remove it at the end; skip the test where that is not allowed."""
    token = uuid.uuid4()
    name = f"fb{token.hex[:6]}"
    command = ["ip", "netns", "add", name]
    if shutil.which("ip") is None or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("network namespaces cannot be created here")
    try:
        _run("-n", name, "link", "set", "lo", "up")
        yield Namespace(name, token.int % 256)
    finally:
        _run("netns", "delete", name)
