"""Install plugins on a server under test, as an administrator does, and chat over the API."""

from __future__ import annotations

import json
from typing import Any

from conftest import Person
from queued_model import MODEL_ID

Json = dict[str, Any]


async def install_function(
    admin: Person,
    function_id: str,
    content: str,
    *,
    valves: Json | None = None,
    is_global: bool = False,
    is_active: bool = True,
) -> Json:
    """Create a function, set its valves, and switch it on; return its record."""
    form = {"id": function_id, "name": function_id.title(), "content": content, "meta": {"description": ""}}
    record: Json = (await admin.post("/api/v1/functions/create", form)).ok()
    url = f"/api/v1/functions/id/{function_id}"
    if valves is not None:
        (await admin.post(f"{url}/valves/update", valves)).ok()
    if is_global:
        (await admin.post(f"{url}/toggle/global")).ok()
    if is_active:
        (await admin.post(f"{url}/toggle")).ok()
    return record


async def install_tool(owner: Person, tool_id: str, content: str, *, valves: Json | None = None) -> Json:
    """Create a tool and set its valves; return its record."""
    form = {"id": tool_id, "name": tool_id.title(), "content": content, "meta": {"description": ""}}
    record: Json = (await owner.post("/api/v1/tools/create", form)).ok()
    if valves is not None:
        (await owner.post(f"/api/v1/tools/id/{tool_id}/valves/update", valves)).ok()
    return record


def build_question(text: str = "Hello", **more: Any) -> Json:
    """Return the body of a question over the API."""
    return {"model": MODEL_ID, "stream": True, "messages": [{"role": "user", "content": text}], **more}


async def stream_events(person: Person, text: str = "Hello", **more: Any) -> list[Json]:
    """Ask over the API, and return the events of the stream without its `[DONE]`."""
    reply = await person.post("/api/chat/completions", build_question(text, **more))
    assert reply.status == 200, reply.text
    lines = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line.strip()]
    assert lines[-1] == "[DONE]", reply.text
    return [json.loads(line) for line in lines[:-1]]


async def ask(person: Person, text: str = "Hello", **more: Any) -> str:
    """Ask over the API, and return the text of the answer."""
    events = await stream_events(person, text, **more)
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices"))
