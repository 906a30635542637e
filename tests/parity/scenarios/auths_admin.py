"""Accounts made by an administrator, sign-up when it is open, and the settings of sign-in."""

from parity.steps import PASSWORD, Merged, flat, get, post, refused

_ADD = "/api/v1/auths/add"
_CONFIG = "/api/v1/auths/admin/config"
_DI = {"name": "Di", "email": "di@example.com", "password": PASSWORD}
_EVE = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}

STEPS = flat(
    refused("anonymous pending bob", "POST", _ADD, _DI),
    post("ada", _ADD, {**_DI, "role": "user"}),
    post("ada", _ADD, _DI),
    post("ada", _ADD, {**_DI, "email": "nonsense"}),
    post("ada", _ADD, {**_DI, "email": "di2@example.com", "password": "x" * 80}),
    post("ada", _ADD, {**_DI, "email": "di3@example.com", "role": "queen"}),
    post("ada", _ADD, {**_DI, "email": "di4@example.com"}),
    post("ada", _ADD, {"name": "Di"}),
    refused("anonymous pending bob", "GET", _CONFIG),
    get("ada", _CONFIG, save={"config": "$"}),
    refused("anonymous pending bob", "POST", _CONFIG, {}),
    post("ada", _CONFIG, {}),
    get("ada", "/api/v1/auths/admin/details"),
    get("bob", "/api/v1/auths/admin/details"),
    refused("anonymous pending", "GET", "/api/v1/auths/admin/details"),
    # A pending user may see who they are, and nothing else.
    get("pending", "/api/v1/auths/"),
    get("pending", "/api/v1/chats/"),
    get("pending", "/api/models"),
    get("pending", "/api/config"),
    post("anonymous", "/api/v1/auths/signin", {"email": "pending@example.com", "password": PASSWORD}),
    # Doors opened by the administrator.
    post("ada", _CONFIG, "${config}"),
    post("ada", _CONFIG, {"ENABLE_SIGNUP": True, "DEFAULT_USER_ROLE": "user"}),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_SIGNUP": True, "DEFAULT_USER_ROLE": "user"})),
    post("ada", _CONFIG, Merged("${config}", {"JWT_EXPIRES_IN": "nonsense", "DEFAULT_USER_ROLE": "queen"})),
    post("ada", _CONFIG, Merged("${config}", {"I18N": {"__proto__": {}}})),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_SIGNUP": True, "SHOW_ADMIN_DETAILS": False})),
    get("bob", "/api/v1/auths/admin/details"),
    get("ada", _CONFIG),
    get("anonymous", "/api/config"),
    post("anonymous", "/api/v1/auths/signup", _EVE, save={"eve.token": "$.token"}),
    post("anonymous", "/api/v1/auths/signup", _EVE),
    get("eve", "/api/v1/auths/"),
)
