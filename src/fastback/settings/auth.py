"""Settings: sessions, sign-in, passwords, what administrators may do, the audit log."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import about
from fastback.settings.storage import Storages


class Sessions(Storages, frozen=True, kw_only=True):
    """Sessions and cookies"""

    webui_secret_key: Annotated[
        str, about("Signs sessions. When empty, one is made and kept in the data directory.", "WEBUI_JWT_SECRET_KEY")
    ] = ""
    webui_secret_key_file: Annotated[
        str, about("File that holds the secret key, made at the first start if there is none.")
    ] = ""
    webui_session_cookie_same_site: Annotated[
        str, about("SameSite of cookies: `lax`, `strict` or `none`.", choices=("lax", "strict", "none"))
    ] = "lax"
    webui_session_cookie_secure: Annotated[bool, about("Cookies only over HTTPS.")] = False
    webui_auth_cookie_same_site: Annotated[
        str, about("SameSite of the session's cookie; as above when unset.", choices=("lax", "strict", "none"))
    ] = ""
    webui_auth_cookie_secure: Annotated[
        bool | None, about("The session's cookie only over HTTPS; as above when unset.")
    ] = None
    webui_auth_signout_redirect_url: Annotated[str | None, about("Where the page goes after a sign-out.")] = None
    custom_api_key_header: Annotated[str, about("Header that may carry an API key.")] = "x-api-key"

    @property
    def cookie_same_site(self) -> str:
        """SameSite of the session's cookie."""
        return self.webui_auth_cookie_same_site or self.webui_session_cookie_same_site

    @property
    def cookie_secure(self) -> bool:
        """Whether the session's cookie goes over HTTPS alone."""
        chosen = self.webui_auth_cookie_secure
        return self.webui_session_cookie_secure if chosen is None else chosen


class SignIn(Sessions, frozen=True, kw_only=True):
    """Sign-in"""

    webui_auth: Annotated[bool, about("Ask people to sign in; off only for a fresh installation of one user.")] = True
    webui_admin_email: Annotated[str, about("Makes this administrator where there are no users.")] = ""
    webui_admin_password: Annotated[str, about("Password of that administrator.")] = ""
    webui_admin_name: Annotated[str, about("Name of that administrator.")] = "Admin"
    enable_initial_admin_signup: Annotated[bool, about("Let the first user sign up even where the form is off.")] = (
        False
    )
    enable_password_auth: Annotated[bool, about("Sign in with a password.")] = True
    enable_signup_password_confirmation: Annotated[bool, about("Ask for the password twice on sign-up.")] = False
    webui_auth_trusted_email_header: Annotated[str | None, about("Header in which a proxy vouches for an address.")] = (
        None
    )
    webui_auth_trusted_name_header: Annotated[str | None, about("Header with the user's name.")] = None
    webui_auth_trusted_groups_header: Annotated[str | None, about("Header with groups, separated by `,`.")] = None
    webui_auth_trusted_role_header: Annotated[str | None, about("Header with the user's role.")] = None
    password_hash_algorithm: Annotated[
        str, about("How new passwords are kept: `bcrypt` or `argon2`.", choices=("bcrypt", "argon2"))
    ] = "bcrypt"
    enable_password_validation: Annotated[bool, about("Check new passwords against the pattern.")] = False
    password_validation_regex_pattern: Annotated[str, about("Regular expression of a good password.")] = (
        r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,}$"
    )
    password_validation_hint: Annotated[str, about("What to tell who chose a bad one.")] = ""


class Powers(SignIn, frozen=True, kw_only=True):
    """Who may do what"""

    bypass_model_access_control: Annotated[bool, about("Every user may use every model.")] = False
    bypass_admin_access_control: Annotated[
        bool, about("Administrators see everything of the workspace.", "ENABLE_ADMIN_WORKSPACE_CONTENT_ACCESS")
    ] = True
    enable_admin_chat_access: Annotated[bool, about("Administrators may read chats of users.")] = True
    enable_admin_export: Annotated[bool, about("Administrators may export all data.")] = True
    enable_admin_analytics: Annotated[bool, about("Administrators see analytics.")] = True
    default_group_share_permission: Annotated[
        str,
        about(
            "Who may share with a new group: `members`, `true` (anyone) or `false` (nobody).",
            choices=("members", "true", "false"),
        ),
    ] = "members"

    @property
    def default_group_share(self) -> str | bool:
        """`"members"`, True or False, as groups store it."""
        chosen = self.default_group_share_permission
        return chosen if chosen == "members" else chosen == "true"


class Audit(Powers, frozen=True, kw_only=True):
    """Audit log"""

    audit_log_level: Annotated[
        str,
        about(
            "`NONE`, `METADATA`, `REQUEST` (with what was asked) or `REQUEST_RESPONSE` (with the answer, too).",
            choices=("NONE", "METADATA", "REQUEST", "REQUEST_RESPONSE"),
        ),
    ] = "NONE"
    enable_audit_stdout: Annotated[bool, about("Write it to standard output.")] = False
    enable_audit_logs_file: Annotated[bool, about("Write it to a file.")] = True
    audit_logs_file_path: Annotated[str, about("That file; `audit.log` in the data directory when empty.")] = ""
    audit_log_file_rotation_size: Annotated[
        str, about("Size at which a new file begins, such as `10MB`.", pattern=r"(?i)\d+(\.\d+)?\s*[kmgt]?i?b")
    ] = "10MB"
    max_body_log_size: Annotated[int, about("Bytes of a body that are kept.", least=0)] = 2048
    audit_excluded_paths: Annotated[str, about("Paths left out, separated by `,`.")] = "/chats,/chat,/folders"
    audit_included_paths: Annotated[str, about("If set, the only paths that are kept, separated by `,`.")] = ""
    enable_audit_get_requests: Annotated[bool, about("Keep requests that only read, too.")] = False
