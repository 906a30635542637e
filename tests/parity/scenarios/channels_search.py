"""Messages of channels in the workspace search: words, places, authors, by users with and without access."""

from parity.channels import CHANNELS, READ, WRITE, enable_channels
from parity.steps import Step, flatten_steps, get, post

_SEARCH = "/api/v1/search"


def _post(who: str, channel: str, content: str, **form: str) -> Step:
    """Post a message in a second of its own: results of one second have no order."""
    path = f"{CHANNELS}/${{{channel}}}/messages/post"
    return post(who, path, {"content": content, **form}, save={"message": "$.id"}, pause=1.1)


def _search(who: str, text: str, **query: object) -> Step:
    return get(who, _SEARCH, query={"q": text, **query})


STEPS = flatten_steps(
    _search("bob", "heron"),
    enable_channels(),
    post("ada", f"{CHANNELS}/create", {"name": "Open", "access_grants": [READ, WRITE]}, save={"open": "$.id"}),
    post("bob", f"{CHANNELS}/create", {"name": "B", "type": "group", "user_ids": ["${cy.id}"]}, save={"group": "$.id"}),
    get("bob", f"{CHANNELS}/users/${{cy.id}}", save={"direct": "$.id"}),
    _post("ada", "open", "A grey Heron by the lake"),
    _post("bob", "open", "Not a heron, a stork", parent_id="${message}"),
    _post("bob", "group", "Secret heron, 100% sure"),
    _post("cy", "direct", "The snake_case heron " + "x " * 200),
    post("bob", "/api/v1/folders/", {"name": "Herons"}, save={"folder": "$.id"}),
    *(_search(who, "heron") for who in ("ada", "bob", "cy")),
    *(_search("bob", text) for text in ("HERON lake", "100%", "_case", "stork", "h_ron", "", "nothing")),
    *(_search("bob", "heron", kind=kind) for kind in ("message", "chat", "note")),
    *(_search("bob", "heron", sharing=sharing) for sharing in ("mine", "shared")),
    *(_search("bob", "heron", scope=f"channel:${{{name}}}") for name in ("open", "group", "direct")),
    _search("bob", "heron", scope="folder:${folder}"),
    _search("ada", "heron", scope="channel:${direct}"),
    _search("bob", "heron", scope="channel:nothing"),
    _search("bob", "heron", page=2),
)
