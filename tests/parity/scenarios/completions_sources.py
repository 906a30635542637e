"""API completions that refer to texts, collections and unreadable sources."""

from parity.steps import flatten_steps, post

_ASK = "/api/chat/completions"
_R = "/api/v1/retrieval"
_OWN = "web-search-${bob.id}-tea"
_TEXT = {"type": "text", "name": "tea.txt", "id": "tea", "content": "Green tea is steeped at seventy degrees."}
_FULL = {**_TEXT, "context": "full", "file": {"data": {"content": "Whole."}, "meta": {"name": "whole.txt"}}}
_DOCS = {
    "name": "A search",
    "docs": [
        {"content": "One.", "metadata": {"source": "https://one.example", "title": "One"}},
        {"content": "Two.", "metadata": {"source": "https://two.example"}},
    ],
}
#: Both programs count the tokens of the context that they add to the question; it must be the same.
_TEMPLATE = "Read this:\n[context]\n\nIt is {{CONTEXT}} and about [query] or {{QUERY}}. Today is {{CURRENT_DATE}}."
_EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


#: Chroma returns a chunk's metadata in any order.
_SHUFFLED = {"ignore": ("$.sources[*].metadata[*].order",), "why": "no order in the reference, either"}


def _request_completion(who: str, *files, stream: bool = False, **more):
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "How hot? [[tokens 2]]"}], "files": files}
    return post(who, _ASK, {**body, "stream": stream, **more}, **_SHUFFLED)


STEPS = flatten_steps(
    post("ada", f"{_R}/config/update", {"RAG_TEMPLATE": _TEMPLATE}, ignore=("$",), why="compared elsewhere"),
    post("ada", "/api/v1/models/model/access/update", {"id": "demo-small", "access_grants": _EVERYBODY}),
    _request_completion("bob", _TEXT),
    _request_completion("bob", _TEXT, stream=True),
    _request_completion("bob", _FULL),
    _request_completion("bob", _FULL, _TEXT, _TEXT),
    _request_completion("bob", _DOCS),
    _request_completion("bob", {"type": "image", "url": "data:image/png;base64,AAAA"}),
    _request_completion("bob", {"type": "filesystem", "name": "x"}),
    post("bob", f"{_R}/process/text", {"name": "tea", "content": "Black tea.", "collection_name": _OWN}),
    _request_completion("bob", {"type": "web_search", "name": "tea", "collection_name": _OWN}),
    _request_completion("bob", {"type": "text", "name": "tea", "collection_name": _OWN}),
    # Inaccessible and missing sources are skipped without an error.
    _request_completion("cy", {"type": "web_search", "name": "tea", "collection_name": _OWN}),
    _request_completion("cy", {"type": "text", "name": "tea", "collection_name": _OWN}),
    _request_completion("bob", {"name": "tea", "collection_name": _OWN}),
    _request_completion("bob", {"type": "file", "id": "nothing", "name": "nothing"}),
    _request_completion("bob", {"type": "collection", "id": "nothing", "name": "nothing"}),
    _request_completion("bob", {"type": "note", "id": "nothing"}),
    _request_completion("bob", {"type": "chat", "id": "nothing"}),
    _request_completion("bob", {"type": "folder", "id": "nothing"}),
    _request_completion("bob", {"type": "something"}),
)
