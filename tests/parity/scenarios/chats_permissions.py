"""Chats of users without permissions; compaction when it is enabled."""

from parity.chats import make_chat, make_import_item
from parity.steps import Merged, delete, flatten_steps, get, post

_CHATS = "/api/v1/chats"
_ONE = "/api/v1/chats/${chat}"
_PERMISSIONS = "/api/v1/users/default/permissions"
_LESS = {"delete": False, "import": False, "share": False}
_ELSEWHERE = {"ignore": ("$",), "why": "asked elsewhere"}
_LONG = make_chat("Long", *[(f"What is {n} and {n}?", f"It is {2 * n}, as everybody knows.") for n in range(1, 9)])

STEPS = flatten_steps(
    get("ada", _PERMISSIONS, save={"permissions": "$", "chat_permissions": "$.chat"}, **_ELSEWHERE),
    post("bob", f"{_CHATS}/new", {"chat": _LONG}, save={"chat": "$.id"}),
    post("bob", f"{_ONE}/share", save={"share": "$.share_id"}),
    post("ada", _PERMISSIONS, Merged("${permissions}", {"chat": Merged("${chat_permissions}", _LESS)}), **_ELSEWHERE),
    delete("bob", _ONE),
    delete("bob", f"{_CHATS}/"),
    post("bob", f"{_ONE}/share"),
    delete("bob", f"{_ONE}/share"),
    post("bob", f"{_CHATS}/import", {"chats": [make_import_item("In", ("?", "!"), at=1_700_000_000)]}),
    post("bob", f"{_ONE}/clone", {}),
    post("bob", f"{_ONE}/fork", {}),
    post("bob", f"{_CHATS}/${{share}}/clone/shared"),
    post(
        "ada",
        f"{_CHATS}/import",
        {"chats": [make_import_item("In", ("?", "!"), at=1_700_000_000)]},
        save={"in": "$[0].id"},
    ),
    delete("ada", f"{_CHATS}/${{in}}"),
    post(
        "ada",
        _PERMISSIONS,
        Merged("${permissions}", {"chat": Merged("${chat_permissions}", {"temporary_enforced": True})}),
        **_ELSEWHERE,
    ),
    post("bob", f"{_CHATS}/new", {"chat": make_chat("Kept", ("?", "!"))}),
    post("bob", f"{_CHATS}/import", {"chats": [make_import_item("In", ("?", "!"), at=1_700_000_000)]}),
    post("bob", f"{_CHATS}/import", {"chats": []}),
    post("bob", f"{_ONE}/clone", {}),
    post("bob", f"{_ONE}/fork", {}),
    post("ada", _PERMISSIONS, "${permissions}", **_ELSEWHERE),
    # Compaction: disabled, enabled, with nothing to compact, with parameters of the chat.
    post("ada", f"{_CHATS}/new", {"chat": _LONG}, save={"chat": "$.id"}),
    get("ada", f"{_CHATS}/config", save={"config": "$"}, ignore=("$.CONTEXT_COMPACTION_PROMPT_TEMPLATE",), why="prose"),
    post("ada", f"{_ONE}/compact", {}),
    get("ada", _ONE),
    post(
        "ada",
        f"{_CHATS}/config",
        Merged(
            "${config}",
            {
                "ENABLE_CONTEXT_COMPACTION": True,
                "CONTEXT_COMPACTION_TOKEN_THRESHOLD": 1000,
                "CONTEXT_COMPACTION_TOKEN_CAP": 500,
                "CONTEXT_COMPACTION_PROMPT_TEMPLATE": "Sum up {{COMPACTED_MESSAGES}} before {{RECENT_MESSAGES}}",
            },
        ),
    ),
    get("ada", _ONE),
    post("ada", f"{_CHATS}/${{chat}}", {"chat": {"params": {"compact_token_threshold": 100}}}),
    get("ada", _ONE),
    post("ada", f"{_ONE}/compact", {"model": "demo-small"}, ignore=("$.summary_chars",), why="the model's own words"),
    get(
        "ada",
        _ONE,
        ignore=("$.chat.history.messages.a8.contextSummary", "$.context_usage"),
        why="the model's own words",
    ),
    post("ada", f"{_ONE}/compact", {}),
    post("ada", f"{_CHATS}/new", {"chat": {"title": "Empty"}}, save={"empty": "$.id"}),
    post("ada", f"{_CHATS}/${{empty}}/compact", {}),
    post("ada", f"{_CHATS}/${{empty}}/compact", {"model": "demo-small"}),
    get("ada", f"{_CHATS}/${{empty}}"),
    post("ada", f"{_CHATS}/new", {"chat": make_chat("Short", ("?", "!"))}, save={"short": "$.id"}),
    get("ada", f"{_CHATS}/${{short}}"),
    delete("ada", f"{_CHATS}/${{short}}/messages/u1"),
    post("ada", f"{_CHATS}/${{short}}/compact", {"model": "demo-small"}),
)
