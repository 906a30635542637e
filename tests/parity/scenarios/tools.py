"""Tools as records: created, read, changed, shared, exported, deleted, by users with and without access."""

from parity.plugins import BROKEN, NO_CLASS, RAISES, SIMPLE, TOOL
from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_TOOLS = "/api/v1/tools"
_ONE = f"{_TOOLS}/id/weather"
_DEFAULT = "/api/v1/users/default/permissions"
_META = {"description": "Weather of today", "manifest": {"old": True}, "extra": 1}
_FORM = {"id": "Weather", "name": "Weather", "content": TOOL, "meta": _META}
_HELLO = {"id": "hello", "name": "Hello", "content": SIMPLE, "meta": {}}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "read"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_DETAIL = {"ignore": ("$.detail",), "why": "the Python of the process words it"}


def _set_workspace_permissions(**workspace: bool):
    return post("ada", _DEFAULT, Merged("${permissions}", {"workspace": Merged("${workspace}", workspace)}))


def _request_writes(who: str):
    """Request every operation that needs write access, by users without it."""
    return flatten_steps(
        refused_steps(who, "POST", f"{_ONE}/update", {**_FORM, "name": "Mine"}),
        refused_steps(who, "POST", f"{_ONE}/access/update", {"access_grants": []}),
        refused_steps(who, "DELETE", f"{_ONE}/delete"),
    )


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    refused_steps("anonymous pending bob", "POST", f"{_TOOLS}/create", _FORM),
    post("ada", f"{_TOOLS}/create", {"id": "half"}),
    post("ada", f"{_TOOLS}/create", {**_FORM, "meta": {"description": 1, "i18n": {"de": "x"}}}),
    post("ada", f"{_TOOLS}/create", {**_FORM, "id": "not-a-name"}),
    post("ada", f"{_TOOLS}/create", {**_FORM, "content": BROKEN}),
    post("ada", f"{_TOOLS}/create", {**_FORM, "content": NO_CLASS}),
    post("ada", f"{_TOOLS}/create", {**_FORM, "content": RAISES}),
    post("ada", f"{_TOOLS}/create", {**_FORM, "content": ""}),
    _set_workspace_permissions(tools_import=True),
    post("bob", f"{_TOOLS}/create", _HELLO),
    delete("bob", f"{_TOOLS}/id/hello/delete"),
    _set_workspace_permissions(tools=True),
    post("bob", f"{_TOOLS}/create", {**_FORM, "access_grants": [_READ, _PUBLIC]}),
    post("ada", f"{_TOOLS}/create", _FORM),
    get("bob", _ONE),
    get("ada", _ONE),
    get("ada", f"{_TOOLS}/id/nothing"),
    get("bob", f"{_TOOLS}/"),
    get("bob", f"{_TOOLS}/list"),
    refused_steps("cy pending anonymous", "GET", _ONE),
    _request_writes("cy pending anonymous"),
    # Sharing.
    post("bob", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("ada", f"{_ONE}/access/update", {}),
    get("cy", _ONE),
    get("cy", f"{_TOOLS}/"),
    get("cy", f"{_TOOLS}/list"),
    _request_writes("cy"),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_WRITE]}),
    get("cy", _ONE),
    post("cy", f"{_ONE}/update", {**_FORM, "name": "Cy's weather"}, pause=1.1),
    _set_workspace_permissions(tools=False),
    post("cy", f"{_ONE}/update", {**_FORM, "name": "Weather, by Cy"}, pause=1.1),
    refused_steps("cy", "POST", f"{_ONE}/update", {**_FORM, "content": SIMPLE}),
    refused_steps("cy bob", "POST", f"{_TOOLS}/create", {**_HELLO, "id": "no"}),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_GROUP]}),
    get("cy", _ONE),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    get("cy", _ONE),
    _request_writes("cy"),
    # Changes.
    post("ada", f"{_ONE}/update", {**_FORM, "content": BROKEN}, **_DETAIL),
    post("ada", f"{_ONE}/update", {**_FORM, "content": NO_CLASS}),
    post("ada", f"{_ONE}/update", {**_FORM, "content": RAISES}),
    post("ada", f"{_ONE}/update", {**_FORM, "content": TOOL + "\nfrom utils import nothing_here\n"}, **_DETAIL),
    post("ada", f"{_ONE}/update", {**_HELLO, "meta": {"description": "Says hello", "i18n": {}}}, pause=1.1),
    post("ada", f"{_ONE}/update", {}),
    post("ada", f"{_TOOLS}/id/nothing/update", _HELLO),
    post("ada", f"{_TOOLS}/id/nothing/access/update", {"access_grants": []}),
    delete("ada", f"{_TOOLS}/id/nothing/delete"),
    # Export and import.
    refused_steps("anonymous pending bob", "GET", f"{_TOOLS}/export"),
    post("ada", f"{_TOOLS}/create", _HELLO, pause=1.1),
    get("ada", f"{_TOOLS}/export"),
    _set_workspace_permissions(tools_export=True),
    get("bob", f"{_TOOLS}/export"),
    get("cy", f"{_TOOLS}/export"),
    refused_steps("anonymous pending bob", "POST", f"{_TOOLS}/load/url", {"url": "${upstream}/v1/models"}),
    post("ada", f"{_TOOLS}/load/url", {"url": "${upstream}/nothing.py"}),
    post("ada", f"{_TOOLS}/load/url", {"url": "http://127.0.0.1:1/x.py"}),
    post("ada", f"{_TOOLS}/load/url", {"url": "no address"}),
    post("ada", f"{_TOOLS}/load/url", {"url": ""}),
    post("ada", f"{_TOOLS}/load/url", {"url": "ftp://example.com/x.py"}),
    post("ada", f"{_TOOLS}/load/url", {}),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    get("ada", f"{_TOOLS}/list"),
)
