"""Voice avatars of models: their files are checked, and models call their gestures."""

from __future__ import annotations

import struct
from typing import Any

import aiohttp
import pytest

from avatar_samples import BONES, make_animation, make_avatar, make_png
from conftest import Person

MODELS = "/api/v1/models"


async def upload(person: Person, content: bytes) -> str:
    form = aiohttp.FormData()
    form.add_field("file", content, filename="avatar.vrm", content_type="model/gltf-binary")
    return str((await person.request("POST", "/api/v1/files/", data=form, process="false")).ok()["id"])


async def save_model(person: Person, avatar: Any, model_id: str = "guide") -> Any:
    model = {"id": model_id, "name": "Guide", "base_model_id": "demo-small", "params": {}}
    return await person.post(f"{MODELS}/create", {**model, "meta": {"voice_avatar": avatar}})


async def test_an_avatar_with_a_gesture_is_saved_and_kept(ada: Person) -> None:
    avatar_id, wave_id = await upload(ada, make_avatar()), await upload(ada, make_animation())
    gesture = {"name": "wave", "description": "Wave a hand", "file_id": wave_id}
    avatar = {"file_id": avatar_id, "states": {"idle": {"file_id": wave_id}}, "gestures": [gesture]}
    model = (await save_model(ada, avatar)).ok()
    assert model["meta"]["voice_avatar"] == avatar
    # What is used already is not checked again.
    (await ada.delete(f"/api/v1/files/{wave_id}")).ok()
    assert (await ada.post(f"{MODELS}/model/update", {**model, "name": "Guide 2"})).ok()["name"] == "Guide 2"
    # An animation is no avatar, also if it is used as an animation already.
    swapped = {**model, "meta": {"voice_avatar": {"file_id": wave_id}}}
    (await ada.post(f"{MODELS}/model/update", swapped)).refused(403)


async def test_files_that_the_author_may_not_read_are_refused(ada: Person, bob: Person) -> None:
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["workspace"]["models"] = True
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    mine, hers = await upload(bob, make_avatar()), await upload(ada, make_avatar())
    detail = "Avatar or animation file is not accessible. Upload it again."
    (await save_model(bob, {"file_id": hers})).refused(403, detail)
    missing = "00000000-0000-0000-0000-000000000000"
    (await save_model(bob, {"file_id": missing})).refused(403, detail)
    (await save_model(bob, {"file_id": mine, "states": {"idle": {"file_id": mine}}})).refused(
        400, "An animation must be a VRMA file, not the avatar."
    )
    (await save_model(bob, {"file_id": mine})).ok()


JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 300, 200) + bytes(20)
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8X" + bytes(8) + b"\xff\x01\x00\xff\x01\x00" + bytes(20)
NODE = {"node": 99}


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"no avatar", "Invalid VRM file."),
        (b"no avatar at all, but long enough", "Upload a binary VRM file."),
        (make_avatar()[:-4], "Upload a binary VRM file."),
        (make_avatar(extensions={}), "Avatar is missing its hips bone. Upload a rigged VRM file."),
        (
            make_avatar(extensions={"VRM": {"humanoid": {"humanBones": [{"bone": "hips", **NODE}]}}}),
            "Avatar is missing its hips bone. Upload a rigged VRM file.",
        ),
        (make_avatar(extensions=[]), "Invalid VRM file."),
        (make_avatar(buffers=[{"byteLength": 9, "uri": "http://x"}]), "Embed all buffers in the VRM file."),
        (
            make_avatar(nodes=[{}] * 600),
            "This avatar is too complex for a voice call. Use a lighter export.",
        ),
        (make_avatar(images=[{"uri": "http://x"}]), "Embed PNG, JPEG or WebP textures in the VRM file."),
        (make_avatar(bufferViews=[{"byteLength": 10**9}]), "Invalid embedded avatar texture."),
        (make_avatar(b"no picture at all"), "Invalid embedded avatar texture."),
        (make_avatar(JPEG[:9]), "Invalid embedded avatar texture."),
        (
            make_avatar(make_png(5000, 10)),
            "Avatar textures are too large. Export at 2048px or below.",
        ),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_other_files_are_no_avatars(ada: Person, content: bytes, detail: str) -> None:
    (await save_model(ada, {"file_id": await upload(ada, content)})).refused(400, detail)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_textures_of_all_formats_and_skeletons_of_both_versions_are_accepted(ada: Person) -> None:
    bones = [{"bone": name, "node": index} for index, name in enumerate(BONES)]
    old = {"VRM": {"humanoid": {"humanBones": bones}}}
    for number, content in enumerate((make_avatar(JPEG), make_avatar(WEBP), make_avatar(extensions=old))):
        (await save_model(ada, {"file_id": await upload(ada, content)}, f"guide-{number}")).ok()


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (make_avatar(), "Use a VRMA 1.0 humanoid animation."),
        (make_animation(nodes=[{"children": [1]}, {"children": [0]}]), "Invalid animation node hierarchy."),
        (make_animation(nodes=[{"children": [1, 1]}, {}]), "Animation nodes must have a single parent."),
        (make_animation(nodes=[{"rotation": [0, 0, 0]}, {}]), "Invalid animation transform."),
        (make_animation(scenes=[{"nodes": [7]}]), "Invalid animation scene."),
        (make_animation(meshes=[{}]), "Export animation only, without meshes or textures."),
        (make_animation(extensionsRequired=["KHR_x"]), "Unsupported animation extension."),
        (make_animation(animations=[]), "Export exactly one animation per VRMA file."),
        (make_animation((0.0, 0.5, 0.5)), "Invalid animation timing."),
        (make_animation((0.0, 0.5, float("nan"))), "Animation keyframes must be finite."),
        (make_animation((0.0, 0.5, 61.0)), "Use a body animation between 0 and 60 seconds."),
        (make_animation(accessors=[{"count": 10**6}]), "Animation has too many keyframes."),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_other_files_are_no_animations(ada: Person, content: bytes, detail: str) -> None:
    avatar = {"file_id": await upload(ada, make_avatar()), "states": {"idle": {"file_id": await upload(ada, content)}}}
    (await save_model(ada, avatar)).refused(400, detail)
