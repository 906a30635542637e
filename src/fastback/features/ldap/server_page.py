"""The administrator's settings of LDAP: fields of the page, keys of the configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import ldap as ldap_keys
from fastback.features.ldap.schemas import LdapServerForm
from fastback.kit.http.errors import BadRequest

FIELDS: dict[str, ConfigKey] = {
    "label": ldap_keys.LDAP_SERVER_LABEL,
    "host": ldap_keys.LDAP_SERVER_HOST,
    "port": ldap_keys.LDAP_SERVER_PORT,
    "attribute_for_mail": ldap_keys.LDAP_SERVER_ATTRIBUTE_FOR_MAIL,
    "default_email_domain": ldap_keys.LDAP_SERVER_DEFAULT_EMAIL_DOMAIN,
    "attribute_for_username": ldap_keys.LDAP_SERVER_ATTRIBUTE_FOR_USERNAME,
    "app_dn": ldap_keys.LDAP_SERVER_APP_DN,
    "app_dn_password": ldap_keys.LDAP_SERVER_APP_PASSWORD,
    "search_base": ldap_keys.LDAP_SERVER_USERS_DN,
    "search_filters": ldap_keys.LDAP_SERVER_SEARCH_FILTER,
    "use_tls": ldap_keys.LDAP_SERVER_USE_TLS,
    "certificate_path": ldap_keys.LDAP_SERVER_CA_CERT_FILE,
    "validate_cert": ldap_keys.LDAP_SERVER_VALIDATE_CERT,
    "ciphers": ldap_keys.LDAP_SERVER_CIPHERS,
    "enable_group_management": ldap_keys.LDAP_GROUP_ENABLE_MANAGEMENT,
    "enable_group_creation": ldap_keys.LDAP_GROUP_ENABLE_CREATION,
    "attribute_for_groups": ldap_keys.LDAP_SERVER_ATTRIBUTE_FOR_GROUPS,
}

_REQUIRED = ("label", "host", "attribute_for_mail", "attribute_for_username", "search_base")


def read_page(config: Config) -> dict[str, Any]:
    """Return the fields with their current values."""
    return {field: config.get(key) for field, key in FIELDS.items()}


def collect_changes(form: LdapServerForm) -> dict[str, Any]:
    """Return the configuration values of a saved page, by key.

    Raises:
        BadRequest: a required field is empty.
    """
    for field in _REQUIRED:
        if not getattr(form, field):
            raise BadRequest(f"Required field {field} is empty")
    if form.enable_group_management and not form.attribute_for_groups.strip():
        raise BadRequest("Required field attribute_for_groups is empty")
    return {FIELDS[field]: value for field, value in msgspec.structs.asdict(form).items()}
