"""Pages of settings: fields of the page, keys of the configuration."""

from __future__ import annotations

from typing import Any

from fastback.config import Config
from fastback.kit.http.errors import Invalid

Fields = dict[str, str]

CONNECTIONS: Fields = {
    "ENABLE_DIRECT_CONNECTIONS": "direct.enable",
    "ENABLE_DIRECT_INTEGRATIONS": "direct.integrations.enable",
    "ENABLE_BASE_MODELS_CACHE": "models.base_models_cache",
}

TOOL_SERVERS: Fields = {"TOOL_SERVER_CONNECTIONS": "tool_server.connections"}

TERMINAL_SERVERS: Fields = {"TERMINAL_SERVER_CONNECTIONS": "terminal_server.connections"}

CODE: Fields = {
    "ENABLE_CODE_EXECUTION": "code_execution.enable",
    "CODE_EXECUTION_ENGINE": "code_execution.engine",
    "CODE_EXECUTION_JUPYTER_URL": "code_execution.jupyter.url",
    "CODE_EXECUTION_JUPYTER_AUTH": "code_execution.jupyter.auth",
    "CODE_EXECUTION_JUPYTER_AUTH_TOKEN": "code_execution.jupyter.auth_token",
    "CODE_EXECUTION_JUPYTER_AUTH_PASSWORD": "code_execution.jupyter.auth_password",
    "CODE_EXECUTION_JUPYTER_TIMEOUT": "code_execution.jupyter.timeout",
    "ENABLE_CODE_INTERPRETER": "code_interpreter.enable",
    "CODE_INTERPRETER_ENGINE": "code_interpreter.engine",
    "CODE_INTERPRETER_PROMPT_TEMPLATE": "code_interpreter.prompt_template",
    "CODE_INTERPRETER_JUPYTER_URL": "code_interpreter.jupyter.url",
    "CODE_INTERPRETER_JUPYTER_AUTH": "code_interpreter.jupyter.auth",
    "CODE_INTERPRETER_JUPYTER_AUTH_TOKEN": "code_interpreter.jupyter.auth_token",
    "CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD": "code_interpreter.jupyter.auth_password",
    "CODE_INTERPRETER_JUPYTER_TIMEOUT": "code_interpreter.jupyter.timeout",
}

MODELS: Fields = {
    "DEFAULT_MODELS": "ui.default_models",
    "DEFAULT_PINNED_MODELS": "ui.default_pinned_models",
    "MODEL_ORDER_LIST": "ui.model_order_list",
    "DEFAULT_MODEL_METADATA": "models.default_metadata",
    "DEFAULT_MODEL_PARAMS": "models.default_params",
}

SUBAGENTS: Fields = {
    "ENABLE_SUBAGENTS": "subagents.enable",
    "SUBAGENTS_BACKGROUND_ENABLED": "subagents.background_enabled",
    "SUBAGENTS_MAX_CONCURRENT": "subagents.max_concurrent",
    "SUBAGENTS_MAX_ASYNC": "subagents.max_async",
    "SUBAGENTS_MAX_ITERATIONS": "subagents.max_iterations",
    "SUBAGENTS_MAX_OUTPUT": "subagents.max_output",
    "SUBAGENTS_SYSTEM_PROMPT": "subagents.system_prompt",
}

TASKS: Fields = {
    "TASK_MODEL": "task.model.default",
    "TASK_MODEL_EXTERNAL": "task.model.external",
    "TASK_MODEL_PARAMS": "task.model.params",
    "TITLE_GENERATION_PROMPT_TEMPLATE": "task.title.prompt_template",
    "IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE": "task.image.prompt_template",
    "ENABLE_AUTOCOMPLETE_GENERATION": "task.autocomplete.enable",
    "AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH": "task.autocomplete.input_max_length",
    "TAGS_GENERATION_PROMPT_TEMPLATE": "task.tags.prompt_template",
    "FOLLOW_UP_GENERATION_PROMPT_TEMPLATE": "task.follow_up.prompt_template",
    "ENABLE_FOLLOW_UP_GENERATION": "task.follow_up.enable",
    "ENABLE_TAGS_GENERATION": "task.tags.enable",
    "ENABLE_TITLE_GENERATION": "task.title.enable",
    "ENABLE_SEARCH_QUERY_GENERATION": "task.query.search.enable",
    "ENABLE_RETRIEVAL_QUERY_GENERATION": "task.query.retrieval.enable",
    "QUERY_GENERATION_PROMPT_TEMPLATE": "task.query.prompt_template",
    "TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE": "task.tools.prompt_template",
    "ENABLE_VOICE_MODE_PROMPT": "task.voice.prompt.enable",
    "VOICE_MODE_PROMPT_TEMPLATE": "task.voice.prompt_template",
}


def current(config: Config, fields: Fields) -> dict[str, Any]:
    """A page as it stands."""
    return {field: config.get(key) for field, key in fields.items()}


async def save(config: Config, fields: Fields, data: dict[str, Any]) -> dict[str, Any]:
    """Save the fields that were sent; the page as it then stands.

    Raises:
        Invalid: a field whose type does not fit what the key holds.
    """
    problems = []
    for field, value in data.items():
        key = fields.get(field)
        if key is None or value is None:
            continue
        default = config.default(key)
        if isinstance(default, bool) and not isinstance(value, bool):
            problems.append(_problem(field, "boolean", "bool_parsing", value))
        elif isinstance(default, list) and not isinstance(value, list):
            problems.append(_problem(field, "list", "list_type", value))
        elif isinstance(default, dict) and not isinstance(value, dict):
            problems.append(_problem(field, "dictionary", "dict_type", value))
    if problems:
        raise Invalid(problems)
    await config.set_many({fields[field]: value for field, value in data.items() if field in fields})
    return current(config, fields)


def _problem(field: str, word: str, kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "loc": ["body", field], "msg": f"Input should be a valid {word}", "input": value}
