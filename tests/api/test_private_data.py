"""What is private stays so: every operation of the contract is asked by others, with the owner's ids filled in.

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

#: What a parameter of a path is called in the estate: of the first pattern that fits path and name.
PLACES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
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
#: Parameters that name nothing of anybody's.
PLAIN = {
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
#: What a parameter of a query, or a field of a body, is filled with: the name of an id, or a text.
FIELDS = {
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
WORDS = {"query": WORD, "text": WORD, "search": WORD, "q": WORD, "direction": "asc", "order_by": "name", "tag": WORD}
#: Bodies that their types do not tell: made from the ids of the estate.
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
#: Not asked: what ends the asker's own session or account, what goes to other servers as it came, and what reads but
#: the file that is sent.
LEFT_OUT = re.compile(
    r"^(POST /api/v1/auths/(signout|signin|signup|update/password)|(DELETE|POST) /api/v1/auths/api_key"
    r"|POST /api/v1/skills/import(/preview)?|\w+ /(openai|ollama)/.*"
    r"|POST /api/(v1/)?(messages?|embeddings)\b.*|\w+ /oauth/.*)$"
)


def _routes() -> dict[Operation, Route]:
    """The routes that answer operations of the contract, and those beyond it."""
    trie = RouteTrie()
    routes = [route for router in app.list_routers() for route in router.routes]
    for route in routes:
        trie.add(route.method, route.path, route)
    found = {}
    for operation in find_built_operations(routes):
        match = trie.find(re.sub(r"{[^}]*}", "x", operation.path))
        assert match is not None
        found[operation] = match.targets[operation.method][0]
    known = {(route.method, route.path) for route in found.values()}
    more = {
        Operation(route.method, route.path.replace(":path}", "}")): route
        for route in routes
        if (route.method, route.path) not in known
    }
    return {operation: found[operation] for operation in list_operations() if operation in found} | more


ROUTES = _routes()


class Question(typing.NamedTuple):
    """A request that somebody else makes."""

    operation: Operation
    path: str
    query: dict[str, str]
    body: Any


def _names(operation: Operation, name: str) -> tuple[str, ...] | None:
    """What a parameter of a path is called in the estate; None where nobody has said."""
    for pattern, names, found in PLACES:
        match = re.search(pattern, operation.path)
        if match and re.fullmatch(names, name):
            return tuple(match.expand(one) if "\\" in one else one for one in found)
    return None


def _paths(operation: Operation, own: PrivateRecords) -> Iterator[str]:
    """The paths of an operation with the owner's things in them; none where the owner has nothing of the kind."""
    paths = [operation.path]
    for name in re.findall(r"{([^}]*)}", operation.path):
        names = _names(operation, name)
        if names is None:
            assert name in PLAIN, f"say in PLACES or PLAIN what {name} of {operation.path} is"
            values = [PLAIN[name]]
        else:
            values = [own.ids[one] for one in names if one in own.ids]
        paths = [path.replace(f"{{{name}}}", value) for path in paths for value in values]
    yield from paths


def _value(name: str, own: PrivateRecords) -> str | None:
    if name in FIELDS:
        return own.ids.get(FIELDS[name])
    return WORDS.get(name)


def _hints(route: Route) -> dict[str, Any]:
    return typing.get_type_hints(route.handler, include_extras=True)


def _queries(operation: Operation, route: Route, own: PrivateRecords) -> list[dict[str, str]]:
    """No parameters but those that must be there; and all that can be filled."""
    must: dict[str, str] = {}
    may: dict[str, str] = {}
    hints = _hints(route)
    in_path = re.findall(r"{([^}:]*)", route.path)
    for name, parameter in inspect.signature(route.handler).parameters.items():
        if name in in_path or name == "data" or not _plain(hints[name]):
            continue
        kind = re.search(r"/(prompt|tool|function|skill|model|note|file)s\b", operation.path)
        own_id = own.ids.get(kind[1]) if kind and name in ("id", "ids") else None
        version = own.ids.get(f"{kind[1]}_version") if kind and name in ("from_id", "to_id", "version_id") else None
        value = own_id or version or _value(name, own)
        if parameter.default is inspect.Parameter.empty:
            must[name] = value or PLAIN.get(name) or WORD
        elif value is not None:
            may[name] = value
    return [must] if not may else [must, {**must, **may}]


def _plain(kind: Any) -> bool:
    """Whether a parameter of this type comes from the query."""
    if getattr(kind, "__metadata__", None):
        kind = typing.get_args(kind)[0]
    parts = [one for one in typing.get_args(kind) or (kind,) if one is not type(None)]
    return all(one in (str, int, float, bool) or isinstance(one, str) or typing.get_origin(one) for one in parts)


def _body(operation: Operation, route: Route, own: PrivateRecords) -> Any:
    """A body that makes sense: of the table, or made from the type of the handler's."""
    given = BODIES.get((operation.method, operation.path))
    if given is not None:
        return given if isinstance(given, aiohttp.FormData) else _filled(given, own)
    kind = _hints(route).get("data")
    if kind is None:
        return None
    like = find_checked_form(kind)
    return _made(like.form if like is not None else kind, own, "")


def _filled(value: Any, own: PrivateRecords) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, own) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, own) for one in value]
    if isinstance(value, str):
        return re.sub(r"<(\w+)>", lambda found: own.ids.get(found[1], "nothing"), value)
    return value


def _made(kind: Any, own: PrivateRecords, name: str) -> Any:
    """Something of a type: what must be there, and whatever may name something of the owner's."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = msgspec.structs.fields(kind)
        return {
            one.encode_name: _made(hints[one.name], own, one.name)
            for one in fields
            if one.required or one.name in FIELDS
        }
    if typing.get_origin(kind) is typing.Annotated:
        return _made(typing.get_args(kind)[0], own, name)
    value = _value(name, own)
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
        inner = [one for one in args if one not in (type(None), msgspec.UnsetType)]
        return _made(inner[0], own, name) if inner else None
    return value if value is not None else "x"


def questions(own: PrivateRecords, *, changing: bool) -> Iterator[Question]:
    for operation, route in ROUTES.items():
        if LEFT_OUT.match(f"{operation.method} {operation.path}"):
            continue
        if (operation.method not in ("GET", "HEAD", "OPTIONS")) is not changing:
            continue
        body = _body(operation, route, own) if changing else None
        for path in _paths(operation, own):
            for query in _queries(operation, route, own):
                yield Question(operation, path, query, body)


async def _asked(who: Person, one: Question) -> bytes:
    """The whole answer, head and body."""
    form = isinstance(one.body, aiohttp.FormData)
    # A form is sent once only.
    body = {"data": build_upload_form("mine.txt", b"mine")} if form else {"json": one.body}
    async with who.http().request(
        one.operation.method,
        who.url + one.path,
        params=one.query,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=20),
        **(body if one.body is not None else {}),
    ) as answer:
        assert answer.status < 500 or answer.status in (501, 502, 503), f"{answer.status}: {one}"
        return b"\n".join(b"%s: %s" % pair for pair in answer.raw_headers) + b"\n" + await answer.read()


async def _leaks(who: Person, own: PrivateRecords, asked: Iterator[Question]) -> list[str]:
    """What tells of the owner's secrets, as lines to read."""
    secrets = [one.encode() for one in own.secrets]
    found = []
    for one in asked:
        answer = await _asked(who, one)
        assert b'"loc":' not in answer, f"say in BODIES or WORDS what {one} should be: {answer[-300:]!r}"
        for secret in secrets:
            if secret in answer:
                where = answer.index(secret)
                about = answer[max(0, where - 120) : where + 60].decode("utf-8", "replace")
                found.append(f"{one.operation.method} {one.path} {one.query}: …{about}…")
                break
    return found


async def _everything(own: PrivateRecords, ada: Person) -> dict[str, Any]:
    """What the owner (and of functions, groups and the configuration the administrator) sees of the estate."""
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
    seen = {}
    for name, path in paths.items():
        if name in own.ids:
            reply = await own.owner.get(path.format(own.ids[name], **own.ids))
            assert reply.status in (200, 501), f"{name}: {reply.status} {reply.text[:200]}"
            seen[name] = _lasting(reply.json)
    for name in ("settings", "info", "variables"):
        seen[name] = (await own.owner.get(f"/api/v1/users/user/{name}")).ok()
    for name in ("/api/v1/notifications/targets", "/api/v1/memories/", "/api/v1/chats/all/tags", "/api/v1/chats/"):
        seen[name] = _lasting((await own.owner.get(name)).ok())
    for name in (f"/api/v1/functions/id/{own.ids['function']}", f"/api/v1/groups/id/{own.ids['group']}/export"):
        seen[name] = _lasting((await ada.get(name)).ok())
    for name in ("/api/v1/configs/export", "/api/events/webhooks", f"/api/v1/users/{own.owner.id}"):
        seen[name] = _lasting((await ada.get(name)).ok())
    return seen


def _lasting(value: Any) -> Any:
    """Without what changes when the owner looks at it."""
    if isinstance(value, dict):
        gone = ("last_read_at", "last_active_at", "is_active", "context_usage", "unread_count")
        return {key: _lasting(one) for key, one in value.items() if key not in gone}
    return [_lasting(one) for one in value] if isinstance(value, list) else value


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


async def _others(server: Server, ada: Person) -> dict[str, Person]:
    return {
        "another user": await server.add_user(ada, "Mallory"),
        "somebody pending": await server.add_user(ada, "Peter", "pending"),
        "a stranger": server.stranger(),
    }


async def test_what_is_private_stays_so(server: Server, ada: Person, own: PrivateRecords) -> None:
    """Nobody else reads it, by reading or by changing something; nor is any of it changed."""
    # The walk finds what there is to be found: asked by the owner, most kinds show their mark.
    shown = await _shown(own)
    assert {"chats", "folders", "prompts", "tools", "skills", "models", "evaluations", "users", "groups"} <= shown
    before = await _everything(own, ada)
    for name, who in (await _others(server, ada)).items():
        for changing in (False, True):
            found = await _leaks(who, own, questions(own, changing=changing))
            assert not found, f"{name} reads:\n" + "\n".join(found)
        after = await _everything(own, ada)
        changed = [key for key in before if before[key] != after[key]]
        assert not changed, f"{name} changed {changed}: {[(before[key], after[key]) for key in changed[:2]]}"


async def _shown(own: PrivateRecords) -> set[str]:
    """The areas in which the owner sees something private."""
    shown = set()
    for one in questions(own, changing=False):
        answer = await _asked(own.owner, one)
        if any(secret.encode() in answer for secret in own.secrets):
            shown.add(one.operation.path.split("/")[3] if one.operation.path.startswith("/api/v1/") else "")
    return shown
