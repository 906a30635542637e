"""Have the model call built-in tools on a page."""

from __future__ import annotations

import json
from typing import Any

from conftest import Person
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

CHAT = "/api/chat/completions"


async def call_builtin(person: Person, model: QueuedModel, *calls: tuple[str, Any], **more: Any) -> list[Any]:
    """Have the model call tools on the page, and return their results, decoded."""
    model.queue(call_tools(*calls), "Done.")
    async with open_page(person) as page:
        (await person.post(CHAT, page.build_body("Go on", models=[MODEL_ID], **more))).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    results = [item["output"][0]["text"] for item in done["output"] if item["type"] == "function_call_output"]
    assert len(results) == len(calls)
    return [json.loads(result) for result in results]


async def set_model(admin: Person, meta: dict[str, Any] | None = None, **more: Any) -> None:
    """Set the settings of the model, and let everybody use it."""
    everybody = {"principal_type": "user", "principal_id": "*", "permission": "read"}
    entry = {"id": MODEL_ID, "name": "Queued", "params": {}, "meta": meta or {}, "access_grants": [everybody], **more}
    created = await admin.post("/api/v1/models/create", entry)
    if created.status != 200:
        (await admin.post("/api/v1/models/model/update", entry)).ok()


async def list_offered(person: Person, model: QueuedModel, **more: Any) -> list[str]:
    """Ask on a page, and return the names of the tools that the model is offered."""
    async with open_page(person) as page:
        (await person.post(CHAT, page.build_body("Hello", models=[MODEL_ID], **more))).ok()
        await page.wait_until_idle()
    return model.tool_names
