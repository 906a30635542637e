"""Whom a file is open to, besides its owner: through knowledge, channels, chats, folders, notes and models."""

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


def grant(person: Person, permission: str = "read") -> dict[str, str]:
    return {"principal_type": "user", "principal_id": person.id, "permission": permission}


async def reads(person: Person, file: dict[str, Any]) -> bool:
    return (await person.get(f"{FILES}/{file['id']}/content")).status == 200


async def writes(person: Person, file: dict[str, Any]) -> bool:
    return (await person.post(f"{FILES}/{file['id']}/rename", {"filename": "renamed.txt"})).status == 200


async def insert(server: Server, table: str, **columns: Any) -> None:
    db = server.services.get(Database)
    names = ", ".join(columns)
    values = {key: msgspec.json.encode(one).decode() if isinstance(one, dict) else one for key, one in columns.items()}
    places = ", ".join(f":{name}" for name in columns)
    await db.execute(f"tests.{table}.{names}", f"INSERT INTO {table} ({names}) VALUES ({places})", **values)


async def let_in(server: Server, kind: str, resource: str, person: Person, permission: str = "read") -> None:
    await insert(
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
    mine = await upload_file(ada)
    knowledge = await create_knowledge(ada)
    (await ada.post(f"{KNOWLEDGE}/{knowledge}/file/add", {"file_id": mine["id"]})).ok()
    assert not await reads(bob, mine)
    share = f"{KNOWLEDGE}/{knowledge}/access/update"
    (await ada.post(share, {"access_grants": [grant(bob), grant(cy, "write"), grant(cy)]})).ok()
    assert await reads(bob, mine) and not await writes(bob, mine)
    assert await reads(cy, mine) and await writes(cy, mine)


async def test_a_file_of_others_is_not_written_through_ones_own_knowledge(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    theirs = await upload_file(bob)
    knowledge = await create_knowledge(ada)
    (await ada.post(f"{KNOWLEDGE}/{knowledge}/file/add", {"file_id": theirs["id"]})).ok()
    (await ada.post(f"{KNOWLEDGE}/{knowledge}/access/update", {"access_grants": [grant(cy, "write"), grant(cy)]})).ok()
    assert await reads(cy, theirs) and not await writes(cy, theirs)


async def channel(server: Server, owner: Person, **more: Any) -> str:
    made, now = str(uuid.uuid4()), time.time_ns()
    await insert(server, "channel", id=made, user_id=owner.id, name="c", created_at=now, updated_at=now, **more)
    return made


async def test_through_channels(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    open_one = await channel(server, ada)
    await let_in(server, "channel", open_one, bob)
    mine = (await send_file(ada, metadata={"channel_id": open_one}, process=False)).ok()
    assert await reads(bob, mine) and not await writes(bob, mine) and not await reads(cy, mine)
    group = await channel(server, ada, type="group")
    member = {"id": "m", "channel_id": group, "user_id": cy.id, "is_active": True, "joined_at": 1}
    await insert(server, "channel_member", **member)
    told = (await send_file(cy, metadata={"channel_id": group}, process=False)).ok()
    # Who is not in a channel puts nothing there.
    other = (await send_file(bob, metadata={"channel_id": group}, process=False)).ok()
    assert not await reads(bob, told) and not await reads(cy, other)
    shown = (await send_file(ada, metadata={"channel_id": open_one, "other": 1}, process=False)).ok()
    db = server.services.get(Database)
    await db.execute("tests.archive", "UPDATE channel SET archived_at = 1 WHERE id = :id", id=open_one)
    assert not await reads(bob, shown)


async def test_through_shared_chats_and_folders(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    mine = (await send_file(bob, process=False)).ok()
    chat = (await bob.post("/api/v1/chats/new", {"chat": {"title": "t", "history": {"messages": {}}}})).ok()["id"]
    now = int(time.time())
    await insert(
        server, "chat_file", id="cf", user_id=bob.id, chat_id=chat, file_id=mine["id"], created_at=now, updated_at=now
    )
    assert not await reads(cy, mine)
    db = server.services.get(Database)
    await db.execute("tests.share", "UPDATE chat SET share_id = 'share' WHERE id = :id", id=chat)
    assert not await reads(cy, mine)
    await let_in(server, "shared_chat", chat, cy)
    assert await reads(cy, mine) and not await writes(cy, mine)
    await db.execute("tests.grants", "DELETE FROM access_grant WHERE resource_type = 'shared_chat'")
    assert not await reads(cy, mine)
    folder = (await bob.post("/api/v1/folders/", {"name": "f"})).ok()["id"]
    await db.execute("tests.folder", "UPDATE chat SET folder_id = :folder WHERE id = :id", id=chat, folder=folder)
    await let_in(server, "folder", folder, cy)
    assert await reads(cy, mine)


async def test_through_notes_of_its_owner(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    mine = (await send_file(bob, process=False)).ok()
    now = time.time_ns()
    for note, owner in (("own", bob), ("others", ada)):
        data = {"files": [{"type": "file", "id": mine["id"]}]}
        await insert(server, "note", id=note, user_id=owner.id, title="n", data=data, created_at=now, updated_at=now)
    await let_in(server, "note", "others", cy)
    assert not await reads(cy, mine)
    await let_in(server, "note", "own", cy)
    assert await reads(cy, mine) and not await writes(cy, mine)


async def test_through_models(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    mine, other, shown, spoken = [(await send_file(bob, process=False)).ok() for _ in range(4)]
    now = int(time.time())

    async def model(model_id: str, owner: Person, meta: dict[str, Any], base: str | None = "base") -> None:
        columns = {"name": model_id, "params": {}, "is_active": True, "created_at": now, "updated_at": now}
        await insert(server, "model", id=model_id, user_id=owner.id, base_model_id=base, meta=meta, **columns)

    await model("own", bob, {"knowledge": [{"type": "file", "id": mine["id"]}]})
    await model("others", ada, {"knowledge": [{"type": "file", "id": other["id"]}]})
    picture = {"background_image_url": f"/api/v1/files/{shown['id']}/content"}
    await model("picture", ada, {**picture, "voice_avatar": {"states": {"idle": {"file_id": spoken["id"]}}}})
    for model_id in ("own", "others", "picture"):
        for permission in ("read", "write"):
            await let_in(server, "model", model_id, cy, permission)
    assert await reads(cy, mine) and await writes(cy, mine)
    assert await reads(cy, other) and not await writes(cy, other)
    for one in (shown, spoken):
        assert await reads(cy, one) and not await writes(cy, one)


async def test_administrators_reach_every_file(ada: Person, bob: Person) -> None:
    theirs = (await send_file(bob, process=False)).ok()
    assert await reads(ada, theirs) and await writes(ada, theirs)
    (await ada.delete(f"{FILES}/{theirs['id']}")).ok()
