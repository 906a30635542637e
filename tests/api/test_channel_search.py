"""The workspace search finds messages in the channels that a user may read, and in no others."""

from __future__ import annotations

from typing import Any

import pytest

from channel_client import CHANNELS, create_channel, create_group, enable_channels, post_message
from conftest import Person


@pytest.fixture(autouse=True)
async def channels(ada: Person) -> None:
    await enable_channels(ada)


async def search(person: Person, text: str, **query: Any) -> Any:
    return (await person.get("/api/v1/search", q=text, **query)).ok()


async def list_found(person: Person, text: str, **query: Any) -> list[str]:
    return [item["snippet"] for item in (await search(person, text, **query))["items"]]


async def test_messages_and_replies_are_found(ada: Person, bob: Person, cy: Person) -> None:
    birds = await create_group(bob, cy, name="Birds")
    parent = await post_message(bob, birds, "A grey HERON by the lake")
    reply = await post_message(cy, birds, "No heron, a stork. 100% sure", parent_id=parent["id"])
    assert set(await list_found(cy, "heron")) == {"A grey HERON by the lake", "No heron, a stork. 100% sure"}
    assert await list_found(cy, "lake heron") == ["A grey HERON by the lake"]
    assert await list_found(cy, "100%") == ["No heron, a stork. 100% sure"]
    assert await list_found(cy, "h_ron") == []
    assert await list_found(ada, "heron") == []
    (found,) = (await search(cy, "stork", kind="message"))["items"]
    assert found == {
        "id": f"message:{reply['id']}",
        "kind": "message",
        "title": "Cy",
        "context": "#birds",
        "snippet": "No heron, a stork. 100% sure",
        "preview": "No heron, a stork. 100% sure",
        "url": f"/channels/{birds['id']}?thread={parent['id']}&message={reply['id']}",
        "updated_at": reply["updated_at"] // 10**9,
        "shared": True,
        "pinned": False,
    }
    assert await list_found(cy, "heron", sharing="mine") == ["No heron, a stork. 100% sure"]
    assert await list_found(cy, "heron", sharing="shared") == ["A grey HERON by the lake"]
    assert await list_found(cy, "heron", kind="chat") == []


async def test_one_channel_is_searched_alone(ada: Person, bob: Person, cy: Person) -> None:
    birds, fish = await create_channel(ada, "birds"), await create_channel(ada, "fish")
    direct = (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    for channel in (birds, fish):
        await post_message(ada, channel, f"Water in {channel['name']}")
    await post_message(cy, direct, "Water for us")
    await bob.post("/api/v1/folders/", {"name": "Water"})
    result = await search(bob, "water")
    assert result["kinds"] == ["chat", "message", "note"] or result["kinds"] == ["chat", "message"]
    assert [(scope["kind"], scope["name"]) for scope in result["scopes"]] == [
        ("channel", "birds"),
        ("channel", "Cy"),
        ("channel", "fish"),
        ("folder", "Water"),
    ]
    assert len(result["items"]) == 3
    assert {item["context"] for item in result["items"]} == {"#birds", "#fish", "Cy"}
    assert await list_found(bob, "water", scope=f"channel:{fish['id']}") == ["Water in fish"]
    assert await list_found(bob, "water", scope=result["scopes"][3]["id"]) == []
    assert await list_found(ada, "water", scope=f"channel:{direct['id']}") == []
    await enable_channels(ada, channels__enable=False)
    result = await search(bob, "water")
    assert ("message" in result["kinds"], result["items"], len(result["scopes"])) == (False, [], 1)


async def test_results_come_a_page_at_a_time(ada: Person) -> None:
    channel = await create_channel(ada)
    for number in range(30):
        await post_message(ada, channel, f"Heron {number}")
    first = await search(ada, "heron")
    assert (len(first["items"]), first["has_more"]) == (24, True)
    second = await search(ada, "heron", page=2)
    assert (len(second["items"]), second["has_more"]) == (6, False)
    assert len({item["id"] for item in [*first["items"], *second["items"]]}) == 30
