"""Completions over the API that refer to texts, collections and things that one may not read."""

from parity.steps import flat, post

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
#: Both programs count the tokens of what they put before the question: it must be the same.
_TEMPLATE = "Read this:\n[context]\n\nIt is {{CONTEXT}} and about [query] or {{QUERY}}. Today is {{CURRENT_DATE}}."
_EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


#: Chroma gives a chunk's metadata back in any order.
_SHUFFLED = {"ignore": ("$.sources[*].metadata[*].order",), "why": "no order in the reference, either"}


def _ask(who: str, *files, stream: bool = False, **more):
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "How hot? [[tokens 2]]"}], "files": files}
    return post(who, _ASK, {**body, "stream": stream, **more}, **_SHUFFLED)


STEPS = flat(
    post("ada", f"{_R}/config/update", {"RAG_TEMPLATE": _TEMPLATE}, ignore=("$",), why="compared elsewhere"),
    post("ada", "/api/v1/models/model/access/update", {"id": "demo-small", "access_grants": _EVERYBODY}),
    _ask("bob", _TEXT),
    _ask("bob", _TEXT, stream=True),
    _ask("bob", _FULL),
    _ask("bob", _FULL, _TEXT, _TEXT),
    _ask("bob", _DOCS),
    _ask("bob", {"type": "image", "url": "data:image/png;base64,AAAA"}),
    _ask("bob", {"type": "filesystem", "name": "x"}),
    post("bob", f"{_R}/process/text", {"name": "tea", "content": "Black tea.", "collection_name": _OWN}),
    _ask("bob", {"type": "web_search", "name": "tea", "collection_name": _OWN}),
    _ask("bob", {"type": "text", "name": "tea", "collection_name": _OWN}),
    # What is not theirs, or not there, is left out in silence.
    _ask("cy", {"type": "web_search", "name": "tea", "collection_name": _OWN}),
    _ask("cy", {"type": "text", "name": "tea", "collection_name": _OWN}),
    _ask("bob", {"name": "tea", "collection_name": _OWN}),
    _ask("bob", {"type": "file", "id": "nothing", "name": "nothing"}),
    _ask("bob", {"type": "collection", "id": "nothing", "name": "nothing"}),
    _ask("bob", {"type": "note", "id": "nothing"}),
    _ask("bob", {"type": "chat", "id": "nothing"}),
    _ask("bob", {"type": "folder", "id": "nothing"}),
    _ask("bob", {"type": "something"}),
)
