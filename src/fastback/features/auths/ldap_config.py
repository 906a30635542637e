"""The administrator's settings of LDAP: fields of the page, keys of the configuration. Signing in comes later."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config import Config
from fastback.kit.http.errors import BadRequest

LDAP: dict[str, str] = {
    "label": "ldap.server.label",
    "host": "ldap.server.host",
    "port": "ldap.server.port",
    "attribute_for_mail": "ldap.server.attribute_for_mail",
    "default_email_domain": "ldap.server.default_email_domain",
    "attribute_for_username": "ldap.server.attribute_for_username",
    "app_dn": "ldap.server.app_dn",
    "app_dn_password": "ldap.server.app_password",
    "search_base": "ldap.server.users_dn",
    "search_filters": "ldap.server.search_filter",
    "use_tls": "ldap.server.use_tls",
    "certificate_path": "ldap.server.ca_cert_file",
    "validate_cert": "ldap.server.validate_cert",
    "ciphers": "ldap.server.ciphers",
    "enable_group_management": "ldap.group.enable_management",
    "enable_group_creation": "ldap.group.enable_creation",
    "attribute_for_groups": "ldap.server.attribute_for_groups",
}

_REQUIRED = ("label", "host", "attribute_for_mail", "attribute_for_username", "search_base")


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


def current(config: Config, fields: dict[str, str]) -> dict[str, Any]:
    """The fields as they stand."""
    return {field: config.get(key) for field, key in fields.items()}


def ldap_updates(form: LdapServerForm) -> dict[str, Any]:
    """The changes that a saved page asks for.

    Raises:
        BadRequest: a required field is empty.
    """
    for field in _REQUIRED:
        if not getattr(form, field):
            raise BadRequest(f"Required field {field} is empty")
    if form.enable_group_management and not form.attribute_for_groups.strip():
        raise BadRequest("Required field attribute_for_groups is empty")
    return {LDAP[field]: value for field, value in msgspec.structs.asdict(form).items()}
