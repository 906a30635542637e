"""Requiring second factors, and what that means for other ways to sign in."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
import socketio

from conftest import PASSWORD, Person, Server
from enrolled_people import (
    EXPIRED,
    MFA,
    Enrolled,
    as_person,
    begin,
    enrol,
    post,
    read_state,
    require_second_factors,
    set_policy,
    sign_in,
)
from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.events import UserChanged
from fastback.features.auths.sign_in import SignIn
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from moving_clock import MovingClock


@pytest.fixture
async def ada_enrolled(clock: MovingClock, server: Server, ada: Person, bob: Person) -> Enrolled:
    """Return the enrolled administrator; Bob has an account, without a second factor."""
    return await require_second_factors(server, ada)


@pytest.fixture
async def bob_enrolled(clock: MovingClock, server: Server, ada_enrolled: Enrolled) -> Enrolled:
    return await enrol(server, "bob@example.com")


@pytest.fixture
def events(server: Server) -> list[tuple[str, str | None]]:
    """Collect the activity events of second factors, with their subjects."""
    collected: list[tuple[str, str | None]] = []

    def collect(event: ActivityEvent) -> None:
        if event.event.startswith("auth.mfa."):
            assert event.subject_type == "user" and event.data == {"event": event.event}
            collected.append((event.event, event.subject_id))

    server.services.get(Bus).subscribe(ActivityEvent, collect)
    return collected


async def test_requiring_second_factors_ends_all_sessions(
    clock: MovingClock, server: Server, ada: Person, bob: Person, events: list[tuple[str, str | None]]
) -> None:
    assert (await bob.get(f"{MFA}/status")).ok() == {
        "enabled": False,
        "required": False,
        "recovery_codes_remaining": 0,
    }
    assert (await set_policy(ada, MFA_ALLOW_OAUTH_BYPASS=False))["sessions_revoked"] is False
    assert (await bob.get("/api/v1/auths/")).status == 200
    async with socketio.AsyncSimpleClient() as page:
        await page.connect(
            server.url,
            socketio_path="/ws/socket.io",
            wait_timeout=10,
            transports=["websocket"],
            auth={"token": bob.token},
        )
        saved = await set_policy(ada, ENABLE_MFA=True)
        assert saved["sessions_revoked"] is True and saved["ENABLE_MFA"] is True
        for _ in range(100):
            if not page.connected:
                break
            await asyncio.sleep(0.02)
        assert not page.connected
    for person in (ada, bob):
        (await person.get("/api/v1/auths/")).refused(401, "Invalid token")
    assert events == [("auth.mfa.policy_changed", ada.id)]


async def test_the_policy_belongs_to_people_in_a_browser(server: Server, ada: Person, bob: Person) -> None:
    config = await set_policy(ada, ENABLE_API_KEYS=True)
    del config["sessions_revoked"]
    key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
    machine = as_person(server, {"token": key})
    detail = "A human administrator session is required to change MFA settings."
    (await machine.post("/api/v1/auths/admin/config", config)).refused(403, detail)
    (await machine.post("/api/v1/configs/import", {"config": {"auth.mfa.enable": True}})).refused(403, detail)
    (await machine.post("/api/v1/configs/import", {"config": {"ui.watermark": "draft"}})).ok()
    (await bob.post("/api/v1/auths/admin/config", config)).refused(401)
    for value in ("yes", None, 1):
        (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_MFA": value})).refused(422)
        refusal = (await ada.post("/api/v1/configs/import", {"config": {"auth.mfa.enable": value}})).refused(409)
        assert refusal == "Unable to update MFA policy. Check configuration and retry."
    imported = (await ada.post("/api/v1/configs/import", {"config": {"auth.mfa.enable": True}})).ok()
    assert imported["auth.mfa.enable"] is True
    (await ada.get("/api/v1/auths/")).refused(401)
    await begin(server, "ada@example.com", "enroll")


async def test_accounts_are_added_without_a_session_and_signed_up_to_enrol(
    server: Server, ada_enrolled: Enrolled
) -> None:
    ada = ada_enrolled.person
    body = {"name": "Di", "email": "di@example.com", "password": PASSWORD, "role": "user"}
    added = (await ada.post("/api/v1/auths/add", body)).ok()
    assert added.keys() == {"id", "name", "role", "email", "profile_image_url"}
    assert (await (await enrol(server, "di@example.com")).person.get("/api/models")).status == 200
    await set_policy(ada, ENABLE_SIGNUP=True)
    body = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}
    assert (await server.stranger().post("/api/v1/auths/signup", body)).ok() == {"next_step": "pending"}
    assert (await sign_in(server, "eve@example.com")).ok() == {"next_step": "pending"}
    await set_policy(ada, DEFAULT_USER_ROLE="user")
    body = {"name": "Fay", "email": "fay@example.com", "password": PASSWORD}
    assert (await server.stranger().post("/api/v1/auths/signup", body)).ok()["next_step"] == "enroll"


async def test_who_is_no_longer_enrolled_has_no_session(server: Server, bob_enrolled: Enrolled) -> None:
    """Another program may have changed the row: the stamp alone does not say so."""
    bob, db = bob_enrolled.person, server.services.get(Database)
    (await bob.get("/api/models")).ok()
    for change in ({"secret": None}, {"reset_required": True}):
        state = msgspec.to_builtins(await read_state(server, bob.id))
        changed = msgspec.json.encode({**state, **change}).decode()
        await db.execute("test.change", "UPDATE auth SET mfa = :mfa WHERE id = :id", mfa=changed, id=bob.id)
        await server.services.get(Bus).publish(UserChanged(bob.id))
        (await bob.get("/api/models")).refused(401, "Invalid token")
        restored = msgspec.json.encode(state).decode()
        await db.execute("test.change", "UPDATE auth SET mfa = :mfa WHERE id = :id", mfa=restored, id=bob.id)
        (await bob.get("/api/models")).ok()


async def test_a_sign_in_with_oauth_continues_in_the_page(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled
) -> None:
    db, bob_id = server.services.get(Database), bob_enrolled.person.id
    await db.execute(
        "test.oauth",
        "INSERT INTO oauth_session (id, user_id, provider, token, expires_at, created_at, updated_at) "
        "VALUES ('session-1', :user, 'oidc', '', 0, 0, 0)",
        user=bob_id,
    )
    account = await credential_store.find_credential(db, bob_id)
    assert account is not None
    step = msgspec.to_builtins(
        await server.services.get(SignIn).complete(account, "oauth", oauth_session_id="session-1", provider="oidc")
    )
    cookie = {"cookie": f"mfa_challenge={step['challenge_token']}"}
    stranger = server.stranger()
    for origin in ({}, {"origin": "https://evil.example"}, {"origin": "null"}):
        reply = await stranger.post(f"{MFA}/challenge", headers={**cookie, **origin})
        reply.refused(403, "Invalid request origin.")
    origin = {"origin": server.url}
    reply = await stranger.post(f"{MFA}/challenge", headers={**cookie, **origin})
    assert reply.ok() == {**step, "expires_in": reply.json["expires_in"]}
    assert reply.headers["set-cookie"].startswith('mfa_challenge=""; ')
    reply = await stranger.post(f"{MFA}/challenge", headers={"cookie": "mfa_challenge=nonsense", **origin})
    reply.refused(401, EXPIRED)
    assert reply.headers["set-cookie"].startswith('mfa_challenge=""; ')
    (await stranger.post(f"{MFA}/challenge", headers=origin)).refused(401, EXPIRED)

    reply = await post(server, "/verify", step["challenge_token"], code=bob_enrolled.app.next_code())
    bob = as_person(server, reply.ok())
    assert any(text.startswith("oauth_session_id=session-1; ") for text in reply.headers.getall("set-cookie"))
    assert (await bob.get("/api/v1/auths/")).status == 200


async def test_the_origin_is_that_of_the_configured_address(server: Server, ada_enrolled: Enrolled) -> None:
    await set_policy(ada_enrolled.person, WEBUI_URL="https://chat.example.com/page")
    stranger = server.stranger()
    (await stranger.post(f"{MFA}/challenge", headers={"origin": server.url})).refused(403)
    (await stranger.post(f"{MFA}/challenge", headers={"origin": "https://chat.example.com"})).refused(401, EXPIRED)


@pytest.mark.parametrize(("method", "field"), [("oauth", "MFA_ALLOW_OAUTH_BYPASS"), ("trusted_header", None)])
async def test_methods_may_be_exempt(
    clock: MovingClock, server: Server, bob: Person, ada_enrolled: Enrolled, method: str, field: str | None
) -> None:
    field = field or "MFA_ALLOW_TRUSTED_HEADER_BYPASS"
    db, signing_in = server.services.get(Database), server.services.get(SignIn)

    async def complete(method: str) -> Any:
        account = await credential_store.find_credential(db, bob.id)
        assert account is not None
        return msgspec.to_builtins(await signing_in.complete(account, method))

    assert (await complete(method))["next_step"] == "enroll"
    assert (await set_policy(ada_enrolled.person, **{field: True}))["sessions_revoked"] is True
    person = as_person(server, await complete(method))
    assert (await person.get("/api/v1/auths/")).status == 200
    assert (await person.get(f"{MFA}/status")).ok()["required"] is False
    assert (await complete("password"))["next_step"] == "enroll"
