"""What guessing codes and passwords meets, and requests that are malformed or forged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import Person, Server
from enrolled_people import (
    EXPIRED,
    MFA,
    TOO_MANY,
    WRONG_CODE,
    Enrolled,
    begin,
    enrol,
    post,
    read_state,
    require_second_factors,
    set_policy,
    sign_in,
)
from fastback.access.activity import ActivityEvent
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


async def test_guessed_codes_are_limited(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled, events: list[tuple[str, str | None]]
) -> None:
    clock.advance(900)
    token = await begin(server, "bob@example.com", "verify")
    for _ in range(5):
        (await post(server, "/verify", token, code="000000")).refused(401, WRONG_CODE)
    reply = await post(server, "/verify", token, code=bob_enrolled.app.next_code())
    reply.refused(429, "Too many codes. Please sign in again.")
    assert 290 <= int(reply.headers["retry-after"]) <= 300
    token = await begin(server, "bob@example.com", "verify")
    for _ in range(5):
        (await post(server, "/verify", token, code="000000")).refused(401, WRONG_CODE)
    clock.advance(600)
    token = await begin(server, "bob@example.com", "verify")
    reply = await post(server, "/verify", token, code=bob_enrolled.app.next_code())
    reply.refused(429, TOO_MANY)
    assert 290 <= int(reply.headers["retry-after"]) <= 300
    assert events[-1] == ("auth.mfa.throttled", bob_enrolled.person.id)
    clock.advance(301)
    token = await begin(server, "bob@example.com", "verify")
    assert (await post(server, "/verify", token, code=bob_enrolled.app.next_code())).status == 200


async def test_passwords_are_limited_for_each_account(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled
) -> None:
    """The limit of an unknown address is the same, so that it does not reveal which addresses have an account."""
    clock.advance(900)
    for email in ("bob@example.com", "nobody@example.com"):
        for _ in range(10):
            (await sign_in(server, email, "wrong")).refused(400)
        reply = await sign_in(server, email)
        reply.refused(429, TOO_MANY)
        assert 890 <= int(reply.headers["retry-after"]) <= 900
    clock.advance(901)
    await begin(server, "bob@example.com", "verify")


async def test_requests_of_one_address_are_limited(clock: MovingClock, server: Server, ada: Person) -> None:
    stranger = server.stranger()
    for _ in range(101):
        (await stranger.post("/api/v1/auths/signout")).ok()
    await set_policy(ada, ENABLE_MFA=True)
    clock.advance(960)
    for _ in range(99):
        (await stranger.post("/api/v1/auths/signout")).ok()
    (await stranger.post(f"{MFA}/verify", {"challenge_token": "x"})).refused(422, "Invalid authentication request.")
    for path in ("/signin", "/signup", "/signout", "/mfa/verify", "/update/timezone"):
        reply = await stranger.post(f"/api/v1/auths{path}", {})
        reply.refused(429, TOO_MANY)
        assert reply.headers["retry-after"] == "900" and reply.headers["cache-control"] == "no-store"
    assert (await stranger.get("/api/v1/auths/")).status == 401, "only changes are counted"
    clock.advance(1020)
    assert (await stranger.post("/api/v1/auths/signout")).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/verify", {"challenge_token": "x" * 19, "code": "123456"}),
        ("/verify", {"challenge_token": "x" * 161, "code": "123456"}),
        ("/verify", {"challenge_token": "x" * 43, "code": ""}),
        ("/verify", {"challenge_token": "x" * 43, "code": "1" * 129}),
        ("/verify", {"challenge_token": "x" * 43, "code": 123456}),
        ("/verify", {"challenge_token": "x" * 43, "code": "123456", "recovery": "perhaps"}),
        ("/verify", {"challenge_token": "x" * 43, "code": "123456", "more": 1}),
        ("/verify", {"challenge_token": "x" * 43}),
        ("/enroll/start", {"challenge_token": "x" * 43, "code": "123456"}),
        ("/enroll/confirm", [1]),
        ("/recover", {"challenge_token": "x" * 43, "reset_token": "short"}),
        ("/recover", None),
    ],
)
async def test_malformed_requests_get_no_details(server: Server, path: str, body: Any) -> None:
    reply = await server.stranger().post(f"{MFA}{path}", body)
    reply.refused(422, "Invalid authentication request.")
    assert reply.headers["cache-control"] == "no-store"


async def test_foreign_tokens_are_refused(server: Server, ada_enrolled: Enrolled) -> None:
    ada = ada_enrolled.person
    for token in ("x" * 43, f"{'a' * 65}.{'x' * 43}", f"{ada.id}.{'x' * 43}"):
        for path, fields in (
            ("/enroll/start", {}),
            ("/verify", {"code": "1"}),
            ("/recover", {"reset_token": "x" * 43}),
        ):
            (await post(server, path, token, **fields)).refused(401, EXPIRED)
    (await post(server, "/enroll/start", f"nobody.{'x' * 43}")).refused(401, "Invalid authentication request.")
    for path in ("/replace", "/recovery/codes"):
        (await server.stranger().post(f"{MFA}{path}", {"code": "123456"})).refused(401, "Not authenticated")
    (await server.stranger().get(f"{MFA}/status")).refused(401, "Not authenticated")


async def test_a_damaged_state_closes_the_account_alone(
    server: Server, ada_enrolled: Enrolled, bob_enrolled: Enrolled
) -> None:
    db = server.services.get(Database)
    token = await begin(server, "bob@example.com", "verify")
    for damaged in ('{"secret": 5}', '{"secrets": "x"}', "[]", '"text"'):
        await db.execute(
            "test.damage", "UPDATE auth SET mfa = :mfa WHERE id = :id", mfa=damaged, id=bob_enrolled.person.id
        )
        for reply in (await sign_in(server, "bob@example.com"), await post(server, "/verify", token, code="123456")):
            reply.refused(503, "Authentication is temporarily unavailable.")
    await begin(server, "ada@example.com", "verify")


async def test_guesses_at_the_same_time_are_counted(clock: MovingClock, server: Server, bob_enrolled: Enrolled) -> None:
    clock.advance(900)
    token = await begin(server, "bob@example.com", "verify")
    replies = await asyncio.gather(*(post(server, "/verify", token, code="000000") for _ in range(30)))
    statuses = [reply.status for reply in replies]
    assert statuses.count(401) <= 5 and set(statuses) <= {401, 409, 429}
    state = await read_state(server, bob_enrolled.person.id)
    assert state.login_challenge is not None and state.login_challenge.attempts <= 5


async def test_passwords_tried_at_the_same_time_are_counted(
    clock: MovingClock, server: Server, bob_enrolled: Enrolled
) -> None:
    clock.advance(900)
    replies = await asyncio.gather(*(sign_in(server, "bob@example.com", "wrong") for _ in range(15)))
    statuses = [reply.status for reply in replies]
    assert statuses.count(400) <= 10 and set(statuses) <= {400, 409, 429}
