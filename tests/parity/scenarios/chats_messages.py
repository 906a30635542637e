"""Messages of a chat: changed and deleted; events; statistics of chats."""

from parity.chats import make_chat, make_import_item
from parity.steps import Merged, delete, flatten_steps, get, post

_CHATS = "/api/v1/chats"
_ONE = "/api/v1/chats/${chat}"
_TALK = make_chat("Trees", ("What is an oak?", "A tree."), ("And moss?", "No tree."), ("Ivy?", "It climbs."))

STEPS = flatten_steps(
    post("bob", f"{_CHATS}/new", {"chat": _TALK}, save={"chat": "$.id"}),
    post("bob", f"{_ONE}/messages/a1", {"content": "A tall tree."}),
    post("bob", f"{_ONE}/messages/a1", {}),
    post("bob", f"{_ONE}/messages/a1", {"content": 1}),
    post("bob", f"{_ONE}/messages/new", {"content": "Out of nowhere"}),
    post("bob", f"{_ONE}/messages/nothing", {"voice": {"id": "x"}}),
    post("ada", f"{_ONE}/messages/a1", {"content": "A tree, says Ada."}),
    post("bob", f"{_ONE}/messages/a1/event", {"type": "status", "data": {"description": "Looking"}}),
    post("bob", f"{_ONE}/messages/a1/event", {"type": "replace", "data": {"content": "An oak."}}),
    post("bob", f"{_ONE}/messages/a1/event", {"type": "status"}),
    delete("bob", f"{_ONE}/messages/u2"),
    delete("bob", f"{_ONE}/messages/nothing"),
    get("bob", _ONE),
    post("bob", f"{_ONE}/messages/a1/resolve", {"call_id": "c", "action": "answer"}),
    post("bob", f"{_ONE}/messages/nothing/resolve", {"call_id": "c", "action": "answer"}),
    post("bob", f"{_ONE}/messages/a1/resolve", {}),
    # Statistics.
    post(
        "cy",
        f"{_CHATS}/import",
        {
            "chats": [
                make_import_item("Far", ("How far?", "As far as one can see."), ("Really?", "Yes."), at=1_700_000_000)
            ]
        },
        save={"far": "$[0].id"},
    ),
    get("cy", f"{_CHATS}/stats/usage"),
    get("cy", f"{_CHATS}/stats/usage", query={"items_per_page": 1, "page": 2}),
    get("cy", f"{_CHATS}/stats/export"),
    get("cy", f"{_CHATS}/stats/export", query={"updated_at": 1_800_000_000}),
    get("cy", f"{_CHATS}/stats/export", query={"stream": True}),
    get("cy", f"{_CHATS}/stats/export/${{far}}"),
    get("ada", f"{_CHATS}/stats/export/${{far}}"),
    get("cy", "/api/v1/users/usage", query={"start_date": 1_699_900_000, "end_date": 1_700_100_000}),
    get("ada", f"{_CHATS}/config", save={"config": "$"}, ignore=("$.CONTEXT_COMPACTION_PROMPT_TEMPLATE",), why="prose"),
    post(
        "ada",
        f"{_CHATS}/config",
        Merged(
            "${config}",
            {
                "CONTEXT_COMPACTION_RETENTION_PERCENTAGE": 90,
                "CONTEXT_COMPACTION_TOKEN_THRESHOLD": -5,
                "TOOL_SEARCH_ALWAYS_LOADED": [" a ", ""],
                "CONTEXT_COMPACTION_PROMPT_TEMPLATE": "Short.",
            },
        ),
    ),
    post("ada", f"{_CHATS}/config", {}),
)
