"""Configured providers. An administrator's change of the configuration has effect with the next sign-in."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import oauth as keys
from fastback.features.oauth.metadata import Metadata
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

#: Seconds that a provider may take to answer where `oauth.timeout` names none.
DEFAULT_TIMEOUT = 10.0

_GOOGLE_METADATA_URL = "https://accounts.google.com/.well-known/openid-configuration"
_GITHUB = Metadata(
    authorization_endpoint="https://github.com/login/oauth/authorize",
    token_endpoint="https://github.com/login/oauth/access_token",
    userinfo_endpoint="https://api.github.com/user",
)
#: Where GitHub lists the addresses of a user whose profile shows none.
GITHUB_EMAILS_URL = "https://api.github.com/user/emails"
_FEISHU = Metadata(
    authorization_endpoint="https://accounts.feishu.cn/open-apis/authen/v1/authorize",
    token_endpoint="https://open.feishu.cn/open-apis/authen/v2/oauth/token",
    userinfo_endpoint="https://open.feishu.cn/open-apis/authen/v1/user_info",
)


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, and this server's registration there.

    Attributes:
        name: how addresses and stored accounts name it: `google`, `microsoft`, `github`, `oidc` or `feishu`.
        label: how the page names it.
        metadata_url: where it describes itself; empty where `metadata` does.
        redirect_uri: where it sends browsers back to; empty: to this server's own address.
        auth_method: how this server identifies itself; empty: by the secret in a header, where there is one.
        sub_claim: the claim that identifies a user.
        picture_url: where the picture of a user is, if no claim says so.
        authorize_params: parameters of the authorization request.
        timeout: seconds that it may take to answer.
    """

    name: str
    label: str
    client_id: str
    client_secret: str
    scope: str
    metadata_url: str = ""
    metadata: Metadata | None = None
    redirect_uri: str = ""
    auth_method: str = ""
    uses_pkce: bool = False
    sub_claim: str = "sub"
    picture_url: str = ""
    authorize_params: dict[str, str] = {}
    timeout: float = DEFAULT_TIMEOUT

    @property
    def effective_auth_method(self) -> str:
        """Return how this server identifies itself at the token endpoint."""
        return self.auth_method or ("client_secret_basic" if self.client_secret else "none")

    @property
    def uses_openid(self) -> bool:
        """Return whether ID tokens are requested."""
        return "openid" in self.scope.split()


def parse_parameters(text: str, variable: str) -> dict[str, str]:
    """Return the parameters that a variable holds as a JSON object; an invalid text is logged and skipped."""
    if not text:
        return {}
    try:
        values = msgspec.json.decode(text, type=dict[str, str | int | float | bool])
    except (msgspec.DecodeError, ValueError):
        log.warning("%s is not a JSON object of texts, skipped", variable)
        return {}
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in values.items()
    }


class Providers:
    """Finds the configured providers by name."""

    def __init__(self, config: Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings

    def list_labels(self) -> dict[str, str]:
        """Return the names of the providers that the page offers, with their labels."""
        if not self._config.get_bool(keys.OAUTH_ENABLE):
            return {}
        return {provider.name: provider.label for provider in self.list_all()}

    def find(self, name: str) -> Provider | None:
        """Return a configured provider; None for any other name, and while sign-in by OAuth is switched off."""
        if not self._config.get_bool(keys.OAUTH_ENABLE):
            return None
        return self.find_configured(name)

    def find_configured(self, name: str) -> Provider | None:
        """Return a configured provider, also while sign-in by OAuth is switched off: its tokens stay in use."""
        return next((provider for provider in self.list_all() if provider.name == name), None)

    def list_all(self) -> list[Provider]:
        """List the configured providers."""
        candidates = (
            self._make_google(),
            self._make_microsoft(),
            self._make_github(),
            self._make_openid_provider(),
            self._make_feishu(),
        )
        return [provider for provider in candidates if provider is not None]

    def _get(self, key: ConfigKey) -> str:
        return self._config.get_text(key).strip()

    @property
    def _timeout(self) -> float:
        seconds = self._config.get_number(keys.OAUTH_TIMEOUT)
        return seconds if seconds is not None and seconds > 0 else DEFAULT_TIMEOUT

    @property
    def _uses_pkce(self) -> bool:
        method = self._get(keys.OAUTH_CODE_CHALLENGE_METHOD)
        if method not in ("", "S256"):
            log.warning("code challenge method %r is not supported, S256 is used", method)
        return bool(method)

    def _make_common(self, **fields: Any) -> Provider:
        return Provider(uses_pkce=self._uses_pkce, timeout=self._timeout, **fields)

    def _make_google(self) -> Provider | None:
        client_id, secret = self._get(keys.OAUTH_GOOGLE_CLIENT_ID), self._get(keys.OAUTH_GOOGLE_CLIENT_SECRET)
        if not client_id or not secret:
            return None
        return self._make_common(
            name="google",
            label="google",
            client_id=client_id,
            client_secret=secret,
            scope=self._get(keys.OAUTH_GOOGLE_SCOPE),
            metadata_url=_GOOGLE_METADATA_URL,
            redirect_uri=self._get(keys.OAUTH_GOOGLE_REDIRECT_URI),
            authorize_params=parse_parameters(
                self._settings.google_oauth_authorize_params, "GOOGLE_OAUTH_AUTHORIZE_PARAMS"
            ),
        )

    def _make_microsoft(self) -> Provider | None:
        client_id, secret = self._get(keys.OAUTH_MICROSOFT_CLIENT_ID), self._get(keys.OAUTH_MICROSOFT_CLIENT_SECRET)
        tenant = self._get(keys.OAUTH_MICROSOFT_TENANT_ID)
        if not client_id or not secret or not tenant:
            return None
        base_url = self._get(keys.OAUTH_MICROSOFT_LOGIN_BASE_URL)
        return self._make_common(
            name="microsoft",
            label="microsoft",
            client_id=client_id,
            client_secret=secret,
            scope=self._get(keys.OAUTH_MICROSOFT_SCOPE),
            metadata_url=f"{base_url}/{tenant}/v2.0/.well-known/openid-configuration?appid={client_id}",
            redirect_uri=self._get(keys.OAUTH_MICROSOFT_REDIRECT_URI),
            picture_url=self._get(keys.OAUTH_MICROSOFT_PICTURE_URL),
        )

    def _make_github(self) -> Provider | None:
        client_id, secret = self._get(keys.OAUTH_GITHUB_CLIENT_ID), self._get(keys.OAUTH_GITHUB_CLIENT_SECRET)
        if not client_id or not secret:
            return None
        return self._make_common(
            name="github",
            label="github",
            client_id=client_id,
            client_secret=secret,
            scope=self._get(keys.OAUTH_GITHUB_SCOPE),
            metadata=_GITHUB,
            redirect_uri=self._get(keys.OAUTH_GITHUB_REDIRECT_URI),
            sub_claim="id",
        )

    def _make_openid_provider(self) -> Provider | None:
        client_id, secret = self._get(keys.OAUTH_CLIENT_ID), self._get(keys.OAUTH_CLIENT_SECRET)
        metadata_url = self._get(keys.OAUTH_PROVIDER_URL)
        if not client_id or not metadata_url or not (secret or self._uses_pkce):
            return None
        return self._make_common(
            name="oidc",
            label=self._get(keys.OAUTH_PROVIDER_NAME),
            client_id=client_id,
            client_secret=secret,
            scope=self._get(keys.OAUTH_SCOPES),
            metadata_url=metadata_url,
            redirect_uri=self._get(keys.OAUTH_REDIRECT_URI),
            auth_method=self._get(keys.OAUTH_TOKEN_ENDPOINT_AUTH_METHOD),
        )

    def _make_feishu(self) -> Provider | None:
        client_id, secret = self._get(keys.OAUTH_FEISHU_CLIENT_ID), self._get(keys.OAUTH_FEISHU_CLIENT_SECRET)
        if not client_id or not secret:
            return None
        return Provider(
            name="feishu",
            label="feishu",
            client_id=client_id,
            client_secret=secret,
            scope=self._get(keys.OAUTH_FEISHU_SCOPE),
            metadata=_FEISHU,
            redirect_uri=self._get(keys.OAUTH_FEISHU_REDIRECT_URI),
            sub_claim="user_id",
            timeout=self._timeout,
        )
