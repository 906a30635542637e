"""Signing up, signing in and out, and what users may change about themselves."""

from __future__ import annotations

import asyncio
import os
import threading

import jwt
import pytest
import socketio

from conftest import PASSWORD, Person, Server
from fastback.access.passwords import PasswordHasher

WRONG = "The email or password provided is incorrect. Please check for typos and try logging in again."


async def test_the_first_user_becomes_administrator_and_ends_sign_up(server: Server) -> None:
    anonymous = server.stranger()
    assert (await anonymous.get("/api/config")).ok()["onboarding"] is True
    ada = await server.sign_up("Ada")
    assert ada.account["role"] == "admin"
    config = (await anonymous.get("/api/config")).ok()
    assert "onboarding" not in config
    assert config["features"]["enable_signup"] is False
    body = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}
    (await anonymous.post("/api/v1/auths/signup", body)).refused(403)


async def test_two_first_sign_ups_at_once_make_one_administrator(server: Server) -> None:
    bodies = [{"name": f"P{n}", "email": f"p{n}@example.com", "password": PASSWORD} for n in range(4)]
    stranger = server.stranger()
    replies = await asyncio.gather(*(stranger.post("/api/v1/auths/signup", body) for body in bodies))
    roles = [reply.json["role"] for reply in replies if reply.status == 200]
    assert roles.count("admin") == 1


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"email": "nonsense"}, "The email format you entered is invalid"),
        ({"password": "x" * 73}, "Uh-oh! The password you entered is too long"),
    ],
)
async def test_an_invalid_account_is_refused(server: Server, change: dict[str, str], detail: str) -> None:
    body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, **change}
    assert (await server.stranger().post("/api/v1/auths/signup", body)).refused(400).startswith(detail)


async def test_a_used_address_is_refused_in_upper_or_lower_case(server: Server, ada: Person) -> None:
    body = {"name": "Ada", "email": "ADA@example.com", "password": PASSWORD, "role": "user"}
    assert (await ada.post("/api/v1/auths/add", body)).refused(400).startswith("Uh-oh! This email is already")


async def test_malformed_requests_get_no_details(server: Server, ada: Person) -> None:
    """Details would repeat what was sent, which may be a password."""
    anonymous = server.stranger()
    url, detail = "/api/v1/auths/signin", "Invalid authentication request."
    assert (await anonymous.post(url, {"email": "a@b.c"})).refused(422) == detail
    headers = {"content-type": "application/json"}
    assert (await anonymous.post(url, data=b"{nonsense", headers=headers)).refused(422) == detail
    assert (await anonymous.post(url, {"email": 5, "password": []})).refused(422) == detail
    assert (await ada.post("/api/v1/auths/add", {"name": "Eve"})).refused(422) == detail
    reply = await anonymous.post(url, {"email": "ada@example.com", "password": "wrong"})
    assert reply.headers["cache-control"] == "no-store"


async def test_signing_in_sets_a_cookie_that_carries_the_session(server: Server, ada: Person) -> None:
    anonymous = server.stranger()
    reply = await anonymous.post("/api/v1/auths/signin", {"email": "ada@example.com", "password": PASSWORD})
    session = reply.ok()
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    assert session["expires_at"] > 0 and session["permissions"]["chat"]["delete"] is True
    with_cookie = await anonymous.get("/api/v1/auths/", headers={"cookie": f"token={session['token']}"})
    assert with_cookie.ok()["email"] == "ada@example.com"


async def test_a_wrong_password_and_an_unknown_address_read_the_same(server: Server, ada: Person) -> None:
    anonymous = server.stranger()
    for body in ({"email": "ada@example.com", "password": "no"}, {"email": "x@example.com", "password": "no"}):
        (await anonymous.post("/api/v1/auths/signin", body)).refused(400, WRONG)


async def test_too_many_attempts_are_refused(server: Server, ada: Person) -> None:
    anonymous = server.stranger()
    body = {"email": "nobody@example.com", "password": "no"}
    statuses = [(await anonymous.post("/api/v1/auths/signin", body)).status for _ in range(16)]
    assert statuses[:15] == [400] * 15 and statuses[15] == 429


async def test_signing_out_ends_the_session(server: Server, ada: Person) -> None:
    (await ada.get("/api/v1/auths/")).ok()
    assert (await ada.post("/api/v1/auths/signout")).ok() == {"status": True}
    (await ada.get("/api/v1/auths/")).refused(401)


async def test_forged_expired_and_missing_tokens_are_refused(server: Server, ada: Person) -> None:
    forged = jwt.encode({"id": ada.id}, "another-secret-of-sufficient-length-123", algorithm="HS256")
    for token in (forged, "nonsense", jwt.encode({"id": ada.id, "exp": 1}, "tests-secret-key-of-at-least-32-chars")):
        person = Person(server.url, token)
        server.people.append(person)
        (await person.get("/api/v1/auths/")).refused(401)
    (await server.stranger().get("/api/v1/auths/")).refused(401, "Not authenticated")


async def test_a_new_password_ends_every_session(server: Server, ada: Person, bob: Person) -> None:
    wrong = {"password": "no", "new_password": "another good one"}
    (await bob.post("/api/v1/auths/update/password", wrong)).refused(400)
    right = {"password": PASSWORD, "new_password": "another good one"}
    assert (await bob.post("/api/v1/auths/update/password", right)).ok() is True
    (await bob.get("/api/v1/auths/")).refused(401)
    body = {"email": "bob@example.com", "password": "another good one"}
    (await server.stranger().post("/api/v1/auths/signin", body)).ok()


async def test_a_profile_can_be_changed(server: Server, bob: Person) -> None:
    body = {"name": "Robert", "profile_image_url": "/user.png", "bio": "hi", "date_of_birth": "1990-01-02"}
    assert (await bob.post("/api/v1/auths/update/profile", body)).ok()["name"] == "Robert"
    session = (await bob.get("/api/v1/auths/")).ok()
    assert (session["name"], session["bio"], session["date_of_birth"]) == ("Robert", "hi", "1990-01-02")
    bad = {"name": "Robert", "profile_image_url": "javascript:alert(1)"}
    assert (await bob.post("/api/v1/auths/update/profile", bad)).status == 422


async def test_api_keys_reach_models_but_not_the_account(server: Server, ada: Person, bob: Person) -> None:
    (await ada.get("/api/v1/auths/api_key")).refused(403)
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_API_KEYS": True})).ok()
    (await ada.get("/api/v1/auths/api_key")).refused(404)
    key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
    assert key.startswith("sk-") and len(key) == 35
    machine = Person(server.url, key)
    server.people.append(machine)
    (await machine.get("/api/models")).ok()
    (await machine.get("/api/v1/auths/")).refused(403)
    (await bob.post("/api/v1/auths/api_key")).refused(403)
    assert (await ada.delete("/api/v1/auths/api_key")).ok() is True
    (await machine.get("/api/models")).refused(401)


async def test_only_administrators_change_settings_of_sign_in(ada: Person, bob: Person) -> None:
    (await bob.get("/api/v1/auths/admin/config")).refused(401)
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    assert config["DEFAULT_USER_ROLE"] == "pending"
    saved = (await ada.post("/api/v1/auths/admin/config", {**config, "DEFAULT_USER_ROLE": "user"})).ok()
    assert saved["DEFAULT_USER_ROLE"] == "user"
    assert (await ada.post("/api/v1/auths/admin/config", {})).status == 422


class TestTrustedHeader:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {
            "WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X-Email",
            "WEBUI_AUTH_TRUSTED_NAME_HEADER": "X-Name",
            "WEBUI_AUTH_TRUSTED_ROLE_HEADER": "X-Role",
        }

    async def test_a_trusted_proxy_signs_users_in(self, server: Server) -> None:
        anonymous = server.stranger()
        body = {"email": "", "password": ""}
        (await anonymous.post("/api/v1/auths/signin", body)).refused(400)
        headers = {"x-email": "Ada@example.com", "x-name": "Ada%20L"}
        session = (await anonymous.post("/api/v1/auths/signin", body, headers=headers)).ok()
        assert (session["name"], session["email"], session["role"]) == ("Ada L", "ada@example.com", "admin")
        person = Person(server.url, session["token"])
        server.people.append(person)
        (await person.get("/api/v1/auths/", headers={"x-email": "eve@example.com"})).refused(401)

    async def test_a_changed_role_closes_open_sockets(self, server: Server) -> None:
        anonymous = server.stranger()
        body, headers = {"email": "", "password": ""}, {"x-email": "ada@example.com", "x-name": "Ada"}
        session = (await anonymous.post("/api/v1/auths/signin", body, headers=headers)).ok()
        socket = socketio.AsyncClient(reconnection=False)
        disconnected = asyncio.Event()
        socket.on("disconnect", lambda *_: disconnected.set())
        path, auth = "/ws/socket.io", {"token": session["token"]}
        await socket.connect(server.url, socketio_path=path, wait_timeout=10, transports=["websocket"], auth=auth)
        assert await socket.call("user-join", {"auth": auth}, timeout=5) == {"id": session["id"], "name": "Ada"}
        reply = await anonymous.post("/api/v1/auths/signin", body, headers={**headers, "x-role": "user"})
        assert reply.ok()["role"] == "user"
        await asyncio.wait_for(disconnected.wait(), 5)


class TestSignInDisabled:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"WEBUI_AUTH": "false"}

    async def test_without_sign_in_there_is_one_user(self, server: Server) -> None:
        anonymous = server.stranger()
        session = (await anonymous.post("/api/v1/auths/signin", {"email": "", "password": ""})).ok()
        assert (session["email"], session["role"]) == ("admin@localhost", "admin")


async def test_addresses_that_no_account_has_are_refused_before_they_are_counted(
    server: Server, ada: Person, bob: Person
) -> None:
    anonymous = server.stranger()
    address = "a" * 243 + "@example.com"
    for _ in range(20):
        body = {"email": address, "password": "no", "name": "A"}
        (await anonymous.post("/api/v1/auths/signin", body)).refused(400, WRONG)
    invalid = "The email format you entered is invalid"
    assert invalid in (await ada.post("/api/v1/auths/add", {**body, "password": PASSWORD})).refused(400)
    user = {"role": "user", "name": "A", "email": address, "profile_image_url": "/user.png"}
    assert invalid in (await ada.post(f"/api/v1/users/{bob.id}/update", user)).refused(400)
    longest = (await ada.post("/api/v1/auths/add", {**body, "email": address[1:], "password": PASSWORD})).ok()
    session = (await anonymous.post("/api/v1/auths/signin", {"email": address[1:], "password": PASSWORD})).ok()
    assert session["id"] == longest["id"]


async def test_changes_of_passwords_are_limited_like_sign_ins(ada: Person, bob: Person) -> None:
    wrong = {"password": "no", "new_password": "another good one"}
    statuses = [(await bob.post("/api/v1/auths/update/password", wrong)).status for _ in range(16)]
    assert statuses == [400] * 15 + [429]
    (await bob.post("/api/v1/auths/update/password", {**wrong, "password": PASSWORD})).refused(
        429, "API rate limit exceeded"
    )
    assert (await ada.post("/api/v1/auths/update/password", {**wrong, "password": PASSWORD})).ok() is True


async def test_no_more_than_twenty_wait_for_a_hash(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    verify = PasswordHasher._verify
    monkeypatch.setattr(PasswordHasher, "_verify", lambda *arguments: released.wait(20) and verify(*arguments))
    body = {"email": "bob@example.com", "password": "no"}
    waiting = [asyncio.create_task(server.stranger().post("/api/v1/auths/signin", body)) for _ in range(15)]
    others = {"email": "cy@example.com", "password": "no"}
    threads = max(1, (os.cpu_count() or 2) // 2)
    waiting += [asyncio.create_task(server.stranger().post("/api/v1/auths/signin", others)) for _ in range(5 + threads)]
    passwords = server.services.get(PasswordHasher)
    while passwords._reservations < 20 + threads:  # noqa: ASYNC110 (nothing else tells that they wait)
        await asyncio.sleep(0.01)
    own = {"email": "ada@example.com", "password": PASSWORD}
    for _ in range(20):
        reply = await server.stranger().post("/api/v1/auths/signin", own)
        assert "Too many sign-ins" in reply.refused(503) and int(reply.headers["retry-after"]) > 0
    for path, form in (("signup", {**own, "name": "A"}), ("update/password", {"password": "a", "new_password": "b"})):
        assert (await ada.post(f"/api/v1/auths/{path}", form)).status in (403, 503)
    (await ada.get("/api/models")).ok()
    released.set()
    assert {(await task).status for task in waiting} == {400}
    # The refused attempts did not count.
    (await server.stranger().post("/api/v1/auths/signin", own)).ok()
