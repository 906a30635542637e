"""What a question chooses beside its text: skills reach the model, what is not available is named above the answer."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person
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
        text = "Image generation is not available on this server yet"
        status = {"action": "note", "description": text, "done": True}
        assert page.list_data("status") == [status]
        answer = (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"][turn["answer"]]
        assert answer["statusHistory"] == [status] and answer["content"] == "word0 word1"


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


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "text"), [("calendars/create", "Calendars are not available"), ("audio/speech", "Speech is not available")]
)
async def test_a_missing_operation_speaks_to_users(ada: Person, path: str, text: str) -> None:
    (await ada.post(f"/api/v1/{path}", {})).refused(501, f"{text} on this server yet.")
