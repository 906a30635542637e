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

    @property
    def session_token_key(self) -> str:
        """Return the key that encrypts the stored tokens of users."""
        return self.oauth_session_token_encryption_key or self.webui_secret_key

    @property
    def client_info_key(self) -> str:
        """Return the key that encrypts the stored registrations at tool servers."""
        return self.oauth_client_info_encryption_key or self.webui_secret_key
