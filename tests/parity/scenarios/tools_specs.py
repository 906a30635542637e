"""Tools of MCP servers, without such a server."""

from parity.steps import flatten_steps, get, post, refused_steps

_T = "/api/v1/tools/id"


def _make_connection(name: str, **more: object) -> dict[str, object]:
    connection = {"url": "http://127.0.0.1:9/mcp", "path": "", "type": "mcp", "auth_type": "none", "key": ""}
    return {**connection, "info": {"id": name}, "config": {"enable": True}, **more}


STEPS = flatten_steps(
    get("ada", f"{_T}/adder/specs"),
    get("bob", f"{_T}/server:mcp:none/specs"),
    refused_steps("anonymous pending", "GET", f"{_T}/server:mcp:none/specs"),
    post(
        "ada",
        "/api/v1/configs/tool_servers",
        {
            "TOOL_SERVER_CONNECTIONS": [
                _make_connection("gone"),
                _make_connection("off", config={}),
                _make_connection("consent", auth_type="oauth_2.1"),
            ]
        },
    ),
    get("ada", f"{_T}/server:mcp:gone/specs"),
    get("bob", f"{_T}/server:mcp:gone/specs"),
    get("ada", f"{_T}/server:mcp:off/specs"),
    get("ada", f"{_T}/server:mcp:consent/specs"),
    post("ada", "/api/v1/configs/tool_servers/verify", _make_connection("gone")),
    refused_steps("anonymous pending bob", "POST", "/api/v1/configs/tool_servers/verify", _make_connection("gone")),
)
