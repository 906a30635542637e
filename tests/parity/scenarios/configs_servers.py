"""Settings of tool servers, terminal servers and chats, and the requests to other servers that the settings cause."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_C = "/api/v1/configs"
_TOOLS = {
    "url": "http://127.0.0.1:9",
    "path": "openapi.json",
    "auth_type": "bearer",
    "key": "k",
    "config": {"enable": True, "access_grants": []},
    "info": {"id": "weather", "name": "Weather"},
    "spec_type": "url",
}
_TERMINAL = {"id": "t", "name": "Shell", "url": "http://127.0.0.1:9", "policy": {"a": 1}, "lifecycle": {}, "more": [1]}
_CHATS = "/api/v1/chats/config"

STEPS = flatten_steps(
    post("ada", f"{_C}/tool_servers", {"TOOL_SERVER_CONNECTIONS": [_TOOLS]}),
    get("ada", f"{_C}/tool_servers"),
    post("ada", f"{_C}/tool_servers", {"TOOL_SERVER_CONNECTIONS": [{**_TOOLS, "forward_cookies": "often"}]}),
    post("ada", f"{_C}/tool_servers", {"TOOL_SERVER_CONNECTIONS": [{"url": 5}]}),
    post("ada", f"{_C}/tool_servers", {"TOOL_SERVER_CONNECTIONS": "x"}),
    refused_steps("pending", "GET", f"{_C}/tool_servers"),
    get("bob", "/api/v1/tools/"),
    post("ada", f"{_C}/tool_servers/verify", {**_TOOLS, "url": "http://127.0.0.1:9"}),
    post("ada", f"{_C}/tool_servers", {"TOOL_SERVER_CONNECTIONS": []}),
    post("ada", f"{_C}/terminal_servers", {"TERMINAL_SERVER_CONNECTIONS": [_TERMINAL]}),
    get("ada", f"{_C}/terminal_servers"),
    get("ada", "/api/v1/terminals/"),
    get("bob", "/api/v1/terminals/"),
    get("bob", "/api/config"),
    post(
        "ada",
        f"{_C}/terminal_servers",
        {
            "TERMINAL_SERVER_CONNECTIONS": [
                {
                    **_TERMINAL,
                    "config": {
                        "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
                        "chat_uploads": "filesystem",
                        "contexts": {"chat": {"context_id": "chat_id"}, "automation": False, "x": {}},
                    },
                    "server_type": "orchestrator",
                },
                {**_TERMINAL, "id": "off", "enabled": False},
            ]
        },
    ),
    get("bob", "/api/v1/terminals/"),
    get("ada", "/api/v1/terminals/"),
    post("ada", f"{_C}/terminal_servers", {"TERMINAL_SERVER_CONNECTIONS": [{"name": "no address"}]}),
    refused_steps("pending", "GET", f"{_C}/terminal_servers"),
    post("ada", f"{_C}/terminal_servers/verify", _TERMINAL),
    post("ada", f"{_C}/terminal_servers/verify", {"url": "${upstream}"}),
    post(
        "ada",
        f"{_C}/terminal_servers/verify",
        {"url": "${server}/"},
        ignore=("$.type",),
        why="the server that is asked is the program itself, and they answer unknown paths unlike",
    ),
    post("ada", f"{_C}/terminal_servers/verify", {}),
    refused_steps("anonymous bob", "POST", f"{_C}/terminal_servers/verify", _TERMINAL),
    post("ada", f"{_C}/terminal_servers/policy", {"url": "http://127.0.0.1:9", "policy_id": "p"}),
    post("ada", f"{_C}/terminal_servers/policy", {}),
    refused_steps("anonymous bob", "POST", f"{_C}/terminal_servers/policy", {}),
    post("ada", f"{_C}/terminal_servers/lifecycle", {"url": "http://127.0.0.1:9", "policy_id": "p"}),
    post("ada", f"{_C}/terminal_servers/lifecycle", {}),
    refused_steps("anonymous bob", "POST", f"{_C}/terminal_servers/lifecycle", {}),
    post("ada", f"{_C}/terminal_servers/refresh", {"url": "http://127.0.0.1:9"}),
    post("ada", f"{_C}/terminal_servers/refresh", {}),
    refused_steps("anonymous bob", "POST", f"{_C}/terminal_servers/refresh", {}),
    refused_steps("anonymous bob", "POST", f"{_C}/oauth/clients/register", {"url": "http://x", "client_id": "x"}),
    # Chats.
    get("ada", _CHATS, save={"chats": "$"}),
    refused_steps("anonymous pending bob", "GET", _CHATS),
    post(
        "ada",
        _CHATS,
        Merged(
            "${chats}",
            {
                "ENABLE_CONTEXT_COMPACTION": True,
                "CONTEXT_COMPACTION_TOKEN_THRESHOLD": -3,
                "CONTEXT_COMPACTION_TOKEN_CAP": 0,
                "CONTEXT_COMPACTION_RETENTION_PERCENTAGE": 90,
                "TOOL_SEARCH_DEFER_THRESHOLD": -1,
                "TOOL_SEARCH_ALWAYS_LOADED": [" a ", ""],
            },
        ),
    ),
    post("ada", _CHATS, Merged("${chats}", {"CONTEXT_COMPACTION_MODEL": None})),
    post("ada", _CHATS, Merged("${chats}", {"CONTEXT_COMPACTION_RETENTION_PERCENTAGE": 1})),
    post("ada", _CHATS, {}),
    post("ada", _CHATS, Merged("${chats}", {"TOOL_SEARCH_ALWAYS_LOADED": "a"})),
    refused_steps("anonymous bob", "POST", _CHATS, {}),
    get("bob", "/api/config"),
)
