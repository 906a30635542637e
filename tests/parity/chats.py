"""Chats as the page writes them, with ids and times that stay the same."""

from __future__ import annotations

from typing import Any

MODEL = "demo-small"
START = 1_700_000_000


def talk(title: str, *turns: tuple[str, str], model: str = MODEL, start: int = START, **more: Any) -> dict[str, Any]:
    """A chat of questions and answers, named u1, a1, u2, a2, …, ten seconds apart."""
    messages: dict[str, Any] = {}
    parent: str | None = None
    for number, (question, answer) in enumerate(turns, 1):
        asked, answered = f"u{number}", f"a{number}"
        if parent is not None:
            messages[parent]["childrenIds"].append(asked)
        messages[asked] = {
            "id": asked,
            "parentId": parent,
            "childrenIds": [answered],
            "role": "user",
            "content": question,
            "timestamp": start + 20 * number,
            "models": [model],
        }
        messages[answered] = {
            "id": answered,
            "parentId": asked,
            "childrenIds": [],
            "role": "assistant",
            "content": answer,
            "model": model,
            "modelName": model,
            "modelIdx": 0,
            "timestamp": start + 20 * number + 10,
            "done": True,
        }
        parent = answered
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


def brought(title: str, *turns: tuple[str, str], at: int, **more: Any) -> dict[str, Any]:
    """An item of an import, made and changed at this second; `more` are fields besides the chat."""
    return {"chat": talk(title, *turns, start=at), "created_at": at, "updated_at": at, **more}
