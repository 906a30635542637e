"""Memories: kept, found by words, place and meaning, changed several at once, forgotten; by everybody."""

from parity.steps import Merged, delete, flat, get, post, refused

_M = "/api/v1/memories"
_DEFAULT = "/api/v1/users/default/permissions"
_ANY = {"query": "x"}
_NEAR = {
    "ignore": ("$.metadatas[0][*].order", "$.distances[0]"),
    "why": "Chroma gives metadata back in any order; distances differ in their last digits",
}


def _add(who: str, content: str, save: str, **more):
    return post(who, f"{_M}/add", {"content": content, **more}, save={save: "$.id"}, pause=1.05)


def _every(who: str):
    """Each operation, by somebody who may use none of them."""
    return flat(
        refused(who, "GET", f"{_M}/"),
        refused(who, "POST", f"{_M}/add", {"content": "x"}),
        refused(who, "POST", f"{_M}/update", {"operations": []}),
        refused(who, "POST", f"{_M}/query", {"content": "x"}),
        refused(who, "POST", f"{_M}/search", _ANY),
        refused(who, "POST", f"{_M}/paths", _ANY),
        refused(who, "POST", f"{_M}/path", {"path": "x"}),
        refused(who, "POST", f"{_M}/reset"),
        refused(who, "DELETE", f"{_M}/delete/user"),
        refused(who, "POST", f"{_M}/${{garden}}/update", {"content": "mine"}),
        refused(who, "DELETE", f"{_M}/${{garden}}"),
    )


STEPS = flat(
    get("ada", _DEFAULT, save={"permissions": "$", "features": "$.features"}),
    # Nothing yet.
    get("bob", f"{_M}/"),
    post("bob", f"{_M}/query", {"content": "garden"}, **_NEAR),
    post("bob", f"{_M}/search", {}),
    post("bob", f"{_M}/paths", {}),
    post("bob", f"{_M}/path", {"path": "home"}),
    post("bob", f"{_M}/reset"),
    # Kept.
    _add("bob", "  Bob has a garden.  ", "garden"),
    _add("bob", "Bob speaks German.", "german", type="user", path="/about//me/"),
    _add("bob", "Roses are watered on Monday.", "roses", path="home/garden"),
    _add("bob", "The hedge is cut in June.", "hedge", path="home/garden/hedge", type="context"),
    _add("bob", "The kitchen is blue.", "kitchen", path="home/kitchen"),
    _add("ada", "Ada likes tea.", "tea", type="user"),
    post("bob", f"{_M}/add", {"content": "   "}),
    post("bob", f"{_M}/add", {"content": "x", "path": "a/../b"}),
    post("bob", f"{_M}/add", {"content": "x", "path": "a\nb"}),
    post("bob", f"{_M}/add", {"content": "x", "type": "robot"}),
    post("bob", f"{_M}/add", {}),
    get("bob", f"{_M}/"),
    # Found.
    post("bob", f"{_M}/search", {}),
    post("bob", f"{_M}/search", {"query": " GARDEN "}),
    post("bob", f"{_M}/search", {"path": "home/garden"}),
    post("bob", f"{_M}/search", {"path": "garden", "type": "context", "limit": 2}),
    post("bob", f"{_M}/search", {"path": "elsewhere/german"}),
    post("bob", f"{_M}/search", {"memory_id": "${roses}"}),
    post("bob", f"{_M}/search", {"memory_id": "${tea}"}),
    post("bob", f"{_M}/search", {"type": "user", "limit": 0}),
    post("bob", f"{_M}/search", {"path": "../x"}),
    post("bob", f"{_M}/search", {"limit": "many"}),
    post("bob", f"{_M}/paths", {}),
    post("bob", f"{_M}/paths", {"query": "home", "type": "context", "limit": 2}),
    post("bob", f"{_M}/paths", {"type": "none"}),
    post("bob", f"{_M}/path", {"path": "home"}),
    post("bob", f"{_M}/path", {"path": "/home/garden/", "include_children": False}),
    post("bob", f"{_M}/path", {"path": "home/garden/hedge", "limit": 1}),
    post("bob", f"{_M}/path", {"path": "home/garden", "type": "user"}),
    post("bob", f"{_M}/path", {"path": " / "}),
    post("bob", f"{_M}/path", {"path": "a/./b"}),
    post("bob", f"{_M}/path", {}),
    post("bob", f"{_M}/query", {"content": "home/garden\nRoses are watered on Monday."}, **_NEAR),
    post("bob", f"{_M}/query", {"content": "Bob has a garden.", "k": 2}, **_NEAR),
    post("bob", f"{_M}/query", {"content": "Bob has a garden.", "k": 0}, **_NEAR),
    post("bob", f"{_M}/query", {"k": 2}),
    # Changed.
    post("bob", f"{_M}/${{roses}}/update", {"content": " Roses are watered on Tuesday. "}, pause=1.05),
    post("bob", f"{_M}/${{roses}}/update", {"path": "home/roses"}),
    post("bob", f"{_M}/${{roses}}/update", {"path": "", "type": "user"}),
    post("bob", f"{_M}/${{roses}}/update", {}),
    post("bob", f"{_M}/${{roses}}/update", {"content": " "}),
    post("bob", f"{_M}/${{roses}}/update", {"path": "a/.."}),
    post("bob", f"{_M}/${{roses}}/update", {"type": "robot"}),
    post("bob", f"{_M}/${{tea}}/update", {"content": "mine"}),
    post("bob", f"{_M}/nothing/update", {"content": "mine"}),
    # Several at once, or none.
    post("bob", f"{_M}/update", {"operations": []}),
    post("bob", f"{_M}/update", {"operations": [{"action": "add"}]}),
    post("bob", f"{_M}/update", {"operations": [{"action": "replace", "content": "x"}]}),
    post("bob", f"{_M}/update", {"operations": [{"action": "move", "path": "x"}]}),
    post("bob", f"{_M}/update", {"operations": [{"action": "remove"}]}),
    post("bob", f"{_M}/update", {"operations": [{"action": "burn"}], "source": "me"}),
    post("bob", f"{_M}/update", {}),
    post(
        "bob",
        f"{_M}/update",
        {"operations": [{"action": "add", "content": "lost"}, {"action": "remove", "id": "${tea}"}]},
    ),
    post(
        "bob",
        f"{_M}/update",
        {
            "operations": [
                {"action": "add", "content": "The cat is grey.", "path": "home/cat"},
                {"action": "add", "content": "Bob has a garden."},
                {"action": "replace", "id": "${hedge}", "content": "The hedge is cut in May.", "type": "user"},
                {"action": "move", "id": "${kitchen}", "path": "house//kitchen"},
                {"action": "remove", "id": "${roses}"},
            ],
            "source": "background_review",
        },
        pause=1.05,
    ),
    get("bob", f"{_M}/"),
    post("bob", f"{_M}/query", {"content": "house/kitchen\nThe kitchen is blue."}, **_NEAR),
    # Made anew.
    post("bob", f"{_M}/reset"),
    post("bob", f"{_M}/query", {"content": "Bob has a garden."}, **_NEAR),
    refused("bob pending anonymous", "POST", f"{_M}/reindex"),
    post("ada", f"{_M}/reindex"),
    post("bob", f"{_M}/query", {"content": "Bob has a garden."}, **_NEAR),
    # By others.
    _every("pending anonymous"),
    get("cy", f"{_M}/"),
    delete("cy", f"{_M}/${{garden}}"),
    post("cy", f"{_M}/${{garden}}/update", {"content": "mine"}),
    post("ada", _DEFAULT, Merged("${permissions}", {"features": Merged("${features}", {"memories": False})})),
    _every("cy"),
    get("ada", f"{_M}/"),
    post("ada", _DEFAULT, "${permissions}"),
    # Forgotten.
    delete("bob", f"{_M}/nothing"),
    delete("bob", f"{_M}/${{garden}}"),
    delete("bob", f"{_M}/${{garden}}"),
    delete("bob", f"{_M}/delete/user"),
    get("bob", f"{_M}/"),
    post("bob", f"{_M}/query", {"content": "garden"}, **_NEAR),
    delete("bob", f"{_M}/delete/user"),
    get("ada", f"{_M}/"),
)
