"""Running a server with second factors: its keys, its logs, the operator's command, Redis, a database that is away."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest
from cryptography.fernet import Fernet

from conftest import REDIS, Person, Server, run_server
from enrolled_people import (
    EXPIRED,
    MFA,
    WRONG_CODE,
    Enrolled,
    as_person,
    begin,
    enrol,
    post,
    require_second_factors,
    set_policy,
    sign_in,
)
from fastback.access.audit import AuditLog
from fastback.settings import SettingsError
from moving_clock import MovingClock

SECRET_KEY = "another-secret-key-of-at-least-32-chars"


async def _start_again(tmp_path: Path, **env: str) -> str:
    """Start a server on existing data, and return why it does not start."""
    with pytest.raises(SettingsError) as refusal:
        async with run_server(env, tmp_path, "sqlite"):
            pass
    return str(refusal.value)


async def test_a_server_without_the_right_key_does_not_start(tmp_path: Path) -> None:
    """Without second factors people would sign in with passwords alone; with unreadable ones, not at all."""
    async with run_server({}, tmp_path, "sqlite") as server:
        await require_second_factors(server, await server.sign_up("Ada"))
    other_keys = {"WEBUI_SECRET_KEY": SECRET_KEY}, {"MFA_ENCRYPTION_KEY": Fernet.generate_key().decode()}
    for env in other_keys:
        assert "stored second factors cannot be decrypted" in await _start_again(tmp_path, **env)
    assert (await _start_again(tmp_path, MFA_ENCRYPTION_KEY="nonsense")).startswith("MFA_ENCRYPTION_KEY: ")
    assert "WEBUI_AUTH" in await _start_again(tmp_path, WEBUI_AUTH="false")
    empty = tmp_path / "empty"
    for env in ({"WEBUI_AUTH": "false"}, {"ENABLE_PERSISTENT_CONFIG": "false"}):
        assert "ENABLE_PERSISTENT_CONFIG" in await _start_again(empty, ENABLE_MFA="true", **env)
    async with run_server({}, tmp_path, "sqlite") as server:
        await begin(server, "ada@example.com", "verify")


async def test_a_key_of_its_own_survives_a_change_of_the_secret_key(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    async with run_server({"MFA_ENCRYPTION_KEY": key}, tmp_path, "sqlite") as server:
        ada = await require_second_factors(server, await server.sign_up("Ada"))
    async with run_server({"MFA_ENCRYPTION_KEY": key, "WEBUI_SECRET_KEY": SECRET_KEY}, tmp_path, "sqlite") as server:
        token = await begin(server, "ada@example.com", "verify")
        assert (await post(server, "/verify", token, code=ada.app.next_code())).status == 200


async def test_the_policy_is_not_switched_on_over_unreadable_secrets(tmp_path: Path) -> None:
    async with run_server({}, tmp_path, "sqlite") as server:
        ada = await require_second_factors(server, await server.sign_up("Ada"))
        await set_policy(ada.person, ENABLE_MFA=False)
    async with run_server({"WEBUI_SECRET_KEY": SECRET_KEY}, tmp_path, "sqlite") as server:
        session = (await sign_in(server, "ada@example.com")).ok()
        person = as_person(server, session)
        config = (await person.get("/api/v1/auths/admin/config")).ok()
        reply = await person.post("/api/v1/auths/admin/config", {**config, "ENABLE_MFA": True, "ENABLE_NOTES": False})
        reply.refused(409, "Unable to update MFA policy. Check configuration and retry.")
        saved = (await person.get("/api/v1/auths/admin/config")).ok()
        assert (saved["ENABLE_MFA"], saved["ENABLE_NOTES"]) == (False, True), "nothing was stored"


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(getattr(request, "param", {}))


@pytest.mark.parametrize("environment", [{"AUDIT_LOG_LEVEL": "REQUEST_RESPONSE"}], indirect=True)
async def test_logs_name_events_and_contain_no_secret(
    server: Server, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        enrolled = await require_second_factors(server, ada)
        token = await begin(server, "ada@example.com", "verify")
        (await post(server, "/verify", token, code="192837")).refused(401, WRONG_CODE)
        code = enrolled.app.next_code()
        session = (await post(server, "/verify", token, code=code)).ok()
    server.services.get(AuditLog).close()
    text = (server.data_dir / "audit.log").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    events = [entry for entry in entries if entry["verb"] == "MFA"]
    assert [entry["extra"]["event"].rpartition(".")[2] for entry in events] == ["policy_changed", "enrolled", "failed"]
    for entry in events:
        assert entry["user"] == {"id": ada.id} and entry["source_ip"] == "127.0.0.1"
        assert entry["request_uri"] == MFA and entry["audit_level"] == "METADATA"
    assert f"security event auth.mfa.enrolled of user {ada.id}" in caplog.text
    logs = text + caplog.text
    secrets = (token, "192837", f'"{code}"', session["token"], *enrolled.recovery_codes)
    assert not [secret for secret in secrets if secret in logs]


def _run_reset(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-m", "fastback", "mfa", "reset", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(
        command, env={**env, "AUDIT_LOG_LEVEL": "METADATA"}, capture_output=True, text=True, check=False, timeout=60
    )


async def test_the_command_prints_a_ticket_and_nothing_else(tmp_path: Path) -> None:
    missing = await asyncio.to_thread(_run_reset, tmp_path / "nowhere", "ada@example.com", "--reason", "lost")
    assert missing.returncode == 1 and "not found" in missing.stderr and not (tmp_path / "nowhere").exists()
    async with run_server({}, tmp_path, "sqlite") as server:
        ada = await require_second_factors(server, await server.sign_up("Ada"))
        for email, reason, detail in (
            ("nobody@example.com", "lost", "there is no user with this email address"),
            ("ada@example.com", " ", "the reason is empty"),
        ):
            refused = await asyncio.to_thread(_run_reset, tmp_path, email, "--reason", reason)
            assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"fastback: {detail}\n")
        result = await asyncio.to_thread(_run_reset, tmp_path, "ada@example.com", "--reason", "lost phone")
        assert result.returncode == 0
        ticket = result.stdout.strip()
        assert len(ticket) == 43 and ticket not in result.stderr and "30 minutes" in result.stderr
        assert (await sign_in(server, "ada@example.com")).ok()["next_step"] == "recover"
        token = await begin(server, "ada@example.com", "recover")
        (await post(server, "/verify", token, code=ada.app.next_code())).refused(401, EXPIRED)
        step = (await post(server, "/recover", token, reset_token=ticket)).ok()
        await enrol(server, "ada@example.com", step["challenge_token"])
    entries = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert [entry["extra"] for entry in entries] == [
        {"event": "auth.mfa.reset_requested", "reason": "lost phone"},
        {"event": "auth.mfa.reset_completed", "reason": "lost phone"},
    ]
    assert ticket not in (tmp_path / "audit.log").read_text()


@pytest.mark.skipif(not REDIS, reason="FASTBACK_TEST_REDIS names no server")
async def test_the_limit_of_an_address_is_shared_over_redis(clock: MovingClock, start_server: Any) -> None:
    from redis.asyncio import Redis

    prefix = f"fastback-mfa-{os.getpid()}"
    redis = Redis.from_url(REDIS)
    try:
        async with start_server(REDIS_URL=REDIS, REDIS_KEY_PREFIX=prefix) as server:
            await require_second_factors(server, await server.sign_up("Ada"))
            name = f"{prefix}:ratelimit:mfa:ip:{hashlib.sha256(b'127.0.0.1').hexdigest()}:{int(clock.time()) // 60}"
            count = int(await redis.get(name))
            assert 0 < count < 10 and 0 < await redis.ttl(name) <= 960
            await redis.set(name, 100)
            (await server.stranger().post("/api/v1/auths/signout")).refused(429)
    finally:
        for key in await redis.keys(f"{prefix}:*"):
            await redis.delete(key)
        await redis.aclose()


async def test_a_locked_database_answers_503_and_uses_no_code(start_server: Any) -> None:
    async with start_server(DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT="300") as server:
        ada: Enrolled = await require_second_factors(server, await server.sign_up("Ada"))
        token = await begin(server, "ada@example.com", "verify")
        code = ada.app.next_code()
        other = apsw.Connection(str(server.data_dir / "webui.db"))
        other.set_busy_timeout(20_000)
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        replies = [await sign_in(server, "ada@example.com"), await post(server, "/verify", token, code=code)]
        other.execute("ROLLBACK")
        for reply in replies:
            reply.refused(503, "The database is busy. Please try again in a moment.")
        assert (await post(server, "/verify", token, code=code)).status == 200
