"""Private records of one user, one of each kind; every text contains a mark that no other user may ever read."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from conftest import PASSWORD, Person, Server

#: Part of every private text, beside a word that tests search for.
MARK = "qzsecretqz"
WORD = "pumpkin"
PRIVATE = f"{WORD} {MARK}"

_TOOL = f'''"""
title: {PRIVATE}
"""


class Tools:
    def throw(self) -> str:
        """{PRIVATE}"""
        return "{PRIVATE}"
'''
_FILTER = f'class Filter:\n    text = "{PRIVATE}"\n'
#: A public address; no test sends anything to it.
_WEBHOOK_URL = f"https://93.184.216.34/{MARK}"
#: The server processes files before it responds.
_FILES = "/api/v1/files/?process_in_background=false"


@dataclass
class PrivateRecords:
    """The records of an owner.

    Attributes:
        ids: Ids of the records, by the name of the parameter that takes them.
        secrets: Texts that no response to another user may contain.
        missing: Names of records that the server cannot create yet.
    """

    owner: Person
    ids: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=lambda: [MARK])
    missing: list[str] = field(default_factory=list)

    async def create(self, name: str, method: str, path: str, body: Any = None, *, by: Person | None = None) -> Any:
        """Create a record and store its id under a name; skip what the server does not implement yet.

        Parts of the path in braces are replaced by stored ids.
        """
        try:
            path = path.format_map(self.ids)
            body = _fill_ids(body, self.ids)
        except KeyError:
            self.missing.append(name)
            return None
        client = by or self.owner
        payload = {"data": body} if isinstance(body, aiohttp.FormData) else {"json": body}
        reply = await client.request(method, path, **payload)
        if reply.status == 501:
            self.missing.append(name)
            return None
        record = reply.ok()
        record_id = record.get("id") if isinstance(record, dict) else None
        if name:
            self.ids[name] = str(record_id)
        return record


def _fill_ids(value: Any, ids: dict[str, str]) -> Any:
    """Replace each value `<name>` by the id of that name.

    Raises:
        KeyError: No id has that name.
    """
    if isinstance(value, dict):
        return {key: _fill_ids(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_ids(item, ids) for item in value]
    if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
        return ids[value[1:-1]]
    return value


async def allow_everything(ada: Person) -> None:
    """Grant users every permission, and enable every feature that an administrator can."""
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    granted = {
        area: {name: True if isinstance(value, bool) else value for name, value in rights.items()}
        for area, rights in permissions.items()
    }
    granted["chat"]["temporary_enforced"] = False
    (await ada.post("/api/v1/users/default/permissions", granted)).ok()
    switches = ("notes.enable", "channels.enable", "memories.enable", "automations.enable", "calendar.enable")
    config: dict[str, Any] = dict.fromkeys((*switches, "ui.enable_user_webhooks", "folders.enable"), True)
    config |= {"auth.enable_api_keys": True, "users.enable_status": True, "ui.enable_message_rating": True}
    (await ada.post("/api/v1/configs/import", {"config": config})).ok()


def _build_chat() -> dict[str, Any]:
    question = {"id": "u1", "parentId": None, "childrenIds": ["a1"], "role": "user", "content": PRIVATE}
    answer = {"id": "a1", "parentId": "u1", "childrenIds": [], "role": "assistant", "content": PRIVATE}
    for message in (question, answer):
        message |= {"timestamp": int(time.time()), "model": "demo-small", "done": True}
    history = {"currentId": "a1", "messages": {"u1": question, "a1": answer}}
    return {"title": PRIVATE, "models": ["demo-small"], "history": history, "system": PRIVATE}


def _build_picture() -> bytes:
    """Return a PNG picture of one pixel, with the mark in a text chunk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = (1).to_bytes(4) + (1).to_bytes(4) + bytes([8, 0, 0, 0, 0])
    parts = [(b"IHDR", head), (b"tEXt", b"c\0" + MARK.encode()), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def build_upload_form(
    name: str = "private.txt", content: bytes = PRIVATE.encode(), kind: str = "text/plain"
) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type=kind)
    return form


async def _create_records_of(vera: Person, ada: Person) -> PrivateRecords:
    """Create private records of Vera, and secrets of the administrator; nothing is shared."""
    records = PrivateRecords(vera)
    records.ids |= {"user": vera.id, "message": "u1"}
    await _create_account_records(records)
    await _create_chats(records)
    await _create_workspace_records(records, ada)
    await _create_knowledge(records)
    await _create_collaboration_records(records, ada)
    await _create_admin_secrets(records, ada)
    return records


async def _create_account_records(records: PrivateRecords) -> None:
    users = "/api/v1/users"
    await records.create("", "POST", f"{users}/user/settings/update", {"ui": {"system": PRIVATE}})
    await records.create("", "POST", f"{users}/user/info/update", {"location": PRIVATE})
    await records.create("", "POST", f"{users}/user/variables/update", {"variables": {"city": PRIVATE}})
    key = await records.create("", "POST", "/api/v1/auths/api_key")
    records.secrets += [key["api_key"], str(records.owner.token), PASSWORD]
    await records.create("target", "POST", "/api/v1/notifications/targets", {"config": {"url": _WEBHOOK_URL}})
    rating = {
        "type": "rating",
        "data": {"rating": 1, "reason": PRIVATE},
        "meta": {},
        "snapshot": {"chat": _build_chat()},
    }
    await records.create("feedback", "POST", "/api/v1/evaluations/feedback", rating)
    await records.create("memory", "POST", "/api/v1/memories/add", {"content": PRIVATE, "path": f"{WORD}/{MARK}"})


async def _create_chats(records: PrivateRecords) -> None:
    await records.create("folder", "POST", "/api/v1/folders/", {"name": PRIVATE, "data": {"system_prompt": PRIVATE}})
    form = {"chat": _build_chat(), "folder_id": "<folder>", "variables": {"CITY": PRIVATE}}
    await records.create("chat", "POST", "/api/v1/chats/new", form)
    await records.create("", "POST", "/api/v1/chats/{chat}/tags", {"name": f"{WORD} {MARK}"})
    await records.create("loose", "POST", "/api/v1/chats/new", {"chat": _build_chat()})
    shared = await records.create("", "POST", "/api/v1/chats/{loose}/share")
    records.ids["share"] = shared["share_id"]
    await records.create("pinned", "POST", "/api/v1/chats/new", {"chat": _build_chat()})
    await records.create("", "POST", "/api/v1/chats/{pinned}/pin")
    await records.create("archived", "POST", "/api/v1/chats/new", {"chat": _build_chat()})
    await records.create("", "POST", "/api/v1/chats/{archived}/archive")


async def _create_workspace_records(records: PrivateRecords, ada: Person) -> None:
    prompt = {"command": f"{WORD}-{MARK}", "name": PRIVATE, "content": PRIVATE, "tags": [PRIVATE]}
    created = await records.create("prompt", "POST", "/api/v1/prompts/create", prompt)
    records.ids["prompt_version"] = created["version_id"]
    tool = {"id": "private_tool", "name": PRIVATE, "content": _TOOL, "meta": {"description": PRIVATE}}
    await records.create("tool", "POST", "/api/v1/tools/create", tool)
    # All users may read the name and the description of a function.
    function = {"id": "private_function", "name": "F", "content": _FILTER, "meta": {"description": "f"}}
    await records.create("function", "POST", "/api/v1/functions/create", function, by=ada)
    skill = {"id": "private-skill", "name": PRIVATE, "description": PRIVATE, "content": f"---\nname: x\n---\n{PRIVATE}"}
    created = await records.create("skill", "POST", "/api/v1/skills/create", skill)
    records.ids["skill_version"] = created["version_id"]
    model = {
        "id": "private-model",
        "name": PRIVATE,
        "base_model_id": "demo-small",
        "params": {"system": PRIVATE},
        "meta": {"description": PRIVATE, "tags": [{"name": PRIVATE}]},
    }
    await records.create("model", "POST", "/api/v1/models/create", model)
    for kind, client in (("tool", records.owner), ("function", ada)):
        entries = (await client.get(f"/api/v1/{kind}s/id/{records.ids[kind]}/history")).ok()
        records.ids[f"{kind}_version"] = entries[0]["id"]
    entries = (await records.owner.get("/api/v1/models/model/history", id="private-model")).ok()
    records.ids["model_version"] = entries[0]["id"]


async def _create_knowledge(records: PrivateRecords) -> None:
    await records.create("file", "POST", _FILES, build_upload_form(f"{WORD} {MARK}.txt"))
    await records.create("picture", "POST", _FILES, build_upload_form(f"{MARK}.png", _build_picture(), "image/png"))
    form = {"name": PRIVATE, "description": PRIVATE}
    await records.create("knowledge", "POST", "/api/v1/knowledge/create", form)
    await records.create("dir", "POST", "/api/v1/knowledge/{knowledge}/dirs/create", {"name": PRIVATE})
    await records.create("", "POST", "/api/v1/knowledge/{knowledge}/file/add", {"file_id": "<file>"})


async def _create_collaboration_records(records: PrivateRecords, ada: Person) -> None:
    """Create notes, calendars, automations and channels that are not shared."""
    note = {"title": PRIVATE, "data": {"content": {"md": PRIVATE, "html": PRIVATE, "json": None}}, "meta": {}}
    await records.create("note", "POST", "/api/v1/notes/create", note)
    await records.create("calendar", "POST", "/api/v1/calendars/create", {"name": PRIVATE})
    event = {"calendar_id": "<calendar>", "title": PRIVATE, "description": PRIVATE, "location": PRIVATE}
    start = time.time_ns() + 3600 * 10**9
    await records.create("event", "POST", "/api/v1/calendars/events/create", {**event, "start_at": start})
    data = {"prompt": PRIVATE, "model_id": "demo-small", "rrule": "FREQ=DAILY;BYHOUR=8"}
    form = {"name": PRIVATE, "data": data, "is_active": False}
    await records.create("automation", "POST", "/api/v1/automations/create", form)
    channel = {"name": f"{WORD}-{MARK}", "description": PRIVATE, "type": "group", "user_ids": [ada.id]}
    await records.create("channel", "POST", "/api/v1/channels/create", channel)
    await records.create("post", "POST", "/api/v1/channels/{channel}/messages/post", {"content": PRIVATE})
    await records.create("webhook", "POST", "/api/v1/channels/{channel}/webhooks/create", {"name": PRIVATE})


async def _create_admin_secrets(records: PrivateRecords, ada: Person) -> None:
    """Create secrets that only administrators may read."""
    # All users may read the name and the description of a group.
    group = {"name": "Private", "description": "g", "data": {"config": {"note": PRIVATE}}}
    await records.create("group", "POST", "/api/v1/groups/create", group, by=ada)
    members = {"user_ids": [records.owner.id]}
    await records.create("", "POST", "/api/v1/groups/id/{group}/users/add", members, by=ada)
    await records.create(
        "event_webhook", "POST", "/api/events/webhooks", {"url": _WEBHOOK_URL, "events": ["calendar.*"]}, by=ada
    )
    config = (await ada.get("/openai/config")).ok()
    config["OPENAI_API_BASE_URLS"].append(f"http://127.0.0.1:9/{MARK}/v1")
    config["OPENAI_API_KEYS"].append(MARK)
    (await ada.post("/openai/config/update", config)).ok()
    secret = {"ldap.server.app_password": MARK, "webui.admin.secret": MARK, "rag.openai_api_key": MARK}
    (await ada.post("/api/v1/configs/import", {"config": secret})).ok()


async def create_private_records(server: Server, ada: Person) -> PrivateRecords:
    """Create a new user and private records of this user."""
    await allow_everything(ada)
    return await _create_records_of(await server.add_user(ada, "Vera"), ada)
