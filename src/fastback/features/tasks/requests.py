"""The request of each task, and what its answer says."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config import Config
from fastback.features.tasks import prompts
from fastback.features.tasks.templates import Message, render

Payload = dict[str, Any]

#: Task, key of the administrator's template, our template.
TEMPLATES: dict[str, tuple[str, str]] = {
    "title_generation": ("task.title.prompt_template", prompts.TITLE),
    "tags_generation": ("task.tags.prompt_template", prompts.TAGS),
    "follow_up_generation": ("task.follow_up.prompt_template", prompts.FOLLOW_UPS),
    "query_generation": ("task.query.prompt_template", prompts.QUERIES),
    "autocomplete_generation": ("task.autocomplete.prompt_template", prompts.AUTOCOMPLETE),
    "image_prompt_generation": ("task.image.prompt_template", prompts.IMAGE_PROMPT),
    "emoji_generation": ("", prompts.EMOJI),
    "moa_response_generation": ("", prompts.MERGE),
}


def build(
    task: str, config: Config, messages: list[Message], model_id: str, *, user_name: str = "", **more: str
) -> Payload:
    """The payload that asks a model to do a task; not streamed."""
    key, ours = TEMPLATES[task]
    template = (config.text(key) if key else "").strip() or ours
    content = render(template, messages, user_name=user_name, **more)
    payload: Payload = {"model": model_id, "messages": [{"role": "user", "content": content}], "stream": False}
    return {**config.table("task.model.params"), **payload}


def task_model(config: Config, model_id: str, known: dict[str, Any]) -> str:
    """The model that does tasks: the administrator's choice for local or other models, where it exists; or the chat's.

    `known` maps ids to models with `entry` and `owned_by`.
    """
    model = known.get(model_id)
    local = model is not None and (model.owned_by == "ollama" or model.entry.get("connection_type") == "local")
    chosen = config.text("task.model.default" if local else "task.model.external")
    return chosen if chosen and chosen in known else model_id


def answered(text: str) -> dict[str, Any]:
    """The JSON object in a model's answer, whatever stands around it; empty when there is none."""
    start, end = text.find("{"), text.rfind("}")
    if start == -1 or end < start:
        return {}
    try:
        found = msgspec.json.decode(text[start : end + 1])
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def title_in(text: str) -> str | None:
    found = answered(text).get("title")
    return found.strip() or None if isinstance(found, str) else None


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str) and one.strip()] if isinstance(value, list) else []


def tags_in(text: str) -> list[str]:
    return _texts(answered(text).get("tags"))


def follow_ups_in(text: str) -> list[str]:
    return _texts(answered(text).get("follow_ups"))
