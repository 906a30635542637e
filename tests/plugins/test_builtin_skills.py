"""Skills for models with tools: the prompt lists them, the model reads what it needs, and writes them."""

from __future__ import annotations

import json
from typing import Any

from builtin_calls import CHAT, call_builtin, list_offered, set_model
from conftest import Person
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

SKILLS = "/api/v1/skills"
READ_TOOLS = ["view_skill", "read_skill_file", "grep_skill_files", "update_skill_files"]


async def create_skill(owner: Person, skill_id: str, text: str, *grants: Any, **files: str) -> None:
    entries = [{"path": "SKILL.md", "content": text}]
    entries += [{"path": path.replace("_", "."), "content": content} for path, content in files.items()]
    form = {
        "id": skill_id,
        "name": skill_id.title(),
        "description": f"About {skill_id}.",
        "files": entries,
        "access_grants": list(grants),
    }
    (await owner.post(f"{SKILLS}/create", form)).ok()


async def read_system_prompt(person: Person, model: QueuedModel, text: str = "Hello", **more: Any) -> str:
    """Ask on a page, and return the system prompt that the model gets."""
    async with open_page(person) as page:
        (await person.post(CHAT, page.build_body(text, models=[MODEL_ID], **more))).ok()
        await page.wait_until_idle()
    first = model.requests[-1]["messages"][0]
    return str(first["content"]) if first["role"] == "system" else ""


def describe(skill_id: str) -> str:
    name = skill_id.title()
    fields = f"<id>{skill_id}</id>\n<name>{name}</name>\n<description>About {skill_id}.</description>"
    return f"<skill>\n{fields}\n</skill>\n"


async def test_the_prompt_lists_the_skills_and_has_chosen_ones_in_full(
    ada: Person, bob: Person, model: QueuedModel
) -> None:
    await set_model(ada)
    shared = {"principal_type": "user", "principal_id": bob.id, "permission": "read"}
    await create_skill(ada, "walks", "# Walks", shared, map_md="Paths")
    await create_skill(ada, "hidden", "# Hidden")
    await create_skill(ada, "maps", "# Maps", shared)
    expected = f"<available_skills>\n{describe('maps')}{describe('walks')}</available_skills>"
    assert await read_system_prompt(bob, model) == expected == await read_system_prompt(bob, model)
    assert set(READ_TOOLS) <= set(model.tool_names)
    in_full = '<skill id="walks" name="Walks">\n# Walks\nSupporting files:\nmap.md\n</skill>\n'
    rest = f"<available_skills>\n{describe('maps')}</available_skills>"
    assert await read_system_prompt(bob, model, skill_ids=["walks", "hidden"]) == in_full + rest
    assert await read_system_prompt(bob, model, "About <$walks|Walks>") == in_full + rest
    assert model.requests[-1]["messages"][1]["content"] == "About Walks"


async def test_chosen_skills_are_only_listed_where_they_are_loaded_lazily(ada: Person, model: QueuedModel) -> None:
    await create_skill(ada, "maps", "# Maps")
    (await ada.post("/api/v1/configs/import", {"config": {"skills.lazy_loading.enable": True}})).ok()
    assert "# Maps" not in await read_system_prompt(ada, model, skill_ids=["maps"])
    assert "# Maps" in await read_system_prompt(ada, model, "Use <$maps|Maps>", skill_ids=["maps"])


async def test_models_without_tools_for_skills_get_them_in_full(ada: Person, model: QueuedModel) -> None:
    await create_skill(ada, "maps", "# Maps", map_md="Paths")
    await set_model(ada, {"builtinTools": {"skills": False}, "skillIds": ["maps"]})
    hint = "Supporting files require a model with skill tools enabled."
    assert await read_system_prompt(ada, model) == f'<skill id="maps" name="Maps">\n# Maps\n{hint}\n</skill>'
    assert not set(READ_TOOLS) & set(model.tool_names) and "create_skill" not in model.tool_names


async def test_a_model_reads_and_searches_the_files_of_a_skill(ada: Person, model: QueuedModel) -> None:
    text = "# Birds\n\n## Herons\n\nHerons stand still.\n" + "Line.\n" * 5000
    await create_skill(ada, "birds", text, notes_md="Egrets\nand heron nests")
    viewed, page, rest, found, only = await call_builtin(
        ada,
        model,
        ("view_skill", {"id": "birds"}),
        ("read_skill_file", {"id": "birds", "path": "SKILL.md", "offset": 2, "max_chars": 5}),
        ("read_skill_file", {"id": "birds", "path": "notes.md"}),
        ("grep_skill_files", {"id": "birds", "pattern": "heron"}),
        ("grep_skill_files", {"id": "birds", "pattern": r"\w+grets", "path": "notes.md", "case_insensitive": False}),
    )
    assert viewed["id"] == "birds" and viewed["name"] == "Birds"
    assert viewed["content"] == text[:5000] and viewed["next_offset"] == 5000
    assert viewed["files"][1] == {"path": "notes.md", "size": 22, "encoding": None}
    assert page == {"path": "SKILL.md", "content": "Birds", "next_offset": 7}
    assert rest == {"path": "notes.md", "content": "Egrets\nand heron nests", "next_offset": None}
    assert found["total_matches"] == 3 and not found["truncated"]
    first, second = found["matches"]
    assert first["path"] == "SKILL.md" and first["section"] == "Herons" and first["offset"] == text.index("Herons")
    assert "Herons stand still." in first["excerpt"] and second["path"] == "notes.md"
    assert only["matches"][0]["match_length"] == 6 and only["total_matches"] == 1


async def test_searches_are_limited_in_time_and_length(ada: Person, model: QueuedModel) -> None:
    await create_skill(ada, "birds", "heron " * 2000 + "\n" + "a" * 5000 + "b")
    many, slow, invalid, missing, unknown = await call_builtin(
        ada,
        model,
        ("grep_skill_files", {"id": "birds", "pattern": "heron", "max_results": 100}),
        ("grep_skill_files", {"id": "birds", "pattern": "(a+.?)+c|(a|aa)+$"}),
        ("grep_skill_files", {"id": "birds", "pattern": "[a-"}),
        ("read_skill_file", {"id": "birds", "path": "none.md"}),
        ("view_skill", {"id": "nothing"}),
    )
    assert many["total_matches"] == 2000 and many["truncated"] and many["omitted_matches_truncated"]
    assert len(str(many)) < 7000
    assert slow == {"error": "Search exceeded 2s, narrow the pattern"}
    assert invalid["total_matches"] == 0  # it does not look like a regular expression
    assert missing == {"error": "File not found"} and unknown == {"error": "Skill not found"}


async def test_a_model_writes_and_changes_skills(ada: Person, bob: Person, model: QueuedModel) -> None:
    content = "---\nname: nests\ndescription: How to build a nest.\n---\n# Nests"
    created, changed, invalid, taken = await call_builtin(
        ada,
        model,
        ("create_skill", {"id": "nests", "name": "Nests", "content": content, "commit_message": "First"}),
        ("create_skill", {"id": "nests", "name": "Other", "content": content}),
        ("create_skill", {"id": "other", "name": "Other", "content": content, "files": [{"path": "SKILL.md"}]}),
        ("create_skill", {"id": "other", "name": "Nests", "content": content}),
    )
    assert created == {"id": "nests", "url": "/workspace/skills/edit?id=nests"}
    assert all("error" in result for result in (changed, invalid, taken))
    stored = (await ada.get(f"{SKILLS}/id/nests")).ok()
    assert stored["content"] == content and stored["description"] == "How to build a nest."
    put = {"op": "put", "path": "tips/twigs.md", "content": "Dry ones."}
    updated, moved, refused, read = await call_builtin(
        ada,
        model,
        ("update_skill_files", {"id": "nests", "operations": [put]}),
        ("update_skill_files", {"id": "nests", "operations": [{"op": "move", "path": "tips", "destination": "more"}]}),
        ("update_skill_files", {"id": "nests", "operations": [{"op": "delete", "path": "SKILL.md"}]}),
        ("read_skill_file", {"id": "nests", "path": "more/twigs.md"}),
    )
    assert updated == moved == {"id": "nests"}
    assert refused == {"error": "SKILL.md cannot be moved or deleted"} and read["content"] == "Dry ones."


async def test_a_skill_that_changed_after_it_was_read_is_not_overwritten(ada: Person, model: QueuedModel) -> None:
    await create_skill(ada, "maps", "# Maps")
    update = ("update_skill_files", {"id": "maps", "operations": [{"op": "put", "path": "SKILL.md", "content": "# B"}]})

    async def change_skill(request: Any) -> Any:
        version_id = (await ada.get(f"{SKILLS}/id/maps")).ok()["version_id"]
        form = {"id": "maps", "name": "Maps", "content": "# A", "expected_version_id": version_id}
        (await ada.post(f"{SKILLS}/id/maps/update", form)).ok()
        return call_tools(update)

    view = call_tools(("view_skill", {"id": "maps"}))
    model.queue(view, change_skill, view, call_tools(update), "Done.")
    async with open_page(ada) as page:
        (await ada.post(CHAT, page.build_body("Go", models=[MODEL_ID]))).ok()
        await page.wait_until_idle()
    results = [message["content"] for message in model.requests[-1]["messages"] if message["role"] == "tool"]
    assert json.loads(results[1])["error"]["code"] == "version_conflict"
    assert json.loads(results[2])["content"] == "# A" and json.loads(results[3]) == {"id": "maps"}
    assert (await ada.get(f"{SKILLS}/id/maps")).ok()["content"] == "# B"


async def test_skills_of_others_need_grants(ada: Person, bob: Person, model: QueuedModel) -> None:
    await set_model(ada)
    await create_skill(ada, "secret", "# Secret")
    read = {"principal_type": "user", "principal_id": bob.id, "permission": "read"}
    await create_skill(ada, "open", "# Open", read)
    hidden, refused = await call_builtin(
        bob,
        model,
        ("view_skill", {"id": "secret"}),
        ("update_skill_files", {"id": "open", "operations": [{"op": "put", "path": "x.md", "content": "x"}]}),
    )
    assert hidden == refused == {"error": "Access denied"}
    assert "create_skill" not in await list_offered(bob, model)


async def test_a_command_asks_the_model_to_write_a_skill_from_the_chat(
    ada: Person, bob: Person, model: QueuedModel
) -> None:
    await set_model(ada)

    async def ask(page: Any, text: str, **more: Any) -> Any:
        page.events.clear()
        return await page.ask(text, models=[MODEL_ID], **more)

    async with open_page(ada) as page:
        await ask(page, "/skills:create")
        assert "holds nothing yet" in model.requests[-1]["messages"][-1]["content"]
        first = await ask(page, "How do herons fish?")
        chat_id = first["chat_id"]
        second = await ask(page, "/skills:create only the gist", chat_id=chat_id, parent_id=first["answer"])
        instructions = model.requests[-1]["messages"][-1]["content"]
        assert "The request:\nonly the gist\n" in instructions and "create_skill" in instructions
        await ask(page, "Thanks", chat_id=chat_id, parent_id=second["answer"])
        assert instructions in [message["content"] for message in model.requests[-1]["messages"]]
        stored = (await page.get_chat(chat_id))["chat"]["history"]["messages"]
        assert stored[second["question"]]["content"] == "/skills:create only the gist"
    async with open_page(bob) as page:
        first = await ask(page, "How do herons fish?")
        await ask(page, "/skills:create", chat_id=first["chat_id"], parent_id=first["answer"])
        assert "only with the permission" in model.requests[-1]["messages"][-1]["content"]
