"""Terminal servers: access to each, and forwarded requests."""

from parity.steps import Step, delete, flatten_steps, get, post, put, refused_steps

_T = "/api/v1/terminals"
_SERVERS = "/api/v1/configs/terminal_servers"
_OPEN = {"access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}]}
_EACH = {"server_type": "orchestrator", "config": {"contexts": {"chat": {"context_id": "chat_id"}}}}
_CONNECTIONS = [
    {"id": "open", "url": "${upstream}", "key": "upstream-key", "config": _OPEN},
    {"id": "mine", "url": "${upstream}", "auth_type": "none"},
    {"id": "off", "url": "${upstream}", "enabled": False},
    {"id": "nowhere", "url": ""},
    {"id": "never", "url": "${upstream}", "server_type": "orchestrator", "config": {"contexts": {"chat": False}}},
    {"id": "each", "url": "${upstream}", "key": "upstream-key", **_EACH},
]


def _request_file_in_chat(chat: str, who: str = "ada", server: str = "each") -> Step:
    return get(who, f"{_T}/{server}/v1/models", headers={"x-session-id": chat})


STEPS = flatten_steps(
    get("ada", f"{_T}/"),
    refused_steps("anonymous pending", "GET", f"{_T}/"),
    post("ada", _SERVERS, {"TERMINAL_SERVER_CONNECTIONS": _CONNECTIONS}),
    get("ada", f"{_T}/"),
    get("bob", f"{_T}/"),
    get("bob", f"{_T}/open/v1/models"),
    get("ada", f"{_T}/open/v1/models", query={"a": "1 2"}),
    get("ada", f"{_T}/mine/v1/models"),
    refused_steps("anonymous pending bob", "GET", f"{_T}/mine/v1/models"),
    refused_steps("anonymous pending", "POST", f"{_T}/open/v1/models", {}),
    get("ada", f"{_T}/none/v1/models"),
    get("ada", f"{_T}/off/v1/models"),
    get("ada", f"{_T}/nowhere/v1/models"),
    get("bob", f"{_T}/open/nothing/here"),
    put("bob", f"{_T}/open/nothing/here", {"a": 1}),
    delete("bob", f"{_T}/open/nothing/here"),
    get("ada", f"{_T}/mine/api/v1/policies"),
    get("ada", f"{_T}/mine/api/v1/status/more"),
    get("ada", f"{_T}/mine/%5cx"),
    _request_file_in_chat("c1"),
    _request_file_in_chat("local:1"),
    _request_file_in_chat("temporary:1"),
    _request_file_in_chat("c1", server="never"),
    get("ada", f"{_T}/never/v1/models"),
    get("ada", f"{_T}/each/chats/c1/v1/models"),
    get("ada", f"{_T}/each/chats/local:1/v1/models"),
)
