"""Search of chats: phrases, words, filters, their order, and excerpts of messages."""

from parity.chats import make_import_item
from parity.steps import Step, delete, flatten_steps, get, post, refused_steps

_CHATS = "/api/v1/chats"
_T = 1_700_000_000
_LONG = (
    "Before it lies a long way of words. " * 9 + "Here is the needleword at last. " + "And on it goes after it. " * 9
)


def _make_message_item(title: str, content: object, at: int, **more: object) -> dict[str, object]:
    """Return a chat with a single message of this content."""
    item = make_import_item(title, ("x", "y"), at=_T + at, **more)
    tree = item["chat"]["history"]
    tree["messages"] = {"u1": {**tree["messages"]["u1"], "childrenIds": [], "content": content}}
    tree["currentId"] = "u1"
    return item


_ITEMS = [
    make_import_item("Bread", ("How do I bake rye bread?", "With sourdough and patience."), at=_T + 100),
    make_import_item("Rye and wheat", ("What grows where?", "The bread comes from rye fields."), at=_T + 110),
    make_import_item("Apart", ("Only rye here.", "Nothing else."), ("And there?", "Bread is bought."), at=_T + 120),
    make_import_item("Rye", ("Is it a grain?", "It is."), at=_T + 130),
    make_import_item("Snake", ("Rename snake_case to camelCase", "Done: snakeCase"), at=_T + 140),
    make_import_item("Spaced", ("The snake case is green", "It is"), at=_T + 150),
    make_import_item("Hundred", ("I am 100% sure", "Nobody is"), at=_T + 160),
    make_import_item("Thousand", ("I have 1000 reasons to be sure", "Name one"), at=_T + 170),
    make_import_item("C++ or C", ("Which one for drivers?", "Either"), at=_T + 180),
    make_import_item("Äpfel und BIRNEN", ("Welche Äpfel?", "Größere Äpfel, ÜBERALL"), at=_T + 190),
    make_import_item("Москва", ("Какая Погода?", "Солнечно"), at=_T + 200),
    make_import_item("天气", ("今天天气怎么样？", "晴天。"), at=_T + 210),
    make_import_item("Quotes", ('He said "it\'s fine"', "and \\ is a backslash"), at=_T + 220),
    make_import_item("Café ☕ time", ("Un café s'il vous plaît", "☕"), at=_T + 230),
    _make_message_item("Long", _LONG, 240),
    _make_message_item("Parts", [{"type": "text", "text": "hidden in parts"}], 250),
    _make_message_item("Lines", "first line\nsecond line\tthird", 260),
    _make_message_item("Nothing said", "", 270),
    make_import_item("Old rye", ("Archived?", "Yes"), at=_T + 300, archived=True, meta={"tags": ["past"]}),
    make_import_item(
        "Pinned", ("Kept on top", "Always"), at=_T + 310, pinned=True, meta={"tags": ["baking", "late_night"]}
    ),
    make_import_item("Tagged", ("Baking rye", "At night"), at=_T + 320, meta={"tags": ["baking"]}),
    make_import_item("Inner", ("An internal rye", "chat"), at=_T + 330, meta={"internal": True, "tags": ["baking"]}),
    {
        "chat": {"title": "Legacy", "messages": [{"role": "user", "content": "Only in the old list: quince"}]},
        "created_at": _T + 340,
        "updated_at": _T + 340,
    },
    make_import_item(
        "Base", ("Here is ![a](data:image/png;base64,iVBORw0KGgo=) it", "A picture, pictureword"), at=_T + 350
    ),
]

_QUERIES = (
    "rye",
    "RYE",
    "  rye  ",
    "ry",
    "r",
    "rye bread",
    "bread rye",
    "rye   bread",
    "rye-bread",
    '"rye bread"',
    "bread? nowhere",
    "ead",
    "snake_case",
    "snake case",
    "snakecase",
    "snake%case",
    "_",
    "%",
    "100%",
    "100% sure",
    "1_00",
    "c++",
    "c",
    "äpfel",
    "ÄPFEL",
    "birnen",
    "überall",
    "größere äpfel",
    "москва",
    "МОСКВА",
    "погода",
    "天气",
    "气",
    "今天 晴天",
    "it's",
    "'; DROP TABLE chat; --",
    '"it\'s fine"',
    "\\",
    "\\ is",
    "café",
    "☕",
    "needleword",
    "needleword at last",
    "way after",
    "hidden in parts",
    "first line second",
    "line\tthird",
    "second line",
    "quince",
    "legacy",
    "pictureword",
    "nothing at all like it",
    "internal",
    "a b",
    "rye rye",
    "user:ada rye",
    "after:2020-01-01",
    "titel:x",
    "tag",
)

_FILTERS = (
    "tag:baking",
    "tag:BAKING",
    "tag:baking rye",
    "rye tag:baking",
    "tag:baking tag:late_night",
    "tag:late night",
    "tag:late_night",
    "tag:past",
    "tag:past archived:true",
    "tag:none",
    "tag:none rye",
    "tag:none tag:baking",
    "tag:nobody rye",
    "tag:",
    "tag:tag:baking",
    "pinned:true",
    "pinned:false rye",
    "pinned:maybe rye",
    "pinned:true pinned:false",
    "archived:true",
    "archived:true rye",
    "archived:false rye",
    "archived: rye",
    "shared:true",
    "shared:false rye",
    "shared:true rye",
    "folder:kitchen",
    "folder:KITCHEN filed",
    "folder:side_dish",
    "folder:side dish",
    "folder:kitchen folder:garden",
    "folder:garden",
    "folder:nowhere",
    "folder:",
    "folder:kitchen tag:none pinned:false archived:false shared:false filed",
)


def _search(text: str, who: str = "bob", **more: object) -> Step:
    return get(who, f"{_CHATS}/search", query={"text": text, **more})


STEPS = flatten_steps(
    post("bob", f"{_CHATS}/import", {"chats": _ITEMS}),
    [_search(text) for text in _QUERIES],
    [_search("rye", page=page) for page in (1, 2, 99)],
    _search("rye", page="one"),
    get("bob", f"{_CHATS}/search"),
    refused_steps("anonymous pending", "GET", f"{_CHATS}/search", query={"text": "rye"}),
    _search("rye", "cy"),
    _search("rye", "ada"),
    # Filters need folders, a share and tags that are known by name.
    post("bob", "/api/v1/folders/", {"name": "Kitchen"}, save={"kitchen": "$.id"}),
    post("bob", "/api/v1/folders/", {"name": "Side  Dish", "parent_id": "${kitchen}"}, save={"dish": "$.id"}),
    post("bob", "/api/v1/folders/", {"name": "Garden"}),
    post("ada", "/api/v1/folders/", {"name": "Kitchen"}),
    post(
        "bob",
        f"{_CHATS}/import",
        {
            "chats": [
                make_import_item("Filed one", ("In the kitchen", "filed"), at=_T + 400, folder_id="${kitchen}"),
                make_import_item("Filed two", ("On the side", "filed"), at=_T + 410, folder_id="${dish}"),
                make_import_item("Given away", ("Shared rye", "with all"), at=_T + 420),
            ]
        },
        save={"filed": "$[0].id", "shared": "$[2].id"},
    ),
    post("bob", f"{_CHATS}/${{shared}}/share"),
    [_search(text) for text in _FILTERS],
    # The search finds the current texts after changes.
    post("bob", f"{_CHATS}/${{filed}}", {"chat": {"title": "Renamed cupboard"}}),
    _search("cupboard"),
    _search("filed one"),
    post("bob", f"{_CHATS}/${{filed}}/messages/u1", {"content": "Now about saucepans"}),
    _search("saucepans"),
    _search("in the kitchen"),
    post("bob", f"{_CHATS}/${{filed}}/archive"),
    _search("saucepans"),
    _search("saucepans archived:true"),
    delete("bob", f"{_CHATS}/${{filed}}"),
    _search("saucepans archived:true"),
    # A search for a tag without chats deletes the tag.
    post("bob", f"{_CHATS}/${{shared}}/tags", {"name": "Short Lived"}),
    _search("tag:short_lived"),
    _search("tag:short lived"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
    post("bob", f"{_CHATS}/${{shared}}/archive"),
    _search("tag:short_lived"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
    _search("tag:past"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
)
