"""Messages of channels: posted, answered, changed, pinned, reacted to and deleted, by users with and without access."""

from parity.channels import CHANNELS, IDS, LISTS, READ, WHY, WRITE, enable_channels
from parity.steps import Step, delete, flatten_steps, get, post

_PEOPLE = "ada bob cy pending anonymous"
_OPEN, _GROUP = f"{CHANNELS}/${{open}}/messages", f"{CHANNELS}/${{group}}/messages"


def _request_everything(root: str, message: str, people: str = _PEOPLE) -> list[Step]:
    """Return requests of every kind about a message that another user wrote."""
    path = f"{root}/{message}"
    return flatten_steps(
        *(
            flatten_steps(
                get(who, root),
                get(who, f"{root}/pinned"),
                get(who, path),
                get(who, f"{path}/data"),
                get(who, f"{path}/thread"),
                post(who, f"{path}/pin", {"is_pinned": True}),
                post(who, f"{path}/reactions/add", {"name": "smile"}),
                post(who, f"{path}/reactions/remove", {"name": "smile"}),
            )
            for who in people.split()
        )
    )


def _request_changes(root: str, message: str, people: str) -> list[Step]:
    path = f"{root}/{message}"
    return flatten_steps(
        *(
            flatten_steps(
                post(who, f"{path}/update", {"content": "Changed"}),
                delete(who, f"{path}/delete"),
                post(who, f"{root}/post", {"content": "May I?"}, save={f"by_{who}": "$.id"}),
            )
            for who in people.split()
        )
    )


STEPS = flatten_steps(
    enable_channels(),
    post(
        "ada",
        f"{CHANNELS}/create",
        {"name": "open", "access_grants": [READ, WRITE]},
        save={"open": "$.id"},
        unordered=LISTS,
    ),
    post("ada", f"{CHANNELS}/create", {"name": "news", "access_grants": [READ]}, save={"news": "$.id"}),
    post("bob", f"{CHANNELS}/create", {"name": "g", "type": "group", "user_ids": ["${cy.id}"]}, save={"group": "$.id"}),
    # Posting.
    post("bob", f"{_OPEN}/post", {}),
    post("bob", f"{_OPEN}/post", {"content": 1, "data": [], "meta": "x", "parent_id": 2, "temp_id": {}}),
    post("bob", f"{_OPEN}/post", {"content": "Plain"}, save={"plain": "$.id"}),
    post(
        "bob",
        f"{_OPEN}/post",
        {"content": "Rich", "temp_id": "t", "data": {"files": [], "n": 0}, "meta": {"model_id": "m"}},
        save={"rich": "$.id"},
    ),
    post(
        "cy",
        f"{_OPEN}/post",
        {"content": "Quote", "reply_to_id": "${rich}", "data": {"a": "b"}},
        save={"quote": "$.id"},
    ),
    post("cy", f"{_OPEN}/post", {"content": "First", "parent_id": "${plain}"}, save={"first": "$.id"}),
    post("bob", f"{_OPEN}/post", {"content": "Second", "parent_id": "${plain}", "reply_to_id": "${first}"}),
    post("bob", f"{_GROUP}/post", {"content": "Secret", "data": {"x": {}}}, save={"secret": "$.id"}),
    post("bob", f"{_OPEN}/post", {"content": "x", "parent_id": "${secret}"}),
    post("bob", f"{_OPEN}/post", {"content": "x", "reply_to_id": "nothing"}),
    post("ada", f"{CHANNELS}/${{news}}/messages/post", {"content": "News"}, save={"item": "$.id"}),
    post("ada", f"{CHANNELS}/nothing/messages/post", {"content": "x"}),
    # Reading.
    get("ada", _OPEN, query={"skip": 1, "limit": 1}),
    get("ada", _OPEN, query={"skip": 9}),
    get("ada", _OPEN, query={"limit": 0}),
    get("ada", _OPEN, query={"limit": "x"}),
    get("ada", f"{_OPEN}/${{plain}}/thread", query={"limit": 1}),
    get("ada", f"{_OPEN}/${{plain}}/thread", query={"skip": 1}),
    get("ada", f"{_OPEN}/${{plain}}/thread", query={"around": "${first}"}),
    get("ada", f"{_OPEN}/${{plain}}/thread", query={"before": "${first}"}),
    get("ada", f"{_OPEN}/${{plain}}/thread", query={"before": "${rich}"}),
    get("ada", f"{_OPEN}/${{plain}}/thread", query={"around": "nothing"}),
    get("ada", f"{_OPEN}/${{plain}}/thread", query={"skip": 0, "limit": 50, "around": ""}),
    # Everyone.
    _request_everything(_OPEN, "${quote}"),
    _request_everything(f"{CHANNELS}/${{news}}/messages", "${item}"),
    _request_everything(_GROUP, "${secret}"),
    _request_everything(_OPEN, "${secret}", "ada"),
    _request_everything(_OPEN, "nothing", "ada"),
    _request_changes(_OPEN, "${quote}", "bob pending anonymous"),
    _request_changes(f"{CHANNELS}/${{news}}/messages", "${item}", "bob cy"),
    _request_changes(_GROUP, "${secret}", "ada cy"),
    _request_changes(_OPEN, "${secret}", "ada"),
    _request_changes(_OPEN, "nothing", "ada"),
    # Reactions.
    post("bob", f"{_OPEN}/${{rich}}/reactions/add", {}),
    post("bob", f"{_OPEN}/${{rich}}/reactions/add", {"name": "heart"}),
    post("bob", f"{_OPEN}/${{rich}}/reactions/add", {"name": "heart"}),
    post("ada", f"{_OPEN}/${{rich}}/reactions/add", {"name": "heart"}),
    post("ada", f"{_OPEN}/${{rich}}/reactions/add", {"name": "smile"}),
    get("cy", f"{_OPEN}/${{rich}}"),
    get("cy", _OPEN),
    post("ada", f"{_OPEN}/${{rich}}/reactions/remove", {"name": "heart"}),
    post("ada", f"{_OPEN}/${{rich}}/reactions/remove", {"name": "never"}),
    # Pins.
    post("cy", f"{_OPEN}/${{rich}}/pin", {}),
    post("cy", f"{_OPEN}/${{rich}}/pin", {"is_pinned": True}),
    get("bob", f"{_OPEN}/pinned"),
    get("bob", f"{_OPEN}/pinned", query={"page": 2}),
    get("bob", f"{_OPEN}/pinned", query={"page": -1}),
    post("bob", f"{_OPEN}/${{rich}}/pin", {"is_pinned": False}),
    # Changes.
    post("bob", f"{_OPEN}/${{rich}}/update", {"content": "Richer", "data": {"b": 1}, "meta": {"c": 2}}),
    post("bob", f"{_OPEN}/${{rich}}/update", {"data": {}}),
    post("ada", f"{_OPEN}/${{plain}}/update", {"content": "Moderated"}),
    get("bob", f"{_OPEN}/${{rich}}/data"),
    get("bob", f"{_OPEN}/${{plain}}/data"),
    # Unread messages.
    get("bob", f"{CHANNELS}/${{group}}", unordered=LISTS, ignore=IDS, why=WHY),
    get("bob", f"{CHANNELS}/${{open}}", unordered=LISTS),
    # Deletion.
    delete("bob", f"{_OPEN}/${{rich}}/delete"),
    get("bob", f"{_OPEN}/${{quote}}"),
    delete("ada", f"{_OPEN}/${{plain}}/delete"),
    get("bob", f"{_OPEN}/${{first}}"),
    get("bob", _OPEN),
)
