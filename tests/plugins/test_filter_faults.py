"""Filters that fail, hang, take their process with them, or do what they should not: the server goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from conftest import Person
from page_client import Page, open_page
from plugin_installation import ask, build_question, install_function, stream_events
from queued_model import MODEL_ID, QueuedModel
from waiting import wait_until


def build_filter(hook: str, code: str, *, parameters: str = "body", head: str = "") -> str:
    """Return a filter whose hook has these lines."""
    lines = "\n".join(f"        {line}" for line in code.strip().split("\n"))
    return f"{head}\n\n\nclass Filter:\n    def {hook}(self, {parameters}):\n{lines}\n"


async def read_answer(page: Page, sent: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = (await page.get_chat(sent["chat_id"]))["chat"]["history"]["messages"][sent["answer"]]
    return message


@pytest.mark.parametrize(
    ("hook", "code", "text"),
    [
        ("inlet", "pass", "'NoneType' object has no attribute 'pop'"),
        ("inlet", "return 'text'", "'str' object has no attribute 'pop'"),
        ("request", "pass", "'NoneType' object has no attribute 'get'"),
        ("request", "raise ValueError('too long')", "too long"),
        ("inlet", "raise KeyError('x')", "'x'"),
        ("inlet", "return body['nothing']", "'nothing'"),
    ],
)
async def test_what_inlet_and_request_must_not_do_is_refused(
    ada: Person, model: QueuedModel, hook: str, code: str, text: str
) -> None:
    await install_function(ada, "failing", build_filter(hook, code), is_global=True)
    (await ada.post("/api/chat/completions", build_question())).refused(400, text)
    assert model.requests == []


async def test_values_that_cannot_be_encoded_become_what_comes_nearest(ada: Person, model: QueuedModel) -> None:
    code = """
body["messages"][-1]["content"] += "!"
body["seed"] = 7
body["top"] = object()
body["big"] = 2**80
body["messages"].append("no message")
body["metadata"]["object"] = self
body["metadata"][5] = {1, 2}
return body
"""
    await install_function(ada, "odd", build_filter("inlet", code), is_global=True)
    model.queue("Hi")
    assert await ask(ada) == "Hi"
    request = model.requests[-1]
    assert request["messages"] == [{"role": "user", "content": "Hello!"}]
    assert request["seed"] == 7


async def test_a_stream_filter_that_raises_loses_a_chunk_on_the_page_and_ends_a_stream_of_the_api(
    ada: Person, model: QueuedModel
) -> None:
    code = """
if "two" in str(event):
    raise Exception("no")
return event
"""
    await install_function(ada, "failing", build_filter("stream", code, parameters="event"), is_global=True)
    words = [{"content": "one "}, {"content": "two "}, {"content": "three"}]
    model.queue(words, words)
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        answer = await read_answer(page, sent)
    assert (answer["content"], answer["done"], "error" in answer) == ("one three", True, False)
    events = await stream_events(ada)
    assert events[-1] == {"error": {"message": "Chat completion stream failed"}}
    assert "three" not in str(events)


async def test_chunks_that_a_filter_drops_or_spoils_do_no_harm(ada: Person, model: QueuedModel) -> None:
    code = """
text = str(event)
return None if "one" in text else "text" if "two" in text else event
"""
    await install_function(ada, "dropping", build_filter("stream", code, parameters="event"), is_global=True)
    model.queue([{"content": "one "}, {"content": "two "}, {"content": "three"}])
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        assert (await read_answer(page, sent))["content"] == "three"


async def test_a_filter_that_ends_its_process_is_switched_off_after_three_times(
    ada: Person, model: QueuedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastback.plugins.crash_records.FIRST_PAUSE", 0.05)
    await install_function(ada, "deadly", build_filter("inlet", "import os; os._exit(3)"), is_global=True)
    innocent = build_filter("inlet", 'body["seed"] = 1\nreturn body')
    await install_function(ada, "another", innocent, is_global=True)
    for _ in range(3):
        reply = await ada.post("/api/chat/completions", build_question())
        assert "plugin process ended" in reply.refused(400)
    model.queue("Hi")

    async def is_switched_off() -> bool:
        return not (await ada.get("/api/v1/functions/id/deadly")).ok()["is_active"]

    await wait_until(is_switched_off)
    assert await ask(ada) == "Hi"
    assert model.requests[-1]["seed"] == 1


async def test_a_turn_goes_on_in_the_next_process(
    ada: Person, model: QueuedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastback.plugins.crash_records.FIRST_PAUSE", 0.05)
    code = """
import os


class Filter:
    def inlet(self, body, __metadata__):
        __metadata__["note"] = "kept"
        return body

    def stream(self, event):
        os._exit(1)

    def outlet(self, body, __metadata__):
        body["messages"][-1]["content"] += " " + __metadata__["note"]
        return body
"""
    await install_function(ada, "fragile", code, is_global=True)
    model.queue("Hi there")
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        assert (await read_answer(page, sent))["content"] == "Hi there kept"


async def test_prints_and_forks_of_a_filter_disturb_nothing(ada: Person, model: QueuedModel, tmp_path: Path) -> None:
    code = f"""
import os, pathlib
print("x" * 100, flush=True)
print(("y" * 1000 + chr(10)) * 2000)
if os.fork() == 0:
    return body
os.system("sleep 60 &")
pathlib.Path("{tmp_path}/done").write_text("yes")
return body
"""
    await install_function(ada, "forking", build_filter("inlet", code), is_global=True)
    model.queue("One", "Two")
    assert await ask(ada) == "One"
    assert await ask(ada) == "Two"
    assert (tmp_path / "done").exists()


async def test_stopping_an_answer_stops_its_filters(ada: Person, model: QueuedModel, tmp_path: Path) -> None:
    code = f"""
import asyncio
import pathlib


class Filter:
    async def inlet(self, body):
        pathlib.Path("{tmp_path}/started").touch()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pathlib.Path("{tmp_path}/cancelled").touch()
            raise
"""
    await install_function(ada, "waiting", code, is_global=True)
    started, cancelled = tmp_path / "started", tmp_path / "cancelled"
    async with open_page(ada) as page:
        reply = (await ada.post("/api/chat/completions", page.build_body("Hello", models=[MODEL_ID]))).ok()
        await wait_until(started.exists, 15)
        (await ada.post(f"/api/tasks/stop/{reply['task_ids'][0]}")).ok()
        await wait_until(cancelled.exists)
    started.unlink(), cancelled.unlink()
    asking = asyncio.create_task(ada.post("/api/chat/completions", build_question()))
    await wait_until(started.exists)
    asking.cancel()
    await wait_until(cancelled.exists)


class TestHanging:
    @pytest.fixture
    def environment(self, model: QueuedModel) -> dict[str, str]:
        return model.env | {"FASTBACK_PLUGIN_HANG_SECONDS": "2"}

    async def test_a_filter_that_never_returns_is_named_and_its_process_killed(
        self, ada: Person, model: QueuedModel
    ) -> None:
        await install_function(ada, "endless", build_filter("inlet", "while True:\n    pass"), is_global=True)
        await ada.get("/api/models")
        asking = asyncio.create_task(ada.post("/api/chat/completions", build_question()))
        loop, times = asyncio.get_running_loop(), []
        while not asking.done():
            start = loop.time()
            (await ada.get("/api/models")).ok()
            times.append(loop.time() - start)
            await asyncio.sleep(0.01)
        text = "The plugin process did not respond for 2 s. function endless holds it."
        (await asking).refused(400, text)
        assert sorted(times)[len(times) * 95 // 100] < 0.1

    async def test_a_filter_that_holds_the_loop_is_named_in_the_log(
        self, ada: Person, model: QueuedModel, capfd: pytest.CaptureFixture[str]
    ) -> None:
        code = "end = time.monotonic() + 0.6\nwhile time.monotonic() < end:\n    pass\nreturn body"
        await install_function(ada, "greedy", build_filter("inlet", code, head="import time"), is_global=True)
        model.queue("Hi")
        assert await ask(ada) == "Hi"
        log: list[str] = []

        def has_line() -> bool:
            log.append(capfd.readouterr().out)
            return "function greedy held the event loop of plugins for" in "".join(log)

        await wait_until(has_line)
