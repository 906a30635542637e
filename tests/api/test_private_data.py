"""Private data stays private: other users call every operation of the contract with the ids of the owner's records.

A new operation is covered as soon as it is built: parameters are filled by their names, bodies by their types. Where
that is not enough, the test says what to add to the tables here.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import pytest

from conftest import Person, Server
from fastback import app
from fastback.compatibility.operations import Operation, find_built_operations, list_operations
from fastback.kit.http.routing import Route, RouteTrie
from fastback.kit.http.validation import find_checked_form
from private_records import WORD, PrivateRecords, build_upload_form, create_private_records

#: The records that path parameters name: (path pattern, parameter names, record names); the first match counts.
PATH_PARAMETERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"/chats/.*share", "share_id|chat_id|id", ("share", "loose")),
    (r"^/api/(v1/chats|v1/terminals|tasks)", "chat_id|id", ("chat", "loose", "pinned", "archived")),
    (r"^/api/v1/(chats|analytics|channels|users)", "user_id", ("user",)),
    (r"^/api/v1/chats", "message_id", ("message",)),
    (r"^/api/v1/(chats|folders)", "folder_id|id", ("folder",)),
    (r"^/api/v1/channels", "message_id", ("post",)),
    (r"^/api/v1/channels", "webhook_id", ("webhook",)),
    (r"^/api/v1/channels", "id|channel_id", ("channel",)),
    (r"^/api/v1/evaluations", "id", ("feedback",)),
    (r"^/api/v1/(evaluations|analytics|models)", "model_id", ("model",)),
    (r"^/api/v1/files", "file_name", ("message",)),
    (r"^/api/v1/files", "id", ("file", "picture")),
    (r"^/api/v1/groups", "id", ("group",)),
    (r"^/api/v1/knowledge", "dir_id", ("dir",)),
    (r"^/api/v1/knowledge", "id", ("knowledge",)),
    (r"^/api/v1/memories", "memory_id", ("memory",)),
    (r"^/api/v1/notes", "id", ("note",)),
    (r"^/api/v1/notifications", "target_id", ("target",)),
    (r"^/api/v1/calendars", "event_id", ("event",)),
    (r"^/api/v1/calendars", "calendar_id", ("calendar",)),
    (r"^/api/v1/automations", "id", ("automation",)),
    (r"^/api/v1/(prompt|tool|function|skill|model)s", "history_id", (r"\1_version",)),
    (r"^/api/v1/(prompt|tool|function|skill|model)s", "prompt_id|id", (r"\1",)),
    (r"^/api/events", "webhook_id", ("event_webhook",)),
)
#: Parameters that name no record of a user.
PLAIN_PARAMETERS = {
    "namespace": "openai",
    "url_idx": "0",
    "urlIdx": "0",
    "job_id": "x",
    "task_id": "x",
    "path": "x",
    "provider": "google",
    "pipeline_id": "x",
    "action_id": "x",
    "client_id": "x",
    "server_id": "x",
    "app_id": "x",
    "token": "x",
}
#: Values of query parameters and body fields: here the record whose id is used, below a text.
ID_FIELDS = {
    "chat_id": "chat",
    "user_id": "user",
    "user_ids": "user",
    "model_id": "model",
    "group_id": "group",
    "folder_id": "folder",
    "parent_id": "folder",
    "file_id": "file",
    "file_ids": "file",
    "knowledge_id": "knowledge",
    "calendar_id": "calendar",
    "channel_id": "channel",
    "message_id": "message",
}
TEXT_FIELDS = {
    "query": WORD,
    "text": WORD,
    "search": WORD,
    "q": WORD,
    "direction": "asc",
    "order_by": "name",
    "tag": WORD,
}
#: Bodies that cannot be derived from their types; `<name>` is replaced by the id of that record.
_MODEL = {"name": "x", "params": {}, "meta": {}}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/models/create"): {"id": "<model>", **_MODEL},
    ("POST", "/api/v1/models"): {"id": "<model>", **_MODEL},
    ("POST", "/api/v1/models/model/update"): {"id": "<model>", **_MODEL},
    ("POST", "/api/v1/models/model/access/update"): {"id": "<model>", "access_grants": []},
    ("POST", "/api/v1/models/model/delete"): {"id": "<model>"},
    ("POST", "/api/v1/models/import"): {"models": [{"id": "<model>", "base_model_id": "demo-small", **_MODEL}]},
    ("POST", "/api/v1/models/sync"): {"models": []},
    ("POST", "/api/v1/chats/tags"): {"name": WORD},
    ("POST", "/api/v1/auths/update/profile"): {"name": "Other", "profile_image_url": "/user.png"},
    ("POST", "/api/v1/evaluations/feedback"): {"type": "rating", "data": {}, "meta": {"chat_id": "<chat>"}},
    ("POST", "/api/v1/evaluations/feedback/{id}"): {"type": "rating", "data": {}, "meta": {}},
    ("POST", "/api/v1/memories/query"): {"content": WORD, "k": 10},
    ("POST", "/api/v1/memories/search"): {"query": WORD},
    ("POST", "/api/v1/retrieval/query/doc"): {"collection_name": "file-<file>", "query": WORD, "k": 10},
    ("POST", "/api/v1/retrieval/query/collection"): {
        "collection_names": ["<knowledge>", "file-<file>", "user-memory-<user>"],
        "query": WORD,
        "k": 10,
    },
    ("POST", "/api/v1/retrieval/process/file"): {"file_id": "<file>"},
    ("POST", "/api/v1/files/"): build_upload_form("mine.txt", b"mine"),
    ("POST", "/api/chat/completions"): {
        "model": "private-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "chat_id": "<chat>",
        "files": [{"type": "file", "id": "<file>"}, {"type": "collection", "id": "<knowledge>"}],
        "tool_ids": ["<tool>"],
    },
}
BODIES["POST", "/api/v1/chat/completions"] = BODIES["POST", "/api/chat/completions"]
#: Operations that are not called: those that end the requester's own session or account, those passed on unchanged to
#: other servers, and those that read only the uploaded file.
EXCLUDED = re.compile(
    r"^(POST /api/v1/auths/(signout|signin|signup|update/password)|(DELETE|POST) /api/v1/auths/api_key"
    r"|POST /api/v1/skills/import(/preview)?|\w+ /(openai|ollama)/.*"
    r"|POST /api/(v1/)?(messages?|embeddings)\b.*|\w+ /oauth/.*)$"
)


def _collect_routes() -> dict[Operation, Route]:
    """Return the routes of the contract's operations, and those beyond the contract."""
    trie = RouteTrie()
    routes = [route for router in app.list_routers() for route in router.routes]
    for route in routes:
        trie.add(route.method, route.path, route)
    built = {}
    for operation in find_built_operations(routes):
        match = trie.find(re.sub(r"{[^}]*}", "x", operation.path))
        assert match is not None
        built[operation] = match.targets[operation.method][0]
    contract_paths = {(route.method, route.path) for route in built.values()}
    further = {
        Operation(route.method, route.path.replace(":path}", "}")): route
        for route in routes
        if (route.method, route.path) not in contract_paths
    }
    return {operation: built[operation] for operation in list_operations() if operation in built} | further


ROUTES = _collect_routes()


class ForeignRequest(typing.NamedTuple):
    """A request by a user who is not the owner."""

    operation: Operation
    path: str
    query: dict[str, str]
    body: Any


def _find_record_names(operation: Operation, name: str) -> tuple[str, ...] | None:
    """Return the names of a path parameter's records, or None if no entry matches."""
    for pattern, names, record_names in PATH_PARAMETERS:
        match = re.search(pattern, operation.path)
        if match and re.fullmatch(names, name):
            return tuple(
                match.expand(record_name) if "\\" in record_name else record_name for record_name in record_names
            )
    return None


def _list_paths(operation: Operation, own: PrivateRecords) -> Iterator[str]:
    """Yield the paths of an operation filled with the owner's ids; none if the owner has no such record."""
    paths = [operation.path]
    for name in re.findall(r"{([^}]*)}", operation.path):
        names = _find_record_names(operation, name)
        if names is None:
            assert name in PLAIN_PARAMETERS, f"add {name} of {operation.path} to PATH_PARAMETERS or PLAIN_PARAMETERS"
            values = [PLAIN_PARAMETERS[name]]
        else:
            values = [own.ids[record_name] for record_name in names if record_name in own.ids]
        paths = [path.replace(f"{{{name}}}", value) for path in paths for value in values]
    yield from paths


def _find_value(name: str, own: PrivateRecords) -> str | None:
    if name in ID_FIELDS:
        return own.ids.get(ID_FIELDS[name])
    return TEXT_FIELDS.get(name)


def _get_hints(route: Route) -> dict[str, Any]:
    return typing.get_type_hints(route.handler, include_extras=True)


def _list_queries(operation: Operation, route: Route, own: PrivateRecords) -> list[dict[str, str]]:
    """Return two queries: the required parameters alone, and all parameters that can be filled."""
    required: dict[str, str] = {}
    filled: dict[str, str] = {}
    hints = _get_hints(route)
    in_path = re.findall(r"{([^}:]*)", route.path)
    for name, parameter in inspect.signature(route.handler).parameters.items():
        if name in in_path or name == "data" or not _is_query_type(hints[name]):
            continue
        resource = re.search(r"/(prompt|tool|function|skill|model|note|file)s\b", operation.path)
        own_id = own.ids.get(resource[1]) if resource and name in ("id", "ids") else None
        version_id = (
            own.ids.get(f"{resource[1]}_version") if resource and name in ("from_id", "to_id", "version_id") else None
        )
        value = own_id or version_id or _find_value(name, own)
        if parameter.default is inspect.Parameter.empty:
            required[name] = value or PLAIN_PARAMETERS.get(name) or WORD
        elif value is not None:
            filled[name] = value
    return [required] if not filled else [required, {**required, **filled}]


def _is_query_type(kind: Any) -> bool:
    """Return whether a parameter of this type comes from the query."""
    if getattr(kind, "__metadata__", None):
        kind = typing.get_args(kind)[0]
    parts = [part for part in typing.get_args(kind) or (kind,) if part is not type(None)]
    return all(part in (str, int, float, bool) or isinstance(part, str) or typing.get_origin(part) for part in parts)


def _make_body(operation: Operation, route: Route, own: PrivateRecords) -> Any:
    """Return a valid body: from the table, or made from the type of the handler's `data`."""
    template = BODIES.get((operation.method, operation.path))
    if template is not None:
        return template if isinstance(template, aiohttp.FormData) else _fill_ids(template, own)
    kind = _get_hints(route).get("data")
    if kind is None:
        return None
    checked = find_checked_form(kind)
    return _make_value(checked.form if checked is not None else kind, own, "")


def _fill_ids(value: Any, own: PrivateRecords) -> Any:
    """Replace each `<name>` in a body by the id of that record."""
    if isinstance(value, dict):
        return {key: _fill_ids(item, own) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_ids(item, own) for item in value]
    if isinstance(value, str):
        return re.sub(r"<(\w+)>", lambda match: own.ids.get(match[1], "nothing"), value)
    return value


def _make_value(kind: Any, own: PrivateRecords, name: str) -> Any:
    """Return a value of a type: required fields, and those that may name a record of the owner."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = msgspec.structs.fields(kind)
        return {
            field.encode_name: _make_value(hints[field.name], own, field.name)
            for field in fields
            if field.required or field.name in ID_FIELDS
        }
    if typing.get_origin(kind) is typing.Annotated:
        return _make_value(typing.get_args(kind)[0], own, name)
    value = _find_value(name, own)
    origin, args = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is list:
        return [value] if value is not None else []
    if origin is dict or kind is Any:
        return {}
    if origin is typing.Literal:
        return args[0]
    if origin in (int, float, bool):
        return origin(0)
    if args:
        kinds = [option for option in args if option not in (type(None), msgspec.UnsetType)]
        return _make_value(kinds[0], own, name) if kinds else None
    return value if value is not None else "x"


def list_requests(own: PrivateRecords, *, changing: bool) -> Iterator[ForeignRequest]:
    """Yield the requests to all operations that change something, or to all that only read."""
    for operation, route in ROUTES.items():
        if EXCLUDED.match(f"{operation.method} {operation.path}"):
            continue
        if (operation.method not in ("GET", "HEAD", "OPTIONS")) is not changing:
            continue
        body = _make_body(operation, route, own) if changing else None
        for path in _list_paths(operation, own):
            for query in _list_queries(operation, route, own):
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
