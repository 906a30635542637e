"""Sign-in and sign-up: keys, variables, defaults."""

from fastback.config import variable_parsing
from fastback.config.key import Key

KEYS = [
    Key("webui.url", ("WEBUI_URL",), ""),
    Key("webhook_url", ("WEBHOOK_URL",), ""),
    Key("auth.admin.show", ("SHOW_ADMIN_DETAILS",), True),
    Key("auth.admin.email", ("ADMIN_EMAIL",), None, variable_parsing.TEXT),
    Key("auth.enable_api_keys", ("ENABLE_API_KEYS", "ENABLE_API_KEY"), False),
    Key(
        "auth.api_key.endpoint_restrictions",
        ("ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS", "ENABLE_API_KEY_ENDPOINT_RESTRICTIONS"),
        False,
    ),
    Key("auth.api_key.allowed_endpoints", ("API_KEYS_ALLOWED_ENDPOINTS", "API_KEY_ALLOWED_ENDPOINTS"), ""),
    Key("auth.jwt_expiry", ("JWT_EXPIRES_IN",), "4w"),
    Key("auth.mfa.enable", ("ENABLE_MFA",), False),
    Key("auth.mfa.allow_oauth_bypass", ("MFA_ALLOW_OAUTH_BYPASS",), False),
    Key("auth.mfa.allow_trusted_header_bypass", ("MFA_ALLOW_TRUSTED_HEADER_BYPASS",), False),
]
