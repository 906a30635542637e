"""LDAP sign-in: keys, variables, defaults."""

from fastback.config.key import Key

KEYS = [
    Key("ldap.enable", ("ENABLE_LDAP",), False),
    Key("ldap.server.label", ("LDAP_SERVER_LABEL",), "LDAP Server"),
    Key("ldap.server.host", ("LDAP_SERVER_HOST",), "localhost"),
    Key("ldap.server.port", ("LDAP_SERVER_PORT",), 389),
    Key("ldap.server.attribute_for_mail", ("LDAP_ATTRIBUTE_FOR_MAIL",), "mail"),
    Key("ldap.server.default_email_domain", ("LDAP_DEFAULT_EMAIL_DOMAIN",), ""),
    Key("ldap.server.attribute_for_username", ("LDAP_ATTRIBUTE_FOR_USERNAME",), "uid"),
    Key("ldap.server.app_dn", ("LDAP_APP_DN",), ""),
    Key("ldap.server.app_password", ("LDAP_APP_PASSWORD",), ""),
    Key("ldap.server.users_dn", ("LDAP_SEARCH_BASE",), ""),
    Key("ldap.server.search_filter", ("LDAP_SEARCH_FILTER", "LDAP_SEARCH_FILTERS"), ""),
    Key("ldap.server.use_tls", ("LDAP_USE_TLS",), True),
    Key("ldap.server.ca_cert_file", ("LDAP_CA_CERT_FILE",), ""),
    Key("ldap.server.validate_cert", ("LDAP_VALIDATE_CERT",), True),
    Key("ldap.server.ciphers", ("LDAP_CIPHERS",), "ALL"),
    Key("ldap.group.enable_management", ("ENABLE_LDAP_GROUP_MANAGEMENT",), False),
    Key("ldap.group.enable_creation", ("ENABLE_LDAP_GROUP_CREATION",), False),
    Key("ldap.server.attribute_for_groups", ("LDAP_ATTRIBUTE_FOR_GROUPS",), "memberOf"),
]
