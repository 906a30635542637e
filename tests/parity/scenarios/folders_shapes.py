"""Folders: requests without access, with wrong types, with missing files, without permission."""

from parity.chats import make_chat
from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_FOLDERS = "/api/v1/folders"
_ONE = "/api/v1/folders/${work}"
_PERMISSIONS = "/api/v1/users/default/permissions"
_ELSEWHERE = {"ignore": ("$",), "why": "asked elsewhere"}
_CY = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "write"}

_ALL: list[tuple[str, str, object]] = [
    ("GET", f"{_FOLDERS}/", None),
    ("POST", f"{_FOLDERS}/", {"name": "x"}),
    ("GET", f"{_FOLDERS}/shared", None),
    ("GET", _ONE, None),
    ("POST", f"{_ONE}/update", {"name": "x"}),
    ("POST", f"{_ONE}/update/parent", {"parent_id": None}),
    ("POST", f"{_ONE}/update/expanded", {"is_expanded": True}),
    ("POST", f"{_ONE}/access/update", {"access_grants": []}),
    ("GET", f"{_ONE}/shared/chats", None),
    ("POST", f"{_ONE}/read", None),
    ("DELETE", _ONE, None),
]

STEPS = flatten_steps(
    get("ada", _PERMISSIONS, save={"permissions": "$", "features": "$.features", "chat": "$.chat"}, **_ELSEWHERE),
    post("bob", f"{_FOLDERS}/", {"name": "Work"}, save={"work": "$.id"}),
    *[
        refused_steps("anonymous pending cy", method, path)
        if body is None
        else refused_steps("anonymous pending cy", method, path, body)
        for method, path, body in _ALL[3:]
    ],
    *[
        refused_steps("anonymous pending", method, path)
        if body is None
        else refused_steps("anonymous pending", method, path, body)
        for method, path, body in _ALL[:3]
    ],
    # Wrong types.
    post("bob", f"{_FOLDERS}/"),
    post("bob", f"{_FOLDERS}/", {"name": 1, "data": [], "meta": "x", "parent_id": 2}),
    post("bob", f"{_FOLDERS}/", {"name": "x", "colour": "red"}),
    post("bob", f"{_ONE}/update"),
    post("bob", f"{_ONE}/update", {"name": None, "data": None, "meta": None}),
    post("bob", f"{_ONE}/update", {"name": [], "data": [], "meta": "x"}),
    post("bob", f"{_ONE}/update/parent"),
    post("bob", f"{_ONE}/update/parent", {"parent_id": 1}),
    post("bob", f"{_ONE}/update/parent", {}),
    post("bob", f"{_ONE}/update/expanded"),
    post("bob", f"{_ONE}/update/expanded", {"is_expanded": "perhaps"}),
    post("bob", f"{_ONE}/access/update", {"access_grants": "x", "share_mode": "wait"}),
    get("bob", f"{_ONE}/shared/chats", query={"page": "one"}),
    get("bob", f"{_ONE}/shared/chats", query={"sort_by": "nonsense", "sort_dir": "sideways"}),
    delete("bob", _ONE, query={"delete_contents": "perhaps"}),
    # Missing files, and files of other users.
    post("bob", f"{_FOLDERS}/", {"name": "Filed", "data": {"files": [{"type": "file", "id": "none"}]}}),
    post("bob", f"{_FOLDERS}/", {"name": "Filed", "data": {"files": "x"}}),
    post("bob", f"{_FOLDERS}/", {"name": "Filed", "data": {"files": []}}, save={"filed": "$.id"}, pause=1.1),
    post("bob", f"{_FOLDERS}/${{filed}}/update", {"data": {"files": [{"type": "file", "id": "none"}]}}),
    post("bob", f"{_FOLDERS}/${{filed}}/update", {"data": None}),
    post("bob", f"{_FOLDERS}/${{filed}}/update", {"meta": None}),
    post("bob", f"{_FOLDERS}/${{filed}}/update", {"name": "WORK"}),
    post("bob", f"{_FOLDERS}/${{filed}}/update/parent", {"parent_id": "nowhere"}),
    get("bob", f"{_FOLDERS}/", unordered=("$",)),
    # The administrator in the folder of another user.
    get("ada", _ONE),
    post("ada", f"{_ONE}/update", {"name": "Ada's"}),
    post("ada", f"{_ONE}/update/expanded", {"is_expanded": True}),
    post("ada", f"{_ONE}/update/parent", {"parent_id": None}),
    post("ada", f"{_FOLDERS}/", {"name": "Under", "parent_id": "${work}"}, pause=1.1),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_CY], "share_mode": "continue"}),
    post("ada", f"{_ONE}/read", ignore=("$.folder_ids",), why="the order of a set of ids"),
    get("cy", f"{_FOLDERS}/shared", unordered=("$",)),
    post("cy", f"{_ONE}/update", {"data": {"share_mode": None}}),
    post("cy", f"{_ONE}/update", {"data": {"share_mode": "continue", "note": "x"}}),
    # Without the permission to delete chats, or to have folders.
    post(
        "bob",
        "/api/v1/chats/new",
        {"chat": make_chat("Plan", ("Plan?", "Plan.")), "folder_id": "${work}"},
        save={"plan": "$.id"},
    ),
    post("ada", _PERMISSIONS, Merged("${permissions}", {"chat": Merged("${chat}", {"delete": False})}), **_ELSEWHERE),
    delete("bob", _ONE),
    delete("bob", f"{_FOLDERS}/${{filed}}"),
    delete("bob", _ONE, query={"delete_contents": False}),
    get("bob", "/api/v1/chats/${plan}"),
    post(
        "ada",
        _PERMISSIONS,
        Merged("${permissions}", {"features": Merged("${features}", {"folders": False})}),
        **_ELSEWHERE,
    ),
    *[
        refused_steps("bob", method, path) if body is None else refused_steps("bob", method, path, body)
        for method, path, body in _ALL
    ],
    get("ada", f"{_FOLDERS}/"),
)
