"""Versions of prompts: kept, compared, put into use, forgotten."""

from parity.steps import delete, flat, get, post, refused

_PROMPTS = "/api/v1/prompts"
_ONE = f"{_PROMPTS}/id/${{prompt}}"
_HISTORY = f"{_ONE}/history"
_FORM = {"command": "note", "name": "Note", "content": "One\nTwo\nThree", "tags": ["a"], "meta": {"description": "d"}}
#: The heads of a diff hold the first characters of ids.
_HEADS = {
    "ignore": ("$.content_diff[0]", "$.content_diff[1]"),
    "why": "the beginning of an id of this run, too short to be known as one",
}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}


def _refused(who: str):
    return flat(
        refused(who, "GET", _HISTORY),
        refused(who, "GET", f"{_HISTORY}/${{first}}"),
        refused(who, "GET", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${second}"}),
        refused(who, "POST", f"{_ONE}/update/version", {"version_id": "${first}"}),
        refused(who, "DELETE", f"{_HISTORY}/${{first}}"),
    )


STEPS = flat(
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
    _refused("bob pending anonymous"),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    get("cy", _HISTORY),
    get("cy", f"{_HISTORY}/${{first}}"),
    get("cy", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${second}"}, **_HEADS),
    refused("cy", "POST", f"{_ONE}/update/version", {"version_id": "${first}"}),
    refused("cy", "DELETE", f"{_HISTORY}/${{first}}"),
    # Another prompt's versions are none of this one's.
    post("ada", f"{_PROMPTS}/create", {**_FORM, "command": "other"}, save={"other": "$.version_id"}),
    get("ada", f"{_HISTORY}/${{other}}"),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${other}"}),
    post("ada", f"{_ONE}/update/version", {"version_id": "${other}"}),
    delete("ada", f"{_HISTORY}/${{other}}"),
    # Back, and forth.
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
