"""Signing in with the accounts of an LDAP directory (OpenLDAP)."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import jwt
import pytest

import ldap_server
from conftest import PASSWORD, Person, Reply, Server
from enrolled_people import enrol, set_policy
from fastback.access.activity import ActivityEvent
from fastback.kit.bus import Bus
from ldap_server import ADMIN_DN, BASE, ODD_NAME, LdapServer
from moving_clock import MovingClock

WRONG = "The email or password provided is incorrect. Please check for typos and try logging in again."
FAILED = "LDAP authentication failed."
NOT_FOUND = "User not found in the LDAP server"

Configure = Callable[..., Awaitable[None]]


@pytest.fixture
def configure(ada: Person, directory: LdapServer) -> Configure:
    """Return a function that switches LDAP on, with the settings of the directory and some changes."""

    async def save(**changes: object) -> None:
        settings = directory.get_settings(**changes)
        (await ada.post("/api/v1/auths/admin/config/ldap/server", settings)).ok()
        (await ada.post("/api/v1/auths/admin/config/ldap", {"enable_ldap": True})).ok()

    return save


async def sign_in(server: Server, user: str, password: str | None = None) -> Reply:
    """Sign in with LDAP, by default with the right password."""
    body = {"user": user, "password": ldap_server.PASSWORD.format(user) if password is None else password}
    return await server.stranger().post("/api/v1/auths/ldap", body)


async def list_group_names(server: Server, ada: Person, user_id: str) -> set[str]:
    """Return the names of the groups of which a user is a direct member."""
    names = set()
    for group in (await ada.get("/api/v1/groups/")).ok():
        exported = (await ada.get(f"/api/v1/groups/id/{group['id']}/export")).ok()
        if user_id in exported["user_ids"]:
            names.add(group["name"])
    return names


async def test_a_user_of_the_directory_gets_an_account_and_a_session(server: Server, configure: Configure) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    assert (await server.stranger().get("/api/config")).ok()["features"]["enable_ldap"] is False
    await configure()
    assert (await server.stranger().get("/api/config")).ok()["features"]["enable_ldap"] is True
    reply = await sign_in(server, "anna")
    session = reply.ok()
    assert (session["email"], session["name"], session["role"]) == ("anna@example.org", "Anna Ångström", "pending")
    assert reply.headers["set-cookie"].startswith(f"token={session['token']}; ")
    assert reply.headers["cache-control"] == "no-store"
    claims = jwt.decode(session["token"], options={"verify_signature": False})
    assert (claims["auth_method"], claims["mfa_verified"]) == ("ldap", False)
    person = Person(server.url, session["token"])
    server.people.append(person)
    assert (await person.get("/api/v1/auths/")).ok()["id"] == session["id"]
    names = [(event.event, event.source) for event in events if event.subject_id == session["id"]]
    assert names == [("user.created", "ldap"), ("auth.login", "ldap")]
    again = (await sign_in(server, "ANNA", ldap_server.PASSWORD.format("anna"))).ok()
    assert again["id"] == session["id"]
    assert sum(event.event == "user.created" for event in events) == 1


async def test_an_account_of_the_same_address_is_used_and_keeps_its_password(
    server: Server, ada: Person, configure: Configure
) -> None:
    await configure()
    body = {"name": "Local", "email": "anna@example.org", "password": PASSWORD, "role": "user"}
    local = (await ada.post("/api/v1/auths/add", body)).ok()
    session = (await sign_in(server, "anna")).ok()
    assert (session["id"], session["name"], session["role"]) == (local["id"], "Local", "user")
    credentials = {"email": "anna@example.org", "password": PASSWORD}
    assert (await server.stranger().post("/api/v1/auths/signin", credentials)).ok()["id"] == local["id"]


async def test_no_password_opens_an_account_of_the_directory_without_the_directory(
    server: Server, configure: Configure
) -> None:
    await configure()
    (await sign_in(server, "anna")).ok()
    for password in ("", " ", ldap_server.PASSWORD.format("anna")):
        credentials = {"email": "anna@example.org", "password": password}
        (await server.stranger().post("/api/v1/auths/signin", credentials)).refused(400, WRONG)


async def test_the_first_user_may_come_from_the_directory_named_in_the_environment(
    directory: LdapServer, start_server: Callable[..., AbstractAsyncContextManager[Server]]
) -> None:
    variables = {
        "ENABLE_LDAP": "true",
        "LDAP_SERVER_HOST": "localhost",
        "LDAP_SERVER_PORT": str(directory.port),
        "LDAP_USE_TLS": "false",
        "LDAP_APP_DN": ldap_server.READER_DN,
        "LDAP_APP_PASSWORD": ldap_server.READER_PASSWORD,
        "LDAP_SEARCH_BASE": BASE,
        "LDAP_SEARCH_FILTERS": "(objectClass=inetOrgPerson)",
    }
    async with start_server(**variables) as server:
        assert (await sign_in(server, "anna")).ok()["role"] == "admin"
        assert (await sign_in(server, "two")).ok()["role"] == "pending"


@pytest.mark.parametrize(
    ("user", "password", "detail"),
    [
        ("anna", "wrong", "Authentication failed."),
        ("nobody", None, NOT_FOUND),
        ("nomail", None, "User does not have a valid email address."),
        ("anna ", ldap_server.PASSWORD.format("anna"), "User record mismatch."),
        ("x" * 300, None, NOT_FOUND),
        ("", "secret", NOT_FOUND),
        ("anna", "", WRONG),
        ("anna", " \t\u00a0", WRONG),
        ("anna", "x" * 5000, WRONG),
        ("anna", "a\x01b", "Authentication failed."),
        ("anna", "\u00ad", "Authentication failed."),
    ],
)
async def test_refusals_are_worded_as_in_the_reference(
    server: Server, configure: Configure, user: str, password: str | None, detail: str
) -> None:
    await configure()
    (await sign_in(server, user, password)).refused(400, detail)


async def test_ldap_is_off_at_first(server: Server) -> None:
    (await sign_in(server, "anna")).refused(400, "LDAP authentication is not enabled")
    reply = await server.stranger().post("/api/v1/auths/ldap", {"user": "anna"})
    reply.refused(422, "Invalid authentication request.")


async def test_ldap_is_switched_off_together_with_passwords(
    start_server: Callable[..., AbstractAsyncContextManager[Server]],
) -> None:
    async with start_server(ENABLE_LDAP="true", ENABLE_PASSWORD_AUTH="false") as server:
        detail = "The requested action has been restricted as a security measure."
        (await sign_in(server, "anna")).refused(403, detail)


@pytest.mark.parametrize(
    "user", ["*", "anna*", "an*a", "anna)(uid=*", "*)(objectClass=*", "anna\x01", "a~=b", "(|(uid=*))"]
)
async def test_names_cannot_change_the_search(server: Server, configure: Configure, user: str) -> None:
    await configure()
    (await sign_in(server, user, ldap_server.PASSWORD.format("anna"))).refused(400, NOT_FOUND)


@pytest.mark.parametrize(("user", "email"), [(ODD_NAME, "odd@example.org"), ("müller", "mueller@example.org")])
async def test_names_with_special_letters_are_found(
    server: Server, configure: Configure, user: str, email: str
) -> None:
    await configure()
    session = (await sign_in(server, user)).ok()
    assert session["email"] == email
    (await sign_in(server, user, "wrong")).refused(400, "Authentication failed.")


async def test_addresses_come_from_the_entry_or_the_default_domain(server: Server, configure: Configure) -> None:
    await configure(default_email_domain="example.net")
    assert (await sign_in(server, "nomail")).ok()["email"] == "nomail@example.net"
    two = (await sign_in(server, "two")).ok()
    assert (two["email"], two["name"]) == ("two@example.org", "First Name")
    await configure(default_email_domain="no domain")
    (await sign_in(server, ODD_NAME)).ok()
    (await sign_in(server, "nomail")).refused(400, "User does not have a valid email address.")
    await configure(attribute_for_mail="jpegPhoto")
    (await sign_in(server, "photo")).refused(400, "User does not have a valid email address.")
    await configure(attribute_for_mail="uid")
    assert (await sign_in(server, "photo")).ok()["email"] == "photo"


async def test_the_directory_is_searched_anonymously_without_an_account(server: Server, configure: Configure) -> None:
    await configure(app_dn="", app_dn_password="", search_base=f"ou=public,{BASE}")
    assert (await sign_in(server, "open")).ok()["email"] == "open@example.org"
    await configure(app_dn="", app_dn_password="")
    (await sign_in(server, "anna")).refused(400, NOT_FOUND)


async def test_base_and_filter_limit_the_users(server: Server, configure: Configure) -> None:
    await configure(search_base=f"ou=public,{BASE}")
    (await sign_in(server, "anna")).refused(400, NOT_FOUND)
    await configure(search_filters="(mail=*@example.com)")
    (await sign_in(server, "anna")).refused(400, NOT_FOUND)
    await configure(search_filters="(|(mail=*@example.org)(cn=Nobody))")
    (await sign_in(server, "anna")).ok()
    await configure(search_filters="no filter")
    (await sign_in(server, "anna")).refused(400, FAILED)
    await configure(search_base="no base")
    (await sign_in(server, "anna")).refused(400, NOT_FOUND)


async def test_the_filters_of_the_documentation_are_valid(server: Server, configure: Configure) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    filters = [line.partition("=")[2] for line in page.splitlines() if line.startswith("LDAP_SEARCH_FILTERS=")]
    assert len(filters) == 4
    for search_filter in filters:
        await configure(search_filters=search_filter)
        reply = await sign_in(server, "anna")
        assert reply.status == 200 or reply.json["detail"] == NOT_FOUND, search_filter


async def test_the_name_may_be_another_attribute(server: Server, configure: Configure) -> None:
    await configure(attribute_for_username="mail")
    session = (await sign_in(server, "anna@example.org", ldap_server.PASSWORD.format("anna"))).ok()
    assert session["email"] == "anna@example.org"


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"app_dn_password": "wrong"}, "Application account bind failed"),
        ({"app_dn_password": ""}, FAILED),
        ({"port": 1}, FAILED),
        ({"host": "directory.invalid"}, FAILED),
        ({"host": "a:b:c"}, FAILED),
        ({"certificate_path": "/nonexistent/ca.pem"}, "Failed to configure TLS for LDAP connection."),
        ({"certificate_path": __file__}, "Failed to configure TLS for LDAP connection."),
        ({"host": "127.0.0.2"}, FAILED),
        ({"certificate_path": ""}, FAILED),
    ],
    ids=str,
)
async def test_a_directory_that_cannot_be_used_is_refused(
    server: Server, configure: Configure, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], detail: str
) -> None:
    await configure(**changes)
    with caplog.at_level(logging.DEBUG):
        (await sign_in(server, "anna")).refused(400, detail)
    lines = [record.getMessage() for record in caplog.records if record.name == "fastback.ldap"]
    assert lines and all("failed" in line for line in lines)
    assert not any("secret of" in text or ldap_server.READER_PASSWORD in text for text in caplog.messages)


async def test_certificates_of_another_authority_are_refused_unless_validation_is_off(
    server: Server, configure: Configure, directory: LdapServer
) -> None:
    await configure(certificate_path=directory.other_ca_file)
    (await sign_in(server, "anna")).refused(400, FAILED)
    await configure(certificate_path=directory.other_ca_file, validate_cert=False)
    (await sign_in(server, "anna")).ok()
    await configure(host="127.0.0.2", validate_cert=False)
    (await sign_in(server, "anna")).ok()
    await configure(host="127.0.0.1")
    (await sign_in(server, "anna")).ok()


async def test_a_replaced_file_of_authorities_is_read_again(
    server: Server, configure: Configure, directory: LdapServer, tmp_path: Path
) -> None:
    path = tmp_path / "authorities.pem"
    path.write_text(Path(directory.other_ca_file).read_text())
    await configure(certificate_path=str(path))
    (await sign_in(server, "anna")).refused(400, FAILED)
    path.write_text(Path(directory.ca_file).read_text())
    (await sign_in(server, "anna")).ok()


@pytest.mark.parametrize("ciphers", ["ECDHE+AESGCM", "ALL:@SECLEVEL=0", "nonsense", None])
async def test_ciphers_may_be_named(server: Server, configure: Configure, ciphers: str | None) -> None:
    await configure(ciphers=ciphers)
    (await sign_in(server, "anna")).ok()


async def test_a_host_may_contain_the_scheme(server: Server, configure: Configure, directory: LdapServer) -> None:
    await configure(host=f"ldaps://localhost:{directory.tls_port}", port=None, use_tls=False)
    (await sign_in(server, "anna")).ok()
    await configure(host="ldap://localhost", port=directory.port, certificate_path="/nonexistent")
    (await sign_in(server, "anna")).ok()


async def test_starttls_is_used_where_the_settings_say_so(
    directory: LdapServer, start_server: Callable[..., AbstractAsyncContextManager[Server]]
) -> None:
    async with start_server(FASTBACK_LDAP_STARTTLS="true") as server:
        ada = await server.sign_up("Ada")

        async def sign_in_with(**changes: object) -> Reply:
            settings = directory.get_settings(port=directory.port, use_tls=False, **changes)
            (await ada.post("/api/v1/auths/admin/config/ldap/server", settings)).ok()
            return await sign_in(server, "anna")

        (await ada.post("/api/v1/auths/admin/config/ldap", {"enable_ldap": True})).ok()
        (await sign_in_with()).ok()
        (await sign_in_with(certificate_path=directory.other_ca_file)).refused(400, FAILED)
        (await sign_in_with(host="127.0.0.2")).refused(400, FAILED)
        (await sign_in_with(host="127.0.0.2", validate_cert=False)).ok()


async def test_groups_of_the_directory_become_memberships(
    server: Server, ada: Person, configure: Configure, directory: LdapServer
) -> None:
    for name in ("staff", "Sales, EMEA", "Manual"):
        (await ada.post("/api/v1/groups/create", {"name": name, "description": ""})).ok()
    await configure()
    anna = (await sign_in(server, "anna")).ok()["id"]
    assert await list_group_names(server, ada, anna) == set()

    manual = next(group for group in (await ada.get("/api/v1/groups/")).ok() if group["name"] == "Manual")
    (await ada.post(f"/api/v1/groups/id/{manual['id']}/users/add", {"user_ids": [anna]})).ok()
    await configure(enable_group_management=True)
    (await sign_in(server, "anna", "wrong")).refused(400)
    assert await list_group_names(server, ada, anna) == {"Manual"}
    (await sign_in(server, "anna")).ok()
    assert await list_group_names(server, ada, anna) == {"staff", "Sales, EMEA"}

    await configure(enable_group_management=True, enable_group_creation=True)
    (await sign_in(server, "anna")).ok()
    assert await list_group_names(server, ada, anna) == {"staff", "Sales, EMEA", "Größe+Maß"}
    mueller = (await sign_in(server, "müller")).ok()["id"]
    assert await list_group_names(server, ada, mueller) == {"Größe+Maß", "Board"}
    groups = {group["name"]: group for group in (await ada.get("/api/v1/groups/")).ok()}
    assert len(groups) == 5 and groups["Größe+Maß"]["user_id"] == anna and groups["Board"]["user_id"] == mueller
    assert groups["Board"]["data"] == {"config": {"share": "members"}}
    assert (groups["Board"]["description"], groups["Board"]["permissions"]) == ("", None)


async def test_a_user_without_groups_in_the_directory_keeps_their_groups(
    server: Server, ada: Person, configure: Configure
) -> None:
    await configure(enable_group_management=True, enable_group_creation=True)
    two = (await sign_in(server, "two")).ok()["id"]
    group = (await ada.post("/api/v1/groups/create", {"name": "Manual", "description": ""})).ok()
    (await ada.post(f"/api/v1/groups/id/{group['id']}/users/add", {"user_ids": [two]})).ok()
    (await sign_in(server, "two")).ok()
    assert await list_group_names(server, ada, two) == {"Manual"}
    await configure(enable_group_management=True, attribute_for_groups="mail")
    (await sign_in(server, "two")).ok()
    assert await list_group_names(server, ada, two) == {"Manual"}


async def test_a_deactivated_account_is_refused(server: Server, configure: Configure) -> None:
    from fastback.kit.db import Database

    await configure()
    anna = (await sign_in(server, "anna")).ok()["id"]
    await server.services.get(Database).execute("tests", "UPDATE auth SET active = FALSE WHERE id = :id", id=anna)
    (await sign_in(server, "anna")).refused(400, WRONG)


@pytest.mark.parametrize("user", ["anna", "nobody"])
async def test_a_name_may_be_tried_fifteen_times_whether_it_exists_or_not(
    server: Server, configure: Configure, user: str
) -> None:
    await configure()
    for number in range(15):
        (await sign_in(server, user.upper() if number % 2 else user, "wrong")).refused(400)
    (await sign_in(server, user)).refused(429, "API rate limit exceeded")
    (await sign_in(server, "two")).ok()


def test_the_client_works_without_what_later_pythons_have_removed(directory: LdapServer) -> None:
    """Python 3.12 has no `ssl.match_hostname` and no `ssl.wrap_socket`, for which ldap3 has substitutes."""
    program = f"""
import ssl, sys
for name in ("match_hostname", "wrap_socket"):
    if hasattr(ssl, name):
        delattr(ssl, name)
from fastback.features.ldap.deadline import Deadline
from fastback.features.ldap.directory_client import authenticate_user
from fastback.features.ldap.directory_settings import DirectorySettings
from fastback.features.ldap.directory_user import DirectoryRefusal
for host in ("localhost", "127.0.0.1", "127.0.0.2"):
    settings = DirectorySettings(label="D", host=host, port={directory.tls_port}, use_tls=True, use_starttls=False,
        ca_file={directory.ca_file!r}, validate_certificate=True, ciphers="ALL", app_dn={ADMIN_DN!r},
        app_password={ldap_server.ADMIN_PASSWORD!r}, search_base={BASE!r}, search_filter="", username_attribute="uid",
        mail_attribute="mail", default_email_domain="", group_attribute="")
    try:
        print(authenticate_user(settings, "anna", {ldap_server.PASSWORD.format("anna")!r}, deadline=Deadline(10)).email)
    except DirectoryRefusal as refusal:
        print(refusal)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines() == ["anna@example.org", "anna@example.org", FAILED], result.stderr


async def test_second_factors_follow_and_attempts_are_limited(
    clock: MovingClock, server: Server, ada: Person, configure: Configure
) -> None:
    await configure()
    session = (await sign_in(server, "anna")).ok()
    body = {"role": "user", "name": "Anna", "email": session["email"], "profile_image_url": "/user.png"}
    (await ada.post(f"/api/v1/users/{session['id']}/update", body)).ok()
    await set_policy(ada, ENABLE_MFA=True)
    step = (await sign_in(server, "anna")).ok()
    assert step["next_step"] == "enroll"
    anna = await enrol(server, session["email"], step["challenge_token"])
    claims = jwt.decode(str(anna.person.token), options={"verify_signature": False})
    assert (claims["auth_method"], claims["mfa_verified"]) == ("ldap", True)
    for _ in range(9):
        (await sign_in(server, "anna", "wrong")).refused(400, "Authentication failed.")
    reply = await sign_in(server, "anna")
    reply.refused(429, "Too many attempts. Please try again later.")
    assert int(reply.headers["retry-after"]) > 850
    clock.advance(901)
    assert (await sign_in(server, "anna")).ok()["next_step"] == "verify"
