"""Versions of prompts: stored, compared, restored, deleted."""

from parity.steps import delete, flatten_steps, get, post, refused_steps

_PROMPTS = "/api/v1/prompts"
_ONE = f"{_PROMPTS}/id/${{prompt}}"
_HISTORY = f"{_ONE}/history"
_FORM = {"command": "note", "name": "Note", "content": "One\nTwo\nThree", "tags": ["a"], "meta": {"description": "d"}}
#: The headers of a diff contain the first characters of ids.
_HEADS = {
    "ignore": ("$.content_diff[0]", "$.content_diff[1]"),
    "why": "the beginning of an id of this run, too short to be known as one",
}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}


def _request_versions(who: str):
    return flatten_steps(
        refused_steps(who, "GET", _HISTORY),
        refused_steps(who, "GET", f"{_HISTORY}/${{first}}"),
        refused_steps(who, "GET", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${second}"}),
        refused_steps(who, "POST", f"{_ONE}/update/version", {"version_id": "${first}"}),
        refused_steps(who, "DELETE", f"{_HISTORY}/${{first}}"),
    )


STEPS = flatten_steps(
    post("ada", f"{_PROMPTS}/create", _FORM, save={"prompt": "$.id", "first": "$.version_id"}),
    get("ada", _HISTORY),
    post("ada", f"{_ONE}/update", {**_FORM, "data": {"x": 1}}, pause=1.1),
    get("ada", _HISTORY),
    post(
        "ada",
        f"{_ONE}/update",
        {**_FORM, "name": "Notes", "content": "One\n2\nThree\nFour", "commit_message": "Count"},
        save={"second": "$.version_id"},
        pause=1.1,
    ),
    post(
        "ada",
        f"{_ONE}/update",
        {**_FORM, "name": "Draft", "content": "One\r\n2\r\nThree\r\nFour", "tags": ["b"], "is_production": False},
        pause=1.1,
    ),
    get("ada", _HISTORY, save={"third": "$[0].id"}),
    get("ada", _HISTORY, query={"page": 1}),
    get("ada", _HISTORY, query={"page": "x"}),
    get("ada", f"{_HISTORY}/${{second}}"),
    get("ada", f"{_HISTORY}/nothing"),
    get("ada", f"{_PROMPTS}/id/nothing/history"),
    get("ada", f"{_PROMPTS}/id/nothing/history/${{second}}"),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${second}"}, **_HEADS),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${second}", "to_id": "${third}"}),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${second}", "to_id": "${second}"}),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${second}", "to_id": "nothing"}),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${second}"}),
    get("ada", f"{_PROMPTS}/id/nothing/history/diff", query={"from_id": "a", "to_id": "b"}),
    _request_versions("bob pending anonymous"),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    get("cy", _HISTORY),
    get("cy", f"{_HISTORY}/${{first}}"),
    get("cy", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${second}"}, **_HEADS),
    refused_steps("cy", "POST", f"{_ONE}/update/version", {"version_id": "${first}"}),
    refused_steps("cy", "DELETE", f"{_HISTORY}/${{first}}"),
    # Versions of another prompt do not belong to this one.
    post("ada", f"{_PROMPTS}/create", {**_FORM, "command": "other"}, save={"other": "$.version_id"}),
    get("ada", f"{_HISTORY}/${{other}}"),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${other}"}),
    post("ada", f"{_ONE}/update/version", {"version_id": "${other}"}),
    delete("ada", f"{_HISTORY}/${{other}}"),
    # An old version is restored, then the new one.
    post("ada", f"{_ONE}/update/version", {"version_id": "${first}"}),
    post("ada", f"{_ONE}/update/version", {"version_id": "nothing"}),
    post("ada", f"{_ONE}/update/version", {}),
    post("ada", f"{_PROMPTS}/id/nothing/update/version", {"version_id": "${first}"}),
    get("ada", _ONE),
    delete("ada", f"{_HISTORY}/${{first}}"),
    delete("ada", f"{_HISTORY}/${{second}}"),
    delete("ada", f"{_HISTORY}/${{second}}"),
    delete("ada", f"{_HISTORY}/nothing"),
    delete("ada", f"{_PROMPTS}/id/nothing/history/${{first}}"),
    get("ada", _HISTORY),
    delete("ada", f"{_ONE}/delete"),
    get("ada", _HISTORY),
)
