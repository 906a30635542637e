"""Keys of sign-in and sign-up."""

from fastback.config import variable_parsing
from fastback.config.key import define_key

WEBUI_URL = define_key("webui.url", ("WEBUI_URL",), "")
WEBHOOK_URL = define_key("webhook_url", ("WEBHOOK_URL",), "")
AUTH_ADMIN_SHOW = define_key("auth.admin.show", ("SHOW_ADMIN_DETAILS",), True)
AUTH_ADMIN_EMAIL = define_key("auth.admin.email", ("ADMIN_EMAIL",), None, variable_parsing.TEXT)
AUTH_ENABLE_API_KEYS = define_key("auth.enable_api_keys", ("ENABLE_API_KEYS", "ENABLE_API_KEY"), False)
AUTH_API_KEY_ENDPOINT_RESTRICTIONS = define_key(
    "auth.api_key.endpoint_restrictions",
    ("ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS", "ENABLE_API_KEY_ENDPOINT_RESTRICTIONS"),
    False,
)
AUTH_API_KEY_ALLOWED_ENDPOINTS = define_key(
    "auth.api_key.allowed_endpoints", ("API_KEYS_ALLOWED_ENDPOINTS", "API_KEY_ALLOWED_ENDPOINTS"), ""
)
AUTH_JWT_EXPIRY = define_key("auth.jwt_expiry", ("JWT_EXPIRES_IN",), "4w")
AUTH_MFA_ENABLE = define_key("auth.mfa.enable", ("ENABLE_MFA",), False)
AUTH_MFA_ALLOW_OAUTH_BYPASS = define_key("auth.mfa.allow_oauth_bypass", ("MFA_ALLOW_OAUTH_BYPASS",), False)
AUTH_MFA_ALLOW_TRUSTED_HEADER_BYPASS = define_key(
    "auth.mfa.allow_trusted_header_bypass", ("MFA_ALLOW_TRUSTED_HEADER_BYPASS",), False
)
