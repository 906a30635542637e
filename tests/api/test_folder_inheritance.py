"""What a chat gets from its folder, and from the folders above it: a system prompt and files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from model_recorder import OPENAI, ModelRecorder, record_models
from page_client import open_page
from source_samples import create_file, grant_read_access

CHAT = "/api/chat/completions"
SET_PARENT = "UPDATE folder SET parent_id = :parent_id WHERE id = :id"


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
        "RAG_TEMPLATE": "Use {{CONTEXT}} for: ",
    }


@pytest.fixture
async def recorder(ada: Person) -> AsyncIterator[ModelRecorder]:
    async with record_models(ada) as running:
        yield running


async def create_folder(person: Person, name: str, parent_id: str | None = None, **data: Any) -> str:
    form = {"name": name, "data": data} | ({"parent_id": parent_id} if parent_id else {})
    folder_id: str = (await person.post("/api/v1/folders/", form)).ok()["id"]
    return folder_id


async def update_data(person: Person, folder_id: str, **data: Any) -> None:
    (await person.post(f"/api/v1/folders/{folder_id}/update", {"data": data})).ok()


async def ask(person: Person, recorder: ModelRecorder, folder_id: str) -> tuple[str, list[str]]:
    """Ask a question in a folder. Return the system prompt that the model received, and the texts of the sources."""
    body = {"model": OPENAI, "messages": [{"role": "user", "content": "How hot?"}], "folder_id": folder_id}
    answer = (await person.post(CHAT, body)).ok()
    first = recorder.messages[0]
    texts = [text for source in answer.get("sources", []) for text in source["document"]]
    return first["content"] if first["role"] == "system" else "", texts


async def test_a_subfolder_uses_what_the_nearest_folder_above_has(
    server: Server, bob: Person, recorder: ModelRecorder
) -> None:
    tea = await create_file(server, bob, "tea", "Green tea: 70 degrees.")
    bread = await create_file(server, bob, "bread", "Bread: 230 degrees.")
    top = await create_folder(bob, "Top", system_prompt="Be kind, {{USER_NAME}}.", files=[tea])
    middle = await create_folder(bob, "Middle", top, system_prompt="", files=[])
    low = await create_folder(bob, "Low", middle)
    for folder_id in (top, middle, low):
        assert await ask(bob, recorder, folder_id) == ("Be kind, Bob.", ["Green tea: 70 degrees."])
    # Prompt and files are inherited apart from each other.
    await update_data(bob, middle, system_prompt="Be brief.")
    assert await ask(bob, recorder, low) == ("Be brief.", ["Green tea: 70 degrees."])
    await update_data(bob, low, files=[bread])
    assert await ask(bob, recorder, low) == ("Be brief.", ["Bread: 230 degrees."])
    assert await ask(bob, recorder, top) == ("Be kind, Bob.", ["Green tea: 70 degrees."])
    (await bob.post(f"/api/v1/folders/{low}/update/parent", {"parent_id": None})).ok()
    assert await ask(bob, recorder, low) == ("", ["Bread: 230 degrees."])


async def test_a_chat_of_the_page_inherits(server: Server, bob: Person, recorder: ModelRecorder) -> None:
    """The folder is that of the stored chat, also where the page does not name it."""
    tea = await create_file(server, bob, "tea", "Green tea: 70 degrees.")
    low = await create_folder(bob, "Low", await create_folder(bob, "Top", system_prompt="Be kind.", files=[tea]))
    more = {"models": [OPENAI], "params": {"function_calling": "legacy"}}  # otherwise tools search the files
    async with open_page(bob) as page:
        turn = await page.ask("How hot?", folder_id=low, **more)
    async with open_page(bob) as page:
        second = await page.ask("For how long?", chat_id=turn["chat_id"], parent_id=turn["answer"], **more)
        messages = (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"]
    for answer_id in (turn["answer"], second["answer"]):
        assert [source["document"] for source in messages[answer_id]["sources"]] == [["Green tea: 70 degrees."]]
    prompts = [body["messages"][0] for body in recorder.bodies if body.get("stream")]
    assert prompts and {prompt["content"] for prompt in prompts} == {"Be kind."}


async def test_only_what_may_be_read_is_inherited(
    server: Server, bob: Person, cy: Person, recorder: ModelRecorder
) -> None:
    tea = await create_file(server, bob, "tea", "Green tea: 70 degrees.")
    top = await create_folder(bob, "Top", system_prompt="Be kind.", files=[tea])
    low = await create_folder(bob, "Low", top)
    assert await ask(cy, recorder, low) == ("", [])
    # A grant on the subfolder opens nothing above it.
    await grant_read_access(server, "folder", low, cy)
    assert await ask(cy, recorder, low) == ("", [])
    await grant_read_access(server, "folder", top, cy)
    assert await ask(cy, recorder, low) == ("Be kind.", ["Green tea: 70 degrees."])


async def test_files_that_are_no_longer_readable_are_skipped(
    server: Server, ada: Person, bob: Person, recorder: ModelRecorder
) -> None:
    tea = await create_file(server, bob, "tea", "Green tea: 70 degrees.")
    bread = await create_file(server, bob, "bread", "Bread: 230 degrees.")
    secret = await create_file(server, ada, "secret", "The key lies below the mat.")
    await grant_read_access(server, "file", "secret", bob)
    low = await create_folder(bob, "Low", await create_folder(bob, "Top", files=[tea, bread]))
    db = server.services.get(Database)
    # The owner of the entry changes: as where a file's knowledge is shared no more.
    await db.execute("test.owner", "UPDATE file SET user_id = :user_id WHERE id = 'bread'", user_id=ada.id)
    assert await ask(bob, recorder, low) == ("", ["Green tea: 70 degrees."])
    await db.execute("test.delete", "DELETE FROM file WHERE id = 'tea'")
    assert await ask(bob, recorder, low) == ("", [])
    assert secret["id"] == "secret"


async def test_cycles_and_deep_trees_end(server: Server, bob: Person, recorder: ModelRecorder) -> None:
    first = await create_folder(bob, "One")
    second = await create_folder(bob, "Two", first, system_prompt="Be kind.")
    db = server.services.get(Database)
    for child, parent in ((first, second), (second, first)):
        await db.execute("test.move", SET_PARENT, id=child, parent_id=parent)
    assert (await ask(bob, recorder, first))[0] == "Be kind."
    await db.execute("test.move", SET_PARENT, id=second, parent_id=second)
    assert (await ask(bob, recorder, second))[0] == "Be kind."
    await db.execute("test.move", SET_PARENT, id=first, parent_id="gone")
    assert (await ask(bob, recorder, first))[0] == ""
    folders = [await create_folder(bob, "Root", system_prompt="Be deep.")]
    for number in range(60):
        folders.append(await create_folder(bob, f"Level {number}", folders[-1]))
    assert (await ask(bob, recorder, folders[40]))[0] == "Be deep."
    assert (await ask(bob, recorder, folders[60]))[0] == ""


@pytest.mark.parametrize("data", ["[]", '"text"', '{"system_prompt": 5, "files": "x"}', '{"files": {"a": 1}}', "null"])
async def test_invalid_data_gives_nothing(server: Server, bob: Person, recorder: ModelRecorder, data: str) -> None:
    top = await create_folder(bob, "Top", system_prompt="Be kind.")
    low = await create_folder(bob, "Low", top)
    update = "UPDATE folder SET data = :data WHERE id = :id"
    await server.services.get(Database).execute("test.data", update, data=data, id=low)
    assert await ask(bob, recorder, low) == ("Be kind.", [])
