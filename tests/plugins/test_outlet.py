"""Outlet filters: what they see of a finished answer, and what becomes of their changes."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from conftest import Person, Server
from page_client import open_page
from plugin_installation import ask, build_question, install_function
from queued_model import MODEL_ID, QueuedModel
from waiting import wait_until

OUTLET = """
import json
import pathlib


class Filter:
    def outlet(self, body, __user__, __metadata__, __model__, __request__, __chat_id__="none", __event_emitter__=None):
        seen = {
            "body": body,
            "user": __user__["name"],
            "trail": __metadata__.get("trail"),
            "model": __model__["id"],
            "agent": __request__.headers.get("x-agent"),
            "chat_id": __chat_id__,
        }
        pathlib.Path("{path}").write_text(json.dumps(seen))
        body["messages"][-1]["content"] += " (checked)"
        body["messages"].append({"role": "assistant", "content": "more"})
        return body

    def inlet(self, body, __metadata__):
        __metadata__["trail"] = ["inlet"]
        return body
"""


def build_outlet(path: Any) -> str:
    return OUTLET.replace("{path}", str(path))


async def test_a_change_is_stored_beside_the_original_and_sent_to_the_page(
    ada: Person, model: QueuedModel, tmp_path: Any
) -> None:
    await install_function(ada, "checking", build_outlet(tmp_path / "seen"), is_global=True)
    model.queue("Hi there")
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        shown = await page.wait_for("chat:outlet")
        chat = await page.get_chat(sent["chat_id"])
    answer = chat["chat"]["history"]["messages"][sent["answer"]]
    assert (answer["content"], answer["originalContent"]) == ("Hi there (checked)", "Hi there")
    assert [message["content"] for message in shown["messages"]] == ["Hello", "Hi there (checked)", "more"]
    assert len(chat["chat"]["history"]["messages"]) == 2
    seen = json.loads((tmp_path / "seen").read_text())
    body = seen["body"]
    assert sorted(body) == ["chat_id", "filter_ids", "id", "messages", "model", "session_id"]
    assert (body["id"], body["chat_id"], body["model"]) == (sent["answer"], sent["chat_id"], MODEL_ID)
    assert body["messages"][0]["content"] == "Hello"
    assert body["messages"][1] | {"timestamp": None, "output": None} == {
        "id": sent["answer"],
        "role": "assistant",
        "content": "Hi there",
        "info": None,
        "timestamp": None,
        "output": None,
        "finish_reason": "stop",
    }
    assert (seen["user"], seen["trail"], seen["model"], seen["chat_id"]) == ("Ada", ["inlet"], MODEL_ID, "none")


async def test_a_temporary_chat_shows_the_change(ada: Person, model: QueuedModel, tmp_path: Any) -> None:
    await install_function(ada, "checking", build_outlet(tmp_path / "seen"), is_global=True)
    model.queue("Hi")
    async with open_page(ada) as page:
        question = [{"role": "user", "content": "Hello"}]
        chat_id = f"local:{page.socket.get_sid()}"
        await page.ask("Hello", models=[MODEL_ID], chat_id=chat_id, messages=question)
        shown = await page.wait_for("chat:outlet")
    assert [message["content"] for message in shown["messages"]] == ["Hello", "Hi (checked)", "more"]


async def test_the_page_hears_of_the_conversation_where_no_filter_has_an_outlet(
    ada: Person, model: QueuedModel
) -> None:
    content = "class Filter:\n    def inlet(self, body):\n        return body\n"
    await install_function(ada, "polite", content, is_global=True)
    model.queue("Hi", "Hi again")
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        (shown,) = page.list_data("chat:outlet")
        chat = await page.get_chat(sent["chat_id"])
        (await ada.post("/api/v1/functions/id/polite/toggle")).ok()
        await page.ask("And now?", models=[MODEL_ID])
        assert page.list_data("chat:outlet") == [shown]
    assert [(message["id"], message["role"], message["content"]) for message in shown["messages"]] == [
        (sent["question"], "user", "Hello"),
        (sent["answer"], "assistant", "Hi"),
    ]
    assert "originalContent" not in chat["chat"]["history"]["messages"][sent["answer"]]


async def test_a_change_of_an_answer_over_the_chat_socket_is_stored(
    server: Server, ada: Person, model: QueuedModel, tmp_path: Any
) -> None:
    await install_function(ada, "checking", build_outlet(tmp_path / "seen"), is_global=True)
    question = {"id": "q", "parentId": None, "childrenIds": [], "role": "user", "content": "Hello"}
    chat = {"title": "T", "history": {"currentId": "q", "messages": {"q": question}}}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    model.queue("Hi there")
    metadata = {"chat_id": chat_id, "message_id": "a"}
    text = await ask_over_socket(server, ada, build_question(metadata=metadata, user_message={"id": "q"}))
    assert text == "Hi there"
    messages = (await ada.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]
    assert (messages["a"]["content"], messages["a"]["originalContent"]) == ("Hi there (checked)", "Hi there")
    assert (messages["a"]["done"], sorted(messages)) == (True, ["a", "q"])
    seen = json.loads((tmp_path / "seen").read_text())["body"]["messages"]
    assert [(message["id"], message["content"]) for message in seen] == [("q", "Hello"), ("a", "Hi there")]


async def ask_over_socket(server: Server, person: Person, body: dict[str, Any]) -> str:
    """Ask over `/api/ws/chat`, wait for the end, and return the text of the answer."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/api/ws/chat") as socket:
        await socket.send_json({"token": person.token})
        await socket.send_json(body)
        parts: list[str] = []
        while (message := await socket.receive_str(timeout=10)) != "[DONE]":
            parts += [choice["delta"].get("content") or "" for choice in json.loads(message)["choices"]]
    return "".join(parts)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_answers_over_the_api_pass_outlet_filters(
    ada: Person, model: QueuedModel, tmp_path: Any, is_stream: bool
) -> None:
    await install_function(ada, "checking", build_outlet(tmp_path / "seen"), is_global=True)
    model.queue([{"reasoning_content": "Well"}, {"content": "Hi"}])
    reply = await ada.post("/api/chat/completions", build_question(stream=is_stream), headers={"x-agent": "tests"})
    assert "Hi" in reply.text and "checked" not in reply.text
    await wait_until((tmp_path / "seen").exists)
    seen = json.loads((tmp_path / "seen").read_text())
    messages = seen["body"]["messages"]
    assert [(message["role"], message["content"]) for message in messages] == [("user", "Hello"), ("assistant", "Hi")]
    assert [item["type"] for item in messages[1].get("output", ())] == (["reasoning", "message"] if is_stream else [])
    assert (messages[1]["finish_reason"], seen["agent"]) == ("stop", "tests")


async def test_an_error_of_an_outlet_changes_nothing(ada: Person, model: QueuedModel) -> None:
    await install_function(
        ada, "failing", "class Filter:\n    def outlet(self, body):\n        raise Exception('no')\n", is_global=True
    )
    await install_function(ada, "silent", "class Filter:\n    def outlet(self, body):\n        pass\n", is_global=True)
    model.queue("Hi", "Hi")
    assert await ask(ada) == "Hi"
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        chat = await page.get_chat(sent["chat_id"])
        assert page.list_data("chat:outlet") == []
    assert chat["chat"]["history"]["messages"][sent["answer"]]["content"] == "Hi"


class TestWithoutApiFilters:
    @pytest.fixture
    def environment(self, model: QueuedModel) -> dict[str, str]:
        return model.env | {"ENABLE_API_OUTLET_FILTERS": "false"}

    async def test_answers_over_the_api_pass_no_outlet_filter(
        self, ada: Person, model: QueuedModel, tmp_path: Any
    ) -> None:
        await install_function(ada, "checking", build_outlet(tmp_path / "seen"), is_global=True)
        model.queue("Hi")
        assert await ask(ada) == "Hi"
        assert not (tmp_path / "seen").exists()


async def test_an_older_client_sends_the_finished_answer_itself(ada: Person, model: QueuedModel, tmp_path: Any) -> None:
    await install_function(ada, "checking", build_outlet(tmp_path / "seen"), is_global=True)
    messages = [{"role": "user", "content": "Hello"}, {"id": "m", "role": "assistant", "content": "Hi"}]
    body = {"model": MODEL_ID, "messages": messages, "chat_id": "", "session_id": "s", "id": "m"}
    result = (await ada.post("/api/chat/completed", body)).ok()
    assert [message["content"] for message in result["messages"]] == ["Hello", "Hi (checked)", "more"]
    failing = "class Filter:\n    def outlet(self, body):\n        raise Exception('not today')\n"
    await install_function(ada, "failing", failing, is_global=True)
    (await ada.post("/api/chat/completed", body)).refused(400, "Error: not today")
