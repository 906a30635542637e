"""The payload of each generation, and what the model's text says."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.tasks import prompts
from fastback.completions.tasks.templates import Message, render_prompt
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import tasks as tasks_keys
from fastback.config.keys.chat import CHAT_CONTEXT_COMPACTION_PROMPT_TEMPLATE
from fastback.config.keys.tasks import TASK_MODEL_PARAMS
from fastback.kit.json_decoding import decode_json
from fastback.providers.parameters import build_provider_parameters

Payload = dict[str, Any]

#: By task: the config key of the administrator's template, and the default template.
TEMPLATES: dict[str, tuple[ConfigKey | None, str]] = {
    "title_generation": (tasks_keys.TASK_TITLE_PROMPT_TEMPLATE, prompts.TITLE),
    "tags_generation": (tasks_keys.TASK_TAGS_PROMPT_TEMPLATE, prompts.TAGS),
    "follow_up_generation": (tasks_keys.TASK_FOLLOW_UP_PROMPT_TEMPLATE, prompts.FOLLOW_UPS),
    "query_generation": (tasks_keys.TASK_QUERY_PROMPT_TEMPLATE, prompts.QUERIES),
    "autocomplete_generation": (tasks_keys.TASK_AUTOCOMPLETE_PROMPT_TEMPLATE, prompts.AUTOCOMPLETE),
    "image_prompt_generation": (tasks_keys.TASK_IMAGE_PROMPT_TEMPLATE, prompts.IMAGE_PROMPT),
    "emoji_generation": (None, prompts.EMOJI),
    "moa_response_generation": (None, prompts.MERGE),
    "function_calling": (tasks_keys.TASK_TOOLS_PROMPT_TEMPLATE, prompts.TOOL_CALLS),
    "context_compaction": (CHAT_CONTEXT_COMPACTION_PROMPT_TEMPLATE, prompts.COMPACTION),
}


#: Tokens for a title or a summary where the administrator sets no parameters, and for an emoji.
TITLE_TOKENS, EMOJI_TOKENS = 1000, 16


def find_template(task: str, config: Config) -> str:
    """Return the administrator's template for a task, or the default."""
    key, default = TEMPLATES[task]
    return (config.get_text(key) if key is not None else "").strip() or default


def build_payload(
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
    **variables: str,
) -> Payload:
    """Build the payload that asks a model for a task, without streaming.

    Args:
        template: replaces the template of the settings.
        prompt: replaces the last question of `messages`.
        params: the parameters of the model that is asked.
        lists: parts of the conversation that the template may name.
        variables: further variables of the template.
    """
    template = find_template(task, config) if template is None else template
    content = render_prompt(template, messages, prompt=prompt, user_name=user_name, lists=lists, **variables)
    payload: Payload = {"model": model_id, "messages": [{"role": "user", "content": content}], "stream": False}
    return {**_build_parameters(task, config, params or {}), **payload}


def _build_parameters(task: str, config: Config, model_params: dict[str, Any]) -> Payload:
    """Return the administrator's parameters for tasks.

    Without any, titles and summaries are limited in tokens. An emoji always is; merged answers have no parameters.
    """
    if task == "emoji_generation":
        return {"max_tokens": EMOJI_TOKENS}
    if task == "moa_response_generation":
        return {}
    params = {key: value for key, value in config.get_object(TASK_MODEL_PARAMS).items() if value not in (None, "")}
    if not params and task in ("title_generation", "context_compaction"):
        return {"max_tokens": model_params.get("max_tokens") or TITLE_TOKENS}
    return build_provider_parameters(params)


def choose_task_model_id(config: Config, model_id: str, models: dict[str, Any]) -> str:
    """Return the id of the model for tasks: the administrator's choice for local or other models, or the chat's model.

    `models` maps ids to models with an `entry`. A choice that does not exist does not count.
    """
    model = models.get(model_id)
    is_local = model is not None and model.entry.get("connection_type") == "local"
    task_model_id = config.get_text(tasks_keys.TASK_MODEL_DEFAULT if is_local else tasks_keys.TASK_MODEL_EXTERNAL)
    return task_model_id if task_model_id and task_model_id in models else model_id


def parse_json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a model's text, from the first brace to the last; empty if the text has no object."""
    start, end = text.find("{"), text.rfind("}")
    if start == -1 or end < start:
        return {}
    try:
        value = decode_json(text[start : end + 1])
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def parse_title(text: str) -> str | None:
    """Return the title in a model's text."""
    title = parse_json_object(text).get("title")
    return title.strip() or None if isinstance(title, str) else None


def _list_texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str) and text.strip()] if isinstance(value, list) else []


def parse_tags(text: str) -> list[str]:
    """Return the tags in a model's text."""
    return _list_texts(parse_json_object(text).get("tags"))


#: Follow-up questions that are shown at most, and the characters of one.
MAX_FOLLOW_UPS, MAX_FOLLOW_UP_LENGTH = 5, 400


def parse_follow_ups(text: str) -> list[str]:
    """Return the follow-up questions in a model's text, each once, without too long ones.

    None at all where the list holds anything but texts.
    """
    follow_ups = parse_json_object(text).get("follow_ups")
    if not isinstance(follow_ups, list) or not all(isinstance(question, str) for question in follow_ups):
        return []
    distinct = dict.fromkeys(question.strip() for question in follow_ups)
    return [question for question in distinct if question and len(question) <= MAX_FOLLOW_UP_LENGTH][:MAX_FOLLOW_UPS]


def parse_image_prompt(text: str) -> str | None:
    """Return the prompt for an image model in a model's text, which ends with a JSON object."""
    start, end = text.rfind("{"), text.rfind("}")
    prompt = parse_json_object(text[start : end + 1]).get("prompt") if 0 <= start < end else None
    return prompt.strip() or None if isinstance(prompt, str) else None


def parse_queries(text: str) -> list[str]:
    """Return the search queries of the last JSON object in a model's text, or the whole text where it holds none."""
    start, end = text.rfind("{"), text.rfind("}")
    try:
        value = decode_json(text[start : end + 1]) if 0 <= start < end else None
    except msgspec.DecodeError:
        value = None
    if isinstance(value, dict):
        return _list_texts(value.get("queries"))
    return _list_texts([text.strip()])
