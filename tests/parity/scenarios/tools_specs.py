"""Tools of MCP servers, without such a server."""

from parity.steps import flat, get, post, refused

_T = "/api/v1/tools/id"


def _connection(name: str, **more: object) -> dict[str, object]:
    given = {"url": "http://127.0.0.1:9/mcp", "path": "", "type": "mcp", "auth_type": "none", "key": ""}
    return {**given, "info": {"id": name}, "config": {"enable": True}, **more}


STEPS = flat(
    get("ada", f"{_T}/adder/specs"),
    get("bob", f"{_T}/server:mcp:none/specs"),
    refused("anonymous pending", "GET", f"{_T}/server:mcp:none/specs"),
    post(
        "ada",
        "/api/v1/configs/tool_servers",
        {
            "TOOL_SERVER_CONNECTIONS": [
                _connection("gone"),
                _connection("off", config={}),
                _connection("consent", auth_type="oauth_2.1"),
            ]
        },
    ),
    get("ada", f"{_T}/server:mcp:gone/specs"),
    get("bob", f"{_T}/server:mcp:gone/specs"),
    get("ada", f"{_T}/server:mcp:off/specs"),
    get("ada", f"{_T}/server:mcp:consent/specs"),
    post("ada", "/api/v1/configs/tool_servers/verify", _connection("gone")),
    refused("anonymous pending bob", "POST", "/api/v1/configs/tool_servers/verify", _connection("gone")),
)
