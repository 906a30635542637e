"""Texts put into collections and searched, by everybody who may and may not."""

from parity.steps import flat, post, refused

_R = "/api/v1/retrieval"
_DOC, _MANY, _TEXT = f"{_R}/query/doc", f"{_R}/query/collection", f"{_R}/process/text"
_SAVE = f"{_R}/config/update"
_OWN = "web-search-${bob.id}-notes"
_GREEN = "Green tea is steeped at seventy degrees for two minutes."
_BLACK = "Black tea is steeped with boiling water for four minutes."
_BREAD = "Bread is baked at two hundred and thirty degrees."
_CRASH = "the reference does not catch its own exception for a text that is empty"


#: Chroma gives a chunk's metadata back in any order.
_SHUFFLED = {"ignore": ("$.metadatas[0][*].order",), "why": "no order in the reference, either"}
_SETTINGS = {"ignore": ("$",), "why": "compared elsewhere"}


def _search(who: str, collections, query: str, **more):
    return post(who, _MANY, {"collection_names": collections, "query": query, **more}, **_SHUFFLED)


def _put(who: str, name: str, text: str, **more):
    return post(who, _TEXT, {"name": name, "content": text, **more})


def _each(who: str, collection: str):
    """Every way of searching one collection."""
    return flat(
        post(who, _DOC, {"collection_name": collection, "query": "How hot is green tea?"}, **_SHUFFLED),
        _search(who, [collection], "How hot is green tea?", k=2),
    )


STEPS = flat(
    refused("anonymous pending", "POST", _TEXT, {"name": "tea", "content": _GREEN}),
    refused("anonymous pending", "POST", _DOC, {"collection_name": "a", "query": "b"}),
    refused("anonymous pending", "POST", _MANY, {"collection_names": ["a"], "query": "b"}),
    post("bob", _TEXT, {"name": "tea"}),
    post("bob", _DOC, {"collection_name": "a"}),
    post("bob", _MANY, {"collection_names": "a", "query": 1, "k": "many"}),
    # Without a name the text is kept under its digest; the same text again changes nothing.
    post("bob", _TEXT, {"name": "tea", "content": _GREEN}, save={"digest": "$.collection_name"}),
    post("bob", _TEXT, {"name": "tea", "content": _GREEN}),
    post("bob", _TEXT, {"name": "nothing", "content": ""}, ignore=("status",), why=_CRASH),
    _each("ada", "${digest}"),
    # Nobody else's collections; not even an unknown one's.
    _each("bob", "${digest}"),
    _each("bob", "knowledge-bases"),
    _each("bob", "user-memory-${ada.id}"),
    _each("bob", "file-nothing"),
    _each("bob", "../passwd"),
    _each("ada", "../passwd"),
    _put("cy", "tea", _BLACK, collection_name=_OWN),
    _put("bob", "tea", _BLACK, collection_name=_OWN),
    _put("bob", "more", _BREAD, collection_name="web-search-${bob.id}-more"),
    _each("bob", _OWN),
    _each("cy", _OWN),
    _each("ada", _OWN),
    _search("bob", [_OWN, "web-search-${bob.id}-more"], "How is bread baked?"),
    _search("bob", [_OWN, "web-search-${bob.id}-more"], "Bread?", k=1),
    _search("bob", [_OWN, "web-search-${ada.id}-x"], "Bread?"),
    _search("bob", [], "Bread?"),
    _search("bob", [_OWN], ""),
    post("ada", _DOC, {"collection_name": "unknown", "query": "Anything?"}),
    _search("ada", ["unknown"], "Anything?"),
    # Words count, too.
    post("ada", _SAVE, {"ENABLE_RAG_HYBRID_SEARCH": True, "TOP_K": 2, "TOP_K_RERANKER": 2}, **_SETTINGS),
    _each("bob", _OWN),
    _search("bob", [_OWN], "Tea?", r=0.99),
    _search("bob", [_OWN], "black tea", hybrid_bm25_weight=1),
    _search("bob", [_OWN], "black tea", hybrid_bm25_weight=0),
    post("ada", _SAVE, {"ENABLE_RAG_HYBRID_SEARCH": False}, **_SETTINGS),
    # Taking away.
    refused("anonymous pending bob", "POST", f"{_R}/delete", {"collection_name": _OWN, "file_id": "nothing"}),
    post("ada", f"{_R}/delete", {"collection_name": _OWN}),
    post("ada", f"{_R}/delete", {"collection_name": "unknown", "file_id": "nothing"}),
    post("ada", f"{_R}/delete", {"collection_name": _OWN, "file_id": "nothing"}),
    refused("anonymous pending bob", "POST", f"{_R}/reset/db"),
    refused("anonymous pending bob", "POST", f"{_R}/reset/uploads"),
    post("ada", f"{_R}/reset/uploads"),
    post("ada", f"{_R}/reset/db"),
    post("ada", _DOC, {"collection_name": _OWN, "query": "Tea?"}),
)
