"""Valid requests to every operation, filled with the ids of one user's records.

A new operation is covered as soon as it is built: parameters are filled by their names, bodies by their types. Where
that is not enough, a test says what to add to the tables here.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec

from fastback import app
from fastback.compatibility.operations import Operation, find_built_operations, list_operations
from fastback.kit.http.routing import Route, RouteTrie
from fastback.kit.http.validation import find_checked_form
from private_records import WORD, PrivateRecords, build_upload_form

#: The records that path parameters name: (path pattern, parameter names, record names); the first match counts.
PATH_PARAMETERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"/chats/.*share", "share_id|chat_id|id", ("share", "loose")),
    (r"^/api/(v1/chats|v1/terminals|tasks)", "chat_id|id", ("chat", "loose", "pinned", "archived")),
    (r"^/api/v1/(chats|analytics|channels|users|scim)", "user_id", ("user",)),
    (r"^/api/v1/chats", "message_id", ("message",)),
    (r"^/api/v1/(chats|folders)", "folder_id|id", ("folder",)),
    (r"^/api/v1/channels", "message_id", ("post",)),
    (r"^/api/v1/channels", "webhook_id", ("webhook",)),
    (r"^/api/v1/channels", "id|channel_id", ("channel",)),
    (r"^/api/v1/evaluations", "id", ("feedback",)),
    (r"^/api/v1/(evaluations|analytics|models)", "model_id", ("model",)),
    (r"^/api/v1/files", "file_name", ("message",)),
    (r"^/api/v1/files", "id", ("file", "picture")),
    (r"^/api/v1/(groups|scim)", "id|group_id", ("group",)),
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
    ("POST", "/api/v1/images/edit"): {"prompt": WORD, "image": "<file>"},
    ("POST", "/api/v1/audio/transcriptions"): build_upload_form("mine.wav", b"mine"),
    ("POST", "/api/chat/completions"): {
        "model": "private-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "chat_id": "<chat>",
        "files": [{"type": "file", "id": "<file>"}, {"type": "collection", "id": "<knowledge>"}],
        "tool_ids": ["<tool>"],
    },
}
BODIES["POST", "/api/v1/chat/completions"] = BODIES["POST", "/api/chat/completions"]


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


def _find_record_names(operation: Operation, name: str) -> tuple[str, ...] | None:
    """Return the names of a path parameter's records, or None if no entry matches."""
    for pattern, names, record_names in PATH_PARAMETERS:
        match = re.search(pattern, operation.path)
        if match and re.fullmatch(names, name):
            return tuple(
                match.expand(record_name) if "\\" in record_name else record_name for record_name in record_names
            )
    return None


def list_paths(operation: Operation, own: PrivateRecords) -> Iterator[str]:
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


def get_hints(route: Route) -> dict[str, Any]:
    return typing.get_type_hints(route.handler, include_extras=True)


def list_query_parameters(route: Route) -> dict[str, Any]:
    """Return the types of a handler's query parameters by name."""
    hints = get_hints(route)
    in_path = re.findall(r"{([^}:]*)", route.path)
    return {
        name: hints[name]
        for name in inspect.signature(route.handler).parameters
        if name not in in_path and name != "data" and _is_query_type(hints[name])
    }


def list_queries(operation: Operation, route: Route, own: PrivateRecords) -> list[dict[str, str]]:
    """Return two queries: the required parameters alone, and all parameters that can be filled."""
    required: dict[str, str] = {}
    filled: dict[str, str] = {}
    parameters = inspect.signature(route.handler).parameters
    for name in list_query_parameters(route):
        resource = re.search(r"/(prompt|tool|function|skill|model|note|file)s\b", operation.path)
        own_id = own.ids.get(resource[1]) if resource and name in ("id", "ids") else None
        version_id = (
            own.ids.get(f"{resource[1]}_version") if resource and name in ("from_id", "to_id", "version_id") else None
        )
        value = own_id or version_id or _find_value(name, own)
        if parameters[name].default is inspect.Parameter.empty:
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


def make_body(operation: Operation, route: Route, own: PrivateRecords, *, complete: bool = False) -> Any:
    """Return a valid body: from the table, or made from the type of the handler's `data`.

    A `complete` body has every field of its type.
    """
    template = BODIES.get((operation.method, operation.path))
    if isinstance(template, aiohttp.FormData):
        return template
    kind = get_hints(route).get("data")
    body = None
    if kind is not None and (template is None or complete):
        checked = find_checked_form(kind)
        body = _make_value(checked.form if checked is not None else kind, own, "", complete=complete)
    if template is None:
        return body
    filled = _fill_ids(template, own)
    return {**body, **filled} if isinstance(body, dict) and isinstance(filled, dict) else filled


def _fill_ids(value: Any, own: PrivateRecords) -> Any:
    """Replace each `<name>` in a body by the id of that record."""
    if isinstance(value, dict):
        return {key: _fill_ids(item, own) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_ids(item, own) for item in value]
    if isinstance(value, str):
        return re.sub(r"<(\w+)>", lambda match: own.ids.get(match[1], "nothing"), value)
    return value


def _make_value(kind: Any, own: PrivateRecords, name: str, *, complete: bool = False) -> Any:
    """Return a value of a type: required fields, and those that may name a record of the owner, or all fields."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = msgspec.structs.fields(kind)
        return {
            field.encode_name: _make_value(hints[field.name], own, field.name, complete=complete)
            for field in fields
            if complete or field.required or field.name in ID_FIELDS
        }
    if typing.get_origin(kind) is typing.Annotated:
        return _make_value(typing.get_args(kind)[0], own, name, complete=complete)
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
        return _make_value(kinds[0], own, name, complete=complete) if kinds else None
    return value if value is not None else "x"
