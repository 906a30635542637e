"""Gestures of a model's avatar: offered in calls only, played by the page."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from avatar_samples import make_animation, make_avatar
from builtin_calls import CHAT, list_offered, set_model
from conftest import Person
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

VOICE = {"features": {"voice": True}}


async def upload(person: Person, content: bytes) -> str:
    form = aiohttp.FormData()
    form.add_field("file", content, filename="a.vrm", content_type="model/gltf-binary")
    return str((await person.request("POST", "/api/v1/files/", data=form, process="false")).ok()["id"])


async def add_gesture(ada: Person) -> None:
    """Give the model an avatar that can wave."""
    gesture = {"name": "wave", "description": "Wave a hand", "file_id": await upload(ada, make_animation())}
    await set_model(ada, {"voice_avatar": {"file_id": await upload(ada, make_avatar()), "gestures": [gesture]}})


async def test_gestures_are_offered_in_calls(ada: Person, bob: Person, model: QueuedModel) -> None:
    await set_model(ada)
    assert "play_animation" not in await list_offered(bob, model, **VOICE)
    await add_gesture(ada)
    assert "play_animation" not in await list_offered(bob, model)
    assert "play_animation" in await list_offered(bob, model, **VOICE)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["chat"]["call"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    assert "play_animation" not in await list_offered(bob, model, **VOICE)


@pytest.mark.parametrize(
    ("name", "reply", "status"),
    [
        ("wave", {"status": "started"}, "started"),
        ("wave", {"status": "exploded"}, "unavailable"),
        ("wave", None, "unavailable"),
        ("jump", {"status": "started"}, "unavailable"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_page_plays_a_gesture(
    ada: Person, bob: Person, model: QueuedModel, name: str, reply: Any, status: str
) -> None:
    await add_gesture(ada)
    model.queue(call_tools(("play_animation", {"name": name})), "Hello!")
    played: list[Any] = []
    async with open_page(bob) as page:

        def handle(event: dict[str, Any]) -> Any:
            page.record_event(event)
            if event["data"]["type"] != "voice:play_animation":
                return None
            played.append(event["data"]["data"])
            return reply

        page.socket.on("events", handle)
        (await bob.post(CHAT, page.build_body("Wave", models=[MODEL_ID], **VOICE))).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    (output,) = [item["output"][0]["text"] for item in done["output"] if item["type"] == "function_call_output"]
    assert json.loads(output) == {"status": status}
    assert played == ([{"name": "wave", "model_id": MODEL_ID}] if name == "wave" else [])
