"""Code that a model without functions writes between tags: it runs, and the model goes on with its output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from builtin_calls import CHAT, set_model
from conftest import Person
from jupyter_server import JupyterServer, run_jupyter_server
from page_client import Page, open_page
from python_page import CODE_CONFIG, PIXEL, run_in_page
from queued_model import MODEL_ID, QueuedModel, Reply

MORE: dict[str, Any] = {
    "models": [MODEL_ID],
    "params": {"function_calling": "legacy"},
    "features": {"code_interpreter": True},
}
TAG = '<code_interpreter type="code" lang="python">'


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "ENABLE_LOCAL_WEB_FETCH": "true", "ENABLE_RETRIEVAL_QUERY_GENERATION": "false"}


@pytest.fixture
async def jupyter() -> AsyncIterator[JupyterServer]:
    async with run_jupyter_server() as server:
        yield server


def write_code(code: str, before: str = "", behind: str = "") -> str:
    """Return an answer with code."""
    return f"{before}{TAG}\n{code}\n</code_interpreter>{behind}"


def cut(text: str, size: int) -> list[dict[str, Any]]:
    """Return the deltas of a text, of so many characters each."""
    return [{"content": text[start : start + size]} for start in range(0, len(text), size)]


async def ask(page: Page, model: QueuedModel, *replies: Reply, **more: Any) -> tuple[list[Any], dict[str, Any]]:
    """Ask the model, which gives these replies; return the items of the answer, and the stored message."""
    model.queue(*replies)
    page.events.clear()
    body = page.build_body("How much is it?", **{**MORE, **more})
    started = (await page.person.post(CHAT, body)).ok()
    await page.wait_until_idle()
    done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    message = (await page.get_chat(started["chat_id"]))["chat"]["history"]["messages"][body["id"]]
    assert message["output"] == done["output"] and message["done"] is True
    return done["output"], message


def get_texts(output: list[Any]) -> list[str]:
    """Return the texts of the messages of an answer."""
    return [item["content"][0]["text"] for item in output if item["type"] == "message" and item["content"]]


async def test_code_runs_in_the_page_and_the_model_goes_on(ada: Person, model: QueuedModel) -> None:
    async with open_page(ada) as page:
        asked = run_in_page(page, {"stdout": "42\n", "stderr": "", "result": None})
        reply = write_code("print(6 * 7)", "Let me see.\n\n", "\nThe output is 43.")
        output, message = await ask(page, model, reply, "It is 42.", files=[{"type": "file", "id": "f1"}])
        events = list(page.events)
    (details,) = asked
    assert details["code"] == "print(6 * 7)" and details["files"] == [{"type": "file", "id": "f1"}]
    assert details["id"] and details["session_id"]
    assert [item["type"] for item in output] == ["message", "open_webui:code_interpreter", "message"]
    assert all(item["status"] == "completed" for item in output)
    assert [text.strip() for text in get_texts(output)] == ["Let me see.", "It is 42."]
    code = dict(output[1])
    assert code.pop("id").startswith("ci_") and code.pop("ended_at") >= code.pop("started_at")
    assert code == {
        "type": "open_webui:code_interpreter",
        "status": "completed",
        "start_tag": "<code_interpreter>",
        "end_tag": "</code_interpreter>",
        "attributes": {"type": "code", "lang": "python"},
        "lang": "python",
        "code": "print(6 * 7)",
        "output": {"stdout": "42\n", "stderr": "", "result": None},
        "duration": 0,
    }
    assert "43" not in message["content"] and message["content"].endswith("It is 42.")
    # The code is on the page before it runs, and its output before the model goes on.
    kinds = [event["data"]["type"] for event in events]
    before, behind = kinds.index("execute:python"), len(kinds) - kinds[::-1].index("execute:python")
    shown = [event["data"]["data"].get("item", {}) for event in events[:before] if "response" in event["data"]["type"]]
    assert shown[-1]["code"] == "print(6 * 7)" and shown[-1]["status"] == "in_progress"
    assert [
        event["data"]["data"]["item"]["output"]["stdout"]
        for event in events[behind:]
        if event["data"]["type"] == "response:completion" and "output" in event["data"]["data"].get("item", {})
    ] == ["42\n"]
    # Only the first request explains the tags; the second one holds the code, its output, and nothing made up.
    first, second = model.requests
    question = first["messages"][-1]["content"]
    assert question.startswith("How much is it?\n") and TAG in question and "/mnt/uploads/" in question
    assert "tools" not in first and second["messages"][:-1] == first["messages"]
    assert second["messages"][-1] == {
        "role": "assistant",
        "content": "Let me see.\n\n\n<code_interpreter>\nprint(6 * 7)\n</code_interpreter>\n"
        "<code_interpreter_output>\n42\n\n</code_interpreter_output>",
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_tags_may_be_cut_anywhere(ada: Person, model: QueuedModel, size: int) -> None:
    reasoning = f"<think>Perhaps {TAG}1</code_interpreter></think>"
    code = "tag = '<think>' + '</code>' + \"`\"\nprint(1 < 2)"
    reply = f"{reasoning}First, ```python\n{write_code(code)}"
    async with open_page(ada) as page:
        asked = run_in_page(page, {"stdout": "True"})
        output, _ = await ask(page, model, cut(reply, size), "Yes.")
    assert [details["code"] for details in asked] == [code]
    kinds = [item["type"].removeprefix("open_webui:") for item in output]
    assert kinds == ["reasoning", "message", "code_interpreter", "message"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_text_about_the_tags_stays_text(ada: Person, model: QueuedModel) -> None:
    replies = [
        f"Write `{TAG}` first.",
        f"An empty one: {TAG} \n </code_interpreter>does nothing.",
        "A <code_interpreters> and a <code_interpreter",
    ]
    async with open_page(ada) as page:
        asked = run_in_page(page, {"stdout": ""})
        outputs = [(await ask(page, model, reply))[0] for reply in replies]
    assert asked == [] and len(model.requests) == 3
    assert [get_texts(output) for output in outputs] == [
        [replies[0]],
        ["An empty one: does nothing."],
        [replies[2]],
    ]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_code_without_its_closing_tag_runs_unless_it_was_cut_off(ada: Person, model: QueuedModel) -> None:
    async def cut_off(body: Any) -> web.Response:
        text = (
            'data: {"choices":[{"delta":{"content":"<code_interpreter>print("}}]}\n\n'
            'data: {"choices":[{"delta":{},"finish_reason":"length"}]}\n\ndata: [DONE]\n\n'
        )
        return web.Response(text=text, content_type="text/event-stream")

    async with open_page(ada) as page:
        asked = run_in_page(page, {"stdout": "1"})
        await ask(page, model, f"{TAG}\nprint(1)\n", "One.")
        assert [details["code"] for details in asked] == ["print(1)"]
        output, _ = await ask(page, model, cut_off)
    assert len(asked) == 1 and len(model.requests) == 3
    assert (output[0]["code"], output[0]["output"]) == ("print(", None)


async def test_images_become_files_and_errors_reach_the_model(ada: Person, model: QueuedModel) -> None:
    async with open_page(ada) as page:
        run_in_page(page, {"stdout": f"chart:\n{PIXEL}", "stderr": "careful", "result": PIXEL})
        output, _ = await ask(page, model, write_code("plot()"), "Look.")
    result = output[0]["output"]
    head, image = result["stdout"].split("\n")
    assert head == "chart:" and image.startswith("![Output Image](/api/v1/files/")
    stored = await ada.get(image.removeprefix("![Output Image](").removesuffix(")"))
    assert stored.status == 200 and stored.body.startswith(b"\x89PNG")
    assert result["result"].startswith("![Output Image](/api/v1/files/")
    text = model.requests[-1]["messages"][-1]["content"]
    assert "careful" in text and image in text and "base64" not in text
    async with open_page(ada) as page:
        run_in_page(page, {"error": "Timeout"})
        output, _ = await ask(page, model, write_code("wait()"), "Too slow.")
    assert output[0]["output"]["stderr"] == "Timeout"
    assert "Timeout" in model.requests[-1]["messages"][-1]["content"]


async def test_an_answer_runs_code_five_times_at_most(ada: Person, model: QueuedModel) -> None:
    async with open_page(ada) as page:
        asked = run_in_page(page, {"stdout": "again"})
        output, _ = await ask(page, model, *(write_code(f"print({number})") for number in range(7)))
        assert len(asked) == 5 and len(model.requests) == 6
        codes = [(item["code"], bool(item["output"]), item["status"]) for item in output]
    assert codes == [(f"print({number})", number < 5, "completed") for number in range(6)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_stopped_answer_keeps_the_code_that_was_running(ada: Person, model: QueuedModel) -> None:
    model.queue(write_code("wait()"))
    async with open_page(ada) as page:
        running = asyncio.Event()

        async def handle(event: dict[str, Any]) -> Any:
            page.record_event(event)
            if event["data"]["type"] == "execute:python":
                running.set()
                await asyncio.sleep(5)

        page.socket.on("events", handle)
        started = (await ada.post(CHAT, page.build_body("Go", **MORE))).ok()
        await asyncio.wait_for(running.wait(), 10)
        (await ada.post(f"/api/tasks/stop/{started['task_ids'][0]}")).ok()
        stopped = await page.wait_for("chat:tasks:cancel", bool)
        await page.wait_until_idle()
    assert [(item["code"], item["status"], item["output"]) for item in stopped["output"]] == [
        ("wait()", "incomplete", None)
    ]


async def test_code_runs_on_a_jupyter_server_with_the_prompt_of_the_administrator(
    ada: Person, model: QueuedModel, jupyter: JupyterServer
) -> None:
    config = (await ada.get(CODE_CONFIG)).ok()
    config |= {
        "CODE_INTERPRETER_ENGINE": "jupyter",
        "CODE_INTERPRETER_JUPYTER_URL": jupyter.url,
        "CODE_INTERPRETER_JUPYTER_AUTH": "token",
        "CODE_INTERPRETER_JUPYTER_AUTH_TOKEN": "secret",
        "CODE_INTERPRETER_PROMPT_TEMPLATE": "Use the tags.",
    }
    (await ada.post(CODE_CONFIG, config)).ok()
    async with open_page(ada) as page:
        output, _ = await ask(page, model, write_code("print"), "Done.")
    assert output[0]["output"] == {"stdout": "one\ntwo", "stderr": "careful", "result": ""}
    assert model.requests[0]["messages"] == [{"role": "user", "content": "How much is it?\nUse the tags."}]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_whose_code_runs(ada: Person, bob: Person, model: QueuedModel) -> None:
    await set_model(ada)

    async def has_run(person: Person, **more: Any) -> bool:
        async with open_page(person) as page:
            asked = run_in_page(page, {"stdout": "1"})
            await ask(page, model, write_code("print(1)"), *(["One."] if not more else []), **more)
        is_explained = TAG in str(model.requests[0]["messages"][-1]["content"])
        model.requests.clear()
        model.queue()
        assert is_explained == bool(asked)
        return bool(asked)

    assert await has_run(bob)
    assert not await has_run(bob, features={})
    assert not await has_run(bob, params={})
    assert not await has_run(bob, stream=False)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["code_interpreter"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    assert not await has_run(bob, features={"code_interpreter": True})
    assert await has_run(ada)
    for meta in ({"capabilities": {"code_interpreter": False}}, {"builtinTools": {"code_interpreter": False}}):
        await set_model(ada, meta)
        assert not await has_run(ada, features={"code_interpreter": True})
    # An API client gets the text as it is.
    await set_model(ada)
    model.queue(write_code("print(1)"))
    body = {"model": MODEL_ID, "messages": [{"role": "user", "content": "Go"}], **MORE}
    answer = (await ada.post(CHAT, body)).ok()["choices"][0]["message"]["content"]
    assert answer == write_code("print(1)") and TAG not in str(model.requests[-1]["messages"])
