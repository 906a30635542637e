"""The tool rounds of real SDKs, each in a process of its own: question, calls of tools, results, answer.

`make sdks` installs them; what is not installed is skipped.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

HERE = Path(__file__).parent
PYTHON = Path(sys.prefix) / "sdks" / "bin" / "python"
NODE = shutil.which("node")
NODE_MODULES = HERE / "node" / "node_modules"

ONE = "The tool answered: temperature of demo is 21"
SEVERAL = "The tool answered: temperature of demo is 21\nhumidity of demo is 21"


async def run_client(*command: str | Path) -> dict[str, str]:
    """Run a client and return the texts that it prints, by name."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    answers: dict[str, str] = msgspec.json.decode(output.splitlines()[-1])
    return answers


def require_answers(answers: dict[str, str]) -> None:
    """Require the results of all called tools in each answer."""
    assert len(answers) >= 4
    for name, answer in answers.items():
        assert answer == (SEVERAL if "several" in name else ONE), name


@pytest.mark.skipif(not PYTHON.exists(), reason="the SDKs are not installed: `make sdks`")
@pytest.mark.parametrize("client", sorted(path.stem for path in (HERE / "clients").glob("*.py")))
async def test_tool_rounds_of_python_sdks(client: str, start_server: Any) -> None:
    async with start_server() as server:
        ada = await server.sign_up("Ada")
        require_answers(
            await run_client(PYTHON, HERE / "clients" / f"{client}.py", server.url, ada.token, "demo-small")
        )


@pytest.mark.skipif(NODE is None or not NODE_MODULES.exists(), reason="the npm package is not installed: `make sdks`")
async def test_tool_rounds_of_the_node_sdk(start_server: Any) -> None:
    async with start_server() as server:
        ada = await server.sign_up("Ada")
        require_answers(
            await run_client(NODE or "node", HERE / "node" / "openai_node.mjs", server.url, ada.token, "demo-small")
        )
