"""Signing in at an LDAP directory: errors, accounts, TLS and groups."""

from typing import Any

from ldap_server import BASE, ODD_NAME, READER_DN, READER_PASSWORD
from ldap_server import PASSWORD as DIRECTORY_PASSWORD
from parity.steps import Step, flatten_steps, get, post

DIRECTORY = True

_LDAP = "/api/v1/auths/ldap"
_CONFIG = "/api/v1/auths/admin/config/ldap"
_SERVER = {
    "label": "Directory",
    "host": "${directory.ldap}",
    "app_dn": READER_DN,
    "app_dn_password": READER_PASSWORD,
    "search_base": BASE,
    "search_filters": "(objectClass=inetOrgPerson)",
    "use_tls": False,
}
_TLS = {"host": "${directory.ldaps}", "use_tls": True, "certificate_path": "${directory.authority}"}


def sign_in(user: str, password: str | None = None, **more: Any) -> Step:
    """Sign in, by default with the right password."""
    body = {"user": user, "password": DIRECTORY_PASSWORD.format(user) if password is None else password}
    return post("anonymous", _LDAP, body, **more)


def configure(**changes: Any) -> Step:
    return post("ada", f"{_CONFIG}/server", {**_SERVER, **changes})


STEPS = flatten_steps(
    # Without a directory.
    sign_in("mary"),
    post("anonymous", _LDAP, {"user": "anna"}),
    post("anonymous", _LDAP, {"user": 5, "password": "x"}),
    post("ada", _CONFIG, {"enable_ldap": True}),
    get("anonymous", "/api/config"),
    sign_in("mary", ""),
    sign_in("mary", "   "),
    configure(host="ldap://127.0.0.1:9"),
    sign_in("mary"),
    configure(host="a:b:c"),
    sign_in("mary"),
    configure(host="127.0.0.1", port=9, use_tls=True, certificate_path="/nonexistent/ca.pem"),
    sign_in("mary"),
    # The account of the application.
    configure(app_dn_password="wrong"),
    sign_in("mary"),
    configure(app_dn_password=""),
    sign_in("mary"),
    configure(search_base="ou=public,dc=example,dc=org", app_dn="", app_dn_password=""),
    sign_in("open"),
    configure(search_base="ou=nowhere,dc=example,dc=org"),
    sign_in("mary"),
    configure(search_filters="nonsense"),
    sign_in("mary"),
    # People.
    configure(),
    sign_in("nobody"),
    sign_in("*"),
    sign_in("anna", "wrong"),
    sign_in("anna "),
    sign_in("nomail"),
    sign_in("photo", "wrong"),
    sign_in("anna", save={"anna.token": "$.token", "anna.id": "$.id"}),
    get("anna", "/api/v1/auths/"),
    sign_in("ANNA", DIRECTORY_PASSWORD.format("anna")),
    post(
        "ada",
        "/api/v1/users/${anna.id}/update",
        {"role": "user", "name": "Anna", "email": "anna@example.org", "profile_image_url": "/user.png"},
    ),
    sign_in("anna"),
    post(
        "anonymous",
        "/api/v1/auths/signin",
        {"email": "anna@example.org", "password": DIRECTORY_PASSWORD.format("anna")},
    ),
    sign_in("müller"),
    sign_in(ODD_NAME),
    sign_in(ODD_NAME, "wrong"),
    sign_in("two", ignore=("$.name",), why="the reference shows the list of names as Python does"),
    configure(default_email_domain="example.net"),
    sign_in("nomail"),
    configure(attribute_for_username="mail"),
    sign_in("odd@example.org", DIRECTORY_PASSWORD.format(ODD_NAME)),
    # TLS.
    configure(**_TLS),
    sign_in("anna"),
    configure(**_TLS, ciphers="nonsense"),
    sign_in("anna"),
    configure(**{**_TLS, "certificate_path": "${directory.stranger}"}),
    sign_in("anna"),
    configure(**{**_TLS, "certificate_path": "${directory.stranger}"}, validate_cert=False),
    sign_in("anna"),
    # Groups.
    post("ada", "/api/v1/groups/create", {"name": "staff", "description": "Everybody"}),
    post("ada", "/api/v1/groups/create", {"name": "Manual", "description": ""}, save={"manual.id": "$.id"}),
    post("ada", "/api/v1/groups/id/${manual.id}/users/add", {"user_ids": ["${anna.id}"]}),
    configure(enable_group_management=True),
    sign_in("anna", save={"anna.token": "$.token"}),
    get("anna", "/api/v1/groups/"),
    configure(enable_group_management=True, enable_group_creation=True),
    sign_in("anna"),
    get("anna", "/api/v1/groups/", unordered=("$",)),
    sign_in("müller"),
    sign_in("two", ignore=("$.name",), why="the reference shows the list of names as Python does"),
    get("ada", "/api/v1/groups/", unordered=("$",)),
    configure(enable_group_management=True, attribute_for_groups="mail"),
    sign_in("anna"),
    get("anna", "/api/v1/groups/", unordered=("$",)),
    post("ada", _CONFIG, {"enable_ldap": False}),
    sign_in("anna"),
)
