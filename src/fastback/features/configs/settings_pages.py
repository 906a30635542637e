"""Pages of settings: fields of the page, keys of the configuration."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from fastback.config import Config

Fields = dict[str, str]

CONNECTIONS: Fields = {
    "ENABLE_DIRECT_CONNECTIONS": "direct.enable",
    "ENABLE_DIRECT_INTEGRATIONS": "direct.integrations.enable",
    "ENABLE_BASE_MODELS_CACHE": "models.base_models_cache",
}

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
    "AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE": "task.autocomplete.prompt_template",
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

CHATS: Fields = {
    "CONTEXT_COMPACTION_MODEL": "chat.context_compaction.model",
    "ENABLE_CONTEXT_COMPACTION": "chat.context_compaction.enable",
    "CONTEXT_COMPACTION_TOKEN_THRESHOLD": "chat.context_compaction.token_threshold",
    "CONTEXT_COMPACTION_TOKEN_CAP": "chat.context_compaction.token_cap",
    "CONTEXT_COMPACTION_RETENTION_PERCENTAGE": "chat.context_compaction.retention_percentage",
    "CONTEXT_COMPACTION_PROMPT_TEMPLATE": "chat.context_compaction.prompt_template",
    "ENABLE_TOOL_PERMISSIONS": "chat.tool_permissions.enable",
    "ENABLE_TOOL_SEARCH": "chat.tool_search.enable",
    "TOOL_SEARCH_DEFER_THRESHOLD": "chat.tool_search.defer_threshold",
    "TOOL_SEARCH_ALWAYS_LOADED": "chat.tool_search.always_loaded",
    "TOOL_SEARCH_DEFER_BUILTIN_TOOLS": "chat.tool_search.defer_builtin_tools",
}

ARENA: Fields = {
    "ENABLE_EVALUATION_ARENA_MODELS": "evaluation.arena.enable",
    "EVALUATION_ARENA_MODELS": "evaluation.arena.models",
}


def current(config: Config, fields: Fields) -> dict[str, Any]:
    """A page as it stands."""
    return {field: config.get(key) for field, key in fields.items()}


async def save(config: Config, fields: Fields, data: msgspec.Struct) -> dict[str, Any]:
    """Save a page, all of its fields or none, but those that were not sent where that may be; the page as it stands."""
    values = msgspec.structs.asdict(data)
    await config.set_many({fields[field]: value for field, value in values.items() if value is not UNSET})
    return current(config, fields)
