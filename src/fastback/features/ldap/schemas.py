"""Request bodies of signing in with LDAP and of its settings."""

from __future__ import annotations

import msgspec


class LdapCredentials(msgspec.Struct):
    user: str
    password: str


class LdapSwitch(msgspec.Struct):
    enable_ldap: bool | None = None


class LdapServerForm(msgspec.Struct):
    label: str
    host: str
    app_dn: str
    app_dn_password: str
    search_base: str
    port: int | None = None
    attribute_for_mail: str = "mail"
    default_email_domain: str = ""
    attribute_for_username: str = "uid"
    search_filters: str = ""
    use_tls: bool = True
    certificate_path: str | None = None
    validate_cert: bool = True
    ciphers: str | None = "ALL"
    enable_group_management: bool = False
    enable_group_creation: bool = False
    attribute_for_groups: str = "memberOf"
