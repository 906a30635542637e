"""Chats and subagents: keys, variables, defaults."""

from fastback.config import variable_parsing
from fastback.config.key import Key

KEYS = [
    Key("subagents.enable", ("ENABLE_SUBAGENTS",), False),
    Key("subagents.background_enabled", ("SUBAGENTS_BACKGROUND_ENABLED",), False),
    Key("subagents.max_concurrent", ("SUBAGENTS_MAX_CONCURRENT",), 20),
    Key("subagents.max_async", ("SUBAGENTS_MAX_ASYNC",), 20),
    Key("subagents.max_iterations", ("SUBAGENTS_MAX_ITERATIONS",), 30),
    Key("subagents.max_output", ("SUBAGENTS_MAX_OUTPUT",), 30000),
    Key("subagents.system_prompt", ("SUBAGENTS_SYSTEM_PROMPT",), ""),
    Key("chat.context_compaction.model", ("CONTEXT_COMPACTION_MODEL",), ""),
    Key("chat.context_compaction.enable", ("ENABLE_CONTEXT_COMPACTION",), False),
    Key("chat.context_compaction.token_threshold", ("CONTEXT_COMPACTION_TOKEN_THRESHOLD",), 80000),
    Key("chat.context_compaction.token_cap", ("CONTEXT_COMPACTION_TOKEN_CAP",), None, variable_parsing.WHOLE),
    Key(
        "chat.context_compaction.retention_percentage",
        ("CONTEXT_COMPACTION_RETENTION_PERCENTAGE",),
        40,
        variable_parsing.between(10, 50),
    ),
    Key("chat.context_compaction.prompt_template", ("CONTEXT_COMPACTION_PROMPT_TEMPLATE",), ""),
    Key("chat.tool_permissions.enable", ("ENABLE_TOOL_PERMISSIONS",), False),
    Key("chat.tool_search.enable", ("ENABLE_TOOL_SEARCH",), False),
    Key("chat.tool_search.defer_threshold", ("TOOL_SEARCH_DEFER_THRESHOLD",), 400),
    Key("chat.tool_search.always_loaded", ("TOOL_SEARCH_ALWAYS_LOADED",), [], variable_parsing.COMMAS),
    Key("chat.tool_search.defer_builtin_tools", ("TOOL_SEARCH_DEFER_BUILTIN_TOOLS",), True),
]
