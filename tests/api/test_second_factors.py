"""Second factors: enrolling, signing in with codes, and recovering."""

from __future__ import annotations

import asyncio
import base64

import pytest

from authenticator_app import AuthenticatorApp
from conftest import PASSWORD, Person, Server
from enrolled_people import (
    EXPIRED,
    MFA,
    WRONG_CODE,
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
from fastback.access.activity import ActivityEvent
from fastback.features.second_factors.resets import ResetError, reset_second_factor
from fastback.features.second_factors.security_log import SecurityLog
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


async def test_a_person_enrols_and_signs_in_with_codes(
    clock: MovingClock, server: Server, ada: Person, bob: Person, events: list[tuple[str, str | None]]
) -> None:
    await set_policy(ada, ENABLE_MFA=True)
    events.clear()
    token = await begin(server, "bob@example.com", "enroll")
    # A challenge authorises nothing else.
    challenger = as_person(server, {"token": token})
    (await challenger.get("/api/models")).refused(401)
    setup = (await post(server, "/enroll/start", token)).ok()
    assert (await post(server, "/enroll/start", token)).ok()["manual_key"] == setup["manual_key"]
    image = base64.b64decode(setup["qr_code"].removeprefix("data:image/svg+xml;base64,"))
    assert b"<svg" in image and b"<path" in image
    (await post(server, "/verify", token, code="000000")).refused(401, EXPIRED)

    app = AuthenticatorApp(setup["manual_key"])
    wrong = "Invalid code. Check your authenticator and try again."
    (await post(server, "/enroll/confirm", token, code=app.code_of_moment(-300))).refused(401, wrong)
    reply = await post(server, "/enroll/confirm", token, code=f" {app.next_code()} ")
    session = reply.ok()
    assert len(set(session["recovery_codes"])) == 10 and all(len(code) == 32 for code in session["recovery_codes"])
    cookies = reply.headers.getall("set-cookie")
    assert cookies[0].startswith(f"token={session['token']}; ") and "HttpOnly" in cookies[0]
    assert cookies[1].startswith('mfa_challenge=""; ') and f"Path={MFA}" in cookies[1]
    assert reply.headers["cache-control"] == "no-store"
    (await post(server, "/enroll/start", token)).refused(401, EXPIRED)
    enrolled = as_person(server, session)
    assert (await enrolled.get("/api/v1/auths/")).ok()["email"] == "bob@example.com"
    status = {"enabled": True, "required": True, "recovery_codes_remaining": 10}
    assert (await enrolled.get(f"{MFA}/status")).ok() == status

    token = await begin(server, "bob@example.com", "verify")
    (await post(server, "/verify", token, code=app.code_of_moment(600))).refused(401, WRONG_CODE)
    code = app.next_code()
    again = as_person(server, (await post(server, "/verify", token, code=code)).ok())
    assert (await again.get("/api/v1/auths/")).ok()["id"] == bob.id
    assert (await enrolled.get("/api/v1/auths/")).status == 200, "a sign-in ends no other session"
    # The code and the challenge have been used.
    (await post(server, "/verify", token, code=code)).refused(401, EXPIRED)
    token = await begin(server, "bob@example.com", "verify")
    (await post(server, "/verify", token, code=code)).refused(401, WRONG_CODE)
    clock.advance(60)
    assert (await post(server, "/verify", token, code=app.next_code())).status == 200
    assert events == [
        ("auth.mfa.failed", bob.id),
        ("auth.mfa.enrolled", bob.id),
        ("auth.mfa.failed", bob.id),
        ("auth.mfa.failed", bob.id),
    ]


async def test_codes_of_neighbouring_time_steps_are_accepted(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled
) -> None:
    """Clocks of phones differ from that of the server by some seconds."""
    app = bob_enrolled.app
    for seconds, status in ((-30, 200), (30, 200), (-60, 401), (60, 401)):
        clock.advance(300)
        token = await begin(server, "bob@example.com", "verify")
        assert (await post(server, "/verify", token, code=app.code_of_moment(seconds))).status == status
    # A code of the future excludes the present one.
    clock.advance(300)
    token = await begin(server, "bob@example.com", "verify")
    later, now = app.code_of_moment(30), app.code_of_moment(0)
    assert (await post(server, "/verify", token, code=later)).status == 200
    token = await begin(server, "bob@example.com", "verify")
    (await post(server, "/verify", token, code=now)).refused(401, WRONG_CODE)


async def test_a_step_expires(clock: MovingClock, server: Server, bob_enrolled: Enrolled) -> None:
    token = await begin(server, "bob@example.com", "verify")
    clock.advance(298)
    assert (await post(server, "/verify", token, code="000000")).refused(401, WRONG_CODE)
    clock.advance(3)
    (await post(server, "/verify", token, code=bob_enrolled.app.code_of_moment(0))).refused(401, EXPIRED)
    # The next sign-in replaces the step of the one before.
    first = await begin(server, "bob@example.com", "verify")
    second = await begin(server, "bob@example.com", "verify")
    (await post(server, "/verify", first, code="000000")).refused(401, EXPIRED)
    assert (await post(server, "/verify", second, code=bob_enrolled.app.next_code())).status == 200


async def test_a_step_ends_when_sessions_are_revoked(
    clock: MovingClock, server: Server, ada_enrolled: Enrolled, bob_enrolled: Enrolled
) -> None:
    ada, bob_id = ada_enrolled.person, bob_enrolled.person.id
    token = await begin(server, "bob@example.com", "verify")
    (await ada.post(f"/api/v1/users/{bob_id}/sessions/revoke")).ok()
    state = await read_state(server, bob_id)
    assert state.login_challenge is None and state.secret is not None and len(state.recovery_hashes) == 10
    (await post(server, "/verify", token, code=bob_enrolled.app.next_code())).refused(401, EXPIRED)
    token = await begin(server, "bob@example.com", "verify")
    body = {"role": "pending", "name": "Bob", "email": "bob@example.com", "profile_image_url": "/user.png"}
    (await ada.post(f"/api/v1/users/{bob_id}/update", body)).ok()
    refusal = (await post(server, "/verify", token, code=bob_enrolled.app.next_code())).refused(403)
    assert refusal == "Account is awaiting approval."
    (await ada.post(f"/api/v1/users/{bob_id}/update", {**body, "role": "user"})).ok()
    token = await begin(server, "bob@example.com", "verify")
    config = await set_policy(ada, ENABLE_MFA=False)
    assert config["sessions_revoked"] is True
    (await post(server, "/verify", token, code=bob_enrolled.app.next_code())).refused(401, EXPIRED)
    session = (await sign_in(server, "bob@example.com")).ok()
    assert session["token"] and (await read_state(server, bob_id)).secret is not None


async def test_of_two_requests_with_one_code_one_succeeds(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled
) -> None:
    clock.advance(60)
    token = await begin(server, "bob@example.com", "verify")
    code = bob_enrolled.app.next_code()
    replies = await asyncio.gather(*(post(server, "/verify", token, code=code) for _ in range(4)))
    statuses = sorted(reply.status for reply in replies)
    assert statuses.count(200) == 1 and set(statuses) <= {200, 401, 409}


async def test_two_sign_ins_at_once_both_continue(clock: MovingClock, server: Server, bob_enrolled: Enrolled) -> None:
    replies = await asyncio.gather(*(sign_in(server, "bob@example.com") for _ in range(3)))
    tokens = [reply.ok()["challenge_token"] for reply in replies]
    replies = [
        await post(server, "/verify", token, code=bob_enrolled.recovery_codes[0], recovery=True) for token in tokens
    ]
    assert [reply.status for reply in replies].count(200) == 1


async def test_a_recovery_code_signs_in_once(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled, events: list[tuple[str, str | None]]
) -> None:
    code = bob_enrolled.recovery_codes[3]
    token = await begin(server, "bob@example.com", "verify")
    (await post(server, "/verify", token, code=code)).refused(401, WRONG_CODE)
    session = (await post(server, "/verify", token, code=f" {code.upper()}", recovery=True)).ok()
    bob = as_person(server, session)
    assert (await bob.get(f"{MFA}/status")).ok()["recovery_codes_remaining"] == 9
    token = await begin(server, "bob@example.com", "verify")
    (await post(server, "/verify", token, code=code, recovery=True)).refused(401, WRONG_CODE)
    assert [event for event, _ in events] == ["auth.mfa.failed", "auth.mfa.recovery_used", "auth.mfa.failed"]


async def test_recovery_codes_are_replaced(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled, events: list[tuple[str, str | None]]
) -> None:
    bob, app = bob_enrolled.person, bob_enrolled.app
    (await bob.post(f"{MFA}/recovery/codes", {"code": "000000"})).refused(401, WRONG_CODE)
    codes = (await bob.post(f"{MFA}/recovery/codes", {"code": app.next_code()})).ok()["recovery_codes"]
    assert len(codes) == 10 and not set(codes) & set(bob_enrolled.recovery_codes)
    (await bob.get("/api/v1/auths/")).refused(401)
    token = await begin(server, "bob@example.com", "verify")
    old = bob_enrolled.recovery_codes[0]
    (await post(server, "/verify", token, code=old, recovery=True)).refused(401, WRONG_CODE)
    assert (await post(server, "/verify", token, code=codes[0], recovery=True)).status == 200
    assert events[1][0] == "auth.mfa.recovery_codes_regenerated"


async def test_an_authenticator_is_replaced(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled, events: list[tuple[str, str | None]]
) -> None:
    bob, old = bob_enrolled.person, bob_enrolled.app
    step = (await bob.post(f"{MFA}/replace", {"code": bob_enrolled.recovery_codes[0], "recovery": True})).ok()
    assert step["next_step"] == "enroll"
    # Until the new app is confirmed, the old one stays valid, also in a sign-in beside.
    token = await begin(server, "bob@example.com", "verify")
    assert (await post(server, "/verify", token, code=old.next_code())).status == 200
    token = step["challenge_token"]
    app = AuthenticatorApp((await post(server, "/enroll/start", token)).ok()["manual_key"])
    replaced = (await post(server, "/enroll/confirm", token, code=app.next_code())).ok()
    assert replaced.keys() == {"recovery_codes"} and len(replaced["recovery_codes"]) == 10
    (await bob.get("/api/v1/auths/")).refused(401)
    token = await begin(server, "bob@example.com", "verify")
    (await post(server, "/verify", token, code=old.next_code())).refused(401, WRONG_CODE)
    assert (await post(server, "/verify", token, code=app.next_code())).status == 200
    assert [event for event, _ in events] == ["auth.mfa.recovery_used", "auth.mfa.replaced", "auth.mfa.failed"]


async def test_changes_need_a_recent_sign_in(clock: MovingClock, server: Server, bob_enrolled: Enrolled) -> None:
    bob = bob_enrolled.person
    clock.advance(302)
    for path in ("/replace", "/recovery/codes"):
        code = bob_enrolled.app.code_of_moment(0)
        (await bob.post(f"{MFA}{path}", {"code": code})).refused(403, "reauthentication_required")
    token = await begin(server, "bob@example.com", "verify")
    session = (await post(server, "/verify", token, code=bob_enrolled.app.next_code())).ok()
    clock.advance(60)
    assert (await as_person(server, session).post(f"{MFA}/replace", {"code": bob_enrolled.app.next_code()})).ok()


async def test_the_operator_resets_a_lost_authenticator(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled
) -> None:
    db, bob_id = server.services.get(Database), bob_enrolled.person.id
    log = SecurityLog(server.services.get(Bus), None)
    for email, reason in (("no@example.com", "lost"), ("bob@example.com", " ")):
        with pytest.raises(ResetError):
            await reset_second_factor(db, log, email=email, reason=reason)
    ticket = await reset_second_factor(db, log, email="Bob@Example.com ", reason="lost phone")
    server.services.get(Bus)
    token = await begin(server, "bob@example.com", "recover")
    for path in ("/verify", "/enroll/confirm"):
        (await post(server, path, token, code=bob_enrolled.app.next_code())).refused(401, EXPIRED)
    (await post(server, "/enroll/start", token)).refused(401, EXPIRED)
    wrong = "Invalid or expired operator recovery token."
    (await post(server, "/recover", token, reset_token="x" * 43)).refused(401, wrong)
    clock.advance(1801)
    token = await begin(server, "bob@example.com", "recover")
    (await post(server, "/recover", token, reset_token=ticket)).refused(401, wrong)
    ticket = await reset_second_factor(db, log, email="bob@example.com", reason="lost phone")
    token = await begin(server, "bob@example.com", "recover")
    step = (await post(server, "/recover", token, reset_token=ticket)).ok()
    assert step["next_step"] == "enroll"
    (await post(server, "/recover", token, reset_token=ticket)).refused(401, EXPIRED)
    # The ticket has been used, and the account still needs one until it is enrolled.
    assert (await sign_in(server, "bob@example.com")).ok()["next_step"] == "recover"
    ticket = await reset_second_factor(db, log, email="bob@example.com", reason="lost phone")
    token = await begin(server, "bob@example.com", "recover")
    token = (await post(server, "/recover", token, reset_token=ticket)).ok()["challenge_token"]
    enrolled = await enrol(server, "bob@example.com", token)
    assert enrolled.person.id == bob_id
    await begin(server, "bob@example.com", "verify")


@pytest.mark.parametrize("change", ["revocation", "password"])
async def test_revoking_sessions_voids_a_ticket(
    clock: MovingClock, server: Server, ada_enrolled: Enrolled, bob_enrolled: Enrolled, change: str
) -> None:
    ada, bob_id = ada_enrolled.person, bob_enrolled.person.id
    log = SecurityLog(server.services.get(Bus), None)
    ticket = await reset_second_factor(server.services.get(Database), log, email="bob@example.com", reason="lost phone")
    if change == "revocation":
        (await ada.post(f"/api/v1/users/{bob_id}/sessions/revoke")).ok()
    else:
        (await ada.post(f"/api/v1/users/{bob_id}/update", {"password": PASSWORD})).ok()
    state = await read_state(server, bob_id)
    assert state.reset_ticket is None and state.reset_required
    token = await begin(server, "bob@example.com", "recover")
    (await post(server, "/recover", token, reset_token=ticket)).refused(401)


async def test_an_account_without_a_state_enrols_whatever_another_program_stored(
    clock: MovingClock, server: Server, ada_enrolled: Enrolled
) -> None:
    """Open WebUI stores the JSON `null` for people who never enrolled, when it revokes their sessions."""
    await server.services.get(Database).execute(
        "test.null", "UPDATE auth SET mfa = 'null' WHERE email = 'bob@example.com'"
    )
    (await sign_in(server, "bob@example.com", "wrong")).refused(400)
    enrolled = await enrol(server, "bob@example.com")
    (await ada_enrolled.person.post(f"/api/v1/users/{enrolled.person.id}/sessions/revoke")).ok()
    await begin(server, "bob@example.com", "verify")
