"""Search of chats: phrases, words, filters, their order, and pieces of messages."""

from parity.chats import brought
from parity.steps import Step, delete, flat, get, post, refused

_CHATS = "/api/v1/chats"
_T = 1_700_000_000
_LONG = (
    "Before it lies a long way of words. " * 9 + "Here is the needleword at last. " + "And on it goes after it. " * 9
)


def _plain(title: str, content: object, at: int, **more: object) -> dict[str, object]:
    """A chat of one message with this content."""
    item = brought(title, ("x", "y"), at=_T + at, **more)
    tree = item["chat"]["history"]
    tree["messages"] = {"u1": {**tree["messages"]["u1"], "childrenIds": [], "content": content}}
    tree["currentId"] = "u1"
    return item


_ITEMS = [
    brought("Bread", ("How do I bake rye bread?", "With sourdough and patience."), at=_T + 100),
    brought("Rye and wheat", ("What grows where?", "The bread comes from rye fields."), at=_T + 110),
    brought("Apart", ("Only rye here.", "Nothing else."), ("And there?", "Bread is bought."), at=_T + 120),
    brought("Rye", ("Is it a grain?", "It is."), at=_T + 130),
    brought("Snake", ("Rename snake_case to camelCase", "Done: snakeCase"), at=_T + 140),
    brought("Spaced", ("The snake case is green", "It is"), at=_T + 150),
    brought("Hundred", ("I am 100% sure", "Nobody is"), at=_T + 160),
    brought("Thousand", ("I have 1000 reasons to be sure", "Name one"), at=_T + 170),
    brought("C++ or C", ("Which one for drivers?", "Either"), at=_T + 180),
    brought("Äpfel und BIRNEN", ("Welche Äpfel?", "Größere Äpfel, ÜBERALL"), at=_T + 190),
    brought("Москва", ("Какая Погода?", "Солнечно"), at=_T + 200),
    brought("天气", ("今天天气怎么样？", "晴天。"), at=_T + 210),
    brought("Quotes", ('He said "it\'s fine"', "and \\ is a backslash"), at=_T + 220),
    brought("Café ☕ time", ("Un café s'il vous plaît", "☕"), at=_T + 230),
    _plain("Long", _LONG, 240),
    _plain("Parts", [{"type": "text", "text": "hidden in parts"}], 250),
    _plain("Lines", "first line\nsecond line\tthird", 260),
    _plain("Nothing said", "", 270),
    brought("Old rye", ("Archived?", "Yes"), at=_T + 300, archived=True, meta={"tags": ["past"]}),
    brought("Pinned", ("Kept on top", "Always"), at=_T + 310, pinned=True, meta={"tags": ["baking", "late_night"]}),
    brought("Tagged", ("Baking rye", "At night"), at=_T + 320, meta={"tags": ["baking"]}),
    brought("Inner", ("An internal rye", "chat"), at=_T + 330, meta={"internal": True, "tags": ["baking"]}),
    {
        "chat": {"title": "Legacy", "messages": [{"role": "user", "content": "Only in the old list: quince"}]},
        "created_at": _T + 340,
        "updated_at": _T + 340,
    },
    brought("Base", ("Here is ![a](data:image/png;base64,iVBORw0KGgo=) it", "A picture, pictureword"), at=_T + 350),
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


def _found(text: str, who: str = "bob", **more: object) -> Step:
    return get(who, f"{_CHATS}/search", query={"text": text, **more})


STEPS = flat(
    post("bob", f"{_CHATS}/import", {"chats": _ITEMS}),
    [_found(text) for text in _QUERIES],
    [_found("rye", page=page) for page in (1, 2, 99)],
    _found("rye", page="one"),
    get("bob", f"{_CHATS}/search"),
    refused("anonymous pending", "GET", f"{_CHATS}/search", query={"text": "rye"}),
    _found("rye", "cy"),
    _found("rye", "ada"),
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
                brought("Filed one", ("In the kitchen", "filed"), at=_T + 400, folder_id="${kitchen}"),
                brought("Filed two", ("On the side", "filed"), at=_T + 410, folder_id="${dish}"),
                brought("Given away", ("Shared rye", "with all"), at=_T + 420),
            ]
        },
        save={"filed": "$[0].id", "shared": "$[2].id"},
    ),
    post("bob", f"{_CHATS}/${{shared}}/share"),
    [_found(text) for text in _FILTERS],
    # What changes is found as it is now.
    post("bob", f"{_CHATS}/${{filed}}", {"chat": {"title": "Renamed cupboard"}}),
    _found("cupboard"),
    _found("filed one"),
    post("bob", f"{_CHATS}/${{filed}}/messages/u1", {"content": "Now about saucepans"}),
    _found("saucepans"),
    _found("in the kitchen"),
    post("bob", f"{_CHATS}/${{filed}}/archive"),
    _found("saucepans"),
    _found("saucepans archived:true"),
    delete("bob", f"{_CHATS}/${{filed}}"),
    _found("saucepans archived:true"),
    # A tag that nobody carries is forgotten when it is searched.
    post("bob", f"{_CHATS}/${{shared}}/tags", {"name": "Short Lived"}),
    _found("tag:short_lived"),
    _found("tag:short lived"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
    post("bob", f"{_CHATS}/${{shared}}/archive"),
    _found("tag:short_lived"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
    _found("tag:past"),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
)
