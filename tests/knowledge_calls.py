"""Turns whose model calls built-in tools around files and knowledge."""

from __future__ import annotations

import json
from typing import Any

from conftest import Person
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

CHAT = "/api/chat/completions"
HELPER = "helper"
TEA = "Green tea: 70 degrees.\nBlack tea: 95 degrees.\nError 42 in the kettle."


def build_environment(model: QueuedModel, upstream: str) -> dict[str, str]:
    """Return environment variables that make the model servers answer and embed."""
    return {
        **model.env,
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
        "RAG_TEMPLATE": "Use {{CONTEXT}} for: ",
        "ENABLE_RETRIEVAL_QUERY_GENERATION": "false",
    }


async def create_helper(ada: Person, *knowledge: dict[str, Any], **meta: Any) -> None:
    """Create a model that all users may use, with knowledge of its own."""
    form = {
        "id": HELPER,
        "name": "Helper",
        "base_model_id": MODEL_ID,
        "params": {},
        "meta": {"knowledge": list(knowledge), **meta},
        "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
    }
    (await ada.post("/api/v1/models/create", form)).ok()


async def share_base(ada: Person) -> None:
    """Let all users use the model of the server."""
    public_grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    form = {"id": MODEL_ID, "name": MODEL_ID, "access_grants": public_grants}
    (await ada.post("/api/v1/models/model/access/update", form)).ok()


class Outcome:
    """What came of a turn with calls: their results as text, and the sources that the page was shown."""

    def __init__(self, texts: list[str], sources: list[Any]) -> None:
        self.texts = texts
        self.sources = sources

    @property
    def values(self) -> list[Any]:
        return [json.loads(text) for text in self.texts]


async def call(person: Person, model: QueuedModel, *calls: tuple[str, Any], **more: Any) -> Outcome:
    """Have the model call tools on the page."""
    model.queue(call_tools(*calls), "Done.")
    async with open_page(person) as page:
        (await person.post(CHAT, page.build_body("Go on", **{"models": [MODEL_ID], **more}))).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
        sources = page.list_data("source")
    texts = [item["output"][0]["text"] for item in done["output"] if item["type"] == "function_call_output"]
    assert len(texts) == len(calls)
    return Outcome(texts, sources)


def list_tools(model: QueuedModel) -> list[str]:
    """Return the tools of the latest request that are about knowledge and files."""
    words = ("knowledge", "file", "kb_exec")
    return [name for name in model.tool_names if any(word in name for word in words)]


def get_system_prompt(model: QueuedModel) -> str:
    first = model.requests[-1]["messages"][0]
    return str(first["content"]) if first["role"] == "system" else ""
