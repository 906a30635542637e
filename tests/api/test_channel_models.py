"""Models in channels: they answer messages that mention them, in a thread or in the channel, as they stream."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import aiohttp
import pytest

from channel_client import (
    CHANNELS,
    WRONG,
    ChannelPage,
    create_channel,
    create_group,
    enable_channels,
    open_channel_page,
    post_message,
)
from conftest import Person, Server


async def read_request(upstream: str) -> Any:
    """Return the last chat request that reached the model server."""
    stranger = Person(upstream)
    requests = (await stranger.get("/_requests")).ok()
    await stranger.close()
    return next(request["body"] for request in reversed(requests) if request["path"] == "/v1/chat/completions")


MODEL = "<@M:demo-small|Small>"


@pytest.fixture(autouse=True)
async def channels(ada: Person, open_models: None) -> None:
    await enable_channels(ada)


async def wait_for_answer(page: ChannelPage, model_id: str = "demo-small") -> Any:
    """Wait until a model has ended its answer, and return the message."""

    def is_done(event: Any) -> bool:
        meta = event["data"]["data"]["meta"] or {}
        return bool(meta.get("model_id") == model_id and meta.get("done"))

    return (await page.wait_for("message:update", is_done))["data"]["data"]


async def list_thread(person: Person, channel: Any, message: Any) -> list[Any]:
    path = f"{CHANNELS}/{channel['id']}/messages/{message['id']}/thread"
    return list(reversed((await person.get(path)).ok()))


async def test_a_mentioned_model_answers_in_a_thread(ada: Person, bob: Person, upstream: str) -> None:
    channel = await create_group(ada, bob)
    async with open_channel_page(bob) as page:
        message = await post_message(ada, channel, f"{MODEL} who are you? [[silent 1]]")
        answer = await wait_for_answer(page)
        assert (answer["parent_id"], answer["user_id"]) == (message["id"], ada.id)
        assert answer["meta"] == {"model_id": "demo-small", "model_name": "Small", "done": True}
        assert answer["user"]["name"] == "Ada"
        # Everyone sees the answer grow, each state as a whole.
        updates = [event["data"]["data"]["content"] for event in page.list_events("message:update")]
        assert len(updates) >= 2
        assert all(later.startswith(earlier.rstrip()) for earlier, later in itertools.pairwise(updates))
        placeholder = page.list_events("message")[1]["data"]["data"]
        assert (placeholder["id"], placeholder["content"]) == (answer["id"], "")
        assert page.list_events("message:reply")[0]["message_id"] == message["id"]
    _, stored = await list_thread(bob, channel, message)
    assert (stored["content"], stored["data"]) == (answer["content"], True)
    data = (await bob.get(f"{CHANNELS}/{channel['id']}/messages/{answer['id']}/data")).ok()
    assert data["output"][0]["content"][0]["text"] == answer["content"]
    system, question = (await read_request(upstream))["messages"]
    assert question["content"].startswith("Ada: Small who are you?")
    assert "You are Small." in system["content"]
    assert "Ada: Small who are you?" in system["content"]


async def test_a_model_answers_in_the_channel_where_that_is_chosen(ada: Person, bob: Person) -> None:
    await enable_channels(ada, channels__model_response_mode="channel")
    channel = await create_channel(ada)
    async with open_channel_page(ada) as page:
        await post_message(bob, channel, f"{MODEL} hello")
        answer = await wait_for_answer(page)
        assert answer["parent_id"] is None
        # In a thread it answers there all the same.
        parent = await post_message(bob, channel, "Thread")
        page.events.clear()
        await post_message(bob, channel, f"{MODEL} hello", parent_id=parent["id"])
        assert (await wait_for_answer(page))["parent_id"] == parent["id"]


async def test_a_reply_to_an_answer_asks_its_model_again(ada: Person, bob: Person, upstream: str) -> None:
    channel = await create_channel(ada)
    async with open_channel_page(ada) as page:
        message = await post_message(ada, channel, f"{MODEL} first")
        first = await wait_for_answer(page)
        await post_message(bob, channel, "An aside", parent_id=message["id"])
        page.events.clear()
        await post_message(bob, channel, "And?", parent_id=message["id"], reply_to_id=first["id"])
        second = await wait_for_answer(page)
        assert (second["parent_id"], second["user_id"]) == (message["id"], bob.id)
    system, question = (await read_request(upstream))["messages"]
    assert question["content"] == "Bob: And?"
    history = system["content"]
    positions = [history.index(text) for text in ("Ada: Small first", "Small: ", "Bob: An aside", "Bob: And?")]
    assert positions == sorted(positions)


async def test_several_models_answer_and_unknown_ones_do_not(server: Server, ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    form = {"id": "private", "name": "Private", "base_model_id": "demo-small", "params": {}, "meta": {}}
    (await ada.post("/api/v1/models/create", form)).ok()
    async with open_channel_page(bob) as page:
        mentions = " ".join(f"<@M:{name}>" for name in ("nothing", "private", "demo-small", "demo-small"))
        message = await post_message(bob, channel, mentions)
        await wait_for_answer(page)
        await asyncio.sleep(0.3)
        assert len(await list_thread(bob, channel, message)) == 2
        # An administrator may use every model.
        page.events.clear()
        message = await post_message(ada, channel, mentions)
        await wait_for_answer(page, "private")
        await wait_for_answer(page)
        assert len(await list_thread(bob, channel, message)) == 3


async def test_models_do_not_answer_each_other(ada: Person) -> None:
    """An answer that mentions its own model, and a webhook's message, start no turn."""
    channel = await create_channel(ada)
    webhook = (await ada.post(f"{CHANNELS}/{channel['id']}/webhooks/create", {"name": "w"})).ok()
    async with open_channel_page(ada) as page:
        message = await post_message(ada, channel, f"{MODEL} say &lt;@M:demo-small&gt;")
        await wait_for_answer(page)
        (await ada.post(f"{CHANNELS}/webhooks/{webhook['id']}/{webhook['token']}", {"content": MODEL})).ok()
        await asyncio.sleep(0.5)
        assert len(await list_thread(ada, channel, message)) == 2
        assert len(page.list_events("message")) == 3


async def test_a_failure_of_the_model_is_shown_in_its_message(ada: Person) -> None:
    channel = await create_channel(ada)
    async with open_channel_page(ada) as page:
        await post_message(ada, channel, f"{MODEL} demo-error-500")
        answer = await wait_for_answer(page)
        assert answer["content"].startswith("Error: ")


async def test_a_message_that_is_deleted_ends_its_answer(server: Server, ada: Person) -> None:
    from fastback.kit.tasks import Tasks

    channel = await create_channel(ada)
    tasks = server.services.get(Tasks)
    async with open_channel_page(ada) as page:
        message = await post_message(ada, channel, f"{MODEL} [[silent 30]]")
        await page.wait_for("message:update")
        assert tasks.list_group_ids(f"channel:{channel['id']}")
        (await ada.delete(f"{CHANNELS}/{channel['id']}/messages/{message['id']}/delete")).ok()
        for _ in range(100):
            if not tasks.list_group_ids(f"channel:{channel['id']}"):
                break
            await asyncio.sleep(0.05)
        assert tasks.list_group_ids(f"channel:{channel['id']}") == []


async def test_reactions_stay_while_an_answer_grows(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    async with open_channel_page(ada) as page:
        await post_message(ada, channel, f"{MODEL} [[silent 2]]")
        update = await page.wait_for("message:update")
        path = f"{CHANNELS}/{channel['id']}/messages/{update['message_id']}"
        (await bob.post(f"{path}/reactions/add", {"name": "smile"})).ok()
        answer = await wait_for_answer(page)
        assert [reaction["name"] for reaction in answer["reactions"]] == ["smile"]


async def test_a_model_reads_the_files_of_the_thread(ada: Person, bob: Person, upstream: str) -> None:
    channel = await create_group(ada, bob)

    async def upload(name: str, content: bytes, media_type: str) -> Any:
        form = aiohttp.FormData()
        form.add_field("file", content, filename=name, content_type=media_type)
        form.add_field("metadata", json.dumps({"channel_id": channel["id"]}))
        return (await ada.request("POST", "/api/v1/files/?process_in_background=false", data=form)).ok()

    text = await upload("birds.txt", b"The secret bird is the bittern.", "text/plain")
    image = await upload("bird.png", b"\x89PNG\r\n\x1a\n" + b"0" * 40, "image/png")
    files = [
        {"type": "file", "id": text["id"], "name": "birds.txt", "content_type": "text/plain"},
        {"type": "file", "id": image["id"], "name": "bird.png", "content_type": "image/png"},
    ]
    parent = await post_message(ada, channel, "Look", data={"files": files})
    async with open_channel_page(bob) as page:
        # Bob asks about files that Ada has shared with the channel.
        await post_message(bob, channel, f"{MODEL} which bird?", parent_id=parent["id"])
        await wait_for_answer(page)
    request = await read_request(upstream)
    assert "bittern" in json.dumps(request["messages"])
    parts = request["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert urls[0].startswith("data:image/png;base64,")


async def test_a_stopping_server_writes_what_there_is(ada: Person, server: Server) -> None:
    from fastback.kit.tasks import Tasks

    channel = await create_channel(ada)
    async with open_channel_page(ada) as page:
        message = await post_message(ada, channel, f"{MODEL} [[silent 30]]")
        await page.wait_for("message:update")
        tasks = server.services.get(Tasks)
        (task_id,) = tasks.list_group_ids(f"channel:{channel['id']}")
        tasks.stopping.set()
        await tasks.stop(task_id)
        _, answer = await list_thread(ada, channel, message)
        assert answer["meta"]["done"] is True
        assert answer["content"].endswith("Error: The server stopped before this answer was complete.")
        assert answer["content"].startswith("You asked: ")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_channel_chats_over_the_api_need_the_users_own_message(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(bob, cy)
    message = await post_message(bob, channel, "Mine")
    body = {
        "model": "demo-small",
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
        "session_id": "x",
        "chat_id": f"channel:{channel['id']}",
        "id": message["id"],
    }
    (await cy.post("/api/chat/completions", body)).refused(403, WRONG)
    (await bob.post("/api/chat/completions", {**body, "chat_id": "channel:nothing"})).refused(404)
    stranger_channel = await create_group(cy, name="other")
    (await bob.post("/api/chat/completions", {**body, "chat_id": f"channel:{stranger_channel['id']}"})).refused(
        403, WRONG
    )
    async with open_channel_page(cy) as page:
        (await bob.post("/api/chat/completions", body)).ok()
        event = await page.wait_for("message:update", lambda event: (event["data"]["data"]["meta"] or {}).get("done"))
        assert event["message_id"] == message["id"]
