"""Accounts created by an administrator, open sign-up, and the settings of sign-in."""

from parity.steps import PASSWORD, Merged, flatten_steps, get, post, refused_steps

_ADD = "/api/v1/auths/add"
_CONFIG = "/api/v1/auths/admin/config"
_DI = {"name": "Di", "email": "di@example.com", "password": PASSWORD}
_EVE = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}

STEPS = flatten_steps(
    refused_steps("anonymous pending bob", "POST", _ADD, _DI),
    post("ada", _ADD, {**_DI, "role": "user"}),
    post("ada", _ADD, _DI),
    post("ada", _ADD, {**_DI, "email": "nonsense"}),
    post("ada", _ADD, {**_DI, "email": "di2@example.com", "password": "x" * 80}),
    post("ada", _ADD, {**_DI, "email": "di3@example.com", "role": "queen"}),
    post("ada", _ADD, {**_DI, "email": "di4@example.com"}),
    post("ada", _ADD, {"name": "Di"}),
    post("ada", _ADD, {**_DI, "email": "di5@example.com", "profile_image_url": "javascript:alert(1)"}),
    post("ada", _ADD, {**_DI, "email": "di5@example.com", "profile_image_url": ""}),
    post("ada", _ADD, [1]),
    refused_steps("anonymous pending bob", "GET", _CONFIG),
    get("ada", _CONFIG, save={"config": "$"}),
    refused_steps("anonymous pending bob", "POST", _CONFIG, {}),
    post("ada", _CONFIG, {}),
    get("ada", "/api/v1/auths/admin/details"),
    get("bob", "/api/v1/auths/admin/details"),
    get("pending", "/api/v1/auths/admin/details"),
    refused_steps("anonymous", "GET", "/api/v1/auths/admin/details"),
    post("pending", "/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"}),
    refused_steps("pending", "POST", "/api/v1/auths/update/profile", {"name": "x", "profile_image_url": ""}),
    post("pending", "/api/v1/auths/update/password", {"password": "wrong", "new_password": "another password"}),
    # A pending user may read their own account, and nothing else.
    get("pending", "/api/v1/auths/"),
    get("pending", "/api/v1/chats/"),
    get("pending", "/api/models"),
    get("pending", "/api/config"),
    post("anonymous", "/api/v1/auths/signin", {"email": "pending@example.com", "password": PASSWORD}),
    # The administrator opens sign-up.
    post("ada", _CONFIG, "${config}"),
    post("ada", _CONFIG, {"ENABLE_SIGNUP": True, "DEFAULT_USER_ROLE": "user"}),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_SIGNUP": True, "DEFAULT_USER_ROLE": "user"})),
    post("ada", _CONFIG, Merged("${config}", {"JWT_EXPIRES_IN": "nonsense", "DEFAULT_USER_ROLE": "queen"})),
    post("ada", _CONFIG, Merged("${config}", {"I18N": {"__proto__": {}}})),
    post("ada", _CONFIG, Merged("${config}", {"I18N": {"de": {"Hello {{name}}": "Hallo"}}})),
    post("ada", _CONFIG, Merged("${config}", {"I18N": None})),
    post("ada", _CONFIG, Merged("${config}", {"I18N": {"de": {"Save": "Sichern", "Open": " "}, "fr": {}}})),
    post("ada", _CONFIG, Merged("${config}", {"I18N": {}})),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_NOTES": "perhaps"})),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_NOTES": "yes", "ENABLE_CALENDAR": 1})),
    post("ada", _CONFIG, Merged("${config}", {"SKILL_CONTENT_MAX_CHARS": 0})),
    post("ada", _CONFIG, Merged("${config}", {"SKILL_CONTENT_MAX_CHARS": 500, "SKILL_PREVIEW_MAX_CHARS": None})),
    post("ada", _CONFIG, Merged("${config}", {"FOLDER_MAX_FILE_COUNT": "5", "AUTOMATION_MAX_COUNT": 3})),
    post("ada", _CONFIG, Merged("${config}", {"FOLDER_MAX_FILE_COUNT": "", "AUTOMATION_MAX_COUNT": None})),
    post("ada", _CONFIG, Merged("${config}", {"CHANNEL_MODEL_RESPONSE_MODE": "shouting", "JWT_EXPIRES_IN": "2d"})),
    post("ada", _CONFIG, Merged("${config}", {"JWT_EXPIRES_IN": "4w", "DEFAULT_INTERFACE_SETTINGS": None})),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_SIGNUP": True, "SHOW_ADMIN_DETAILS": False})),
    get("bob", "/api/v1/auths/admin/details"),
    get("ada", _CONFIG),
    get("anonymous", "/api/config"),
    post("anonymous", "/api/v1/auths/signup", _EVE, save={"eve.token": "$.token"}),
    post("anonymous", "/api/v1/auths/signup", _EVE),
    get("eve", "/api/v1/auths/"),
)
