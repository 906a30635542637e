"""Chats of questions and answers, as the page writes them."""

from __future__ import annotations

from typing import Any

from conftest import Person


def build_chat(turns: int = 3, **more: Any) -> dict[str, Any]:
    """Return a chat document with questions u1, u2, … and their answers a1, a2, …"""
    messages: dict[str, Any] = {}
    parent: str | None = None
    for number in range(1, turns + 1):
        for message_id, role in ((f"u{number}", "user"), (f"a{number}", "assistant")):
            if parent:
                messages[parent]["childrenIds"].append(message_id)
            messages[message_id] = {
                "id": message_id,
                "parentId": parent,
                "childrenIds": [],
                "role": role,
                "content": f"{role} {number}",
                "timestamp": 1_700_000_000 + 10 * len(messages),
                **({"model": "demo-small", "done": True} if role == "assistant" else {}),
            }
            parent = message_id
    history = {"messages": messages, "currentId": parent}
    return {"title": "Talk", "models": ["demo-small"], "history": history, **more}


async def create_chat(person: Person, document: dict[str, Any] | None = None) -> str:
    return str((await person.post("/api/v1/chats/new", {"chat": document or build_chat()})).ok()["id"])
