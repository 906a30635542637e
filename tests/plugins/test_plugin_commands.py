"""`fastback plugins` and `fastback doctor` beside a running server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from conftest import Person, Server
from plugin_installation import ask, install_function, install_tool

ROOT = Path(__file__).parents[2]

PASSING = "class Filter:\n    def inlet(self, body):\n        return body\n"
TOOL = '''"""
requirements: None, pydantic<1
"""
from pydantic import BaseModel

class Tools:
    class Valves(BaseModel):
        greeting: str = "Hello"

    def __init__(self):
        self.valves = self.Valves()

    async def greet(self, name: str, times: int = 1, __user__: dict = {}, __event_emitter__=None) -> str:
        """Greet somebody."""
        print("greeting", name)
        await __event_emitter__({"type": "status", "data": {"description": "Greeting", "done": True}})
        return f"{self.valves.greeting}, {name}! " * times + f"This is {__user__['name']}."

    def count(self) -> dict:
        return {"count": 3}
'''


@pytest.fixture
def database() -> str:
    """Run on SQLite only: commands find the database in the data directory."""
    return "sqlite"


async def run_command(server: Server, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, output and error output of a command."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "DATA_DIR": str(server.data_dir),
        "WEBUI_SECRET_KEY": "tests-secret-key-of-at-least-32-chars",
        "ENABLE_OPENAI_API": "false",
        "ENABLE_OLLAMA_API": "false",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fastback", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def break_function(server: Server, function_id: str) -> None:
    """Store code that does not load, as another program or an update of a package may leave it."""
    with_error = "import fb_gone\nclass Filter:\n    pass\n"
    from fastback.features.functions import store
    from fastback.kit.db import Database

    await store.update_function(server.services.get(Database), function_id, content=with_error)


async def test_the_list_names_what_is_active_what_fails_and_the_memory(server: Server, ada: Person) -> None:
    await install_function(ada, "passing", PASSING, is_global=True)
    await install_function(ada, "broken", PASSING, is_active=False)
    await break_function(server, "broken")
    (await ada.post("/api/v1/functions/id/broken/toggle")).ok()
    await install_tool(ada, "greeter", TOOL)
    await ask(ada)
    code, output, _ = await run_command(server, "plugins", "list")
    lines = output.splitlines()
    assert code == 0
    assert lines[0].split() == ["filter", "broken", "off"]
    assert lines[1].strip().startswith("does not load: No module named 'fb_gone'. Add `requirements: fb_gone`")
    assert lines[2].split() == ["filter", "passing", "on,", "all", "models"]
    assert lines[3].split() == ["tool", "greeter", "when", "chosen"]
    assert lines[4].strip() == "requirement None skipped: it is a placeholder"
    assert lines[5].strip().startswith("requirement pydantic<1 present: the server has version 2")
    assert lines[6].startswith("plugin process ") and "MB of its own" in lines[6]
    code, output, _ = await run_command(server, "doctor")
    assert "warn  plugins          function broken does not load: No module named 'fb_gone'" in output


async def test_a_check_loads_everything_and_fails_for_what_is_in_use(server: Server, ada: Person) -> None:
    await install_function(ada, "broken", PASSING, is_active=False)
    await install_tool(ada, "greeter", TOOL)
    await break_function(server, "broken")
    code, output, _ = await run_command(server, "plugins", "check")
    assert code == 0 and [line.split()[:3] for line in output.splitlines()] == [
        ["fail", "filter", "broken"],
        ["ok", "tool", "greeter"],
    ]
    assert (await run_command(server, "plugins", "check", "nothing"))[0] == 1


async def test_a_method_of_a_tool_runs_in_the_terminal(server: Server, ada: Person) -> None:
    await install_tool(ada, "greeter", TOOL, valves={"greeting": "Good day"})
    code, output, events = await run_command(
        server, "plugins", "run", "greeter", "greet", "--arguments", '{"name": "Bob", "times": "2"}'
    )
    assert (code, output) == (0, "Good day, Bob! Good day, Bob! This is Ada.\n")
    assert "greeting Bob\n" in events
    assert '{"type":"status","data":{"description":"Greeting","done":true}}' in events
    code, output, _ = await run_command(server, "plugins", "run", "greeter", "count", "--valves", '{"greeting": "x"}')
    assert code == 0 and '"count":3' in output.replace(" ", "")
    code, _, errors = await run_command(server, "plugins", "run", "greeter", "leave")
    assert code == 1 and errors.splitlines()[-1] == "fastback: greeter.leave: greeter has no method leave"
    code, _, errors = await run_command(server, "plugins", "run", "greeter", "count", "--user", "x@example.com")
    assert code == 1 and errors.splitlines()[-1] == "fastback: there is no user x@example.com"
