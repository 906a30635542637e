"""Texts added to collections and searched, by users with and without access."""

from parity.steps import flatten_steps, post, refused_steps

_R = "/api/v1/retrieval"
_DOC, _MANY, _TEXT = f"{_R}/query/doc", f"{_R}/query/collection", f"{_R}/process/text"
_SAVE = f"{_R}/config/update"
_OWN = "web-search-${bob.id}-notes"
_GREEN = "Green tea is steeped at seventy degrees for two minutes."
_BLACK = "Black tea is steeped with boiling water for four minutes."
_BREAD = "Bread is baked at two hundred and thirty degrees."
_CRASH = "the reference does not catch its own exception for a text that is empty"


#: Chroma returns a chunk's metadata in any order.
_SHUFFLED = {"ignore": ("$.metadatas[0][*].order",), "why": "no order in the reference, either"}
_SETTINGS = {"ignore": ("$",), "why": "compared elsewhere"}


def _search_collections(who: str, collections, query: str, **more):
    return post(who, _MANY, {"collection_names": collections, "query": query, **more}, **_SHUFFLED)


def _add_text(who: str, name: str, text: str, **more):
    return post(who, _TEXT, {"name": name, "content": text, **more})


def _request_searches(who: str, collection: str):
    """Search one collection in every way."""
    return flatten_steps(
        post(who, _DOC, {"collection_name": collection, "query": "How hot is green tea?"}, **_SHUFFLED),
        _search_collections(who, [collection], "How hot is green tea?", k=2),
    )


STEPS = flatten_steps(
    refused_steps("anonymous pending", "POST", _TEXT, {"name": "tea", "content": _GREEN}),
    refused_steps("anonymous pending", "POST", _DOC, {"collection_name": "a", "query": "b"}),
    refused_steps("anonymous pending", "POST", _MANY, {"collection_names": ["a"], "query": "b"}),
    post("bob", _TEXT, {"name": "tea"}),
    post("bob", _DOC, {"collection_name": "a"}),
    post("bob", _MANY, {"collection_names": "a", "query": 1, "k": "many"}),
    # Without a name the text is stored under its digest; adding the same text again changes nothing.
    post("bob", _TEXT, {"name": "tea", "content": _GREEN}, save={"digest": "$.collection_name"}),
    post("bob", _TEXT, {"name": "tea", "content": _GREEN}),
    post("bob", _TEXT, {"name": "nothing", "content": ""}, ignore=("status",), why=_CRASH),
    _request_searches("ada", "${digest}"),
    # Collections of other users, and unknown collections, are refused.
    _request_searches("bob", "${digest}"),
    _request_searches("bob", "knowledge-bases"),
    _request_searches("bob", "user-memory-${ada.id}"),
    _request_searches("bob", "file-nothing"),
    _request_searches("bob", "../passwd"),
    _request_searches("ada", "../passwd"),
    _add_text("cy", "tea", _BLACK, collection_name=_OWN),
    _add_text("bob", "tea", _BLACK, collection_name=_OWN),
    _add_text("bob", "more", _BREAD, collection_name="web-search-${bob.id}-more"),
    _request_searches("bob", _OWN),
    _request_searches("cy", _OWN),
    _request_searches("ada", _OWN),
    _search_collections("bob", [_OWN, "web-search-${bob.id}-more"], "How is bread baked?"),
    _search_collections("bob", [_OWN, "web-search-${bob.id}-more"], "Bread?", k=1),
    _search_collections("bob", [_OWN, "web-search-${ada.id}-x"], "Bread?"),
    _search_collections("bob", [], "Bread?"),
    _search_collections("bob", [_OWN], ""),
    post("ada", _DOC, {"collection_name": "unknown", "query": "Anything?"}),
    _search_collections("ada", ["unknown"], "Anything?"),
    # Hybrid search.
    post("ada", _SAVE, {"ENABLE_RAG_HYBRID_SEARCH": True, "TOP_K": 2, "TOP_K_RERANKER": 2}, **_SETTINGS),
    _request_searches("bob", _OWN),
    _search_collections("bob", [_OWN], "Tea?", r=0.99),
    _search_collections("bob", [_OWN], "black tea", hybrid_bm25_weight=1),
    _search_collections("bob", [_OWN], "black tea", hybrid_bm25_weight=0),
    post("ada", _SAVE, {"ENABLE_RAG_HYBRID_SEARCH": False}, **_SETTINGS),
    # Removal.
    refused_steps("anonymous pending bob", "POST", f"{_R}/delete", {"collection_name": _OWN, "file_id": "nothing"}),
    post("ada", f"{_R}/delete", {"collection_name": _OWN}),
    post("ada", f"{_R}/delete", {"collection_name": "unknown", "file_id": "nothing"}),
    post("ada", f"{_R}/delete", {"collection_name": _OWN, "file_id": "nothing"}),
    refused_steps("anonymous pending bob", "POST", f"{_R}/reset/db"),
    refused_steps("anonymous pending bob", "POST", f"{_R}/reset/uploads"),
    post("ada", f"{_R}/reset/uploads"),
    post("ada", f"{_R}/reset/db"),
    post("ada", _DOC, {"collection_name": _OWN, "query": "Tea?"}),
)
