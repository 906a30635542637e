"""Files of chats: named to models with tools, and searched by those that do not get them in their prompt."""

from __future__ import annotations

import json

import pytest

from conftest import Person, Server
from knowledge_calls import (
    CHAT,
    HELPER,
    TEA,
    build_environment,
    call,
    create_helper,
    get_system_prompt,
    list_tools,
    share_base,
)
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel
from source_samples import create_file, create_knowledge


@pytest.fixture
def environment(model: QueuedModel, upstream: str) -> dict[str, str]:
    return build_environment(model, upstream)


async def test_files_of_a_chat_are_searched_by_models_that_do_not_read_them(
    server: Server, ada: Person, bob: Person, model: QueuedModel
) -> None:
    tea = await create_file(server, bob, "tea", TEA)
    secret = await create_file(server, ada, "secret", "The key is below the mat.")
    await create_file(server, bob, "other", "Green is a color.")
    await create_knowledge(server, bob, "kitchen", "other")
    await share_base(ada)
    await create_helper(ada, capabilities={"file_context": False})
    files = [tea, tea, secret, {"type": "file", "id": "https://example.org/a.txt"}, {"type": "image", "url": "data:x"}]
    outcome = await call(
        bob,
        model,
        ("list_chat_files", {}),
        ("grep_chat_files", {"pattern": "Green"}),
        ("grep_chat_files", {"pattern": "key", "file_id": "secret"}),
        ("grep_chat_files", {"pattern": "key", "file_id": "other"}),
        ("query_chat_files", {"query": "How hot is green tea?", "file_id": "None"}),
        ("view_file", {"file_id": "tea", "start_line": 3}),
        models=[HELPER],
        files=files,
    )
    assert list_tools(model)[:4] == ["list_chat_files", "query_chat_files", "grep_chat_files", "view_file"]
    listed, grepped, closed, detached, chunks, view = [
        text if text.startswith("tea ") else json.loads(text) for text in outcome.texts
    ]
    file = {"id": "tea", "filename": "tea.txt", "name": "tea.txt", "type": "file", "updated_at": 1}
    assert listed == [{**file, "content_type": "text/plain"}]
    assert grepped == "tea  tea.txt:1: Green tea: 70 degrees."
    assert closed == {"error": "No accessible files found"} and detached == {"error": "File not found"}
    assert [(chunk["content"], chunk["file_id"]) for chunk in chunks] == [(TEA, "tea")]
    assert view["content"] == "3: Error 42 in the kettle."
    assert {source["source"]["id"] for source in outcome.sources} == {"tea"}
    # Whole files come as one passage; knowledge of the question is attached instead of read.
    kitchen = {"type": "collection", "id": "kitchen", "name": "Kitchen"}
    outcome = await call(
        bob, model, ("query_chat_files", {"query": "x"}), models=[HELPER], files=[{**tea, "context": "full"}, kitchen]
    )
    assert outcome.values == [[{"content": TEA, "source": "tea.txt", "file_id": "tea"}]]
    assert '<knowledge type="collection" id="kitchen" name="Kitchen" source="chat"/>' in get_system_prompt(model)
    # Without files, and for models that read them, there are no such tools.
    for more in ({"models": [HELPER]}, {"files": [tea]}):
        async with open_page(bob) as page:
            await page.ask("How hot?", **{"models": [MODEL_ID], **more})
        assert "list_chat_files" not in model.tool_names


async def test_files_of_questions_are_named_to_models_with_tools(
    server: Server, ada: Person, model: QueuedModel
) -> None:
    tea = {**(await create_file(server, ada, "tea", TEA)), "url": "tea", "name": 'The "best" tea.txt'}
    other_chat = {"type": "chat", "id": "c1", "name": "Yesterday"}
    async with open_page(ada) as page:
        body = page.build_body("How hot is green tea?", models=[MODEL_ID], files=[tea, other_chat])
        body["user_message"]["files"] = [tea, other_chat, {"type": "image", "url": "data:image/png;base64,AA=="}]
        started = (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
    content = model.requests[-1]["messages"][-1]["content"]
    text, question = content[0]["text"], content[1]["text"]
    attributes = 'url="tea" content_type="text/plain" name="The &quot;best&quot; tea.txt"'
    tags = (
        f'<attached_files>\n<file type="file" id="tea" {attributes}/>\n<file type="chat" id="c1" name="Yesterday"/>\n'
        "</attached_files>\n\n"
    )
    assert text.endswith(tags) and question == "How hot is green tea?"
    # The passages before it are those that the question itself matches; the stored question stays as it is.
    assert text.startswith("Use <source ") and TEA in text and text.index("</source>") < text.index("<attached_files>")
    stored = (await ada.get(f"/api/v1/chats/{started['chat_id']}")).ok()["chat"]["history"]["messages"]
    assert stored[body["user_message"]["id"]]["content"] == "How hot is green tea?"
    async with open_page(ada) as page:
        legacy = {"params": {"function_calling": "legacy"}, "models": [MODEL_ID], "files": [tea]}
        body = page.build_body("How hot is green tea?", **legacy)
        body["user_message"]["files"] = [tea]
        (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
    assert "<attached_files>" not in json.dumps(model.requests[-1]["messages"])
