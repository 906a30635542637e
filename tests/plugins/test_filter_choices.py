"""What users and filters choose: switches, own valves, another model, who handles the files."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person
from plugin_installation import ask, build_question, install_function
from queued_model import MODEL_ID, QueuedModel

NOTING = """
from pydantic import BaseModel


class Filter:
    class UserValves(BaseModel):
        color: str = "blue"

    def __init__(self):
        self.toggle = TOGGLE

    def inlet(self, body, __user__):
        body["messages"][-1]["content"] += f" [{__user__['valves'].color}]"
        return body
"""


async def test_a_filter_with_a_switch_runs_only_where_the_request_names_it(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "switched", NOTING.replace("TOGGLE", "True"), is_global=True)
    model.queue("Hi", "Hi")
    await ask(ada)
    assert model.requests[-1]["messages"][-1]["content"] == "Hello"
    await ask(ada, filter_ids=["switched"])
    assert model.requests[-1]["messages"][-1]["content"] == "Hello [blue]"
    assert "filter_ids" not in model.requests[-1]


async def test_each_user_has_valves_of_their_own(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "noting", NOTING.replace("TOGGLE", "False"), is_global=True)
    (await ada.post("/api/v1/functions/id/noting/valves/user/update", {"color": "red"})).ok()
    model.queue("Hi")
    await ask(ada)
    assert model.requests[-1]["messages"][-1]["content"] == "Hello [red]"


@pytest.mark.parametrize("hook", ["inlet", "request"])
async def test_a_filter_has_another_model_asked(ada: Person, model: QueuedModel, hook: str) -> None:
    code = f'class Filter:\n    def {hook}(self, body):\n        body["model"] = "CHOICE"\n        return body\n'
    form = {
        "id": "calm",
        "name": "Calm",
        "base_model_id": MODEL_ID,
        "meta": {},
        "params": {"temperature": 0.125},
    }
    (await ada.post("/api/v1/models/create", form)).ok()
    await install_function(ada, "choosing", code.replace("CHOICE", "calm"), is_global=True)
    model.queue("Hi")
    assert await ask(ada) == "Hi"
    assert (model.requests[-1]["model"], model.requests[-1]["temperature"]) == (MODEL_ID, 0.125)
    update = {"id": "choosing", "name": "Choosing", "meta": {"description": ""}}
    content = code.replace("CHOICE", "nobody")
    (await ada.post("/api/v1/functions/id/choosing/update", {**update, "content": content})).ok()
    (await ada.post("/api/chat/completions", build_question())).refused(400, "Model not found")


async def test_a_filter_that_handles_files_keeps_them_from_the_sources(ada: Person, model: QueuedModel) -> None:
    code = """
class Filter:
    file_handler = True

    def inlet(self, body, __metadata__):
        names = [file["name"] for file in body["files"]]
        body["messages"][-1]["content"] += f" {names} {len(__metadata__['files'])}"
        return body

    def request(self, body, __metadata__):
        body["seed"] = int("files" in body or "files" in __metadata__)
        return body
"""
    await install_function(ada, "reading", code, is_global=True)
    files: list[dict[str, Any]] = [{"type": "text", "name": "note.txt", "content": "secret", "context": "full"}]
    model.queue("Hi")
    await ask(ada, files=files)
    request = model.requests[-1]
    assert request["messages"] == [{"role": "user", "content": "Hello ['note.txt'] 1"}]
    assert request["seed"] == 0


async def test_forwarded_requests_and_generations_pass_no_filter(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "noting", NOTING.replace("TOGGLE", "False"), is_global=True)
    model.queue("One", "Two")
    (await ada.post("/openai/chat/completions", build_question(stream=False))).ok()
    assert model.requests[-1]["messages"][-1]["content"] == "Hello"
    body = build_question(stream=False, chat_id="c")
    (await ada.post("/api/v1/tasks/title/completions", body)).ok()
    assert "[blue]" not in str(model.requests[-1])


async def test_filters_run_for_every_kind_of_client(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "noting", NOTING.replace("TOGGLE", "False"), is_global=True)
    messages = [{"role": "user", "content": "Hello"}]
    model.queue("One", "Two")
    (await ada.post("/api/v1/messages", {"model": MODEL_ID, "max_tokens": 9, "messages": messages})).ok()
    assert "[blue]" in str(model.requests)
    url = ada.url.replace("http", "ws") + "/api/ws/chat"
    async with ada.http().ws_connect(url) as socket:
        await socket.send_json({"model": MODEL_ID, "messages": messages})
        while await socket.receive_str() != "[DONE]":
            pass
    assert model.requests[-1]["messages"][-1]["content"] == "Hello [blue]"
