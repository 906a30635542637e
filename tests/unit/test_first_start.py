"""What the first start of a new installation says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from fastback.demo.process import find_free_port


def test_a_configured_model_server_is_named_at_the_first_start(tmp_path: Path) -> None:
    """A newcomer who wrote the server into `.env` reads that it counts, or that it does not respond."""
    server = f"http://127.0.0.1:{find_free_port()}/v1"
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "DATA_DIR": str(tmp_path / "data"),
        "ENABLE_OLLAMA_API": "false",
        "OPENAI_API_BASE_URL": server,
        "HOST": "127.0.0.1",
        "PORT": str(find_free_port()),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "fastback", "serve"],
        cwd=tmp_path,
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line.split(" ", 1)[1].strip())
        if "listing models" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert f"INFO    its models are those of {server}" in lines
    assert not any("connect a model server" in line for line in lines)
    assert lines[-1].startswith(f"WARNING providers: listing models of {server} failed, retrying: Cannot connect")
