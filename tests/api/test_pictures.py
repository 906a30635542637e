"""Images attached to a question are sent to the model inside the message; images of other users are not."""

from __future__ import annotations

import base64
import time
from typing import Any

from conftest import Person, Server
from fastback.access.identity import User
from fastback.completions.answer_images import AnswerImages
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.kit.db import Database
from page_client import open_page
from upload_samples import send_file

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8000
DATA = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


async def get_sent_messages(upstream: str) -> list[dict[str, Any]]:
    """Return the messages of the last request that the model server received."""
    stranger = Person(upstream)
    messages: list[dict[str, Any]] = (await stranger.get("/_requests")).ok()[-1]["body"]["messages"]
    await stranger.close()
    return messages


def make_question(*urls: Any) -> dict[str, Any]:
    """Return a question with these images."""
    content = [{"type": "text", "text": "[[tokens 1]]"}, *({"type": "image_url", "image_url": url} for url in urls)]
    return {"model": "demo-small", "messages": [{"role": "user", "content": content}]}


async def test_an_attached_image_is_inlined(ada: Person, upstream: str) -> None:
    file = (await send_file(ada, PICTURE, "a.png", "image/png", process=False)).ok()
    attached = {"type": "file", "id": file["id"], "url": file["id"], "content_type": "image/png", "name": "a.png"}
    async with open_page(ada) as page:
        body = page.build_body("What is this? [[tokens 1]]")
        body["user_message"]["files"] = [attached]
        chat_id = (await ada.post("/api/chat/completions", body)).ok()["chat_id"]
        await page.wait_until_idle()
        page.events.clear()
        await page.ask("And now? [[tokens 1]]", chat_id=chat_id, parent_id=body["id"])
    question, _, follow_up = await get_sent_messages(upstream)
    tag = f'<file type="file" id="{file["id"]}" url="{file["id"]}" content_type="image/png" name="a.png"/>'
    assert question["content"] == [
        {"type": "text", "text": f"<attached_files>\n{tag}\n</attached_files>\n\n"},
        {"type": "text", "text": "What is this? [[tokens 1]]"},
        {"type": "image_url", "image_url": {"url": DATA}},
    ]
    assert follow_up["content"] == "And now? [[tokens 1]]"


async def test_images_over_the_api(ada: Person, bob: Person, upstream: str) -> None:
    own_file = (await send_file(bob, PICTURE, "a.png", "image/png", process=False)).ok()
    foreign_id = (await send_file(ada, PICTURE, "a.png", "image/png", process=False)).ok()["id"]
    await open_models(ada)
    url = f"/api/v1/files/{own_file['id']}/content"
    images = [{"url": url, "detail": "low"}, {"url": foreign_id}, {"url": "http://127.0.0.1:1/a.png"}, {"url": DATA}]
    (await bob.post("/api/chat/completions", make_question(*images))).ok()
    (message,) = await get_sent_messages(upstream)
    assert [part["image_url"] for part in message["content"][1:]] == [
        {"url": DATA, "detail": "low"},
        # The file of another user and the unreachable address are passed on unchanged.
        {"url": foreign_id},
        {"url": "http://127.0.0.1:1/a.png"},
        {"url": DATA},
    ]


async def open_models(ada: Person) -> None:
    """Let all users use the model."""
    form = {"id": "demo-small", "name": "demo-small", "base_model_id": None, "meta": {}, "params": {}}
    grant = {"principal_type": "user", "principal_id": "*", "permission": "read"}
    (await ada.post("/api/v1/models/create", {**form, "access_grants": [grant]})).ok()


async def test_images_in_an_answer_become_files(server: Server, ada: Person, bob: Person) -> None:
    services = server.services
    db, access = services.get(Database), services.get(FileAccess)
    storage = AnswerImages(db, services.get(UploadService), access)
    chat = (await bob.post("/api/v1/chats/new", {"chat": {"title": "t", "history": {"messages": {}}}})).ok()["id"]
    user = User(bob.id, "bob@example.com", "Bob", "user")

    def make_output(text: str) -> list[dict[str, Any]]:
        return [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": text}]}]

    small = "![dot](data:image/png;base64,AAAA)"
    unchanged = make_output(f"Look: {small}")
    assert await storage.store_images(unchanged, chat, "m", user) == unchanged
    (_, item) = await storage.store_images(make_output(f"One ![a]({DATA}) and {small}."), chat, "m", user)
    text = item["content"][0]["text"]
    assert text.startswith("One ![a](/api/v1/files/") and text.endswith(f"/content) and {small}.")
    url = text[text.index("(") + 1 : text.index(")")]
    assert (await bob.get(url)).body == PICTURE
    linked = await db.fetch_value("tests.linked", "SELECT message_id FROM chat_file WHERE chat_id = :id", id=chat)
    assert linked == "m"
    broken = make_output(f"![a](data:image/png;base64,{'A' * 1001})")
    assert await storage.store_images(broken, chat, "m", user) == broken
    pathological = make_output("![" * 60_000 + "](data:image/")
    start = time.perf_counter()
    assert await storage.store_images(pathological, chat, "m", user) == pathological
    assert time.perf_counter() - start < 1


async def test_an_exported_model_contains_its_background(ada: Person) -> None:
    file = (await send_file(ada, PICTURE, "a.png", "image/png", process=False)).ok()
    url = f"/api/v1/files/{file['id']}/content"
    form = {"id": "seen", "name": "Seen", "base_model_id": "demo-small", "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "meta": {"background_image_url": url}})).ok()
    (exported,) = (await ada.get("/api/v1/models/export")).ok()
    assert exported["background_image_data"] == DATA and exported["meta"]["background_image_url"] is None
    (await ada.post("/api/v1/models/model/delete", {"id": "seen"})).ok()
    (await ada.delete(f"/api/v1/files/{file['id']}")).ok()
    assert (await ada.post("/api/v1/models/import", {"models": [exported]})).ok() is True
    imported_url = (await ada.get("/api/v1/models/model", id="seen")).ok()["meta"]["background_image_url"]
    assert (await ada.get(imported_url)).body == PICTURE
    for data in ("data:image/png;base64,", "data:image/png;base64,AAAA", DATA.replace("png", "gif"), 1):
        (await ada.post("/api/v1/models/import", {"models": [{**exported, "background_image_data": data}]})).refused(
            400
        )
    text_file = (await send_file(ada, process=False)).ok()
    meta = {"background_image_url": f"/api/v1/files/{text_file['id']}/content"}
    (await ada.post("/api/v1/models/create", {**form, "id": "text", "meta": meta})).refused(
        400, "Background image must be PNG, JPEG, WebP, or GIF."
    )
