"""Feedback on answers: created, changed, listed, exported, deleted; the leaderboard computed from it."""

from typing import Any

from parity.steps import Step, delete, flatten_steps, get, post, refused_steps

_EVALUATIONS = "/api/v1/evaluations"
_FEEDBACK = f"{_EVALUATIONS}/feedback"
_LIST = f"{_EVALUATIONS}/feedbacks/list"


def _create_feedback(
    who: str, model: str, rating: Any, others: list[str] | None = None, tags: Any = None, **more: Any
) -> Step:
    data = {"rating": rating, "model_id": model, "sibling_model_ids": others, "reason": "accurate_information"}
    if tags is not None:
        data["tags"] = tags
    meta = {"arena": False, "chat_id": f"chat-{model}", "message_id": "a1", "message_index": 1}
    body = {"type": "rating", "data": data, "meta": meta, "snapshot": {"chat": {"title": f"On {model}"}}}
    return post(who, _FEEDBACK, body, pause=1.1, **more)


STEPS = flatten_steps(
    get("ada", _LIST),
    get("bob", f"{_EVALUATIONS}/feedbacks/user"),
    get("ada", f"{_EVALUATIONS}/leaderboard"),
    get("ada", f"{_EVALUATIONS}/feedbacks/models"),
    get("ada", f"{_EVALUATIONS}/feedbacks/all/ids"),
    get("ada", f"{_EVALUATIONS}/feedbacks/all/export"),
    delete("ada", f"{_EVALUATIONS}/feedbacks/all"),
    delete("bob", f"{_EVALUATIONS}/feedbacks"),
    _create_feedback("bob", "large", 1, ["small", "tiny"], ["cooking", "bread"], save={"first": "$.id"}),
    _create_feedback("cy", "small", -1, ["large"], ["cooking"], save={"second": "$.id"}),
    _create_feedback("bob", "tiny", "1", ["large"], [], save={"third": "$.id"}),
    _create_feedback("ada", "small", 1, None),
    _create_feedback("ada", "large", 10, ["small"]),
    post("bob", _FEEDBACK, {"type": "note", "id": "mine", "user_id": "me", "version": 7}, pause=1.1),
    post("bob", _FEEDBACK, {"type": "rating", "data": {"comment": "so", "more": [1]}, "snapshot": {"extra": 1}}),
    # Invalid feedback.
    post("bob", _FEEDBACK, {}),
    post("bob", _FEEDBACK, {"type": 1, "data": {"rating": [], "model_id": 1, "sibling_model_ids": [1]}, "meta": "x"}),
    post("bob", _FEEDBACK, {"type": "rating", "data": [], "snapshot": {"chat": 1}}),
    post("bob", _FEEDBACK, []),
    post("bob", _FEEDBACK, raw=b"{"),
    post("bob", _FEEDBACK),
    refused_steps("anonymous pending", "POST", _FEEDBACK, {"type": "rating"}),
    # A single feedback.
    get("bob", f"{_FEEDBACK}/${{first}}"),
    get("ada", f"{_FEEDBACK}/${{first}}"),
    get("cy", f"{_FEEDBACK}/${{first}}"),
    get("bob", f"{_FEEDBACK}/nothing"),
    refused_steps("anonymous pending", "GET", f"{_FEEDBACK}/${{first}}"),
    post("cy", f"{_FEEDBACK}/${{first}}", {"type": "rating", "data": {"rating": -1}}),
    post("bob", f"{_FEEDBACK}/nothing", {"type": "rating"}),
    post("bob", f"{_FEEDBACK}/${{first}}", {"type": "other"}, pause=1.1),
    post("bob", f"{_FEEDBACK}/${{first}}", {"type": "rating", "meta": {}, "snapshot": {}}, pause=1.1),
    post(
        "ada",
        f"{_FEEDBACK}/${{third}}",
        {"type": "rating", "data": {"rating": 1, "model_id": "tiny", "sibling_model_ids": ["large", "small"]}},
        pause=1.1,
    ),
    post("bob", f"{_FEEDBACK}/${{first}}", {"data": {"rating": 1}}),
    refused_steps("anonymous pending", "POST", f"{_FEEDBACK}/${{first}}", {"type": "rating"}),
    # Lists.
    get("ada", _LIST),
    get("ada", _LIST, query={"page": 2}),
    get("ada", _LIST, query={"page": 0}),
    get("ada", _LIST, query={"page": "x"}),
    get("ada", _LIST, query={"order_by": "updated_at", "direction": "asc"}),
    get("ada", _LIST, query={"order_by": "updated_at"}),
    get("ada", _LIST, query={"order_by": "model_id", "direction": "asc", "model_id": "large"}),
    get("ada", _LIST, query={"order_by": "username", "direction": "asc", "model_id": "small"}),
    get("ada", _LIST, query={"order_by": "rating", "direction": "desc", "model_id": "large"}),
    get("ada", _LIST, query={"model_id": "unheard"}),
    get("ada", _LIST, query={"order_by": "nonsense"}, unordered=("$.items",)),
    get("bob", f"{_EVALUATIONS}/feedbacks/user"),
    get("bob", f"{_EVALUATIONS}/feedbacks/user", query={"page": 2}),
    get("ada", f"{_EVALUATIONS}/feedbacks/models"),
    get("ada", f"{_EVALUATIONS}/feedbacks/all/ids", unordered=("$",)),
    get("ada", f"{_EVALUATIONS}/feedbacks/all/export", query={"model_id": "large"}),
    get("ada", f"{_EVALUATIONS}/feedbacks/all/export", unordered=("$",)),
    # The leaderboard. It does not weigh topics, as no embedding model exists.
    get("ada", f"{_EVALUATIONS}/leaderboard"),
    get("ada", f"{_EVALUATIONS}/leaderboard", query={"query": "cooking"}),
    get("ada", f"{_EVALUATIONS}/leaderboard", query={"query": " "}),
    get(
        "ada", f"{_EVALUATIONS}/leaderboard/large/history", query={"days": 1}, ignore=("$.history[*].date",), why="now"
    ),
    get(
        "ada", f"{_EVALUATIONS}/leaderboard/large/history", query={"days": 0}, ignore=("$.history[*].date",), why="now"
    ),
    get("ada", f"{_EVALUATIONS}/leaderboard/a/b/history", query={"days": 0}),
    get("ada", f"{_EVALUATIONS}/leaderboard/small/history", ignore=("$.history[*].date",), why="now"),
    get("ada", f"{_EVALUATIONS}/leaderboard/small/history", query={"days": "x"}),
    get("ada", f"{_EVALUATIONS}/leaderboard/small/history", query={"days": -3}),
    *[
        step
        for path in ("leaderboard", "leaderboard/large/history", "feedbacks/models", "feedbacks/all/ids")
        for step in refused_steps("anonymous pending bob", "GET", f"{_EVALUATIONS}/{path}")
    ],
    refused_steps("anonymous pending bob", "GET", f"{_EVALUATIONS}/feedbacks/all/export"),
    refused_steps("anonymous pending bob", "GET", _LIST),
    refused_steps("anonymous pending", "GET", f"{_EVALUATIONS}/feedbacks/user"),
    refused_steps("anonymous pending bob", "DELETE", f"{_EVALUATIONS}/feedbacks/all"),
    refused_steps("anonymous pending", "DELETE", f"{_EVALUATIONS}/feedbacks"),
    # Deletion.
    refused_steps("anonymous pending cy", "DELETE", f"{_FEEDBACK}/${{first}}"),
    delete("bob", f"{_FEEDBACK}/${{first}}"),
    delete("bob", f"{_FEEDBACK}/${{first}}"),
    delete("ada", f"{_FEEDBACK}/${{second}}"),
    delete("bob", f"{_EVALUATIONS}/feedbacks"),
    get("ada", _LIST),
    delete("ada", f"{_EVALUATIONS}/feedbacks/all"),
    get("ada", _LIST),
)
