"""Versions and valves of tools."""

from parity.plugins import SIMPLE, TOOL
from parity.steps import delete, flatten_steps, get, post, refused_steps

_TOOLS = "/api/v1/tools"
_ONE = f"{_TOOLS}/id/weather"
_HISTORY = f"{_ONE}/history"
_FORM = {"id": "weather", "name": "Weather", "content": TOOL, "meta": {"description": "Weather"}}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}


def _request_versions(who: str):
    return flatten_steps(
        refused_steps(who, "GET", _HISTORY),
        refused_steps(who, "GET", f"{_HISTORY}/${{first}}"),
        refused_steps(who, "GET", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${second}"}),
        refused_steps(who, "POST", f"{_ONE}/update/version", {"version_id": "${first}"}),
        refused_steps(who, "DELETE", f"{_HISTORY}/${{first}}"),
    )


def _request_valves(who: str):
    return flatten_steps(
        refused_steps(who, "GET", f"{_ONE}/valves"),
        refused_steps(who, "GET", f"{_ONE}/valves/spec"),
        refused_steps(who, "POST", f"{_ONE}/valves/update", {"days": 5}),
    )


def _request_user_valves(who: str):
    return flatten_steps(
        refused_steps(who, "GET", f"{_ONE}/valves/user"),
        refused_steps(who, "GET", f"{_ONE}/valves/user/spec"),
        refused_steps(who, "POST", f"{_ONE}/valves/user/update", {"unit": "F"}),
    )


STEPS = flatten_steps(
    post("ada", f"{_TOOLS}/create", {**_FORM, "commit_message": "Begin"}, save={"first": "$.version_id"}),
    get("ada", _HISTORY),
    post("ada", f"{_ONE}/update", {**_FORM, "meta": {"description": "Weather", "manifest": {"a": "b"}}}, pause=1.1),
    post(
        "ada",
        f"{_ONE}/update",
        {**_FORM, "content": SIMPLE, "name": "Hello", "commit_message": "Less"},
        save={"second": "$.version_id"},
        pause=1.1,
    ),
    get("ada", _HISTORY),
    get("ada", _HISTORY, query={"page": 2}),
    get("ada", _HISTORY, query={"page": 0}),
    get("ada", f"{_TOOLS}/id/nothing/history"),
    get("ada", f"{_HISTORY}/${{first}}"),
    get("ada", f"{_HISTORY}/nothing"),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${second}"}),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${first}"}),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "nothing"}),
    get("ada", f"{_HISTORY}/diff"),
    _request_versions("bob pending anonymous"),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    _request_versions("cy"),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ, _WRITE]}, unordered=("$.access_grants",)),
    get("cy", _HISTORY),
    refused_steps("cy", "POST", f"{_ONE}/update/version", {"version_id": "${first}"}),
    post(
        "ada",
        f"{_ONE}/update/version",
        {"version_id": "${first}"},
        pause=1.1,
        unordered=("$.access_grants",),
    ),
    post("ada", f"{_ONE}/update/version", {"version_id": "nothing"}),
    post("ada", f"{_ONE}/update/version", {}),
    delete("ada", f"{_HISTORY}/${{first}}"),
    delete("ada", f"{_HISTORY}/${{second}}"),
    delete("ada", f"{_HISTORY}/${{second}}"),
    get("ada", _HISTORY),
    post("ada", f"{_ONE}/access/update", {"access_grants": []}),
    # Valves.
    _request_valves("bob pending anonymous"),
    _request_user_valves("bob pending anonymous"),
    get("ada", f"{_ONE}/valves"),
    get("ada", f"{_ONE}/valves/spec"),
    post("ada", f"{_ONE}/valves/update", {"days": "5", "api_key": None, "unknown": 1}),
    post("ada", f"{_ONE}/valves/update", {"days": 100}),
    post("ada", f"{_ONE}/valves/update", []),
    get("ada", f"{_ONE}/valves"),
    get("ada", f"{_ONE}/valves/user"),
    get("ada", f"{_ONE}/valves/user/spec"),
    post("ada", f"{_ONE}/valves/user/update", {"unit": "F", "city": None}),
    post("ada", f"{_ONE}/valves/user/update", {"unit": "K"}),
    get("ada", f"{_ONE}/valves/user"),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    _request_valves("cy"),
    get("cy", f"{_ONE}/valves/user"),
    get("cy", f"{_ONE}/valves/user/spec"),
    post("cy", f"{_ONE}/valves/user/update", {"city": "Rome"}),
    get("cy", f"{_ONE}/valves/user"),
    # Code that does not accept the existing valves.
    post("ada", f"{_ONE}/update", {**_FORM, "content": TOOL.replace("le=14", "le=4")}),
    post("ada", f"{_TOOLS}/create", {**_FORM, "id": "hello", "content": SIMPLE}),
    get("ada", f"{_TOOLS}/id/hello/valves"),
    get("ada", f"{_TOOLS}/id/hello/valves/spec"),
    post("ada", f"{_TOOLS}/id/hello/valves/update", {}),
    get("ada", f"{_TOOLS}/id/hello/valves/user"),
    get("ada", f"{_TOOLS}/id/hello/valves/user/spec"),
    post("ada", f"{_TOOLS}/id/hello/valves/user/update", {}),
    get("ada", f"{_TOOLS}/id/nothing/valves"),
    get("ada", f"{_TOOLS}/id/nothing/valves/spec"),
    post("ada", f"{_TOOLS}/id/nothing/valves/update", {}),
    get("ada", f"{_TOOLS}/id/nothing/valves/user"),
    get("ada", f"{_TOOLS}/id/nothing/valves/user/spec"),
    post("ada", f"{_TOOLS}/id/nothing/valves/user/update", {}),
    delete("ada", f"{_ONE}/delete"),
    get("ada", _HISTORY),
)
