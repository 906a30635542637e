"""Lists of chats: pages, orders, folders, search, archive; import and export."""

from parity.chats import make_import_item
from parity.steps import flatten_steps, get, post

_CHATS = "/api/v1/chats"
_T = 1_700_000_000
_ITEMS = [
    make_import_item("Bread", ("How do I bake rye bread?", "With sourdough and patience."), at=_T + 100),
    make_import_item("Äpfel", ("Which apples keep?", "Boskoop keeps until March."), at=_T + 200, pinned=True),
    make_import_item(
        "Cake", ("And cake?", "Butter, sugar, eggs, flour."), at=_T + 300, meta={"tags": ["baking", "sweet"]}
    ),
    make_import_item("Old", ("What was?", "It is over."), at=_T + 400, archived=True, meta={"tags": ["past"]}),
    make_import_item(
        "Notes on 100% rye", ("Is 100% rye possible?", "Yes, in a tin."), at=_T + 500, meta={"tags": ["baking"]}
    ),
]

STEPS = flatten_steps(
    post("bob", f"{_CHATS}/import", {"chats": _ITEMS}),
    post("bob", f"{_CHATS}/import", {"chats": []}),
    post("bob", f"{_CHATS}/import", {"chats": [{"chat": {"title": "Bare"}}]}, save={"bare": "$[0].id"}),
    post("bob", f"{_CHATS}/import", {"chats": [{}]}),
    post("bob", f"{_CHATS}/import", {"chats": "x"}),
    post("bob", f"{_CHATS}/import", {}),
    get("bob", f"{_CHATS}/"),
    get("bob", f"{_CHATS}/", query={"page": 1}),
    get("bob", f"{_CHATS}/", query={"page": 1, "include_pinned": True, "sort_by": "title", "sort_dir": "asc"}),
    get("bob", f"{_CHATS}/", query={"page": 1, "sort_by": "created_at", "sort_dir": "asc"}),
    get("bob", f"{_CHATS}/", query={"page": 1, "sort_by": "nonsense"}),
    get("bob", f"{_CHATS}/list", query={"include_folders": True}),
    get("bob", f"{_CHATS}/pinned"),
    get("bob", f"{_CHATS}/archived"),
    get("bob", f"{_CHATS}/archived", query={"query": "old", "order_by": "title", "direction": "asc"}),
    get("bob", f"{_CHATS}/archived", query={"query": "nothing"}),
    get("bob", f"{_CHATS}/archived/count"),
    get("ada", f"{_CHATS}/list/user/${{bob.id}}"),
    get("ada", f"{_CHATS}/list/user/${{bob.id}}", query={"query": "rye", "order_by": "title", "direction": "asc"}),
    get("ada", f"{_CHATS}/list/user/nobody"),
    # Search.
    get("bob", f"{_CHATS}/search", query={"text": "rye"}),
    get("bob", f"{_CHATS}/search", query={"text": "RYE bread"}),
    get("bob", f"{_CHATS}/search", query={"text": "100%"}),
    get("bob", f"{_CHATS}/search", query={"text": "äpfel"}),
    get("bob", f"{_CHATS}/search", query={"text": "boskoop"}),
    get("bob", f"{_CHATS}/search", query={"text": "tag:baking"}),
    get("bob", f"{_CHATS}/search", query={"text": "tag:baking cake"}),
    get("bob", f"{_CHATS}/search", query={"text": "tag:none"}),
    get("bob", f"{_CHATS}/search", query={"text": "pinned:true"}),
    get("bob", f"{_CHATS}/search", query={"text": "archived:true"}),
    get("bob", f"{_CHATS}/search", query={"text": "rye", "page": 2}),
    get("bob", f"{_CHATS}/search", query={"text": "'; DROP TABLE chat; --"}),
    get("bob", f"{_CHATS}/search"),
    get("cy", f"{_CHATS}/search", query={"text": "rye"}),
    # Exports and full lists.
    get("bob", f"{_CHATS}/all", unordered=("$",)),
    get("bob", f"{_CHATS}/all/archived"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
    post("bob", f"{_CHATS}/archive/all"),
    get("bob", f"{_CHATS}/"),
    get("bob", f"{_CHATS}/archived/count"),
    post("bob", f"{_CHATS}/unarchive/all"),
    get("bob", f"{_CHATS}/archived/count"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
)
