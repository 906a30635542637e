"""Chats over the API: a client without a socket names a chat, and its question and the answer are stored there."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from conftest import Person, Server
from fastback.completions.sinks.client_stream import MAX_WAITING_BYTES, ClientStream
from page_client import open_page
from waiting import wait_until

CHAT = "/api/chat/completions"
NOT_FOUND = "We could not find what you're looking for :/"
TAKEN = "Message already exists or has an invalid ID."
FAILURE = {"error": {"message": "Chat completion stream failed"}}


def build_turn(text: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a request with a question below `parent`, and the ids of the question and its answer."""
    question = {"id": str(uuid.uuid4()), "parentId": parent, "role": "user", "content": text}
    return {"model": "demo-small", "id": str(uuid.uuid4()), "user_message": question, "parent_id": parent, **more}


async def begin_chat(person: Person, text: str = "Hi [[tokens 2]]", **more: Any) -> tuple[str, str]:
    """Begin a chat, and return its id and that of the answer."""
    body = build_turn(text, **more)
    reply = await person.post(CHAT, body)
    assert reply.status == 200, reply.text
    return reply.headers["x-chat-id"], body["id"]


async def read_chat(person: Person, chat_id: str) -> Any:
    return (await person.get(f"/api/v1/chats/{chat_id}")).ok()


async def read_messages(person: Person, chat_id: str) -> Any:
    return (await read_chat(person, chat_id))["chat"]["history"]["messages"]


def parse_events(text: str) -> list[Any]:
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def join_text(events: list[Any]) -> str:
    deltas = [event["choices"][0]["delta"] for event in events if isinstance(event, dict) and event.get("choices")]
    return "".join(delta.get("content") or "" for delta in deltas)


async def test_a_null_parent_begins_a_chat(ada: Person, open_models: None) -> None:
    body = build_turn("Name the planets [[tokens 3]]", background_tasks={"title_generation": True})
    reply = await ada.post("/api/v1/chat/completions", body)
    completion = reply.ok()
    assert completion["choices"][0]["message"]["content"] == "word0 word1 word2 "
    chat = await read_chat(ada, reply.headers["x-chat-id"])
    messages = chat["chat"]["history"]["messages"]
    question, answer = messages[body["user_message"]["id"]], messages[body["id"]]
    assert (question["content"], question["childrenIds"]) == ("Name the planets [[tokens 3]]", [answer["id"]])
    assert question["user"] == {"id": ada.id, "name": "Ada"}
    assert (answer["content"], answer["done"], answer["model"]) == ("word0 word1 word2 ", True, "demo-small")
    assert answer["parentId"] == question["id"] and answer["output"][0]["type"] == "message"
    assert answer["usage"]["output_tokens"] == 3
    assert chat["chat"]["history"]["currentId"] == answer["id"] and chat["chat"]["models"] == ["demo-small"]

    async def has_title() -> bool:
        return str((await read_chat(ada, chat["id"]))["title"]) != "New Chat"

    await wait_until(has_title)


async def test_a_chat_goes_on_with_what_is_stored(ada: Person, open_models: None, upstream: str) -> None:
    chat_id, first_id = await begin_chat(ada, "First [[tokens 2]]")
    word = uuid.uuid4().hex
    body = build_turn(f"{word} [[tokens 3]]", first_id, chat_id=chat_id, stream=True)
    reply = await ada.post(CHAT, body)
    assert reply.headers["content-type"].startswith("text/event-stream") and "x-chat-id" not in reply.headers
    events = parse_events(reply.text)
    assert events[-1] == "[DONE]" and events.count("[DONE]") == 1
    assert join_text(events) == "word0 word1 word2 "
    assert events[0]["object"] == "chat.completion.chunk" and events[-2]["usage"]["completion_tokens"] == 3
    # The answer is stored when the client has read the end.
    answer = (await read_messages(ada, chat_id))[body["id"]]
    assert (answer["content"], answer["done"]) == ("word0 word1 word2", True)
    assert answer["usage"]["output_tokens"] == 3
    async with aiohttp.ClientSession() as session, session.get(f"{upstream}/_requests") as response:
        requests = [request["body"] for request in await response.json() if word in str(request["body"])]
    assert [message["role"] for message in requests[-1]["messages"]] == ["user", "assistant", "user"]


async def test_open_pages_see_the_answer_grow(ada: Person) -> None:
    async with open_page(ada) as page:
        chat_id, answer_id = await begin_chat(ada, "Hi [[tokens 5]]", stream=True)
        await page.wait_until_idle()
        assert page.list_data("chat:active", chat_id=chat_id)[0]["active"] is True
        assert page.list_data("response:completion", chat_id=chat_id, message_id=answer_id)
        done = page.list_data("chat:completion", chat_id=chat_id)[-1]
        assert done["done"] is True and done["output"][0]["content"][0]["text"] == "word0 word1 word2 word3 word4"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_goes_on_without_its_client(ada: Person, stream: bool) -> None:
    chat_id, parent = await begin_chat(ada)
    body = build_turn("[[silent 1]] [[tokens 50]]", parent, chat_id=chat_id, stream=stream)
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {ada.token}"}) as session:
        request = asyncio.create_task(session.post(ada.url + CHAT, json=body))

        async def is_placed() -> bool:
            return body["id"] in await read_messages(ada, chat_id)

        await wait_until(is_placed)
        if stream:
            await (await request).content.readany()
        request.cancel()

    async def is_done() -> bool:
        return bool((await read_messages(ada, chat_id))[body["id"]]["done"])

    await wait_until(is_done)
    answer = (await read_messages(ada, chat_id))[body["id"]]
    assert answer["content"].split() == [f"word{number}" for number in range(50)] and "error" not in answer


@pytest.mark.parametrize(
    ("text", "stream"), [("[[silent 9]] [[tokens 50]]", True), ("[[slow]]", True), ("[[slow]]", False)]
)
async def test_an_answer_can_be_stopped(ada: Person, text: str, stream: bool) -> None:
    chat_id, parent = await begin_chat(ada)
    body = build_turn(text, parent, chat_id=chat_id, stream=stream)
    request = asyncio.create_task(ada.post(CHAT, body))
    has_begun = "silent" in text

    async def runs() -> bool:
        tasks = (await ada.get(f"/api/tasks/chat/{chat_id}")).ok()["task_ids"]
        return bool(tasks) and (not has_begun or bool((await read_messages(ada, chat_id))[body["id"]]["content"]))

    await wait_until(runs)
    (await ada.post(f"/api/tasks/chat/{chat_id}/stop")).ok()
    reply = await request
    if has_begun:
        events = parse_events(reply.text)
        assert events[-2:] == [FAILURE, "[DONE]"] and join_text(events) == "word0 word1 word2 "
    else:
        reply.refused(409, "The answer was stopped.")
    answer = (await read_messages(ada, chat_id))[body["id"]]
    assert answer["done"] is True and answer["content"].strip() == ("word0 word1 word2" if has_begun else "")


async def test_what_is_refused(server: Server, ada: Person, bob: Person, open_models: None) -> None:
    chat_id, answer_id = await begin_chat(bob)
    before = await read_messages(bob, chat_id)
    for person in (ada, bob):
        (await person.post(CHAT, build_turn("Hi", chat_id="no-such-chat"))).refused(404, NOT_FOUND)
    (await ada.post(CHAT, build_turn("Hi", answer_id, chat_id=chat_id))).refused(404, NOT_FOUND)
    (await bob.post(CHAT, build_turn("Hi", chat_id="channel:x"))).refused(404, NOT_FOUND)
    turn = build_turn("Hi", answer_id, chat_id=chat_id)
    (await bob.post(CHAT, {**turn, "model": "no-such-model"})).refused(400, "Model not found")
    (await bob.post(CHAT, {**turn, "id": None})).refused(409, TAKEN)
    (await bob.post(CHAT, {**turn, "id": answer_id})).refused(409, TAKEN)
    (await bob.post(CHAT, {**turn, "id": turn["user_message"]["id"]})).refused(409, TAKEN)
    (await server.stranger().post(CHAT, turn)).refused(401)
    assert await read_messages(bob, chat_id) == before
    (await bob.post(CHAT, turn)).ok()


async def test_a_question_after_one_that_was_lost_follows_the_last_stored_message(ada: Person) -> None:
    chat_id, answer_id = await begin_chat(ada)
    body = build_turn("Are you back?", "an-answer-that-was-never-stored", chat_id=chat_id)
    (await ada.post(CHAT, body)).ok()
    messages = await read_messages(ada, chat_id)
    question_id = body["user_message"]["id"]
    assert messages[question_id]["parentId"] == answer_id
    assert messages[answer_id]["childrenIds"] == [question_id]
    assert messages[body["id"]]["parentId"] == question_id and messages[body["id"]]["done"] is True


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_of_the_model_server_is_answered_and_stored(ada: Person, stream: bool) -> None:
    chat_id, parent = await begin_chat(ada)
    body = build_turn("demo-error-429", parent, chat_id=chat_id, stream=stream)
    reply = await ada.post(CHAT, body)
    assert (reply.status, reply.json["error"]["message"]) == (429, "demo refusal 429")
    answer = (await read_messages(ada, chat_id))[body["id"]]
    assert (answer["done"], answer["error"]) == (True, {"content": "demo refusal 429"})


@pytest.mark.parametrize(
    ("text", "last", "error"),
    [
        ("[[silent 0.3]] [[break]] [[tokens 50]]", FAILURE, "Open WebUI: Server Connection Error"),
        ("[[error]]", None, "demo failure in the stream"),
    ],
)
async def test_a_stream_that_fails_ends_with_an_error(ada: Person, text: str, last: Any, error: str) -> None:
    chat_id, parent = await begin_chat(ada)
    body = build_turn(text, parent, chat_id=chat_id, stream=True)
    events = parse_events((await ada.post(CHAT, body)).text)
    assert events[-1] == "[DONE]" and "error" in events[-2]
    if last is not None:
        assert events[-2] == last
    answer = (await read_messages(ada, chat_id))[body["id"]]
    assert (answer["done"], answer["error"]) == (True, {"content": error})


async def test_what_is_not_an_answer_is_refused_and_stored(ada: Person) -> None:
    chat_id, parent = await begin_chat(ada)
    body = build_turn("[[garbage]]", parent, chat_id=chat_id)
    (await ada.post(CHAT, body)).refused(502)
    assert (await read_messages(ada, chat_id))[body["id"]]["error"]


async def test_a_collaborator_continues_a_shared_chat(ada: Person, bob: Person, open_models: None) -> None:
    chat_id, parent = await begin_chat(ada)
    (await ada.post(f"/api/v1/chats/{chat_id}/share", {"share_mode": "continue"})).ok()
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    (await ada.post(f"/api/v1/chats/shared/{chat_id}/access/update", {"access_grants": grants})).ok()
    body = build_turn("Hi [[tokens 1]]", parent, chat_id=chat_id)
    (await bob.post(CHAT, body)).ok()
    messages = await read_messages(ada, chat_id)
    assert messages[body["id"]]["user_id"] == messages[body["user_message"]["id"]]["user_id"] == bob.id


async def test_a_new_chat_needs_no_ids_and_one_answer_is_written(ada: Person) -> None:
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}], "parent_id": None}
    reply = await ada.post(CHAT, body)
    assert reply.ok()["choices"][0]["message"]["content"] == "word0 "
    (answer,) = (await read_messages(ada, reply.headers["x-chat-id"])).values()
    assert (answer["content"], answer["done"]) == ("word0 ", True)
    ids = [{"model_id": "demo-small", "message_id": message_id} for message_id in ("a1", "a2")]
    reply = await ada.post(CHAT, {**build_turn("Hi [[tokens 1]]"), "message_ids": ids})
    reply.ok()
    messages = await read_messages(ada, reply.headers["x-chat-id"])
    assert [message["done"] for message in messages.values() if message["role"] == "assistant"] == [True]


@pytest.mark.parametrize("chat_id", ["local:x", "temporary:x", 5])
async def test_a_chat_that_is_not_stored_is_only_relayed(ada: Person, chat_id: Any) -> None:
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}], "id": "a"}
    reply = await ada.post(CHAT, {**body, "chat_id": chat_id})
    assert reply.ok()["choices"][0]["message"]["content"] == "word0 "
    assert (await ada.get("/api/v1/chats/list")).ok() == []


class TestOllama:
    @pytest.fixture
    def environment(self, upstream: str) -> dict[str, str]:
        return {"ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URL": upstream}

    @pytest.mark.parametrize("stream", [True, False])
    async def test_its_answers_are_relayed_and_stored(self, ada: Person, stream: bool) -> None:
        body = build_turn("Hi [[tokens 2]]", model="llama-demo:latest", stream=stream)
        reply = await ada.post(CHAT, body)
        if stream:
            events = parse_events(reply.text)
            assert events[-1] == "[DONE]" and join_text(events) == "word0 word1 "
        else:
            assert reply.ok()["choices"][0]["message"]["content"] == "word0 word1 "
        answer = (await read_messages(ada, reply.headers["x-chat-id"]))[body["id"]]
        assert (answer["content"].strip(), answer["usage"]["output_tokens"]) == ("word0 word1", 2)


async def _read_all(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def test_a_client_that_reads_nothing_is_cut_off() -> None:
    stream = ClientStream()
    stream.send(b"data: first\n\n")
    for _ in range(MAX_WAITING_BYTES // 1_000_000 + 1):
        stream.send(b"x" * 1_000_000)
    stream.end(b"data: [DONE]\n\n")
    text = await asyncio.wait_for(_read_all(stream.iterate()), 5)
    assert text.endswith(b"data: [DONE]\n\n") and b"failed" in text and len(text) < 200
