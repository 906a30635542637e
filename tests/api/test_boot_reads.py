"""Lists that the page reads when it starts, and lists of the workspace: own and granted rows, order, pages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database

UNAUTHORIZED = "401 Unauthorized"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
READS = [
    "/api/v1/configs/banners",
    "/api/v1/tools/",
    "/api/v1/tools/list",
    "/api/v1/functions/",
    "/api/v1/skills/",
    "/api/v1/skills/list",
    "/api/v1/prompts/",
    "/api/v1/prompts/list",
    "/api/v1/prompts/tags",
    "/api/v1/knowledge/",
    "/api/v1/knowledge/search",
    "/api/v1/knowledge/search/files",
    "/api/v1/terminals/",
    "/api/v1/notes/",
    "/api/v1/notes/pinned",
    "/api/v1/notes/search",
    "/api/v1/channels/",
    "/api/v1/channels/list",
    "/api/v1/folders/",
    "/api/v1/folders/shared",
    "/api/v1/memories/",
    "/api/v1/automations/list",
    "/api/v1/calendars/",
    "/api/v1/notifications/events",
    "/api/v1/notifications/targets",
    "/api/v1/configs/models/defaults",
    "/api/v1/tasks/config",
]


class Rows:
    """Insert rows as another program would."""

    def __init__(self, server: Server) -> None:
        self._db = server.services.get(Database)
        self._count = 0

    async def add(self, table: str, **values: Any) -> str:
        """Insert a row and return its id. Times count up, so that later rows are newer."""
        self._count += 1
        values = {"id": f"{table}-{self._count}", **values}
        values.setdefault("created_at", self._count)
        if table not in ("automation_run", "pinned_note", "access_grant"):
            values.setdefault("updated_at", self._count)
        values = {key: json.dumps(value) if isinstance(value, (dict, list)) else value for key, value in values.items()}
        names = ", ".join(f'"{name}"' for name in values)
        placeholders = ", ".join(f":{name}" for name in values)
        await self._db.execute(f"test.{table}", f"INSERT INTO {table} ({names}) VALUES ({placeholders})", **values)
        return str(values["id"])

    async def grant(
        self, kind: str, row_id: str, principal: str, permission: str = "read", *, to: str = "user"
    ) -> None:
        await self.add(
            "access_grant",
            resource_type=kind,
            resource_id=row_id,
            principal_type=to,
            principal_id=principal,
            permission=permission,
        )


@pytest.fixture
def rows(server: Server) -> Rows:
    return Rows(server)


async def enable_all_features(admin: Person) -> None:
    """Enable every feature for all users."""
    permissions = (await admin.get("/api/v1/users/default/permissions")).ok()
    permissions["features"] = dict.fromkeys(permissions["features"], True)
    (await admin.post("/api/v1/users/default/permissions", permissions)).ok()
    switches = [f"{name}.enable" for name in ("notes", "channels", "memories", "automations", "calendar")]
    config = {**dict.fromkeys(switches, True), "ui.enable_user_webhooks": True}
    (await admin.post("/api/v1/configs/import", {"config": config})).ok()


@pytest.mark.parametrize("database", ["sqlite"])
async def test_strangers_read_nothing(ada: Person, bob: Person, anonymous: Person) -> None:
    await enable_all_features(ada)
    for path in READS:
        (await anonymous.get(path)).refused(401, "Not authenticated")
        (await bob.get(path)).ok()
    (await bob.get("/api/v1/functions/list")).refused(401, PROHIBITED)


async def test_lists_of_an_empty_server(ada: Person, bob: Person) -> None:
    await enable_all_features(ada)
    for person in (ada, bob):
        for path in READS:
            body = (await person.get(path)).ok()
            if path.endswith(("/list", "/search")) and isinstance(body, dict):
                assert body == {"items": [], "total": 0}, path
    assert [calendar["name"] for calendar in (await bob.get("/api/v1/calendars/")).ok()] == [
        "Personal",
        "Scheduled Tasks",
    ]
    files = (await bob.get("/api/v1/knowledge/search/files")).ok()
    assert files == {"items": [], "directories": [], "breadcrumbs": [], "total": 0}


async def test_disabled_features_are_refused(ada: Person, bob: Person) -> None:
    await enable_all_features(ada)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"] = dict.fromkeys(permissions["features"], False)
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    (await bob.get("/api/v1/notes/")).refused(401, UNAUTHORIZED)
    (await bob.get("/api/v1/channels/")).refused(401, UNAUTHORIZED)
    (await bob.get("/api/v1/memories/")).refused(403, PROHIBITED)
    (await bob.get("/api/v1/automations/list")).refused(403, UNAUTHORIZED)
    (await bob.get("/api/v1/calendars/")).refused(403, UNAUTHORIZED)
    (await bob.get("/api/v1/notifications/events")).refused(403, PROHIBITED)
    switches = [f"{name}.enable" for name in ("notes", "channels", "memories", "automations", "calendar")]
    config = {**dict.fromkeys(switches, False), "ui.enable_user_webhooks": False}
    (await ada.post("/api/v1/configs/import", {"config": config})).ok()
    (await ada.get("/api/v1/notes/search")).refused(403, "Notes is disabled")
    (await ada.get("/api/v1/channels/")).refused(403, "Channels is disabled")
    assert (await ada.get("/api/v1/memories/")).status == 404
    (await ada.get("/api/v1/automations/list")).refused(403, UNAUTHORIZED)
    (await ada.get("/api/v1/calendars/")).refused(403, UNAUTHORIZED)
    assert (await ada.get("/api/v1/notifications/targets")).status == 404


async def test_tools(ada: Person, bob: Person, cy: Person, rows: Rows) -> None:
    meta = {"i18n": None, "description": "d", "manifest": {}, "has_user_valves": True}
    tool_ids = [
        await rows.add(
            "tool", user_id=ada.id, name=f"Tool {number}", content="secret", specs=[{"name": "f"}], meta=meta
        )
        for number in range(3)
    ]
    await rows.grant("tool", tool_ids[0], bob.id)
    await rows.grant("tool", tool_ids[1], "*")
    await rows.grant("tool", tool_ids[1], bob.id, "write")
    tools = (await bob.get("/api/v1/tools/")).ok()
    assert [tool["name"] for tool in tools] == ["Tool 1", "Tool 0"]
    assert list(tools[0]) == [
        "version_id",
        "id",
        "user_id",
        "name",
        "meta",
        "access_grants",
        "updated_at",
        "created_at",
        "user",
        "content",
        "specs",
        "has_user_valves",
    ]
    assert tools[0]["content"] is None and tools[0]["has_user_valves"] is True
    assert tools[0]["user"] == {"id": ada.id, "name": "Ada", "role": "admin", "email": "ada@example.com"}
    assert [tool["name"] for tool in (await cy.get("/api/v1/tools/")).ok()] == ["Tool 1"]
    assert [tool["name"] for tool in (await ada.get("/api/v1/tools/", query="tool 2")).ok()] == ["Tool 2"]
    editable = (await bob.get("/api/v1/tools/list")).ok()
    assert [tool["write_access"] for tool in editable] == [True, False]


async def test_prompts(ada: Person, bob: Person, cy: Person, rows: Rows) -> None:
    for number in range(33):
        owner = bob if number == 5 else ada
        prompt = await rows.add(
            "prompt",
            command=f"cmd-{number}",
            user_id=owner.id,
            name=f"Prompt {number:02}",
            content="100% text" if number == 7 else "text",
            tags=["Äpfel", f"t_{number}"],
            is_active=number != 9,
        )
        if number < 8:
            await rows.grant("prompt", prompt, bob.id)
    page = (await ada.get("/api/v1/prompts/list")).ok()
    assert page["total"] == 33 and len(page["items"]) == 30 and page["items"][0]["name"] == "Prompt 32"
    assert page["items"][0]["write_access"] is True
    assert len((await ada.get("/api/v1/prompts/list", page=2)).ok()["items"]) == 3
    assert len((await ada.get("/api/v1/prompts/list", page=-1)).ok()["items"]) == 30
    (await ada.get("/api/v1/prompts/list", page="x")).refused(422)
    assert len((await ada.get("/api/v1/prompts/")).ok()) == 32

    async def list_names(person: Person, **query: Any) -> list[str]:
        return [prompt["name"][-2:] for prompt in (await person.get("/api/v1/prompts/list", **query)).ok()["items"]]

    assert await list_names(bob) == ["07", "06", "05", "04", "03", "02", "01", "00"]
    assert await list_names(bob, view_option="created") == ["05"]
    assert "05" not in await list_names(bob, view_option="shared")
    assert await list_names(bob, query="100% T") == ["07"]
    assert await list_names(bob, query="bob@example") == ["05"]
    assert await list_names(bob, query="CMD-3") == ["03"]
    assert await list_names(bob, tag="T_3") == ["03"]
    assert len(await list_names(bob, tag="Äpfel")) == 8
    assert await list_names(bob, tag="%") == []
    assert (await list_names(bob, order_by="name", direction="asc"))[:2] == ["00", "01"]
    assert (await list_names(bob, order_by="nonsense", direction="asc"))[0] == "07"
    assert await list_names(cy) == []
    assert "t_9" not in (await ada.get("/api/v1/prompts/tags")).ok()
    assert (await cy.get("/api/v1/prompts/tags")).ok() == []


async def test_skills(ada: Person, bob: Person, rows: Rows) -> None:
    for number, tag in enumerate(["plain", "Größe"]):
        skill = await rows.add(
            "skill",
            user_id=ada.id,
            name=f"skill-{number}",
            description="Does it",
            content="secret",
            meta={"i18n": None, "tags": [tag]},
            is_active=True,
        )
        await rows.grant("skill", skill, bob.id)
    skills = (await bob.get("/api/v1/skills/", query="SKILL-0")).ok()
    assert [skill["name"] for skill in skills] == ["skill-0"] and "content" not in skills[0]
    for query, count in (("größe", 1), ("DOES", 2), ("ada@", 2), ("nothing", 0), ("%zz", 0)):
        assert (await bob.get("/api/v1/skills/list", query=query)).ok()["total"] == count, query
    assert (await bob.get("/api/v1/skills/list", view_option="created")).ok()["total"] == 0


async def test_knowledge_and_its_files(ada: Person, bob: Person, cy: Person, rows: Rows) -> None:
    meta = {"source": "external"}
    far = await rows.add("knowledge", user_id=ada.id, name="Far", description="away", meta=meta)
    near = await rows.add("knowledge", user_id=cy.id, name="Near", description="here")
    await rows.grant("knowledge", far, bob.id)
    await rows.grant("knowledge", near, bob.id, "write")
    await rows.grant("knowledge", near, bob.id)
    file = await rows.add("file", user_id=cy.id, filename="Notes.TXT", meta={"size": 3}, data={"content": "of bread"})
    await rows.add("knowledge_file", user_id=cy.id, knowledge_id=near, file_id=file)
    seen = (await bob.get("/api/v1/knowledge/search")).ok()
    assert [(knowledge["name"], knowledge["file_count"], knowledge["write_access"]) for knowledge in seen["items"]] == [
        ("Near", 1, True),
        ("Far", 0, False),
    ]
    for query, expected in (
        ({"source": "external"}, ["Far"]),
        ({"source": "local"}, ["Near"]),
        ({"query": "AWAY"}, ["Far"]),
        ({"query": "cy@"}, ["Near"]),
        ({"order_by": "name", "direction": "asc"}, ["Far", "Near"]),
        ({"page": 2}, []),
    ):
        page = (await bob.get("/api/v1/knowledge/search", **query)).ok()
        assert [knowledge["name"] for knowledge in page["items"]] == expected, query
    files = (await bob.get("/api/v1/knowledge/search/files", query="notes")).ok()
    assert files["total"] == 1
    match = files["items"][0]
    assert (match["filename"], match["data"], match["user"]["name"]) == ("Notes.TXT", None, "Cy")
    assert match["collection"]["id"] == near and len(match["collection"]["access_grants"]) == 2
    assert (await bob.get("/api/v1/knowledge/search/files", query="bread")).ok()["total"] == 0
    inside = await bob.get("/api/v1/knowledge/search/files", query="bread", include_content=True)
    assert inside.ok()["total"] == 1
    # Administrators search their own and granted files, as all users do.
    assert (await ada.get("/api/v1/knowledge/search/files")).ok()["total"] == 0


async def test_notes(ada: Person, bob: Person, rows: Rows) -> None:
    await enable_all_features(ada)
    long = await rows.add("note", user_id=ada.id, title="A to-do", data={"content": {"md": "ä" * 1200, "html": "x"}})
    own = await rows.add("note", user_id=bob.id, title="Mine", data={"content": {"md": "of bread"}}, meta={"a": 1})
    bare = await rows.add("note", user_id=ada.id, title="Bare")
    await rows.grant("note", long, bob.id)
    await rows.grant("note", bare, bob.id, "write")
    await rows.grant("note", bare, bob.id)
    for number, note in enumerate([own, long]):
        await rows.add("pinned_note", user_id=bob.id, note_id=note, created_at=number)
    seen = (await bob.get("/api/v1/notes/")).ok()
    assert [(note["title"], note["is_pinned"]) for note in seen] == [("Bare", False), ("Mine", True), ("A to-do", True)]
    assert list(seen[0]) == ["id", "title", "data", "is_pinned", "updated_at", "created_at", "user"]
    assert [note["data"] for note in seen] == [
        {},
        {"content": {"md": "of bread"}},
        {"content": {"md": "ä" * 1000}},
    ]
    assert (await bob.get("/api/v1/notes/", page=2)).ok() == []
    assert [note["title"] for note in (await bob.get("/api/v1/notes/pinned")).ok()] == ["A to-do", "Mine"]
    assert [note["title"] for note in (await ada.get("/api/v1/notes/")).ok()] == ["Bare", "A to-do"]

    async def list_titles(**query: Any) -> list[str]:
        return [note["title"] for note in (await bob.get("/api/v1/notes/search", **query)).ok()["items"]]

    assert await list_titles() == ["Bare", "Mine"]
    assert await list_titles(permission="read") == ["Bare", "Mine", "A to-do"]
    assert await list_titles(permission="read_only") == ["A to-do"]
    assert await list_titles(permission="read", query="TODO") == ["A to-do"]
    assert await list_titles(query="bread mine") == ["Mine"]
    assert await list_titles(query="bread other") == []
    assert await list_titles(order_by="name", direction="asc") == ["Bare", "Mine"]
    assert await list_titles(view_option="created") == ["Mine"]
    full_note = (await bob.get("/api/v1/notes/search", view_option="created")).ok()["items"][0]
    assert list(full_note)[3:7] == ["data", "meta", "is_pinned", "access_grants"] and full_note["meta"] == {"a": 1}


async def test_functions(ada: Person, bob: Person, rows: Rows) -> None:
    await rows.add("function", user_id=ada.id, name="F", type="filter", content="x", meta={"description": "d"})
    functions = (await bob.get("/api/v1/functions/")).ok()
    assert list(functions[0]) == [
        "version_id",
        "id",
        "user_id",
        "type",
        "name",
        "meta",
        "is_active",
        "is_global",
        "updated_at",
        "created_at",
    ]
    assert functions[0]["is_active"] is False and functions[0]["is_global"] is False
    assert (await ada.get("/api/v1/functions/list")).ok()[0]["user"]["name"] == "Ada"


async def test_memories_are_private(ada: Person, bob: Person, rows: Rows) -> None:
    await enable_all_features(ada)
    await rows.add("memory", user_id=bob.id, content="likes tea", type="context")
    memories = (await bob.get("/api/v1/memories/")).ok()
    assert [memory["content"] for memory in memories] == ["likes tea"]
    assert list(memories[0]) == ["id", "user_id", "type", "path", "content", "meta", "updated_at", "created_at"]
    assert (await ada.get("/api/v1/memories/")).ok() == []


async def test_automations(ada: Person, bob: Person, rows: Rows) -> None:
    await enable_all_features(ada)
    automation_ids = [
        await rows.add(
            "automation", user_id=bob.id, name=f"Auto {number}", data={"prompt": "Grüße 50%"}, is_active=number == 0
        )
        for number in range(2)
    ]
    await rows.add("automation_run", automation_id=automation_ids[0], status="error", error="old")
    await rows.add("automation_run", automation_id=automation_ids[0], status="success")
    seen = (await bob.get("/api/v1/automations/list")).ok()
    assert [automation["name"] for automation in seen["items"]] == ["Auto 1", "Auto 0"] and seen["total"] == 2
    assert [automation["last_run"] and automation["last_run"]["status"] for automation in seen["items"]] == [
        None,
        "success",
    ]
    assert seen["items"][0]["next_runs"] is None
    for query, total in (
        ({"status": "active"}, 1),
        ({"status": "paused"}, 1),
        ({"query": "AUTO 1"}, 1),
        ({"query": "grüße 50%"}, 2),
        ({"query": "50_"}, 0),
        ({"folder_id": "none"}, 0),
    ):
        assert (await bob.get("/api/v1/automations/list", **query)).ok()["total"] == total, query
    assert (await ada.get("/api/v1/automations/list")).ok()["total"] == 0


async def test_calendars(ada: Person, bob: Person, cy: Person, rows: Rows) -> None:
    await enable_all_features(ada)
    team = await rows.add("calendar", user_id=ada.id, name="Team", is_default=False, created_at=1)
    await rows.grant("calendar", team, bob.id)
    calendars = (await bob.get("/api/v1/calendars/")).ok()
    assert [(calendar["name"], calendar["is_system"]) for calendar in calendars] == [
        ("Team", False),
        ("Scheduled Tasks", True),
    ]
    assert calendars[0]["access_grants"][0]["principal_id"] == bob.id
    # A user without a calendar gets one, once.
    first, second = [(await cy.get("/api/v1/calendars/")).ok()[0] for _ in range(2)]
    assert first == second and (first["name"], first["is_default"]) == ("Personal", True)


async def test_channels(ada: Person, bob: Person, cy: Person, rows: Rows) -> None:
    await enable_all_features(ada)
    direct = await rows.add("channel", user_id=ada.id, name="", type="dm")
    for person, active in ((ada, True), (bob, True), (cy, False)):
        await rows.add(
            "channel_member",
            channel_id=direct,
            user_id=person.id,
            is_active=active,
            is_channel_muted=person is bob,
            is_channel_pinned=False,
            joined_at=1,
            last_read_at=100,
        )
    for at, writer in ((90, ada), (110, ada), (120, bob)):
        await rows.add("message", channel_id=direct, user_id=writer.id, content="hi", is_pinned=False, created_at=at)
    public = await rows.add("channel", user_id=ada.id, name="all")
    await rows.grant("channel", public, "*")
    await rows.add("channel", user_id=ada.id, name="old", archived_at=5)
    seen = (await bob.get("/api/v1/channels/")).ok()
    assert [(channel["id"], channel["unread_count"], channel["last_message_at"]) for channel in seen] == [
        (direct, 1, 120),
        (public, 0, None),
    ]
    assert seen[0]["is_channel_muted"] is True and seen[1]["users"] is None
    assert {member["name"] for member in seen[0]["users"]} == {"Ada", "Bob", "Cy"}
    assert list(seen[0])[-5:] == ["is_channel_muted", "user_ids", "users", "last_message_at", "unread_count"]
    assert [channel["id"] for channel in (await cy.get("/api/v1/channels/")).ok()] == [public]
    assert len((await ada.get("/api/v1/channels/list")).ok()) == 3
    assert len((await bob.get("/api/v1/channels/list")).ok()) == 2


async def test_addresses_of_notifications_stay_secret(ada: Person, bob: Person) -> None:
    await enable_all_features(ada)
    assert len((await bob.get("/api/v1/notifications/events")).ok()["events"]) == 5
    target = {"id": "hook", "type": "webhook", "config": {"url": "https://example.com/secret/path", "x": 1}}
    (await bob.post("/api/v1/users/user/settings/update", {"notifications": {"targets": [target]}})).ok()
    seen = (await bob.get("/api/v1/notifications/targets")).ok()["targets"]
    assert [(target["id"], target["is_default"]) for target in seen] == [("hook", True)]
    assert seen[0]["config"] == {"x": 1, "url_masked": "https://example.com/...path"}


async def test_terminals(ada: Person, bob: Person) -> None:
    grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    servers = [
        {"id": "mine", "name": "Mine", "url": "http://127.0.0.1:9"},
        {
            "id": "all",
            "name": "All",
            "url": "http://127.0.0.1:9",
            "policy_id": "p",
            "config": {
                "access_grants": grants,
                "chat_uploads": "filesystem",
                "contexts": {"chat": {"context_id": "chat_id"}, "automation": False, "other": {}},
            },
        },
        {"id": "off", "url": "http://127.0.0.1:9", "enabled": False},
    ]
    (await ada.post("/api/v1/configs/terminal_servers", {"TERMINAL_SERVER_CONNECTIONS": servers})).ok()
    assert [terminal["id"] for terminal in (await ada.get("/api/v1/terminals/")).ok()] == ["mine", "all"]
    assert (await bob.get("/api/v1/terminals/")).ok() == [
        {
            "id": "all",
            "url": "http://127.0.0.1:9",
            "name": "All",
            "contexts": {"chat": {"context_id": "chat_id"}, "automation": False},
            "config": {"chat_uploads": "filesystem"},
        }
    ]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_gravatar(bob: Person) -> None:
    digest = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"
    expected = f"https://www.gravatar.com/avatar/{digest}?d=mp"
    assert (await bob.get("/api/v1/utils/gravatar", email=" Ada@Example.com ")).ok() == expected
    (await bob.get("/api/v1/utils/gravatar")).refused(422)
