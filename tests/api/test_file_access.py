"""Access to files of others: through knowledge, channels, chats, folders, notes and models."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec
import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from knowledge_samples import KNOWLEDGE, create_knowledge, embedding_settings
from upload_samples import FILES, send_file, upload_file


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


def build_grant(person: Person, permission: str = "read") -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def can_read(person: Person, file: dict[str, Any]) -> bool:
    return (await person.get(f"{FILES}/{file['id']}/content")).status == 200


async def can_write(person: Person, file: dict[str, Any]) -> bool:
    return (await person.post(f"{FILES}/{file['id']}/rename", {"filename": "renamed.txt"})).status == 200


async def insert_row(server: Server, table: str, **columns: Any) -> None:
    db = server.services.get(Database)
    names = ", ".join(columns)
    values = {
        key: msgspec.json.encode(value).decode() if isinstance(value, dict) else value for key, value in columns.items()
    }
    placeholders = ", ".join(f":{name}" for name in columns)
    await db.execute(f"tests.{table}.{names}", f"INSERT INTO {table} ({names}) VALUES ({placeholders})", **values)


async def grant_access(server: Server, kind: str, resource: str, person: Person, permission: str = "read") -> None:
    await insert_row(
        server,
        "access_grant",
        id=str(uuid.uuid4()),
        resource_type=kind,
        resource_id=resource,
        principal_type="user",
        principal_id=person.id,
        permission=permission,
        created_at=1,
    )


async def test_through_knowledge(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    own = await upload_file(ada)
    knowledge = await create_knowledge(ada)
    (await ada.post(f"{KNOWLEDGE}/{knowledge}/file/add", {"file_id": own["id"]})).ok()
    assert not await can_read(bob, own)
    share = f"{KNOWLEDGE}/{knowledge}/access/update"
    (await ada.post(share, {"access_grants": [build_grant(bob), build_grant(cy, "write"), build_grant(cy)]})).ok()
    assert await can_read(bob, own) and not await can_write(bob, own)
    assert await can_read(cy, own) and await can_write(cy, own)


async def test_a_file_of_others_is_not_written_through_own_knowledge(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    theirs = await upload_file(bob)
    knowledge = await create_knowledge(ada)
    (await ada.post(f"{KNOWLEDGE}/{knowledge}/file/add", {"file_id": theirs["id"]})).ok()
    (
        await ada.post(
            f"{KNOWLEDGE}/{knowledge}/access/update", {"access_grants": [build_grant(cy, "write"), build_grant(cy)]}
        )
    ).ok()
    assert await can_read(cy, theirs) and not await can_write(cy, theirs)


async def insert_channel(server: Server, owner: Person, **more: Any) -> str:
    channel_id, now = str(uuid.uuid4()), time.time_ns()
    await insert_row(
        server, "channel", id=channel_id, user_id=owner.id, name="c", created_at=now, updated_at=now, **more
    )
    return channel_id


async def test_through_channels(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    open_channel = await insert_channel(server, ada)
    await grant_access(server, "channel", open_channel, bob)
    own = (await send_file(ada, metadata={"channel_id": open_channel}, process=False)).ok()
    assert await can_read(bob, own) and not await can_write(bob, own) and not await can_read(cy, own)
    group = await insert_channel(server, ada, type="group")
    member = {"id": "m", "channel_id": group, "user_id": cy.id, "is_active": True, "joined_at": 1}
    await insert_row(server, "channel_member", **member)
    group_file = (await send_file(cy, metadata={"channel_id": group}, process=False)).ok()
    # A user outside a channel cannot put files into it.
    other = (await send_file(bob, metadata={"channel_id": group}, process=False)).ok()
    assert not await can_read(bob, group_file) and not await can_read(cy, other)
    later_file = (await send_file(ada, metadata={"channel_id": open_channel, "other": 1}, process=False)).ok()
    db = server.services.get(Database)
    await db.execute("tests.archive", "UPDATE channel SET archived_at = 1 WHERE id = :id", id=open_channel)
    assert not await can_read(bob, later_file)


async def test_through_shared_chats_and_folders(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    own = (await send_file(bob, process=False)).ok()
    chat = (await bob.post("/api/v1/chats/new", {"chat": {"title": "t", "history": {"messages": {}}}})).ok()["id"]
    now = int(time.time())
    await insert_row(
        server, "chat_file", id="cf", user_id=bob.id, chat_id=chat, file_id=own["id"], created_at=now, updated_at=now
    )
    assert not await can_read(cy, own)
    db = server.services.get(Database)
    await db.execute("tests.share", "UPDATE chat SET share_id = 'share' WHERE id = :id", id=chat)
    assert not await can_read(cy, own)
    await grant_access(server, "shared_chat", chat, cy)
    assert await can_read(cy, own) and not await can_write(cy, own)
    await db.execute("tests.grants", "DELETE FROM access_grant WHERE resource_type = 'shared_chat'")
    assert not await can_read(cy, own)
    folder = (await bob.post("/api/v1/folders/", {"name": "f"})).ok()["id"]
    await db.execute("tests.folder", "UPDATE chat SET folder_id = :folder WHERE id = :id", id=chat, folder=folder)
    await grant_access(server, "folder", folder, cy)
    assert await can_read(cy, own)


async def test_through_notes_of_its_owner(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    own = (await send_file(bob, process=False)).ok()
    now = time.time_ns()
    for note, owner in (("own", bob), ("others", ada)):
        data = {"files": [{"type": "file", "id": own["id"]}]}
        await insert_row(
            server, "note", id=note, user_id=owner.id, title="n", data=data, created_at=now, updated_at=now
        )
    await grant_access(server, "note", "others", cy)
    assert not await can_read(cy, own)
    await grant_access(server, "note", "own", cy)
    assert await can_read(cy, own) and not await can_write(cy, own)


async def test_through_models(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    own, other, pictured, spoken = [(await send_file(bob, process=False)).ok() for _ in range(4)]
    now = int(time.time())

    async def insert_model(model_id: str, owner: Person, meta: dict[str, Any], base: str | None = "base") -> None:
        columns = {"name": model_id, "params": {}, "is_active": True, "created_at": now, "updated_at": now}
        await insert_row(server, "model", id=model_id, user_id=owner.id, base_model_id=base, meta=meta, **columns)

    await insert_model("own", bob, {"knowledge": [{"type": "file", "id": own["id"]}]})
    await insert_model("others", ada, {"knowledge": [{"type": "file", "id": other["id"]}]})
    picture = {"background_image_url": f"/api/v1/files/{pictured['id']}/content"}
    await insert_model("picture", ada, {**picture, "voice_avatar": {"states": {"idle": {"file_id": spoken["id"]}}}})
    for model_id in ("own", "others", "picture"):
        for permission in ("read", "write"):
            await grant_access(server, "model", model_id, cy, permission)
    assert await can_read(cy, own) and await can_write(cy, own)
    assert await can_read(cy, other) and not await can_write(cy, other)
    for file in (pictured, spoken):
        assert await can_read(cy, file) and not await can_write(cy, file)


async def test_administrators_reach_every_file(ada: Person, bob: Person) -> None:
    theirs = (await send_file(bob, process=False)).ok()
    assert await can_read(ada, theirs) and await can_write(ada, theirs)
    (await ada.delete(f"{FILES}/{theirs['id']}")).ok()
