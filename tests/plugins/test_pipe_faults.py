"""Pipes that hang, never end, return what cannot be encoded, or take their process with them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from conftest import Person, Server
from fastback.plugins.host import PluginHost
from page_client import Page, open_page
from plugin_installation import ask, install_function, stream_events
from queued_model import MODEL_ID, QueuedModel


def build_pipe(code: str, head: str = "") -> str:
    """Return a pipe whose method has these lines."""
    lines = "\n".join(f"        {line}" for line in code.strip().split("\n"))
    return f"{head}\n\nclass Pipe:\n    def pipe(self, body):\n{lines}\n"


async def read_answer(page: Page, ids: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
    return message


async def wait_for_file(path: Path) -> str:
    async with asyncio.timeout(10):
        while not path.exists() or not path.read_text():  # noqa: ASYNC110 (a plugin writes it)
            await asyncio.sleep(0.02)
    return path.read_text()


ENDLESS = {
    "thread": """
try:
    while True:
        yield "word "
        time.sleep(0.005)
finally:
    open(PATH, "w").write("closed")
""",
    "busy thread": """
try:
    while True:
        yield "word "
finally:
    open(PATH, "w").write("closed")
""",
    "loop": """
async def items():
    try:
        while True:
            yield "word "
            await asyncio.sleep(0.005)
    finally:
        open(PATH, "w").write("closed")
return items()
""",
    "busy loop": """
async def items():
    try:
        while True:
            yield "word "
    finally:
        open(PATH, "w").write("closed")
return items()
""",
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_stop_closes_a_pipe_that_never_ends(server: Server, ada: Person, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "closed.txt"
    head = f"import asyncio, time\nPATH = {str(path)!r}"
    await install_function(ada, "endless", build_pipe(ENDLESS[kind], head))
    async with open_page(ada) as page:
        body = page.build_body("Hello", models=["endless"])
        reply = (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_for("response:completion")
        (await ada.post(f"/api/tasks/stop/{reply['task_ids'][0]}")).ok()
        await page.wait_until_idle()
        message = await read_answer(page, {"chat_id": reply["chat_id"], "answer": body["id"]})
    assert message["content"].startswith("word ") and message["done"]
    assert await wait_for_file(path) == "closed"
    assert await ask(ada) == "OK"


@pytest.mark.parametrize("place", ["pipe", "generator"])
async def test_a_loop_without_end_is_interrupted_after_its_turn(ada: Person, tmp_path: Path, place: str) -> None:
    path = tmp_path / "interrupted.txt"
    code = """
try:
    while True:
        pass
except BaseException as error:
    open(PATH, "w").write(type(error).__name__)
    raise
"""
    code += "yield 'never'" if place == "generator" else ""
    await install_function(ada, "busy", build_pipe(code, f"PATH = {str(path)!r}"))
    request = {"model": "busy", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    async with ada.http().post(f"{ada.url}/api/chat/completions", json=request) as response:
        await asyncio.sleep(0.3)
        response.close()
    assert await wait_for_file(path) == "CallAbandoned"


async def test_a_client_that_hangs_up_closes_the_pipe(ada: Person, tmp_path: Path) -> None:
    path = tmp_path / "closed.txt"
    await install_function(ada, "endless", build_pipe(ENDLESS["loop"], f"import asyncio\nPATH = {str(path)!r}"))
    request = {"model": "endless", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    async with ada.http().post(f"{ada.url}/api/chat/completions", json=request) as response:
        assert b"word" in await response.content.readline()
        response.close()
    assert await wait_for_file(path) == "closed"


async def test_an_answer_without_end_that_does_not_stream_is_refused(ada: Person) -> None:
    await install_function(ada, "endless", build_pipe("while True:\n    yield 'word ' * 100000"))
    request = {"model": "endless", "stream": False, "messages": [{"role": "user", "content": "Hello"}]}
    detail = (await ada.post("/api/chat/completions", request)).refused(400)
    assert "longer than" in detail


async def test_a_pipe_that_hangs_holds_up_no_other(ada: Person) -> None:
    await install_function(ada, "hanging", build_pipe("time.sleep(3600)", "import time"))
    await install_function(ada, "quick", build_pipe("return 'Quick'"))
    async with open_page(ada) as page:
        bodies = [page.build_body("Hello", models=["hanging"]) for _ in range(40)]
        replies = [(await ada.post("/api/chat/completions", body)).ok() for body in bodies]
        assert await ask(ada, model="quick") == "Quick"
        for reply in replies:
            (await ada.post(f"/api/tasks/stop/{reply['task_ids'][0]}")).ok()
        assert await ask(ada, model="quick") == "Quick"


async def test_items_that_cannot_be_encoded_become_what_comes_nearest(ada: Person) -> None:
    code = r"""
yield "half \ud83d "
yield b"bad \xff "
yield 7
yield None
yield object
yield {"choices": [{"index": 0, "delta": {"content": "x", (1, 2): object()}}], "n": float("nan"), "big": 10 ** 40}
yield "\x00 end"
"""
    await install_function(ada, "odd", build_pipe(code))
    events = await stream_events(ada, model="odd")
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert text == "half \ufffd bad \ufffd 7<class 'object'>x\x00 end"
    async with open_page(ada) as page:
        message = await read_answer(page, await page.ask("Hello", models=["odd"]))
    assert message["content"].endswith(" end") and message["done"]


async def test_a_long_text_arrives_whole(ada: Person) -> None:
    await install_function(
        ada,
        "long",
        build_pipe(
            "yield 'é' * 5_000_000\nyield 'data: ' + json.dumps(CHUNK)",
            """
import json
CHUNK = {"choices": [{"index": 0, "delta": {"content": "x" * 5_000_000}}]}
""",
        ),
    )
    text = await ask(ada, model="long")
    assert (len(text), text.count("é"), text.count("x")) == (10_000_000, 5_000_000, 5_000_000)
    async with open_page(ada) as page:
        message = await read_answer(page, await page.ask("Hello", models=["long"]))
    assert len(message["content"]) == 10_000_000


async def test_an_item_of_fifty_megabytes_breaks_nothing(server: Server, ada: Person) -> None:
    await install_function(
        ada, "huge", build_pipe("yield {'choices': [{'delta': {'content': 'x' * 50_000_000}}]}\nyield 'End'")
    )
    text = await ask(ada, model="huge")
    assert text.endswith("End")
    assert await ask(ada) == "OK"


async def test_the_page_keeps_what_a_pipe_said_before_its_process_ended(server: Server, ada: Person) -> None:
    code = "yield 'Half '\ntime.sleep(0.3)\nos._exit(3)"
    await install_function(ada, "deadly", build_pipe(code, "import os, time"))
    async with open_page(ada) as page:
        message = await read_answer(page, await page.ask("Hello", models=["deadly"]))
        assert message["content"] == "Half " and message["done"]
        assert message["error"] == {"content": "The plugin process ended unexpectedly."}
    events = await stream_events(ada, model="deadly")
    assert events[0]["choices"][0]["delta"]["content"] == "Half "
    assert events[1:] == [{"error": {"message": "Chat completion stream failed"}}]
    await install_function(ada, "quick", build_pipe("return 'Quick'"))
    assert await ask(ada, model="quick") == "Quick"
    assert server.services.get(PluginHost).pid != os.getpid()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("return self.missing", "no attribute 'missing'"),
        ("raise SystemExit(2)", "2"),
        ("async def leave():\n    raise SystemExit(3)\nreturn leave()", "3"),
        ("raise StopIteration('over')", "over"),
        ("def loop():\n    loop()\nloop()", "recursion"),
    ],
)
async def test_errors_of_a_pipe_are_answers(ada: Person, model: QueuedModel, code: str, text: str) -> None:
    await install_function(ada, "failing", build_pipe(code))
    request = {"model": "failing", "stream": False, "messages": [{"role": "user", "content": "Hello"}]}
    assert text in (await ada.post("/api/chat/completions", request)).ok()["error"]["detail"]
    assert await ask(ada, model=MODEL_ID) == "OK"


async def test_a_pipe_without_its_method_or_with_invalid_valves_is_refused(ada: Person) -> None:
    await install_function(ada, "empty", "class Pipe:\n    pass\n")
    request = {"model": "empty", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    detail = (await ada.post("/api/chat/completions", request)).refused(400)
    assert "'pipe'" in detail
