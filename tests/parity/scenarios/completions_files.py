"""API completions that refer to files, knowledge, notes, chats and the knowledge of a model."""

from parity.chats import make_chat
from parity.steps import flatten_steps, get, post

_ASK = "/api/chat/completions"
_R = "/api/v1/retrieval"
#: Both programs count the tokens of the context that they add to the question; it must be the same.
_TEMPLATE = "Read [context] for [query]"
_EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
_TEA = "Green tea is steeped at seventy degrees for two minutes.\n"
#: Chroma returns a chunk's metadata in any order; items are returned as they were sent.
_SHUFFLED = {"ignore": ("$.sources[*].metadata[*].order",), "why": "no order in the reference, either"}
_SETTINGS = {"ignore": ("$",), "why": "compared elsewhere"}
_FILE = {"type": "file", "id": "${tea}", "name": "tea.txt", "content_type": "text/plain"}
_BASE = {"type": "collection", "id": "${base}", "name": "Drinks"}
_CHAT = {"type": "chat", "id": "${chat}", "name": "Talk"}


def _upload_file(who: str, name: str, text: str, save: str):
    form = {"file": [name, text, "text/plain"]}
    path = "/api/v1/files/?process_in_background=false"
    return post(who, path, form=form, save={save: "$.id"}, **_SETTINGS)


def _request_completion(who: str, *files, model: str = "demo-small", **more):
    messages = [{"role": "user", "content": "How hot? [[tokens 2]]"}]
    return post(who, _ASK, {"model": model, "messages": messages, "files": files, **more}, **_SHUFFLED)


def _request_all_kinds(who: str):
    """Request completions with every kind of source."""
    full_context = {"context": "full"}
    return flatten_steps(
        _request_completion(who, _FILE),
        _request_completion(who, {**_FILE, **full_context}),
        _request_completion(who, {**_FILE, "legacy": True}),
        _request_completion(who, _BASE),
        _request_completion(who, {**_BASE, **full_context}),
        _request_completion(who, _FILE, _BASE),
        _request_completion(who, _CHAT),
    )


STEPS = flatten_steps(
    post("ada", "/api/v1/models/model/access/update", {"id": "demo-small", "access_grants": _EVERYBODY}),
    post("ada", f"{_R}/config/update", {"RAG_TEMPLATE": _TEMPLATE}, **_SETTINGS),
    _upload_file("ada", "tea.txt", _TEA, "tea"),
    get("ada", "/api/v1/files/${tea}/process/status", query={"stream": False}),
    post("ada", "/api/v1/knowledge/create", {"name": "Drinks", "description": ""}, save={"base": "$.id"}),
    post("ada", "/api/v1/knowledge/${base}/file/add", {"file_id": "${tea}"}, **_SETTINGS),
    post(
        "ada", "/api/v1/chats/new", {"chat": make_chat("Talk", ("Who?", "Nobody."))}, save={"chat": "$.id"}, **_SETTINGS
    ),
    _request_all_kinds("ada"),
    _request_all_kinds("bob"),
    # Shared with all users.
    post("ada", "/api/v1/knowledge/${base}/access/update", {"access_grants": _EVERYBODY}, **_SETTINGS),
    _request_all_kinds("bob"),
    post("bob", f"{_R}/query/doc", {"collection_name": "file-${tea}", "query": "Tea?"}, **_SETTINGS),
    # The full texts are added, in either of two ways.
    post("ada", f"{_R}/config/update", {"RAG_FULL_CONTEXT": True}, **_SETTINGS),
    _request_completion("ada", _FILE, _BASE),
    post(
        "ada", f"{_R}/config/update", {"RAG_FULL_CONTEXT": False, "BYPASS_EMBEDDING_AND_RETRIEVAL": True}, **_SETTINGS
    ),
    _request_completion("ada", _FILE, _BASE),
    post("ada", f"{_R}/config/update", {"BYPASS_EMBEDDING_AND_RETRIEVAL": False}, **_SETTINGS),
    # Knowledge of a model.
    post(
        "ada",
        "/api/v1/models/create",
        {
            "id": "barista",
            "name": "Barista",
            "base_model_id": "demo-small",
            "params": {"function_calling": "legacy"},
            "meta": {"knowledge": [_BASE, {"name": "old", "collection_names": ["${base}"]}]},
            "access_grants": _EVERYBODY,
        },
        **_SETTINGS,
    ),
    get("ada", "/api/models", **_SETTINGS),
    _request_completion("ada", model="barista"),
    _request_completion("bob", model="barista"),
)
