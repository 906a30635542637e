"""What somebody owns: something private of each kind, every text bearing a mark that nobody else may ever read."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from conftest import PASSWORD, Person, Server

#: Stands in every private text, beside a word that is searched for.
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
#: A public address that nothing here sends anything to.
_HOOK = f"https://93.184.216.34/{MARK}"
#: Files are read before the answer comes.
_FILES = "/api/v1/files/?process_in_background=false"


@dataclass
class PrivateRecords:
    """Attributes: `ids`: what stands for parameters, by name; `secrets`: texts that no answer to others may hold."""

    owner: Person
    ids: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=lambda: [MARK])
    missing: list[str] = field(default_factory=list)

    async def create(self, name: str, method: str, path: str, body: Any = None, *, by: Person | None = None) -> Any:
        """Make something and keep its id under a name; what is not built yet is left out.

        Parts of the path in braces are ids kept before.
        """
        try:
            path = path.format_map(self.ids)
            body = _fill_ids(body, self.ids)
        except KeyError:
            self.missing.append(name)
            return None
        who = by or self.owner
        given = {"data": body} if isinstance(body, aiohttp.FormData) else {"json": body}
        reply = await who.request(method, path, **given)
        if reply.status == 501:
            self.missing.append(name)
            return None
        made = reply.ok()
        found = made.get("id") if isinstance(made, dict) else None
        if name:
            self.ids[name] = str(found)
        return made


def _fill_ids(value: Any, ids: dict[str, str]) -> Any:
    """Values that are `<name>` become the id of that name. Raises: KeyError where there is none."""
    if isinstance(value, dict):
        return {key: _fill_ids(one, ids) for key, one in value.items()}
    if isinstance(value, list):
        return [_fill_ids(one, ids) for one in value]
    if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
        return ids[value[1:-1]]
    return value


async def allow_everything(ada: Person) -> None:
    """Let users do what an administrator can let them do."""
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    opened = {
        area: {name: True if isinstance(value, bool) else value for name, value in rights.items()}
        for area, rights in tree.items()
    }
    opened["chat"]["temporary_enforced"] = False
    (await ada.post("/api/v1/users/default/permissions", opened)).ok()
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
    """A picture of one dot, with the mark in a text of its own."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = (1).to_bytes(4) + (1).to_bytes(4) + bytes([8, 0, 0, 0, 0])
    parts = [(b"IHDR", head), (b"tEXt", b"c\0" + MARK.encode()), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in parts)


def build_upload_form(
    name: str = "private.txt", content: bytes = PRIVATE.encode(), kind: str = "text/plain"
) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type=kind)
    return form


async def _create_records_of(vera: Person, ada: Person) -> PrivateRecords:
    """Vera's things, and secrets of the administrator's; nothing of it is shared with anybody."""
    own = PrivateRecords(vera)
    own.ids |= {"user": vera.id, "message": "u1"}
    await _create_account_records(own)
    await _create_chats(own)
    await _create_workspace_records(own, ada)
    await _create_knowledge(own)
    await _create_shared_kinds(own, ada)
    await _create_admin_secrets(own, ada)
    return own


async def _create_account_records(own: PrivateRecords) -> None:
    users = "/api/v1/users"
    await own.create("", "POST", f"{users}/user/settings/update", {"ui": {"system": PRIVATE}})
    await own.create("", "POST", f"{users}/user/info/update", {"location": PRIVATE})
    await own.create("", "POST", f"{users}/user/variables/update", {"variables": {"city": PRIVATE}})
    key = await own.create("", "POST", "/api/v1/auths/api_key")
    own.secrets += [key["api_key"], str(own.owner.token), PASSWORD]
    await own.create("target", "POST", "/api/v1/notifications/targets", {"config": {"url": _HOOK}})
    rating = {
        "type": "rating",
        "data": {"rating": 1, "reason": PRIVATE},
        "meta": {},
        "snapshot": {"chat": _build_chat()},
    }
    await own.create("feedback", "POST", "/api/v1/evaluations/feedback", rating)
    await own.create("memory", "POST", "/api/v1/memories/add", {"content": PRIVATE, "path": f"{WORD}/{MARK}"})


async def _create_chats(own: PrivateRecords) -> None:
    await own.create("folder", "POST", "/api/v1/folders/", {"name": PRIVATE, "data": {"system_prompt": PRIVATE}})
    form = {"chat": _build_chat(), "folder_id": "<folder>", "variables": {"CITY": PRIVATE}}
    await own.create("chat", "POST", "/api/v1/chats/new", form)
    await own.create("", "POST", "/api/v1/chats/{chat}/tags", {"name": f"{WORD} {MARK}"})
    await own.create("loose", "POST", "/api/v1/chats/new", {"chat": _build_chat()})
    shared = await own.create("", "POST", "/api/v1/chats/{loose}/share")
    own.ids["share"] = shared["share_id"]
    await own.create("pinned", "POST", "/api/v1/chats/new", {"chat": _build_chat()})
    await own.create("", "POST", "/api/v1/chats/{pinned}/pin")
    await own.create("archived", "POST", "/api/v1/chats/new", {"chat": _build_chat()})
    await own.create("", "POST", "/api/v1/chats/{archived}/archive")


async def _create_workspace_records(own: PrivateRecords, ada: Person) -> None:
    prompt = {"command": f"{WORD}-{MARK}", "name": PRIVATE, "content": PRIVATE, "tags": [PRIVATE]}
    made = await own.create("prompt", "POST", "/api/v1/prompts/create", prompt)
    own.ids["prompt_version"] = made["version_id"]
    tool = {"id": "private_tool", "name": PRIVATE, "content": _TOOL, "meta": {"description": PRIVATE}}
    await own.create("tool", "POST", "/api/v1/tools/create", tool)
    # Name and description of a function everybody may read.
    function = {"id": "private_function", "name": "F", "content": _FILTER, "meta": {"description": "f"}}
    await own.create("function", "POST", "/api/v1/functions/create", function, by=ada)
    skill = {"id": "private-skill", "name": PRIVATE, "description": PRIVATE, "content": f"---\nname: x\n---\n{PRIVATE}"}
    made = await own.create("skill", "POST", "/api/v1/skills/create", skill)
    own.ids["skill_version"] = made["version_id"]
    model = {
        "id": "private-model",
        "name": PRIVATE,
        "base_model_id": "demo-small",
        "params": {"system": PRIVATE},
        "meta": {"description": PRIVATE, "tags": [{"name": PRIVATE}]},
    }
    await own.create("model", "POST", "/api/v1/models/create", model)
    for kind, who in (("tool", own.owner), ("function", ada)):
        entries = (await who.get(f"/api/v1/{kind}s/id/{own.ids[kind]}/history")).ok()
        own.ids[f"{kind}_version"] = entries[0]["id"]
    entries = (await own.owner.get("/api/v1/models/model/history", id="private-model")).ok()
    own.ids["model_version"] = entries[0]["id"]


async def _create_knowledge(own: PrivateRecords) -> None:
    await own.create("file", "POST", _FILES, build_upload_form(f"{WORD} {MARK}.txt"))
    await own.create("picture", "POST", _FILES, build_upload_form(f"{MARK}.png", _build_picture(), "image/png"))
    form = {"name": PRIVATE, "description": PRIVATE}
    await own.create("knowledge", "POST", "/api/v1/knowledge/create", form)
    await own.create("dir", "POST", "/api/v1/knowledge/{knowledge}/dirs/create", {"name": PRIVATE})
    await own.create("", "POST", "/api/v1/knowledge/{knowledge}/file/add", {"file_id": "<file>"})


async def _create_shared_kinds(own: PrivateRecords, ada: Person) -> None:
    """Notes, calendars, automations and channels: kept for oneself here."""
    note = {"title": PRIVATE, "data": {"content": {"md": PRIVATE, "html": PRIVATE, "json": None}}, "meta": {}}
    await own.create("note", "POST", "/api/v1/notes/create", note)
    await own.create("calendar", "POST", "/api/v1/calendars/create", {"name": PRIVATE})
    event = {"calendar_id": "<calendar>", "title": PRIVATE, "description": PRIVATE, "location": PRIVATE}
    start = time.time_ns() + 3600 * 10**9
    await own.create("event", "POST", "/api/v1/calendars/events/create", {**event, "start_at": start})
    data = {"prompt": PRIVATE, "model_id": "demo-small", "rrule": "FREQ=DAILY;BYHOUR=8"}
    form = {"name": PRIVATE, "data": data, "is_active": False}
    await own.create("automation", "POST", "/api/v1/automations/create", form)
    channel = {"name": f"{WORD}-{MARK}", "description": PRIVATE, "type": "group", "user_ids": [ada.id]}
    await own.create("channel", "POST", "/api/v1/channels/create", channel)
    await own.create("post", "POST", "/api/v1/channels/{channel}/messages/post", {"content": PRIVATE})
    await own.create("webhook", "POST", "/api/v1/channels/{channel}/webhooks/create", {"name": PRIVATE})


async def _create_admin_secrets(own: PrivateRecords, ada: Person) -> None:
    """Secrets that administrators alone may read."""
    # Name and description of a group everybody may read.
    group = {"name": "Private", "description": "g", "data": {"config": {"note": PRIVATE}}}
    await own.create("group", "POST", "/api/v1/groups/create", group, by=ada)
    members = {"user_ids": [own.owner.id]}
    await own.create("", "POST", "/api/v1/groups/id/{group}/users/add", members, by=ada)
    await own.create("event_webhook", "POST", "/api/events/webhooks", {"url": _HOOK, "events": ["calendar.*"]}, by=ada)
    config = (await ada.get("/openai/config")).ok()
    config["OPENAI_API_BASE_URLS"].append(f"http://127.0.0.1:9/{MARK}/v1")
    config["OPENAI_API_KEYS"].append(MARK)
    (await ada.post("/openai/config/update", config)).ok()
    secret = {"ldap.server.app_password": MARK, "webui.admin.secret": MARK, "rag.openai_api_key": MARK}
    (await ada.post("/api/v1/configs/import", {"config": secret})).ok()


async def create_private_records(server: Server, ada: Person) -> PrivateRecords:
    """A new user with an estate."""
    await allow_everything(ada)
    return await _create_records_of(await server.add_user(ada, "Vera"), ada)
