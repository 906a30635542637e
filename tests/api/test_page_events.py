"""The events of a turn in the order and the form in which the reference sends them to the page."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person
from page_client import Page, open_page

CHAT = "/api/chat/completions"
LIST, ON, OFF = "chat:list", "chat:active on", "chat:active off"
TEXT = "response:completion response.output_text.delta"
BEGUN = "response:completion chat.completion.chunk"
ENDED = ["chat:completion usage", "chat:completion finish", LIST, "chat:completion done"]
TASKS = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
AFTER = ["chat:message:follow_ups", "chat:tags", OFF]


def _name(event: dict[str, Any]) -> str:
    kind, data = event["data"]["type"], event["data"].get("data")
    if kind == "chat:active":
        return ON if data["active"] else OFF
    if kind == "response:completion":
        return f"{kind} {data.get('type') or data.get('object')}"
    if kind == "chat:completion":
        what = next(name for name in ("done", "choices", "usage", "output") if name in data)
        return f"{kind} {'finish' if what == 'choices' else what}"
    if kind == "chat:tasks:cancel":
        return f"{kind} output" if data else kind
    return str(kind)


def told(page: Page, message_id: str | None = None) -> list[str]:
    """The events' names in their order, several alike in a row once; the title, which comes beside, left out."""
    found: list[str] = []
    for event in page.events:
        name = _name(event)
        about = message_id is None or event.get("message_id") == message_id
        if about and name not in ("chat:title", *found[-1:]):
            found.append(name)
    return found


@pytest.fixture
async def page_of(ada: Person) -> Any:
    """Opens a page of Ada's, where the model counts its tokens."""
    form = {"id": "demo-small", "name": "Small", "meta": {"capabilities": {"usage": True}}, "params": {}}
    (await ada.post("/api/v1/models/create", form)).ok()
    return lambda: open_page(ada)


async def test_a_new_chat_and_a_second_question(page_of: Any) -> None:
    async with page_of() as page:
        body = page.body("Hello [[tokens 12]]", background_tasks=TASKS)
        started = (await page.person.post(CHAT, body)).ok()
        await page.quiet()
        await page.until("chat:title")
        assert told(page) == [LIST, ON, BEGUN, TEXT, *ENDED, *AFTER]
        assert all(set(one) == {"chat_id", "message_id", "data"} for one in page.events)
        assert {one["chat_id"] for one in page.events} == {started["chat_id"]}
        about = {_name(one): one["message_id"] for one in page.events}
        assert about.pop(ON) == body["id"]
        assert page.events[0]["message_id"] == body["user_message"]["id"]
        assert {about[name] for name in (BEGUN, TEXT, "chat:completion done", OFF, "chat:tags")} == {body["id"]}
        assert page.of("chat:active")[0] == {"active": True, "folder_id": None}
        assert page.of("chat:list")[0] == {"chat_id": started["chat_id"], "folder_id": None}
        usage, finish, done = page.of("chat:completion")
        assert set(usage["usage"]) >= {"prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"}
        assert finish["choices"][0]["finish_reason"] == "stop"
        assert set(done) == {"done", "output", "title", "usage"} and done["output"][0]["status"] == "completed"

        page.events.clear()
        more = page.body("More [[tokens 3]]", chat_id=started["chat_id"], parent_id=body["id"])
        (await page.person.post(CHAT, {**more, "background_tasks": {"follow_up_generation": True}})).ok()
        await page.quiet()
        assert told(page) == [LIST, ON, BEGUN, TEXT, *ENDED, "chat:message:follow_ups", OFF]


async def test_an_answer_that_is_stopped(page_of: Any) -> None:
    async with page_of() as page:
        body = page.body("Long [[tokens 200000]]", background_tasks={"follow_up_generation": True})
        started = (await page.person.post(CHAT, body)).ok()
        await page.until("response:completion", lambda data: data.get("type", "").endswith(".delta"))
        (await page.person.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        await page.quiet()
        assert told(page) == [LIST, ON, BEGUN, TEXT, "chat:tasks:cancel output", "chat:tasks:cancel", OFF]
        again = (await page.person.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        assert again == {"status": True, "message": "No tasks found."}


async def test_an_answer_that_is_continued(page_of: Any) -> None:
    async with page_of() as page:
        first = await page.ask("Start [[tokens 2]]")
        page.events.clear()
        body = page.body("", chat_id=first["chat_id"])
        body |= {"assistant_message_id": first["answer"], "id": first["answer"], "parent_id": first["question"]}
        del body["message_ids"], body["user_message"]
        (await page.person.post(CHAT, {**body, "background_tasks": {"follow_up_generation": True}})).ok()
        await page.quiet()
        # The page takes the pieces alone as well as the whole output with each piece, as the reference sends it.
        assert told(page) == [ON, BEGUN, TEXT, *ENDED, "chat:message:follow_ups", OFF]
        parts = page.of("chat:completion")[-1]["output"][0]["content"]
        assert parts[0]["text"] == "word0 word1" and len(parts) == 2


async def test_an_answer_with_thoughts(ada: Person) -> None:
    async with open_page(ada) as page:
        await page.ask("Think [[tokens 2]]", models=["demo-reasoner"])
        thoughts = ["response.output_item.added", "response.reasoning_text.delta", "response.output_item.done"]
        assert told(page) == [
            LIST,
            ON,
            BEGUN,
            *(f"response:completion {one}" for one in thoughts),
            TEXT,
            *ENDED[1:],
            OFF,
        ]
        added = next(one for one in page.list_data("response:completion") if one.get("type") == thoughts[0])
        assert list(added["item"]) == [
            *("type", "id", "status", "start_tag", "end_tag", "attributes", "content", "summary", "started_at")
        ]


async def test_two_models_side_by_side(page_of: Any) -> None:
    async with page_of() as page:
        body = page.body("Both [[tokens 4]]", models=["demo-small", "demo-large"], background_tasks=TASKS)
        (await page.person.post(CHAT, body)).ok()
        await page.quiet()
        first, second = (place["message_id"] for place in body["message_ids"])
        names = told(page, first)
        assert [name for name in names if name != OFF] == [
            ON,
            BEGUN,
            TEXT,
            *ENDED,
            "chat:message:follow_ups",
            "chat:tags",
        ]
        names = told(page, second)
        assert [name for name in names if name != OFF] == [BEGUN, TEXT, *ENDED[1:], "chat:message:follow_ups"]
        assert [data["active"] for data in page.of("chat:active")] == [True, False]
        assert len(page.of("chat:title")) == 1


async def test_a_provider_that_refuses(ada: Person) -> None:
    async with open_page(ada) as page:
        await page.ask("demo-error-500", background_tasks=TASKS)
        await page.wait_for("chat:title")
        assert told(page) == [LIST, ON, "chat:message:error", OFF]


async def test_a_temporary_chat(page_of: Any) -> None:
    async with page_of() as page:
        chat_id = f"temporary:{page.socket.get_sid()}"
        body = page.body("Psst [[tokens 3]]", chat_id=chat_id, background_tasks=TASKS)
        body["messages"] = [{"role": "user", "content": "Psst [[tokens 3]]"}]
        (await page.person.post(CHAT, body)).ok()
        await page.quiet()
        ended = [name for name in ENDED if name != LIST]
        assert told(page) == [ON, BEGUN, TEXT, *ended, "chat:message:follow_ups", OFF]
        assert page.of("chat:title") == [] and page.of("chat:completion")[-1]["title"] == ""


async def test_an_answer_that_does_not_stream(page_of: Any) -> None:
    async with page_of() as page:
        await page.ask("Hi [[tokens 3]]", stream=False)
        assert told(page)[:2] == [LIST, ON] and told(page)[-2:] == ["chat:completion done", OFF]
        whole, done = page.of("chat:completion")
        assert whole["choices"][0]["message"]["content"] == "word0 word1 word2 "
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
