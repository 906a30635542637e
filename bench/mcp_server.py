"""`python -m bench.mcp_server PORT`: an MCP server whose tools cost nothing."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from mcp.server.mcpserver import MCPServer

from bench.servers import call_json
from fastback.demo.process import find_free_port

#: Tools that are listed beside the one that is called.
OTHER_TOOLS = 9


def main() -> None:
    server = MCPServer("bench", log_level="WARNING")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    for number in range(OTHER_TOOLS):
        server.add_tool(add, name=f"other{number}")
    logging.disable(logging.INFO)
    uvicorn.run(server.streamable_http_app(), port=int(sys.argv[1]), log_level="warning")


@contextmanager
def run_mcp_server() -> Iterator[str]:
    """Run the server in a process of its own; yield the address of its endpoint."""
    port = find_free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.mcp_server", str(port)])
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        for _ in range(200):
            try:
                call_json(url, {}, patience=1)
            except Exception as error:
                if getattr(error, "code", None) is not None:
                    break  # it answers, though not to this
                time.sleep(0.05)
        yield url
    finally:
        process.kill()  # open streams would keep it
        process.wait(10)


if __name__ == "__main__":
    main()
