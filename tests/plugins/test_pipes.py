"""Pipes: their models in the lists, their answers in every form, and what they are given."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from conftest import Person, Server
from fastback.plugins.host import PluginHost
from page_client import open_page
from pipe_samples import FORMS
from plugin_installation import ask, install_function, install_tool, stream_events
from queued_model import MODEL_ID, QueuedModel
from sample_chats import create_chat

EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


async def list_models(person: Person) -> dict[str, Any]:
    """Return the entries of the models that a person sees, by id."""
    return {entry["id"]: entry for entry in (await person.get("/api/models")).ok()["data"]}


def build_request(text: str, model: str = "forms.one", *, stream: bool = True, **more: Any) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], **more}


NUMBERS = """
class Pipe:
    def pipe(self, body):
        return repr([body.get("temperature"), body.get("top_p")])
"""


async def test_a_pipe_gets_numbers_as_they_were_written(ada: Person) -> None:
    await install_function(ada, "numbers", NUMBERS)
    preset = {"id": "preset", "base_model_id": "numbers", "name": "Preset", "meta": {}, "params": {"temperature": 0}}
    (await ada.post("/api/v1/models/create", preset)).ok()
    assert await ask(ada, model="preset", params={"top_p": 1}) == "[0, 1]"
    assert await ask(ada, model="numbers", temperature=0, params={"top_p": 1.0}) == "[0, 1.0]"


# -- models ------------------------------------------------------------------------------------------------------------


async def test_models_of_pipes_are_listed_as_long_as_the_function_is_active(server: Server, ada: Person) -> None:
    assert list(await list_models(ada)) == [MODEL_ID]
    assert not server.services.get(PluginHost).is_running
    await install_function(ada, "forms", FORMS, is_active=False)
    assert "forms.one" not in await list_models(ada)
    created = (await ada.post("/api/v1/functions/id/forms/toggle")).ok()["created_at"]
    models = await list_models(ada)
    assert list(models) == ["forms.one", "forms.two", MODEL_ID]
    assert models["forms.one"] == {
        "id": "forms.one",
        "name": "Forms: One",
        "object": "model",
        "created": created,
        "owned_by": "openai",
        "pipe": {"type": "pipe"},
        "has_user_valves": False,
        "actions": [],
        "filters": [],
        "tags": [],
    }
    base = (await ada.get("/api/models/base")).ok()["data"]
    assert [entry["id"] for entry in base] == ["forms.one", "forms.two", MODEL_ID]
    assert [entry["id"] for entry in (await ada.get("/openai/models")).ok()["data"]] == [MODEL_ID]
    (await ada.post("/api/v1/functions/id/forms/toggle")).ok()
    assert list(await list_models(ada)) == [MODEL_ID]


async def test_a_pipe_without_a_list_is_one_model(ada: Person) -> None:
    code = "class Pipe:\n    class UserValves:\n        pass\n    def pipe(self, body):\n        return 'Hi'\n"
    await install_function(ada, "single", code)
    entry = (await list_models(ada))["single"]
    assert (entry["name"], entry["pipe"], entry["has_user_valves"]) == ("Single", {"type": "pipe"}, True)
    assert await ask(ada, model="single") == "Hi"


@pytest.mark.parametrize(
    "pipes",
    [
        "pipes = [{'id': 'a', 'name': 'A'}]",
        "def pipes(self):\n        return [{'id': 'a', 'name': self.valves.name}]",
        "async def pipes(self):\n        return [{'id': 'a', 'name': self.valves.name}, {'name': 'no id'}]",
    ],
)
async def test_a_list_of_models_is_a_list_a_function_or_a_coroutine(ada: Person, pipes: str) -> None:
    code = f"""
from pydantic import BaseModel
class Pipe:
    class Valves(BaseModel):
        name: str = "A"
    def __init__(self):
        self.valves = self.Valves()
    {pipes}
"""
    await install_function(ada, "many", code)
    assert (await list_models(ada))["many.a"]["name"] == "A"
    (await ada.post("/api/v1/functions/id/many/valves/update", {"name": "B"})).ok()
    assert (await list_models(ada))["many.a"]["name"] == ("A" if "pipes =" in pipes else "B")


async def test_a_pipe_that_fails_or_hangs_takes_no_models_from_others(ada: Person) -> None:
    await install_function(ada, "broken", "class Pipe:\n    def pipes(self):\n        raise Exception('no')\n")
    await install_function(ada, "slow", "import time\nclass Pipe:\n    def pipes(self):\n        time.sleep(60)\n")
    await install_function(ada, "forms", FORMS)
    loop = asyncio.get_running_loop()
    started = loop.time()
    models = await list_models(ada)
    assert loop.time() - started < 6
    assert list(models) == ["forms.one", "forms.two", MODEL_ID]
    await asyncio.sleep(max(4.2 - (loop.time() - started), 0))
    started = loop.time()
    await list_models(ada)
    assert loop.time() - started < 0.5


async def test_a_workspace_model_of_a_pipe_is_shared_with_users(ada: Person, bob: Person) -> None:
    code = (
        "class Pipe:\n    def pipe(self, body):\n        return repr((body['model'], body['messages'], body['seed']))\n"
    )
    await install_function(ada, "echo", code)
    params = {"system": "Be {{USER_NAME}}'s friend", "seed": 7}
    model = {"id": "friend", "base_model_id": "echo", "name": "Friend", "meta": {}, "params": params}
    (await ada.post("/api/v1/models/create", {**model, "access_grants": EVERYBODY})).ok()
    assert (await list_models(ada))["friend"]["pipe"] == {"type": "pipe"}
    for model_id in ("echo", "friend"):  # the base model is not shared
        (await bob.post("/api/chat/completions", build_request("Hi", model_id))).refused(400, "Model not found")
    shared = {"id": "echo", "name": "Echo", "meta": {}, "params": {}, "access_grants": EVERYBODY}
    (await ada.post("/api/v1/models/create", shared)).ok()
    asked_id, messages, seed = eval(await ask(bob, "Hi", model="friend"))
    assert (asked_id, seed) == ("echo", 7)
    assert messages[0] == {"role": "system", "content": "Be Bob's friend"}
    assert list(await list_models(bob)) == ["echo", "friend"]


# -- answers -----------------------------------------------------------------------------------------------------------

STREAMED = {
    "text": "Plain text",
    "generator": "One two three four five",
    "coroutines": "abc",
    "iterator": "xy",
    "response": "Relayed",
    "nothing": "",
    "list": "",
    "model": "",
}


@pytest.fixture
async def forms(ada: Person) -> Person:
    """Return the administrator of a server with the pipe that answers in every form."""
    await install_function(ada, "forms", FORMS)
    return ada


async def test_answers_stream_in_every_form(forms: Person) -> None:
    for form, text in STREAMED.items():
        events = await stream_events(forms, f"Say {form}", model="forms.one")
        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == text, form
        if form != "response":
            assert events[-1]["choices"][0]["finish_reason"] == "stop", form
            assert {event.get("model", "forms.one") for event in events} == {"forms.one"}
    whole = await stream_events(forms, "Say object", model="forms.one")
    assert whole == [
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Whole"}, "finish_reason": "stop"}]}
    ]
    assert await stream_events(forms, "Say failure", model="forms.one") == [{"error": {"detail": "The oven is cold"}}]
    events = await stream_events(forms, "Say late_failure", model="forms.one")
    assert events[0]["choices"][0]["delta"] == {"content": "Half "}
    assert events[1:] == [{"error": {"message": "Chat completion stream failed"}}]


async def test_whole_answers_come_in_every_form(forms: Person) -> None:
    async def complete(form: str) -> Any:
        return await forms.post("/api/chat/completions", build_request(f"Say {form}", stream=False))

    for form, text in (("text", "Plain text"), ("coroutines", "abc"), ("object", "Whole"), ("model", "Model")):
        assert (await complete(form)).ok()["choices"][0]["message"]["content"] == text
    for form in ("nothing", "list", "iterator"):
        assert "message" not in (await complete(form)).ok()["choices"][0], form
    joined = (await complete("generator")).ok()["choices"][0]["message"]["content"]
    assert joined.startswith("One b'two '{'choices':")
    assert '"Relayed"' in (await complete("response")).text
    assert (await complete("failure")).ok() == {"error": {"detail": "The oven is cold"}}
    (await complete("late_failure")).refused(400, "The oven broke")


async def test_answers_are_shown_and_stored_on_the_page(forms: Person) -> None:
    async with open_page(forms) as page:
        for form, text in {**STREAMED, "object": "Whole"}.items():
            page.events.clear()
            ids = await page.ask(f"Say {form}", models=["forms.one"])
            message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
            assert (message["content"], message["done"], message.get("error")) == (text, True, None), form
        for form, text, error in (("failure", "", "The oven is cold"), ("late_failure", "Half ", "The oven broke")):
            page.events.clear()
            ids = await page.ask(f"Say {form}", models=["forms.one"])
            message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
            assert (message["content"], message["error"], message["done"]) == (text, {"content": error}, True)
        page.events.clear()
        ids = await page.ask("Say generator", models=["forms.one"], stream=False)
        message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
        assert message["content"].startswith("One b'two '")


async def test_pipes_answer_at_every_entrance(forms: Person) -> None:
    question = [{"role": "user", "content": "Say generator"}]
    body = {"model": "forms.one", "max_tokens": 20, "messages": question}
    reply = (await forms.post("/api/v1/messages", {**body, "messages": [{"role": "user", "content": "text"}]})).ok()
    assert reply["content"] == [{"type": "text", "text": "Plain text"}]
    stream = (await forms.post("/api/v1/messages", {**body, "stream": True})).text
    assert '"text":"three' in stream and "message_stop" in stream
    (await forms.post("/openai/chat/completions", body)).refused(404)
    async with forms.http().ws_connect(f"{forms.url}/api/ws/chat?token={forms.token}") as socket:
        await socket.send_json(build_request("Say coroutines"))
        texts = []
        while (text := (await socket.receive(timeout=10)).data) != "[DONE]":
            texts.append(json.loads(text)["choices"][0]["delta"].get("content", ""))
    assert "".join(texts) == "abc"


# -- arguments ---------------------------------------------------------------------------------------------------------

CURIOUS = """
import json
from pydantic import BaseModel


class Pipe:
    class UserValves(BaseModel):
        tone: str = "plain"

    async def pipe(self, body, __user__, __metadata__, __event_emitter__, __event_call__, __chat_id__, __session_id__,
                   __message_id__, __files__, __request__, __tools__, __task__=None, __task_body__=None,
                   __model__="kept", __id__="kept"):
        if __task__:
            return json.dumps({"title": f"{__task__} of {len(__task_body__['messages'])}", "tags": [__task__]})
        await __event_emitter__({"type": "status", "data": {"description": "Thinking", "done": True}})
        return json.dumps({
            "body": sorted(set(body) - {"tools"}), "chat": __chat_id__,
            "user": [__user__["name"], __user__["valves"].tone],
            "ids": [__metadata__["session_id"] == __session_id__, __metadata__["message_id"] == __message_id__],
            "agent": __request__.headers["user-agent"], "files": __files__,
            "tools": [tool["type"] for tool in __tools__.values()][:1],
            "others": [__model__, __id__], "model": __metadata__["model"]["id"],
        })
"""


async def test_a_pipe_is_given_what_its_signature_names(ada: Person) -> None:
    await install_function(ada, "curious", CURIOUS)
    (await ada.post("/api/v1/functions/id/curious/valves/user/update", {"tone": "warm"})).ok()
    async with open_page(ada) as page:
        ids = await page.ask("Hello", models=["curious"])
        message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
    told = json.loads(message["content"])
    assert told.pop("agent").startswith("Python")
    assert told == {
        "body": ["messages", "model", "stream"],
        "user": ["Ada", "warm"],
        "chat": ids["chat_id"],
        "ids": [True, True],
        "tools": ["builtin"],
        "files": [],
        "others": ["kept", "kept"],
        "model": "curious",
    }
    assert message["statusHistory"] == [{"description": "Thinking", "done": True}]


async def test_a_pipe_calls_the_tools_of_its_turn(ada: Person) -> None:
    tool = """
class Tools:
    def add(self, first: int, second: int, __user__: dict) -> str:
        \"\"\"Add two numbers.\"\"\"
        if first < 0:
            raise Exception("Too small")
        return f"{first + second} for {__user__['name']}"
"""
    await install_tool(ada, "adder", tool)
    code = """
class Pipe:
    async def pipe(self, body, __tools__):
        tool = __tools__["add"]
        yield f"{tool['tool_id']} {tool['spec']['name']} "
        yield await tool["callable"](first=1, second=2)
        try:
            await tool["callable"](first=-1, second=2)
        except Exception as error:
            yield f" {error}"
"""
    await install_function(ada, "calling", code)
    async with open_page(ada) as page:
        ids = await page.ask("Hello", models=["calling"], tool_ids=["adder"])
        message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
    assert message["content"] == "adder add 3 for Ada Too small"


async def test_the_title_of_a_chat_takes_no_events_from_its_answer(ada: Person) -> None:
    code = """
import asyncio
class Pipe:
    async def pipe(self, body, __event_emitter__, __task__=None):
        self.emit = __event_emitter__  # shared by all calls, as plugins do
        if __task__:
            return "A title"
        for word in ("One ", "two "):
            await asyncio.sleep(0.2)
            await self.emit({"type": "message", "data": {"content": word}})
        return ""
"""
    await install_function(ada, "speaking", code)
    async with open_page(ada) as page:
        ids = await page.ask("Hello", models=["speaking"], background_tasks={"title_generation": True})
        message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
    assert (message["content"], message["done"]) == ("One two ", True)


async def test_generations_tell_a_pipe_their_task(ada: Person) -> None:
    await install_function(ada, "curious", CURIOUS)
    async with open_page(ada) as page:
        ids = await page.ask(
            "Hello", models=["curious"], background_tasks={"title_generation": True, "tags_generation": True}
        )
        assert await page.wait_for("chat:title") == "title_generation of 1"
        assert (await page.get_chat(ids["chat_id"]))["meta"]["tags"] == ["tags_generation"]
    form = {"model": "curious", "messages": [{"role": "user", "content": "Hi"}], "chat_id": "c1"}
    completion = (await ada.post("/api/v1/tasks/title/completions", form)).ok()
    assert json.loads(completion["choices"][0]["message"]["content"])["title"] == "title_generation of 1"


async def test_a_pipe_summarizes_a_chat(ada: Person) -> None:
    code = "class Pipe:\n    def pipe(self, body, __task__):\n        return f'Summary by {__task__}'\n"
    await install_function(ada, "summarizing", code)
    config = (await ada.get("/api/v1/chats/config")).ok()
    (await ada.post("/api/v1/chats/config", {**config, "ENABLE_CONTEXT_COMPACTION": True})).ok()
    chat_id = await create_chat(ada)
    (await ada.post(f"/api/v1/chats/{chat_id}/compact", {"model": "summarizing"})).ok()
    messages = (await ada.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]
    assert messages["a3"]["contextSummary"] == "Summary by context_compaction"


async def test_an_arena_chooses_among_pipes(forms: Person) -> None:
    arena = {"id": "arena", "name": "Arena", "meta": {"model_ids": ["forms.two"]}}
    (
        await forms.post(
            "/api/v1/evaluations/config", {"ENABLE_EVALUATION_ARENA_MODELS": True, "EVALUATION_ARENA_MODELS": [arena]}
        )
    ).ok()
    async with open_page(forms) as page:
        ids = await page.ask("Say text", models=["arena"])
        message = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
    assert (message["content"], message["selectedModelId"]) == ("Plain text", "forms.two")


async def test_filters_and_pipes_share_the_metadata_of_a_turn(ada: Person, model: QueuedModel) -> None:
    inlet = """
class Filter:
    def inlet(self, body, __metadata__):
        __metadata__["note"] = [self]
        return body
    def stream(self, event):
        for choice in event["choices"]:
            if choice["delta"].get("content"):
                choice["delta"]["content"] = choice["delta"]["content"].upper()
        return event
"""
    await install_function(ada, "noting", inlet, is_global=True)
    code = (
        "class Pipe:\n    def pipe(self, body, __metadata__):\n        yield type(__metadata__['note'][0]).__name__\n"
    )
    await install_function(ada, "reading", code)
    assert await ask(ada, model="reading") == "FILTER"
    assert model.requests == []
