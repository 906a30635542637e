"""Settings pages: only administrators read and save them, and each field is checked."""

from __future__ import annotations

from typing import Any

import aiohttp.web
import pytest

from conftest import Person, Server

PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
PAGES = [
    "/api/v1/configs/connections",
    "/api/v1/configs/code_execution",
    "/api/v1/configs/models",
    "/api/v1/configs/subagents",
    "/api/v1/configs/tool_servers",
    "/api/v1/configs/terminal_servers",
    "/api/v1/configs/export",
    "/api/v1/configs/namespace/ui",
    "/api/v1/chats/config",
    "/api/v1/evaluations/config",
]
#: Page, a field of it, another value, a value of the wrong type.
SAVED: list[tuple[str, str, Any, Any]] = [
    ("/api/v1/configs/connections", "ENABLE_DIRECT_CONNECTIONS", True, "maybe"),
    ("/api/v1/configs/code_execution", "CODE_EXECUTION_JUPYTER_TIMEOUT", 5, "soon"),
    ("/api/v1/configs/code_execution", "CODE_INTERPRETER_ENGINE", "jupyter", 3),
    ("/api/v1/configs/models", "MODEL_ORDER_LIST", ["b", "a"], "a,b"),
    ("/api/v1/configs/models", "DEFAULT_MODEL_PARAMS", {"temperature": 1}, []),
    ("/api/v1/configs/subagents", "SUBAGENTS_MAX_OUTPUT", 77, None),
    ("/api/v1/chats/config", "TOOL_SEARCH_DEFER_THRESHOLD", 7, "many"),
]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_only_administrators_read_and_save_settings(bob: Person, anonymous: Person) -> None:
    for page in PAGES:
        (await bob.get(page)).refused(401, PROHIBITED)
        (await anonymous.get(page)).refused(401, "Not authenticated")
    for page in [*PAGES[:6], "/api/v1/chats/config", "/api/v1/tasks/config/update", "/api/v1/configs/banners"]:
        (await bob.post(page, {})).refused(401, PROHIBITED)


async def test_pages_are_saved_completely(ada: Person) -> None:
    for page, field, value, wrong in SAVED:
        before = (await ada.get(page)).ok()
        assert field in before, page
        saved = (await ada.post(page, {**before, field: value})).ok()
        assert saved[field] == value and list(saved) == list(before)
        assert (await ada.get(page)).ok() == saved
        problem = (await ada.post(page, {**before, field: wrong})).refused(422)[0]
        assert problem["loc"][:2] == ["body", field], problem
        assert (await ada.get(page)).ok() == saved
    problem = (await ada.post("/api/v1/configs/subagents", {"ENABLE_SUBAGENTS": True})).refused(422)[0]
    assert problem["type"] == "missing"


async def test_omitted_fields_of_connections_stay(ada: Person) -> None:
    page = "/api/v1/configs/connections"
    all_on = {"ENABLE_DIRECT_CONNECTIONS": True, "ENABLE_DIRECT_INTEGRATIONS": True, "ENABLE_BASE_MODELS_CACHE": True}
    assert (await ada.post(page, all_on)).ok() == all_on
    saved = (await ada.post(page, {"ENABLE_DIRECT_CONNECTIONS": False, "ENABLE_BASE_MODELS_CACHE": False})).ok()
    assert saved["ENABLE_DIRECT_INTEGRATIONS"] is True


async def test_banners_and_suggestions_reach_people(ada: Person, bob: Person, anonymous: Person) -> None:
    banner = {"id": "1", "type": "info", "content": "Hello", "dismissible": True, "timestamp": 1, "extra": 1}
    saved = (await ada.post("/api/v1/configs/banners", {"banners": [banner]})).ok()
    assert [list(saved_banner) for saved_banner in saved] == [
        ["i18n", "id", "type", "title", "content", "dismissible", "timestamp"]
    ]
    assert saved[0]["title"] is None and saved == (await bob.get("/api/v1/configs/banners")).ok()
    (await anonymous.get("/api/v1/configs/banners")).refused(401, "Not authenticated")
    del banner["content"]
    problem = (await ada.post("/api/v1/configs/banners", {"banners": [banner]})).refused(422)[0]
    assert problem["loc"] == ["body", "banners", 0, "content"]

    suggestion = {"title": ["Bake", "bread"], "content": "How do I bake bread?"}
    result = (await ada.post("/api/v1/configs/suggestions", {"suggestions": [suggestion]})).ok()
    assert result == {"suggestions": [suggestion], "i18n": {}}
    assert (await bob.get("/api/config")).ok()["default_prompt_suggestions"] == [suggestion]
    assert (await ada.post("/api/v1/configs/suggestions", {"suggestions": [{"title": "x"}]})).status == 422


async def test_default_models(ada: Person, bob: Person) -> None:
    before = (await ada.get("/api/v1/configs/models")).ok()
    metadata = {"capabilities": {"vision": True}}
    (await ada.post("/api/v1/configs/models", {**before, "DEFAULT_MODEL_METADATA": metadata})).ok()
    assert (await bob.get("/api/v1/configs/models/defaults")).ok() == {"DEFAULT_MODEL_METADATA": metadata}


async def test_visibility_takes_only_booleans(ada: Person) -> None:
    page = "/api/v1/configs/interface/visibility"
    body = {"visibility": {"notes": False}}
    assert (await ada.post(page, body)).ok() == body
    assert (await ada.get("/api/v1/configs/namespace/ui")).ok()["ui.visibility"] == {"notes": False}
    problem = (await ada.post(page, {"visibility": {"notes": "false"}})).refused(422)[0]
    assert (problem["type"], problem["loc"]) == ("bool_type", ["body", "visibility", "notes"])


async def test_export_and_import(ada: Person) -> None:
    config = (await ada.get("/api/v1/configs/export")).ok()
    config |= {"ui.watermark": "draft", "plugin.of.mine": {"a": [1]}}
    assert (await ada.post("/api/v1/configs/import", {"config": config})).ok() == config
    assert (await ada.get("/api/v1/configs/namespace/plugin.of")).ok() == {"plugin.of.mine": {"a": [1]}}
    assert (await ada.get("/api/v1/configs/namespace/nothing")).ok() == {}


async def test_settings_of_chats_are_limited(ada: Person) -> None:
    page = "/api/v1/chats/config"
    before = (await ada.get(page)).ok()
    assert before["CONTEXT_COMPACTION_TOKEN_CAP"] == before["CONTEXT_COMPACTION_TOKEN_THRESHOLD"]
    form = {
        "ENABLE_CONTEXT_COMPACTION": True,
        "CONTEXT_COMPACTION_PROMPT_TEMPLATE": "",
        "CONTEXT_COMPACTION_MODEL": None,
        "CONTEXT_COMPACTION_TOKEN_THRESHOLD": 0,
        "CONTEXT_COMPACTION_RETENTION_PERCENTAGE": 99,
        "TOOL_SEARCH_DEFER_THRESHOLD": -1,
        "TOOL_SEARCH_ALWAYS_LOADED": [" search ", " "],
    }
    saved = (await ada.post(page, form)).ok()
    assert list(saved) == list(before)
    assert saved["CONTEXT_COMPACTION_MODEL"] == "" and saved["CONTEXT_COMPACTION_TOKEN_THRESHOLD"] == 1
    assert saved["CONTEXT_COMPACTION_TOKEN_CAP"] == 1 and saved["CONTEXT_COMPACTION_RETENTION_PERCENTAGE"] == 50
    assert saved["TOOL_SEARCH_DEFER_THRESHOLD"] == 0 and saved["TOOL_SEARCH_ALWAYS_LOADED"] == ["search"]


async def test_arena(ada: Person) -> None:
    page = "/api/v1/evaluations/config"
    assert list((await ada.get(page)).ok()) == ["ENABLE_EVALUATION_ARENA_MODELS", "EVALUATION_ARENA_MODELS"]
    assert (await ada.post(page, {"ENABLE_EVALUATION_ARENA_MODELS": True})).ok()["ENABLE_EVALUATION_ARENA_MODELS"]
    models = [{"id": "arena", "name": "Arena", "meta": {}}]
    saved = (await ada.post(page, {"EVALUATION_ARENA_MODELS": models})).ok()
    assert saved == {"ENABLE_EVALUATION_ARENA_MODELS": True, "EVALUATION_ARENA_MODELS": models}


async def test_tasks(ada: Person, bob: Person) -> None:
    before = (await bob.get("/api/v1/tasks/config")).ok()
    assert "AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE" in before
    form = {**before, "TASK_MODEL": "small", "AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH": None}
    saved = (await ada.post("/api/v1/tasks/config/update", form)).ok()
    assert saved == {**before, "TASK_MODEL": "small", "AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH": -1}
    del form["ENABLE_TAGS_GENERATION"]
    problem = (await ada.post("/api/v1/tasks/config/update", form)).refused(422)[0]
    assert problem["loc"] == ["body", "ENABLE_TAGS_GENERATION"]


async def test_connections_to_servers_keep_unknown_fields(ada: Person) -> None:
    connection = {
        "url": "http://127.0.0.1:9",
        "path": "openapi.json",
        "auth_type": "none",
        "key": "",
        "config": {},
        "new": 1,
    }
    saved = (await ada.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": [connection]})).ok()
    assert saved["TOOL_SERVER_CONNECTIONS"] == [
        {
            "url": "http://127.0.0.1:9",
            "path": "openapi.json",
            "type": "openapi",
            "auth_type": "none",
            "forward_cookies": False,
            "headers": None,
            "key": "",
            "config": {},
            "info": None,
            "new": 1,
        }
    ]
    assert (await ada.get("/api/v1/configs/tool_servers")).ok() == saved
    reply = await ada.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": [{"url": "x"}]})
    assert reply.refused(422)[0]["loc"][:3] == ["body", "TOOL_SERVER_CONNECTIONS", 0]

    terminal = {"id": "t", "url": "http://127.0.0.1:9", "policy": {"secret": 1}, "lifecycle": {}, "new": 1}
    saved = (await ada.post("/api/v1/configs/terminal_servers", {"TERMINAL_SERVER_CONNECTIONS": [terminal]})).ok()
    stored = saved["TERMINAL_SERVER_CONNECTIONS"][0]
    assert stored["path"] == "/openapi.json" and stored["new"] == 1 and "policy" not in stored
    assert "lifecycle" not in stored


@pytest.fixture
async def remote_server() -> Any:
    """Run a server that is both a tool server and a terminal server, and records its requests."""
    requests: list[tuple[str, str, str | None, Any]] = []

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        body = await request.json() if request.can_read_body else None
        requests.append((request.method, request.raw_path, request.headers.get("authorization"), body))
        if request.path == "/openapi.json":
            return aiohttp.web.json_response({"openapi": "3.1", "info": {"title": "Weather"}, "paths": {}})
        if request.path == "/api/v1/policies/locked":
            return aiohttp.web.Response(status=409, text="it is locked")
        if request.path.startswith("/api/v1/") or request.path == "/plain/api/config":
            return aiohttp.web.json_response({"fine": True})
        return aiohttp.web.Response(status=404, text="no")

    app = aiohttp.web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", requests
    await runner.cleanup()


@pytest.mark.parametrize("database", ["sqlite"])
async def test_connections_to_servers_are_verified(ada: Person, bob: Person, remote_server: Any) -> None:
    url, requests = remote_server
    base = "/api/v1/configs/terminal_servers"
    assert (await ada.post(f"{base}/verify", {"url": url, "key": " k "})).ok() == {
        "status": True,
        "type": "orchestrator",
    }
    assert requests[-1][2] == "Bearer k"
    assert (await ada.post(f"{base}/verify", {"url": f"{url}/plain"})).ok()["type"] == "terminal"
    failed = "Failed to connect to the terminal server"
    (await ada.post(f"{base}/verify", {"url": f"{url}/nothing"})).refused(400, failed)
    (await ada.post(f"{base}/verify", {"url": "http://127.0.0.1:9"})).refused(400, failed)
    (await ada.post(f"{base}/verify", {"url": ""})).refused(400, "Terminal server URL is required")
    (await bob.post(f"{base}/verify", {"url": url})).refused(401, PROHIBITED)

    (await ada.post(f"{base}/policy", {"url": url, "policy_id": "a/../b"})).ok()
    assert requests[-1][:2] == ("GET", "/api/v1/policies/a%2F..%2Fb")
    (await ada.post(f"{base}/policy", {"url": url, "policy_id": "locked"})).refused(409, "it is locked")
    (await ada.post(f"{base}/lifecycle", {"url": url, "policy_id": "p", "lifecycle_data": {"idle": 1}})).ok()
    assert requests[-1] == ("PUT", "/api/v1/policies/p/lifecycle", None, {"idle": 1})
    assert (await ada.post(f"{base}/refresh", {"url": url, "user_id": "u"})).ok() == {"fine": True}
    assert requests[-1][3] == {"only_idle": True, "reset": False, "user_id": "u"}
    (await ada.post(f"{base}/refresh", {"url": "http://127.0.0.1:9"})).refused(400, "Failed to refresh terminals")

    tool = {"url": url, "path": "openapi.json", "auth_type": "bearer", "key": "k", "config": {}}
    verify = "/api/v1/configs/tool_servers/verify"
    assert (await ada.post(verify, tool)).ok()["info"] == {"title": "Weather"}
    assert requests[-1][2] == "Bearer k"
    (await ada.post(verify, {**tool, "path": "none"})).refused(400, "Failed to connect to the tool server")
    (await ada.post(verify, {**tool, "type": "mcp"})).refused(400, "Failed to create MCP client")
    places = [f"{url}/.well-known/{name}" for name in ("oauth-authorization-server", "openid-configuration")]
    no_document = f"Failed to fetch OAuth 2.1 discovery document from {places}"
    (await ada.post(verify, {**tool, "type": "mcp", "auth_type": "oauth_2.1"})).refused(400, no_document)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_tool_servers_are_listed_for_users_with_access(
    server: Server, ada: Person, bob: Person, cy: Person, remote_server: Any
) -> None:
    url, _ = remote_server
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    tool = {"url": url, "path": "openapi.json", "auth_type": "none", "key": None}
    unreachable = {**tool, "url": "http://127.0.0.1:9", "config": {"enable": True}}
    mcp = {**tool, "type": "mcp", "config": {"enable": True}, "info": {"id": "m", "name": "Mail"}}
    granted = {**tool, "config": {"enable": True, "access_grants": grants}}
    off = {**tool, "config": {"enable": False}}
    body = {"TOOL_SERVER_CONNECTIONS": [unreachable, granted, off, mcp]}
    (await ada.post("/api/v1/configs/tool_servers", body)).ok()
    entries = (await ada.get("/api/v1/tools/")).ok()
    assert [(entry["id"], entry["name"]) for entry in entries] == [("server:1", "Weather"), ("server:mcp:m", "Mail")]
    assert [entry["id"] for entry in (await bob.get("/api/v1/tools/")).ok()] == ["server:1"]
    assert (await cy.get("/api/v1/tools/")).ok() == []
    assert [entry["id"] for entry in (await ada.get("/api/v1/tools/", query="MAIL")).ok()] == ["server:mcp:m"]
    (await ada.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": []})).ok()
    assert (await ada.get("/api/v1/tools/")).ok() == []
