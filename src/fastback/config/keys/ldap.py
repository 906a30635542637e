"""Keys of LDAP sign-in."""

from fastback.config.key import define_key

LDAP_ENABLE = define_key("ldap.enable", ("ENABLE_LDAP",), False)
LDAP_SERVER_LABEL = define_key("ldap.server.label", ("LDAP_SERVER_LABEL",), "LDAP Server")
LDAP_SERVER_HOST = define_key("ldap.server.host", ("LDAP_SERVER_HOST",), "localhost")
LDAP_SERVER_PORT = define_key("ldap.server.port", ("LDAP_SERVER_PORT",), 389)
LDAP_SERVER_ATTRIBUTE_FOR_MAIL = define_key("ldap.server.attribute_for_mail", ("LDAP_ATTRIBUTE_FOR_MAIL",), "mail")
LDAP_SERVER_DEFAULT_EMAIL_DOMAIN = define_key("ldap.server.default_email_domain", ("LDAP_DEFAULT_EMAIL_DOMAIN",), "")
LDAP_SERVER_ATTRIBUTE_FOR_USERNAME = define_key(
    "ldap.server.attribute_for_username", ("LDAP_ATTRIBUTE_FOR_USERNAME",), "uid"
)
LDAP_SERVER_APP_DN = define_key("ldap.server.app_dn", ("LDAP_APP_DN",), "")
LDAP_SERVER_APP_PASSWORD = define_key("ldap.server.app_password", ("LDAP_APP_PASSWORD",), "")
LDAP_SERVER_USERS_DN = define_key("ldap.server.users_dn", ("LDAP_SEARCH_BASE",), "")
LDAP_SERVER_SEARCH_FILTER = define_key("ldap.server.search_filter", ("LDAP_SEARCH_FILTER", "LDAP_SEARCH_FILTERS"), "")
LDAP_SERVER_USE_TLS = define_key("ldap.server.use_tls", ("LDAP_USE_TLS",), True)
LDAP_SERVER_CA_CERT_FILE = define_key("ldap.server.ca_cert_file", ("LDAP_CA_CERT_FILE",), "")
LDAP_SERVER_VALIDATE_CERT = define_key("ldap.server.validate_cert", ("LDAP_VALIDATE_CERT",), True)
LDAP_SERVER_CIPHERS = define_key("ldap.server.ciphers", ("LDAP_CIPHERS",), "ALL")
LDAP_GROUP_ENABLE_MANAGEMENT = define_key("ldap.group.enable_management", ("ENABLE_LDAP_GROUP_MANAGEMENT",), False)
LDAP_GROUP_ENABLE_CREATION = define_key("ldap.group.enable_creation", ("ENABLE_LDAP_GROUP_CREATION",), False)
LDAP_SERVER_ATTRIBUTE_FOR_GROUPS = define_key(
    "ldap.server.attribute_for_groups", ("LDAP_ATTRIBUTE_FOR_GROUPS",), "memberOf"
)
