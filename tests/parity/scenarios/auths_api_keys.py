"""API keys, the second factor, LDAP and external sign-in."""

from parity.steps import Merged, delete, flat, get, post, refused

_KEY = "/api/v1/auths/api_key"
_CONFIG = "/api/v1/auths/admin/config"

STEPS = flat(
    get("ada", _KEY),
    post("ada", _KEY, save={"ada.key": "$.api_key"}),
    get("ada", _KEY),
    get("key:ada.key", "/api/v1/auths/"),
    get("key:ada.key", "/api/v1/users/user/settings"),
    get("key:ada.key", "/api/models"),
    post("ada", _KEY, save={"ada.second": "$.api_key"}),
    get("key:ada.key", "/api/models"),
    get("key:ada.second", "/api/v1/chats/"),
    delete("ada", _KEY),
    get("ada", _KEY),
    get("key:ada.second", "/api/v1/chats/"),
    post("bob", _KEY),
    get("bob", _KEY),
    delete("bob", _KEY),
    refused("anonymous pending", "GET", _KEY),
    refused("anonymous pending", "POST", _KEY),
    # Keys for some paths only, and no keys at all.
    post("ada", _KEY, save={"ada.key": "$.api_key"}),
    get("ada", _CONFIG, save={"config": "$"}),
    post(
        "ada",
        _CONFIG,
        Merged(
            "${config}", {"ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS": True, "API_KEYS_ALLOWED_ENDPOINTS": "/api/models"}
        ),
    ),
    get("key:ada.key", "/api/models"),
    get("key:ada.key", "/api/v1/chats/"),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_API_KEYS": False})),
    get("key:ada.key", "/api/models"),
    get("ada", _KEY),
    post("ada", _KEY),
    get("ada", "/api/v1/auths/mfa/status"),
    refused("anonymous", "GET", "/api/v1/auths/mfa/status"),
    get("ada", "/api/v1/auths/admin/config/ldap"),
    get("ada", "/api/v1/auths/admin/config/ldap/server"),
    get("ada", "/api/v1/auths/admin/config/oauth"),
    refused("anonymous bob", "GET", "/api/v1/auths/admin/config/ldap"),
    refused("anonymous bob", "GET", "/api/v1/auths/admin/config/ldap/server"),
    refused("anonymous bob", "GET", "/api/v1/auths/admin/config/oauth"),
    post("ada", "/api/v1/auths/admin/config/ldap", {"enable_ldap": False}),
    post("ada", "/api/v1/auths/admin/config/ldap", {}),
    post("ada", "/api/v1/auths/admin/config/ldap/server", {"label": "x"}),
    post("anonymous", "/api/v1/auths/ldap", {"user": "u", "password": "p"}),
    post("anonymous", "/api/v1/auths/oauth/github/token/exchange", {"token": "x"}),
    delete("ada", "/api/v1/auths/oauth/sessions/github"),
)
