"""Settings of sessions, sign-in, passwords, access control and the audit log."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import describe
from fastback.settings.storage import StorageSettings


class SessionSettings(StorageSettings, frozen=True, kw_only=True):
    """Sessions and cookies"""

    webui_secret_key: Annotated[
        str,
        describe(
            "Secret key that signs sessions. When empty, a key is generated and stored in the data directory.",
            "WEBUI_JWT_SECRET_KEY",
        ),
    ] = ""
    webui_secret_key_file: Annotated[
        str, describe("File that contains the secret key; created at the first start if it does not exist.")
    ] = ""
    webui_session_cookie_same_site: Annotated[
        str, describe("`SameSite` attribute of cookies: `lax`, `strict` or `none`.", choices=("lax", "strict", "none"))
    ] = "lax"
    webui_session_cookie_secure: Annotated[bool, describe("Send cookies over HTTPS only.")] = False
    webui_auth_cookie_same_site: Annotated[
        str,
        describe(
            "`SameSite` attribute of the session cookie; the value of `WEBUI_SESSION_COOKIE_SAME_SITE` when unset.",
            choices=("lax", "strict", "none"),
        ),
    ] = ""
    webui_auth_cookie_secure: Annotated[
        bool | None,
        describe("Send the session cookie over HTTPS only; the value of `WEBUI_SESSION_COOKIE_SECURE` when unset."),
    ] = None
    webui_auth_signout_redirect_url: Annotated[
        str | None, describe("URL that the web interface opens after a sign-out.")
    ] = None
    custom_api_key_header: Annotated[str, describe("Request header that may contain an API key.")] = "x-api-key"

    @property
    def cookie_same_site(self) -> str:
        """Return the `SameSite` attribute of the session cookie."""
        return self.webui_auth_cookie_same_site or self.webui_session_cookie_same_site

    @property
    def cookie_secure(self) -> bool:
        """Return whether the session cookie is sent over HTTPS only."""
        configured = self.webui_auth_cookie_secure
        return self.webui_session_cookie_secure if configured is None else configured


class SignInSettings(SessionSettings, frozen=True, kw_only=True):
    """Sign-in"""

    webui_auth: Annotated[
        bool, describe("Require users to sign in. Turn it off only for a new installation with one user.")
    ] = True
    webui_admin_email: Annotated[str, describe("Email address of an administrator, created if there are no users.")] = (
        ""
    )
    webui_admin_password: Annotated[str, describe("Password of the administrator in `WEBUI_ADMIN_EMAIL`.")] = ""
    webui_admin_name: Annotated[str, describe("Name of the administrator in `WEBUI_ADMIN_EMAIL`.")] = "Admin"
    enable_initial_admin_signup: Annotated[
        bool, describe("Allow the first user to sign up even if the sign-up form is disabled.")
    ] = False
    enable_password_auth: Annotated[bool, describe("Allow sign-in with a password.")] = True
    enable_signup_password_confirmation: Annotated[bool, describe("Ask for the password twice at sign-up.")] = False
    webui_auth_trusted_email_header: Annotated[
        str | None,
        describe(
            "Request header in which a proxy sends the verified email address of the user, who is then signed in."
        ),
    ] = None
    webui_auth_trusted_name_header: Annotated[
        str | None, describe("Request header in which that proxy sends the name of the user.")
    ] = None
    webui_auth_trusted_groups_header: Annotated[
        str | None, describe("Request header in which that proxy sends the groups of the user, separated by `,`.")
    ] = None
    webui_auth_trusted_role_header: Annotated[
        str | None, describe("Request header in which that proxy sends the role of the user.")
    ] = None
    fastback_ldap_starttls: Annotated[
        bool,
        describe(
            "Start TLS (StartTLS) on connections to the LDAP server on its port without TLS, mostly 389; for servers "
            "without `ldaps`. Switch *TLS* off in the page of settings then (`LDAP_USE_TLS=false`)."
        ),
    ] = False
    mfa_encryption_key: Annotated[
        str,
        describe(
            "Key (Fernet: 32 bytes in URL-safe base64) that encrypts the secrets of authenticators; derived from "
            "`WEBUI_SECRET_KEY` when empty."
        ),
    ] = ""
    password_hash_algorithm: Annotated[
        str, describe("Algorithm for hashes of new passwords: `bcrypt` or `argon2`.", choices=("bcrypt", "argon2"))
    ] = "bcrypt"
    enable_password_validation: Annotated[
        bool, describe("Reject new passwords that do not match `PASSWORD_VALIDATION_REGEX_PATTERN`.")
    ] = False
    password_validation_regex_pattern: Annotated[str, describe("Regular expression that a valid password matches.")] = (
        r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,}$"
    )
    password_validation_hint: Annotated[str, describe("Text shown to a user whose new password is rejected.")] = ""


class ScimSettings(SignInSettings, frozen=True, kw_only=True):
    """SCIM"""

    enable_scim: Annotated[
        bool,
        describe("Let an identity provider manage users and groups, at `/api/v1/scim/v2`.", "SCIM_ENABLED"),
    ] = False
    scim_token: Annotated[str, describe("Bearer token that the identity provider sends.")] = ""
    scim_auth_provider: Annotated[
        str,
        describe(
            "Name of the identity provider under which its ids of users are stored: that of the OAuth provider "
            "with which users sign in, such as `microsoft` or `oidc`."
        ),
    ] = ""


class AccessSettings(ScimSettings, frozen=True, kw_only=True):
    """Access control"""

    bypass_model_access_control: Annotated[bool, describe("Allow every user to use every model.")] = False
    bypass_admin_access_control: Annotated[
        bool,
        describe("Allow administrators to see all content of the workspace.", "ENABLE_ADMIN_WORKSPACE_CONTENT_ACCESS"),
    ] = True
    enable_admin_chat_access: Annotated[bool, describe("Allow administrators to read the chats of users.")] = True
    enable_admin_export: Annotated[bool, describe("Allow administrators to export all data.")] = True
    enable_admin_analytics: Annotated[bool, describe("Show analytics to administrators.")] = True
    default_group_share_permission: Annotated[
        str,
        describe(
            "Who may share with a new group: `members`, `true` (everyone) or `false` (no one).",
            choices=("members", "true", "false"),
        ),
    ] = "members"

    @property
    def default_group_share(self) -> str | bool:
        """Return `"members"`, True or False, as groups store it."""
        configured = self.default_group_share_permission
        return configured if configured == "members" else configured == "true"


class AuditSettings(AccessSettings, frozen=True, kw_only=True):
    """Audit log"""

    audit_log_level: Annotated[
        str,
        describe(
            "What is recorded of a request: `NONE`, `METADATA`, `REQUEST` (adds the request body) or "
            "`REQUEST_RESPONSE` (adds both bodies).",
            choices=("NONE", "METADATA", "REQUEST", "REQUEST_RESPONSE"),
        ),
    ] = "NONE"
    enable_audit_stdout: Annotated[bool, describe("Write the audit log to standard output.")] = False
    enable_audit_logs_file: Annotated[bool, describe("Write the audit log to a file.")] = True
    audit_logs_file_path: Annotated[
        str, describe("Path of the audit log file; `audit.log` in the data directory when empty.")
    ] = ""
    audit_log_file_rotation_size: Annotated[
        str,
        describe("Size at which a new audit log file starts, such as `10MB`.", pattern=r"(?i)\d+(\.\d+)?\s*[kmgt]?i?b"),
    ] = "10MB"
    max_body_log_size: Annotated[int, describe("Number of bytes of a body that are recorded.", minimum=0)] = 2048
    audit_excluded_paths: Annotated[str, describe("Paths that are not recorded, separated by `,`.")] = (
        "/chats,/chat,/folders"
    )
    audit_included_paths: Annotated[str, describe("If set, the only paths that are recorded, separated by `,`.")] = ""
    enable_audit_get_requests: Annotated[bool, describe("Record `GET` requests, too.")] = False
