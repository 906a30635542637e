"""Signing in at directories that do not respond, or do not follow the protocol."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from conftest import Person, Reply, Server
from fastback.features.ldap.directory_threads import DirectoryThreads
from fastback.features.ldap.service import LdapSignIn
from faulty_directory import (
    BIND_RESPONSE,
    EXTENDED_REQUEST,
    EXTENDED_RESPONSE,
    REFERRAL,
    SEARCH_DONE,
    SEARCH_REQUEST,
    SIZE_LIMIT_EXCEEDED,
    SUCCESS,
    UNAVAILABLE,
    Exchange,
    FaultyDirectory,
    Script,
    answer_properly,
    encode_element,
    encode_entry,
    encode_result,
    encode_text,
    run_faulty_directory,
)
from loop_holds import measure_holds

FAILED = "LDAP authentication failed."
NOT_FOUND = "User not found in the LDAP server"
SECRET = "a very secret word"


async def use_directory(ada: Person, directory: FaultyDirectory, **changes: object) -> None:
    (await ada.post("/api/v1/auths/admin/config/ldap/server", directory.get_settings(**changes))).ok()
    (await ada.post("/api/v1/auths/admin/config/ldap", {"enable_ldap": True})).ok()


def limit_directory(server: Server, *, time_limit: float = 10.0, max_sign_ins: int = 64) -> None:
    """Replace the limits of sign-ins at the directory."""
    threads = DirectoryThreads(time_limit=time_limit, max_sign_ins=max_sign_ins)
    server.services.get(LdapSignIn)._directory = threads


async def sign_in(server: Server, user: str = "anna") -> Reply:
    return await server.stranger().post("/api/v1/auths/ldap", {"user": user, "password": SECRET})


def answer_search(*operations: bytes) -> Script:
    """Return a script that answers searches with these responses, and anything else properly."""

    async def answer(exchange: Exchange) -> None:
        if exchange.operation == SEARCH_REQUEST:
            await exchange.send(*operations)
        else:
            await answer_properly(exchange)

    return answer


def answer_bytes(data: bytes) -> Script:
    """Return a script that answers everything with these bytes."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send_bytes(data)
        exchange.close()

    return answer


async def close_at_search(exchange: Exchange) -> None:
    if exchange.operation == SEARCH_REQUEST:
        exchange.close()
    else:
        await answer_properly(exchange)


async def refuse_as_busy(exchange: Exchange) -> None:
    await exchange.send(encode_result(BIND_RESPONSE, UNAVAILABLE))


async def refer_binds(exchange: Exchange) -> None:
    await exchange.send(encode_result(BIND_RESPONSE, REFERRAL, "ldap://127.0.0.1:9/"))


async def send_without_end(exchange: Exchange) -> None:
    """Send an entry of 300 MB."""
    if exchange.operation != SEARCH_REQUEST:
        await answer_properly(exchange)
        return
    await exchange.send_bytes(b"\x30\x84\x12\x00\x00\x00")
    for _ in range(4096):
        await exchange.send_bytes(b"\0" * 65536)


DONE = encode_result(SEARCH_DONE, SUCCESS)
ANNA = encode_entry("uid=anna,dc=x", {"uid": ["anna"], "mail": ["anna@example.org"], "cn": ["Anna"]})
NO_ADDRESS = "User does not have a valid email address."


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        pytest.param(answer_bytes(b""), FAILED, id="closes"),
        pytest.param(answer_bytes(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 5), FAILED, id="HTTP"),
        pytest.param(answer_bytes(b"\0" * 1000), FAILED, id="zeros"),
        pytest.param(answer_bytes(bytes(range(256)) * 8), FAILED, id="noise"),
        pytest.param(answer_bytes(b"\x30\xff" + b"\xff" * 200), FAILED, id="endless length"),
        pytest.param(answer_bytes(b"\x30\x0c\x02\x01\x63\x61\x07\x0a\x01\x00\x04\x00\x04\x00"), FAILED, id="other id"),
        pytest.param(answer_bytes(b"\x30\x80" * 5000), FAILED, id="nested"),
        pytest.param(close_at_search, FAILED, id="closes at the search"),
        pytest.param(send_without_end, FAILED, id="too large"),
        pytest.param(refuse_as_busy, "Application account bind failed", id="busy"),
        pytest.param(refer_binds, FAILED, id="refers binds"),
        pytest.param(answer_search(b""), FAILED, id="empty operation"),
        pytest.param(answer_search(b"\x64\x00", DONE), FAILED, id="entry without anything"),
        pytest.param(answer_search(encode_result(SEARCH_DONE, 99)), FAILED, id="unknown result"),
        pytest.param(answer_search(DONE), NOT_FOUND, id="nothing"),
        pytest.param(answer_search(encode_result(SEARCH_DONE, SIZE_LIMIT_EXCEEDED)), NOT_FOUND, id="size limit"),
        pytest.param(answer_search(encode_entry("uid=anna", {}), DONE), NO_ADDRESS, id="entry without attributes"),
        pytest.param(
            answer_search(encode_entry("uid=anna", {"uid": ["anna"], "mail": [b"\xff\xfe"]}), DONE),
            NO_ADDRESS,
            id="binary address",
        ),
        pytest.param(
            answer_search(encode_entry("uid=anna", {"uid": ["anna"], "mail": ["a b@c.d", "\x07", "x" * 300]}), DONE),
            NO_ADDRESS,
            id="odd addresses",
        ),
        pytest.param(
            answer_search(encode_entry("uid=anna", {"uid": [b"\xff"], "mail": ["a@b.c"]}), DONE),
            "User record mismatch.",
            id="binary name",
        ),
        pytest.param(
            answer_search(encode_entry("", {"uid": ["anna"], "mail": ["a@b.c"]}), DONE),
            "Authentication failed.",
            id="entry without a name",
        ),
    ],
)
async def test_a_faulty_response_is_a_refusal(
    server: Server, ada: Person, caplog: pytest.LogCaptureFixture, script: Script, detail: str
) -> None:
    async with run_faulty_directory(script) as directory:
        await use_directory(ada, directory)
        with caplog.at_level(logging.DEBUG):
            (await sign_in(server)).refused(400, detail)
    assert not any(SECRET in text or "reader secret" in text for text in caplog.messages)
    lines = [record.getMessage() for record in caplog.records if record.name == "fastback.ldap"]
    assert any(line.startswith(f"LDAP sign-in of 'anna' failed, Faulty: {detail}") for line in lines)


async def test_a_response_within_the_rules_signs_in(server: Server, ada: Person) -> None:
    """The size limit of the directory and references to other directories do not matter where there is an entry."""
    reference = encode_element(0x73, encode_text("ldap://127.0.0.1:9/dc=x"))
    script = answer_search(reference, ANNA, encode_result(SEARCH_DONE, SIZE_LIMIT_EXCEEDED))
    async with run_faulty_directory(script) as directory:
        await use_directory(ada, directory)
        assert (await sign_in(server)).ok()["email"] == "anna@example.org"
        assert directory.connections == 2


async def test_referrals_are_not_followed(server: Server, ada: Person) -> None:
    """The other directory would get the password of the application's account."""
    async with run_faulty_directory(answer_properly) as other:
        url = f"ldap://127.0.0.1:{other.port}/dc=x"
        async with run_faulty_directory(answer_search(encode_result(SEARCH_DONE, REFERRAL, url))) as directory:
            await use_directory(ada, directory)
            (await sign_in(server)).refused(400, NOT_FOUND)
        reference = encode_element(0x73, encode_text(url))
        async with run_faulty_directory(answer_search(reference, DONE)) as directory:
            await use_directory(ada, directory)
            (await sign_in(server)).refused(400, NOT_FOUND)
        assert other.connections == 0


async def test_an_empty_password_never_reaches_the_directory(server: Server, ada: Person) -> None:
    async with run_faulty_directory(answer_properly) as directory:
        await use_directory(ada, directory)
        for password in ("", "  ", "\t\n"):
            body = {"user": "anna", "password": password}
            (await server.stranger().post("/api/v1/auths/ldap", body)).refused(400)
        assert directory.connections == 0


async def test_the_password_is_sent_only_after_starttls(
    start_server: Callable[..., AbstractAsyncContextManager[Server]],
) -> None:
    async def refuse_tls(exchange: Exchange) -> None:
        if exchange.operation == EXTENDED_REQUEST:
            await exchange.send(encode_result(EXTENDED_RESPONSE, UNAVAILABLE))
        else:
            await answer_properly(exchange)

    async def pretend_tls(exchange: Exchange) -> None:
        if exchange.operation == EXTENDED_REQUEST:
            await exchange.send(encode_result(EXTENDED_RESPONSE, SUCCESS))
        else:
            await answer_properly(exchange)

    async with start_server(FASTBACK_LDAP_STARTTLS="true") as server:
        ada = await server.sign_up("Ada")
        for script in (refuse_tls, pretend_tls, answer_bytes(b"nonsense")):
            async with run_faulty_directory(script) as directory:
                await use_directory(ada, directory)
                (await sign_in(server)).refused(400, FAILED)
                assert directory.received and b"secret" not in directory.received


async def drip(exchange: Exchange) -> None:
    """Send a byte now and then, so that no single wait is long."""
    for octet in b"\x30\x84\x00\x01\x00\x00" + b"\0" * 1000:
        await exchange.send_bytes(bytes([octet]))
        await asyncio.sleep(0.05)


async def stay_silent(exchange: Exchange) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("script", [drip, stay_silent])
async def test_a_slow_directory_is_given_up_in_time(server: Server, ada: Person, script: Script) -> None:
    limit_directory(server, time_limit=0.5)
    async with run_faulty_directory(script) as directory:
        await use_directory(ada, directory)
        started = time.monotonic()
        (await sign_in(server)).refused(400, FAILED)
        assert 0.4 < time.monotonic() - started < 3


async def test_too_many_sign_ins_at_a_time_are_refused_and_others_answered(server: Server, ada: Person) -> None:
    limit_directory(server, time_limit=1.0, max_sign_ins=6)
    async with run_faulty_directory(stay_silent) as directory:
        await use_directory(ada, directory)
        attempts = [asyncio.create_task(sign_in(server, f"user{number}")) for number in range(20)]
        await asyncio.sleep(0.2)
        started = time.monotonic()
        (await server.stranger().get("/health")).ok()
        assert time.monotonic() - started < 0.3
        replies = await asyncio.gather(*attempts)
        assert sorted(reply.status for reply in replies) == [400] * 6 + [503] * 14
        assert {reply.headers["retry-after"] for reply in replies if reply.status == 503} == {"2"}
    async with run_faulty_directory(answer_properly) as directory:
        await use_directory(ada, directory)
        for _ in range(50):
            reply = await sign_in(server)
            if reply.status != 503:  # the threads of the other directory have ended
                break
            await asyncio.sleep(0.05)
        assert reply.ok()["email"] == "anna@example.org"


async def test_many_sign_ins_do_not_hold_the_loop(server: Server, ada: Person) -> None:
    async with run_faulty_directory(answer_properly) as directory:
        await use_directory(ada, directory)
        (await sign_in(server)).ok()
        with measure_holds() as holds:
            replies = await asyncio.gather(*(sign_in(server, "anna" if n < 14 else f"{n}") for n in range(50)))
        assert sum(reply.status == 200 for reply in replies) == 14
        assert {reply.status for reply in replies} == {200, 400}
        print(f"longest holds: {holds.callback:.1f} ms of the loop, {holds.interpreter:.1f} ms of the interpreter")
        assert holds.callback < 50


async def test_an_attempt_of_a_client_that_hangs_up_ends_in_the_background(server: Server, ada: Person) -> None:
    limit_directory(server, time_limit=0.5, max_sign_ins=1)
    async with run_faulty_directory(stay_silent) as directory:
        await use_directory(ada, directory)
        attempt = asyncio.create_task(sign_in(server))
        await asyncio.sleep(0.2)
        attempt.cancel()
        (await sign_in(server)).refused(503)
        for _ in range(60):
            reply = await sign_in(server)
            if reply.status != 503:
                break
            await asyncio.sleep(0.05)
        assert reply.status == 400
