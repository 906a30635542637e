"""The settings of a sign-in at the directory, as they are when it begins."""

from __future__ import annotations

import msgspec

from fastback.config import Config
from fastback.config.keys import ldap as ldap_keys
from fastback.settings import Settings


class DirectorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the directory, find a user in it and read their entry."""

    label: str
    host: str
    port: int | None
    #: TLS from the first byte (`ldaps`).
    use_tls: bool
    #: TLS after the request for it, on the port without TLS.
    use_starttls: bool
    ca_file: str
    validate_certificate: bool
    ciphers: str
    #: The account that searches; empty for anonymous searches.
    app_dn: str
    app_password: str
    search_base: str
    search_filter: str
    username_attribute: str
    mail_attribute: str
    default_email_domain: str
    #: Empty where the directory does not decide about groups.
    group_attribute: str

    @property
    def needs_tls(self) -> bool:
        """Return whether connections use TLS; a host may contain the scheme, which takes precedence."""
        scheme, separator, _ = self.host.lower().partition("://")
        if separator and scheme == "ldaps":
            return True
        return self.use_starttls or (self.use_tls and not separator)


def read_directory_settings(config: Config, settings: Settings) -> DirectorySettings:
    """Return the current settings."""
    port = config.get_number(ldap_keys.LDAP_SERVER_PORT)
    has_groups = config.get_bool(ldap_keys.LDAP_GROUP_ENABLE_MANAGEMENT)
    return DirectorySettings(
        label=config.get_text(ldap_keys.LDAP_SERVER_LABEL),
        host=config.get_text(ldap_keys.LDAP_SERVER_HOST).strip(),
        port=None if port is None else int(port),
        use_tls=config.get_bool(ldap_keys.LDAP_SERVER_USE_TLS),
        use_starttls=settings.fastback_ldap_starttls,
        ca_file=config.get_text(ldap_keys.LDAP_SERVER_CA_CERT_FILE),
        validate_certificate=config.get_bool(ldap_keys.LDAP_SERVER_VALIDATE_CERT),
        ciphers=config.get_text(ldap_keys.LDAP_SERVER_CIPHERS),
        app_dn=config.get_text(ldap_keys.LDAP_SERVER_APP_DN),
        app_password=config.get_text(ldap_keys.LDAP_SERVER_APP_PASSWORD),
        search_base=config.get_text(ldap_keys.LDAP_SERVER_USERS_DN),
        search_filter=config.get_text(ldap_keys.LDAP_SERVER_SEARCH_FILTER).strip(),
        username_attribute=config.get_text(ldap_keys.LDAP_SERVER_ATTRIBUTE_FOR_USERNAME).strip(),
        mail_attribute=config.get_text(ldap_keys.LDAP_SERVER_ATTRIBUTE_FOR_MAIL).strip(),
        default_email_domain=config.get_text(ldap_keys.LDAP_SERVER_DEFAULT_EMAIL_DOMAIN).strip(),
        group_attribute=config.get_text(ldap_keys.LDAP_SERVER_ATTRIBUTE_FOR_GROUPS).strip() if has_groups else "",
    )
