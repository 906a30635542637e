"""Memories: stored, found by words, path and meaning, changed in batches, deleted, by every kind of user."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_M = "/api/v1/memories"
_DEFAULT = "/api/v1/users/default/permissions"
_ANY = {"query": "x"}
_NEAR = {
    "ignore": ("$.metadatas[0][*].order", "$.distances[0]"),
    "why": "Chroma gives metadata back in any order; distances differ in their last digits",
}


def _add_memory(who: str, content: str, save: str, **more):
    return post(who, f"{_M}/add", {"content": content, **more}, save={save: "$.id"}, pause=1.05)


def _request_everything(who: str):
    """Request every operation, by users who may perform none of them."""
    return flatten_steps(
        refused_steps(who, "GET", f"{_M}/"),
        refused_steps(who, "POST", f"{_M}/add", {"content": "x"}),
        refused_steps(who, "POST", f"{_M}/update", {"operations": []}),
        refused_steps(who, "POST", f"{_M}/query", {"content": "x"}),
        refused_steps(who, "POST", f"{_M}/search", _ANY),
        refused_steps(who, "POST", f"{_M}/paths", _ANY),
        refused_steps(who, "POST", f"{_M}/path", {"path": "x"}),
        refused_steps(who, "POST", f"{_M}/reset"),
        refused_steps(who, "DELETE", f"{_M}/delete/user"),
        refused_steps(who, "POST", f"{_M}/${{garden}}/update", {"content": "mine"}),
        refused_steps(who, "DELETE", f"{_M}/${{garden}}"),
    )


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "features": "$.features"}),
    # Without memories.
    get("bob", f"{_M}/"),
    post("bob", f"{_M}/query", {"content": "garden"}, **_NEAR),
    post("bob", f"{_M}/search", {}),
    post("bob", f"{_M}/paths", {}),
    post("bob", f"{_M}/path", {"path": "home"}),
    post("bob", f"{_M}/reset"),
    # Creation.
    _add_memory("bob", "  Bob has a garden.  ", "garden"),
    _add_memory("bob", "Bob speaks German.", "german", type="user", path="/about//me/"),
    _add_memory("bob", "Roses are watered on Monday.", "roses", path="home/garden"),
    _add_memory("bob", "The hedge is cut in June.", "hedge", path="home/garden/hedge", type="context"),
    _add_memory("bob", "The kitchen is blue.", "kitchen", path="home/kitchen"),
    _add_memory("ada", "Ada likes tea.", "tea", type="user"),
    post("bob", f"{_M}/add", {"content": "   "}),
    post("bob", f"{_M}/add", {"content": "x", "path": "a/../b"}),
    post("bob", f"{_M}/add", {"content": "x", "path": "a\nb"}),
    post("bob", f"{_M}/add", {"content": "x", "type": "robot"}),
    post("bob", f"{_M}/add", {}),
    get("bob", f"{_M}/"),
    # Search.
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
    # Changes.
    post("bob", f"{_M}/${{roses}}/update", {"content": " Roses are watered on Tuesday. "}, pause=1.05),
    post("bob", f"{_M}/${{roses}}/update", {"path": "home/roses"}),
    post("bob", f"{_M}/${{roses}}/update", {"path": "", "type": "user"}),
    post("bob", f"{_M}/${{roses}}/update", {}),
    post("bob", f"{_M}/${{roses}}/update", {"content": " "}),
    post("bob", f"{_M}/${{roses}}/update", {"path": "a/.."}),
    post("bob", f"{_M}/${{roses}}/update", {"type": "robot"}),
    post("bob", f"{_M}/${{tea}}/update", {"content": "mine"}),
    post("bob", f"{_M}/nothing/update", {"content": "mine"}),
    # Batches, and empty batches.
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
    # Vectors computed again.
    post("bob", f"{_M}/reset"),
    post("bob", f"{_M}/query", {"content": "Bob has a garden."}, **_NEAR),
    refused_steps("bob pending anonymous", "POST", f"{_M}/reindex"),
    post("ada", f"{_M}/reindex"),
    post("bob", f"{_M}/query", {"content": "Bob has a garden."}, **_NEAR),
    # Other users.
    _request_everything("pending anonymous"),
    get("cy", f"{_M}/"),
    delete("cy", f"{_M}/${{garden}}"),
    post("cy", f"{_M}/${{garden}}/update", {"content": "mine"}),
    post("ada", _DEFAULT, Merged("${permissions}", {"features": Merged("${features}", {"memories": False})})),
    _request_everything("cy"),
    get("ada", f"{_M}/"),
    post("ada", _DEFAULT, "${permissions}"),
    # Deletion.
    delete("bob", f"{_M}/nothing"),
    delete("bob", f"{_M}/${{garden}}"),
    delete("bob", f"{_M}/${{garden}}"),
    delete("bob", f"{_M}/delete/user"),
    get("bob", f"{_M}/"),
    post("bob", f"{_M}/query", {"content": "garden"}, **_NEAR),
    delete("bob", f"{_M}/delete/user"),
    get("ada", f"{_M}/"),
)
