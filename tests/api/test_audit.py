"""The audit log: what each level records, and that no level records a secret."""

from __future__ import annotations

import json
import resource
import zipfile
from pathlib import Path
from typing import Any

import pytest

from conftest import PASSWORD, Person, Server
from fastback.access.audit import AuditEntry
from fastback.access.audit.file import AuditLog, parse_size
from fastback.access.audit.redaction import redact_secrets


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(getattr(request, "param", {}))


def read_entries(server: Server) -> list[dict[str, Any]]:
    from fastback.access.audit import AuditLog as Log

    server.services.get(Log).close()
    path = server.data_dir / "audit.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("environment", [{"AUDIT_LOG_LEVEL": "REQUEST_RESPONSE"}], indirect=True)
async def test_changes_are_recorded_with_request_and_response(server: Server, ada: Person, bob: Person) -> None:
    (await ada.get("/api/v1/users/")).ok()
    (await ada.post("/api/v1/chats/new", {"chat": {"title": "left out"}})).ok()
    (await ada.post("/api/v1/evaluations/feedback", {"type": "rating", "meta": {"api_key": "hush"}})).ok()
    (await server.stranger().post("/api/v1/evaluations/feedback", {"type": "rating"})).refused(401)
    await server.stranger().post("/api/v1/auths/signin", {"email": "ada@example.com", "password": PASSWORD})
    log_entries = read_entries(server)
    assert [entry["request_uri"].removeprefix(server.url) for entry in log_entries] == [
        "/api/v1/auths/signup",
        "/api/v1/auths/add",
        "/api/v1/evaluations/feedback",
        "/api/v1/auths/signin",
    ]
    feedback = log_entries[2]
    assert feedback["user"] == {"id": ada.id, "name": "Ada", "email": "ada@example.com", "role": "admin"}
    assert feedback["verb"] == "POST"
    assert feedback["response_status_code"] == 200
    assert feedback["request_object"] == '{"type": "rating", "meta": {"api_key": "********"}}'
    assert '"version":0' in feedback["response_object"]
    assert log_entries[3]["user"] == {}
    text = (server.data_dir / "audit.log").read_text()
    assert not any(secret in text for secret in (PASSWORD, str(ada.token), "hush"))
    assert (server.data_dir / "audit.log").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "environment",
    [{"AUDIT_LOG_LEVEL": "METADATA", "AUDIT_INCLUDED_PATHS": "/users", "ENABLE_AUDIT_GET_REQUESTS": "true"}],
    indirect=True,
)
async def test_included_paths_limit_the_log(server: Server, ada: Person) -> None:
    (await ada.get("/api/v1/users/", query="ada")).ok()
    (await ada.post("/api/v1/evaluations/feedback", {"type": "rating"})).ok()
    signup, users = read_entries(server)
    assert signup["request_uri"].endswith("/signup")
    assert users["request_uri"].endswith("/api/v1/users/?query=ada")
    assert (users["request_object"], users["response_object"]) == ("", "")


async def test_no_log_is_written_unless_enabled(server: Server, ada: Person) -> None:
    assert not server.services.has(AuditLog)
    assert not (server.data_dir / "audit.log").exists()


@pytest.mark.parametrize(
    "body",
    [
        '{"password": "hush"}',
        '{"new_password":"hu\\"sh hush", "a": 1}',
        '{"OPENAI_API_KEYS": ["hush", "hush"], "b": 2}',
        '{"key": "hush", "url": "x"}',
        '{"auth_token": "hush',
        '{"TOOL_SERVER_CONNECTIONS": [{"config": {}, "key": "hush"}]}',
        '{"LDAP_APP_DN_PASSWORD": "hush"}',
        '{"content": "{\\"api_key\\": \\"hush\\"}"}',
        "password=hush&name=x",
        '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhush\r\n--b--',
        '{"text": "Bearer hushhushhush"}',
        '{"text": "sk-hushhushhushhush"}',
        '{"API_KEYS": ["hush", "hu',
    ],
)
def test_secrets_are_redacted(body: str) -> None:
    assert "hu" not in redact_secrets(body)


@pytest.mark.parametrize("body", ['{"max_tokens": 12, "monkey": "see", "model": "a"}', '{"keyboard": "x"}'])
def test_other_fields_are_not_redacted(body: str) -> None:
    assert redact_secrets(body) == body


def test_a_large_log_is_rotated_and_compressed(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log", rotate_at=parse_size("100B"), stdout=False)
    for number in range(3):
        log.write(
            AuditEntry(user={}, audit_level="REQUEST", verb=str(number), request_uri="/", request_object="x" * 60)
        )
    log.close()
    archives = sorted(tmp_path.glob("audit.*.log.zip"))
    texts = [zipfile.ZipFile(archive).read(zipfile.ZipFile(archive).namelist()[0]).decode() for archive in archives]
    texts.append((tmp_path / "audit.log").read_text())
    assert [json.loads(text)["verb"] for text in texts] == ["0", "1", "2"]


def test_sizes_are_parsed() -> None:
    assert [parse_size(text) for text in ("10MB", "1 KiB", "0.5 kb", "7b")] == [10_000_000, 1024, 62, 1]


def test_a_full_disk_is_logged_once_and_costs_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def write(count: int) -> None:
        for _ in range(count):
            entry = AuditEntry(user={}, audit_level="REQUEST", verb="GET", request_uri="/", request_object="x" * 600)
            log._write(entry)

    log = AuditLog(tmp_path / "audit.log", rotate_at=parse_size("10MB"), stdout=False)
    write(1)
    size = (tmp_path / "audit.log").stat().st_size
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, previous[1]))
        write(3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)
    write(2)
    log.close()
    assert [record.getMessage().split(" failed, ")[-1].split(", ")[-1] for record in caplog.records] == [
        "entries are skipped: File too large",
        "3 entries were skipped",
    ]
    lines = (tmp_path / "audit.log").read_text().splitlines()
    assert [line.endswith("}") for line in lines] == [True, False, True, True]
    assert all(json.loads(line) for line in lines if line.endswith("}"))
