"""Prompts of generations: templates with variables."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from fastback.plugin_host.open_webui.utils.messages import get_messages_content

_PROMPT = re.compile(r"\{\{prompt(?::(start|end|middletruncate):(\d+))?\}\}", re.IGNORECASE)
_MESSAGES = re.compile(r"\{\{messages(?::(start|end|middletruncate):(\d+))?\}\}", re.IGNORECASE)


def get_task_model_id(default_model_id: str, task_model: str, task_model_external: str, models: Any) -> str:
    """Return the model for generations: that for local models or the one for others, where it exists."""
    entry = models.get(default_model_id) or {}
    model_id = task_model if entry.get("connection_type") == "local" else task_model_external
    return model_id if model_id and model_id in models else default_model_id


def prompt_variables_template(template: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        template = template.replace(name, value)
    return template


async def prompt_template(template: str, user: Any = None) -> str:
    """Return a template with the date, the time and the user's fields filled in."""
    now = datetime.now()
    date, time = now.strftime("%Y-%m-%d"), now.strftime("%I:%M:%S %p")
    values = {
        "CURRENT_DATE": date,
        "CURRENT_TIME": time,
        "CURRENT_DATETIME": f"{date} {time}",
        "CURRENT_WEEKDAY": now.strftime("%A"),
        **_describe_user(user),
    }
    for name, value in values.items():
        template = template.replace(f"{{{{{name}}}}}", value)
    return template


def _describe_user(user: Any) -> dict[str, str]:
    fields = user.model_dump() if hasattr(user, "model_dump") else user
    names = {"NAME": "name", "EMAIL": "email", "BIO": "bio", "GENDER": "gender", "BIRTH_DATE": "date_of_birth"}
    if not isinstance(fields, dict) or not fields:
        return {f"USER_{name}": "Unknown" for name in (*names, "AGE", "LOCATION")}
    values = {f"USER_{name}": str(fields.get(field)) for name, field in names.items()}
    location = (fields.get("info") or {}).get("location")
    return {**values, "USER_LOCATION": str(location), "USER_AGE": str(_compute_age(fields.get("date_of_birth")))}


def _compute_age(birth_date: Any) -> int | None:
    if isinstance(birth_date, str):
        birth_date = datetime.strptime(birth_date, "%Y-%m-%d")
    if not birth_date:
        return None
    today = datetime.now()
    years: int = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    return years


def _cut_text(text: str, mode: str | None, length: str | None) -> str:
    """Return a text, or its first, last, or outer characters."""
    if mode is None or length is None:
        return text
    limit = int(length)
    if mode.lower() == "start":
        return text[:limit]
    if mode.lower() == "end":
        return text[-limit:]
    if len(text) <= limit:
        return text
    return f"{text[: (limit + 1) // 2]}...{text[len(text) - limit // 2 :]}"


def replace_prompt_variable(template: str, prompt: str) -> str:
    """Fill in `{{prompt}}`, or a part of it: `{{prompt:start:100}}`, `end`, `middletruncate`."""
    return _PROMPT.sub(lambda match: _cut_text(prompt, match[1], match[2]), template)


def replace_messages_variable(template: str, messages: list[dict[str, Any]] | None = None) -> str:
    """Fill in `{{MESSAGES}}`, or some of them: `{{MESSAGES:END:2}}`."""

    def select(match: re.Match[str]) -> str:
        selected = messages or []
        if match[1] is not None:
            count = int(match[2])
            if match[1].lower() == "start":
                selected = selected[:count]
            elif match[1].lower() == "end":
                selected = selected[-count:]
            elif len(selected) > count:
                selected = [*selected[: (count + 1) // 2], *selected[len(selected) - count // 2 :]]
        return get_messages_content(selected)

    return _MESSAGES.sub(select, template)


async def rag_template(template: str, context: str, query: str) -> str:
    """Fill the found passages and the question into the template of retrieval."""
    template = await prompt_template(template)
    for name, value in (("context", context), ("query", query)):
        template = template.replace(f"{{{{{name.upper()}}}}}", value).replace(f"[{name}]", value)
    return template


async def _fill_generation(template: str, messages: list[dict[str, Any]], user: Any = None) -> str:
    from fastback.plugin_host.open_webui.utils.messages import get_last_user_message

    template = replace_prompt_variable(template, get_last_user_message(messages) or "")
    return await prompt_template(replace_messages_variable(template, messages), user)


title_generation_template = tags_generation_template = query_generation_template = _fill_generation
follow_up_generation_template = image_prompt_generation_template = _fill_generation


async def emoji_generation_template(template: str, prompt: str, user: Any = None) -> str:
    return await prompt_template(replace_prompt_variable(template, prompt), user)


def tools_function_calling_generation_template(template: str, tools_specs: str) -> str:
    return template.replace("{{TOOLS}}", tools_specs)
