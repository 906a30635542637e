"""Skills in terminals: listed and read like the server's own, through the terminal that the chat has selected."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from direct_servers import allow_direct_servers, reply_to_calls
from page_client import Page, open_page
from queued_model import MODEL_ID, QueuedModel, call_tools
from stub_server import serve_handler
from terminal_server import CHAT, TerminalServer, ask, connect_terminal

LONG = "# Big\n" + "line\n" * 6000
FILES = "<resources>\n<file>run.sh</file>\n<file>more/notes.md</file>\n</resources>"
BESIDE_DEPLOY = f"<directory>/home/ada/skills/deploy</directory>\n{FILES}"
DEPLOY = f'<skill name="deploy">\n# Deploy\nRun make.\n{BESIDE_DEPLOY}\n</skill>'
ONLY_MAIN_FILE = {"error": "Terminal skills support SKILL.md only; use terminal tools for supporting files."}


@pytest.fixture
async def terminal() -> AsyncIterator[TerminalServer]:
    server = TerminalServer()
    server.skills = {"deploy": "# Deploy\nRun make.", "big one": LONG}
    async with serve_handler(server.respond) as server.url:
        yield server


def describe_entry(skill_id: str, name: str) -> str:
    """Return the entry of a skill in the list that models get."""
    return (
        f"<skill>\n<id>{skill_id}</id>\n<name>{name}</name>\n<description>On {name}</description>\n"
        f"<source>terminal</source>\n<location>/home/ada/skills/{name}/SKILL.md</location>\n</skill>\n"
    )


async def ask_words(page: Page, words: str, **more: Any) -> None:
    body = page.build_body(words, **{"models": [MODEL_ID], "terminal_id": "shell", **more})
    (await page.person.post(CHAT, body)).ok()
    await page.wait_until_idle()
    page.events.clear()


def get_texts(model: QueuedModel) -> tuple[str, str]:
    """Return the system prompt and the question of the latest request, without what the terminal itself says."""
    messages = model.requests[-1]["messages"]
    return messages[0]["content"].removesuffix("\nThis is Debian."), messages[-1]["content"]


async def test_the_skills_of_a_terminal_are_listed_and_chosen_ones_are_in_full(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    await connect_terminal(ada, terminal)
    deploy, big = describe_entry("terminal:deploy", "deploy"), describe_entry("terminal:big%20one", "big one")
    async with open_page(ada) as page:
        await ask_words(page, "Hello")
        assert get_texts(model)[0] == f"<available_skills>\n{deploy}{big}</available_skills>"
        assert terminal.list_headers("/skills")["X-User-Id"] == ada.id
        tools = model.tool_names
        assert {"view_skill", "read_skill_file", "grep_skill_files"} < set(tools) and "update_skill_files" not in tools

        (
            await ada.post(
                "/api/v1/skills/create", {"id": "maps", "name": "Maps", "description": "x", "content": "# Maps"}
            )
        ).ok()
        await ask_words(page, "Use <$terminal:deploy|deploy> now")
        maps = "<skill>\n<id>maps</id>\n<name>Maps</name>\n<description>x</description>\n</skill>\n"
        listed = f"<available_skills>\n{maps}{big}</available_skills>"
        assert get_texts(model) == (f"{DEPLOY}\n{listed}", "Use deploy now")
        assert "update_skill_files" in model.tool_names

        await ask_words(page, "<$terminal:deploy>", skill_ids=["terminal:big%20one", "terminal:gone", "maps"])
        system, question = get_texts(model)
        assert question == "Maps, deploy, big one"
        own, _, rest = system.partition(f"\n{DEPLOY}\n")
        assert own == '<skill id="maps" name="Maps">\n# Maps\n</skill>'
        start = LONG[:5000]
        assert rest == (
            f'<skill name="big one">\n{start}\nSkill instructions truncated.\nSkill ID: "terminal:big%20one".\n'
            f"next_offset: 5000\n<directory>/home/ada/skills/big one</directory>\n{FILES}\n</skill>"
        )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_models_without_tools_get_the_chosen_skills(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    await connect_terminal(ada, terminal)
    async with open_page(ada) as page:
        await ask_words(page, "Hello", params={"function_calling": "legacy"}, skill_ids=["terminal:big%20one"])
        system, question = get_texts(model)
        assert question == "Hello" and LONG in system and "deploy" not in system
        terminal.requests.clear()
        await ask_words(page, "Hello", params={"function_calling": "legacy"})
        assert not any(path.startswith("/skills") for _, path, _ in terminal.requests)


async def test_tools_read_the_skills_of_a_terminal(ada: Person, model: QueuedModel, terminal: TerminalServer) -> None:
    await connect_terminal(ada, terminal)
    big = {"id": "terminal:big%20one"}
    deploy = {"id": "terminal:deploy"}
    calls = [
        ("view_skill", big),
        ("read_skill_file", {**big, "path": "SKILL.md", "offset": 5, "max_chars": 20}),
        ("read_skill_file", {**deploy, "path": "run.sh"}),
        ("grep_skill_files", {**deploy, "pattern": "make"}),
        ("grep_skill_files", {**deploy, "pattern": "make", "path": "run.sh"}),
        ("view_skill", {"id": "terminal:nothing"}),
        ("read_skill_file", {"id": "terminal:nothing", "path": "SKILL.md"}),
    ]
    model.queue(call_tools(*calls), "Done.")
    async with open_page(ada) as page:
        _, items = await ask(page)
    viewed, read, other, found, elsewhere, missing, unread = [json.loads(item["output"][0]["text"]) for item in items]
    assert viewed == {
        "name": "big one",
        "description": "On big one",
        "directory": "/home/ada/skills/big one",
        "content": LONG[:5000],
        "next_offset": 5000,
        "resources": ["run.sh", "more/notes.md"],
    }
    assert read == {"path": "SKILL.md", "content": LONG[5:25], "next_offset": 25}
    assert (found["total_matches"], found["matches"][0]["path"]) == (1, "SKILL.md")
    assert other == elsewhere == ONLY_MAIN_FILE
    assert missing == unread == {"error": "Skill 'terminal:nothing' not found"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_skill_that_changes_while_it_is_read_is_viewed_again(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    await connect_terminal(ada, terminal)
    read = ("read_skill_file", {"id": "terminal:deploy", "path": "SKILL.md"})
    view = ("view_skill", {"id": "terminal:deploy"})

    async def change(body: Any) -> Any:
        terminal.skills["deploy"] = "Changed."
        return call_tools(read, read, view, read)

    model.queue(call_tools(view), change, "Done.")
    async with open_page(ada) as page:
        _, items = await ask(page)
    first, failed, failed_again, viewed, reread = [json.loads(item["output"][0]["text"]) for item in items]
    assert first["content"] == "# Deploy\nRun make." and viewed["content"] == reread["content"] == "Changed."
    error = {"error": "Skill changed while reading. Call view_skill again and restart reading."}
    assert failed == failed_again == error


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_page_reads_the_skills_of_its_own_terminal(ada: Person, model: QueuedModel) -> None:
    server = {"url": "http://shell.local", "is_terminal": True, "specs": [{"name": "run_command", "parameters": {}}]}
    answers = {
        "/skills": [{"id": "terminal:deploy", "name": "deploy"}, {"id": "deploy"}, {"name": "x"}, "y"],
        "/skills/read?name=deploy": {"name": "deploy", "content": "# Own", "location": "SKILL.md", "resources": None},
    }
    more = {"terminal_id": "http://shell.local", "tool_servers": [server]}
    async with open_page(ada) as page:
        calls = reply_to_calls(page, lambda data: {"data": answers.get(data["data"]["path"])})
        await ask_words(page, "<$terminal:deploy|deploy>", **more)
        assert calls == []  # users may not bring servers of their own
        await allow_direct_servers(ada)
        await ask_words(page, "<$terminal:deploy|deploy>", **more)
    assert [call["data"]["data"]["path"] for call in calls] == ["/skills", "/skills/read?name=deploy", "/files/cwd"]
    assert get_texts(model) == ('<skill name="deploy">\n# Own\n<directory>SKILL.md</directory>\n</skill>', "deploy")


async def test_a_terminal_without_skills_changes_nothing(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    terminal.skills.clear()
    await connect_terminal(ada, terminal)
    async with open_page(ada) as page:
        await ask_words(page, "<$terminal:deploy|deploy>")
    assert get_texts(model) == ("This is Debian.", "<$terminal:deploy|deploy>")
    assert "view_skill" not in model.tool_names
