"""Settings of sign-in by OAuth 2 and OpenID Connect, and of the tokens that providers issue."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.auth import AuditSettings
from fastback.settings.field import describe


class OAuthSettings(AuditSettings, frozen=True, kw_only=True):
    """OAuth"""

    oauth_session_token_encryption_key: Annotated[
        str, describe("Key that encrypts the stored tokens of users; the secret key when empty.")
    ] = ""
    oauth_client_info_encryption_key: Annotated[
        str, describe("Key that encrypts the stored registrations at tool servers; the secret key when empty.")
    ] = ""

    oauth_max_sessions_per_user: Annotated[
        int, describe("Number of sessions at a provider that are stored for a user; the oldest are deleted.", minimum=1)
    ] = 10
    enable_oauth_email_fallback: Annotated[
        bool, describe("Sign in users without an email address, with an address made of provider and subject.")
    ] = False
    enable_oauth_id_token_cookie: Annotated[
        bool, describe("Store the ID token in the cookie `oauth_id_token`, for tools that read it.")
    ] = True
    oauth_access_token_request_include_client_id: Annotated[
        bool, describe("Send the client ID in the form of token requests, beside the `Authorization` header.")
    ] = False
    oauth_authorize_params: Annotated[
        str, describe("Further parameters of authorization requests, as a JSON object.")
    ] = ""
    google_oauth_authorize_params: Annotated[
        str, describe("Further parameters of authorization requests to Google, as a JSON object.")
    ] = ""
    oauth_groups_separator: Annotated[
        str, describe("Separator of the groups in a claim that is a text and not a list.")
    ] = ";"
    oauth_roles_separator: Annotated[
        str,
        describe(
            "Separator of the roles in a claim that is a text, and in `OAUTH_ALLOWED_ROLES` and `OAUTH_ADMIN_ROLES`."
        ),
    ] = ","
    enable_oauth_backchannel_logout: Annotated[
        bool, describe("Let providers end sessions: accept `POST /oauth/backchannel-logout`.")
    ] = False
    enable_oauth_token_exchange: Annotated[
        bool, describe("Let programs exchange access tokens of a provider for sessions.")
    ] = False
    oauth_token_exchange_rate_limit: Annotated[
        int | None,
        describe("Number of exchanges of tokens that an address may request; no limit when empty.", minimum=0),
    ] = None
    oauth_token_exchange_rate_limit_window: Annotated[
        int, describe("Seconds in which `OAUTH_TOKEN_EXCHANGE_RATE_LIMIT` applies.", minimum=1)
    ] = 180
    oauth_token_exchange_trusted_client_ids: Annotated[
        str,
        describe(
            "Clients whose tokens may be exchanged, separated by `,`; the provider is asked for a token's client. "
            "When empty, tokens of all clients are accepted."
        ),
    ] = ""

    @property
    def session_token_key(self) -> str:
        """Return the key that encrypts the stored tokens of users."""
        return self.oauth_session_token_encryption_key or self.webui_secret_key

    @property
    def client_info_key(self) -> str:
        """Return the key that encrypts the stored registrations at tool servers."""
        return self.oauth_client_info_encryption_key or self.webui_secret_key
