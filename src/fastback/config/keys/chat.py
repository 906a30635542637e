"""Keys of chats and subagents."""

from fastback.config import variable_parsing
from fastback.config.key import define_key

SUBAGENTS_ENABLE = define_key("subagents.enable", ("ENABLE_SUBAGENTS",), False)
SUBAGENTS_BACKGROUND_ENABLED = define_key("subagents.background_enabled", ("SUBAGENTS_BACKGROUND_ENABLED",), False)
SUBAGENTS_MAX_CONCURRENT = define_key("subagents.max_concurrent", ("SUBAGENTS_MAX_CONCURRENT",), 20)
SUBAGENTS_MAX_ASYNC = define_key("subagents.max_async", ("SUBAGENTS_MAX_ASYNC",), 20)
SUBAGENTS_MAX_ITERATIONS = define_key("subagents.max_iterations", ("SUBAGENTS_MAX_ITERATIONS",), 30)
SUBAGENTS_MAX_OUTPUT = define_key("subagents.max_output", ("SUBAGENTS_MAX_OUTPUT",), 30000)
SUBAGENTS_SYSTEM_PROMPT = define_key("subagents.system_prompt", ("SUBAGENTS_SYSTEM_PROMPT",), "")
CHAT_CONTEXT_COMPACTION_MODEL = define_key("chat.context_compaction.model", ("CONTEXT_COMPACTION_MODEL",), "")
CHAT_CONTEXT_COMPACTION_ENABLE = define_key("chat.context_compaction.enable", ("ENABLE_CONTEXT_COMPACTION",), False)
CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD = define_key(
    "chat.context_compaction.token_threshold", ("CONTEXT_COMPACTION_TOKEN_THRESHOLD",), 80000
)
CHAT_CONTEXT_COMPACTION_TOKEN_CAP = define_key(
    "chat.context_compaction.token_cap", ("CONTEXT_COMPACTION_TOKEN_CAP",), None, variable_parsing.INTEGER
)
CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE = define_key(
    "chat.context_compaction.retention_percentage",
    ("CONTEXT_COMPACTION_RETENTION_PERCENTAGE",),
    40,
    variable_parsing.build_range_parser(10, 50),
)
CHAT_CONTEXT_COMPACTION_PROMPT_TEMPLATE = define_key(
    "chat.context_compaction.prompt_template", ("CONTEXT_COMPACTION_PROMPT_TEMPLATE",), ""
)
CHAT_TOOL_PERMISSIONS_ENABLE = define_key("chat.tool_permissions.enable", ("ENABLE_TOOL_PERMISSIONS",), False)
CHAT_TOOL_SEARCH_ENABLE = define_key("chat.tool_search.enable", ("ENABLE_TOOL_SEARCH",), False)
CHAT_TOOL_SEARCH_DEFER_THRESHOLD = define_key("chat.tool_search.defer_threshold", ("TOOL_SEARCH_DEFER_THRESHOLD",), 400)
CHAT_TOOL_SEARCH_ALWAYS_LOADED = define_key(
    "chat.tool_search.always_loaded", ("TOOL_SEARCH_ALWAYS_LOADED",), [], variable_parsing.COMMA_SEPARATED
)
CHAT_TOOL_SEARCH_DEFER_BUILTIN_TOOLS = define_key(
    "chat.tool_search.defer_builtin_tools", ("TOOL_SEARCH_DEFER_BUILTIN_TOOLS",), True
)
