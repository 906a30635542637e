"""Generations requested on their own: a title, tags, a continuation, one answer out of several."""

from __future__ import annotations

import uuid
from typing import Any

import aiohttp
import pytest

from conftest import Person
from page_client import open_page

TALK = [{"role": "user", "content": "What is bread?"}, {"role": "assistant", "content": "Baked dough."}]


async def get_last_request(upstream: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{upstream}/_requests") as reply:
        return (await reply.json())[-1]["body"]


async def get_model_id(admin: Person) -> str:
    models = (await admin.get("/api/models")).ok()["data"]
    return str(models[0]["id"])


@pytest.mark.parametrize("database", ["sqlite"])
async def test_each_task_asks_the_model(ada: Person, upstream: str) -> None:
    model = await get_model_id(ada)
    (await ada.post("/api/v1/configs/import", {"config": {"task.autocomplete.enable": True}})).ok()
    for task, field in (
        ("title", '"title"'),
        ("tags", '"tags"'),
        ("follow_up", '"follow_ups"'),
        ("queries", '"queries"'),
        ("image_prompt", '"prompt"'),
        ("auto", '"text"'),
        ("emoji", "emoji"),
        ("moa", "joins"),
    ):
        body = {"model": model, "messages": TALK, "type": "web_search", "responses": ["one", "two"], "stream": False}
        if task in ("auto", "emoji", "moa"):
            body |= {"messages": None, "prompt": "What is bread?"}
        answer = (await ada.post(f"/api/v1/tasks/{task}/completions", body)).ok()
        assert isinstance(answer["choices"][0]["message"]["content"], str)
        request = await get_last_request(upstream)
        content = request["messages"][-1]["content"]
        assert field in content and "What is bread?" in content and "{{" not in content
        assert not request.get("stream")
        if task == "moa":
            assert '"""one"""\n\n"""two"""' in content


@pytest.mark.parametrize("database", ["sqlite"])
async def test_model_parameters_and_templates_are_configurable(ada: Person, upstream: str) -> None:
    models = [model["id"] for model in (await ada.get("/api/models")).ok()["data"]]
    changed = {
        "task.model.external": models[-1],
        "task.model.params": {"temperature": "0.5", "top_p": ""},
        "task.title.prompt_template": "For {{USER_NAME}} <{{USER_EMAIL}}>: {{prompt:start:4}}",
    }
    (await ada.post("/api/v1/configs/import", {"config": changed})).ok()
    (await ada.post("/api/v1/tasks/title/completions", {"model": models[0], "messages": TALK})).ok()
    request = await get_last_request(upstream)
    assert request["model"] == models[-1] and request["temperature"] == 0.5
    assert "top_p" not in request and "max_tokens" not in request
    assert request["messages"] == [{"role": "user", "content": "For Ada <ada@example.com>: What"}]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_one_answer_out_of_several_can_stream(ada: Person) -> None:
    body = {"model": await get_model_id(ada), "prompt": "?", "responses": ["one"], "stream": True}
    reply = await ada.post("/api/v1/tasks/moa/completions", body)
    assert reply.status == 200 and reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.rstrip().endswith("data: [DONE]")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_disabled_tasks_and_invalid_models_are_refused(ada: Person, bob: Person, anonymous: Person) -> None:
    path = "/api/v1/tasks/{}/completions"
    keys = ["title.enable", "tags.enable", "follow_up.enable", "query.search.enable", "query.retrieval.enable"]
    body: dict[str, Any] = {"model": "nothing", "messages": [], "prompt": "x" * 9}
    not_found = "Model '' was not found"
    (await bob.post(path.format("title"), {**body, "model": ""})).refused(400)
    for task in ("title", "tags", "follow_up", "queries", "emoji", "image_prompt", "moa"):
        (await bob.post(path.format(task), body)).refused(404, not_found)
        (await anonymous.post(path.format(task), body)).refused(401, "Not authenticated")
    (await bob.post(path.format("auto"), body)).refused(400, "Autocompletion generation is disabled")
    config = {f"task.{key}": False for key in keys}
    config |= {"task.autocomplete.enable": True, "task.autocomplete.input_max_length": 8}
    (await ada.post("/api/v1/configs/import", {"config": config})).ok()
    (await bob.post(path.format("auto"), body)).refused(400, "Input prompt exceeds maximum length of 8")
    for task, name in (("title", "Title"), ("tags", "Tags"), ("follow_up", "Follow-up")):
        assert (await bob.post(path.format(task), body)).ok() == {"detail": f"{name} generation is disabled"}
    for kind, name in (("web_search", "Search query"), ("retrieval", "Query")):
        reply = await bob.post(path.format("queries"), {**body, "type": kind})
        reply.refused(400, f"{name} generation is disabled")
    (await bob.post(path.format("queries"), body)).refused(404, not_found)


async def test_tasks_after_an_answer_run_as_the_requester(ada: Person, bob: Person, upstream: str) -> None:
    templates = {
        "task.title.prompt_template": "Title for {{USER_NAME}} <{{USER_EMAIL}}>: {{prompt}}",
        "task.follow_up.prompt_template": "Next for <{{USER_EMAIL}}>: {{MESSAGES:END:2}}",
        "task.model.external": "demo-large",
    }
    (await ada.post("/api/v1/configs/import", {"config": templates})).ok()
    public_grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    access = {"id": "demo-small", "name": "demo-small", "access_grants": public_grants}
    (await ada.post("/api/v1/models/model/access/update", access)).ok()
    word = uuid.uuid4().hex
    tasks = {"title_generation": True, "follow_up_generation": True}

    async def list_prompts() -> list[tuple[str, str]]:
        async with aiohttp.ClientSession() as session, session.get(f"{upstream}/_requests") as reply:
            bodies = [body["body"] for body in await reply.json()]
        return [(body["model"], body["messages"][-1]["content"]) for body in bodies if word in str(body)]

    async with open_page(bob) as page:
        await page.ask(f"{word} [[tokens 1]]", background_tasks=tasks, models=["demo-small"])
        # Bob may not use the task model: the question becomes the title of his chat.
        assert await page.wait_for("chat:title") == f"{word} [[tokens 1]]"
        assert [model for model, _ in await list_prompts()] == ["demo-small"]
        (await ada.post("/api/v1/models/model/access/update", {**access, "id": "demo-large"})).ok()
        page.events.clear()
        await page.ask(f"{word} [[tokens 1]]", background_tasks=tasks, models=["demo-small"])
        await page.wait_for("chat:title")
    prompts = {text for model, text in await list_prompts() if model == "demo-large"}
    assert f"Title for Bob <bob@example.com>: {word} [[tokens 1]]" in prompts
    assert any(text.startswith("Next for <bob@example.com>: USER:") for text in prompts)
