"""Accounts as administrators manage them, the deletion of accounts, and the settings and usage of a user."""

from __future__ import annotations

import asyncio
from typing import Any

from conftest import PASSWORD, Person, Server
from fastback.kit.db import Database
from page_client import open_page

USERS = "/api/v1/users"
PROHIBITED = "The requested action has been restricted as a security measure."


async def test_lists_search_order_and_page(server: Server, ada: Person) -> None:
    db = server.services.get(Database)
    rows = [{"id": f"u{n:02}", "name": f"User{n:02}", "email": f"user{n:02}@example.com", "at": n} for n in range(31)]
    await db.execute_many(
        "test.users",
        """INSERT INTO "user" (id, name, email, role, last_active_at, updated_at, created_at)
           VALUES (:id, :name, :email, 'user', :at, :at, :at)""",
        rows,
    )
    first = (await ada.get(f"{USERS}/", order_by="name", direction="asc")).ok()
    assert (len(first["users"]), first["total"]) == (30, 32)
    assert [user["name"] for user in first["users"][:2]] == ["Ada", "User00"]
    second = (await ada.get(f"{USERS}/", order_by="name", direction="asc", page=2)).ok()
    assert [user["name"] for user in second["users"]] == ["User29", "User30"]
    assert (await ada.get(f"{USERS}/", order_by="email")).ok()["users"][0]["name"] == "User30"
    matches = (await ada.get(f"{USERS}/search", query="USER1")).ok()
    assert matches["total"] == 10 and {user["name"][:5] for user in matches["users"]} == {"User1"}
    all_users = (await ada.get(f"{USERS}/all")).ok()
    assert all_users["total"] == len(all_users["users"]) == 32
    names = [user["name"] for user in all_users["users"]]
    assert names == ["Ada", *(f"User{number:02}" for number in reversed(range(31)))]  # the newest first


async def test_members_of_a_group_come_first(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    group = (await ada.post("/api/v1/groups/create", {"name": "G", "description": ""})).ok()["id"]
    (await ada.post(f"/api/v1/groups/id/{group}/users/add", {"user_ids": [cy.id]})).ok()
    users = (await ada.get(f"{USERS}/", order_by=f"group_id:{group}")).ok()["users"]
    assert [user["name"] for user in users] == ["Cy", "Ada", "Bob"]
    assert [user["group_ids"] for user in users] == [[group], [], []]
    assert (await bob.get(f"{USERS}/{cy.id}/info")).ok()["groups"] == [{"id": group, "name": "G"}]
    assert (await ada.get(f"{USERS}/{cy.id}")).ok()["groups"] == [{"id": group, "name": "G"}]


async def test_an_account_is_updated_field_by_field(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    url = f"{USERS}/{bob.id}/update"
    assert (await ada.post(url, {"name": "Robert"})).ok()["email"] == "bob@example.com"
    assert (await ada.post(url, {"email": "Robert@Example.com"})).ok()["email"] == "robert@example.com"
    (await ada.post(url, {"email": "CY@example.com"})).refused(400)
    (await ada.post(url, {"password": "x" * 73})).refused(400)
    (problem,) = (await ada.post(url, {"profile_image_url": "javascript:alert(1)"})).refused(422)
    assert (problem["loc"], problem["ctx"]) == (["body", "profile_image_url"], {"error": {}})
    problems = (await ada.post(url, {"name": 1, "email": []})).refused(422)
    assert [problem["loc"][1] for problem in problems] == ["name", "email"]
    (await bob.post(url, {"name": "x"})).refused(401)
    (await ada.post(f"{USERS}/nobody/update", {"name": "x"})).refused(400)
    (await ada.post(url, {"password": "another password"})).ok()
    (await bob.get("/api/v1/auths/")).refused(401, "Invalid token")
    body = {"email": "robert@example.com", "password": "another password"}
    (await server.stranger().post("/api/v1/auths/signin", body)).ok()


async def test_the_first_administrator_is_protected(server: Server, ada: Person, bob: Person) -> None:
    statement = 'UPDATE "user" SET created_at = created_at - 60 WHERE id = :id'  # times are stored in whole seconds
    await server.services.get(Database).execute("test.earlier", statement, id=ada.id)
    (await ada.post(f"{USERS}/{bob.id}/update", {"role": "admin"})).ok()
    (await bob.post(f"{USERS}/{ada.id}/update", {"name": "x"})).refused(403, PROHIBITED)
    (await bob.delete(f"{USERS}/{ada.id}")).refused(403, PROHIBITED)
    (await bob.post(f"{USERS}/{ada.id}/sessions/revoke")).refused(403, PROHIBITED)
    (await bob.delete(f"{USERS}/{bob.id}")).refused(403, PROHIBITED)
    (await ada.post(f"{USERS}/{ada.id}/update", {"role": "user"})).refused(403, PROHIBITED)
    (await ada.post(f"{USERS}/{ada.id}/update", {"name": "Ada L."})).ok()


async def test_revoked_sessions_are_disconnected(ada: Person, bob: Person) -> None:
    async with open_page(bob) as page:
        disconnected = asyncio.Event()
        page.socket.on("disconnect", lambda *_: disconnected.set())
        assert (await ada.post(f"{USERS}/{bob.id}/sessions/revoke")).ok() is True
        await asyncio.wait_for(disconnected.wait(), 5)
    (await bob.get("/api/v1/auths/")).refused(401, "Invalid token")
    (await ada.post(f"{USERS}/nobody/sessions/revoke")).refused(404, "User not found.")
    (await bob.post(f"{USERS}/{ada.id}/sessions/revoke")).refused(401)


async def test_a_changed_role_applies_at_once(ada: Person, bob: Person) -> None:
    async with open_page(bob) as page:
        disconnected = asyncio.Event()
        page.socket.on("disconnect", lambda *_: disconnected.set())
        (await ada.post(f"{USERS}/{bob.id}/update", {"role": "pending"})).ok()
        await asyncio.wait_for(disconnected.wait(), 5)
    (await bob.get("/api/v1/chats/")).refused(401)
    assert (await bob.get("/api/v1/auths/")).ok()["role"] == "pending"
    (await ada.post(f"{USERS}/{bob.id}/update", {"role": "admin"})).ok()
    (await bob.get(f"{USERS}/")).ok()


_COUNTS = (
    ("chat", "user_id"),
    ("chat_message", "user_id"),
    ("shared_chat", "user_id"),
    ("folder", "user_id"),
    ("group_member", "user_id"),
    ("api_key", "user_id"),
    ("auth", "id"),
    ('"user"', "id"),
)


async def test_a_deleted_user_leaves_nothing_of_their_own(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_API_KEYS": True})).ok()
    permissions = {"features": {"api_keys": True}}
    body = {"name": "G", "description": "", "permissions": permissions}
    group = (await ada.post("/api/v1/groups/create", body)).ok()["id"]
    (await ada.post(f"/api/v1/groups/id/{group}/users/add", {"user_ids": [bob.id, cy.id]})).ok()
    key = (await bob.post("/api/v1/auths/api_key")).ok()["api_key"]
    message = {"id": "m", "role": "user", "content": "x", "parentId": None, "childrenIds": [], "timestamp": 1700000000}
    chat = {"title": "Mine", "history": {"messages": {"m": message}, "currentId": "m"}}
    chat_id = (await bob.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    (await bob.post(f"/api/v1/chats/{chat_id}/share")).ok()
    (await bob.post("/api/v1/folders/", {"name": "Secrets"})).ok()

    async def count_rows() -> dict[str, int]:
        db = server.services.get(Database)
        return {
            table: int(
                await db.fetch_value(f"test.{table}", f"SELECT count(*) FROM {table} WHERE {column} = :id", id=bob.id)
            )
            for table, column in _COUNTS
        }

    assert all((await count_rows()).values())
    async with open_page(bob) as page:
        disconnected = asyncio.Event()
        page.socket.on("disconnect", lambda *_: disconnected.set())
        assert (await ada.delete(f"{USERS}/{bob.id}")).ok() is True
        await asyncio.wait_for(disconnected.wait(), 5)
    assert not any((await count_rows()).values())
    (await bob.get("/api/v1/auths/")).refused(401, "Invalid authentication request.")
    api_client = Person(server.url, key)
    server.people.append(api_client)
    (await api_client.get("/api/v1/chats/")).refused(401)
    assert (await ada.get(f"/api/v1/groups/id/{group}")).ok()["member_count"] == 1
    (await ada.get(f"{USERS}/{bob.id}")).refused(400)
    assert (await ada.delete(f"{USERS}/{bob.id}")).ok() is True  # deleting a deleted user succeeds
    await server.add_user(ada, "Bob")


async def test_a_folder_with_chats_of_other_users_is_kept(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    folder = (await bob.post("/api/v1/folders/", {"name": "Ours"})).ok()["id"]
    chat = (await cy.post("/api/v1/chats/new", {"chat": {"title": "Cy's"}})).ok()["id"]
    db = server.services.get(Database)
    await db.execute("test.move", "UPDATE chat SET folder_id = :folder WHERE id = :id", folder=folder, id=chat)
    (await ada.delete(f"{USERS}/{bob.id}")).ok()
    assert await db.fetch_value("test.folder", "SELECT 1 FROM folder WHERE id = :id", id=folder)


async def test_settings_are_changed_field_by_field(ada: Person, bob: Person) -> None:
    url = f"{USERS}/user/settings/update"
    (await bob.post(url, {"ui": {"theme": "dark", "models": ["m"]}, "more": 1})).ok()
    assert (await bob.post(url, {"ui": {"theme": None, "title": {"auto": True}}})).ok() == {
        "ui": {"models": ["m"], "title": {"auto": True}},
        "more": 1,
    }
    assert (await bob.post(url, {"ui": None, "more": 2})).ok()["ui"] == {"models": ["m"], "title": {"auto": True}}
    (problem,) = (await bob.post(url, {"ui": 1})).refused(422)
    assert (problem["type"], problem["loc"]) == ("dict_type", ["body", "ui"])
    (problem,) = (await bob.post(url, [1])).refused(422)
    assert problem["type"] == "model_attributes_type"
    updates = [bob.post(url, {"ui": {f"field{number}": number}}) for number in range(8)]
    await asyncio.gather(*updates)
    ui = (await bob.get(f"{USERS}/user/settings")).ok()["ui"]
    assert {f"field{number}" for number in range(8)} <= set(ui)  # no concurrent update is lost


async def test_a_status_is_changed_field_by_field(bob: Person) -> None:
    url = f"{USERS}/user/status/update"
    (await bob.post(url, {"status_emoji": "☕"})).ok()
    status = (await bob.post(url, {"status_message": "Back soon", "status_expires_at": "2000000000"})).ok()
    assert (status["status_emoji"], status["status_message"]) == ("☕", "Back soon")
    assert status["status_expires_at"] == 2_000_000_000
    assert (await bob.post(url, {"status_expires_at": "soon"})).refused(422)[0]["type"] == "int_parsing"


async def test_variables_are_names_and_texts(bob: Person) -> None:
    url = f"{USERS}/user/variables/update"
    assert (await bob.post(url, {"variables": {"city": "a\r\nb"}})).ok() == {"variables": {"city": "a\nb"}}
    (await bob.post(url, {"variables": {"City": "x"}})).refused(400, "Invalid user variable key: City")
    (await bob.post(url, {"variables": {"city": 1}})).refused(400, "User variable must be a string: city")
    (await bob.post(url, {"variables": {"city": "x" * 20_001}})).refused(400, "User variable is too long: city")
    (await bob.post(url, {"variables": {"city": "x" * 100_001}})).refused(400, "User variables are too large.")
    assert (await bob.get(f"{USERS}/user/variables")).ok() == {"variables": {"city": "a\nb"}}


async def test_default_permissions_are_a_complete_tree(ada: Person, bob: Person) -> None:
    url = f"{USERS}/default/permissions"
    tree = (await ada.get(url)).ok()
    assert tree == (await ada.get(f"{url}/defaults")).ok()
    assert len((await ada.post(url, {})).refused(422)) == 6
    invalid = {**tree, "chat": {**tree["chat"], "import": "perhaps"}}
    (problem,) = (await ada.post(url, invalid)).refused(422)
    assert (problem["type"], problem["loc"]) == ("bool_parsing", ["body", "chat", "import"])
    saved = (await ada.post(url, {**tree, "chat": {"import": "no", "unknown": True}})).ok()
    assert saved["chat"]["import"] is False and saved["chat"]["delete"] is True and "unknown" not in saved["chat"]
    assert (await bob.get(f"{USERS}/permissions")).ok()["chat"]["import"] is False
    assert (await ada.get(f"{url}/defaults")).ok() == tree
    (await bob.get(f"{url}/defaults")).refused(401)


START = 1_700_000_000
DAY = 86400


def _chat(at: int, usage: dict[str, Any], model: str = "demo-small", **more: Any) -> dict[str, Any]:
    messages = {
        "q": {"id": "q", "role": "user", "content": "?", "parentId": None, "childrenIds": ["a"], "timestamp": at},
        "a": {
            "id": "a",
            "role": "assistant",
            "content": "!",
            "parentId": "q",
            "childrenIds": [],
            "timestamp": at + 60,
            "model": model,
            "usage": usage,
            **more,
        },
    }
    chat = {"title": "T", "models": [model], "history": {"messages": messages, "currentId": "a"}}
    return {"chat": chat, "created_at": at, "updated_at": at}


async def test_usage_is_counted_by_day_week_model_and_tool(bob: Person, cy: Person) -> None:
    calls = [{"type": "function_call", "name": "search"}, {"type": "function_call_output"}]
    chats = [
        _chat(START, {"prompt_tokens": 5, "completion_tokens": 7}),
        _chat(START + 3600, {"input_tokens": 100, "output_tokens": 50}, output=calls),
        _chat(START + DAY, {"prompt_tokens": 1, "completion_tokens": 2}, "demo-large"),
    ]
    (await bob.post("/api/v1/chats/import", {"chats": chats})).ok()
    period = {"start_date": START - DAY, "end_date": START + 2 * DAY}
    usage = (await bob.get(f"{USERS}/usage", **period)).ok()
    totals = usage["totals"]
    assert (totals["input_tokens"], totals["output_tokens"], totals["lifetime_tokens"]) == (106, 59, 165)
    assert (totals["messages"], totals["user_messages"], totals["total_chats"]) == (6, 3, 3)
    assert (totals["peak_daily_tokens"], totals["longest_chat_seconds"], totals["models_used"]) == (162, 60, 2)
    assert (totals["active_days"], totals["current_streak"], totals["longest_streak"]) == (2, 0, 2)
    assert [(day["date"], day["messages"]) for day in usage["heatmap"]] == [
        ("2023-11-13", 0),
        ("2023-11-14", 4),
        ("2023-11-15", 2),
        ("2023-11-16", 0),
    ]
    assert usage["heatmap"][1]["models"] == {"demo-small": 2}
    assert [(week["date"], week["tokens"]) for week in usage["weekly_heatmap"]] == [("2023-11-13", 165)]
    assert [day["messages"] for day in usage["cumulative_heatmap"]] == [0, 4, 6, 6]
    assert [(model["model_id"], model["total_tokens"]) for model in usage["top_models"]] == [
        ("demo-small", 162),
        ("demo-large", 3),
    ]
    assert usage["top_tools"] == [{"name": "search", "count": 1}]
    assert usage["insights"]["average_tokens_per_chat"] == 55.0
    assert usage["insights"]["user_message_share"] == 50.0
    # 22:13 in Greenwich is the next morning in Auckland.
    (await bob.post("/api/v1/auths/update/timezone", {"timezone": "Pacific/Auckland"})).ok()
    usage = (await bob.get(f"{USERS}/usage", **period)).ok()
    assert {day["date"]: day["messages"] for day in usage["heatmap"] if day["messages"]} == {
        "2023-11-15": 4,
        "2023-11-16": 2,
    }
    assert (await cy.get(f"{USERS}/usage", **period)).ok()["totals"]["messages"] == 0
    assert len((await cy.get(f"{USERS}/usage")).ok()["heatmap"]) == 730
    (await cy.get(f"{USERS}/usage", start_date=2, end_date=1)).refused(400, "start_date must be before end_date")
    assert (await cy.get(f"{USERS}/usage", days=6)).refused(422)[0]["type"] == "greater_than_equal"


async def test_oauth_sessions_are_empty(ada: Person, bob: Person) -> None:
    (await ada.get(f"{USERS}/{bob.id}/oauth/sessions")).refused(400)
    (await bob.get(f"{USERS}/{bob.id}/oauth/sessions")).refused(401)
    detail = "No OAuth session found for this provider"
    (await bob.delete("/api/v1/auths/oauth/sessions/mcp:one/two")).refused(404, detail)


async def test_sign_in_does_not_reveal_deleted_accounts(server: Server, ada: Person) -> None:
    """Sign-in answers the same for a deleted account and for an account that never existed."""
    eve = await server.add_user(ada, "Eve")
    (await ada.delete(f"{USERS}/{eve.id}")).ok()
    stranger = server.stranger()
    replies = [
        await stranger.post("/api/v1/auths/signin", {"email": f"{name}@example.com", "password": PASSWORD})
        for name in ("eve", "nobody")
    ]
    assert replies[0].refused(400) == replies[1].refused(400)


async def test_an_account_is_read_changed_and_deleted_by_its_path(
    ada: Person, bob: Person, cy: Person, anonymous: Person
) -> None:
    user_url = f"/api/v1/users/{bob.id}"
    assert (await ada.get(user_url)).ok()["name"] == "Bob"
    changed = (await ada.put(user_url, {"name": "Robert"})).ok()
    assert (changed["name"], changed["email"], changed["role"]) == ("Robert", "bob@example.com", "user")
    (await ada.put(user_url, {"email": "cy@example.com"})).refused(400)
    (await ada.put(user_url, {"name": 1})).refused(422)
    for person in (cy, anonymous):
        (await person.get(user_url)).refused(401)
        (await person.put(user_url, {"role": "admin"})).refused(401)
        (await person.delete(user_url)).refused(401)
    assert (await ada.delete(user_url)).ok() is True
    (await ada.get(user_url)).refused(400)
    (await ada.put(user_url, {"name": "Bob"})).refused(400)
