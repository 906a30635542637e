"""OAuth sign-in: keys, variables, defaults."""

from fastback.config import variable_parsing
from fastback.config.derived_defaults import roles
from fastback.config.key import Key

#: Domains between commas; an empty one is kept, as Open WebUI keeps it.
DOMAINS = variable_parsing.Reader(
    lambda text: [one.strip() for one in text.split(",")], "items separated by `,`", empty=True
)


def _share(text: str) -> str | bool:
    text = text.strip().lower()
    return text if text == "members" else text == "true"


SHARE = variable_parsing.Reader(_share, "`members`, `true` or `false`", empty=True)

KEYS = [
    Key("oauth.client.timeout", ("OAUTH_CLIENT_TIMEOUT",), ""),
    Key("oauth.enable", ("ENABLE_OAUTH",), True),
    Key("oauth.enable_signup", ("ENABLE_OAUTH_SIGNUP",), False),
    Key("oauth.auto_redirect", ("OAUTH_AUTO_REDIRECT",), False),
    Key("oauth.refresh_token.include_scope", ("OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE",), False),
    Key("oauth.merge_accounts_by_email", ("OAUTH_MERGE_ACCOUNTS_BY_EMAIL",), False),
    Key("oauth.google.client_id", ("GOOGLE_CLIENT_ID",), ""),
    Key("oauth.google.client_secret", ("GOOGLE_CLIENT_SECRET",), ""),
    Key("oauth.google.scope", ("GOOGLE_OAUTH_SCOPE",), "openid email profile"),
    Key("oauth.google.redirect_uri", ("GOOGLE_REDIRECT_URI",), ""),
    Key("oauth.microsoft.client_id", ("MICROSOFT_CLIENT_ID",), ""),
    Key("oauth.microsoft.client_secret", ("MICROSOFT_CLIENT_SECRET",), ""),
    Key("oauth.microsoft.tenant_id", ("MICROSOFT_CLIENT_TENANT_ID",), ""),
    Key("oauth.microsoft.login_base_url", ("MICROSOFT_CLIENT_LOGIN_BASE_URL",), "https://login.microsoftonline.com"),
    Key(
        "oauth.microsoft.picture_url",
        ("MICROSOFT_CLIENT_PICTURE_URL",),
        "https://graph.microsoft.com/v1.0/me/photo/$value",
    ),
    Key("oauth.microsoft.scope", ("MICROSOFT_OAUTH_SCOPE",), "openid email profile"),
    Key("oauth.microsoft.redirect_uri", ("MICROSOFT_REDIRECT_URI",), ""),
    Key("oauth.github.client_id", ("GITHUB_CLIENT_ID",), ""),
    Key("oauth.github.client_secret", ("GITHUB_CLIENT_SECRET",), ""),
    Key("oauth.github.scope", ("GITHUB_CLIENT_SCOPE",), "user:email"),
    Key("oauth.github.redirect_uri", ("GITHUB_CLIENT_REDIRECT_URI",), ""),
    Key("oauth.client_id", ("OAUTH_CLIENT_ID",), ""),
    Key("oauth.client_secret", ("OAUTH_CLIENT_SECRET",), ""),
    Key("oauth.provider_url", ("OPENID_PROVIDER_URL",), ""),
    Key("oauth.end_session_endpoint", ("OPENID_END_SESSION_ENDPOINT",), ""),
    Key("oauth.redirect_uri", ("OPENID_REDIRECT_URI",), ""),
    Key("oauth.scopes", ("OAUTH_SCOPES",), "openid email profile"),
    Key("oauth.timeout", ("OAUTH_TIMEOUT",), ""),
    Key("oauth.token_endpoint_auth_method", ("OAUTH_TOKEN_ENDPOINT_AUTH_METHOD",), None, variable_parsing.TEXT),
    Key("oauth.code_challenge_method", ("OAUTH_CODE_CHALLENGE_METHOD",), None, variable_parsing.TEXT),
    Key("oauth.provider_name", ("OAUTH_PROVIDER_NAME",), "SSO"),
    Key("oauth.sub_claim", ("OAUTH_SUB_CLAIM",), None, variable_parsing.TEXT),
    Key("oauth.username_claim", ("OAUTH_USERNAME_CLAIM",), "name"),
    Key("oauth.picture_claim", ("OAUTH_PICTURE_CLAIM",), "picture"),
    Key("oauth.email_claim", ("OAUTH_EMAIL_CLAIM",), "email"),
    Key("oauth.group_claim", ("OAUTH_GROUPS_CLAIM", "OAUTH_GROUP_CLAIM"), "groups"),
    Key("oauth.feishu.client_id", ("FEISHU_CLIENT_ID",), ""),
    Key("oauth.feishu.client_secret", ("FEISHU_CLIENT_SECRET",), ""),
    Key("oauth.feishu.scope", ("FEISHU_OAUTH_SCOPE",), "contact:user.base:readonly"),
    Key("oauth.feishu.redirect_uri", ("FEISHU_REDIRECT_URI",), ""),
    Key("oauth.enable_role_mapping", ("ENABLE_OAUTH_ROLE_MANAGEMENT",), False),
    Key("oauth.enable_group_mapping", ("ENABLE_OAUTH_GROUP_MANAGEMENT",), False),
    Key("oauth.enable_group_creation", ("ENABLE_OAUTH_GROUP_CREATION",), False),
    Key("oauth.group_default_share", ("OAUTH_GROUP_DEFAULT_SHARE",), True, SHARE),
    Key("oauth.blocked_groups", ("OAUTH_BLOCKED_GROUPS",), "[]"),
    Key("oauth.roles_claim", ("OAUTH_ROLES_CLAIM",), "roles"),
    Key("oauth.allowed_roles", (), roles("OAUTH_ALLOWED_ROLES", "user", "admin")),
    Key("oauth.admin_roles", (), roles("OAUTH_ADMIN_ROLES", "admin")),
    Key("oauth.allowed_domains", ("OAUTH_ALLOWED_DOMAINS",), ["*"], DOMAINS),
    Key("oauth.update_picture_on_login", ("OAUTH_UPDATE_PICTURE_ON_LOGIN",), False),
    Key("oauth.update_name_on_login", ("OAUTH_UPDATE_NAME_ON_LOGIN",), False),
    Key("oauth.update_email_on_login", ("OAUTH_UPDATE_EMAIL_ON_LOGIN",), False),
    Key("oauth.audience", ("OAUTH_AUDIENCE",), ""),
]
