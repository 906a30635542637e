"""The events of a turn, in the order and the form in which the reference sends them to the page."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person
from page_client import Page, open_page

CHAT = "/api/chat/completions"
LIST, ON, OFF = "chat:list", "chat:active on", "chat:active off"
TEXT = "response:completion response.output_text.delta"
FIRST_CHUNK = "response:completion chat.completion.chunk"
END = ["chat:completion usage", "chat:completion finish", LIST, "chat:completion done"]
TASKS = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
AFTER_TASKS = ["chat:message:follow_ups", "chat:tags", OFF]


def get_event_name(event: dict[str, Any]) -> str:
    kind, data = event["data"]["type"], event["data"].get("data")
    if kind == "chat:active":
        return ON if data["active"] else OFF
    if kind == "response:completion":
        return f"{kind} {data.get('type') or data.get('object')}"
    if kind == "chat:completion":
        field = next(name for name in ("done", "choices", "usage", "output") if name in data)
        return f"{kind} {'finish' if field == 'choices' else field}"
    if kind == "chat:tasks:cancel":
        return f"{kind} output" if data else kind
    return str(kind)


def list_event_names(page: Page, message_id: str | None = None) -> list[str]:
    """Return the event names in order, without repetitions in a row and without the title, which has no fixed place."""
    names: list[str] = []
    for event in page.events:
        name = get_event_name(event)
        is_relevant = message_id is None or event.get("message_id") == message_id
        if is_relevant and name not in ("chat:title", *names[-1:]):
            names.append(name)
    return names


@pytest.fixture
async def open_ada_page(ada: Person) -> Any:
    """Return a function that opens a page of Ada's; the model counts its tokens."""
    form = {"id": "demo-small", "name": "Small", "meta": {"capabilities": {"usage": True}}, "params": {}}
    (await ada.post("/api/v1/models/create", form)).ok()
    return lambda: open_page(ada)


async def test_a_new_chat_and_a_second_question(open_ada_page: Any) -> None:
    async with open_ada_page() as page:
        body = page.build_body("Hello [[tokens 12]]", background_tasks=TASKS)
        started = (await page.person.post(CHAT, body)).ok()
        await page.wait_until_idle()
        await page.wait_for("chat:title")
        assert list_event_names(page) == [LIST, ON, FIRST_CHUNK, TEXT, *END, *AFTER_TASKS]
        assert all(set(event) == {"chat_id", "message_id", "data"} for event in page.events)
        assert {event["chat_id"] for event in page.events} == {started["chat_id"]}
        ids_by_name = {get_event_name(event): event["message_id"] for event in page.events}
        assert ids_by_name.pop(ON) == body["id"]
        assert page.events[0]["message_id"] == body["user_message"]["id"]
        assert {ids_by_name[name] for name in (FIRST_CHUNK, TEXT, "chat:completion done", OFF, "chat:tags")} == {
            body["id"]
        }
        assert page.list_data("chat:active")[0] == {"active": True, "folder_id": None}
        assert page.list_data("chat:list")[0] == {"chat_id": started["chat_id"], "folder_id": None}
        usage, finish, done = page.list_data("chat:completion")
        assert set(usage["usage"]) >= {"prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"}
        assert finish["choices"][0]["finish_reason"] == "stop"
        assert set(done) == {"done", "output", "title", "usage"} and done["output"][0]["status"] == "completed"

        page.events.clear()
        second_body = page.build_body("More [[tokens 3]]", chat_id=started["chat_id"], parent_id=body["id"])
        (await page.person.post(CHAT, {**second_body, "background_tasks": {"follow_up_generation": True}})).ok()
        await page.wait_until_idle()
        assert list_event_names(page) == [LIST, ON, FIRST_CHUNK, TEXT, *END, "chat:message:follow_ups", OFF]


async def test_events_of_a_stopped_answer(open_ada_page: Any) -> None:
    async with open_ada_page() as page:
        body = page.build_body("Long [[tokens 200000]]", background_tasks={"follow_up_generation": True})
        started = (await page.person.post(CHAT, body)).ok()
        await page.wait_for("response:completion", lambda data: data.get("type", "").endswith(".delta"))
        (await page.person.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        await page.wait_until_idle()
        assert list_event_names(page) == [
            LIST,
            ON,
            FIRST_CHUNK,
            TEXT,
            "chat:tasks:cancel output",
            "chat:tasks:cancel",
            OFF,
        ]
        second_stop = (await page.person.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        assert second_stop == {"status": True, "message": "No tasks found."}


async def test_events_of_a_continued_answer(open_ada_page: Any) -> None:
    async with open_ada_page() as page:
        first = await page.ask("Start [[tokens 2]]")
        page.events.clear()
        body = page.build_body("", chat_id=first["chat_id"])
        body |= {"assistant_message_id": first["answer"], "id": first["answer"], "parent_id": first["question"]}
        del body["message_ids"], body["user_message"]
        (await page.person.post(CHAT, {**body, "background_tasks": {"follow_up_generation": True}})).ok()
        await page.wait_until_idle()
        # The page accepts the deltas alone as well as the whole output with each delta, as the reference sends it.
        assert list_event_names(page) == [ON, FIRST_CHUNK, TEXT, *END, "chat:message:follow_ups", OFF]
        parts = page.list_data("chat:completion")[-1]["output"][0]["content"]
        assert parts[0]["text"] == "word0 word1" and len(parts) == 2


async def test_events_of_an_answer_with_reasoning(ada: Person) -> None:
    async with open_page(ada) as page:
        await page.ask("Think [[tokens 2]]", models=["demo-reasoner"])
        reasoning_types = ["response.output_item.added", "response.reasoning_text.delta", "response.output_item.done"]
        assert list_event_names(page) == [
            LIST,
            ON,
            FIRST_CHUNK,
            *(f"response:completion {kind}" for kind in reasoning_types),
            TEXT,
            *END[1:],
            OFF,
        ]
        added = next(
            event for event in page.list_data("response:completion") if event.get("type") == reasoning_types[0]
        )
        assert list(added["item"]) == [
            *("type", "id", "status", "start_tag", "end_tag", "attributes", "content", "summary", "started_at")
        ]


async def test_events_of_two_models_side_by_side(open_ada_page: Any) -> None:
    async with open_ada_page() as page:
        body = page.build_body("Both [[tokens 4]]", models=["demo-small", "demo-large"], background_tasks=TASKS)
        (await page.person.post(CHAT, body)).ok()
        await page.wait_until_idle()
        first, second = (target["message_id"] for target in body["message_ids"])
        names = list_event_names(page, first)
        assert [name for name in names if name != OFF] == [
            ON,
            FIRST_CHUNK,
            TEXT,
            *END,
            "chat:message:follow_ups",
            "chat:tags",
        ]
        names = list_event_names(page, second)
        assert [name for name in names if name != OFF] == [FIRST_CHUNK, TEXT, *END[1:], "chat:message:follow_ups"]
        assert [data["active"] for data in page.list_data("chat:active")] == [True, False]
        assert len(page.list_data("chat:title")) == 1


async def test_events_of_a_refusal_by_the_provider(ada: Person) -> None:
    async with open_page(ada) as page:
        await page.ask("demo-error-500", background_tasks=TASKS)
        await page.wait_for("chat:title")
        assert list_event_names(page) == [LIST, ON, "chat:message:error", OFF]


async def test_events_of_a_temporary_chat(open_ada_page: Any) -> None:
    async with open_ada_page() as page:
        chat_id = f"temporary:{page.socket.get_sid()}"
        body = page.build_body("Psst [[tokens 3]]", chat_id=chat_id, background_tasks=TASKS)
        body["messages"] = [{"role": "user", "content": "Psst [[tokens 3]]"}]
        (await page.person.post(CHAT, body)).ok()
        await page.wait_until_idle()
        end = [name for name in END if name != LIST]
        assert list_event_names(page) == [ON, FIRST_CHUNK, TEXT, *end, "chat:message:follow_ups", OFF]
        assert page.list_data("chat:title") == [] and page.list_data("chat:completion")[-1]["title"] == ""


async def test_events_of_an_answer_that_does_not_stream(open_ada_page: Any) -> None:
    async with open_ada_page() as page:
        await page.ask("Hi [[tokens 3]]", stream=False)
        assert list_event_names(page)[:2] == [LIST, ON] and list_event_names(page)[-2:] == ["chat:completion done", OFF]
        completion, done = page.list_data("chat:completion")
        assert completion["choices"][0]["message"]["content"] == "word0 word1 word2 "
        assert done["output"][0]["content"] == [{"type": "output_text", "text": "word0 word1 word2 "}]


async def test_temporary_chats_belong_to_their_socket(ada: Person, bob: Person) -> None:
    async with open_page(ada) as page:
        chat_id = f"temporary:{page.socket.get_sid()}"
        body = page.build_body("[[tokens 200000]]", chat_id=chat_id)
        body["messages"] = [{"role": "user", "content": "[[tokens 200000]]"}]
        started = (await ada.post(CHAT, body)).ok()
        await page.wait_for("response:completion", lambda data: data.get("type", "").endswith(".delta"))
        assert (await bob.get(f"/api/tasks/chat/{chat_id}")).ok() == {"task_ids": []}
        (await bob.post(f"/api/tasks/chat/{chat_id}/stop")).refused(404)
        assert (await ada.get(f"/api/tasks/chat/{chat_id}")).ok() == {"task_ids": started["task_ids"]}
        assert (await ada.get("/api/tasks")).ok() == {"tasks": started["task_ids"]}
        (await bob.post(f"/api/tasks/stop/{started['task_ids'][0]}")).refused(401)
        stopped = (await ada.post(f"/api/tasks/stop/{started['task_ids'][0]}")).ok()
        assert stopped == {"status": True, "message": f"Task {started['task_ids'][0]} successfully stopped."}
        await page.wait_until_idle()
