"""The one search over chats and notes: words, kinds, places, shares."""

from parity.chats import brought
from parity.steps import Step, flat, get, post, refused

_CHATS = "/api/v1/chats"
_T = 1_700_000_000

_ITEMS = [
    brought("Rye", ("Is it a grain?", "It is, and a good one."), at=_T + 100),
    brought("Rye bread", ("How do I bake it?", "With sourdough and patience."), at=_T + 110),
    brought("Sourdough", ("Which flour?", "Rye, mostly. " * 40), at=_T + 120, pinned=True),
    brought("Apart", ("Only rye here.", "Nothing."), ("And there?", "Bread is bought."), at=_T + 130),
    brought("100% or snake_case", ("A 100% question", "An answer"), at=_T + 140),
    brought("Äpfel", ("Welche ÄPFEL?", "Boskoop"), at=_T + 150),
    brought("Put away", ("Old rye", "Yes"), at=_T + 160, archived=True),
    brought("Inside", ("Internal rye", "chat"), at=_T + 170, meta={"internal": True}),
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


def _found(text: str, who: str = "bob", **more: object) -> Step:
    return get(who, "/api/v1/search", query={"q": text, **more})


STEPS = flat(
    post("bob", "/api/v1/folders/", {"name": "Kitchen"}, save={"kitchen": "$.id"}),
    post("bob", "/api/v1/folders/", {"name": "Dishes", "parent_id": "${kitchen}"}, save={"dishes": "$.id"}),
    post("bob", f"{_CHATS}/import", {"chats": _ITEMS}, save={"rye": "$[0].id"}),
    post(
        "bob",
        f"{_CHATS}/import",
        {
            "chats": [
                brought("Filed", ("A rye dish", "Soup"), at=_T + 200, folder_id="${kitchen}"),
                brought("Filed below", ("Another rye dish", "Stew"), at=_T + 210, folder_id="${dishes}"),
            ]
        },
    ),
    [_found(text) for text in _QUERIES],
    [_found("rye", kind=kind) for kind in ("chat", "note", "message", "all", "thing")],
    [_found("rye", sharing=sharing) for sharing in ("mine", "shared", "all", "none")],
    [
        _found("rye", scope=scope)
        for scope in ("folder:${kitchen}", "folder:${dishes}", "folder:none", "channel:x", "x")
    ],
    _found("", scope="folder:${kitchen}"),
    [_found("rye", page=page) for page in (1, 2, 0)],
    _found("rye", page="one"),
    _found("x" * 501),
    _found("rye", "cy"),
    _found("rye", "ada"),
    refused("anonymous pending", "GET", "/api/v1/search", query={"q": "rye"}),
    # A share of one chat with cy.
    post("bob", f"{_CHATS}/${{rye}}/share"),
    post(
        "bob",
        f"{_CHATS}/shared/${{rye}}/access/update",
        {"access_grants": [{"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}]},
    ),
    _found("rye", "cy"),
    _found("", "cy"),
    _found("rye", "cy", sharing="mine"),
    _found("rye", "cy", sharing="shared"),
    _found("rye", sharing="shared"),
    # A folder of ada's that everybody may read.
    post("ada", "/api/v1/folders/", {"name": "Common"}, save={"common": "$.id"}),
    post(
        "ada",
        f"{_CHATS}/import",
        {"chats": [brought("Common rye", ("Ours", "All of it rye"), at=_T + 300, folder_id="${common}")]},
    ),
    post(
        "ada",
        "/api/v1/folders/${common}/access/update",
        {"access_grants": [{"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}]},
    ),
    _found("rye", "cy"),
    _found("ours", "cy"),
    _found("rye", "cy", scope="folder:${common}"),
    _found("rye", "bob", scope="folder:${common}"),
    _found("rye", "ada"),
)
