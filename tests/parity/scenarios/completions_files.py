"""Completions over the API that refer to files, knowledge, notes, chats and what a model knows."""

from parity.chats import talk
from parity.steps import flat, get, post

_ASK = "/api/chat/completions"
_R = "/api/v1/retrieval"
#: Both programs count the tokens of what they put before the question: it must be the same.
_TEMPLATE = "Read [context] for [query]"
_EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
_TEA = "Green tea is steeped at seventy degrees for two minutes.\n"
#: Chroma gives a chunk's metadata back in any order; items are told as they were sent.
_SHUFFLED = {"ignore": ("$.sources[*].metadata[*].order",), "why": "no order in the reference, either"}
_SETTINGS = {"ignore": ("$",), "why": "compared elsewhere"}
_FILE = {"type": "file", "id": "${tea}", "name": "tea.txt", "content_type": "text/plain"}
_BASE = {"type": "collection", "id": "${base}", "name": "Drinks"}
_CHAT = {"type": "chat", "id": "${chat}", "name": "Talk"}


def _upload(who: str, name: str, text: str, save: str):
    form = {"file": [name, text, "text/plain"]}
    path = "/api/v1/files/?process_in_background=false"
    return post(who, path, form=form, save={save: "$.id"}, **_SETTINGS)


def _ask(who: str, *files, model: str = "demo-small", **more):
    messages = [{"role": "user", "content": "How hot? [[tokens 2]]"}]
    return post(who, _ASK, {"model": model, "messages": messages, "files": files, **more}, **_SHUFFLED)


def _each(who: str):
    """Everything, by somebody."""
    whole = {"context": "full"}
    return flat(
        _ask(who, _FILE),
        _ask(who, {**_FILE, **whole}),
        _ask(who, {**_FILE, "legacy": True}),
        _ask(who, _BASE),
        _ask(who, {**_BASE, **whole}),
        _ask(who, _FILE, _BASE),
        _ask(who, _CHAT),
    )


STEPS = flat(
    post("ada", "/api/v1/models/model/access/update", {"id": "demo-small", "access_grants": _EVERYBODY}),
    post("ada", f"{_R}/config/update", {"RAG_TEMPLATE": _TEMPLATE}, **_SETTINGS),
    _upload("ada", "tea.txt", _TEA, "tea"),
    get("ada", "/api/v1/files/${tea}/process/status", query={"stream": False}),
    post("ada", "/api/v1/knowledge/create", {"name": "Drinks", "description": ""}, save={"base": "$.id"}),
    post("ada", "/api/v1/knowledge/${base}/file/add", {"file_id": "${tea}"}, **_SETTINGS),
    post("ada", "/api/v1/chats/new", {"chat": talk("Talk", ("Who?", "Nobody."))}, save={"chat": "$.id"}, **_SETTINGS),
    _each("ada"),
    _each("bob"),
    # Shared with everybody.
    post("ada", "/api/v1/knowledge/${base}/access/update", {"access_grants": _EVERYBODY}, **_SETTINGS),
    _each("bob"),
    post("bob", f"{_R}/query/doc", {"collection_name": "file-${tea}", "query": "Tea?"}, **_SETTINGS),
    # Everything is shown whole, in either of two ways.
    post("ada", f"{_R}/config/update", {"RAG_FULL_CONTEXT": True}, **_SETTINGS),
    _ask("ada", _FILE, _BASE),
    post(
        "ada", f"{_R}/config/update", {"RAG_FULL_CONTEXT": False, "BYPASS_EMBEDDING_AND_RETRIEVAL": True}, **_SETTINGS
    ),
    _ask("ada", _FILE, _BASE),
    post("ada", f"{_R}/config/update", {"BYPASS_EMBEDDING_AND_RETRIEVAL": False}, **_SETTINGS),
    # What a model knows.
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
    _ask("ada", model="barista"),
    _ask("bob", model="barista"),
)
