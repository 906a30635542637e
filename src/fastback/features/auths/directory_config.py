"""The administrator's settings of LDAP: fields of the page, keys of the configuration. Signing in comes later."""

from __future__ import annotations

from typing import Any

from fastback.config import Config
from fastback.kit.http.errors import BadRequest, Invalid

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
_PRESENT = ("label", "host", "app_dn", "app_dn_password", "search_base")


def current(config: Config, fields: dict[str, str]) -> dict[str, Any]:
    """The fields as they stand."""
    return {field: config.get(key) for field, key in fields.items()}


def ldap_updates(data: dict[str, Any]) -> dict[str, Any]:
    """The changes that a saved page asks for.

    Raises:
        Invalid: a field is missing. BadRequest: a required one is empty.
    """
    missing = [
        {"type": "missing", "loc": ["body", field], "msg": "Field required", "input": data}
        for field in _PRESENT
        if field not in data
    ]
    if missing:
        raise Invalid(missing)
    for field in _REQUIRED:
        if field in data and not data[field]:
            raise BadRequest(f"Required field {field} is empty")
    return {LDAP[field]: value for field, value in data.items() if field in LDAP}
