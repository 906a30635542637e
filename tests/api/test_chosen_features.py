"""What a question chooses beside its text: skills reach the model, what is not available is named above the answer."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person
from fastback.compatibility.operations import make_refusal_router
from fastback.kit.http import NotBuilt
from page_client import open_page

SKILL = {"name": "Maps", "description": "Reading maps", "content": "# Maps\nLook north."}


async def read_request(upstream: str) -> Any:
    """Return the body of the last request to the model server."""
    stranger = Person(upstream)
    request = (await stranger.get("/_requests")).ok()[-1]["body"]
    await stranger.close()
    return request


async def test_what_is_not_available_is_named_once_above_the_answer(ada: Person) -> None:
    async with open_page(ada) as page:
        more = {
            "tool_ids": ["web-lookup", "server:mcp:1"],
            "filter_ids": ["calm"],
            "features": {"image_generation": True, "code_interpreter": True, "web_search": False},
            "terminal_id": "shell",
            "params": {"function_calling": "legacy"},
        }
        turn = await page.ask("Hello [[tokens 2]]", **more)
        text = "Image generation is not available here"
        status = {"action": "note", "description": text, "done": True}
        assert page.list_data("status") == [status]
        answer = (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"][turn["answer"]]
        assert answer["statusHistory"] == [status] and answer["content"] == "word0 word1"


async def list_notes(person: Person, **more: Any) -> list[str]:
    """Ask on a page, and return the lines above the answer."""
    async with open_page(person) as page:
        await page.ask("Hello [[tokens 2]]", **more)
        return [status["description"] for status in page.list_data("status") if status["action"] == "note"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_was_switched_on_and_has_no_effect_is_named(ada: Person, bob: Person, open_models: None) -> None:
    code, search = {"code_interpreter": True}, {"web_search": True}
    legacy = {"function_calling": "legacy"}
    no_code, no_search = "The code interpreter is not available here", "Web search is not available here"
    no_tools = "Tools run for answers that stream; this one does not"
    assert await list_notes(bob, features=code) == await list_notes(bob, features=code, params=legacy) == []
    assert await list_notes(bob, features=code, params=legacy, stream=False) == [no_code]
    assert await list_notes(bob, features=code, stream=False) == [no_tools]
    assert await list_notes(bob, tool_ids=["x"], stream=False) == [no_tools]
    assert await list_notes(bob, tool_ids=["x"], stream=False, params=legacy) == []
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"] |= {"code_interpreter": False, "web_search": False}
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    both = {"features": {**code, **search}}
    for params in ({}, legacy):
        assert await list_notes(bob, params=params, **both) == [f"{no_search}; {no_code}"]
    # Clients of the API read it in a header, or in the chat that they name.
    question = {"model": "demo-small", "messages": [{"role": "user", "content": "Hello [[tokens 2]]"}], **both}
    for path in ("/api/chat/completions", "/api/v1/chat/completions"):
        assert (await bob.post(path, question)).headers["x-fastback-note"] == f"{no_search}; {no_code}"
    fields = {"id": "answer", "parent_id": None, "user_message": {"id": "q", "role": "user", "content": "Hello"}}
    reply = await ada.post("/api/v1/chat/completions", {**question, **fields, "features": code})
    chat = (await ada.get(f"/api/v1/chats/{reply.headers['x-chat-id']}")).ok()["chat"]["history"]["messages"]
    assert chat["answer"]["statusHistory"] == [{"action": "note", "description": no_code, "done": True}]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tool_ids": [], "filter_ids": None, "features": {"code_interpreter": False}, "terminal_id": None},
        {"tool_ids": "x", "filter_ids": [1, None, {}], "tool_servers": {}, "features": []},
    ],
)
async def test_an_answer_that_lacks_nothing_has_no_line(ada: Person, more: dict[str, Any]) -> None:
    async with open_page(ada) as page:
        await page.ask("Hello [[tokens 2]]", **more)
        assert page.list_data("status") == []


async def test_chosen_and_mentioned_skills_reach_the_model(ada: Person, upstream: str) -> None:
    for skill_id in ("maps", "walks", "rivers"):
        form = {**SKILL, "id": skill_id, "name": skill_id.title(), "content": f"# {skill_id}"}
        (await ada.post("/api/v1/skills/create", form)).ok()
    (await ada.post("/api/v1/skills/id/rivers/toggle")).ok()
    async with open_page(ada) as page:
        await page.ask("Ask <$walks|Walks> and <$gone|Gone> [[tokens 2]]", skill_ids=["maps", "rivers", "missing", 7])
        system, question = (await read_request(upstream))["messages"]
        assert system["content"] == (
            '<skill id="maps" name="Maps">\n# maps\n</skill>\n<skill id="walks" name="Walks">\n# walks\n</skill>'
        )
        assert question["content"] == "Ask Walks and <$gone|Gone> [[tokens 2]]"
        page.events.clear()
        await page.ask("<$maps>")
        assert (await read_request(upstream))["messages"][1]["content"] == "Maps"


async def test_a_skill_of_another_user_does_not_reach_the_model(
    ada: Person, bob: Person, open_models: None, upstream: str
) -> None:
    (await ada.post("/api/v1/skills/create", {**SKILL, "id": "maps"})).ok()
    async with open_page(bob) as page:
        await page.ask("Where? <$maps|Maps> [[tokens 2]]", skill_ids=["maps"])
        assert [message["content"] for message in (await read_request(upstream))["messages"]] == [
            "Where? <$maps|Maps> [[tokens 2]]"
        ]


async def test_a_missing_operation_speaks_to_users() -> None:
    router = make_refusal_router([])  # as if no operation were built
    route = next(route for route in router.routes if route.path == "/api/v1/chats/new")
    with pytest.raises(NotBuilt) as refusal:
        await route.handler()
    assert (refusal.value.status, refusal.value.detail) == (501, "This function is not available on this server yet.")
