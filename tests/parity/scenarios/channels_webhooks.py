"""Incoming webhooks of channels: managed by some users, and messages that are posted by their addresses."""

from parity.channels import CHANNELS, LISTS, READ, WRITE, enable_channels
from parity.steps import Step, delete, flatten_steps, get, post

_GROUP = f"{CHANNELS}/${{group}}"
_PICTURE = "data:image/png;base64,iVBORw0KGgo="
_TOKEN, _TOKENS, _WHY = ("$.token",), ("$[*].token",), "tokens are random"
_AUTHOR = "the reference names the creator of the webhook, or any webhook, in some of its responses"


def _request_everything(who: str) -> list[Step]:
    root = f"{_GROUP}/webhooks"
    return flatten_steps(
        get(who, root, ignore=_TOKENS, why=_WHY),
        post(who, f"{root}/create", {"name": "Theirs"}, ignore=_TOKEN, why=_WHY),
        post(who, f"{root}/${{webhook}}/update", {"name": "Deploy"}, ignore=_TOKEN, why=_WHY),
        get(who, f"{CHANNELS}/webhooks/${{webhook}}/profile/image"),
        get(who, f"{CHANNELS}/webhooks/${{bare}}/profile/image"),
        post(who, f"{root}/nothing/update", {"name": "x"}),
        delete(who, f"{root}/nothing/delete"),
    )


STEPS = flatten_steps(
    enable_channels(),
    post("bob", f"{CHANNELS}/create", {"name": "g", "type": "group", "user_ids": ["${cy.id}"]}, save={"group": "$.id"}),
    post(
        "ada",
        f"{CHANNELS}/create",
        {"name": "o", "access_grants": [READ, WRITE]},
        save={"open": "$.id"},
        unordered=LISTS,
    ),
    post("bob", f"{_GROUP}/webhooks/create", {}),
    post("bob", f"{_GROUP}/webhooks/create", {"name": 1}),
    post("bob", f"{_GROUP}/webhooks/create", {"name": "x", "profile_image_url": "javascript:alert(1)"}),
    post("bob", f"{_GROUP}/webhooks/create", {"name": "x", "profile_image_url": "data:text/html;base64,eA=="}),
    post(
        "bob",
        f"{_GROUP}/webhooks/create",
        {"name": "Build", "profile_image_url": _PICTURE},
        save={"webhook": "$.id", "token": "$.token"},
        ignore=_TOKEN,
        why=_WHY,
    ),
    post("bob", f"{_GROUP}/webhooks/create", {"name": "Bare"}, save={"bare": "$.id"}, ignore=_TOKEN, why=_WHY),
    *(_request_everything(who) for who in ("bob", "ada", "cy", "pending", "anonymous")),
    get("bob", f"{CHANNELS}/webhooks/nothing/profile/image"),
    post("bob", f"{CHANNELS}/${{open}}/webhooks/${{webhook}}/update", {"name": "x"}),
    post("ada", f"{CHANNELS}/${{open}}/webhooks/${{webhook}}/update", {"name": "x"}),
    get("ada", f"{CHANNELS}/nothing/webhooks"),
    # Posting.
    post(
        "anonymous",
        f"{CHANNELS}/webhooks/${{webhook}}/${{token}}",
        {"content": "Built"},
        save={"message": "$.message_id"},
    ),
    post("anonymous", f"{CHANNELS}/webhooks/${{webhook}}/${{token}}", {}),
    post("anonymous", f"{CHANNELS}/webhooks/${{webhook}}/${{token}}", {"content": 5}),
    post("anonymous", f"{CHANNELS}/webhooks/${{webhook}}/wrong", {"content": "x"}),
    post("anonymous", f"{CHANNELS}/webhooks/nothing/${{token}}", {"content": "x"}),
    get("cy", f"{_GROUP}/messages"),
    get("cy", f"{_GROUP}/messages/${{message}}", ignore=("$.user",), why=_AUTHOR),
    post("cy", f"{_GROUP}/messages/${{message}}/pin", {"is_pinned": True}, ignore=("$.user",), why=_AUTHOR),
    get("cy", f"{_GROUP}/messages/pinned", ignore=("$[*].user",), why=_AUTHOR),
    post("cy", f"{_GROUP}/messages/post", {"content": "Thanks", "reply_to_id": "${message}"}),
    get("cy", f"{_GROUP}/messages"),
    get("bob", f"{_GROUP}/webhooks", ignore=_TOKENS, why=_WHY),
    delete("bob", f"{_GROUP}/webhooks/${{webhook}}/delete"),
    delete("bob", f"{_GROUP}/webhooks/${{webhook}}/delete"),
    get("cy", f"{_GROUP}/messages"),
    post("anonymous", f"{CHANNELS}/webhooks/${{webhook}}/${{token}}", {"content": "x"}),
)
