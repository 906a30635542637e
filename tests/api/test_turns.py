"""A chat turn as the page sees it: events over the socket, the chat in the database."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_tags import TagSplitter
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from page_client import open_page
from waiting import wait_until


def get_message(chat: Any, message_id: str) -> Any:
    return chat["chat"]["history"]["messages"][message_id]


async def test_a_new_chat_streams_gets_a_title_and_is_stored(ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    async with open_page(ada) as page:
        tasks = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
        turn = await page.ask("Hello [[tokens 12]]", background_tasks=tasks)
        await page.wait_for("chat:title")  # the title of a new chat is generated in parallel to its answer
        kinds = [event["data"]["type"] for event in page.events]
        assert kinds[0] == "chat:list"
        assert kinds.index("chat:active") < kinds.index("response:completion")
        first = page.list_data("response:completion")[0]
        assert first["object"] == "chat.completion.chunk" and first["choices"][0]["delta"]["role"] == "assistant"
        deltas = [
            event
            for event in page.list_data("response:completion")
            if event.get("type") == "response.output_text.delta"
        ]
        assert "".join(event["delta"] for event in deltas) == "".join(f"word{n} " for n in range(12))
        last = page.list_data("chat:completion")[-1]
        assert last["done"] is True and last["output"][0]["content"][0]["text"].endswith("word11")
        assert page.list_data("chat:title") == ["💬 A Conversation"]
        assert page.list_data("chat:tags") == [["General", "Demo"]]
        assert len(page.list_data("chat:message:follow_ups")[0]["follow_ups"]) == 3
        assert page.list_data("chat:active")[-1] == {"active": False, "folder_id": None}

        chat = await page.get_chat(turn["chat_id"])
        answer = get_message(chat, turn["answer"])
        assert answer["done"] is True and answer["content"].startswith("word0 word1")
        assert len(answer["followUps"]) == 3
        assert get_message(chat, turn["question"])["childrenIds"] == [turn["answer"]]
        assert chat["title"] == "💬 A Conversation" and chat["current_message_id"] == turn["answer"]
        chats = (await ada.get("/api/v1/chats/", page=1)).ok()
        assert [(entry["id"], entry["title"], entry["active"]) for entry in chats] == [
            (turn["chat_id"], "💬 A Conversation", False)
        ]
        tags = (await ada.get(f"/api/v1/chats/{turn['chat_id']}/tags")).ok()
        assert [tag["id"] for tag in tags] == ["general", "demo"]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_the_model_receives_the_whole_conversation(ada: Person, upstream: str) -> None:
    async with open_page(ada) as page:
        first = await page.ask("My name is Ada [[tokens 3]]")
        page.events.clear()
        await page.ask("What is my name? [[tokens 2]]", chat_id=first["chat_id"], parent_id=first["answer"])
    stranger = Person(upstream)
    request = (await stranger.get("/_requests")).ok()[-1]["body"]
    await stranger.close()
    assert [message["content"] for message in request["messages"]] == [
        "My name is Ada [[tokens 3]]",
        "word0 word1 word2",
        "What is my name? [[tokens 2]]",
    ]
    assert set(request) <= {"model", "messages", "stream", "stream_options", "tools"}


async def test_regenerating_makes_a_sibling(ada: Person) -> None:
    async with open_page(ada) as page:
        first = await page.ask("Again? [[tokens 3]]")
        page.events.clear()
        body = page.build_body("", chat_id=first["chat_id"])
        body["user_message"] = {
            "id": first["question"],
            "parentId": None,
            "role": "user",
            "content": "Again? [[tokens 3]]",
        }
        (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()
        chat = await page.get_chat(first["chat_id"])
        assert get_message(chat, first["question"])["childrenIds"] == [first["answer"], body["id"]]
        assert chat["chat"]["history"]["currentId"] == body["id"]


async def test_several_models_answer_side_by_side(ada: Person) -> None:
    async with open_page(ada) as page:
        body = page.build_body("Both of you [[tokens 4]]", models=["demo-small", "demo-large"])
        started = (await ada.post("/api/chat/completions", body)).ok()
        assert len(started["task_ids"]) == 2
        await page.wait_until_idle()
        chat = await page.get_chat(started["chat_id"])
        for target in body["message_ids"]:
            answer = get_message(chat, target["message_id"])
            assert answer["model"] == target["model_id"] and answer["modelIdx"] == target["modelIdx"]
            assert answer["content"] == "word0 word1 word2 word3"


async def test_stopping_keeps_the_received_text(ada: Person, upstream: str) -> None:
    async with open_page(ada) as page:
        body = page.build_body("Long [[tokens 200000]]")
        started = (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_for("response:completion", lambda data: data.get("type", "").endswith(".delta"))
        assert (await ada.get(f"/api/tasks/chat/{started['chat_id']}")).ok() == {"task_ids": started["task_ids"]}
        stopped = (await ada.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        assert stopped == {"status": True, "message": f"Task {started['task_ids'][0]} successfully stopped."}
        await page.wait_until_idle()
        cancelled = page.list_data("chat:tasks:cancel")
        assert cancelled[0]["output"][0]["status"] == "incomplete" and cancelled[1] is None
        answer = get_message(await page.get_chat(started["chat_id"]), body["id"])
        assert answer["done"] is True and answer["content"].startswith("word0")
        assert (await ada.get(f"/api/tasks/chat/{started['chat_id']}")).ok() == {"task_ids": []}
    stranger = Person(upstream)
    for _ in range(50):
        if (await stranger.get("/_requests")).ok()[-1]["gone"]:
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the request to the provider was not cancelled")
    await stranger.close()


async def test_stopping_before_the_first_token(ada: Person, upstream: str) -> None:
    async with open_page(ada) as page:
        first = await page.ask("Start [[tokens 2]]")
        page.events.clear()
        body = page.build_body("[[slow]]", chat_id=first["chat_id"], parent_id=first["answer"])
        started = (await ada.post("/api/chat/completions", body)).ok()
        stranger = Person(upstream)
        for _ in range(100):
            if "[[slow]]" in str((await stranger.get("/_requests")).ok()[-1]["body"]):
                break
            await asyncio.sleep(0.05)
        await stranger.close()
        (await ada.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        await page.wait_until_idle()
        assert page.list_data("chat:tasks:cancel") == [None]
        answer = get_message(await page.get_chat(started["chat_id"]), body["id"])
        assert answer["done"] is True and answer["content"] == ""
        second_stop = (await ada.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        assert second_stop == {"status": True, "message": "No tasks found."}


async def test_continuing_adds_to_the_answer(ada: Person) -> None:
    async with open_page(ada) as page:
        first = await page.ask("Start [[tokens 2]]")
        page.events.clear()
        body = page.build_body("", chat_id=first["chat_id"])
        body |= {"assistant_message_id": first["answer"], "id": first["answer"], "parent_id": first["question"]}
        del body["message_ids"], body["user_message"]
        (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()
        answer = get_message(await page.get_chat(first["chat_id"]), first["answer"])
        texts = [part["text"] for part in answer["output"][0]["content"]]
        assert texts[0] == "word0 word1" and len(texts) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"folder_id": "a\x00"},
        {"chat_id": "a\x00"},
        {"user_message": {"id": ["a"], "role": "user", "content": "Hi"}},
        {"user_message": {"id": "a\x00", "role": "user", "content": "Hi"}},
        {"user_message": {"id": "q", "parentId": {}, "role": "user", "content": "Hi"}},
    ],
)
async def test_invalid_ids_are_refused(ada: Person, changed: dict[str, Any]) -> None:
    async with open_page(ada) as page:
        (await ada.post("/api/chat/completions", {**page.build_body("Hi [[tokens 1]]"), **changed})).refused(400)


async def test_a_malformed_question_does_not_break_its_chat(ada: Person, upstream: str) -> None:
    async with open_page(ada) as page:
        body = page.build_body("Hi [[tokens 1]]")
        body["user_message"] |= {"files": "none", "meta": ["a"]}
        first = (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()
        page.events.clear()
        turn = await page.ask("And? [[tokens 1]]", chat_id=first["chat_id"], parent_id=body["id"])
        assert page.list_data("chat:message:error") == []
        assert get_message(await page.get_chat(first["chat_id"]), turn["answer"])["content"] == "word0"


async def test_tool_calls_are_shown_and_stored(ada: Person) -> None:
    fields = {"city": {"type": "string"}, "days": {"type": "integer"}}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": fields}}}
        for name in ("weather_at", "rain_at")
    ]
    async with open_page(ada) as page:
        turn = await page.ask("Ask weather_at and rain_at", tools=tools)
        output = get_message(await page.get_chat(turn["chat_id"]), turn["answer"])["output"]
        events = page.list_data("response:completion")
    calls, results = output[:2], output[2:4]
    assert [(item["type"], item["name"], item["status"]) for item in calls] == [
        ("function_call", "weather_at", "failed"),
        ("function_call", "rain_at", "failed"),
    ]
    # Tools of the request are the client's, and a page runs none.
    assert [result["output"][0]["text"] for result in results] == [
        'Error: Tool "weather_at" not found.',
        'Error: Tool "rain_at" not found.',
    ]
    for index, call in enumerate(calls):
        assert json.loads(call["arguments"]) == {"city": "demo", "days": 2}
        assert output[4]["type"] == "message"
        kind = "response.function_call_arguments.delta"
        deltas = [event for event in events if event.get("type") == kind and event["item_id"] == call["id"]]
        assert "".join(delta["delta"] for delta in deltas) == call["arguments"]
        assert {delta["output_index"] for delta in deltas} == {index}


def test_a_long_tool_call_takes_linear_time() -> None:
    answer, count = AnswerBuilder(TagSplitter()), 60_000
    call = {"index": 0, "id": "c", "function": {"name": "write", "arguments": "word "}}
    payload = json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode()
    start = time.perf_counter()
    for _ in range(count):
        answer.feed(payload)
    assert time.perf_counter() - start < 2
    deltas = [frame["data"] for frame in answer.take_messages() if frame["data"]["type"].endswith("delta")]
    assert len(deltas) == 2
    assert "".join(delta["delta"] for delta in deltas) == answer.build_output()[0]["arguments"] == "word " * count


async def test_reasoning_is_separated_from_the_answer(ada: Person) -> None:
    async with open_page(ada) as page:
        turn = await page.ask("Think [[tokens 2]]", models=["demo-reasoner"])
        output = get_message(await page.get_chat(turn["chat_id"]), turn["answer"])["output"]
        assert [item["type"] for item in output] == ["reasoning", "message"]
        assert output[0]["status"] == "completed" and output[0]["content"][0]["text"].startswith("First I look")
        kinds = [event.get("type") for event in page.list_data("response:completion")]
        assert kinds.index("response.output_item.added") < kinds.index("response.output_item.done")


async def test_reasoning_between_tags_is_separated(ada: Person) -> None:
    async with open_page(ada) as page:
        turn = await page.ask("[[think]] [[tokens 2]]")
        output = get_message(await page.get_chat(turn["chat_id"]), turn["answer"])["output"]
        assert output[0]["content"][0]["text"] == "I think a little."
        assert output[1]["content"][0]["text"] == "word0 word1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[[error]]", "demo failure in the stream"), ("[[garbage]]", ""), ("[[break]] [[tokens 50]]", "")],
)
async def test_a_failure_of_the_provider_is_shown_in_the_chat(ada: Person, text: str, expected: str) -> None:
    async with open_page(ada) as page:
        body = page.build_body(text)
        started = (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()
        error = page.list_data("chat:message:error")[0]
        assert error["done"] is True and expected in error["error"]["content"] and error["error"]["content"]
        assert get_message(await page.get_chat(started["chat_id"]), body["id"])["error"] == error["error"]


async def test_a_temporary_chat_leaves_nothing_behind(ada: Person) -> None:
    async with open_page(ada) as page:
        chat_id = f"temporary:{page.socket.get_sid()}"
        body = page.build_body("Psst [[tokens 3]]", chat_id=chat_id)
        body["messages"] = [{"role": "user", "content": "Psst [[tokens 3]]"}]
        assert (await ada.post("/api/chat/completions", body)).ok()["chat_id"] == chat_id
        await page.wait_until_idle()
        assert page.list_data("chat:completion")[-1]["done"] is True
        assert (await ada.get("/api/v1/chats/", page=1)).ok() == []


async def test_a_user_cannot_write_into_a_chat_of_another_user(ada: Person, bob: Person) -> None:
    async with open_page(ada) as page:
        turn = await page.ask("Mine [[tokens 1]]")
    async with open_page(bob) as other:
        body = other.build_body("Yours?", chat_id=turn["chat_id"], parent_id=turn["answer"])
        reply = await bob.post("/api/chat/completions", body)
        assert reply.status in (400, 403, 404)
        joined = await other.socket.call("events:chat", {"chat_id": turn["chat_id"], "data": {"type": "join"}})
        assert joined is False


async def test_every_tab_of_a_user_sees_the_answer_and_reading_is_marked(ada: Person) -> None:
    async with open_page(ada) as page, open_page(ada, "polling") as other:
        turn = await page.ask("Hi [[tokens 3]]")
        await other.wait_until_idle()
        assert other.list_data("chat:completion")[-1]["done"] is True
        assert await page.socket.call("events:chat", {"chat_id": turn["chat_id"], "data": {"type": "join"}}) is True
        await page.wait_for("chat:presence", lambda data: [user["id"] for user in data["users"]] == [ada.id])
        await page.socket.emit("events:chat", {"chat_id": turn["chat_id"], "data": {"type": "last_read_at"}})
        await page.wait_for("chat:list", lambda data: "last_read_at" in data)


async def test_a_socket_without_a_valid_token_receives_nothing(server: Server, ada: Person) -> None:
    eve = Person(server.url, "forged")
    server.people.append(eve)
    async with open_page(ada) as page, open_page(eve) as eve_page:
        await page.ask("Secret [[tokens 1]]")
        assert eve_page.events == []


async def test_a_system_prompt_with_variables_reaches_the_model(ada: Person, upstream: str) -> None:
    model = {
        "id": "helper",
        "name": "Helper",
        "base_model_id": "demo-small",
        "meta": {},
        "params": {"system": "You help {{USER_NAME}}.", "temperature": 0.5, "max_tokens": 7},
    }
    (await ada.post("/api/v1/models/create", model)).ok()
    async with open_page(ada) as page:
        turn = await page.ask("Hi [[tokens 2]]", models=["helper"])
        assert get_message(await page.get_chat(turn["chat_id"]), turn["answer"])["model"] == "helper"
    stranger = Person(upstream)
    request = (await stranger.get("/_requests")).ok()[-1]["body"]
    await stranger.close()
    assert request["model"] == "demo-small" and request["temperature"] == 0.5 and request["max_tokens"] == 7
    assert request["messages"][0] == {"role": "system", "content": "You help Ada."}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"tongue": "de"}, "Speak de to no one, 3 times: de. At home in Bath, b."),
        ({"tongue": "de", "name": "{{USER_NAME}}", "times": 5}, "Speak de to Ada, 5 times: de. At home in Bath, b."),
        ({"tongue": "fr", "name": "x"}, "Speak  to ,  times: . At home in Bath, b."),
    ],
)
async def test_variables_of_the_chat_and_the_user_reach_the_model(
    ada: Person, upstream: str, values: dict[str, Any], expected: str
) -> None:
    (await ada.post("/api/v1/users/user/variables/update", {"variables": {"city": "Bath"}})).ok()
    system = (
        'Speak {{ chat.variables.tongue | select:options=["en","de"] }} to '
        '{{chat.variables.name|text:default="no one"}}, '
        "{{chat.variables.times|number:default=3}} times: {{chat.variables.tongue}}."
        " At home in {{ user.variables.city | text }}{{user.variables.X}}, {{page}}."
    )
    model = {"id": "helper", "name": "Helper", "base_model_id": "demo-small", "meta": {}, "params": {"system": system}}
    (await ada.post("/api/v1/models/create", model)).ok()
    async with open_page(ada) as page:
        variables = {"{{page}}": "b", "b": "c"}
        await page.ask("Hi [[tokens 1]]", models=["helper"], chat_variables=values, variables=variables)
    stranger = Person(upstream)
    request = (await stranger.get("/_requests")).ok()[-1]["body"]
    await stranger.close()
    assert request["messages"][0]["content"] == expected


async def test_the_folder_of_the_chat_decides_its_system_prompt(ada: Person, upstream: str) -> None:
    folder_ids = {}
    for name in ("Kitchen", "Garden"):
        form = {"name": name, "data": {"system_prompt": f"You are in the {name}."}}
        folder_ids[name] = (await ada.post("/api/v1/folders/", form)).ok()["id"]
    async with open_page(ada) as page:
        first = await page.ask("Hi [[tokens 1]]", folder_id=folder_ids["Kitchen"])
        page.events.clear()
        existing_chat = {"chat_id": first["chat_id"], "parent_id": first["answer"]}
        await page.ask("And? [[tokens 1]]", folder_id=folder_ids["Garden"], **existing_chat)
    stranger = Person(upstream)
    request = (await stranger.get("/_requests")).ok()[-1]["body"]
    await stranger.close()
    assert request["messages"][0] == {"role": "system", "content": "You are in the Kitchen."}


async def test_the_end_of_an_answer_publishes_an_event(ada: Person, server: Server) -> None:
    events: list[ActivityEvent] = []
    bus = server.services.get(Bus)
    bus.subscribe(ActivityEvent, events.append)
    audience = server.services.get(ActivityListeners)
    audience.add(lambda event: event == "chat.finished")
    async with open_page(ada) as page:
        turn = await page.ask("Hello [[tokens 3]]")
        await page.wait_for("chat:active")
    finished = await wait_until(lambda: [event for event in events if event.event == "chat.finished"])
    assert len(finished) == 1
    assert finished[0].actor is not None and finished[0].actor.name == "Ada"
    assert finished[0].data["chat_id"] == turn["chat_id"]
    assert finished[0].data["message"] == "word0 word1 word2"
    assert finished[0].data["model_id"] is not None


async def test_the_turn_of_a_deleted_user_is_stopped(ada: Person, bob: Person, server: Server) -> None:
    public_grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    model = {"id": "demo-small", "name": "Small", "params": {}, "meta": {}}
    (await ada.post("/api/v1/models/create", {**model, "access_grants": public_grants})).ok()
    async with open_page(bob) as page:
        body = page.build_body("Wait [[silent 20]]")
        started = (await bob.post("/api/chat/completions", body)).ok()
        assert (await ada.get("/api/tasks")).ok() == {"tasks": started["task_ids"]}
        (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
        assert (await ada.get("/api/tasks")).ok() == {"tasks": []}
    db = server.services.get(Database)
    assert await db.fetch_value("test.left", "SELECT count(*) FROM chat_message WHERE user_id = :id", id=bob.id) == 0
