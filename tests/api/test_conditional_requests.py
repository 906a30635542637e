"""Pictures and files that a browser has already are answered with 304, and sent again once they have changed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from conftest import Person, Reply, Server
from upload_samples import FILES, upload_file

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(5000)
OTHER_PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(4000)


def encode_picture(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


async def change_picture(person: Person, content: bytes) -> None:
    profile = {"name": "Bob", "profile_image_url": encode_picture(content), "bio": None}
    (await person.post("/api/v1/auths/update/profile", profile)).ok()


async def get_if_changed(person: Person, path: str, tags: str, **query: Any) -> Reply:
    return await person.request("GET", path, **query, headers={"if-none-match": tags})


def check_not_modified(reply: Reply, tag: str) -> None:
    assert (reply.status, reply.body) == (304, b"")
    assert reply.headers["etag"] == tag and "content-length" not in reply.headers


async def test_the_picture_of_a_user_is_sent_once(bob: Person) -> None:
    await change_picture(bob, PICTURE)
    path = f"/api/v1/users/{bob.id}/profile/image"
    reply = await bob.get(path)
    tag = reply.headers["etag"]
    assert (reply.status, reply.body) == (200, PICTURE)
    for tags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        check_not_modified(await get_if_changed(bob, path, tags), tag)
    assert (await get_if_changed(bob, path, '"other"')).body == PICTURE
    assert (await get_if_changed(bob, path, "")).body == PICTURE
    await change_picture(bob, OTHER_PICTURE)
    reply = await get_if_changed(bob, path, tag)
    assert (reply.status, reply.body) == (200, OTHER_PICTURE) and reply.headers["etag"] != tag


async def test_the_picture_of_a_model_is_sent_once(ada: Person, bob: Person, server: Server) -> None:
    form: dict[str, Any] = {"id": "heron", "name": "Heron", "base_model_id": "demo-small", "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "meta": {"profile_image_url": encode_picture(PICTURE)}})).ok()
    path = "/api/v1/models/model/profile/image"
    tag = (await ada.get(path, id="heron")).headers["etag"]
    check_not_modified(await get_if_changed(ada, path, tag, id="heron"), tag)
    # Who may not read the model gets no hint of its picture.
    assert (await get_if_changed(bob, path, tag, id="heron")).status == 302
    stranger = server.stranger()
    assert (await get_if_changed(stranger, path, tag, id="heron")).status == 401


async def test_the_content_of_a_file_is_sent_once(bob: Person, cy: Person) -> None:
    file = await upload_file(bob, b"herons and egrets")
    path = f"{FILES}/{file['id']}/content"
    reply = await bob.get(path)
    tag = reply.headers["etag"]
    assert reply.body == b"herons and egrets"
    check_not_modified(await get_if_changed(bob, path, tag), tag)
    assert (await get_if_changed(bob, path, '"other"')).body == b"herons and egrets"
    assert (await get_if_changed(cy, path, tag)).status == 404
    ranged = await bob.request("GET", path, headers={"range": "bytes=0-5"})
    assert (ranged.status, ranged.body) == (206, b"herons")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_other_methods_ignore_the_tags(bob: Person, method: str) -> None:
    reply = await bob.request(
        method, "/api/v1/auths/update/timezone", json={"timezone": "UTC"}, headers={"if-none-match": "*"}
    )
    assert reply.status == (200 if method == "POST" else 405)
