"""OAuth clients of tool servers, without an authorization server: registration, and the way there and back."""

from parity.steps import delete, flatten_steps, get, post, refused_steps

_C = "/api/v1/configs"
_REGISTER = f"{_C}/oauth/clients/register"
_NO_CONTENT = "the encrypted client differs each time"
_SERVER = {"url": "${upstream}/mcp", "client_id": "birds"}
_STATIC = {**_SERVER, "client_secret": "s3cret", "oauth_scope": "read, write", "oauth_server_url": "${upstream}/other"}
_CONNECTION = {
    "url": "${upstream}/mcp",
    "path": "",
    "type": "mcp",
    "auth_type": "oauth_2.1_static",
    "key": "",
    "config": {
        "enable": True,
        "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
    },
    "info": {
        "id": "birds",
        "name": "Birds",
        "oauth_client_id": "id",
        "oauth_client_secret": "s3cret",
        "oauth_client_info": "${client}",
    },
}

STEPS = flatten_steps(
    post("ada", _REGISTER, _SERVER),
    post("ada", f"{_REGISTER}?type=mcp", _SERVER),
    post(
        "ada",
        _REGISTER,
        {**_SERVER, "url": "http://127.0.0.1:9/mcp"},
        ignore=("$.detail",),
        why="the text of a refused connection is that of the HTTP library",
    ),
    post("ada", _REGISTER, {}),
    post("ada", _REGISTER, {"url": 5, "client_id": None, "client_secret": []}),
    post("ada", _REGISTER, [1]),
    refused_steps("anonymous pending bob", "POST", _REGISTER, _SERVER),
    post(
        "ada",
        f"{_REGISTER}?type=mcp",
        _STATIC,
        save={"client": "$.oauth_client_info"},
        ignore=("$.oauth_client_info",),
        why=_NO_CONTENT,
    ),
    post(
        "ada",
        f"{_C}/tool_servers",
        {"TOOL_SERVER_CONNECTIONS": [_CONNECTION]},
        ignore=("$.TOOL_SERVER_CONNECTIONS[*].info.oauth_client_info",),
        why=_NO_CONTENT,
    ),
    get("ada", "/api/v1/tools/"),
    get("bob", "/api/v1/tools/"),
    get("bob", "/api/v1/tools/id/server:mcp:birds/specs"),
    post("ada", f"{_C}/tool_servers/verify", {**_CONNECTION, "info": {"id": "birds"}}),
    post("ada", f"{_C}/tool_servers/verify", {**_CONNECTION, "info": None, "auth_type": "oauth_2.1"}),
    post("ada", f"{_C}/tool_servers/verify", {**_CONNECTION, "info": {"oauth_server_url": "${upstream}"}}),
    post("ada", f"{_C}/tool_servers/verify", {**_CONNECTION, "url": "http://127.0.0.1:9/mcp", "info": {}}),
    # The way to the authorization server, and back.
    refused_steps("anonymous pending", "GET", "/oauth/clients/mcp:birds/authorize"),
    get("bob", "/oauth/clients/mcp:eagles/authorize"),
    get("bob", "/oauth/clients/birds/authorize"),
    get("bob", "/oauth/clients/mcp:eagles/callback"),
    get("anonymous", "/oauth/clients/mcp:birds/callback"),
    get("anonymous", "/oauth/clients/mcp:birds/callback?code=1&state=2"),
    get("bob", "/oauth/clients/mcp:birds/callback?error=access_denied&state=2", cookie=True),
    delete("bob", "/api/v1/auths/oauth/sessions/mcp:birds"),
    refused_steps("anonymous pending", "DELETE", "/api/v1/auths/oauth/sessions/mcp:birds"),
)
