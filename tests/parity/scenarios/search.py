"""The combined search over chats and notes: words, types, folders, shares."""

from parity.chats import make_import_item
from parity.steps import Step, flatten_steps, get, post, refused_steps

_CHATS = "/api/v1/chats"
_T = 1_700_000_000

_ITEMS = [
    make_import_item("Rye", ("Is it a grain?", "It is, and a good one."), at=_T + 100),
    make_import_item("Rye bread", ("How do I bake it?", "With sourdough and patience."), at=_T + 110),
    make_import_item("Sourdough", ("Which flour?", "Rye, mostly. " * 40), at=_T + 120, pinned=True),
    make_import_item("Apart", ("Only rye here.", "Nothing."), ("And there?", "Bread is bought."), at=_T + 130),
    make_import_item("100% or snake_case", ("A 100% question", "An answer"), at=_T + 140),
    make_import_item("Äpfel", ("Welche ÄPFEL?", "Boskoop"), at=_T + 150),
    make_import_item("Put away", ("Old rye", "Yes"), at=_T + 160, archived=True),
    make_import_item("Inside", ("Internal rye", "chat"), at=_T + 170, meta={"internal": True}),
    {
        "chat": {"title": "Legacy", "messages": [{"id": "m1", "role": "user", "content": "An old list of rye"}]},
        "created_at": _T + 180,
        "updated_at": _T + 180,
    },
]

_QUERIES = (
    "",
    "rye",
    "RYE bread",
    "bread rye",
    "grain good",
    "100%",
    "snake_case",
    "_",
    "äpfel",
    "nothing like it",
    "r",
)


def _search(text: str, who: str = "bob", **more: object) -> Step:
    return get(who, "/api/v1/search", query={"q": text, **more})


STEPS = flatten_steps(
    post("bob", "/api/v1/folders/", {"name": "Kitchen"}, save={"kitchen": "$.id"}),
    post("bob", "/api/v1/folders/", {"name": "Dishes", "parent_id": "${kitchen}"}, save={"dishes": "$.id"}),
    post("bob", f"{_CHATS}/import", {"chats": _ITEMS}, save={"rye": "$[0].id"}),
    post(
        "bob",
        f"{_CHATS}/import",
        {
            "chats": [
                make_import_item("Filed", ("A rye dish", "Soup"), at=_T + 200, folder_id="${kitchen}"),
                make_import_item("Filed below", ("Another rye dish", "Stew"), at=_T + 210, folder_id="${dishes}"),
            ]
        },
    ),
    [_search(text) for text in _QUERIES],
    [_search("rye", kind=kind) for kind in ("chat", "note", "message", "all", "thing")],
    [_search("rye", sharing=sharing) for sharing in ("mine", "shared", "all", "none")],
    [
        _search("rye", scope=scope)
        for scope in ("folder:${kitchen}", "folder:${dishes}", "folder:none", "channel:x", "x")
    ],
    _search("", scope="folder:${kitchen}"),
    [_search("rye", page=page) for page in (1, 2, 0)],
    _search("rye", page="one"),
    _search("x" * 501),
    _search("rye", "cy"),
    _search("rye", "ada"),
    refused_steps("anonymous pending", "GET", "/api/v1/search", query={"q": "rye"}),
    # A share of one chat with cy.
    post("bob", f"{_CHATS}/${{rye}}/share"),
    post(
        "bob",
        f"{_CHATS}/shared/${{rye}}/access/update",
        {"access_grants": [{"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}]},
    ),
    _search("rye", "cy"),
    _search("", "cy"),
    _search("rye", "cy", sharing="mine"),
    _search("rye", "cy", sharing="shared"),
    _search("rye", sharing="shared"),
    # A folder of ada's that all users may read.
    post("ada", "/api/v1/folders/", {"name": "Common"}, save={"common": "$.id"}),
    post(
        "ada",
        f"{_CHATS}/import",
        {"chats": [make_import_item("Common rye", ("Ours", "All of it rye"), at=_T + 300, folder_id="${common}")]},
    ),
    post(
        "ada",
        "/api/v1/folders/${common}/access/update",
        {"access_grants": [{"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}]},
    ),
    _search("rye", "cy"),
    _search("ours", "cy"),
    _search("rye", "cy", scope="folder:${common}"),
    _search("rye", "bob", scope="folder:${common}"),
    _search("rye", "ada"),
)
