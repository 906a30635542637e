"""Completions that plugins ask for: from pipes and filters, of servers' models and of other pipes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from conftest import Person
from page_client import open_page
from plugin_installation import ask, install_function
from queued_model import MODEL_ID, QueuedModel

EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


def build_caller(call: str) -> str:
    """Return a pipe whose body is `call`, an expression or statements that use `generate`."""
    lines = "\n".join(f"        {line}" for line in call.strip().split("\n"))
    return f'''
import asyncio
import json
from fastback.plugin_host.completions import generate_blocking, generate_chat_completion as generate


class User:
    def __init__(self, id):
        self.id = id


class Pipe:
    async def pipe(self, body, __user__, __request__):
        user = User(__user__["id"])
        form = {{"model": "{MODEL_ID}", "messages": body["messages"], "stream": False}}
{lines}
'''


async def test_a_pipe_asks_a_model_for_a_whole_completion(ada: Person, model: QueuedModel) -> None:
    call = """
completion = await generate(__request__, form, user)
return "It said: " + completion["choices"][0]["message"]["content"]
"""
    await install_function(ada, "caller", build_caller(call))
    model.queue("Good morning")
    assert await ask(ada, model="caller") == "It said: Good morning"
    assert model.requests[-1]["messages"] == [{"role": "user", "content": "Hello"}]


async def test_a_pipe_passes_on_the_lines_of_a_stream(ada: Person, model: QueuedModel) -> None:
    call = """
response = await generate(__request__, {**form, "stream": True}, user)
async def lines():
    async for line in response.body_iterator:
        if line.startswith(b"data: {"):
            content = json.loads(line[6:])["choices"][0]["delta"].get("content")
            if content:
                yield content.upper()
return lines()
"""
    await install_function(ada, "caller", build_caller(call))
    model.queue("one two three")
    assert await ask(ada, model="caller") == "ONE TWO THREE"
    await install_function(
        ada, "relay", build_caller("return await generate(__request__, {**form, 'stream': True}, user)")
    )
    model.queue("one two three")
    async with open_page(ada) as page:
        ids = await page.ask("Hello", models=["relay"])
        message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
    assert message["content"] == "one two three"


@pytest.mark.parametrize("stream", [False, True])
async def test_other_threads_and_loops_ask_models(ada: Person, model: QueuedModel, stream: bool) -> None:
    call = f"""
async def collect():
    result = await generate(__request__, {{**form, "stream": {stream}}}, user)
    if isinstance(result, dict):
        return result["choices"][0]["message"]["content"]
    return "".join([line.decode() async for line in result.body_iterator])
return await asyncio.to_thread(lambda: asyncio.run(collect()))
"""
    await install_function(ada, "caller", build_caller(call))
    model.queue("From afar")
    assert "afar" in await ask(ada, model="caller")


async def test_blocking_calls_work_whatever_answers_them(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "other", "class Pipe:\n    def pipe(self, body):\n        return 'Other'\n")
    call = """
model = body["messages"][-1]["content"].split()[-1]
call = lambda: generate_blocking(__request__, {**form, "model": model}, user)
completion = await asyncio.to_thread(call) if "thread" in body["messages"][-1]["content"] else call()
return completion["choices"][0]["message"]["content"]
"""
    await install_function(ada, "caller", build_caller(call))
    for text, answer in (
        (f"here {MODEL_ID}", "OK"),
        (f"thread {MODEL_ID}", "OK"),
        ("thread other", "Other"),
        ("here other", "Other"),
    ):
        assert await ask(ada, text, model="caller") == answer


async def test_access_is_that_of_the_user_unless_it_is_bypassed(ada: Person, bob: Person, model: QueuedModel) -> None:
    call = """
bypass = body["messages"][-1]["content"] == "bypass"
try:
    completion = await generate(__request__, form, user, bypass_filter=bypass)
except Exception as error:
    return f"Refused: {error}"
return completion["choices"][0]["message"]["content"]
"""
    await install_function(ada, "caller", build_caller(call))
    shared = {"id": "caller", "name": "Caller", "meta": {}, "params": {}, "access_grants": EVERYBODY}
    (await ada.post("/api/v1/models/create", shared)).ok()
    assert await ask(bob, "Hello", model="caller") == "Refused: Model not found"
    assert model.requests == []
    assert await ask(bob, "bypass", model="caller") == "OK"
    assert await ask(ada, "Hello", model="caller") == "OK"


async def test_the_models_own_parameters_and_prompt_apply_and_filters_do_not(ada: Person, model: QueuedModel) -> None:
    params = {"system": "Rhyme", "temperature": 0.5}
    poet = {"id": "poet", "base_model_id": MODEL_ID, "name": "Poet", "meta": {}, "params": params}
    (await ada.post("/api/v1/models/create", poet)).ok()
    call = """
plain = body["messages"][-1]["content"].startswith("plain")
completion = await generate(__request__, {**form, "model": "poet"}, user, bypass_system_prompt=plain)
return completion["choices"][0]["message"]["content"]
"""
    await install_function(ada, "caller", build_caller(call))
    loud = """
class Filter:
    def inlet(self, body):
        body["messages"][-1]["content"] += "!"
        return body
"""
    await install_function(ada, "loud", loud, is_global=True)
    await ask(ada, "Hello", model="caller")
    request = model.requests[-1]
    assert [message["content"] for message in request["messages"]] == ["Rhyme", "Hello!"]
    assert (request["temperature"], request["model"]) == (0.5, MODEL_ID)
    await ask(ada, "plain", model="caller")
    assert [message["content"] for message in model.requests[-1]["messages"]] == ["plain!"]


async def test_refusals_and_errors_of_models_reach_the_plugin(ada: Person, model: QueuedModel) -> None:
    call = """
try:
    response = await generate(__request__, {**form, "model": body["messages"][-1]["content"]}, user)
except Exception as error:
    return f"raised {error}"
return f"{response.status_code} {json.loads(response.body)['error']['message']}"
"""
    await install_function(ada, "caller", build_caller(call))
    assert await ask(ada, "unheard", model="caller") == "raised Model not found"
    model.queue(web.json_response({"error": {"message": "Slow down"}}, status=429))
    assert await ask(ada, MODEL_ID, model="caller") == "429 Slow down"


async def test_pipes_ask_pipes_and_those_that_ask_themselves_are_stopped(ada: Person) -> None:
    await install_function(
        ada, "inner", "class Pipe:\n    def pipe(self, body, __chat_id__):\n        return str(__chat_id__)\n"
    )
    call = """
completion = await generate(__request__, {**form, "model": body["messages"][-1]["content"]}, user)
if "error" in completion:
    raise Exception(completion["error"]["detail"])
return completion["choices"][0]["message"]["content"]
"""
    await install_function(ada, "outer", build_caller(call))
    async with open_page(ada) as page:
        ids = await page.ask("inner", models=["outer"])
        messages = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"]
        assert messages[ids["answer"]]["content"] == ids["chat_id"]
    reply = await ada.post("/api/chat/completions", build_question("outer", "outer"))
    assert "too often" in reply.ok()["error"]["detail"]


def build_question(text: str, model: str) -> dict[str, Any]:
    return {"model": model, "stream": False, "messages": [{"role": "user", "content": text}]}


async def test_a_filter_asks_a_model(ada: Person, model: QueuedModel) -> None:
    code = f'''
from fastback.plugin_host.completions import generate_chat_completion


class Filter:
    async def inlet(self, body, __user__, __request__):
        form = {{"model": "{MODEL_ID}", "messages": [{{"role": "user", "content": "Translate"}}], "stream": False}}
        completion = await generate_chat_completion(__request__, form, __user__)
        body["messages"][-1]["content"] = completion["choices"][0]["message"]["content"]
        return body
'''
    await install_function(ada, "translating", code, is_global=True)
    model.queue("Bonjour", "Salut")
    assert await ask(ada) == "Salut"
    assert [request["messages"][-1]["content"] for request in model.requests] == ["Translate", "Bonjour"]
    assert json.dumps(model.requests[0]).count("Translate") == 1
