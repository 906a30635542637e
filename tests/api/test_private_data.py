"""Private data stays private: other users call every operation of the contract with the ids of the owner's records.

A new operation is covered as soon as it is built; `operation_requests` makes its requests.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from conftest import Person, Server
from fastback.compatibility.operations import Operation
from operation_requests import ROUTES, list_paths, list_queries, make_body
from private_records import PrivateRecords, build_upload_form, create_private_records

#: Operations that are not called: those that end the requester's own session or account, those passed on unchanged to
#: other servers, and those that read only the uploaded file.
EXCLUDED = re.compile(
    r"^(POST /api/v1/auths/(signout|signin|signup|update/password)|(DELETE|POST) /api/v1/auths/api_key"
    r"|POST /api/v1/skills/import(/preview)?|\w+ /(openai|ollama)/.*"
    r"|POST /api/(v1/)?(messages?|embeddings)\b.*|\w+ /oauth/.*)$"
)


class ForeignRequest(typing.NamedTuple):
    """A request by a user who is not the owner."""

    operation: Operation
    path: str
    query: dict[str, str]
    body: Any


def list_requests(own: PrivateRecords, *, changing: bool) -> Iterator[ForeignRequest]:
    """Yield the requests to all operations that change something, or to all that only read."""
    for operation, route in ROUTES.items():
        if EXCLUDED.match(f"{operation.method} {operation.path}"):
            continue
        if (operation.method not in ("GET", "HEAD", "OPTIONS")) is not changing:
            continue
        body = make_body(operation, route, own) if changing else None
        for path in list_paths(operation, own):
            for query in list_queries(operation, route, own):
                yield ForeignRequest(operation, path, query, body)


async def _send(person: Person, request: ForeignRequest) -> bytes:
    """Send a request, and return the whole response, head and body."""
    is_form = isinstance(request.body, aiohttp.FormData)
    # A form can be sent only once, so a new one is built.
    body = {"data": build_upload_form("mine.txt", b"mine")} if is_form else {"json": request.body}
    async with person.http().request(
        request.operation.method,
        person.url + request.path,
        params=request.query,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=20),
        **(body if request.body is not None else {}),
    ) as response:
        assert response.status < 500 or response.status in (501, 502, 503), f"{response.status}: {request}"
        return b"\n".join(b"%s: %s" % pair for pair in response.raw_headers) + b"\n" + await response.read()


async def _find_leaks(person: Person, own: PrivateRecords, requests: Iterator[ForeignRequest]) -> list[str]:
    """Return the responses that contain a secret of the owner, as readable lines."""
    secrets = [secret.encode() for secret in own.secrets]
    leaks = []
    for request in requests:
        response = await _send(person, request)
        assert b'"loc":' not in response, f"say in BODIES or TEXT_FIELDS what {request} should be: {response[-300:]!r}"
        for secret in secrets:
            if secret in response:
                position = response.index(secret)
                excerpt = response[max(0, position - 120) : position + 60].decode("utf-8", "replace")
                leaks.append(f"{request.operation.method} {request.path} {request.query}: …{excerpt}…")
                break
    return leaks


async def _read_records(own: PrivateRecords, ada: Person) -> dict[str, Any]:
    """Return the records as the owner sees them; functions, groups and the configuration as the administrator does."""
    paths = {
        "chat": "/api/v1/chats/{}",
        "loose": "/api/v1/chats/{}",
        "pinned": "/api/v1/chats/{}",
        "archived": "/api/v1/chats/{}",
        "folder": "/api/v1/folders/{}",
        "prompt": "/api/v1/prompts/id/{}",
        "tool": "/api/v1/tools/id/{}",
        "skill": "/api/v1/skills/id/{}",
        "model": "/api/v1/models/model?id={}",
        "feedback": "/api/v1/evaluations/feedback/{}",
        "file": "/api/v1/files/{}",
        "knowledge": "/api/v1/knowledge/{}",
        "note": "/api/v1/notes/{}",
        "calendar": "/api/v1/calendars/{}",
        "event": "/api/v1/calendars/events/{}",
        "automation": "/api/v1/automations/{}",
        "channel": "/api/v1/channels/{}",
        "post": "/api/v1/channels/{channel}/messages",
    }
    records = {}
    for name, path in paths.items():
        if name in own.ids:
            reply = await own.owner.get(path.format(own.ids[name], **own.ids))
            assert reply.status in (200, 501), f"{name}: {reply.status} {reply.text[:200]}"
            records[name] = _strip_volatile(reply.json)
    for name in ("settings", "info", "variables"):
        records[name] = (await own.owner.get(f"/api/v1/users/user/{name}")).ok()
    for name in ("/api/v1/notifications/targets", "/api/v1/memories/", "/api/v1/chats/all/tags", "/api/v1/chats/"):
        records[name] = _strip_volatile((await own.owner.get(name)).ok())
    for name in (f"/api/v1/functions/id/{own.ids['function']}", f"/api/v1/groups/id/{own.ids['group']}/export"):
        records[name] = _strip_volatile((await ada.get(name)).ok())
    for name in ("/api/v1/configs/export", "/api/events/webhooks", f"/api/v1/users/{own.owner.id}"):
        records[name] = _strip_volatile((await ada.get(name)).ok())
    return records


def _strip_volatile(value: Any) -> Any:
    """Return a value without the fields that change when the owner reads it."""
    if isinstance(value, dict):
        volatile = ("last_read_at", "last_active_at", "is_active", "context_usage", "unread_count")
        return {key: _strip_volatile(item) for key, item in value.items() if key not in volatile}
    return [_strip_volatile(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "upstream-key",
    }


@pytest.fixture
async def own(server: Server, ada: Person) -> PrivateRecords:
    return await create_private_records(server, ada)


async def _create_outsiders(server: Server, ada: Person) -> dict[str, Person]:
    return {
        "another user": await server.add_user(ada, "Mallory"),
        "a pending user": await server.add_user(ada, "Peter", "pending"),
        "a stranger": server.stranger(),
    }


async def test_private_data_stays_private(server: Server, ada: Person, own: PrivateRecords) -> None:
    """Other users can neither read the records, through reads or changes, nor change them."""
    # Check that the requests do reach the records: the owner sees the secrets of most kinds.
    areas = await _list_visible_areas(own)
    assert {"chats", "folders", "prompts", "tools", "skills", "models", "evaluations", "users", "groups"} <= areas
    before = await _read_records(own, ada)
    for name, person in (await _create_outsiders(server, ada)).items():
        for changing in (False, True):
            leaks = await _find_leaks(person, own, list_requests(own, changing=changing))
            assert not leaks, f"{name} reads:\n" + "\n".join(leaks)
        after = await _read_records(own, ada)
        changed = [key for key in before if before[key] != after[key]]
        assert not changed, f"{name} changed {changed}: {[(before[key], after[key]) for key in changed[:2]]}"


async def _list_visible_areas(own: PrivateRecords) -> set[str]:
    """Return the areas in which the owner sees something private."""
    areas = set()
    for request in list_requests(own, changing=False):
        response = await _send(own.owner, request)
        if any(secret.encode() in response for secret in own.secrets):
            areas.add(request.operation.path.split("/")[3] if request.operation.path.startswith("/api/v1/") else "")
    return areas
