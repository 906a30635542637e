"""The request of each task, and what its answer says."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.tasks import prompts
from fastback.completions.tasks.templates import Message, render
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import tasks as tasks_keys
from fastback.config.keys.chat import CHAT_CONTEXT_COMPACTION_PROMPT_TEMPLATE
from fastback.providers.parameters import for_provider

Payload = dict[str, Any]

#: Task, key of the administrator's template, our template.
TEMPLATES: dict[str, tuple[ConfigKey | None, str]] = {
    "title_generation": (tasks_keys.TASK_TITLE_PROMPT_TEMPLATE, prompts.TITLE),
    "tags_generation": (tasks_keys.TASK_TAGS_PROMPT_TEMPLATE, prompts.TAGS),
    "follow_up_generation": (tasks_keys.TASK_FOLLOW_UP_PROMPT_TEMPLATE, prompts.FOLLOW_UPS),
    "query_generation": (tasks_keys.TASK_QUERY_PROMPT_TEMPLATE, prompts.QUERIES),
    "autocomplete_generation": (tasks_keys.TASK_AUTOCOMPLETE_PROMPT_TEMPLATE, prompts.AUTOCOMPLETE),
    "image_prompt_generation": (tasks_keys.TASK_IMAGE_PROMPT_TEMPLATE, prompts.IMAGE_PROMPT),
    "emoji_generation": (None, prompts.EMOJI),
    "moa_response_generation": (None, prompts.MERGE),
    "context_compaction": (CHAT_CONTEXT_COMPACTION_PROMPT_TEMPLATE, prompts.COMPACTION),
}


#: Tokens a title or a summary, and an emoji, may take where the administrator sets no parameters.
TITLE_TOKENS, EMOJI_TOKENS = 1000, 16


def template_of(task: str, config: Config) -> str:
    """The administrator's template of a task, or ours."""
    key, ours = TEMPLATES[task]
    return (config.get_text(key) if key else "").strip() or ours


def build(
    task: str,
    config: Config,
    messages: list[Message],
    model_id: str,
    *,
    user_name: str = "",
    template: str | None = None,
    prompt: str | None = None,
    params: dict[str, Any] | None = None,
    lists: dict[str, list[Message]] | None = None,
    **more: str,
) -> Payload:
    """The payload that asks a model to do a task; not streamed.

    `template` stands for the administrator's or ours, `prompt` for the last question of `messages`; `params` are those
    of the model whose task it is, `lists` parts of the conversation that the template may name.
    """
    template = template_of(task, config) if template is None else template
    content = render(template, messages, prompt=prompt, user_name=user_name, lists=lists, **more)
    payload: Payload = {"model": model_id, "messages": [{"role": "user", "content": content}], "stream": False}
    return {**_limits(task, config, params or {}), **payload}


def _limits(task: str, config: Config, model_params: dict[str, Any]) -> Payload:
    """The administrator's parameters for tasks; without any titles and summaries are kept short, emojis always."""
    if task == "emoji_generation":
        return {"max_tokens": EMOJI_TOKENS}
    if task == "moa_response_generation":
        return {}
    given = {
        key: value for key, value in config.get_object(tasks_keys.TASK_MODEL_PARAMS).items() if value not in (None, "")
    }
    if not given and task in ("title_generation", "context_compaction"):
        return {"max_tokens": model_params.get("max_tokens") or TITLE_TOKENS}
    return for_provider(given)


def task_model(config: Config, model_id: str, known: dict[str, Any]) -> str:
    """The model that does tasks: the administrator's choice for local or other models, where it exists; or the chat's.

    `known` maps ids to models with `entry`.
    """
    model = known.get(model_id)
    local = model is not None and model.entry.get("connection_type") == "local"
    chosen = config.get_text(tasks_keys.TASK_MODEL_DEFAULT if local else tasks_keys.TASK_MODEL_EXTERNAL)
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


#: Follow-up questions that are shown at most, and the characters of one.
FOLLOW_UPS, FOLLOW_UP_LENGTH = 5, 400


def follow_ups_in(text: str) -> list[str]:
    """Different questions of bearable length; none at all where the list holds anything but texts."""
    found = answered(text).get("follow_ups")
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        return []
    kept = dict.fromkeys(one.strip() for one in found)
    return [one for one in kept if one and len(one) <= FOLLOW_UP_LENGTH][:FOLLOW_UPS]


def queries_in(text: str) -> list[str]:
    """Search queries: those of the last JSON object, or the whole answer where it holds none."""
    start, end = text.rfind("{"), text.rfind("}")
    try:
        found = msgspec.json.decode(text[start : end + 1]) if 0 <= start < end else None
    except msgspec.DecodeError:
        found = None
    if isinstance(found, dict):
        return _texts(found.get("queries"))
    return _texts([text.strip()])
