"""Keys of OAuth sign-in."""

from fastback.config import variable_parsing
from fastback.config.derived_defaults import derive_roles
from fastback.config.key import define_key

#: Domains separated by commas; empty items stay, as in Open WebUI.
DOMAINS_PARSER = variable_parsing.VariableParser(
    lambda text: [domain.strip() for domain in text.split(",")], "items separated by `,`", accepts_empty=True
)


def _parse_share(text: str) -> str | bool:
    text = text.strip().lower()
    return text if text == "members" else text == "true"


SHARE_PARSER = variable_parsing.VariableParser(_parse_share, "`members`, `true` or `false`", accepts_empty=True)

OAUTH_CLIENT_TIMEOUT = define_key("oauth.client.timeout", ("OAUTH_CLIENT_TIMEOUT",), "")
OAUTH_ENABLE = define_key("oauth.enable", ("ENABLE_OAUTH",), True)
OAUTH_ENABLE_SIGNUP = define_key("oauth.enable_signup", ("ENABLE_OAUTH_SIGNUP",), False)
OAUTH_AUTO_REDIRECT = define_key("oauth.auto_redirect", ("OAUTH_AUTO_REDIRECT",), False)
OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE = define_key(
    "oauth.refresh_token.include_scope", ("OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE",), False
)
OAUTH_MERGE_ACCOUNTS_BY_EMAIL = define_key("oauth.merge_accounts_by_email", ("OAUTH_MERGE_ACCOUNTS_BY_EMAIL",), False)
OAUTH_GOOGLE_CLIENT_ID = define_key("oauth.google.client_id", ("GOOGLE_CLIENT_ID",), "")
OAUTH_GOOGLE_CLIENT_SECRET = define_key("oauth.google.client_secret", ("GOOGLE_CLIENT_SECRET",), "")
OAUTH_GOOGLE_SCOPE = define_key("oauth.google.scope", ("GOOGLE_OAUTH_SCOPE",), "openid email profile")
OAUTH_GOOGLE_REDIRECT_URI = define_key("oauth.google.redirect_uri", ("GOOGLE_REDIRECT_URI",), "")
OAUTH_MICROSOFT_CLIENT_ID = define_key("oauth.microsoft.client_id", ("MICROSOFT_CLIENT_ID",), "")
OAUTH_MICROSOFT_CLIENT_SECRET = define_key("oauth.microsoft.client_secret", ("MICROSOFT_CLIENT_SECRET",), "")
OAUTH_MICROSOFT_TENANT_ID = define_key("oauth.microsoft.tenant_id", ("MICROSOFT_CLIENT_TENANT_ID",), "")
OAUTH_MICROSOFT_LOGIN_BASE_URL = define_key(
    "oauth.microsoft.login_base_url", ("MICROSOFT_CLIENT_LOGIN_BASE_URL",), "https://login.microsoftonline.com"
)
OAUTH_MICROSOFT_PICTURE_URL = define_key(
    "oauth.microsoft.picture_url",
    ("MICROSOFT_CLIENT_PICTURE_URL",),
    "https://graph.microsoft.com/v1.0/me/photo/$value",
)
OAUTH_MICROSOFT_SCOPE = define_key("oauth.microsoft.scope", ("MICROSOFT_OAUTH_SCOPE",), "openid email profile")
OAUTH_MICROSOFT_REDIRECT_URI = define_key("oauth.microsoft.redirect_uri", ("MICROSOFT_REDIRECT_URI",), "")
OAUTH_GITHUB_CLIENT_ID = define_key("oauth.github.client_id", ("GITHUB_CLIENT_ID",), "")
OAUTH_GITHUB_CLIENT_SECRET = define_key("oauth.github.client_secret", ("GITHUB_CLIENT_SECRET",), "")
OAUTH_GITHUB_SCOPE = define_key("oauth.github.scope", ("GITHUB_CLIENT_SCOPE",), "user:email")
OAUTH_GITHUB_REDIRECT_URI = define_key("oauth.github.redirect_uri", ("GITHUB_CLIENT_REDIRECT_URI",), "")
OAUTH_CLIENT_ID = define_key("oauth.client_id", ("OAUTH_CLIENT_ID",), "")
OAUTH_CLIENT_SECRET = define_key("oauth.client_secret", ("OAUTH_CLIENT_SECRET",), "")
OAUTH_PROVIDER_URL = define_key("oauth.provider_url", ("OPENID_PROVIDER_URL",), "")
OAUTH_END_SESSION_ENDPOINT = define_key("oauth.end_session_endpoint", ("OPENID_END_SESSION_ENDPOINT",), "")
OAUTH_REDIRECT_URI = define_key("oauth.redirect_uri", ("OPENID_REDIRECT_URI",), "")
OAUTH_SCOPES = define_key("oauth.scopes", ("OAUTH_SCOPES",), "openid email profile")
OAUTH_TIMEOUT = define_key("oauth.timeout", ("OAUTH_TIMEOUT",), "")
OAUTH_TOKEN_ENDPOINT_AUTH_METHOD = define_key(
    "oauth.token_endpoint_auth_method", ("OAUTH_TOKEN_ENDPOINT_AUTH_METHOD",), None, variable_parsing.TEXT
)
OAUTH_CODE_CHALLENGE_METHOD = define_key(
    "oauth.code_challenge_method", ("OAUTH_CODE_CHALLENGE_METHOD",), None, variable_parsing.TEXT
)
OAUTH_PROVIDER_NAME = define_key("oauth.provider_name", ("OAUTH_PROVIDER_NAME",), "SSO")
OAUTH_SUB_CLAIM = define_key("oauth.sub_claim", ("OAUTH_SUB_CLAIM",), None, variable_parsing.TEXT)
OAUTH_USERNAME_CLAIM = define_key("oauth.username_claim", ("OAUTH_USERNAME_CLAIM",), "name")
OAUTH_PICTURE_CLAIM = define_key("oauth.picture_claim", ("OAUTH_PICTURE_CLAIM",), "picture")
OAUTH_EMAIL_CLAIM = define_key("oauth.email_claim", ("OAUTH_EMAIL_CLAIM",), "email")
OAUTH_GROUP_CLAIM = define_key("oauth.group_claim", ("OAUTH_GROUPS_CLAIM", "OAUTH_GROUP_CLAIM"), "groups")
OAUTH_FEISHU_CLIENT_ID = define_key("oauth.feishu.client_id", ("FEISHU_CLIENT_ID",), "")
OAUTH_FEISHU_CLIENT_SECRET = define_key("oauth.feishu.client_secret", ("FEISHU_CLIENT_SECRET",), "")
OAUTH_FEISHU_SCOPE = define_key("oauth.feishu.scope", ("FEISHU_OAUTH_SCOPE",), "contact:user.base:readonly")
OAUTH_FEISHU_REDIRECT_URI = define_key("oauth.feishu.redirect_uri", ("FEISHU_REDIRECT_URI",), "")
OAUTH_ENABLE_ROLE_MAPPING = define_key("oauth.enable_role_mapping", ("ENABLE_OAUTH_ROLE_MANAGEMENT",), False)
OAUTH_ENABLE_GROUP_MAPPING = define_key("oauth.enable_group_mapping", ("ENABLE_OAUTH_GROUP_MANAGEMENT",), False)
OAUTH_ENABLE_GROUP_CREATION = define_key("oauth.enable_group_creation", ("ENABLE_OAUTH_GROUP_CREATION",), False)
OAUTH_GROUP_DEFAULT_SHARE = define_key("oauth.group_default_share", ("OAUTH_GROUP_DEFAULT_SHARE",), True, SHARE_PARSER)
OAUTH_BLOCKED_GROUPS = define_key("oauth.blocked_groups", ("OAUTH_BLOCKED_GROUPS",), "[]")
OAUTH_ROLES_CLAIM = define_key("oauth.roles_claim", ("OAUTH_ROLES_CLAIM",), "roles")
OAUTH_ALLOWED_ROLES = define_key("oauth.allowed_roles", (), derive_roles("OAUTH_ALLOWED_ROLES", "user", "admin"))
OAUTH_ADMIN_ROLES = define_key("oauth.admin_roles", (), derive_roles("OAUTH_ADMIN_ROLES", "admin"))
OAUTH_ALLOWED_DOMAINS = define_key("oauth.allowed_domains", ("OAUTH_ALLOWED_DOMAINS",), ["*"], DOMAINS_PARSER)
OAUTH_UPDATE_PICTURE_ON_LOGIN = define_key("oauth.update_picture_on_login", ("OAUTH_UPDATE_PICTURE_ON_LOGIN",), False)
OAUTH_UPDATE_NAME_ON_LOGIN = define_key("oauth.update_name_on_login", ("OAUTH_UPDATE_NAME_ON_LOGIN",), False)
OAUTH_UPDATE_EMAIL_ON_LOGIN = define_key("oauth.update_email_on_login", ("OAUTH_UPDATE_EMAIL_ON_LOGIN",), False)
OAUTH_AUDIENCE = define_key("oauth.audience", ("OAUTH_AUDIENCE",), "")
