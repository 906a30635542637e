"""`python -m bench.hostile_plugins [--only TEXT] [--seconds N]`: measure what misbehaving plugins cost everybody else.

As `bench.hostile`: for each kind a new server runs, and another process reads the list of models fifty times a second,
first while nothing else happens, then while a page asks questions in which the plugin or tool server misbehaves. What a
plugin does is bounded: it ends after a second or two, or after a number of events or megabytes. The memory is that of
the server's process alone, without its plugin process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.hostile import parse_arguments, print_table
from bench.hostile_plugin_inputs import INPUTS
from fastback.demo.process import run_demo_server


@contextmanager
def run_tool_server() -> Iterator[str]:
    """Run the tool server that answers far too much, in its own process."""
    command = [sys.executable, "-m", "bench.hostile_plugin_inputs", "--tool-server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.communicate(b"")


def main() -> None:
    options = parse_arguments("python -m bench.hostile_plugins")
    with run_demo_server() as demo_url, run_tool_server() as tool_url:
        print_table(INPUTS, lambda name: ["bench.hostile_plugin_inputs", name, tool_url], [demo_url], options)


if __name__ == "__main__":
    main()
