"""The administrator's settings of sign-in through other providers."""

from parity.steps import flatten_steps, get, post, refused_steps

_OAUTH = "/api/v1/auths/admin/config/oauth"
_FORM = {
    "ENABLE_OAUTH_SIGNUP": True,
    "OAUTH_ALLOWED_DOMAINS": "example.com, example.org,",
    "OAUTH_ADMIN_ROLES": "boss",
    "OAUTH_BLOCKED_GROUPS": '["a,b"]',
    "OAUTH_GROUP_DEFAULT_SHARE": "members",
    "OAUTH_TIMEOUT": 5,
    "OAUTH_CLIENT_ID": "client",
    "OAUTH_CLIENT_SECRET": "secret",
    "OAUTH_SUB_CLAIM": None,
    "UNKNOWN": 1,
}

STEPS = flatten_steps(
    get("ada", _OAUTH),
    refused_steps("anonymous pending bob", "GET", _OAUTH),
    post("ada", _OAUTH, _FORM),
    get("ada", _OAUTH),
    post("ada", _OAUTH, {}),
    post("ada", _OAUTH, {"OAUTH_TIMEOUT": "", "OAUTH_ALLOWED_DOMAINS": "*", "ENABLE_OAUTH_SIGNUP": "no"}),
    post("ada", _OAUTH, {"OAUTH_TIMEOUT": []}),
    post("ada", _OAUTH, {"ENABLE_OAUTH": "perhaps"}),
    post("ada", _OAUTH, [1]),
    refused_steps("anonymous pending bob", "POST", _OAUTH, {}),
    get("anonymous", "/api/config"),
)
