"""Pictures that come with a question reach the model inside the message, and nobody else's do."""

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


async def shown(upstream: str) -> list[dict[str, Any]]:
    """The messages that the model server was sent last."""
    stranger = Person(upstream)
    asked: list[dict[str, Any]] = (await stranger.get("/_requests")).ok()[-1]["body"]["messages"]
    await stranger.close()
    return asked


def parts(*urls: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "[[tokens 1]]"}, *({"type": "image_url", "image_url": url} for url in urls)]
    return {"model": "demo-small", "messages": [{"role": "user", "content": content}]}


async def test_a_picture_of_a_question_is_inlined(ada: Person, upstream: str) -> None:
    file = (await send_file(ada, PICTURE, "a.png", "image/png", process=False)).ok()
    attached = {"type": "file", "id": file["id"], "url": file["id"], "content_type": "image/png", "name": "a.png"}
    async with open_page(ada) as page:
        body = page.build_body("What is this? [[tokens 1]]")
        body["user_message"]["files"] = [attached]
        chat_id = (await ada.post("/api/chat/completions", body)).ok()["chat_id"]
        await page.wait_until_idle()
        page.events.clear()
        await page.ask("And now? [[tokens 1]]", chat_id=chat_id, parent_id=body["id"])
    question, _, again = await shown(upstream)
    assert question["content"] == [
        {"type": "text", "text": "What is this? [[tokens 1]]"},
        {"type": "image_url", "image_url": {"url": DATA}},
    ]
    assert again["content"] == "And now? [[tokens 1]]"


async def test_pictures_over_the_api(ada: Person, bob: Person, upstream: str) -> None:
    mine = (await send_file(bob, PICTURE, "a.png", "image/png", process=False)).ok()
    other = (await send_file(ada, PICTURE, "a.png", "image/png", process=False)).ok()["id"]
    await open_models(ada)
    address = f"/api/v1/files/{mine['id']}/content"
    given = [{"url": address, "detail": "low"}, {"url": other}, {"url": "http://127.0.0.1:1/a.png"}, {"url": DATA}]
    (await bob.post("/api/chat/completions", parts(*given))).ok()
    (message,) = await shown(upstream)
    assert [part["image_url"] for part in message["content"][1:]] == [
        {"url": DATA, "detail": "low"},
        # What is somebody else's, and what lies where nobody may send us, stays as it was.
        {"url": other},
        {"url": "http://127.0.0.1:1/a.png"},
        {"url": DATA},
    ]


async def open_models(ada: Person) -> None:
    """Let everybody use the models."""
    form = {"id": "demo-small", "name": "demo-small", "base_model_id": None, "meta": {}, "params": {}}
    grant = {"principal_type": "user", "principal_id": "*", "permission": "read"}
    (await ada.post("/api/v1/models/create", {**form, "access_grants": [grant]})).ok()


async def test_pictures_inside_an_answer_become_files(server: Server, ada: Person, bob: Person) -> None:
    services = server.services
    db, access = services.get(Database), services.get(FileAccess)
    keeper = AnswerImages(db, services.get(UploadService), access)
    chat = (await bob.post("/api/v1/chats/new", {"chat": {"title": "t", "history": {"messages": {}}}})).ok()["id"]
    who = User(bob.id, "bob@example.com", "Bob", "user")

    def answer(text: str) -> list[dict[str, Any]]:
        return [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": text}]}]

    small = "![dot](data:image/png;base64,AAAA)"
    same = answer(f"Look: {small}")
    assert await keeper.store_images(same, chat, "m", who) == same
    (_, item) = await keeper.store_images(answer(f"One ![a]({DATA}) and {small}."), chat, "m", who)
    text = item["content"][0]["text"]
    assert text.startswith("One ![a](/api/v1/files/") and text.endswith(f"/content) and {small}.")
    address = text[text.index("(") + 1 : text.index(")")]
    assert (await bob.get(address)).body == PICTURE
    linked = await db.fetch_value("tests.linked", "SELECT message_id FROM chat_file WHERE chat_id = :id", id=chat)
    assert linked == "m"
    broken = answer(f"![a](data:image/png;base64,{'A' * 1001})")
    assert await keeper.store_images(broken, chat, "m", who) == broken
    many = answer("![" * 60_000 + "](data:image/")
    began = time.perf_counter()
    assert await keeper.store_images(many, chat, "m", who) == many
    assert time.perf_counter() - began < 1


async def test_a_model_takes_its_background_along(ada: Person) -> None:
    file = (await send_file(ada, PICTURE, "a.png", "image/png", process=False)).ok()
    address = f"/api/v1/files/{file['id']}/content"
    form = {"id": "seen", "name": "Seen", "base_model_id": "demo-small", "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "meta": {"background_image_url": address}})).ok()
    (exported,) = (await ada.get("/api/v1/models/export")).ok()
    assert exported["background_image_data"] == DATA and exported["meta"]["background_image_url"] is None
    (await ada.post("/api/v1/models/model/delete", {"id": "seen"})).ok()
    (await ada.delete(f"/api/v1/files/{file['id']}")).ok()
    assert (await ada.post("/api/v1/models/import", {"models": [exported]})).ok() is True
    made = (await ada.get("/api/v1/models/model", id="seen")).ok()["meta"]["background_image_url"]
    assert (await ada.get(made)).body == PICTURE
    for data in ("data:image/png;base64,", "data:image/png;base64,AAAA", DATA.replace("png", "gif"), 1):
        (await ada.post("/api/v1/models/import", {"models": [{**exported, "background_image_data": data}]})).refused(
            400
        )
    text = (await send_file(ada, process=False)).ok()
    meta = {"background_image_url": f"/api/v1/files/{text['id']}/content"}
    (await ada.post("/api/v1/models/create", {**form, "id": "text", "meta": meta})).refused(
        400, "Background image must be PNG, JPEG, WebP, or GIF."
    )
