"""Chats in the form in which the page writes them, with fixed ids and times."""

from __future__ import annotations

from typing import Any

MODEL = "demo-small"
START = 1_700_000_000


def make_chat(
    title: str, *exchanges: tuple[str, str], model: str = MODEL, start: int = START, **more: Any
) -> dict[str, Any]:
    """Return a chat of questions and answers with the ids u1, a1, u2, a2, …, ten seconds apart."""
    messages: dict[str, Any] = {}
    parent: str | None = None
    for number, (question, answer) in enumerate(exchanges, 1):
        question_id, answer_id = f"u{number}", f"a{number}"
        if parent is not None:
            messages[parent]["childrenIds"].append(question_id)
        messages[question_id] = {
            "id": question_id,
            "parentId": parent,
            "childrenIds": [answer_id],
            "role": "user",
            "content": question,
            "timestamp": start + 20 * number,
            "models": [model],
        }
        messages[answer_id] = {
            "id": answer_id,
            "parentId": question_id,
            "childrenIds": [],
            "role": "assistant",
            "content": answer,
            "model": model,
            "modelName": model,
            "modelIdx": 0,
            "timestamp": start + 20 * number + 10,
            "done": True,
        }
        parent = answer_id
    return {
        "id": "",
        "title": title,
        "models": [model],
        "params": {},
        "history": {"messages": messages, "currentId": parent},
        "messages": [],
        "tags": [],
        "timestamp": start * 1000,
        **more,
    }


def make_import_item(title: str, *exchanges: tuple[str, str], at: int, **more: Any) -> dict[str, Any]:
    """Return an item of an import, created and updated at this second; `more` holds fields besides the chat."""
    return {"chat": make_chat(title, *exchanges, start=at), "created_at": at, "updated_at": at, **more}
